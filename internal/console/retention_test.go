package console_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/policy"
	"github.com/wedsync/keepsake/internal/testenv"
)

// proven is an admin who has just given the password.
func proven(now time.Time) keepsake.Actor {
	a := admin
	a.Session, a.ProvenAt = "session-1", now
	return a
}

// retaining makes a console keep so many of the newest points.
func retaining(newest, share int, now func() time.Time) func(*console.Deps) {
	return func(d *console.Deps) {
		d.Now = now
		d.Retention = &console.Retention{
			Retention: policy.Retention{Last: newest, MostShare: share, MostCount: 1000, Zone: time.UTC},
			On:        true,
			Grace:     engine.LeastGrace,
			Rhythms:   policy.DefaultSchedule(),
		}
	}
}

// works runs a process that does what others start, and starts no retention by itself.
func (w *world) works(starts *console.Console, e console.Engine, newest, share int, now func() time.Time) {
	w.run(starts, false)
	w.run(w.console(e, retaining(newest, share, now), func(d *console.Deps) { d.Retention.On = false }), true)
}

// lastRetention waits for the newest retention.
func lastRetention(t *testing.T, c *console.Console) console.Operation {
	t.Helper()
	s, err := c.GetRetention(t.Context(), admin, nil)
	if err != nil || s.Last == nil {
		t.Fatalf("no retention was started: %v", err)
	}
	return await(t, c, s.Last.ID, console.StateDone)
}

// TestRetentionByItself marks what no rule keeps and takes it away a day later, from the providers and from the list.
// What was proved of it stays, and the trail says what went.
func TestRetentionByItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	platform := testenv.DB(t)
	conn, err := pgx.Connect(t.Context(), platform)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	if _, err = conn.Exec(t.Context(), `create table weddings (id int primary key, couple text, wedding_date date);
		insert into weddings select i, 'Couple ' || i, current_date + i from generate_series(1, 40) i`); err != nil {
		t.Fatal(err)
	}
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	e := realEngineAt(t, platform, now)
	c := w.console(e, retaining(3, 100, now))
	w.works(c, e, 3, 100, now)
	var ids []string
	for range 5 {
		o, err := c.StartBackup(t.Context(), admin, console.StartBackupInput{Type: keepsake.BackupIncremental})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, await(t, c, o.ID, console.StateDone).Point)
		_, err = conn.Exec(t.Context(), `update weddings set couple = couple || '!' where id = $1`, len(ids))
		if err != nil {
			t.Fatal(err)
		}
	}
	verified, err := c.StartVerify(t.Context(), admin, console.StartVerifyInput{Deep: true})
	if err != nil {
		t.Fatal(err)
	}
	await(t, c, verified.ID, console.StateDone)

	keep := func() console.Operation {
		t.Helper()
		if err := c.KeepRetention(t.Context()); err != nil {
			t.Fatal(err)
		}
		return lastRetention(t, c)
	}
	o := keep()
	if r := o.Retention; len(r.Marked) != 2 || len(r.Removed) != 0 || r.Held != "" || !o.OK {
		t.Fatalf("marked: %+v", r)
	}
	s, err := c.GetRetention(t.Context(), admin, nil)
	if err != nil || len(s.Goes) != 2 || s.Goes[ids[1]].Before(time.Now().Add(23*time.Hour)) {
		t.Fatalf("what is to go: %v %v", s.Goes, err)
	}
	marked := o.ID
	if o = keep(); o.ID != marked {
		t.Error("nothing is due, and another retention was started")
	}
	ahead.Store(int64(25 * time.Hour))
	o = keep()
	if r := o.Retention; len(r.Removed) != 2 || len(r.Gone) != 2 || r.Freed[0].Points != 2 {
		t.Fatalf("removed: %+v", r)
	}
	if err := c.SyncPoints(t.Context()); err != nil {
		t.Fatal(err)
	}
	page, err := c.ListPoints(t.Context(), admin, console.PointsInput{})
	if err != nil || len(page.Points) != 3 {
		t.Fatalf("%d points are listed: %v", len(page.Points), err)
	}
	if n := w.count("select count(*) from backup_tests where point_id = $1", ids[0]); n != 1 {
		t.Errorf("of what was proved %d rows are left", n)
	}
	for _, said := range []string{"removed", "marked", "gone"} {
		if n := w.count(`select count(*) from audit_log where action = 'retention.end' and detail::jsonb -> $1 ? $2
			and detail::jsonb ? 'freed'`, said, ids[1]); n != 1 {
			t.Errorf("%d entries say what was %s", n, said)
		}
	}
	if n := w.count("select count(*) from audit_log where action = 'database.write'"); n != 0 {
		t.Errorf("%d changes are not explained", n)
	}
	all, err := c.StartVerify(t.Context(), admin, console.StartVerifyInput{Deep: true})
	if err != nil {
		t.Fatal(err)
	}
	if o := await(t, c, all.ID, console.StateDone); !o.OK || o.Verify.Points != 3 {
		t.Errorf("what stays: %+v", o.Verify)
	}
	before := o.ID
	if o := keep(); o.ID != before {
		t.Error("with nothing to go, another retention was started at once")
	}
}

