package console_test

import (
	"sync"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// second is another super admin than admin.
var second = keepsake.Actor{
	ID:   "018f0000-0000-7000-8000-00000000b0b0",
	Name: "bea@example.org",
	Role: keepsake.RoleSuperAdmin,
}

// namesRestores is all that asking for a restore into the live platform takes of the engine.
type namesRestores struct{ console.Scopes }

func (namesRestores) NewRestoreID() string { return "20261123T120000Z-000000000001" }

func needsApproval(d *console.Deps) { d.SecondApprover, d.Platforms[0].Scopes = true, namesRestores{} }

func TestARestoreOfEverythingWaitsForASecondPerson(t *testing.T) {
	t.Parallel()
	w, e, _, server := restorable(t)
	c := w.console(e, needsApproval, func(d *console.Deps) {
		d.Platforms[0].Targets = []console.Target{{Name: "platform server", URL: keepsake.Secret(server)}}
	})
	everything := console.StartRestoreInput{
		Scope:        keepsake.Everything(),
		Point:        "latest",
		Database:     "fresh_one",
		Confirmation: "fresh_one",
	}
	o, err := c.StartRestore(t.Context(), admin, everything)
	if err != nil || o.State != console.StateProposed || !o.State.Active() {
		t.Fatalf("%+v, %v", o, err)
	}
	stop := w.run(c, true)
	defer stop()
	if n := w.count("select count(*) from river.river_job"); n != 0 {
		t.Error("it is in the queue before anybody has approved it")
	}
	refused := func(actor keepsake.Actor, id string, want keepsake.Code) {
		t.Helper()
		if err := c.ApproveOperation(t.Context(), actor, id); keepsake.CodeOf(err) != want || err == nil {
			t.Errorf("%s: %v, want %s", actor.Name, err, want)
		}
	}
	mine := admin // the same person's other session, or a token of theirs
	mine.Session, mine.Permissions = "another", []keepsake.Permission{keepsake.MayRestore}
	reader := second
	reader.Permissions = []keepsake.Permission{keepsake.MayRead, keepsake.MayBackup}
	anew := second // the same person, whose account was made anew
	anew.Name = admin.Name
	late := second
	late.Session, late.ProvenAt = "a session", time.Now().Add(-time.Hour)
	theirs := second
	theirs.Platform, theirs.Organization = "main", "org-1"
	refused(admin, o.ID, keepsake.CodeForbidden)
	refused(mine, o.ID, keepsake.CodeForbidden)
	refused(anew, o.ID, keepsake.CodeForbidden)
	refused(reader, o.ID, keepsake.CodeForbidden)
	refused(theirs, o.ID, keepsake.CodeForbidden)
	refused(late, o.ID, keepsake.CodeProof)
	refused(second, "018f0000-0000-7000-8000-000000000001", keepsake.CodeNotFound)

	// Two approvals at once start it once.
	third := second
	third.ID, third.Name = "018f0000-0000-7000-8000-00000000cccc", "cleo@example.org"
	var wg sync.WaitGroup
	errs := make([]error, 2)
	for i, actor := range []keepsake.Actor{second, third} {
		wg.Go(func() { errs[i] = c.ApproveOperation(t.Context(), actor, o.ID) })
	}
	wg.Wait()
	if (errs[0] == nil) == (errs[1] == nil) {
		t.Errorf("%v and %v, want one that counts", errs[0], errs[1])
	}
	o, err = c.Await(t.Context(), admin, o.ID, time.Minute)
	if err != nil || o.State != console.StateDone || o.RequestedBy != admin.Name || o.ApprovedBy == "" ||
		o.ApprovedAt.IsZero() {
		t.Errorf("%+v, %v", o, err)
	}
	refused(second, o.ID, keepsake.CodeConflict)
	for action, want := range map[string]int{"approval.ask": 1, "approval.give": 10} {
		if n := w.count("select count(*) from audit_log where action = $1 and security = (detail ->> 'code' is distinct "+
			"from 'proof')", action); n != want {
			t.Errorf("%d attempts of %s on record, want %d", n, action, want)
		}
	}
}

// TestSecondApproverIsNotAskedForLessThanEverything, and everything does where no second person is asked for.
func TestSecondApproverIsNotAskedForLessThanEverything(t *testing.T) {
	t.Parallel()
	w, e, plain, server := restorable(t)
	c := w.console(e, needsApproval, func(d *console.Deps) {
		d.Platforms[0].Targets = []console.Target{{Name: "platform server", URL: keepsake.Secret(server)}}
	})
	in := console.StartRestoreInput{
		Scope:        keepsake.Everything(),
		Point:        "latest",
		Database:     "fresh_one",
		Confirmation: "fresh_one",
	}
	if o, err := plain.StartRestore(t.Context(), admin, in); err != nil || o.State != console.StateQueued {
		t.Errorf("without the setting: %s, %v", o.State, err)
	}
	tier, all, wedding := in, in, in
	tier.Scope, all.Scope, wedding.Scope = theTiers(keepsake.TierCritical), theTiers(keepsake.Tiers()...), theWedding("3")
	for want, in := range map[console.State][]console.StartRestoreInput{console.StateQueued: {tier, wedding},
		console.StateProposed: {all}} {
		for _, in := range in {
			if o, err := c.StartRestore(t.Context(), admin, in); err != nil || o.State != want {
				t.Errorf("%+v: %s, %v, want %s", in, o.State, err, want)
			}
		}
	}
	for name, is := range map[string]struct {
		in   console.ScopedInput
		want console.State
	}{
		"everything": {console.ScopedInput{Scope: keepsake.Everything()}, console.StateProposed},
		"all tiers":  {console.ScopedInput{Scope: theTiers(keepsake.Tiers()...)}, console.StateProposed},
		"one tier":   {console.ScopedInput{Scope: theTiers(keepsake.Tiers()[:1]...)}, console.StateQueued},
	} {
		is.in.Point, is.in.Mode = "latest", scope.Rewind
		live := console.RestoreScopeInput{ScopedInput: is.in, Name: "the platform", Confirmation: "the platform"}
		if o, err := c.RestoreScope(t.Context(), admin, live); err != nil || o.State != is.want {
			t.Errorf("%s, live: %s, %v, want %s", name, o.State, err, is.want)
		}
	}
}

func TestAProposalEndsByItself(t *testing.T) {
	t.Parallel()
	w, e, _, server := restorable(t)
	c := w.console(e, needsApproval, func(d *console.Deps) {
		d.Platforms[0].Targets = []console.Target{{Name: "platform server", URL: keepsake.Secret(server)}}
	})
	ask := func() console.Operation {
		t.Helper()
		o, err := c.StartRestore(t.Context(), admin, console.StartRestoreInput{
			Scope:        keepsake.Everything(),
			Point:        "latest",
			Database:     "fresh_one",
			Confirmation: "fresh_one",
		})
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	cancelled, old := ask(), ask()
	if err := c.CancelOperation(t.Context(), second, cancelled.ID); err != nil {
		t.Fatal(err)
	}
	if err := c.ApproveOperation(t.Context(), second, cancelled.ID); keepsake.CodeOf(err) != keepsake.CodeConflict {
		t.Errorf("a cancelled one is approved: %v", err)
	}
	w.tamper("alter table backup_operations no force row level security, disable trigger backup_operations_guard; " +
		"update backup_operations set created_at = now() - interval '5 hours' where id = '" + old.ID +
		"'; alter table backup_operations force row level security, enable trigger backup_operations_guard")
	if err := c.ApproveOperation(t.Context(), second, old.ID); keepsake.CodeOf(err) != keepsake.CodeConflict {
		t.Errorf("one that waited for five hours is approved: %v", err)
	}
	defer w.run(c, true)()
	o, err := c.Await(t.Context(), admin, old.ID, time.Minute)
	if err != nil || o.State != console.StateCancelled {
		t.Errorf("%+v, %v", o, err)
	}
	lines, err := c.OperationLog(t.Context(), admin, old.ID, 0, 0)
	if err != nil || len(lines) != 2 {
		t.Errorf("%+v, %v", lines, err)
	}
}
