package console_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/policy"
)

// restoresAtOnce is a live platform whose restores end as soon as they begin, as broken says.
type restoresAtOnce struct {
	console.Scopes
	names  atomic.Int64
	broken atomic.Bool
	undo   scope.Undo // what ReadUndo finds
}

func (r *restoresAtOnce) NewRestoreID() string {
	return fmt.Sprintf("20261123T120000Z-%012d", r.names.Add(1))
}

func (r *restoresAtOnce) ApplyScope(_ context.Context, _ engine.ScopeInput, a engine.ScopeApply, _ engine.Reporter) (
	engine.ScopeResult, error) {
	if r.broken.Load() {
		return engine.ScopeResult{}, keepsake.Errorf(keepsake.CodeConflict, "the platform has changed")
	}
	return engine.ScopeResult{Restore: a.Restore, Name: a.Name, Point: "20261123T070000Z-aa"}, nil
}

func (r *restoresAtOnce) TakeBack(_ context.Context, _ string, a engine.ScopeApply, _ engine.Reporter) (
	engine.ScopeResult, error) {
	return engine.ScopeResult{Restore: a.Restore, Name: a.Name, Point: "20261123T070000Z-aa"}, nil
}

func (r *restoresAtOnce) ReadUndo(_ context.Context, restore string) (*scope.Undo, error) {
	u := r.undo
	u.Restore = restore
	return &u, nil
}

// approvers is a console that asks for a second approver, on a platform of forty weddings.
type approvers struct {
	*world
	c      *console.Console
	scopes *restoresAtOnce
	e      *fakeEngine
	fresh  int
}

func withApprovers(t *testing.T) *approvers {
	t.Helper()
	w, e, _, server := restorable(t)
	e.all = 40
	a := &approvers{world: w, e: e, scopes: &restoresAtOnce{}}
	a.c = w.console(e, func(d *console.Deps) {
		d.SecondApprover, d.Platforms[0].Scopes, d.Platforms[0].Targets = true, a.scopes,
			[]console.Target{{Name: "platform server", URL: keepsake.Secret(server)}}
	})
	return a
}

// asks asks for a restore, live or into a new database, after looking at what the console says before.
func (a *approvers) asks(actor keepsake.Actor, in console.ScopedInput, live bool) console.Operation {
	a.t.Helper()
	in.Point, in.Mode = "latest", scope.Rewind
	why, err := a.c.NeedsSecondApprover(a.t.Context(), actor, in)
	if err != nil {
		a.t.Fatal(err)
	}
	var o console.Operation
	if live {
		o, err = a.c.RestoreScope(a.t.Context(), actor,
			console.RestoreScopeInput{ScopedInput: in, Name: "it", Confirmation: "it"})
	} else {
		a.fresh++
		name := fmt.Sprint("fresh_", a.fresh)
		o, err = a.c.StartRestore(a.t.Context(), actor,
			console.StartRestoreInput{Point: "latest", Database: name, Confirmation: name, Scope: in.Scope})
	}
	if err != nil {
		a.t.Fatal(err)
	}
	if (o.State == console.StateProposed) != (why != "") {
		a.t.Errorf("%+v: it is %s after %q was said before", in, o.State, why)
	}
	return o
}

func (a *approvers) wants(actor keepsake.Actor, in console.ScopedInput, live bool,
	want console.State) console.Operation {
	a.t.Helper()
	o := a.asks(actor, in, live)
	if o.State != want {
		a.t.Errorf("%+v, live %v: %s, want %s", in, live, o.State, want)
	}
	return o
}

func ofTiers(t ...keepsake.Tier) console.ScopedInput {
	return console.ScopedInput{Scope: theTiers(t...)}
}
func ofWedding(id string) console.ScopedInput { return console.ScopedInput{Scope: theWedding(id)} }
func ofOrganization(id string) console.ScopedInput {
	return console.ScopedInput{Scope: theOrganization(id)}
}

const twoKinds = 2 // live, and into a new database

