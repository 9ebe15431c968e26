package console_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"reflect"
	"regexp"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// theirs are the things of the second organization and of the platform that a call may name.
type theirs struct {
	wedding, point, restore string
	operations              []string // the second organization's, and the platform's
}

// useCase carries one out for an actor and returns what was shown.
type useCase = func(context.Context, keepsake.Actor) (any, error)

// useCases is every use case that is carried out for an actor, asked for what is not that actor's.
func useCases(c *console.Console, x theirs) map[string]useCase {
	operations := func(ask func(ctx context.Context, a keepsake.Actor, id string) (any, error)) useCase {
		return func(ctx context.Context, a keepsake.Actor) (any, error) {
			var shown []any
			var last error
			for _, id := range x.operations {
				v, err := ask(ctx, a, id)
				if err == nil {
					shown = append(shown, v)
				}
				last = err
			}
			return shown, last
		}
	}
	in := rewind(x.wedding)
	return map[string]useCase{
		"ApproveOperation": operations(func(ctx context.Context, a keepsake.Actor, id string) (any, error) {
			return nil, c.ApproveOperation(ctx, a, id)
		}),
		"CancelOperation": operations(func(ctx context.Context, a keepsake.Actor, id string) (any, error) {
			return nil, c.CancelOperation(ctx, a, id)
		}),
		"GetOperation": operations(func(ctx context.Context, a keepsake.Actor, id string) (any,
			error) {
			return c.GetOperation(ctx, a, id)
		}),
		"OperationLog": operations(func(ctx context.Context, a keepsake.Actor, id string) (any, error) {
			return c.OperationLog(ctx, a, id, 0, 0)
		}),
		"Await": operations(func(ctx context.Context, a keepsake.Actor, id string) (any, error) {
			return c.Await(ctx, a, id, time.Second)
		}),
		"Subscribe": operations(func(ctx context.Context, a keepsake.Actor, id string) (any, error) {
			events, err := c.Subscribe(ctx, a, id, 0)
			if err != nil {
				return nil, err
			}
			return <-events, nil
		}),
		// A key is one person's, whoever they are.
		"BeginAnswer": func(ctx context.Context, a keepsake.Actor) (any, error) {
			return c.BeginAnswer(ctx, a, "the key", [32]byte{})
		},
		"EndAnswer": func(ctx context.Context, a keepsake.Actor) (any, error) {
			return nil, c.EndAnswer(ctx, a, "another key", &console.Answer{Status: 200, Body: []byte("mine")})
		},
		"BeginAudit": func(ctx context.Context, a keepsake.Actor) (any, error) { return c.BeginAudit(ctx, a) },
		"ListAudit":  func(ctx context.Context, a keepsake.Actor) (any, error) { return c.ListAudit(ctx, a, audit.Filter{}) },
		"ExportAudit": func(ctx context.Context, a keepsake.Actor) (any, error) {
			var out bytes.Buffer
			err := c.ExportAudit(ctx, a, audit.Filter{}, "jsonl", &out)
			return out.String(), err
		},
		"SealAuditNow":   func(ctx context.Context, a keepsake.Actor) (any, error) { return c.SealAuditNow(ctx, a) },
		"VerifyAudit":    func(ctx context.Context, a keepsake.Actor) (any, error) { return c.VerifyAudit(ctx, a) },
		"ListDuties":     func(ctx context.Context, a keepsake.Actor) (any, error) { return c.ListDuties(ctx, a) },
		"GetSchedule":    func(ctx context.Context, a keepsake.Actor) (any, error) { return c.GetSchedule(ctx, a) },
		"GetRetention":   func(ctx context.Context, a keepsake.Actor) (any, error) { return c.GetRetention(ctx, a, nil) },
		"StartRetention": func(ctx context.Context, a keepsake.Actor) (any, error) { return c.StartRetention(ctx, a, "") },
		"Compliance":     func(ctx context.Context, a keepsake.Actor) (any, error) { return c.Compliance(ctx, a) },
		"Dashboard":      func(ctx context.Context, a keepsake.Actor) (any, error) { return c.Dashboard(ctx, a) },
		"Emergency":      func(ctx context.Context, a keepsake.Actor) (any, error) { return c.Emergency(ctx, a) },
		"Performance":    func(ctx context.Context, a keepsake.Actor) (any, error) { return c.Performance(ctx, a) },
		"EstimateBackup": func(ctx context.Context, a keepsake.Actor) (any, error) {
			return c.EstimateBackup(ctx, a, keepsake.BackupFull)
		},
		"ExplainScope": func(ctx context.Context, a keepsake.Actor) (any, error) { return c.ExplainScope(ctx, a, false) },
		"ExportScope": func(ctx context.Context, a keepsake.Actor) (any, error) {
			return exported(func(out io.Writer) error { return c.ExportScope(ctx, a, in, scope.ExportAs{Format: "json"}, out) })
		},
		"FindDamage": func(ctx context.Context, a keepsake.Actor) (any,
			error) {
			return c.FindDamage(ctx, a, console.ScopedInput{Scope: theWedding(x.wedding)})
		},
		"GetPoint": func(ctx context.Context, a keepsake.Actor) (any, error) { return c.GetPoint(ctx, a, x.point) },
		"GetScopedRestore": func(ctx context.Context, a keepsake.Actor) (any,
			error) {
			return c.GetScopedRestore(ctx, a, x.restore)
		},
		"GetTest": func(ctx context.Context, a keepsake.Actor) (any,
			error) {
			return c.GetTest(ctx, a, x.operations[0])
		},
		"GetWedding": func(ctx context.Context, a keepsake.Actor) (any,
			error) {
			return c.GetWedding(ctx, a, x.wedding)
		},
		"FindContacts": func(ctx context.Context, a keepsake.Actor) (any, error) {
			return c.FindContacts(ctx, a, x.wedding, "")
		},
		"LookAtWedding": func(ctx context.Context, a keepsake.Actor) (any, error) {
			return c.LookAtWedding(ctx, a, x.wedding, x.point)
		},
		"GetWeddingAt": func(ctx context.Context, a keepsake.Actor) (any, error) {
			return c.GetWeddingAt(ctx, a, x.wedding, x.point)
		},
		"GetWeddingChanges": func(ctx context.Context, a keepsake.Actor) (any, error) {
			return c.GetWeddingChanges(ctx, a, x.wedding, x.point, engine.Now)
		},
		"ListOperations": func(ctx context.Context, a keepsake.Actor) (any, error) {
			return c.ListOperations(ctx, a, console.ListInput{})
		},
		"ListOrganizations": func(ctx context.Context, a keepsake.Actor) (any,
			error) {
			return c.ListOrganizations(ctx, a, "", "")
		},
		"ListPoints": func(ctx context.Context, a keepsake.Actor) (any, error) {
			return c.ListPoints(ctx, a, console.PointsInput{})
		},
		"ListTests": func(ctx context.Context, a keepsake.Actor) (any, error) {
			return c.ListTests(ctx, a, console.TestsInput{})
		},
		"ListWeddings": func(ctx context.Context, a keepsake.Actor) (any, error) {
			return c.ListWeddings(ctx, a, console.WeddingsInput{})
		},
		"WeddingsByID": func(ctx context.Context, a keepsake.Actor) (any, error) {
			return c.WeddingsByID(ctx, a, []string{"1", "3", x.wedding, "5"})
		},
		"NeedsSecondApprover": func(ctx context.Context, a keepsake.Actor) (any, error) {
			return c.NeedsSecondApprover(ctx, a, in)
		},
		"PreviewScope": func(ctx context.Context, a keepsake.Actor) (any, error) { return c.PreviewScope(ctx, a, in) },
		"RestoreScope": func(ctx context.Context, a keepsake.Actor) (any, error) {
			return c.RestoreScope(ctx, a, console.RestoreScopeInput{
				ScopedInput:  in,
				Name:         "Couple",
				Confirmation: "Couple",
				Fingerprint:  "x",
			})
		},
		"UndoScope": func(ctx context.Context, a keepsake.Actor) (any, error) { return c.UndoScope(ctx, a, x.restore) },
		"RebuildFromProvider": func(ctx context.Context, a keepsake.Actor) (any, error) {
			return c.RebuildFromProvider(ctx, a, "local")
		},
		"RecordSettings": func(ctx context.Context, a keepsake.Actor) (any, error) {
			return nil, c.RecordSettings(ctx, a, map[string]string{"server.second_approver": "false"})
		},
		"SaveMilestone": func(ctx context.Context, a keepsake.Actor) (any, error) {
			return nil, c.SaveMilestone(ctx, a, console.SaveMilestoneInput{
				WeddingID: x.wedding,
				Name:      "tasting",
				Day:       time.Now(),
			})
		},
		"SavePoint": func(ctx context.Context, a keepsake.Actor) (any, error) {
			return nil, c.SavePoint(ctx, a, console.SavePointInput{ID: x.point})
		},
		"SealTarget": func(ctx context.Context, a keepsake.Actor) (any, error) {
			return c.SealTarget(ctx, a, "postgres://a:b@127.0.0.1:1/x")
		},
		"StartVerify": func(ctx context.Context, a keepsake.Actor) (any, error) {
			return c.StartVerify(ctx, a, console.StartVerifyInput{})
		},
		"CheckProvider": func(ctx context.Context, a keepsake.Actor) (any, error) {
			return nil, c.CheckProvider(ctx, a, "local")
		},
		"StartRepair": func(ctx context.Context, a keepsake.Actor) (any, error) {
			return c.StartRepair(ctx, a)
		},
		"StartBackup": func(ctx context.Context, a keepsake.Actor) (any, error) {
			return c.StartBackup(ctx, a, console.StartBackupInput{Type: keepsake.BackupIncremental, WeddingID: x.wedding})
		},
		"StartRestore": func(ctx context.Context, a keepsake.Actor) (any, error) {
			return c.StartRestore(ctx, a, console.StartRestoreInput{
				Point:        x.point,
				Scope:        theWedding(x.wedding),
				Database:     "x",
				Confirmation: "x",
			})
		},
	}
}

