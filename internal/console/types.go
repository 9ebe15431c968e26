package console

import (
	"context"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/operation"
)

// State says where an operation stands: see operation.State.
type State = operation.State

// The states: see operation.State.
const (
	StateProposed    = operation.StateProposed
	StateQueued      = operation.StateQueued
	StateRunning     = operation.StateRunning
	StateInterrupted = operation.StateInterrupted
	StateDone        = operation.StateDone
	StateFailed      = operation.StateFailed
	StateCancelled   = operation.StateCancelled
)

// Operation is one backup, verification, repair or restore. In a list, Progress is set only while it is active, and
// the results are absent. GetOperation and Subscribe fill all fields.
type Operation struct {
	ID       string // UUIDv7
	Platform string // of which it is
	Kind     Kind
	State    State
	// EventID is the id of its newest event; it grows with everything that happens to the operation.
	EventID int64

	Type     keepsake.BackupType    // backups
	Note     string                 // backups
	Labels   map[string]string      // backups
	Weddings []keepsake.WeddingMark // backups: for which weddings
	Point    string                 // of a backup that is done; else the one asked for, "" for every point
	Deep     bool                   // verifications
	Target   string                 // restores: name of the configured server
	Database string                 // restores: the new database
	Asked    *RestoreAsked          // restores, of both kinds

	RequestedBy     string // name of the actor
	RequestedByID   string
	ApprovedBy      string    // name of the second actor, where one was needed
	ApprovedAt      time.Time // zero where none was
	Organization    string    // that the actor is bound to; empty: none
	CreatedAt       time.Time
	StartedAt       time.Time // of the latest attempt; zero before
	FinishedAt      time.Time // zero until the state is final
	Attempt         int       // 0 before the first
	CancelRequested bool
	Silence         Silence // of its worker, while the state is running

	// The figures of a finished operation, also present in lists.
	Rows, Bytes int64
	Seconds     float64
	Protected   bool   // backups that are done: the 3-2-1 rule is met; false shows as degraded
	Lacks       string // what the rule misses, in words
	// OK is false for a verification that found something or a restore whose comparison failed.
	OK bool

	ErrorCode    keepsake.Code // failed
	ErrorMessage string        // failed: what happened and what to do

	Progress *engine.Progress // nil before the first report
	// Quota is what is left of the actor's limit. Only StartBackup sets it, and only where there is a limit.
	Quota *keepsake.Quota

	// Covers says what a finished backup covers. It is nil in lists, where it is not known, and for an actor bound to an
	// organization.
	Covers *BackupCoverage

	// One of them is set when the state is done.
	Backup  *engine.BackupResult
	Verify  *engine.VerifyResult
	Repair  *engine.RepairResult
	Restore *engine.RestoreResult
	Scoped  *engine.ScopeResult

	Retention *RetentionResult
}

// Degraded reports whether the operation ended well and left something to be done, such as a backup that is not
// protected or a verification with findings.
func (o Operation) Degraded() bool {
	return o.State == StateDone && ((o.Kind == KindBackup && !o.Protected) || (o.Kind != KindBackup && !o.OK))
}

// LogLine is one line of an operation's log. Its ID is its event's. Ids grow from line to line, with gaps.
type LogLine struct {
	ID int64
	engine.LogLine
}

// Event is the whole current state of an operation plus the log lines since the event before. A reader who misses
// events misses nothing but intermediate progress.
type Event struct {
	ID        int64 // grows; send it as the SSE id and give it back to Subscribe as afterEventID
	Operation Operation
	Log       []LogLine // oldest first
}

// Estimate says what a backup would cover. Where the platform cannot be asked, Unreachable is set and the figures are
// zero.
type Estimate struct {
	Type        keepsake.BackupType
	Tables      int
	Rows, Bytes int64 // the planner's estimate, and sizes on disk
	// Seconds is how long the backup should take, by the measured throughput of earlier backups of the type. It is 0
	// where there is none.
	Seconds  float64
	Measured int // how many earlier backups Seconds comes from, at most 5
	Tiers    []TierEstimate
	Findings []engine.CheckFinding // the preflight's warnings and errors; ok lines are left out
	// Blocked reports whether a finding is an error: a backup started now would stop at it.
	Blocked     bool
	Unreachable string     // why the platform could not be asked, in words
	Hidden      string     // why the actor is not told, in words; the figures are zero then
	Running     *Operation // the backup that runs already, which a new one would have to wait for
	// Quotas are what is left of the actor's limits, by type. They are nil for an actor without limits.
	Quotas map[keepsake.BackupType]keepsake.Quota
}

