package console_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// TestRestoreWithExceptionsIsNoPlainSuccess: the operation, its log, the audit trail and what is alerted of say it.
func TestRestoreWithExceptionsIsNoPlainSuccess(t *testing.T) {
	t.Parallel()
	w, platform := newWorld(t), testenv.DB(t)
	conn, err := pgx.Connect(t.Context(), platform)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	const restored = "restored_with_exceptions"
	do := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	do(`create table organizations (id int primary key, name text);
		create table weddings (id int primary key, couple text, wedding_date date, organization_id int references
			organizations);
		create role console_app; grant select on weddings to console_app; insert into organizations
			values (1, 'The Orchard Barn')`)
	c := w.console(realEngine(t, platform), func(d *console.Deps) {
		d.Platforms[0].Targets = []console.Target{{Name: "platform server", URL: keepsake.Secret(platform)}}
		d.Lease = console.LeaseTimes{}
	})
	if err := c.SyncPoints(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer w.run(c, true)()
	told(t, w)
	point := await(t, c, startFull(t, c).ID, console.StateDone).Point
	do("drop owned by console_app; drop role console_app")
	t.Cleanup(func() {
		_, _ = conn.Exec(context.WithoutCancel(t.Context()), "drop database if exists "+restored+" with (force)")
	})
	r, err := c.StartRestore(t.Context(), admin,
		console.StartRestoreInput{Scope: keepsake.Everything(), Point: point, Database: restored, Confirmation: restored})
	if err != nil {
		t.Fatal(err)
	}
	r = await(t, c, r.ID, console.StateDone)
	if r.OK || !r.Degraded() || r.Restore.Outcome != engine.OutcomeExceptions || !r.Restore.Verified ||
		len(r.Restore.Exceptions) != 1 || r.Restore.Exceptions[0].SQL != "GRANT SELECT ON TABLE public.weddings "+
		"TO console_app" {
		t.Errorf("the operation: %+v", r.Restore)
	}
	lines, err := c.OperationLog(t.Context(), admin, r.ID, 0, 0)
	if err != nil || len(lines) == 0 || !strings.HasPrefix(lines[len(lines)-1].Message, "Restored with exceptions") {
		t.Errorf("the log ends with %+v, %v", lines, err)
	}
	page, err := c.ListAudit(t.Context(), admin, audit.Filter{Action: "restore.end"})
	if err != nil || len(page.Rows) != 1 || page.Rows[0].Exceptions() != 1 {
		t.Errorf("the audit trail: %+v, %v", page, err)
	}
	if got := told(t, w); !slices.Contains(got, "restore.end") {
		t.Errorf("people are told of %q alone", got)
	}
	// The point itself is proven: what was missing was the target's.
	if p, err := c.GetPoint(t.Context(), admin, point); err != nil || p.Point.LastTest == nil || !p.Point.LastTest.OK {
		t.Errorf("the point: %+v, %v", p.Point.LastTest, err)
	}
}
