package console_test

import (
	"testing"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestASilentWorkerIsNamed while its operation counts as running still: on its page, in lists, on the overview, and to
// who watches, though nothing happens to the operation that could wake them.
func TestASilentWorkerIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.console(newFakeEngine(), func(d *console.Deps) {
		d.Lease = console.LeaseTimes{Beat: 500 * time.Millisecond, Expiry: 8 * time.Second, Reconcile: time.Second}
	})
	o := startFull(t, c)
	last := func(ago string) {
		t.Helper()
		err := w.db.InTx(t.Context(), keepsake.System("test"), func(tx db.Tx) error {
			_, err := tx.PG.Exec(t.Context(), "update backup_operations set state = 'running', worker = 'dead', heartbeat_at "+
				"= clock_timestamp() - $1::interval", ago)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	last("0 s")
	events, err := c.Subscribe(t.Context(), admin, o.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	first := <-events
	if first.Operation.Silence.For != 0 {
		t.Fatalf("it has just answered: %+v", first.Operation.Silence)
	}
	then := <-events
	if s := then.Operation.Silence; s.For < time.Second || s.TakeOver <= 0 || s.For+s.TakeOver != 9*time.Second ||
		then.ID != first.ID || then.Operation.State != console.StateRunning {
		t.Errorf("%+v of event %d, after %d", s, then.ID, first.ID)
	}
	last("1 minute")
	got, err := c.GetOperation(t.Context(), admin, o.ID)
	if err != nil || got.Silence.For < time.Minute || got.Silence.TakeOver != 0 {
		t.Errorf("long ago: %+v, %v", got.Silence, err)
	}
	if page, err := c.ListOperations(t.Context(), admin, console.ListInput{Active: true}); err != nil ||
		len(page.Operations) != 1 || page.Operations[0].Silence.For < time.Minute {
		t.Errorf("in a list: %+v, %v", page, err)
	}
	if d, err := c.Dashboard(t.Context(), admin); err != nil || len(d.Running) != 1 ||
		d.Running[0].Silence.For < time.Minute {
		t.Errorf("on the overview: %+v, %v", d.Running, err)
	}
}
