package web_test

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/wedsync/keepsake/handlers/api"
	"github.com/wedsync/keepsake/internal/auth"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/policy"
	"github.com/wedsync/keepsake/internal/testenv"
)

var (
	moment = time.Date(2026, 11, 23, 7, 17, 0, 0, time.UTC)
	admin  = keepsake.Actor{ID: "1", Name: "amelia@wedsync.example", Role: keepsake.RoleSuperAdmin}
)

// fakeConsole is a console whose state is written by hand. What was asked of it is kept.
type fakeConsole struct {
	api.Answers // nothing here asks for them
	fakeAudit
	fakeScopes
	fakeWeddings
	mu         sync.Mutex
	dashboard  console.Dashboard
	duties     []console.DutyState
	schedule   console.ScheduleState
	retention  console.RetentionState
	held       policy.RetentionFacts // what other rules are tried on
	confirmed  []string              // retentions that were started
	judgements int                   // how often all points were judged
	estimate   console.Estimate
	operations map[string]console.Operation
	logs       map[string][]console.LogLine
	points     []console.Point
	passed     []console.SuspectPoint // newer than any of them
	events     chan console.Event
	watching   chan context.Context // of the streams that were opened
	startErr   error
	listErr    error

	backups   []console.StartBackupInput
	verifies  []console.StartVerifyInput
	repairs   int
	checks    []string
	restores  []console.StartRestoreInput
	approved  []string
	cancelled []string
	saved     []console.SavePointInput
	after     []int64
	actors    []keepsake.Actor
}

func newFakeConsole() *fakeConsole {
	point := samplePoint("20261123T070500Z-aa")
	return &fakeConsole{
		dashboard: console.Dashboard{
			Now:        moment,
			Newest:     &point,
			Protection: keepsake.JudgeProtection(point.Copies),
			Age:        12 * time.Minute,
			Providers: []console.ProviderState{{
				Name:          "local",
				Medium:        "disk",
				Checked:       moment,
				Reachable:     true,
				LastConfirmed: moment,
				Points:        3,
			}, {
				Name:    "offsite",
				Medium:  "gcs",
				Offsite: true,
				Region:  "europe-west3",
				Checked: moment,
				Error:   "403 from the bucket",
			}},
			Weddings: []console.Wedding{{
				Wedding: engine.Wedding{
					ID:           "w1",
					Couple:       "Priya & Tom",
					Organization: "The Orchard Barn",
					Date:         moment.AddDate(0, 0, 1),
				},
				DaysLeft: 1,
				Phase:    keepsake.PhaseExecution,
				Urgency:  keepsake.UrgencyEmergency,
			}},
		},
		estimate: console.Estimate{
			Type:     keepsake.BackupIncremental,
			Tables:   38,
			Rows:     6142885,
			Bytes:    1 << 30,
			Seconds:  40,
			Measured: 3,
			Tiers: []console.TierEstimate{{Tier: keepsake.TierCritical, Covered: true, Tables: 4, Largest: []string{"users"}},
				{Tier: keepsake.TierStandard, Tables: 29}},
		},
		operations: map[string]console.Operation{},
		logs:       map[string][]console.LogLine{},
		points:     []console.Point{point},
		events:     make(chan console.Event, 16),
		watching:   make(chan context.Context, 16),
	}
}

func samplePoint(id string) console.Point {
	return console.Point{Point: engine.Point{
		ID:          id,
		Time:        moment.Add(-12 * time.Minute),
		Type:        "full",
		Note:        "before <b>the</b> change",
		Database:    "wedsync",
		Server:      "15.4",
		Tables:      2,
		Rows:        50,
		BytesRead:   1 << 20,
		BytesStored: 1 << 18,
		BytesNew:    1 << 17,
		Chunks:      10,
		ChunksNew:   4,
		Seconds:     2,
		Protected:   true,
		Copies: []keepsake.Copy{{Provider: "local", Medium: "disk", Confirmed: true},
			{Provider: "supabase", Medium: "supabase", Confirmed: true},
			{Provider: "offsite", Medium: "gcs", Offsite: true, Confirmed: true}},
	}}
}

func runningBackup(id string) console.Operation {
	return console.Operation{
		ID:          id,
		Kind:        console.KindBackup,
		Type:        keepsake.BackupFull,
		State:       console.StateRunning,
		EventID:     7,
		RequestedBy: admin.Name,
		CreatedAt:   moment,
		StartedAt:   moment,
		Progress: &engine.Progress{
			Stage:      engine.StageReading,
			StartedAt:  moment,
			UpdatedAt:  moment.Add(10 * time.Second),
			RowsDone:   400,
			RowsTotal:  1000,
			BytesDone:  40 << 20,
			BytesTotal: 100 << 20,
			Tables: []engine.TableProgress{{
				Schema:     "public",
				Name:       "users",
				Tier:       "critical",
				State:      engine.ItemRunning,
				RowsDone:   400,
				RowsTotal:  1000,
				BytesDone:  40 << 20,
				BytesTotal: 100 << 20,
			}},
			Providers: []engine.ProviderProgress{{
				Name:      "offsite",
				State:     engine.ItemFailed,
				Confirmed: 3,
				Lag:       9,
				Error:     "403 from the bucket",
			}},
		},
	}
}

