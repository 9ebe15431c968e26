package console_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// orgWorld is a real platform of two organizations with a recovery point, and a console that works on it. Weddings 1 to
// 3 are the first organization's, 4 to 6 the second's; since the recovery point, 3 has moved to the second, and 2 is
// gone.
type orgWorld struct {
	*world
	conn *pgx.Conn
	e    *engine.Engine
	c    *console.Console
}

var (
	ofFirst = keepsake.Actor{
		ID:           "11",
		Name:         "one@example.org",
		Role:         keepsake.RoleSuperAdmin,
		Platform:     "main",
		Organization: "1",
	}
	ofSecond = keepsake.Actor{
		ID:           "12",
		Name:         "two@example.org",
		Role:         keepsake.RoleSuperAdmin,
		Platform:     "main",
		Organization: "2",
	}
)

func newOrgWorld(t *testing.T) *orgWorld {
	t.Helper()
	platform := testenv.DB(t)
	conn, err := pgx.Connect(t.Context(), platform)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	w := &orgWorld{world: newWorld(t), conn: conn, e: realEngine(t, platform)}
	w.exec(`create table organizations (id int primary key, name text);
		create table suppliers (id int primary key, name text, phone text);
		create table weddings (id int primary key, couple text, wedding_date date, organization_id int references
			organizations);
		create table bookings (id int primary key, wedding_id int references weddings, supplier_id int references suppliers);
		create table guests (id int primary key, wedding_id int references weddings, name text);
		insert into organizations values (1, 'The Orchard Barn'), (2, 'Rose & Oak');
		insert into suppliers values (1, 'Rose & Thistle', '+44 1632 960001');
		insert into weddings select i, 'Couple ' || i, current_date + 10 * i, case when i <= 3 then 1 else 2 end
			from generate_series(1, 6) i;
		insert into bookings select i, i, 1 from generate_series(1, 6) i;
		insert into guests select i, 1 + i % 6, 'Guest ' || i || ' of ' || (1 + i % 6) from generate_series(1, 60) i`)
	_, err = w.e.Backup(t.Context(), engine.BackupInput{
		Type:   keepsake.BackupFull,
		Note:   "before Couple 4 pays",
		Labels: map[string]string{"why": "Couple 5"},
		Weddings: []keepsake.WeddingMark{{WeddingID: "1", Date: "2030-01-01", Milestone: "tasting"},
			{WeddingID: "4", Date: "2030-01-01", Milestone: "final_payment"}},
	}, engine.Discard)
	if err != nil {
		t.Fatal(err)
	}
	w.exec(`update weddings set organization_id = 2 where id = 3;
		delete from guests where wedding_id in (1, 2, 4); delete from bookings where wedding_id = 2; delete from weddings
			where id = 2`)
	w.c = w.console(w.e, func(d *console.Deps) { d.Platforms[0].Scopes = w.e })
	if err := w.c.SyncPoints(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.run(w.c, true)
	return w
}

func (w *orgWorld) exec(sql string) {
	w.t.Helper()
	if _, err := w.conn.Exec(w.t.Context(), sql); err != nil {
		w.t.Fatal(err)
	}
}

// rewind asks for a wedding back; "" names none.
func rewind(wedding string) console.ScopedInput {
	in := console.ScopedInput{Point: "latest", Mode: scope.Rewind}
	if wedding != "" {
		in.Scope = theWedding(wedding)
	}
	return in
}

// TestPermissionsAreSeparate: whoever may read may not take out, and whoever may restore may not read.
func TestPermissionsAreSeparate(t *testing.T) {
	t.Parallel()
	c, ctx := newOrgWorld(t).c, t.Context()
	for name, x := range map[string]struct {
		needs keepsake.Permission
		call  func(keepsake.Actor) error
	}{
		"preview": {keepsake.MayRead, func(a keepsake.Actor) error {
			_, err := c.PreviewScope(ctx, a, rewind("1"))
			return err
		}},
		"read": {keepsake.MayRead, func(a keepsake.Actor) error {
			_, err := c.GetWeddingAt(ctx, a, "1", "latest")
			return err
		}},
		"export": {keepsake.MayExport, func(a keepsake.Actor) error {
			return c.ExportScope(ctx, a, rewind("1"), scope.ExportAs{Format: "json"}, &bytes.Buffer{})
		}},
		"restore": {keepsake.MayRestore, func(a keepsake.Actor) error {
			_, err := c.RestoreScope(ctx, a, console.RestoreScopeInput{
				ScopedInput:  rewind("1"),
				Name:         "Couple",
				Confirmation: "no",
			})
			return err
		}},
	} {
		for _, given := range []keepsake.Permission{keepsake.MayRead,
			keepsake.MayBackup, keepsake.MayRestore, keepsake.MayExport} {
			token := admin
			token.Permissions = []keepsake.Permission{given}
			err := x.call(token)
			if refused := keepsake.CodeOf(err) == keepsake.CodeForbidden && err != nil; refused == (given == x.needs) {
				t.Errorf("%s with nothing but %s: %v", name, given, err)
			}
		}
	}
}

// TestAnOrganizationsAdminReachesItsWeddingsOnly: of every call that names a wedding, each organization's admin is let
// through to its own and refused every other; the wedding that moved is refused to both wherever rows of then are
// shown; one that is gone is judged by the recovery point.
func TestAnOrganizationsAdminReachesItsWeddingsOnly(t *testing.T) {
	t.Parallel()
	w := newOrgWorld(t)
	ctx, c := t.Context(), w.c
	calls := map[string]func(actor keepsake.Actor, wedding string) error{
		"preview": func(a keepsake.Actor, id string) error { _, err := c.PreviewScope(ctx, a, rewind(id)); return err },
		"read":    func(a keepsake.Actor, id string) error { _, err := c.GetWeddingAt(ctx, a, id, "latest"); return err },
		"changes": func(a keepsake.Actor, id string) error {
			_, err := c.GetWeddingChanges(ctx, a, id, "latest", engine.Now)
			return err
		},
		"damage": func(a keepsake.Actor, id string) error {
			of, _ := keepsake.WeddingScope(id) // "" is none, and is refused
			_, err := c.FindDamage(ctx, a, console.ScopedInput{Scope: of})
			return err
		},
		"export": func(a keepsake.Actor, id string) error {
			return c.ExportScope(ctx, a, rewind(id), scope.ExportAs{Format: "json"}, &bytes.Buffer{})
		},
		// a confirmation that is wrong: who may not, must not come that far
		"restore": func(a keepsake.Actor, id string) error {
			_, err := c.RestoreScope(ctx, a, console.RestoreScopeInput{
				ScopedInput:  rewind(id),
				Name:         "Couple",
				Confirmation: "no",
			})
			return err
		},
	}
	for name, call := range calls {
		for _, x := range []struct {
			actor   keepsake.Actor
			wedding string
			may     bool
		}{
			{ofFirst, "1", true}, {ofFirst, "2", true}, {ofFirst, "3", false}, {ofFirst, "4", false}, {ofFirst, "99", false},
			{ofFirst, "", false},
			{ofSecond, "1", false}, {ofSecond, "2", false}, {ofSecond, "3", false}, {ofSecond, "4", true},
			{admin, "1", true}, {admin, "3", true},
		} {
			err := call(x.actor, x.wedding)
			if refused := keepsake.CodeOf(err) == keepsake.CodeForbidden && err != nil; refused == x.may {
				t.Errorf("%s of wedding %q by %s: %v, want it allowed: %v", name, x.wedding, x.actor.Name, err, x.may)
			}
		}
	}
	// What is wider than a wedding is refused, with words, their own organization included.
	for _, what := range []keepsake.Scope{{}, keepsake.Everything(),
		theTiers(keepsake.TierCritical), theOrganization("1")} {
		in := console.ScopedInput{Scope: what, Point: "latest", Mode: scope.Missing}
		_, previewed := c.PreviewScope(ctx, ofFirst, in)
		for name, err := range map[string]error{"preview": previewed,
			"export": c.ExportScope(ctx, ofFirst, in, scope.ExportAs{Format: "csv"}, &bytes.Buffer{})} {
			if err == nil || keepsake.CodeOf(err) != keepsake.CodeForbidden ||
				!strings.Contains(err.Error(), "concerns the whole platform") {
				t.Errorf("%s of %+v: %v", name, in, err)
			}
		}
	}
	if n := w.count("select count(*) from audit_log where outcome = 'allowed' and organization in ('1', '2') and target " +
		"in ('3', '99', '') and action like 'scope.%'"); n != 0 {
		t.Errorf("%d attempts are on record as allowed that were not", n)
	}
	if n := w.count("select count(*) from audit_log where outcome = 'refused' and organization = '1' " +
		"and target = '4'"); n != len(calls) {
		t.Errorf("%d refusals are on record, want %d", n, len(calls))
	}
}

// TestAnOrganizationsAdminBringsAWeddingBack: a preview of nothing but that wedding, the restore as an operation that
// the organization sees and no other does, and the undo.
func TestAnOrganizationsAdminBringsAWeddingBack(t *testing.T) {
	t.Parallel()
	w := newOrgWorld(t)
	ctx, c := t.Context(), w.c
	p, err := c.PreviewScope(ctx, ofFirst, rewind("1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range p.Tables {
		for _, change := range table.Changes {
			for _, v := range append(change.Before, change.After...) {
				if v != nil && strings.HasPrefix(*v, "Guest ") && !strings.HasSuffix(*v, " of 1") {
					t.Errorf("the preview of wedding 1 shows %s", *v)
				}
			}
		}
	}
	o, err := c.RestoreScope(ctx, ofFirst, console.RestoreScopeInput{
		ScopedInput:  rewind("1"),
		Fingerprint:  p.Fingerprint,
		Name:         p.Name,
		Confirmation: p.Name,
	})
	if err != nil {
		t.Fatal(err)
	}
	if o, err = c.Await(ctx, ofFirst, o.ID, time.Minute); err != nil || o.State != console.StateDone ||
		o.Scoped.Applied.Inserted != 10 {
		t.Fatalf("%+v, %v", o, err)
	}
	if _, err := c.GetOperation(ctx, ofSecond, o.ID); keepsake.CodeOf(err) != keepsake.CodeNotFound {
		t.Errorf("another organization sees the operation: %v", err)
	}
	if err := c.CancelOperation(ctx, ofSecond, o.ID); keepsake.CodeOf(err) != keepsake.CodeNotFound {
		t.Errorf("another organization cancels the operation: %v", err)
	}
	restore := o.Asked.Restore
	if u, err := c.GetScopedRestore(ctx, ofFirst, restore); err != nil || u.Rows() != 10 {
		t.Errorf("what it changed: %v", err)
	}
	if _, err := c.GetScopedRestore(ctx, ofSecond, restore); keepsake.CodeOf(err) != keepsake.CodeForbidden {
		t.Errorf("another organization reads what it changed: %v", err)
	}
	if _, err := c.UndoScope(ctx, ofSecond, restore); keepsake.CodeOf(err) != keepsake.CodeForbidden {
		t.Errorf("another organization takes it back: %v", err)
	}
	undo, err := c.UndoScope(ctx, ofFirst, restore)
	if err != nil {
		t.Fatal(err)
	}
	if undo, err = c.Await(ctx, ofFirst, undo.ID, time.Minute); err != nil || undo.State != console.StateDone {
		t.Errorf("undo: %+v, %v", undo, err)
	}
	// What a super admin of the platform restores of everything is no organization's to look at.
	p, err = c.PreviewScope(ctx, admin, rewind("4"))
	if err != nil {
		t.Fatal(err)
	}
	o, err = c.RestoreScope(ctx, admin, console.RestoreScopeInput{
		ScopedInput:  rewind("4"),
		Fingerprint:  p.Fingerprint,
		Name:         p.Name,
		Confirmation: p.Name,
	})
	if err == nil {
		o, err = c.Await(ctx, admin, o.ID, time.Minute)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.GetScopedRestore(ctx, ofFirst, o.Asked.Restore); keepsake.CodeOf(err) != keepsake.CodeForbidden {
		t.Errorf("the restore of another organization's wedding: %v", err)
	}
}

// TestAnOrganizationsAdminSeesItsFactsOnly: weddings, milestones, backups, and of recovery points that they are there,
// and nothing that was written about others.
func TestAnOrganizationsAdminSeesItsFactsOnly(t *testing.T) {
	t.Parallel()
	w := newOrgWorld(t)
	ctx, c := t.Context(), w.c
	page, err := c.ListWeddings(ctx, ofFirst, console.WeddingsInput{})
	// Their wedding that the platform has lost stands first; one that is another organization's now is not there.
	if err != nil || len(page.Weddings) != 2 || page.Weddings[0].ID != "2" || !page.Weddings[0].Gone ||
		page.Weddings[1].ID != "1" || page.Weddings[1].Gone || page.Newest == nil || page.Newest.Note != "" {
		t.Errorf("weddings: %+v, %v", page, err)
	}
	for id, want := range map[string]keepsake.Code{"1": "", "2": "", "3": keepsake.CodeNotFound,
		"4": keepsake.CodeNotFound} {
		if _, err := c.GetWedding(ctx, ofFirst, id); (err == nil) != (want == "") || err != nil &&
			keepsake.CodeOf(err) != want {
			t.Errorf("wedding %s: %v, want %q", id, err, want)
		}
	}
	one, err := c.GetWedding(ctx, ofFirst, "1")
	if err != nil || len(one.Points) != 1 || one.Points[0].Note != "" || len(one.Points[0].Labels) != 0 ||
		len(one.Points[0].Weddings) != 1 || one.Points[0].Weddings[0].Milestone != "tasting" {
		t.Errorf("the timeline: %+v, %v", one.Points, err)
	}
	points, err := c.ListPoints(ctx, ofFirst, console.PointsInput{})
	if err != nil || len(points.Points) != 1 || points.Points[0].Note != "" || points.Points[0].Weddings != nil ||
		!points.Points[0].Protected {
		t.Fatalf("recovery points: %+v, %v", points, err)
	}
	if d, err := c.GetPoint(ctx, ofFirst, points.Points[0].ID); err != nil || d.Detail != nil || d.Missing == "" ||
		d.Point.Note != "" {
		t.Errorf("a recovery point: %+v, %v", d, err)
	}
	if d, err := c.GetPoint(ctx, admin, points.Points[0].ID); err != nil || d.Detail == nil || d.Point.Note == "" ||
		len(d.Point.Weddings) != 2 {
		t.Errorf("a recovery point, by a super admin of the platform: %+v, %v", d, err)
	}
	// Milestones: theirs whoever set them, another's never.
	day := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, x := range []struct {
		actor   keepsake.Actor
		wedding string
		want    keepsake.Code
	}{{admin, "1", ""}, {ofFirst, "1", ""}, {ofFirst, "4", keepsake.CodeForbidden},
		{ofSecond, "4", ""}, {admin, "4", ""}} {
		err := c.SaveMilestone(ctx, x.actor, console.SaveMilestoneInput{
			WeddingID: x.wedding,
			Name:      "by " + x.actor.ID,
			Day:       day,
		})
		if (err == nil) != (x.want == "") || err != nil && keepsake.CodeOf(err) != x.want {
			t.Errorf("%s sets a milestone of wedding %s: %v", x.actor.Name, x.wedding, err)
		}
	}
	if one, err = c.GetWedding(ctx, ofFirst, "1"); err != nil || len(one.Milestones) != 3 {
		t.Errorf("milestones: %+v, %v", one.Milestones, err)
	}
	// A backup for a wedding of theirs, and none of the platform.
	backup := func(actor keepsake.Actor, in console.StartBackupInput) (console.Operation, error) {
		o, err := c.StartBackup(ctx, actor, in)
		if err == nil {
			o, err = c.Await(ctx, actor, o.ID, time.Minute)
		}
		return o, err
	}
	o, err := backup(ofFirst, console.StartBackupInput{Type: keepsake.BackupIncremental, WeddingID: "1"})
	if err != nil || o.State != console.StateDone {
		t.Errorf("a backup for their wedding: %+v, %v", o, err)
	}
	for _, in := range []console.StartBackupInput{{Type: keepsake.BackupIncremental},
		{Type: keepsake.BackupFull, WeddingID: "1"}, {Type: keepsake.BackupIncremental, WeddingID: "4"}} {
		if _, err := backup(ofFirst, in); err == nil || keepsake.CodeOf(err) != keepsake.CodeForbidden {
			t.Errorf("%+v: %v", in, err)
		}
	}
	for actor, want := range map[string]int{"1": 1, "2": 0} {
		a := ofFirst
		a.Organization = actor
		if list, err := c.ListOperations(ctx, a, console.ListInput{}); err != nil || len(list.Operations) != want {
			t.Errorf("operations of organization %s: %+v, %v", actor, list, err)
		}
	}
	d, err := c.Emergency(ctx, ofSecond)
	if err != nil || len(d.Weddings) != 4 || d.Newest == nil || d.Newest.Note != "" || len(d.Running)+len(d.Recent) != 0 {
		t.Errorf("the emergency page: %+v, %v", d, err)
	}
	for name, err := range map[string]error{
		"repair":        func() error { _, err := c.StartRepair(ctx, ofFirst); return err }(),
		"verify":        func() error { _, err := c.StartVerify(ctx, ofFirst, console.StartVerifyInput{}); return err }(),
		"organizations": func() error { _, err := c.ListOrganizations(ctx, ofFirst, "", ""); return err }(),
		"mark":          c.SavePoint(ctx, ofFirst, console.SavePointInput{ID: points.Points[0].ID}),
		"new database": func() error {
			_, err := c.StartRestore(ctx, ofFirst, console.StartRestoreInput{
				Point:        "latest",
				Scope:        theWedding("1"),
				Database:     "x",
				Confirmation: "x",
			})
			return err
		}(),
	} {
		if err == nil || keepsake.CodeOf(err) != keepsake.CodeForbidden {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWithoutThePlatformTheRecoveryPointJudges: whose a wedding is, while the platform is away.
func TestWithoutThePlatformTheRecoveryPointJudges(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newFakeEngine()
	e.points = []engine.Point{fakePoint("a", time.Now(), "local", "s3", "away")}
	e.down = keepsake.Errorf(keepsake.CodeUnavailable, "the platform is away")
	c := w.console(e)
	for wedding, want := range map[string]keepsake.Code{"w1": "", "lost": "", "w2": keepsake.CodeForbidden,
		"nobody": keepsake.CodeForbidden} {
		err := c.SaveMilestone(t.Context(), bound, console.SaveMilestoneInput{
			WeddingID: wedding,
			Name:      "tasting",
			Day:       time.Now(),
		})
		if (err == nil) != (want == "") || err != nil && keepsake.CodeOf(err) != want {
			t.Errorf("wedding %s: %v, want %q", wedding, err, want)
		}
	}
	e.points = nil
	if err := c.SaveMilestone(t.Context(), bound,
		console.SaveMilestoneInput{WeddingID: "w1", Name: "tasting", Day: time.Now()}); err == nil {
		t.Error("nobody can say whose it is, and it is allowed")
	}
}

// TestRequestThatWasGivenUpIsOnRecord: what was shown, or done, is in the trail although nobody waits for the answer
// any more.
func TestRequestThatWasGivenUpIsOnRecord(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newFakeEngine()
	ctx, giveUp := context.WithCancel(t.Context())
	c := w.console(e, func(d *console.Deps) { d.Platforms[0].Scopes = leaves{giveUp: giveUp} })
	if _, err := c.PreviewScope(ctx, admin, rewind("1")); err != nil {
		t.Error(err)
	}
	if ctx.Err() == nil {
		t.Fatal("nobody gave up")
	}
	if n := w.count("select count(*) from audit_log where action = 'scope.preview' and outcome = 'allowed' and " +
		"wedding = '1'"); n != 1 {
		t.Errorf("the preview is on record %d times, want once", n)
	}
}

// leaves is a platform whose preview is ready in the moment in which whoever asked for it gives up.
type leaves struct {
	console.Scopes
	giveUp func()
}

func (l leaves) PreviewScope(context.Context, engine.ScopeInput) (*scope.Preview, error) {
	l.giveUp()
	return &scope.Preview{}, nil
}
