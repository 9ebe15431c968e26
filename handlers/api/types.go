package api

import (
	"context"
	"io"
	"time"

	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/engine/search"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Console is everything the API needs from *console.Console.
type Console interface {
	StartBackup(ctx context.Context, actor keepsake.Actor, in console.StartBackupInput) (console.Operation, error)
	StartVerify(ctx context.Context, actor keepsake.Actor, in console.StartVerifyInput) (console.Operation, error)
	StartRepair(ctx context.Context, actor keepsake.Actor) (console.Operation, error)
	StartRestore(ctx context.Context, actor keepsake.Actor, in console.StartRestoreInput) (console.Operation, error)
	GetOperation(ctx context.Context, actor keepsake.Actor, id string) (console.Operation, error)
	ListOperations(ctx context.Context, actor keepsake.Actor, in console.ListInput) (console.OperationPage, error)
	OperationLog(ctx context.Context, actor keepsake.Actor, id string, after int64, limit int) ([]console.LogLine, error)
	CancelOperation(ctx context.Context, actor keepsake.Actor, id string) error
	ApproveOperation(ctx context.Context, actor keepsake.Actor, id string) error
	Subscribe(ctx context.Context, actor keepsake.Actor, id string, after int64) (<-chan console.Event, error)
	Dashboard(ctx context.Context, actor keepsake.Actor) (console.Dashboard, error)
	ListPoints(ctx context.Context, actor keepsake.Actor, in console.PointsInput) (console.PointPage, error)
	ListTests(ctx context.Context, actor keepsake.Actor, in console.TestsInput) (console.TestPage, error)
	GetTest(ctx context.Context, actor keepsake.Actor, id string) (console.TestDetail, error)
	Performance(ctx context.Context, actor keepsake.Actor) (console.Performance, error)
	Compliance(ctx context.Context, actor keepsake.Actor) (console.Compliance, error)
	ListDuties(ctx context.Context, actor keepsake.Actor) ([]console.DutyState, error)
	GetSchedule(ctx context.Context, actor keepsake.Actor) (console.ScheduleState, error)
	GetRetention(ctx context.Context, actor keepsake.Actor, try console.TryRules) (console.RetentionState, error)
	GetPoint(ctx context.Context, actor keepsake.Actor, id string) (console.PointDetail, error)
	SavePoint(ctx context.Context, actor keepsake.Actor, in console.SavePointInput) error
	PreviewScope(ctx context.Context, actor keepsake.Actor, in console.ScopedInput) (*scope.Preview, error)
	FindDamage(ctx context.Context, actor keepsake.Actor, in console.ScopedInput) (*engine.Damage, error)
	NeedsSecondApprover(ctx context.Context, actor keepsake.Actor, in console.ScopedInput) (string, error)
	RestoreScope(ctx context.Context, actor keepsake.Actor, in console.RestoreScopeInput) (console.Operation, error)
	UndoScope(ctx context.Context, actor keepsake.Actor, restore string) (console.Operation, error)
	GetScopedRestore(ctx context.Context, actor keepsake.Actor, restore string) (*scope.Undo, error)
	ListAudit(ctx context.Context, actor keepsake.Actor, f audit.Filter) (console.AuditPage, error)
	VerifyAudit(ctx context.Context, actor keepsake.Actor) (console.AuditVerdict, error)
	ExportAudit(ctx context.Context, actor keepsake.Actor, f audit.Filter, format string, w io.Writer) error
	ListWeddings(ctx context.Context, actor keepsake.Actor, in console.WeddingsInput) (console.WeddingPage, error)
	GetWedding(ctx context.Context, actor keepsake.Actor, id string) (console.WeddingTimeline, error)
	GetWeddingAt(ctx context.Context, actor keepsake.Actor, wedding, point string) (engine.WeddingAt, error)
	GetWeddingChanges(ctx context.Context, actor keepsake.Actor, wedding, from, to string) (engine.WeddingChanges, error)
	ListOrganizations(ctx context.Context, actor keepsake.Actor, search, cursor string) (console.OrganizationPage, error)
}

var (
	_ Console = (*console.Console)(nil)
	_ Answers = (*console.Console)(nil)
)

// Operation is one backup, verification or restore.
type Operation struct {
	ID              string                   `json:"id"`
	Platform        string                   `json:"platform" doc:"Of which it is: the name that the configuration gives it"`
	Kind            string                   `json:"kind" enum:"backup,verify,repair,restore,scoped,retention" doc:"scoped: a restore into the live platform"`
	State           string                   `json:"state" enum:"proposed,queued,running,interrupted,done,failed,cancelled" doc:"proposed: it waits until another super admin approves it"`
	Type            string                   `json:"type,omitempty" doc:"Of a backup"`
	Note            string                   `json:"note,omitempty"`
	Labels          map[string]string        `json:"labels,omitempty"`
	Weddings        []keepsake.WeddingMark   `json:"weddings,omitempty" doc:"For which weddings a backup is made"`
	Point           string                   `json:"point,omitempty"`
	Deep            bool                     `json:"deep,omitempty"`
	Target          string                   `json:"target,omitempty"`
	Database        string                   `json:"database,omitempty"`
	Scope           *Scope                   `json:"scope,omitempty" doc:"What a restore covers. Absent: it is no restore, or it takes one back that was of more than one wedding"`
	PointWarnings   []string                 `json:"point_warnings,omitempty" doc:"What is doubtful of the recovery point that a restore takes, in words: it is suspect, or latest passed newer ones by that are. Of one that has ended, as it was when it was asked for. Lists show that, too"`
	Restore         string                   `json:"restore,omitempty" doc:"The id that takes a restore into the live platform back"`
	RequestedBy     string                   `json:"requested_by"`
	ApprovedBy      string                   `json:"approved_by,omitempty" doc:"Who else approved it, where that was needed"`
	ApprovedAt      *time.Time               `json:"approved_at,omitempty"`
	Organization    string                   `json:"organization,omitempty" doc:"That whoever asked for it is bound to"`
	CreatedAt       time.Time                `json:"created_at"`
	StartedAt       *time.Time               `json:"started_at,omitempty"`
	FinishedAt      *time.Time               `json:"finished_at,omitempty"`
	Attempt         int                      `json:"attempt"`
	CancelRequested bool                     `json:"cancel_requested"`
	WorkerSilent    float64                  `json:"worker_silent_seconds,omitempty" doc:"While it is running: how long its worker has not answered. Another one takes over by itself"`
	Rows            int64                    `json:"rows"`
	Bytes           int64                    `json:"bytes"`
	Seconds         float64                  `json:"seconds"`
	Protected       *bool                    `json:"protected,omitempty" doc:"Of a backup that is done: the 3-2-1 rule is met"`
	Lacks           string                   `json:"lacks,omitempty" doc:"What the rule misses, in words"`
	OK              *bool                    `json:"ok,omitempty" doc:"Of a verification or a restore that is done: nothing is wrong"`
	ErrorCode       string                   `json:"error_code,omitempty" doc:"Why it failed, for machines: a code as problems have"`
	Error           string                   `json:"error,omitempty" doc:"What happened and what to do"`
	Progress        *Progress                `json:"progress,omitempty"`
	Covers          *Coverage                `json:"covers,omitempty" doc:"What a backup that is done covers. Lists leave it out"`
	Backup          *engine.BackupResult     `json:"backup,omitempty"`
	Verification    *engine.VerifyResult     `json:"verification,omitempty"`
	Repaired        *engine.RepairResult     `json:"repaired,omitempty"`
	Retention       *console.RetentionResult `json:"retention,omitempty"`
	Restored        *engine.RestoreResult    `json:"restored,omitempty"`
	Changed         *ScopeResult             `json:"changed,omitempty" doc:"What a restore into the live platform changed"`
}

// Coverage is what a backup covers: facts of its snapshot.
type Coverage struct {
	Tiers      []keepsake.TierCoverage  `json:"tiers" doc:"Tiers with their tables and rows"`
	Milestones []keepsake.WeddingMark   `json:"milestones" doc:"For which milestones it was made"`
	Vendors    *keepsake.VendorCoverage `json:"vendors,omitempty" doc:"How many vendors, and how many of them have a telephone number or an e-mail address. Absent: not known"`
	Days       []keepsake.DayRange      `json:"wedding_days" doc:"The days on which there are weddings"`
}

func coverageOf(c *console.BackupCoverage) *Coverage {
	if c == nil {
		return nil
	}
	return &Coverage{
		Tiers:      append([]keepsake.TierCoverage{}, c.Tiers...),
		Milestones: append([]keepsake.WeddingMark{}, c.Milestones...),
		Vendors:    c.Vendors,
		Days:       append([]keepsake.DayRange{}, c.Days...),
	}
}

// ScopeResult is what a restore into the live platform changed.
type ScopeResult struct {
	Inserted int64    `json:"inserted"`
	Updated  int64    `json:"updated"`
	Deleted  int64    `json:"deleted"`
	Refused  []string `json:"refused,omitempty" doc:"Rows of an undo that were left alone, in words"`
	UndoAt   []string `json:"undo_at" doc:"Providers that hold what an undo needs"`
}

// Progress is where a running operation stands, with what can be said of its speed.
type Progress struct {
	engine.Progress
	Fraction       float64 `json:"fraction" doc:"0 to 1"`
	BytesPerSecond float64 `json:"bytes_per_second,omitempty"`
	RowsPerSecond  float64 `json:"rows_per_second,omitempty"`
	SecondsLeft    float64 `json:"seconds_left,omitempty" doc:"Absent while it cannot be told"`
}

// Scope names what a restore covers: exactly one of its fields. It is a keepsake.ScopeFields with what the document
// says of it.
type Scope struct {
	WeddingID      string          `json:"wedding,omitempty" maxLength:"200" doc:"The key of a wedding"`
	OrganizationID string          `json:"organization,omitempty" maxLength:"200" doc:"The key of an organization"`
	Tiers          []keepsake.Tier `json:"tiers,omitempty" maxItems:"3" enum:"critical,high,standard"`
	Everything     bool            `json:"everything,omitempty"`
}

func operationOf(o console.Operation) Operation {
	out := Operation{
		ID:              o.ID,
		Platform:        o.Platform,
		Kind:            string(o.Kind),
		State:           string(o.State),
		Type:            string(o.Type),
		Note:            o.Note,
		Labels:          o.Labels,
		Weddings:        o.Weddings,
		Point:           o.Point,
		Deep:            o.Deep,
		Target:          o.Target,
		Database:        o.Database,
		RequestedBy:     o.RequestedBy,
		ApprovedBy:      o.ApprovedBy,
		ApprovedAt:      moment(o.ApprovedAt),
		Organization:    o.Organization,
		CreatedAt:       o.CreatedAt,
		StartedAt:       moment(o.StartedAt),
		FinishedAt:      moment(o.FinishedAt),
		Attempt:         o.Attempt,
		CancelRequested: o.CancelRequested,
		WorkerSilent:    o.Silence.For.Round(time.Second).Seconds(),
		Rows:            o.Rows,
		Bytes:           o.Bytes,
		Seconds:         o.Seconds,
		Lacks:           o.Lacks,
		ErrorCode:       string(o.ErrorCode),
		Error:           o.ErrorMessage,
		Progress:        progressOf(o),
		Covers:          coverageOf(o.Covers),
		Backup:          o.Backup,
		Verification:    o.Verify,
		Repaired:        o.Repair,
		Retention:       o.Retention,
		Restored:        o.Restore,
	}
	if o.State == console.StateDone && o.Kind == console.KindBackup {
		out.Protected = &o.Protected
	} else if o.State == console.StateDone {
		out.OK = &o.OK
	}
	if a := o.Asked; a != nil { // without the sealed address of another server: it is for the worker alone
		out.Restore, out.PointWarnings = a.Restore, o.PointWarnings()
		if !a.Scope.IsZero() {
			out.Scope = new(Scope(a.Scope.Fields()))
		}
	}
	if r := o.Scoped; r != nil {
		out.Changed = &ScopeResult{
			Inserted: r.Applied.Inserted,
			Updated:  r.Applied.Updated,
			Deleted:  r.Applied.Deleted,
			Refused:  r.Refused,
			UndoAt:   append([]string{}, r.Undo...),
		}
	}
	return out
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// progressOf adds speeds over the whole run so far: a script that polls has no other.
func progressOf(o console.Operation) *Progress {
	if o.Progress == nil {
		return nil
	}
	p := &Progress{Progress: *o.Progress, Fraction: o.Progress.Fraction()}
	p.Tables, p.Providers = append([]engine.TableProgress{}, p.Tables...),
		append([]engine.ProviderProgress{}, p.Providers...)
	if ran := p.UpdatedAt.Sub(p.StartedAt).Seconds(); ran > 0 {
		p.BytesPerSecond, p.RowsPerSecond = float64(p.BytesDone)/ran, float64(p.RowsDone)/ran
		if o.State.Active() && p.BytesPerSecond > 0 && p.BytesTotal > p.BytesDone {
			p.SecondsLeft = float64(p.BytesTotal-p.BytesDone) / p.BytesPerSecond
		}
	}
	return p
}

// Point is one recovery point.
type Point struct {
	engine.Point
	Weddings  []PointWedding     `json:"weddings,omitempty" doc:"For which weddings it was made"`
	Suspect   bool               `json:"suspect,omitempty" doc:"latest passes it by: see doubts and trust"`
	Platform  string             `json:"platform,omitempty" doc:"Of which it is; absent where only the repository knows the point"`
	Operation string             `json:"operation,omitempty" doc:"The backup that made it"`
	LastTest  *Test              `json:"last_test,omitempty" doc:"Its newest proof or failure; absent: it was never tested"`
	Proof     *engine.PointProof `json:"proof,omitempty" doc:"What the newest verification found"`
	GoesAfter *time.Time         `json:"goes_after,omitempty" doc:"Retention removes it, and not before"`
}

// PointWedding is a wedding that a recovery point was made for.
type PointWedding struct {
	WeddingID  string         `json:"wedding"`
	Date       string         `json:"date,omitempty" format:"date" doc:"Absent: it had none yet"`
	Milestone  string         `json:"milestone,omitempty"`
	DaysBefore *int           `json:"days_before,omitempty" doc:"The wedding, when the point was taken; negative after it"`
	Phase      keepsake.Phase `json:"phase,omitempty" enum:"planning,preparation,execution,post_event" doc:"That the wedding was in then"`
}

func pointOf(p console.Point) Point {
	out := Point{
		Point: p.Point,
		Weddings: each(p.Weddings,
			func(m keepsake.WeddingMark) PointWedding { return pointWeddingOf(m, p.Time) }),
		Suspect:   p.Suspect(),
		Platform:  p.Platform,
		Operation: p.Operation,
		Proof:     p.Proof,
		GoesAfter: moment(p.GoesAfter),
	}
	if out.Copies == nil {
		out.Copies = []keepsake.Copy{}
	}
	if p.LastTest != nil {
		t := testOf(*p.LastTest)
		out.LastTest = &t
	}
	return out
}

func pointWeddingOf(m keepsake.WeddingMark, at time.Time) PointWedding {
	w := PointWedding{WeddingID: m.WeddingID, Date: m.Date, Milestone: m.Milestone, Phase: console.PhaseAt(m, at)}
	if date, err := time.Parse(time.DateOnly, m.Date); err == nil {
		w.DaysBefore = new(keepsake.DaysBefore(date, at))
	}
	return w
}

// Wedding is one wedding of the platform.
type Wedding struct {
	ID             string           `json:"id"`
	Couple         string           `json:"couple"`
	OrganizationID string           `json:"organization_id,omitempty"`
	Organization   string           `json:"organization,omitempty"`
	Date           string           `json:"date,omitempty" format:"date" doc:"Absent: it has none yet"`
	DaysLeft       *int             `json:"days_left,omitempty" doc:"Negative after it"`
	Phase          keepsake.Phase   `json:"phase" enum:"planning,preparation,execution,post_event"`
	Urgency        keepsake.Urgency `json:"urgency" enum:"emergency,urgent,elevated,normal"`
	Matched        []search.Match   `json:"matched,omitempty" doc:"What a search has found when it was not the couple"`
	Gone           bool             `json:"gone,omitempty" doc:"Recovery points know it, the platform does not any more. It can be brought back"`
}

func weddingOf(w console.Wedding) Wedding {
	out := Wedding{
		ID:             w.ID,
		Couple:         w.Couple,
		OrganizationID: w.OrganizationID,
		Organization:   w.Organization,
		Date:           w.Day(),
		Phase:          w.Phase,
		Urgency:        w.Urgency,
		Matched:        w.Matched,
		Gone:           w.Gone,
	}
	if out.Date != "" {
		out.DaysLeft = &w.DaysLeft
	}
	return out
}

func each[A, B any](list []A, fn func(A) B) []B {
	out := make([]B, len(list))
	for i, x := range list {
		out[i] = fn(x)
	}
	return out
}