// TestSplittingDoesNotPassTheSecondApprover: tier by tier, organization by organization, wedding by wedding, through
// either way.
func TestSplittingDoesNotPassTheSecondApprover(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ alone, last []console.ScopedInput }{
		"tiers": {[]console.ScopedInput{ofTiers(keepsake.TierCritical, keepsake.TierHigh)},
			[]console.ScopedInput{ofTiers(keepsake.TierStandard)}},
		"tier by tier": {[]console.ScopedInput{ofTiers(keepsake.TierStandard), ofTiers(keepsake.TierHigh)},
			[]console.ScopedInput{ofTiers(keepsake.TierCritical)}},
		"organizations": {[]console.ScopedInput{ofOrganization("org-1")},
			[]console.ScopedInput{ofOrganization("org-2"), ofOrganization("org-3")}},
		"weddings": {[]console.ScopedInput{ofWedding("1"), ofWedding("2"), ofWedding("3"), ofWedding("4")},
			[]console.ScopedInput{ofWedding("5"), ofWedding("6")}},
		"the same once more": {[]console.ScopedInput{ofWedding("1"), ofWedding("2"),
			ofWedding("3"), ofWedding("4"), ofWedding("1")}, []console.ScopedInput{ofWedding("5")}},
		"weddings beside them": {[]console.ScopedInput{ofTiers(keepsake.TierCritical, keepsake.TierHigh), ofWedding("1")},
			[]console.ScopedInput{ofTiers(keepsake.TierStandard)}},
	} {
		for turn := range twoKinds {
			t.Run(fmt.Sprint(name, turn), func(t *testing.T) {
				t.Parallel()
				a := withApprovers(t)
				token := admin // one person's browser and script are one person
				token.Permissions = []keepsake.Permission{keepsake.MayRead, keepsake.MayRestore}
				for i, in := range c.alone {
					a.wants([]keepsake.Actor{admin, token}[i%2], in, (turn+i)%2 == 0, console.StateQueued)
				}
				for i, in := range c.last {
					a.wants([]keepsake.Actor{token, admin}[i%2], in, (turn+i)%2 == 0, console.StateProposed)
				}
			})
		}
	}
}

// TestSecondApproverCountsARetryOnce: what failed may be tried again by whoever was refused nothing, and still counts
// with what comes after it.
func TestSecondApproverCountsARetryOnce(t *testing.T) {
	t.Parallel()
	a := withApprovers(t)
	stop := a.run(a.c, true)
	defer stop()
	a.scopes.broken.Store(true)
	two := ofTiers(keepsake.TierCritical, keepsake.TierHigh)
	for range 3 {
		o := a.wants(admin, two, true, console.StateQueued)
		if o, err := a.c.Await(t.Context(), admin, o.ID, time.Minute); err != nil || o.State != console.StateFailed ||
			o.Point != a.e.points[0].ID { // and not "latest", which was asked for
			t.Fatalf("%+v, %v", o, err)
		}
	}
	a.wants(admin, ofTiers(keepsake.TierStandard), true, console.StateProposed)
	a.wants(admin, two, true, console.StateQueued)
}

// TestSecondApproverCountsPeopleTogether, live, as long as it is there: one person's two accounts look like two
// people.
func TestSecondApproverCountsPeopleTogether(t *testing.T) {
	t.Parallel()
	a := withApprovers(t)
	defer a.run(a.c, true)()
	done := func(o console.Operation, err error) console.Operation {
		t.Helper()
		if err == nil {
			o, err = a.c.Await(t.Context(), admin, o.ID, time.Minute)
		}
		if err != nil || o.State != console.StateDone {
			t.Fatalf("%+v, %v", o, err)
		}
		return o
	}
	o := done(a.wants(admin, ofTiers(keepsake.TierCritical, keepsake.TierHigh), true, console.StateQueued), nil)
	asked := a.wants(second, ofTiers(keepsake.TierStandard), true, console.StateProposed)

	// Approved by the other one it starts, and counts against nobody afterwards.
	if err := a.c.ApproveOperation(t.Context(), admin, asked.ID); err != nil {
		t.Fatal(err)
	}
	done(asked, nil)

	// Taken back it is not there any more; an undo of that brings it back after all.
	done(a.c.UndoScope(t.Context(), admin, o.Asked.Restore))
	done(a.wants(second, ofTiers(keepsake.TierStandard), true, console.StateQueued), nil)
	a.scopes.undo.Of = o.Asked.Restore
	if o, err := a.c.UndoScope(t.Context(), admin, "20261123T120000Z-00000000000f"); err != nil ||
		o.State != console.StateProposed {
		t.Errorf("an undo of an undo: %+v, %v", o, err)
	}
}