func (f *fakeConsole) note(a keepsake.Actor) {
	f.actors = append(f.actors, a)
}

func (f *fakeConsole) SavePoint(_ context.Context, _ keepsake.Actor, in console.SavePointInput) error {
	if in.Note != nil && len(*in.Note) > 500 {
		return keepsake.Errorf(keepsake.CodeInvalid, "The note has %d characters; 500 are the most.", len(*in.Note))
	}
	if f.startErr != nil {
		return f.startErr
	}
	f.saved = append(f.saved, in)
	return nil
}

func (f *fakeConsole) Emergency(ctx context.Context, actor keepsake.Actor) (console.Dashboard, error) {
	return f.Dashboard(ctx, actor)
}

func (f *fakeConsole) Dashboard(_ context.Context, a keepsake.Actor) (console.Dashboard, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.note(a)
	return f.dashboard, f.listErr
}

// KnownPlatform is how the overview says that the platform stands.
func (f *fakeConsole) KnownPlatform() console.PlatformState {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dashboard.Platform
}

func (f *fakeConsole) Platform(context.Context) console.PlatformState { return f.KnownPlatform() }

func (f *fakeConsole) EstimateBackup(
	_ context.Context, a keepsake.Actor, t keepsake.BackupType,
) (console.Estimate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.note(a)
	e := f.estimate
	e.Type = t
	return e, nil
}

func (f *fakeConsole) StartBackup(
	_ context.Context, a keepsake.Actor, in console.StartBackupInput,
) (console.Operation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.note(a)
	f.backups = append(f.backups, in)
	return console.Operation{ID: "op1", Kind: console.KindBackup}, f.startErr
}

func (f *fakeConsole) StartVerify(
	_ context.Context, a keepsake.Actor, in console.StartVerifyInput,
) (console.Operation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.note(a)
	f.verifies = append(f.verifies, in)
	return console.Operation{ID: "op2", Kind: console.KindVerify}, f.startErr
}

func (f *fakeConsole) CheckProvider(_ context.Context, a keepsake.Actor, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.note(a)
	f.checks = append(f.checks, name)
	return nil
}

func (f *fakeConsole) StartRepair(_ context.Context, a keepsake.Actor) (console.Operation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.note(a)
	f.repairs++
	return console.Operation{ID: "op4", Kind: console.KindRepair}, f.startErr
}

func (f *fakeConsole) StartRestore(_ context.Context, a keepsake.Actor, in console.StartRestoreInput) (
	console.Operation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.note(a)
	f.restores = append(f.restores, in)
	return console.Operation{ID: "op3", Kind: console.KindRestore}, f.startErr
}

func (f *fakeConsole) SealTarget(_ context.Context, _ keepsake.Actor, url keepsake.Secret) (string, error) {
	if !strings.HasPrefix(url.Reveal(), "postgres://") {
		return "", keepsake.Errorf(keepsake.CodeInvalid, "This is not the address of a PostgreSQL server.")
	}
	return "c2VhbGVk", nil
}

func (f *fakeConsole) RestoreTargets() []string { return []string{"platform", "spare"} }

func (f *fakeConsole) CancelOperation(_ context.Context, a keepsake.Actor, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.note(a)
	f.cancelled = append(f.cancelled, id)
	return f.startErr
}

func (f *fakeConsole) ApproveOperation(_ context.Context, a keepsake.Actor, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.note(a)
	if f.startErr == nil {
		f.approved = append(f.approved, id)
	}
	return f.startErr
}

func (f *fakeConsole) GetOperation(_ context.Context, a keepsake.Actor, id string) (console.Operation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.note(a)
	o, ok := f.operations[id]
	if !ok {
		return o, keepsake.Errorf(keepsake.CodeNotFound, "There is no operation %s.", id)
	}
	return o, nil
}

func (f *fakeConsole) OperationLog(
	_ context.Context, _ keepsake.Actor, id string, _ int64, _ int,
) ([]console.LogLine, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.logs[id], nil
}

