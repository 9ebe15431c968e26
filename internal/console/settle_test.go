package console_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// leftWorld is a world whose platform has been backed up by the real engine, for workers that leave what they began.
type leftWorld struct {
	*world
	platform string
	conn     *pgx.Conn // to the platform
	e        *engine.Engine
}

// newLeftWorld returns one whose platform holds the statements' work.
func newLeftWorld(t *testing.T, statements string) *leftWorld {
	t.Helper()
	w := &leftWorld{world: newWorld(t), platform: testenv.DB(t)}
	var err error
	if w.conn, err = pgx.Connect(t.Context(), w.platform); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.conn.Close(context.WithoutCancel(t.Context())) })
	w.exec(statements)
	w.e = realEngine(t, w.platform)
	if _, err := w.e.Backup(t.Context(), engine.BackupInput{Type: keepsake.BackupFull}, engine.Discard); err != nil {
		t.Fatal(err)
	}
	return w
}

// exec executes in the platform.
func (w *leftWorld) exec(sql string) {
	w.t.Helper()
	if _, err := w.conn.Exec(w.t.Context(), sql); err != nil {
		w.t.Fatal(err)
	}
}

// unheard makes a console one that is not heard of while a test runs, and takes nothing from others.
func unheard(d *console.Deps) {
	d.Lease = console.LeaseTimes{Beat: time.Hour, Expiry: 3 * time.Hour, Reconcile: time.Hour}
}

// leavingScopes are those of a worker that is never heard of again, before its restore or after it.
type leavingScopes struct {
	console.Scopes
	makes      bool
	gone, ends chan struct{}
}

func (s *leavingScopes) ApplyScope(ctx context.Context, in engine.ScopeInput, a engine.ScopeApply, r engine.Reporter) (
	result engine.ScopeResult, err error) {
	if s.makes {
		result, err = s.Scopes.ApplyScope(ctx, in, a, r)
	}
	close(s.gone)
	<-s.ends
	return result, err
}

// TestACancelledRestoreIsLookedFor: a worker falls silent before or after it committed, and somebody cancels. The next
// worker says what has become of the rows, and changes nothing.
func TestACancelledRestoreIsLookedFor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		makes       bool
		interrupted bool // when it is cancelled
		state       console.State
		guests      int
		outcome     string
	}{
		{"committed", true, false, console.StateDone, 20, "done"},
		{"committed and interrupted", true, true, console.StateDone, 20, "done"},
		{"not committed", false, false, console.StateCancelled, 15, "cancelled"},
		{"not committed and interrupted", false, true, console.StateCancelled, 15, "cancelled"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newLeftWorld(t, `create table organizations (id int primary key, name text);
				create table weddings (id int primary key, couple text, wedding_date date, organization_id int references
					organizations);
				create table guests (id int primary key, wedding_id int references weddings, name text);
				insert into organizations values (1, 'The Orchard Barn');
				insert into weddings select i, 'Couple ' || i, current_date + i, 1 from generate_series(1, 4) i;
				insert into guests select i, 1 + i % 4, 'Guest ' || i from generate_series(1, 20) i`)
			w.exec("delete from guests where wedding_id = 3")
			left := &leavingScopes{Scopes: w.e, makes: c.makes, gone: make(chan struct{}), ends: make(chan struct{})}
			dead := w.console(w.e, unheard, func(d *console.Deps) { d.Platforms[0].Scopes = left })
			stop := w.run(dead, true)
			defer stop()
			defer close(left.ends)
			in := console.ScopedInput{Scope: theWedding("3"), Point: "latest", Mode: "missing"}
			p, err := dead.PreviewScope(t.Context(), admin, in)
			if err != nil {
				t.Fatal(err)
			}
			o, err := dead.RestoreScope(t.Context(), admin, console.RestoreScopeInput{
				ScopedInput:  in,
				Fingerprint:  p.Fingerprint,
				Name:         p.Name,
				Confirmation: p.Name,
			})
			if err != nil {
				t.Fatal(err)
			}
			<-left.gone
			if c.interrupted {
				w.interrupt(o.ID)
			}
			next := w.console(w.e, takingOver, func(d *console.Deps) { d.Platforms[0].Scopes = w.e })
			if err := next.CancelOperation(t.Context(), admin, o.ID); err != nil {
				t.Fatal(err)
			}
			w.run(next, true)
			o = await(t, next, o.ID, c.state)
			var guests int
			err = w.conn.QueryRow(t.Context(), "select count(*) from guests").Scan(&guests)
			if err != nil || guests != c.guests {
				t.Errorf("%d guests, %v", guests, err)
			}
			if c.makes && (o.Scoped == nil || o.Scoped.Applied.Inserted != 5 || o.Scoped.Restore != o.Asked.Restore) {
				t.Errorf("%+v", o.Scoped)
			}
			log, err := next.OperationLog(t.Context(), admin, o.ID, 0, 0)
			if err != nil || len(log) == 0 {
				t.Fatalf("%+v, %v", log, err)
			}
			for _, l := range log {
				if c.makes && strings.Contains(l.Message, "Nothing was changed") ||
					strings.Contains(l.Message, "before it started") {
					t.Errorf("the log says: %s", l.Message)
				}
			}
			if n := w.count("select count(*) from audit_log where action = 'scoped.end' and target = $1", o.ID); n != 1 {
				t.Errorf("%d ends are on record", n)
			}
			if n := w.count("select count(*) from disaster_recovery_events where outcome = $1", c.outcome); n != 1 {
				t.Errorf("%d recoveries are on record as %s", n, c.outcome)
			}
		})
	}
}