// TestSecondApproverCountsFromTheEnd: a restore that waited or ran for more than a day came back when it ended.
func TestSecondApproverCountsFromTheEnd(t *testing.T) {
	t.Parallel()
	a := withApprovers(t)
	o := a.wants(admin, ofTiers(keepsake.TierCritical, keepsake.TierHigh), false, console.StateQueued)
	for _, c := range []struct {
		set  string
		last console.State
	}{
		{"created_at = now() - interval '40 hours'", console.StateProposed}, // it waits still
		{"state = 'cancelled', cancel_requested_at = now(), attempt = 1, started_at = now() - interval '39 hours', " +
			"finished_at = now() - interval '23 hours'", console.StateProposed},
		{"finished_at = now() - interval '25 hours'", console.StateQueued},
	} {
		a.tamper("alter table backup_operations no force row level security, disable trigger user; " +
			"update backup_operations set " + c.set + " where id = '" + o.ID + "'; " +
			"alter table backup_operations force row level security, enable trigger user")
		a.wants(admin, ofTiers(keepsake.TierStandard), false, c.last)
	}
}

// TestSecondApproverWithTwoRequestsAtOnce asks for the last two tiers, each of which would complete the database, and
// for nine weddings at once.
func TestSecondApproverWithTwoRequestsAtOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		asked func(int) console.ScopedInput
		n     int
		alone int
	}{
		"tiers":    {func(i int) console.ScopedInput { return ofTiers(keepsake.Tiers()[i%3]) }, 3, 2},
		"weddings": {func(i int) console.ScopedInput { return ofWedding(fmt.Sprint(i)) }, 9, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := withApprovers(t)
			states := make([]console.State, c.n)
			var wg sync.WaitGroup
			for i := range c.n {
				wg.Go(func() {
					in := c.asked(i)
					in.Point, in.Mode = "latest", scope.Missing
					o, err := a.c.RestoreScope(t.Context(), admin,
						console.RestoreScopeInput{ScopedInput: in, Name: "it", Confirmation: "it"})
					if err != nil {
						t.Error(err)
					}
					states[i] = o.State
				})
			}
			wg.Wait()
			alone := 0
			for _, s := range states {
				if s == console.StateQueued {
					alone++
				}
			}
			if alone != c.alone {
				t.Errorf("%v: %d began alone, want %d", states, alone, c.alone)
			}
		})
	}
}