// notTheirs are words that nobody of the first organization may be shown: of couples, guests and people of the second
// and of the platform, and what those wrote.
var notTheirs = regexp.MustCompile(
	`Couple [3-6]|Guest \d+ of [3-6]|Rose & Oak|Rose \\u0026 Oak|` +
		`two@example|amelia@example|final_payment|what only they know`)

// TestNoUseCaseShowsAnotherOrganization calls every use case of the console that has an actor, as an organization's
// admin who asks for what is another's: nothing of it is shown, and nothing is changed. A use case that is added is
// missing in useCases, and fails it.
func TestNoUseCaseShowsAnotherOrganization(t *testing.T) {
	t.Parallel()
	w := newOrgWorld(t)
	ctx := t.Context()
	x := w.theirs()
	// Read by others first: what is kept in memory for them is not for everybody.
	for _, actor := range []keepsake.Actor{admin, ofSecond} {
		for _, name := range []string{"Dashboard", "Emergency", "Performance", "ListWeddings", "ListPoints"} {
			if _, err := useCases(w.c, x)[name](ctx, actor); err != nil {
				t.Fatalf("%s by %s: %v", name, actor.Name, err)
			}
		}
	}
	const others = `select coalesce(hashtext(string_agg(r, ',' order by r)), 0) from (
		select o::text r from backup_operations o where organization is distinct from '1' union all select m::text
			from wedding_milestones m
		union all select p::text from recovery_points p union all select k::text from idempotency_keys k
			where actor_id <> '11') all_rows`
	before := w.count(others)
	cases := useCases(w.c, x)
	showNothing(t, reflect.TypeFor[*console.Console](), cases)
	if w.count(others) != before {
		t.Error("rows that are not theirs were changed")
	}
	// The audit trail after an export: the newest entries would else be refusals of the first organization's alone.
	showAll(t, cases, "Dashboard", "ListWeddings", "GetWedding", "ListPoints", "GetOperation", "PreviewScope",
		"GetScopedRestore",
		"ExportScope", "ListAudit")
}