// TierEstimate says what one tier adds to a backup. Covered is false for a tier that the backup type leaves out.
type TierEstimate struct {
	Tier        keepsake.Tier
	Covered     bool
	Tables      int
	Rows, Bytes int64
	Largest     []string // names of its largest tables, at most 5
}

// StartBackupInput says what to back up.
type StartBackupInput struct {
	Platform string              // empty: the one that the actor means who names none
	Type     keepsake.BackupType // full, incremental or critical
	Note     string              // at most 500 characters
	Labels   map[string]string   // at most 20 of at most 64 and 200 characters
	// Wedding and Milestone say for which wedding it is made, and why; both may be empty. The type must cover every tier.
	WeddingID, Milestone string
	weddings             []keepsake.WeddingMark
	// claim, when set, is done in the transaction that starts the operation of this id.
	claim func(ctx context.Context, tx db.Tx, id string) error
}

// StartVerifyInput says what to verify.
type StartVerifyInput struct {
	Point string // id; empty: every point
	Deep  bool   // read and decrypt every chunk instead of asking for its presence and size
}

// StartRestoreInput says what to restore, and where.
type StartRestoreInput struct {
	Point    string // id or "latest"
	Target   string // name of a configured server; empty: the first, which is the platform's own
	Database string // a new database there, or an empty one
	Provider string // read from this one only; empty: from each in turn
	// TargetURL is the address of a server that no configuration names, as SealTarget gave it; Target is empty then.
	TargetURL string
	Scope     keepsake.Scope // of a wedding or an organization its rows and the shared rows that they point at
	// Confirmation is what the person typed; it must equal Database.
	Confirmation string
}

// ListInput selects operations, newest first.
type ListInput struct {
	Platform  string              // empty: all that the actor sees
	Kind      Kind                // empty: all
	State     State               // empty: all
	Active    bool                // only those that have not ended
	Type      keepsake.BackupType // backups of this type; empty: all
	Tier      keepsake.Tier       // restores of this tier; empty: all
	WeddingID string              // made for, or restoring, this wedding; empty: all
	// asked for by its admins, or about it or a wedding of it; empty: all that the actor sees
	Organization string
	From, To     time.Time     // asked for from then on, and before; zero: any
	Covers       time.Time     // backups that cover weddings of this day; zero: all
	CoversTier   keepsake.Tier // backups that cover this tier; empty: all
	Contacts     bool          // only backups that cover vendors whom one can reach
	Milestone    string        // backups made for this milestone of any wedding; empty: all
	Cursor       string        // OperationPage.Next of the page before; empty: the newest
	Limit        int           // 1 to 200; 0: 50
}

// OperationPage is one page of operations. Next is empty on the last.
type OperationPage struct {
	Operations []Operation
	Next       string
}

// PointsInput selects recovery points, newest first.
type PointsInput struct {
	Platform string              // empty: the one that the actor means who names none
	Type     keepsake.BackupType // empty: all
	// Wedding, Milestone and Phase select points that were made for a wedding; From and To those of a time. Empty: all.
	WeddingID, Milestone string
	Phase                keepsake.Phase
	Organization         string        // whose weddings they were made for
	Tier                 keepsake.Tier // that they hold
	Protected            *bool         // whether they meet the 3-2-1 rule; nil: both
	From, To             time.Time
	Cursor               string
	Limit                int // 1 to 200; 0: 50
}

// PointPage is one page of recovery points. Next is empty on the last.
type PointPage struct {
	Points []Point
	Next   string
}

// Point is one recovery point as the console database knows it. That is a cache: where the repository says otherwise,
// the repository is right.
type Point struct {
	engine.Point
	Platform  string
	Operation string     // id of the backup that made it; empty for one found in the repository
	LastTest  *PointTest // the newest that passed or failed; nil: none did
	// GoesAfter is before when retention does not remove it, for GoesBecause; zero: it is not marked.
	GoesAfter   time.Time
	GoesBecause string
	// Proof is what the newest verification that could ask every provider found. It is nil where there is none.
	Proof *engine.PointProof
}