// TestAnOrganizationsAdminCountsTogetherWithOthers although they see none of the others' operations.
func TestAnOrganizationsAdminCountsTogetherWithOthers(t *testing.T) {
	t.Parallel()
	w := newOrgWorld(t)
	c := w.console(w.e, func(d *console.Deps) {
		d.Platforms[0].Scopes, d.SecondApprover, d.Alone = w.e, true, &policy.Alone{Weddings: 1, Share: 20}
	})
	ask := func(actor keepsake.Actor, wedding string) console.Operation {
		t.Helper()
		in := console.ScopedInput{Scope: theWedding(wedding), Point: "latest", Mode: scope.Missing}
		o, err := c.RestoreScope(t.Context(), actor,
			console.RestoreScopeInput{ScopedInput: in, Name: "it", Confirmation: "it"})
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	if o := ask(admin, "4"); o.State != console.StateQueued {
		t.Errorf("the first: %s", o.State)
	}
	o := ask(ofFirst, "1")
	lines, err := c.OperationLog(t.Context(), ofFirst, o.ID, 0, 0)
	said := func(words string) bool {
		return slices.ContainsFunc(lines, func(l console.LogLine) bool { return strings.Contains(l.Message, words) })
	}
	if err != nil || o.State != console.StateProposed ||
		!said("with what else came back within a day it is more than may be brought back alone") || said("platform's 5") {
		t.Errorf("the second: %s, %+v, %v", o.State, lines, err)
	}
	why, err := c.NeedsSecondApprover(t.Context(), ofFirst,
		console.ScopedInput{Scope: theWedding("1"), Point: "latest", Mode: scope.Missing})
	if err != nil || strings.ContainsAny(why, "0123456789") {
		t.Errorf("they are told how many weddings others have: %q, %v", why, err)
	}
	for _, what := range []keepsake.Scope{theWedding("4"), theOrganization("2"), keepsake.Everything(),
		theTiers(keepsake.TierCritical)} {
		in := console.ScopedInput{Scope: what, Point: "latest", Mode: scope.Missing}
		if why, err := c.NeedsSecondApprover(t.Context(), ofFirst, in); keepsake.CodeOf(err) != keepsake.CodeForbidden ||
			why != "" {
			t.Errorf("%+v, which is not theirs: %q, %v", in, why, err)
		}
	}
}

// TestNobodyPassesTheSecondApproverByName: an organization that is written otherwise has its weddings, one that lost
// them today has those of the recovery point, one of which nobody knows a wedding may have any number, and a tier
// without tables keeps nothing out.
func TestNobodyPassesTheSecondApproverByName(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in      console.ScopedInput
		without string
		want    console.State
	}{
		"two of three tiers": {ofTiers(keepsake.TierCritical, keepsake.TierStandard), "", console.StateQueued},
		"all tiers that hold tables": {ofTiers(keepsake.TierCritical, keepsake.TierStandard),
			"high", console.StateProposed},
		"an organization":                  {ofOrganization("org-1"), "", console.StateQueued},
		"an organization nobody knows":     {ofOrganization("org-9"), "", console.StateProposed},
		"an organization in capitals":      {ofOrganization("ORG-1"), "", console.StateQueued},
		"an organization in many capitals": {ofOrganization("MANY"), "", console.StateProposed},
		"one that has lost its weddings":   {ofOrganization("many"), "", console.StateProposed},
	} {
		for turn := range twoKinds {
			t.Run(fmt.Sprint(name, turn), func(t *testing.T) {
				t.Parallel()
				a := withApprovers(t)
				a.e.without, a.e.then = c.without, 9
				a.wants(admin, c.in, turn == 0, c.want)
			})
		}
	}
}

// TestAForgedRestoreStartsNothing: whoever has the console database's working role puts a restore into the queue as if
// it needed no approval, with an entry in somebody's name. The worker judges it again and begins nothing.
func TestAForgedRestoreStartsNothing(t *testing.T) {
	t.Parallel()
	a := withApprovers(t)
	a.scopes.undo.Of = "20261123T120000Z-00000000000e" // so that an undo of it brings everything back
	forge := func(kind, action, restore string) string {
		t.Helper()
		id := uuid.Must(uuid.NewV7()).String()
		err := a.db.InTx(t.Context(), keepsake.System("test"), func(tx db.Tx) error {
			_, err := tx.PG.Exec(t.Context(), `insert into backup_operations (platform, id, kind, state, requested_by,
				requested_name, target, target_database, point_id, restore)
				select 'main', $1, $2, 'queued', '1', 'amelia@example.org', t, case when t = '' then '' else 'forged' end, $3, $4
				from (select case when $2 = 'restore' then 'platform server' else '' end) v (t)`,
				id, kind, a.e.points[0].ID, restore)
			if err != nil {
				return err
			}
			return audit.Record(t.Context(), tx, admin,
				audit.Entry{Action: audit.Action(action), Target: id, Outcome: audit.Allowed})
		})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	forged := []string{
		forge("restore", "restore.start", `{"scope": {"everything": true}}`),
		forge("scoped", "scope.restore", `{"scope": {"everything": true}, "mode": "rewind"}`),
		forge("scoped", "scope.undo", `{"undo_of": "20261123T120000Z-00000000000f"}`),
	}
	a.run(a.c, true)
	for _, id := range forged {
		if o := await(t, a.c, id, console.StateFailed); o.ErrorCode != keepsake.CodeForbidden ||
			!strings.Contains(o.ErrorMessage, "No approval is on record") {
			t.Errorf("%s: %s %q", o.Kind, o.ErrorCode, o.ErrorMessage)
		}
	}
	if n := len(a.e.restores); n != 0 {
		t.Errorf("%d restores began", n)
	}
	// What one person may bring back alone starts as before.
	o := a.wants(admin, ofWedding("1"), true, console.StateQueued)
	await(t, a.c, o.ID, console.StateDone)
}
