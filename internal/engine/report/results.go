package report

import (
	"context"
	"strings"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// BackupInput says what to back up.
type BackupInput struct {
	Type keepsake.BackupType // "": incremental, or full where there is nothing to build on
	Note string
	// Labels travel with the recovery point: app version, deploy tag.
	Labels map[string]string
	// Weddings says for which weddings it is made; they travel with it too.
	Weddings []keepsake.WeddingMark
	// Yield, when set, returns when nothing more urgent has to be done. Every reader calls it before every range.
	Yield func(context.Context) error
}

// BackupResult is the report of a finished backup. Its JSON form is the contract of `keepsake backup --json`.
type BackupResult struct {
	Point     string    `json:"point"`
	Type      string    `json:"type"`
	Time      time.Time `json:"time"` // of the snapshot
	Tables    int       `json:"tables"`
	Rows      int64     `json:"rows"`
	BytesRead int64     `json:"bytes_read"` // from the platform, before compression
	// sealed bytes that the repository did not hold, counted once
	BytesNew      int64 `json:"bytes_new"`
	BytesUploaded int64 `json:"bytes_uploaded"` // sealed bytes that all providers together received
	// those by provider: one that lacked older objects receives them too
	Uploaded    map[string]int64      `json:"uploaded"`
	BytesStored int64                 `json:"bytes_stored"` // sealed bytes of all chunks of the point, at one provider
	ChunksNew   int64                 `json:"chunks_new"`
	ChunksTotal int64                 `json:"chunks_total"`
	Seconds     float64               `json:"seconds"`
	PeakMemory  int64                 `json:"peak_memory_bytes"` // of the process, as the kernel counted it
	Copies      []keepsake.Copy       `json:"copies"`
	Protected   bool                  `json:"protected"`
	Lacks       string                `json:"lacks,omitempty"` // what the 3-2-1 rule misses, in words
	NotCarried  []keepsake.NotCarried `json:"not_carried"`
	// Unmapped names keys of data_map whose tables or columns the platform does not have, in words. The point holds every
	// row all the same.
	Unmapped []string `json:"unmapped,omitempty"`
	// WithoutWeddings says that, because of these keys, no single wedding or organization can be brought back from the
	// point.
	WithoutWeddings bool `json:"without_weddings,omitempty"`
	// Doubts says why the point may show damage. With any, it is suspect: latest passes it by.
	Doubts []keepsake.Doubt `json:"doubts,omitempty"`
	// Covers says what the point covers. What a program prints of a result does not hold it.
	Covers *keepsake.Coverage `json:"-"`
}

// Point is one recovery point as a list shows it.
type Point struct {
	ID          string                 `json:"id"`
	Time        time.Time              `json:"time"` // of the snapshot
	Type        string                 `json:"type"`
	Note        string                 `json:"note,omitempty"`
	Labels      map[string]string      `json:"labels,omitempty"`
	Weddings    []keepsake.WeddingMark `json:"weddings,omitempty"`
	Locked      bool                   `json:"locked,omitempty"` // retention never removes it
	Doubts      []keepsake.Doubt       `json:"doubts,omitempty"` // why it may show damage
	Trust       keepsake.Trust         `json:"trust,omitempty"`  // what somebody said of it
	Database    string                 `json:"database"`
	Server      string                 `json:"server"` // version of the platform's server, "15.4"
	Tables      int                    `json:"tables"`
	Rows        int64                  `json:"rows"`
	BytesRead   int64                  `json:"bytes_read"`
	BytesStored int64                  `json:"bytes_stored"`
	BytesNew    int64                  `json:"bytes_new"` // sealed bytes that this point added
	Chunks      int64                  `json:"chunks"`
	ChunksNew   int64                  `json:"chunks_new"`
	Seconds     float64                `json:"seconds"`
	Copies      []keepsake.Copy        `json:"copies"`
	Protected   bool                   `json:"protected"`
	Lacks       string                 `json:"lacks,omitempty"`
	// NotesUnread says in words why not all notes on the point could be read. Somebody may doubt it in one of those.
	NotesUnread []string `json:"notes_unread,omitempty"`
	// Unknown names the providers that could not be asked whether they hold the point. They may hold it.
	Unknown []string `json:"unknown,omitempty"`
	// Covers says what the point covers, or is nil where its manifest does not tell. A list does not show it.
	Covers *keepsake.Coverage `json:"-"`
}

// Suspect reports whether the point is passed by where somebody asks for the latest one.
func (p Point) Suspect() bool { return p.Trust.Suspect(p.Doubts) }

// DoubtWords says why the point is suspect; "" where it is not.
func (p Point) DoubtWords() string {
	switch {
	case !p.Suspect():
		return ""
	case p.Trust == keepsake.TrustDoubted:
		return "Somebody said that it cannot be trusted."
	}
	return keepsake.DoubtWords(p.Doubts)
}

// PointDetail is one recovery point opened.
type PointDetail struct {
	Point
	LSN        string                `json:"lsn"`
	SchemaSize int64                 `json:"schema_bytes"`
	TableList  []PointTable          `json:"table_list"`
	NotCarried []keepsake.NotCarried `json:"not_carried"`
}

// PointTable is one table of a recovery point.
type PointTable struct {
	Schema      string `json:"schema"`
	Name        string `json:"name"`
	Tier        string `json:"tier"`
	Kind        string `json:"kind"`   // "table", "partition", "large objects"
	Format      string `json:"format"` // COPY format: "binary" or "text"
	Columns     int    `json:"columns"`
	Rows        int64  `json:"rows"`
	Bytes       int64  `json:"bytes"`        // before compression
	BytesStored int64  `json:"bytes_stored"` // sealed
	Chunks      int    `json:"chunks"`
	ChunksNew   int    `json:"chunks_new"` // not in any earlier point
	Hash        string `json:"hash"`       // of all rows, in any order; hexadecimal
}

// VerifyInput says what to verify.
type VerifyInput struct {
	Point    string // id or "latest"; empty: every point
	Deep     bool   // read, decrypt and check every object of every kind, not only its presence and size
	Provider string // empty: every provider
}

// VerifyResult is the report of a verification. Its JSON form is the contract of `keepsake verify --json`.
type VerifyResult struct {
	OK       bool                       `json:"ok"`
	Points   int                        `json:"points"`
	Objects  int64                      `json:"objects"` // object copies checked
	Bytes    int64                      `json:"bytes"`   // bytes read to check them
	Seconds  float64                    `json:"seconds"`
	Findings []VerifyFinding            `json:"findings"`
	Repair   string                     `json:"repair,omitempty"` // the command that heals what was found, where one can
	Copies   map[string][]keepsake.Copy `json:"copies,omitempty"` // by point
	Proofs   map[string]PointProof      `json:"proofs,omitempty"` // by point
}

// PointProof is what a verification found of one recovery point: how complete its data are, and how many copies are
// sound.
type PointProof struct {
	RowsExpected int64        `json:"rows_expected"`    // that the snapshot read
	RowsFound    int64        `json:"rows_found"`       // by the index, of ranges whose chunks have a sound copy somewhere
	Tables       []TableProof `json:"tables,omitempty"` // those with fewer rows than expected
	// by provider that could be asked: the share of the objects asked for that are there and sound, 0 to 1
	Integrity map[string]float64 `json:"integrity"`
	// providers that could not be asked for all of it; what they were asked for is sound
	Away []string `json:"away,omitempty"`
}

// TableProof is a table that lacks rows.
type TableProof struct {
	Table        string `json:"table"`
	RowsExpected int64  `json:"rows_expected"`
	RowsFound    int64  `json:"rows_found"`
}

// Score returns the share of sound copies over all providers that could be asked, from 0 to 1.
func (p PointProof) Score() float64 {
	if len(p.Integrity) == 0 {
		return 0
	}
	sum := 0.0
	for _, share := range p.Integrity {
		sum += share
	}
	return sum / float64(len(p.Integrity))
}

// Damaged reports whether any finding is damage rather than a provider that does not answer or gives an object.
func (r VerifyResult) Damaged() bool {
	for _, f := range r.Findings {
		if f.Damage {
			return true
		}
	}
	return false
}

// VerifyFinding is one thing that is wrong with one copy of one object.
type VerifyFinding struct {
	Provider string `json:"provider"`
	Object   string `json:"object"`
	Problem  string `json:"problem"` // what is wrong and what to do, in words
	Damage   bool   `json:"damage"`  // the copy is missing, or not sound
	Away     bool   `json:"away"`    // the provider could not be asked, which proves nothing of what it holds
}

// RestoreInput says what to restore, and where.
type RestoreInput struct {
	Point    string          // id or "latest"
	Target   keepsake.Secret // connection URL of a new, empty database
	Create   bool            // create the target database first
	Provider string          // read from this provider only; empty: from each in turn, best first
	// Scope is what comes back; of a wedding or an organization its rows and the shared rows that they point at.
	Scope keepsake.Scope
	// Again says that an earlier attempt was lost, whose sessions may still be there: their end is waited for, however
	// long it takes.
	Again bool
	// Keep, when set, keeps the report and how the restore ends before that becomes final: see RestoreEnd. When it returns
	// an error, the new database stays unfinished.
	Keep func(context.Context, RestoreResult, RestoreEnd) error
}

// RestoreEnd names the transaction that finishes a restore, which takes away the mark of an unfinished one. Whoever has
// it finds out from the target's server whether the restore was finished, although its process never said so.
type RestoreEnd struct {
	System      string `json:"system,omitempty"` // identifier of the server; empty where the role may not ask for it
	Started     string `json:"started"`          // when the server started
	Database    string `json:"database"`         // oid
	Transaction string `json:"transaction"`      // id, 64 bit
}

// Outcomes of a restore that came to its end.
const (
	OutcomeRestored   = "restored"
	OutcomeExceptions = "restored_with_exceptions"
)

// RestoreResult is the report of a finished restore. Its JSON form is the contract of `keepsake restore --json`.
type RestoreResult struct {
	Point       string               `json:"point"`
	Provider    string               `json:"provider"` // the one that most chunks came from
	Tables      int                  `json:"tables"`
	Rows        int64                `json:"rows"`
	Bytes       int64                `json:"bytes"`
	Seconds     float64              `json:"seconds"`
	TierSeconds map[string]float64   `json:"tier_seconds"` // when the rows of each tier were readable
	Outcome     string               `json:"outcome"`      // OutcomeRestored or OutcomeExceptions
	Message     string               `json:"message"`      // how it ended, in words
	Verified    bool                 `json:"verified"`     // every table's row count and hash equal the recovery point's
	PeakMemory  int64                `json:"peak_memory_bytes"`
	Damaged     []VerifyFinding      `json:"damaged"`    // bad copies met on the way; another provider's were used
	Exceptions  []keepsake.Exception `json:"exceptions"` // what could not be made, the worst first
	// roles that the target's server lacks, of those that the exceptions name; nil: the result is from before that was
	// told
	MissingRoles []string `json:"missing_roles,omitzero"`
	// what the recovery point does not hold or the restore was not to bring
	NotCarried []keepsake.NotCarried `json:"not_carried"`
}

// CheckFinding is one line of the preflight.
type CheckFinding struct {
	Area    string `json:"area"`             // "platform", "provider NAME", "key", "clock", "tools"
	Level   string `json:"level"`            // an error stops a backup
	Message string `json:"message"`          // what is so
	Action  string `json:"action,omitempty"` // what to do
}

// The levels of a CheckFinding.
const (
	LevelOK    = "ok"
	LevelWarn  = "warn"
	LevelError = "error"
)

// Words returns the finding and its remedy in whole sentences.
func (f CheckFinding) Words() string {
	return strings.TrimSpace(keepsake.Sentence(f.Message) + " " + keepsake.Sentence(f.Action))
}
