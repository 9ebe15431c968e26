package report

import "time"

// Stage is the part of an operation that is running.
type Stage string

// The stages, in the order a backup or a restore goes through them.
const (
	StageChecking   Stage = "checking"    // preflight: rights, versions, providers, key
	StageSnapshot   Stage = "snapshot"    // taking the locks and exporting the snapshot
	StageReading    Stage = "reading"     // rows are flowing from the platform to the providers
	StageCatchingUp Stage = "catching_up" // copying to providers that lagged behind, from one that did not
	StagePublishing Stage = "publishing"  // writing the manifest, which commits the recovery point
	StageSchema     Stage = "schema"      // restore: creating tables
	StageLoading    Stage = "loading"     // restore: rows are flowing to the target
	StageIndexing   Stage = "indexing"    // restore: indexes, constraints, triggers, policies
	// counts and hashes are being compared; into the live platform: its rows with the point's
	StageComparing Stage = "comparing"
	StageWriting   Stage = "writing"   // into the live platform: rows are being changed
	StageSafety    Stage = "safety"    // into the live platform: what an undo needs goes to the providers
	StageRepairing Stage = "repairing" // repair: what a provider lacks is being copied there
	StageRemoving  Stage = "removing"  // retention: what nothing needs is being deleted, and what goes next is marked
	StageDone      Stage = "done"
)

// ItemState is where one table or provider stands.
type ItemState string

// The states of a table or provider inside an operation.
const (
	ItemWaiting ItemState = "waiting"
	ItemRunning ItemState = "running"
	ItemDone    ItemState = "done"
	ItemFailed  ItemState = "failed"
	ItemLagging ItemState = "lagging" // provider: too slow to keep up; catches up after reading
)

// Progress is the whole state of a running operation. A reader who sees only the newest one misses nothing.
type Progress struct {
	Stage      Stage     `json:"stage"`
	StartedAt  time.Time `json:"started_at"`
	UpdatedAt  time.Time `json:"updated_at"`
	Point      string    `json:"point,omitempty"`
	RowsDone   int64     `json:"rows_done"`
	RowsTotal  int64     `json:"rows_total"`  // an estimate of the planner until a table is done
	BytesDone  int64     `json:"bytes_done"`  // bytes of table data read (backup) or written (restore)
	BytesTotal int64     `json:"bytes_total"` // an estimate from table sizes
	// backup: sealed bytes that the repository did not hold, counted once
	BytesNew      int64              `json:"bytes_new"`
	BytesUploaded int64              `json:"bytes_uploaded"` // backup: sealed bytes that all providers together received
	ChunksDone    int64              `json:"chunks_done"`
	ChunksNew     int64              `json:"chunks_new"`
	ChunksTotal   int64              `json:"chunks_total"`
	Tables        []TableProgress    `json:"tables"`
	Providers     []ProviderProgress `json:"providers"`
}

// Fraction returns the share that is done, from 0 to 1. It is a share of bytes, or of rows where the bytes are not
// known.
func (p Progress) Fraction() float64 {
	switch {
	case p.Stage == StageDone:
		return 1
	case p.BytesTotal <= 0 && p.RowsTotal > 0: // a restore into the live platform counts rows alone
		return min(1, float64(p.RowsDone)/float64(p.RowsTotal))
	case p.BytesTotal <= 0:
		return 0
	case p.Stage == StageCatchingUp || p.Stage == StagePublishing: // all is read, and not all is where it shall be
		return min(0.99, float64(p.BytesDone)/float64(p.BytesTotal))
	default:
		return min(1, float64(p.BytesDone)/float64(p.BytesTotal))
	}
}

// TableProgress is the state of one table.
type TableProgress struct {
	Schema     string    `json:"schema"`
	Name       string    `json:"name"`
	Tier       string    `json:"tier"`
	State      ItemState `json:"state"`
	RowsDone   int64     `json:"rows_done"`
	RowsTotal  int64     `json:"rows_total"`
	BytesDone  int64     `json:"bytes_done"`
	BytesTotal int64     `json:"bytes_total"`
}

// ProviderProgress is the state of one provider.
type ProviderProgress struct {
	Name      string    `json:"name"`
	State     ItemState `json:"state"`
	Confirmed int64     `json:"confirmed"` // chunks confirmed there
	Lag       int64     `json:"lag"`       // chunks sealed but not yet confirmed there
	Bytes     int64     `json:"bytes"`     // uploaded by this operation
	// Silent is for how many seconds the provider has not answered a call. It is 0 for the first few.
	Silent int64  `json:"silent_seconds,omitempty"`
	Error  string `json:"error,omitempty"` // the latest, in words
}

// LogLine is one line of an operation's log, for people.
type LogLine struct {
	Time    time.Time `json:"time"`
	Level   string    `json:"level"` // "info", "warn", "error"
	Message string    `json:"message"`
	// Reported says that the operation's result names the same. A program that prints the result need not print this
	// line.
	Reported bool `json:"-"`
}

// Reporter receives what a running operation tells. The operation's goroutines call both methods, one call at a time.
// They call Progress at most four times a second, and once at the end. Both must return quickly and must not fail.
type Reporter interface {
	Progress(Progress)
	Log(LogLine)
}

// Discard is a Reporter that ignores everything.
var Discard Reporter = discard{}

type discard struct{}

func (discard) Progress(Progress) {}
func (discard) Log(LogLine)       {}
