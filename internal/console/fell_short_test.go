package console_test

import (
	"context"
	"slices"
	"testing"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// told returns what a place that wants to know of failures is told of since the last call. A new place hears of nothing
// that was before it.
func told(t *testing.T, w *world) (actions []string) {
	t.Helper()
	place := audit.Delivery{Place: t.Name(), On: []audit.Kind{audit.KindFailed}}
	err := audit.Deliver(t.Context(), w.db, place, func(_ context.Context, rows []audit.Row) error {
		for _, r := range rows {
			actions = append(actions, r.Action)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return actions
}

// TestWhatFallsShortIsAlertedOf: an unprotected backup, a verification that finds damage and a repair that leaves
// something are done, and people who want to know of failures hear of each. Of those that found nothing they do not.
func TestWhatFallsShortIsAlertedOf(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newFakeEngine()
	c := w.console(e)
	w.run(c, true)
	told(t, w)
	end := func(o console.Operation, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		await(t, c, o.ID, console.StateDone)
	}
	all := func() {
		t.Helper()
		end(c.StartBackup(t.Context(), admin, console.StartBackupInput{Type: keepsake.BackupFull}))
		end(c.StartVerify(t.Context(), admin, console.StartVerifyInput{}))
		end(c.StartRepair(t.Context(), admin))
	}
	all()
	if got := told(t, w); len(got) != 0 {
		t.Errorf("told of %q, of which nothing fell short", got)
	}
	e.backup = func(_ context.Context, in engine.BackupInput, r engine.Reporter) (engine.BackupResult, error) {
		return e.succeed(in, r, "local")
	}
	e.verify = func(engine.VerifyInput) (engine.VerifyResult, error) {
		return engine.VerifyResult{Findings: []engine.VerifyFinding{{Provider: "s3", Damage: true}}}, nil
	}
	e.remaining = []engine.VerifyFinding{{Provider: "s3", Damage: true}}
	all()
	want := []string{"backup.end", "verify.end", "repair.end"}
	if got := told(t, w); !slices.Equal(got, want) {
		t.Errorf("told of %q, want %q", got, want)
	}
}

// TestWhoSkipsWhatFellShortIsOnRecord: moving an address on past an entry that it should hear of is a security event,
// and past one that nobody has to hear of it is nothing.
func TestWhoSkipsWhatFellShortIsOnRecord(t *testing.T) {
	t.Parallel()
	w := newAttackedWorld(t)
	told(t, w)
	for short, want := range []int{0, 1} {
		e := audit.Entry{Action: audit.VerifyEnd, Outcome: audit.Allowed}
		if short == 1 {
			e.FellShort()
		}
		err := w.db.InTx(t.Context(), keepsake.System("worker"), func(tx db.Tx) error {
			return audit.Record(t.Context(), tx, keepsake.System("worker"), e)
		})
		if err != nil {
			t.Fatal(err)
		}
		w.asRole("update alert_places set last_id = (select last_id from audit_head)")
		n := w.count("select count(*) from audit_log where action = 'database.write' and target = 'alert_places'")
		if n != want {
			t.Errorf("%d entries of who skipped it, want %d", n, want)
		}
	}
}