func (f *fakeConsole) ListOperations(
	_ context.Context, a keepsake.Actor, in console.ListInput,
) (console.OperationPage, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.note(a)
	var page console.OperationPage
	for _, o := range f.operations {
		page.Operations = append(page.Operations, o)
	}
	if in.Cursor == "" && len(page.Operations) > 0 {
		page.Next = "older&page"
	}
	return page, f.listErr
}

func (f *fakeConsole) ListPoints(
	_ context.Context, a keepsake.Actor, in console.PointsInput,
) (console.PointPage, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.note(a)
	page := console.PointPage{Points: f.points}
	if in.Cursor == "" && len(f.points) > 0 {
		page.Next = "older"
	}
	return page, f.listErr
}

func (f *fakeConsole) GetPoint(_ context.Context, a keepsake.Actor, id string) (console.PointDetail, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.note(a)
	for _, p := range f.points {
		if p.ID == id {
			return console.PointDetail{Point: p, Passed: f.passed, Detail: &engine.PointDetail{
				Point:      p.Point,
				LSN:        "0/5A3F2B8",
				SchemaSize: 2048,
				TableList: []engine.PointTable{{
					Schema:    "public",
					Name:      "users",
					Tier:      "critical",
					Kind:      "table",
					Rows:      50,
					Bytes:     1 << 20,
					Chunks:    10,
					ChunksNew: 4,
					Hash:      "00112233445566778899aabbccddeeff",
				}},
				NotCarried: []keepsake.NotCarried{{Kind: "foreign table", Name: "clicks", Reason: "lives elsewhere"}},
			}}, nil
		}
	}
	return console.PointDetail{}, keepsake.Errorf(keepsake.CodeNotFound, "There is no recovery point %s.", id)
}

func (f *fakeConsole) Subscribe(
	ctx context.Context, _ keepsake.Actor, _ string, after int64,
) (<-chan console.Event, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.after = append(f.after, after)
	f.watching <- ctx
	return f.events, nil
}

// fakeAuth knows one account and its sessions.
type fakeAuth struct {
	byItself int // requests that a page has made by itself
	mu       sync.Mutex
	sessions map[string]keepsake.Actor
	down     bool
	next     int
	ended    []string
	busy     bool
	step     time.Time // until when a second step may be taken; zero: none is asked for
}

func newFakeAuth() *fakeAuth { return &fakeAuth{sessions: map[string]keepsake.Actor{}} }

func (f *fakeAuth) SignIn(_ context.Context, in auth.Credentials) (auth.Session, *auth.Step, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.busy {
		return auth.Session{}, nil, &keepsake.Error{
			Code:    keepsake.CodeUnavailable,
			Message: "More people try to sign in just now.",
			Err:     keepsake.Busy{After: 3 * time.Second},
		}
	}
	if in.Email != admin.Name || in.Password.Reveal() != "right" {
		return auth.Session{}, nil, keepsake.Errorf(keepsake.CodeForbidden, "E-mail and password do not match an account.")
	}
	if !f.step.IsZero() {
		return auth.Session{}, &auth.Step{
			Kind:    auth.StepCode,
			Account: admin.ID,
			Email:   admin.Name,
			Until:   f.step,
			State:   "opaque-state",
		}, nil
	}
	return f.start(), nil, nil
}

func (f *fakeAuth) Continue(
	_ context.Context, step auth.Step, code keepsake.Secret, _ auth.Credentials,
) (auth.Session, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if step.State != "opaque-state" || !moment.Before(step.Until) {
		return auth.Session{}, keepsake.Errorf(keepsake.CodeNotFound, "Begin again.")
	}
	switch code.Reveal() {
	case "123456":
		return f.start(), nil
	case "abcd-efgh-ijkl-mnop":
		session := f.start()
		session.Recovered, session.CodesLeft = true, 7
		return session, nil
	}
	return auth.Session{}, keepsake.Errorf(keepsake.CodeForbidden, "That code is not right.")
}

func (f *fakeAuth) start() auth.Session {
	f.next++
	id := "session-" + string(rune('0'+f.next))
	testenv.Secret("a session's token", id)
	f.sessions[id] = admin
	return auth.Session{Token: keepsake.Secret(id), ID: id, Actor: admin}
}

func (f *fakeAuth) Resolve(ctx context.Context, id string) (keepsake.Actor, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if auth.IsByItself(ctx) {
		f.byItself++
	}
	if f.down {
		return keepsake.Actor{}, keepsake.Errorf(keepsake.CodeUnavailable, "the console's database does not answer")
	}
	a, ok := f.sessions[id]
	if !ok {
		return a, keepsake.Errorf(keepsake.CodeForbidden, "this session is over")
	}
	return a, nil
}

func (f *fakeAuth) End(_ context.Context, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.sessions, id)
	f.ended = append(f.ended, id)
	return nil
}