// PointTest is a verification of a point, or a restore that compared everything.
type PointTest struct {
	ID, Point string
	Kind      string // "verify", "deep_verify", "restore" (of everything) or "partial_restore"
	Operation string
	At        time.Time
	OK        bool
	Findings  int
	Seconds   float64
	// Asked and Away are the providers that a verification could ask for all of the recovery point, and those that it
	// could not.
	Asked, Away []string
}

// Incomplete reports that the test found nothing wrong, but that not every provider could be asked: it neither passed
// nor failed.
func (t PointTest) Incomplete() bool { return !t.OK && t.Findings == 0 && len(t.Away) > 0 }

// Failed reports whether the test found something wrong.
func (t PointTest) Failed() bool { return !t.OK && !t.Incomplete() }

// PointDetail is one opened recovery point. Detail is nil when no provider could show its manifest. Missing then says
// why.
type PointDetail struct {
	Point   Point
	Detail  *engine.PointDetail
	Missing string
	Tests   []PointTest // newest first, at most 10
	// RestoreSeconds is how long restoring the point should take, by the speed of the newest whole restore. It is 0
	// where none was measured.
	RestoreSeconds float64
	// Passed are newer suspect points that latest passes by, newest first and at most 3, where it means this one.
	Passed []SuspectPoint
}

// AlarmKind says why the age of the last good backup is an alarm.
type AlarmKind string

// The alarms. A missing backup alarms like a failed one.
const (
	AlarmNone   AlarmKind = ""
	AlarmNever  AlarmKind = "never"  // there is no recovery point at all
	AlarmLate   AlarmKind = "late"   // the newest is older than it may be
	AlarmFailed AlarmKind = "failed" // the latest backup failed, or left the platform unprotected
	// newer recovery points may show damage, and nobody has said whether they are right
	AlarmSuspect AlarmKind = "suspect"
)

// Dashboard is the overview.
type Dashboard struct {
	Now time.Time
	// Newest is the newest recovery point that holds every tier (full or incremental) and is not suspect, or the newest
	// where all are; nil when there is none. Protection judges it.
	Newest     *Point
	Protection keepsake.Protection
	Age        time.Duration // since Newest
	MaxAge     time.Duration // beyond it the age alarms
	Alarm      AlarmKind
	AlarmText  string // what it means and what to do
	// NextBackup is when the next backup begins by itself; zero: none does, or nobody has reckoned it yet. A time that is
	// past: it is due, and waits for a worker or for the backup that runs.
	NextBackup time.Time
	Suspects   []Point    // the newest suspect recovery points of which nobody said whether they are right
	LastBackup *Operation // the latest backup that succeeded or failed; nil: none did
	Running    []Operation
	Recent     []Operation
	Points     int64 // how many recovery points the provider with the most of them holds
	Providers  []ProviderState
	// Weddings are all of today and tomorrow, and the next ones after them; WeddingsAhead is how many there are within a
	// year, MostAhead+1 where there are more than can be counted in time.
	Weddings      []Wedding
	WeddingsAhead int
	// WeddingsMissing says why the weddings are not the platform's own. It is empty when the platform answered.
	// WeddingsFrom is the time of the recovery point that they come from instead, or zero where none could be read.
	WeddingsMissing string
	GoneUnknown     bool // whether weddings are gone from the platform could not be found out
	WeddingsFrom    time.Time
	Platform        PlatformState // as it stood when it was asked for them
}

// ProviderState is one storage target.
type ProviderState struct {
	Name, Medium, Region string
	Offsite              bool
	Checked              time.Time // of the last check; zero: never
	Reachable            bool      // then
	Written              time.Time // when something was last written there and read back; zero: never
	Error                string    // what the last check or copy said
	LastPoint            string    // newest point confirmed there
	LastConfirmed        time.Time
	Points               int64 // recovery points confirmed there
	Behind               bool  // it lacks the newest recovery point
}

// Wedding is one wedding of the platform.
type Wedding struct {
	engine.Wedding
	DaysLeft int
	Phase    keepsake.Phase
	Urgency  keepsake.Urgency
	Gone     bool // recovery points know it, the platform does not
}

// Target is a PostgreSQL server that restores may go to. The database in its URL only says where to connect first.
type Target struct {
	Name     string
	URL      keepsake.Secret
	Platform bool // it is the platform's own server
}