// exported returns what is shown by an archive: it is compressed, and any byte of it is too much.
func exported(take func(io.Writer) error) (any, error) {
	var out bytes.Buffer
	err := take(&out)
	if out.Len() > 0 {
		return "what only they know", err
	}
	return nil, err
}

// showNothing calls each method of kind that has an actor as an organization's admin: nothing of another's is shown.
func showNothing(t *testing.T, kind reflect.Type, cases map[string]useCase) {
	t.Helper()
	for i := range kind.NumMethod() {
		m := kind.Method(i)
		if m.Type.NumIn() < 3 || m.Type.In(2) != reflect.TypeFor[keepsake.Actor]() {
			continue
		}
		call := cases[m.Name]
		if call == nil {
			t.Errorf("%s is a use case: say how one asks it for what is another's", m.Name)
			continue
		}
		shown, err := call(t.Context(), ofFirst)
		if err != nil && keepsake.CodeOf(err) == keepsake.CodeInternal {
			t.Errorf("%s: %v", m.Name, err)
		}
		raw, jsonErr := json.Marshal(shown)
		if jsonErr != nil {
			t.Fatal(jsonErr)
		}
		if found := notTheirs.Find(raw); found != nil {
			t.Errorf("%s shows %q: %s", m.Name, found, raw)
		}
	}
}

