package console_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// leavingEngine is that of a worker that is not heard of again: after its restore was finished, or just before. What it
// takes from the queue later is done.
type leavingEngine struct {
	console.Engine
	begun      atomic.Bool
	finishes   bool
	gone, ends chan struct{}
}

func (e *leavingEngine) Restore(ctx context.Context, in engine.RestoreInput, r engine.Reporter) (
	engine.RestoreResult, error) {
	if e.begun.Swap(true) {
		return e.Engine.Restore(ctx, in, r)
	}
	keep := in.Keep
	if !e.finishes {
		in.Keep = func(ctx context.Context, result engine.RestoreResult, end engine.RestoreEnd) error {
			err := keep(ctx, result, end)
			close(e.gone)
			<-e.ends
			return errors.Join(err, errors.New("the worker was killed"))
		}
	}
	result, err := e.Engine.Restore(ctx, in, r)
	if e.finishes {
		close(e.gone)
		<-e.ends
	}
	return result, err
}

// TestAFinishedRestoreIsRecordedByTheNextWorker: a worker falls silent before or after the last COMMIT in the new
// database. The next one finds out there, records what was done, and does again only what was not.
func TestAFinishedRestoreIsRecordedByTheNextWorker(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		finishes  bool
		cancelled bool
		then      string // what somebody does to the new database meanwhile
		forgotten bool   // the configuration does not name the server any more
		state     console.State
		same      bool // the new database is that of the first attempt
	}{
		{"finished", true, false, "", false, console.StateDone, true},
		{"finished and cancelled", true, true, "", false, console.StateDone, true},
		{"finished and put into place", true, false, "alter database COPY rename to COPY_placed", false,
			console.StateDone, true},
		{"finished and dropped", true, false, "drop database COPY", false, console.StateDone, false},
		{"finished on a server that nobody knows now", true, false, "", true, console.StateFailed, true},
		{"not finished", false, false, "", false, console.StateDone, false},
		{"not finished and cancelled", false, true, "", false, console.StateCancelled, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newLeftWorld(t, "create table guests (id int primary key); insert into guests select generate_series(1, 20)")
			name := w.conn.Config().Database + "_copy"
			oids := func() (copied, placed string) {
				t.Helper()
				err := w.conn.QueryRow(t.Context(), `select coalesce((select oid::text from pg_database where datname = $1), ''),
					coalesce((select oid::text from pg_database where datname = $2), '')`, name, name+"_placed").
					Scan(&copied, &placed)
				if err != nil {
					t.Fatal(err)
				}
				return copied, placed
			}
			t.Cleanup(func() {
				for _, n := range []string{name, name + "_placed"} {
					_, _ = w.conn.Exec(context.WithoutCancel(t.Context()), "drop database if exists "+n+" with (force)")
				}
			})
			targets := []console.Target{{Name: "server", URL: keepsake.Secret(w.platform)}}
			left := &leavingEngine{Engine: w.e, finishes: c.finishes, gone: make(chan struct{}), ends: make(chan struct{})}
			dead := w.console(left, unheard, func(d *console.Deps) { d.Platforms[0].Targets = targets })
			stop := w.run(dead, true)
			defer stop()
			o, err := dead.StartRestore(t.Context(), admin, console.StartRestoreInput{
				Point:        "latest",
				Database:     name,
				Scope:        keepsake.Everything(),
				Confirmation: name,
			})
			if err != nil {
				t.Fatal(err)
			}
			<-left.gone
			oid, _ := oids()
			w.exec(strings.ReplaceAll(c.then, "COPY", name))
			w.interrupt(o.ID)
			if c.forgotten {
				w.past("backup_operations", "update backup_operations set target = 'another'")
			}
			next := w.console(w.e, func(d *console.Deps) { d.Platforms[0].Targets = targets })
			if c.cancelled {
				if err := next.CancelOperation(t.Context(), admin, o.ID); err != nil {
					t.Fatal(err)
				}
			}
			if !c.finishes {
				close(left.ends) // the next worker waits for the session of the one before
				stop()
			} else {
				defer close(left.ends)
			}
			w.run(next, true)
			o = await(t, next, o.ID, c.state)
			copied, placed := oids()
			if same := oid == copied || oid == placed; same != c.same || copied != "" && placed != "" {
				t.Errorf("it was database %s, and there are %q and %q", oid, copied, placed)
			}
			if c.state == console.StateDone {
				if r := o.Restore; r == nil || !r.Verified || r.Rows != 20 || r.Outcome != engine.OutcomeRestored || !o.OK {
					t.Errorf("%+v", o)
				}
			}
			if c.state == console.StateFailed && o.ErrorCode != keepsake.CodeUnknown {
				t.Errorf("it failed as %s: %s", o.ErrorCode, o.ErrorMessage)
			}
			if n := w.count("select count(*) from audit_log where action = 'restore.end' and target = $1", o.ID); n != 1 {
				t.Errorf("%d ends are on record", n)
			}
			if n := w.count("select count(*) from disaster_recovery_events where outcome = $1", string(c.state)); n != 1 {
				t.Errorf("%d recoveries are on record as %s", n, c.state)
			}
			if n := w.count("select count(*) from backup_operations where ending is not null"); n != 0 {
				t.Error("what was kept for the end is there after it")
			}
		})
	}
}

// unansweredEngine is that of a worker whose last COMMIT gets no answer: nobody could ask, and now somebody can.
type unansweredEngine struct {
	*fakeEngine
	made bool
	kept chan struct{}
}

func (e *unansweredEngine) Restore(ctx context.Context, in engine.RestoreInput, r engine.Reporter) (
	engine.RestoreResult, error) {
	result, err := e.fakeEngine.Restore(ctx, in, r)
	if err == nil {
		err = in.Keep(ctx, result, engine.RestoreEnd{Transaction: "7"})
	}
	if err != nil {
		return result, err
	}
	close(e.kept)
	<-ctx.Done()
	return result, keepsake.Errorf(keepsake.CodeUnknown, "it cannot be asked")
}

func (e *unansweredEngine) SettleRestore(_ context.Context, _ keepsake.Secret, end engine.RestoreEnd) (bool, error) {
	return e.made && end.Transaction == "7", nil
}

// TestARestoreIsNotCalledCancelledUnseen: somebody cancels while its last COMMIT has no answer. What its own worker
// kept for the end is what that worker asks about.
func TestARestoreIsNotCalledCancelledUnseen(t *testing.T) {
	t.Parallel()
	for _, made := range []bool{true, false} {
		w := newWorld(t)
		e := &unansweredEngine{fakeEngine: newFakeEngine(), made: made, kept: make(chan struct{})}
		e.points = []engine.Point{fakePoint("p1", time.Now(), "local", "s3", "away")}
		c := w.console(e, func(d *console.Deps) {
			d.Platforms[0].Targets = []console.Target{{Name: "server", URL: keepsake.Secret(testenv.DB(t))}}
		})
		if err := c.SyncPoints(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.run(c, true)
		o, err := c.StartRestore(t.Context(), admin, console.StartRestoreInput{
			Point:        "p1",
			Database:     "no_such_copy",
			Scope:        keepsake.Everything(),
			Confirmation: "no_such_copy",
		})
		if err != nil {
			t.Fatal(err)
		}
		<-e.kept
		if err := c.CancelOperation(t.Context(), admin, o.ID); err != nil {
			t.Fatal(err)
		}
		state := map[bool]console.State{true: console.StateDone, false: console.StateCancelled}[made]
		if o = await(t, c, o.ID, state); made && (o.Restore == nil || !o.Restore.Verified) {
			t.Errorf("%+v", o)
		}
	}
}
