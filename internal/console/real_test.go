package console_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// TestWithTheRealEngine goes the whole way once: estimate, back up, look, verify, restore, lose the list and rebuild
// it.
func TestWithTheRealEngine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	platform := testenv.DB(t)
	conn, err := pgx.Connect(t.Context(), platform)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	_, err = conn.Exec(t.Context(), `
		create table organizations (id int primary key, name text);
		create table weddings (id int primary key, couple text, wedding_date date, organization_id int references
			organizations);
		create table users (id int primary key, email text);
		insert into organizations values (1, 'The Orchard Barn');
		insert into weddings select i, 'Couple ' || i, current_date + i, 1 from generate_series(-5, 40) i;
		insert into users select i, 'u' || i || '@example.org' from generate_series(1, 20000) i;
		analyze`)
	if err != nil {
		t.Fatal(err)
	}
	e := realEngine(t, platform)
	c := w.console(e, func(d *console.Deps) {
		d.Platforms[0].Targets = []console.Target{{Name: "platform server", URL: keepsake.Secret(platform)}}
		d.Lease = console.LeaseTimes{}
	})
	if err := c.SyncPoints(t.Context()); err != nil {
		t.Fatal(err)
	}
	est, err := c.EstimateBackup(t.Context(), admin, keepsake.BackupFull)
	if err != nil || est.Unreachable != "" || est.Blocked || est.Tables != 3 || est.Rows < 20000 || est.Bytes == 0 {
		t.Errorf("estimate: %+v, %v", est, err)
	}
	stop := w.run(c, true)
	o := await(t, c, startFull(t, c).ID, console.StateDone)
	if !o.Protected || o.Rows != 20047 || o.Progress == nil || len(o.Progress.Tables) != 3 ||
		o.Progress.Stage != engine.StageDone {
		t.Errorf("backup: %+v", o)
	}
	d, err := c.Dashboard(t.Context(), admin)
	if err != nil || d.Alarm != console.AlarmNone || d.Newest == nil || d.Newest.ID != o.Point || len(d.Weddings) == 0 ||
		d.Weddings[0].DaysLeft != 0 ||
		d.Weddings[0].Organization != "The Orchard Barn" || !d.Providers[1].Reachable || d.Providers[1].LastPoint != o.Point {
		t.Errorf("dashboard: %+v, %v", d, err)
	}
	p, err := c.GetPoint(t.Context(), admin, "latest")
	if err != nil || p.Detail == nil || len(p.Detail.TableList) != 3 || p.Point.Database == "" {
		t.Errorf("point: %+v, %v", p, err)
	}
	v, err := c.StartVerify(t.Context(), admin, console.StartVerifyInput{Point: o.Point, Deep: true})
	if err != nil {
		t.Fatal(err)
	}
	if v = await(t, c, v.ID, console.StateDone); !v.OK || v.Verify.Objects == 0 {
		t.Errorf("verification: %+v", v.Verify)
	}
	restored := "restored_by_console"
	r, err := c.StartRestore(t.Context(), admin, console.StartRestoreInput{
		Scope:        keepsake.Everything(),
		Point:        o.Point,
		Database:     restored,
		Confirmation: restored,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = conn.Exec(context.WithoutCancel(t.Context()), "drop database if exists "+restored+" with (force)")
	})
	if r = await(t, c, r.ID, console.StateDone); !r.OK || r.Rows != 20047 {
		t.Errorf("restore: %+v", r.Restore)
	}
	if _, err := c.StartRestore(t.Context(), admin, console.StartRestoreInput{
		Scope:        keepsake.Everything(),
		Point:        o.Point,
		Database:     restored,
		Confirmation: restored,
	}); keepsake.CodeOf(err) != keepsake.CodeConflict {
		t.Errorf("restore over it: %v", err)
	}
	if p, err = c.GetPoint(t.Context(), admin, o.Point); err != nil || len(p.Tests) != 2 || !p.Point.LastTest.OK ||
		p.Point.LastTest.Kind != "restore" {
		t.Errorf("tests: %+v, %v", p.Tests, err)
	}
	stop()

	// Another console, on an empty database, finds everything again at one provider.
	empty := newWorld(t)
	fresh := empty.console(e)
	if n, err := fresh.RebuildFromProvider(t.Context(), admin, "b"); err != nil || n != 1 {
		t.Fatalf("rebuild: %d, %v", n, err)
	}
	q, err := fresh.GetPoint(t.Context(), admin, o.Point)
	if err != nil || q.Point.Rows != p.Point.Rows || q.Point.Chunks != p.Point.Chunks ||
		q.Point.Server != p.Point.Server || !q.Point.Time.Equal(p.Point.Time) {
		t.Errorf("rebuilt %+v, was %+v, %v", q.Point, p.Point, err)
	}
}

// realEngine has three directories that satisfy the 3-2-1 rule; wrap may stand before the last.
func realEngine(t *testing.T, platform string, wrap ...func(storage.Provider) storage.Provider) *engine.Engine {
	t.Helper()
	return realEngineAt(t, platform, nil, wrap...)
}

// realEngineAt is realEngine with a clock.
func realEngineAt(t *testing.T, platform string, now func() time.Time,
	wrap ...func(storage.Provider) storage.Provider) *engine.Engine {
	t.Helper()
	list := []engine.Provider{{Name: "a", Medium: "disk"}, {Name: "b", Medium: "s3"},
		{Name: "c", Medium: "gcs", Offsite: true}}
	for i := range list {
		store, err := storage.OpenFile(filepath.Join(t.TempDir(), list[i].Name))
		if err != nil {
			t.Fatal(err)
		}
		list[i].Store = store
	}
	for _, w := range wrap {
		list[2].Store = w(list[2].Store)
	}
	e := engine.New(engine.Options{
		PlatformURL: keepsake.Secret(platform),
		Providers:   list,
		DataMap:     keepsake.DefaultDataMap(),
		Key:         repository.KeySource{Key: repository.NewKeyFile()},
		Now:         now,
	})
	t.Cleanup(e.Close)
	if _, err := e.Init(t.Context()); err != nil {
		t.Fatal(err)
	}
	return e
}
