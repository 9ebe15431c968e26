package operation

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/dbtest"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// wallClock is the clock of a console database as its sessions read it. A test sets it.
type wallClock struct {
	t    *testing.T
	conn *pgx.Conn
}

// newWallClock puts a clock of its own before the server's, for sessions that begin from now on.
func newWallClock(t *testing.T, console keepsake.Secret) *wallClock {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dbtest.Owner(t, console).Reveal())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	w := &wallClock{t, conn}
	w.exec(`create schema wall`)
	w.exec(`create table wall.jump (by interval)`)
	w.exec(`insert into wall.jump values ('0')`)
	w.exec(`create function wall.now() returns timestamptz stable language sql
		as 'select pg_catalog.now() + by from wall.jump'`)
	w.exec(`create function wall.clock_timestamp() returns timestamptz volatile language sql
		as 'select pg_catalog.clock_timestamp() + by from wall.jump'`)
	w.exec(`grant usage on schema wall to public`)
	w.exec(`grant select on wall.jump to public`)
	w.exec(fmt.Sprintf(`alter database %s set search_path = public, wall, pg_catalog`,
		pgx.Identifier{conn.Config().Database}.Sanitize()))
	return w
}

func (w *wallClock) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.conn.Exec(w.t.Context(), sql, args...); err != nil {
		w.t.Fatal(err)
	}
}

// set makes the clock go so much before or after the true one.
func (w *wallClock) set(by time.Duration) {
	w.t.Helper()
	w.exec("update wall.jump set by = make_interval(secs => $1)", by.Seconds())
}

// TestLeasesHoldWhateverTheClockSays lets workers begin, beat, die, finish and be cancelled while the console
// database's clock jumps by a day. Nothing that a person or a worker asks for fails because of that. A worker that
// beats loses nothing, and one that died loses its operation within Expiry of true time and two looks.
func TestLeasesHoldWhateverTheClockSays(t *testing.T) {
	t.Parallel()
	url := dbtest.Tables(t)
	clock := newWallClock(t, url)
	d := dbtest.Open(t, url)
	kind := slotKind{name: "verify"}
	times := LeaseTimes{Beat: 2 * time.Second, Expiry: 12 * time.Second, Reconcile: 2 * time.Second}
	runner := func() *Runner {
		r, err := NewRunner(d, slog.New(slog.DiscardHandler), time.Now, times, kind)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	worker, other := runner(), runner()
	var steady time.Duration
	other.leases.Now = func() time.Duration { return steady }
	dice := rand.New(rand.NewPCG(7, 1))
	ctx := t.Context()
	type held struct {
		row   Operation
		alive bool
		since time.Duration // by the true clock, of its last beat
	}
	holds := map[string]*held{}
	taken, cancelled, finished := 0, 0, 0
	begin := func() {
		id := uuid.Must(uuid.NewV7()).String()
		err := d.InTx(ctx, keepsake.System("test"), func(tx db.Tx) error {
			return tx.InsertOperation(ctx, sqlcgen.InsertOperationParams{
				ID:            id,
				Kind:          "verify",
				Platform:      "main",
				Labels:        []byte("{}"),
				Weddings:      []byte("[]"),
				Slots:         []string{},
				State:         string(StateQueued),
				RequestedBy:   "1",
				RequestedName: person.Name,
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		if dice.IntN(4) == 0 { // it is cancelled while it waits
			if err := d.InTx(ctx, person, func(tx db.Tx) error { return worker.Cancel(ctx, tx, person, id) }); err != nil {
				t.Fatalf("cancel what waits: %v", err)
			}
			cancelled++
			return
		}
		row, err := worker.claim(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		holds[id] = &held{row: row, alive: true, since: steady}
	}
	for range 120 {
		switch dice.IntN(5) {
		case 0:
			clock.set(time.Duration(dice.Int64N(int64(60*time.Hour))) - 30*time.Hour)
		case 1, 2:
			begin()
		case 3:
			for id, h := range holds { // any one
				if !h.alive {
					break
				}
				if dice.IntN(2) == 0 {
					h.alive = false
					if dice.IntN(2) == 0 {
						if err := d.InTx(ctx, person, func(tx db.Tx) error { return worker.Cancel(ctx, tx, person, id) }); err != nil {
							t.Fatalf("cancel what runs: %v", err)
						}
						cancelled++
					}
					break
				}
				delete(holds, id)
				finished++
				if err := worker.finish(ctx, h.row, outcome{err: keepsake.Errorf(keepsake.CodeUnavailable, "away")}); err != nil {
					t.Fatalf("finish: %v", err)
				}
				break
			}
		}
		steady += times.Reconcile
		for id, h := range holds {
			if !h.alive {
				continue
			}
			if _, err := worker.beat(ctx, h.row, time.Minute); err != nil {
				t.Fatalf("a worker that beats has lost %s: %v", id, err)
			}
			h.since = steady
		}
		if _, err := other.Reconcile(ctx); err != nil {
			t.Fatalf("look for silent workers: %v", err)
		}
		for id, h := range holds {
			var state State
			err := d.InTx(ctx, keepsake.System("test"), func(tx db.Tx) error {
				row, err := tx.GetOperation(ctx, id)
				state = State(row.State)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			silent := steady - h.since
			switch {
			case state != StateRunning && (h.alive || silent < times.Expiry):
				t.Fatalf("operation %s is %s although its worker beat %s ago", id, state, silent)
			case state == StateRunning && silent > times.Expiry+2*times.Reconcile:
				t.Fatalf("operation %s is nobody's for %s", id, silent)
			case state != StateRunning:
				taken++
				delete(holds, id)
			}
		}
	}
	if taken < 5 || cancelled < 5 || finished < 5 {
		t.Errorf("%d taken over, %d cancelled, %d finished: this proves little", taken, cancelled, finished)
	}
}

// TestAJobThatAClockPutFarOffIsEnqueuedAgain: the clock was set back by an hour after it was enqueued.
func TestAJobThatAClockPutFarOffIsEnqueuedAgain(t *testing.T) {
	t.Parallel()
	p, err := newPlayer(dbtest.Open(t, dbtest.Tables(t)), 3)
	if err != nil {
		t.Fatal(err)
	}
	jobs := func() (n int) {
		t.Helper()
		err := p.d.InTx(t.Context(), keepsake.System("test"), func(tx db.Tx) error {
			return tx.PG.QueryRow(t.Context(), "select count(*) from river.river_job").Scan(&n)
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for len(p.asked) == 0 {
		if err := p.ask(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	waits := jobs()
	look := func(want int) {
		t.Helper()
		for range 2 {
			if _, err := p.r.Reconcile(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if n := jobs(); n != want {
			t.Errorf("%d jobs, want %d", n, want)
		}
	}
	look(waits)
	err = p.d.InTx(t.Context(), keepsake.System("test"), func(tx db.Tx) error {
		_, err := tx.PG.Exec(t.Context(), "update river.river_job set scheduled_at = now() + interval '1 hour'")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	look(2 * waits)
}