// showAll: the words are there to be seen, by a super admin of the platform.
func showAll(t *testing.T, cases map[string]useCase, names ...string) {
	t.Helper()
	for _, name := range names {
		shown, err := cases[name](t.Context(), admin)
		raw, _ := json.Marshal(shown)
		if err != nil || !notTheirs.Match(raw) {
			t.Errorf("%s shows a super admin of the platform nothing of them: %v: %s", name, err, raw)
		}
	}
}

// theirs makes what an admin of the second organization and one of the platform have begun, ended and written.
func (w *orgWorld) theirs() theirs {
	w.t.Helper()
	ctx := w.t.Context()
	done := func(a keepsake.Actor, o console.Operation, err error) string {
		w.t.Helper()
		if err == nil {
			o, err = w.c.Await(ctx, a, o.ID, time.Minute)
		}
		if err != nil || o.State != console.StateDone {
			w.t.Fatalf("%+v, %v", o, err)
		}
		return o.ID
	}
	points, err := w.c.ListPoints(ctx, admin, console.PointsInput{})
	if err != nil {
		w.t.Fatal(err)
	}
	x := theirs{wedding: "4", point: points.Points[0].ID}
	in := console.ScopedInput{Scope: theWedding(x.wedding), Point: x.point, Mode: scope.Missing}
	p, err := w.c.PreviewScope(ctx, ofSecond, in)
	if err != nil {
		w.t.Fatal(err)
	}
	o, err := w.c.RestoreScope(ctx, ofSecond, console.RestoreScopeInput{
		ScopedInput:  in,
		Fingerprint:  p.Fingerprint,
		Name:         p.Name,
		Confirmation: p.Name,
	})
	x.operations = append(x.operations, done(ofSecond, o, err))
	if o, err = w.c.GetOperation(ctx, ofSecond, x.operations[0]); err != nil || o.Asked == nil {
		w.t.Fatalf("%+v, %v", o, err)
	}
	x.restore = o.Asked.Restore
	o, err = w.c.StartBackup(ctx, admin, console.StartBackupInput{Type: keepsake.BackupFull, Note: "what only they know"})
	x.operations = append(x.operations, done(admin, o, err))
	o, err = w.c.StartVerify(ctx, admin, console.StartVerifyInput{})
	x.operations = append(x.operations, done(admin, o, err))
	for _, a := range []keepsake.Actor{admin, ofSecond} {
		if _, err := w.c.BeginAnswer(ctx, a, "the key", [32]byte{}); err != nil {
			w.t.Fatal(err)
		}
		if err := w.c.EndAnswer(ctx, a, "the key", &console.Answer{Status: 200, Body: []byte("what only they know")}); err !=
			nil {
			w.t.Fatal(err)
		}
	}
	if err := w.c.SaveMilestone(ctx, ofSecond, console.SaveMilestoneInput{
		WeddingID: x.wedding,
		Name:      "what only they know",
		Day:       time.Now(),
	}); err != nil {
		w.t.Fatal(err)
	}
	return x
}
