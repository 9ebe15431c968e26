package console_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/db/dbtest"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestLimitsHoldAcrossProcesses: of 50 requests at once, by two processes with nothing in common but the database,
// exactly as many are let through as there may be. Who meets a backup that runs waits for its end and tries again.
func TestLimitsHoldAcrossProcesses(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newFakeEngine()
	second := &world{t: t, db: dbtest.Open(t, w.url), url: w.url}
	three := func(d *console.Deps) { d.Limits = map[keepsake.BackupType]int{keepsake.BackupFull: 3} }
	consoles := []*console.Console{w.console(e, three), second.console(e, three)}
	for _, c := range consoles {
		w.run(c, true)
	}
	var through, limited atomic.Int64
	g, ctx := errgroup.WithContext(t.Context())
	for i := range 50 {
		c := consoles[i%2]
		g.Go(func() error {
			for {
				o, err := c.StartBackup(ctx, admin, console.StartBackupInput{Type: keepsake.BackupFull})
				switch {
				case err == nil:
					through.Add(1)
					return nil
				case keepsake.CodeOf(err) == keepsake.CodeLimited:
					limited.Add(1)
					return nil
				case keepsake.CodeOf(err) != keepsake.CodeConflict:
					return err
				}
				if o.ID == "" {
					continue // it ended in between
				}
				if err := ended(ctx, c, o.ID); err != nil {
					return err
				}
			}
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if through.Load() != 3 || limited.Load() != 47 {
		t.Errorf("%d were let through and %d refused, want 3 and 47", through.Load(), limited.Load())
	}
	if n := w.count("select count(*) from backup_operations"); n != 3 {
		t.Errorf("%d operations were made", n)
	}
	if n := w.count("select count(*) from audit_log where action = 'backup.start' and outcome = 'refused' and detail "+
		"->> 'code' = 'limited' and actor_id = $1", admin.ID); n != 47 {
		t.Errorf("%d refused attempts are on record, want 47", n)
	}
}

// ended waits until an operation has ended.
func ended(ctx context.Context, c *console.Console, id string) error {
	events, err := c.Subscribe(ctx, admin, id, 0)
	if err != nil {
		return err
	}
	for range events { // the channel closes when it has
	}
	return ctx.Err()
}

// TestEachTypeHasItsOwnLimit: none uses up another's, the console's own are not limited, what is refused for another
// reason costs nothing, and after an hour all is as before.
func TestEachTypeHasItsOwnLimit(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newFakeEngine()
	c := w.console(e, func(d *console.Deps) {
		d.Limits = map[keepsake.BackupType]int{keepsake.BackupFull: 1, keepsake.BackupIncremental: 1,
			keepsake.BackupWedding: 1, keepsake.BackupCritical: 2}
	})
	w.run(c, true)
	start := func(actor keepsake.Actor, in console.StartBackupInput) error {
		o, err := c.StartBackup(t.Context(), actor, in)
		if err == nil {
			await(t, c, o.ID, console.StateDone)
		}
		return err
	}
	full, incremental := console.StartBackupInput{Type: keepsake.BackupFull},
		console.StartBackupInput{Type: keepsake.BackupIncremental}
	// The fake's first wedding is today, its second in six days.
	soon, later := console.StartBackupInput{Type: keepsake.BackupIncremental, WeddingID: "w1"},
		console.StartBackupInput{Type: keepsake.BackupIncremental, WeddingID: "w2"}
	wholeForSoon := console.StartBackupInput{Type: keepsake.BackupFull, WeddingID: "w1"}
	other := admin
	other.ID, other.Name = "3", "cleo@example.org"
	for i, x := range []struct {
		actor keepsake.Actor
		in    console.StartBackupInput
		want  keepsake.Code
	}{
		{admin, full, ""}, {admin, full, keepsake.CodeLimited}, {admin, wholeForSoon, keepsake.CodeLimited},
		{other, full, ""}, {keepsake.System("schedule"), full, ""}, {keepsake.System("schedule"), full, ""},
		{admin, incremental, ""}, {admin, incremental, keepsake.CodeLimited},
		{admin, later, ""}, {admin, later, keepsake.CodeLimited},
		{admin, soon, ""}, {admin, soon, ""}, {admin, soon, ""},
		{admin, console.StartBackupInput{Type: "hourly"}, keepsake.CodeInvalid},
	} {
		err := start(x.actor, x.in)
		if (err == nil) != (x.want == "") || err != nil && keepsake.CodeOf(err) != x.want {
			t.Errorf("%d: %s starts %+v: %v, want %q", i, x.actor.Name, x.in, err, x.want)
		}
	}
	var q keepsake.Quota
	if err := start(admin, full); !errors.As(err, &q) || q.Name != "full" || q.Most != 1 || q.Left != 0 ||
		q.Reset <= 59*time.Minute || q.Reset > time.Hour ||
		!strings.Contains(err.Error(), "can start in 60 minutes") {
		t.Errorf("%v: %+v", err, q)
	}
	estimate, err := c.EstimateBackup(t.Context(), admin, keepsake.BackupCritical)
	if err != nil || estimate.Quotas[keepsake.BackupCritical].Left != 2 ||
		estimate.Quotas[keepsake.BackupEmergency].Left != 9 || estimate.Quotas[keepsake.BackupFull].Left != 0 {
		t.Errorf("what is left: %+v, %v", estimate.Quotas, err)
	}
	// an hour later
	w.past("rate_limits", "update rate_limits set used_at = array(select u - interval '1 hour' from unnest(used_at) u)")
	if err = start(admin, full); err != nil {
		t.Errorf("after an hour: %v", err)
	}
}

// TestABackupThatIsRefusedCostsNothing: the answer that one runs already is not counted.
func TestABackupThatIsRefusedCostsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.console(newFakeEngine()) // and no worker: it stays queued
	o, err := c.StartBackup(t.Context(), admin, console.StartBackupInput{Type: keepsake.BackupFull})
	if err != nil || o.Quota == nil || o.Quota.Left != 1 {
		t.Fatalf("%+v, %v", o.Quota, err)
	}
	for range 3 {
		if _, err := c.StartBackup(t.Context(), admin, console.StartBackupInput{Type: keepsake.BackupFull}); keepsake.CodeOf(
			err) != keepsake.CodeConflict {
			t.Fatal(err)
		}
	}
	if n := w.count("select cardinality(used_at) from rate_limits"); n != 1 {
		t.Errorf("%d uses are counted, want one", n)
	}
}