// points fills a world with so many recovery points, one an hour, the newest now.
func (w *world) points(c *console.Console, e *fakeEngine, n int, newest func(*engine.Point)) (ids []string) {
	w.t.Helper()
	for i := range n {
		at := time.Now().Add(-time.Duration(n-1-i) * time.Hour).UTC().Truncate(time.Second)
		id := at.Format("20060102T150405Z") + "-0123456789ab"
		ids = append(ids, id)
		e.points = append(e.points, fakePoint(id, at, "local", "s3", "away"))
	}
	if newest != nil {
		newest(&e.points[n-1])
	}
	if err := c.SyncPoints(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	return ids
}

func goesOf(in engine.RemovalInput) (ids []string) {
	for _, p := range in.Points {
		ids = append(ids, p.ID)
	}
	slices.Sort(ids)
	return ids
}

// TestManyGoOnlyWhenSomebodyConfirms: by itself retention lets none of many go. Somebody confirms those that they were
// shown, with a password, and no others go.
func TestManyGoOnlyWhenSomebodyConfirms(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newFakeEngine()
	c := w.console(e, retaining(3, 50, time.Now))
	ids := w.points(c, e, 20, nil)
	w.works(c, e, 3, 50, time.Now)
	if err := c.KeepRetention(t.Context()); err != nil {
		t.Fatal(err)
	}
	if o := lastRetention(t, c); o.Retention.Large == "" || len(e.removals[0].Points) != 0 {
		t.Fatalf("by itself: %+v, %v go", o.Retention, e.removals[0].Points)
	}
	s, err := c.GetRetention(t.Context(), admin, nil)
	if err != nil || s.Plan.Large == "" || len(s.Plan.Going()) != 17 {
		t.Fatalf("%+v, %v", s.Plan.Large, err)
	}
	late := proven(time.Now().Add(-time.Hour))
	if _, err := c.StartRetention(t.Context(), late, s.Fingerprint); keepsake.CodeOf(err) != keepsake.CodeProof {
		t.Errorf("without a password: %v", err)
	}
	token := admin
	token.Permissions = []keepsake.Permission{keepsake.MayRead, keepsake.MayBackup, keepsake.MayRestore}
	if _, err := c.StartRetention(t.Context(), token, s.Fingerprint); keepsake.CodeOf(err) != keepsake.CodeForbidden {
		t.Errorf("with a token: %v", err)
	}
	_, err = c.StartRetention(t.Context(), proven(time.Now()), "another")
	if keepsake.CodeOf(err) != keepsake.CodeConflict {
		t.Errorf("what was not shown: %v", err)
	}
	o, err := c.StartRetention(t.Context(), proven(time.Now()), s.Fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	await(t, c, o.ID, console.StateDone)
	if got := goesOf(e.removals[1]); !slices.Equal(got, ids[:17]) || len(e.removals[1].Known) != 20 ||
		e.removals[1].Grace != engine.LeastGrace {
		t.Errorf("%d go: %+v", len(got), e.removals[1])
	}
}

// TestWhatARestoreUsesStays while it waits, whatever the rules say.
func TestWhatARestoreUsesStays(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newFakeEngine()
	spare := keepsake.Secret(testenv.DB(t))
	c := w.console(e, retaining(3, 100, time.Now), func(d *console.Deps) {
		d.Platforms[0].Targets = []console.Target{{Name: "spare", URL: spare}}
		d.SecondApprover = true // so that it waits
	})
	ids := w.points(c, e, 6, nil)
	w.works(c, e, 3, 100, time.Now)
	if _, err := c.StartRestore(t.Context(), proven(time.Now()), console.StartRestoreInput{Point: ids[1], Database: "new",
		Confirmation: "new", Scope: keepsake.Everything()}); err != nil {
		t.Fatal(err)
	}
	if err := c.KeepRetention(t.Context()); err != nil {
		t.Fatal(err)
	}
	lastRetention(t, c)
	if got := goesOf(e.removals[0]); !slices.Equal(got, []string{ids[0], ids[2]}) {
		t.Errorf("%v go", got)
	}

	// Nobody begins to restore what a retention that runs may be removing. What is not due stays during this one.
	goes := func(id string, in time.Duration) engine.PendingPoint {
		return engine.PendingPoint{
			RemovedPoint: engine.RemovedPoint{ID: id, Why: "no rule reaches back that far"},
			Due:          time.Now().Add(in),
		}
	}
	marked := engine.RemovalResult{Pending: []engine.PendingPoint{goes(ids[0], -time.Minute), goes(ids[2], 23*time.Hour)}}
	e.set(func() { e.remove = func(engine.RemovalInput) engine.RemovalResult { return marked } })
	run := func() console.Operation {
		o, err := c.StartRetention(t.Context(), proven(time.Now()), "")
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	await(t, c, run().ID, console.StateDone)
	if p, err := c.GetPoint(t.Context(), admin, ids[0]); err != nil || p.Point.GoesAfter.IsZero() ||
		p.Point.GoesBecause == "" {
		t.Fatalf("the point does not say that it goes: %+v, %v", p.Point, err)
	}
	reached, release := make(chan struct{}), make(chan struct{})
	e.set(func() {
		e.remove = func(engine.RemovalInput) engine.RemovalResult { close(reached); <-release; return marked }
	})
	o := run()
	<-reached
	start := func(point string) error {
		_, err := c.StartRestore(t.Context(), proven(time.Now()), console.StartRestoreInput{
			Point:        point,
			Database:     "to_" + point,
			Confirmation: "to_" + point,
			Scope:        keepsake.Everything(),
		})
		return err
	}
	if err := start(ids[0]); keepsake.CodeOf(err) != keepsake.CodeConflict {
		t.Errorf("a restore of what goes: %v", err)
	}
	if n := w.count("select count(*) from audit_log where action = 'restore.start' and outcome = 'refused'"); n != 1 {
		t.Errorf("%d refusals are on record", n)
	}
	if err := start(ids[2]); err != nil {
		t.Errorf("a restore of what goes in 23 hours: %v", err)
	}
	if err := start(ids[5]); err != nil {
		t.Errorf("a restore of what stays: %v", err)
	}
	close(release)
	await(t, c, o.ID, console.StateDone)
}

// TestNothingGoesWhileBackupsFail, nor while the newest recovery point is suspect or old. The page says why.
func TestNothingGoesWhileBackupsFail(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		newest func(*engine.Point)
		spoil  func(w *world, c *console.Console, e *fakeEngine)
		ahead  time.Duration
		says   string
	}{
		"a backup failed": {spoil: func(w *world, c *console.Console, e *fakeEngine) {
			e.backup = func(context.Context, engine.BackupInput, engine.Reporter) (engine.BackupResult, error) {
				return engine.BackupResult{}, keepsake.Errorf(keepsake.CodeUnavailable, "the platform does not answer")
			}
			await(w.t, c, startFull(w.t, c).ID, console.StateFailed)
		}, says: "the last backup failed"},
		"the newest is suspect": {newest: func(p *engine.Point) {
			p.Doubts = []keepsake.Doubt{{Kind: keepsake.DoubtTable, Table: "public.guests", Before: 7200}}
		}, says: "is suspect"},
		"the newest is old": {ahead: 9 * 24 * time.Hour, says: "there is no recent backup"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, e := newWorld(t), newFakeEngine()
			now := func() time.Time { return time.Now().Add(c.ahead) }
			con := w.console(e, retaining(3, 100, now))
			w.points(con, e, 6, c.newest)
			w.works(con, e, 3, 100, now)
			if c.spoil != nil {
				c.spoil(w, con, e)
			}
			s, err := con.GetRetention(t.Context(), admin, nil)
			if err != nil || !strings.Contains(s.Plan.Held, c.says) {
				t.Fatalf("held: %q, %v", s.Plan.Held, err)
			}
			o, err := con.StartRetention(t.Context(), proven(time.Now().Add(c.ahead)), s.Fingerprint)
			if err != nil {
				t.Fatal(err)
			}
			o = await(t, con, o.ID, console.StateDone)
			if len(e.removals) > 0 || o.OK || o.Retention.Held == "" {
				t.Errorf("%d removals, %+v", len(e.removals), o.Retention)
			}
		})
	}
}

// TestAFailedTestTakesTheProofBack: a point that was sound, and in which a later test found something wrong, is neither
// proven nor drilled. One that could not ask everybody says nothing.
func TestAFailedTestTakesTheProofBack(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newFakeEngine()
	c := w.console(e, retaining(3, 100, time.Now))
	ids := w.points(c, e, 5, nil)
	tested := func(point, kind string, ago time.Duration, ok bool, findings int) {
		w.past("backup_tests", fmt.Sprintf(`insert into backup_tests (id, platform, point_id, kind, tested_at, ok, findings,
			seconds) values (gen_random_uuid(), 'main', '%s', '%s', now() - interval '%v seconds', %v, %d, 1)`,
			point, kind, ago.Seconds(), ok, findings))
	}
	tested(ids[0], "restore", 2*time.Hour, true, 0)
	tested(ids[0], "verify", time.Hour, false, 1)
	tested(ids[1], "deep_verify", 2*time.Hour, true, 0)
	tested(ids[1], "deep_verify", time.Hour, false, 1)
	tested(ids[2], "deep_verify", 2*time.Hour, false, 1)
	tested(ids[2], "restore", time.Hour, true, 0)
	tested(ids[3], "deep_verify", 2*time.Hour, true, 0)
	tested(ids[3], "deep_verify", time.Hour, false, 0)
	s, err := c.GetRetention(t.Context(), admin, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][2]bool{ids[2]: {true, true}, ids[3]: {true, false}}
	for _, v := range s.Plan.Verdicts {
		if got := [2]bool{v.Point.Proven, v.Point.Drilled}; got != want[v.Point.ID] {
			t.Errorf("%s: proven and drilled are %v", v.Point.ID, got)
		}
	}
}

// TestTwoListsMayNameAPoint, which goes with the first of them, and a list may give no reason.
func TestTwoListsMayNameAPoint(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newFakeEngine()
	c := w.console(e, retaining(3, 100, time.Now))
	ids := w.points(c, e, 6, nil)
	soon := time.Now().Add(time.Hour).Truncate(time.Second)
	pending := func(id, why string, due time.Time) engine.PendingPoint {
		return engine.PendingPoint{RemovedPoint: engine.RemovedPoint{ID: id, Why: why}, Due: due}
	}
	e.remove = func(engine.RemovalInput) engine.RemovalResult {
		return engine.RemovalResult{Pending: []engine.PendingPoint{pending(ids[0], "later", soon.Add(time.Hour)),
			pending(ids[0], "first", soon), pending(ids[1], "", soon)}}
	}
	w.works(c, e, 3, 100, time.Now)
	o, err := c.StartRetention(t.Context(), proven(time.Now()), "")
	if err != nil {
		t.Fatal(err)
	}
	await(t, c, o.ID, console.StateDone)
	for id, why := range map[string]string{ids[0]: "first", ids[1]: "no rule keeps it"} {
		p, err := c.GetPoint(t.Context(), admin, id)
		if err != nil || !p.Point.GoesAfter.Equal(soon) || p.Point.GoesBecause != why {
			t.Errorf("%s goes after %s: %q, %v", id, p.Point.GoesAfter, p.Point.GoesBecause, err)
		}
	}
	if n := w.count("select count(*) from audit_log where action = 'database.write'"); n != 0 {
		t.Errorf("%d changes are not explained", n)
	}
}

// TestPointsThatNobodyListsLeaveTheList where a removal list names them. Of others the list says that no copy is there.
// While a provider cannot be asked, everything stays as it is.
func TestPointsThatNobodyListsLeaveTheList(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newFakeEngine()
	c := w.console(e, retaining(3, 100, time.Now))
	ids := w.points(c, e, 6, nil)
	sync := func(listed int64, lost int) {
		t.Helper()
		for range 2 { // the second look finds nothing to do
			if err := c.SyncPoints(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		page, err := c.ListPoints(t.Context(), admin, console.PointsInput{})
		if err != nil || len(page.Points) != int(listed) {
			t.Fatalf("%d points are listed: %v", len(page.Points), err)
		}
		n := 0
		for _, p := range page.Points {
			if !p.Protected && slices.ContainsFunc(p.Copies, func(cp keepsake.Copy) bool {
				return cp.Error == "not listed there any more"
			}) {
				n++
			}
		}
		if n != lost {
			t.Errorf("%d points have no copy, want %d", n, lost)
		}
	}
	e.set(func() {
		e.points = e.points[2:]
		e.gone, e.unasked = []string{ids[0], "20200101T000000Z-00"}, []engine.Unasked{{Provider: "s3", Why: "It hangs."}}
	})
	sync(6, 0)
	e.set(func() { e.unasked = nil })
	sync(5, 1)
	if n := w.count(`select count(*) from audit_log
		where action = 'point.sync' and detail::jsonb -> 'gone' = jsonb_build_array($1::text)`, ids[0]); n != 1 {
		t.Errorf("%d entries say what is gone", n)
	}
	if n := w.count("select count(*) from provider_states where points = 4"); n != 3 {
		t.Errorf("%d providers hold 4 points", n)
	}
	_, err := c.StartVerify(t.Context(), admin, console.StartVerifyInput{Point: ids[0]})
	if keepsake.CodeOf(err) != keepsake.CodeNotFound ||
		!strings.Contains(keepsake.MessageOf(err), "retention has removed it") {
		t.Errorf("a point that is gone: %v", err)
	}

	// What lies there again counts again.
	e.set(func() {
		e.points = append(e.points, fakePoint(ids[1], time.Now().Add(-4*time.Hour), "local", "s3", "away"))
	})
	sync(5, 0)
}

// TestAHeldRetentionForgetsWhatIsGone all the same, and what is known of points that are to go stands.
func TestAHeldRetentionForgetsWhatIsGone(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newFakeEngine()
	c := w.console(e, retaining(3, 100, time.Now))
	ids := w.points(c, e, 6, nil)
	w.works(c, e, 3, 100, time.Now)
	run := func(r engine.RemovalResult) {
		e.set(func() { e.remove = func(engine.RemovalInput) engine.RemovalResult { return r } })
		o, err := c.StartRetention(t.Context(), proven(time.Now()), "")
		if err != nil {
			t.Fatal(err)
		}
		await(t, c, o.ID, console.StateDone)
	}
	run(engine.RemovalResult{Pending: []engine.PendingPoint{{RemovedPoint: engine.RemovedPoint{ID: ids[1]},
		Due: time.Now().Add(time.Hour)}}})
	run(engine.RemovalResult{Held: "Provider s3 cannot be asked.", Gone: []string{ids[0]}})
	s, err := c.GetRetention(t.Context(), admin, nil)
	if err != nil || len(s.Plan.Verdicts) != 5 || len(s.Goes) != 1 {
		t.Errorf("%d points are known, %d go: %v", len(s.Plan.Verdicts), len(s.Goes), err)
	}
}
