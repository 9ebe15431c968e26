package operation

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/dbtest"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/keepsake"
)

func keeper(d *db.DB, process string, duties ...Duty) *Keeper {
	return NewKeeper(d, slog.New(slog.DiscardHandler), process, duties)
}

func dutyRow(t *testing.T, d *db.DB, name string) (row sqlcgen.Duty) {
	t.Helper()
	err := d.InTx(t.Context(), keepsake.System("test"), func(tx db.Tx) (err error) {
		row, err = tx.GetDuty(t.Context(), name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func take(t *testing.T, k *Keeper, seen *sight, steady time.Duration) int64 {
	t.Helper()
	fence, err := k.take(t.Context(), k.duties[0], seen, steady)
	if err != nil {
		t.Fatal(err)
	}
	return fence
}

// TestOneHolderAtATime lets three processes do a duty that is always due: no two runs meet, and none is lost.
func TestOneHolderAtATime(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, dbtest.URL(t))
	ctx, stop := context.WithCancel(t.Context())
	var at, runs atomic.Int32
	duty := Duty{
		Name:  "often",
		Does:  "do it often",
		Every: time.Nanosecond,
		Who:   OneHolder,
		Run: func(context.Context) error {
			if at.Add(1) > 1 {
				t.Error("two do it at once")
			}
			at.Add(-1)
			if runs.Add(1) == 30 {
				stop()
			}
			return nil
		},
	}
	ended := make(chan struct{})
	for _, process := range []string{"a", "b", "c"} {
		k := keeper(d, process, duty)
		k.times.look = time.Millisecond
		go func() {
			k.Run(ctx)
			ended <- struct{}{}
		}()
	}
	for range 3 {
		<-ended
	}
	if row := dutyRow(t, d, "often"); row.Fence < 30 || row.Holder != "" {
		t.Errorf("%d runs of at least 30 are in the row, held by %q", row.Fence, row.Holder)
	}
}

// TestMissedDutyRunsOnce finds a duty that was due three days ago, as after an outage: one run, and then none before
// its time.
func TestMissedDutyRunsOnce(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, dbtest.URL(t))
	runs := 0
	k := keeper(d, "a", Duty{
		Name:  "daily",
		Does:  "do it daily",
		Every: 24 * time.Hour,
		Who:   OneHolder,
		Run:   func(context.Context) error { runs++; return nil },
	})
	// At the first look there is no row: it was never done, and is due.
	if k.whenDue(k.duties[0])(t.Context()); runs != 1 {
		t.Fatalf("the first start makes %d runs", runs)
	}
	row := dutyRow(t, d, "daily")
	if row.Outcome != done || row.Holder != "" || row.LastEnded == nil || row.NextAt.Sub(*row.LastEnded) != 24*time.Hour {
		t.Errorf("the row says %+v", row)
	}
	later := row.NextAt.Add(72 * time.Hour)
	k.clock = func(context.Context, db.Tx) (time.Time, error) { return later, nil }
	for range 3 { // a new process each time: nothing is remembered but the row
		k.whenDue(k.duties[0])(t.Context())
	}
	if runs != 2 {
		t.Errorf("three starts after three days make %d runs", runs-1)
	}
}

// TestDeadHolderIsFollowed: only after its count has stood still for the whole time, by the follower's own clock, and
// what the dead one would write then is refused.
func TestDeadHolderIsFollowed(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, dbtest.URL(t))
	duty := Duty{
		Name:  "held",
		Does:  "hold it",
		Every: time.Hour,
		Who:   OneHolder,
		Run:   func(context.Context) error { return nil },
	}
	dead, next := keeper(d, "dead", duty), keeper(d, "next", duty)
	fence := take(t, dead, &sight{}, 0)
	if fence != 1 {
		t.Fatalf("a free duty is taken by fence %d", fence)
	}
	// The wall clock makes no difference, wherever it goes.
	next.clock = func(context.Context, db.Tx) (time.Time, error) { return time.Now().Add(10 * 365 * 24 * time.Hour), nil }
	var seen sight
	if take(t, next, &seen, 0) != 0 || take(t, next, &seen, next.times.take-1) != 0 {
		t.Error("a duty is taken from a holder that was seen for less than it may be silent")
	}
	err := d.InTx(t.Context(), keepsake.System("test"), func(tx db.Tx) error {
		n, err := tx.BeatDuty(t.Context(), sqlcgen.BeatDutyParams{Name: "held", Fence: fence})
		if n != 1 {
			t.Errorf("the holder's beat changes %d rows", n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if take(t, next, &seen, next.times.take) != 0 {
		t.Error("a duty is taken from a holder that has just counted")
	}
	if took := take(t, next, &seen, 2*next.times.take); took != 2 {
		t.Errorf("a dead holder's duty is taken by fence %d", took)
	}
	if err := dead.hold(t.Context(), duty, fence); !errors.Is(err, errDutyLost) {
		t.Errorf("the dead one writes down how it ended: %v", err)
	}
	if row := dutyRow(t, d, "held"); row.Holder != "next" || row.LastEnded != nil {
		t.Errorf("the row says %+v", row)
	}
}

// TestHolderThatCannotCountStops cuts a running duty off from the database: it is told to stop before another could
// take it.
func TestHolderThatCannotCountStops(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, dbtest.URL(t))
	began := make(chan struct{})
	k := keeper(d, "a", Duty{
		Name:  "cut off",
		Does:  "go on",
		Every: time.Hour,
		Who:   OneHolder,
		Run: func(ctx context.Context) error {
			close(began)
			<-ctx.Done()
			return ctx.Err()
		},
	})
	k.times.beat, k.times.hold = 5*time.Millisecond, 50*time.Millisecond
	fence := take(t, k, &sight{}, 0)
	ended := make(chan error)
	go func() { ended <- k.hold(t.Context(), k.duties[0], fence) }()
	<-began
	d.Close()
	if err := <-ended; !errors.Is(err, errDutyLost) {
		t.Errorf("it ends with %v", err)
	}
}

// TestFailedDutyIsKeptInWords: what failed and what panicked is in the row, and is tried again soon.
func TestFailedDutyIsKeptInWords(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, dbtest.URL(t))
	for _, who := range []Who{OneHolder, EachProcess} {
		var fail error
		k := keeper(d, "a", Duty{
			Name:  string(who),
			Does:  "do it",
			Every: time.Hour,
			Who:   who,
			Run: func(context.Context) error {
				if fail == nil {
					panic("a fault")
				}
				return fail
			},
		})
		act := k.each(k.duties[0])
		if who == OneHolder {
			act = k.whenDue(k.duties[0])
		}
		act(t.Context())
		row := dutyRow(t, d, string(who))
		if row.Outcome != failed || !strings.Contains(row.Message, "fault inside") || row.LastStarted == nil ||
			row.LastEnded == nil {
			t.Errorf("%s, after a panic: %+v", who, row)
		}
		if wait := row.NextAt.Sub(*row.LastEnded); who == OneHolder && wait != longestRetry {
			t.Errorf("it is tried again after %s", wait)
		}
		fail = keepsake.Errorf(keepsake.CodeUnavailable, "The store does not answer.")
		k.clock = func(context.Context, db.Tx) (time.Time, error) { return time.Now().Add(30 * time.Minute), nil }
		act(t.Context())
		if row := dutyRow(t, d, string(who)); row.Outcome != failed || row.Message != "The store does not answer." {
			t.Errorf("%s: %+v", who, row)
		}
	}
}

// TestAHangingDutyIsStopped after its time, of which the row tells, and is done again.
func TestAHangingDutyIsStopped(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, dbtest.URL(t))
	for _, who := range []Who{OneHolder, EachProcess} {
		runs := 0
		k := keeper(d, "a", Duty{
			Name:   string(who),
			Does:   "do it",
			Every:  time.Nanosecond,
			Who:    who,
			Within: 20 * time.Millisecond,
			Run: func(ctx context.Context) error {
				if runs++; runs == 1 {
					<-ctx.Done()
				}
				return ctx.Err()
			},
		})
		act := k.each(k.duties[0])
		if who == OneHolder {
			act = k.whenDue(k.duties[0])
		}
		act(t.Context())
		if row := dutyRow(t, d, string(who)); row.Outcome != failed || !strings.Contains(row.Message, "20ms") {
			t.Errorf("%s, after a run that hung: %+v", who, row)
		}
		act(t.Context())
		if row := dutyRow(t, d, string(who)); row.Outcome != done || runs != 2 {
			t.Errorf("%s, after %d runs: %+v", who, runs, row)
		}
	}
}

// TestADutyIsWoken: it is done long before its interval has passed.
func TestADutyIsWoken(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, dbtest.URL(t))
	wake, ran := make(chan struct{}), make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	k := keeper(d, "a", Duty{
		Name:  "woken",
		Does:  "do it",
		Every: time.Hour,
		Who:   EachProcess,
		Wake:  wake,
		Run:   func(context.Context) error { ran <- struct{}{}; return nil },
	})
	ended := make(chan struct{})
	go func() { defer close(ended); k.Run(ctx) }()
	<-ran
	wake <- struct{}{}
	<-ran
	stop()
	<-ended
}

// TestADutyThatDoesNotEndIsTakenOver: its holder counts no longer for a run that was stopped and goes on.
func TestADutyThatDoesNotEndIsTakenOver(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, dbtest.URL(t))
	ends := make(chan struct{})
	duty := Duty{
		Name:   "deaf",
		Does:   "do it",
		Every:  time.Hour,
		Who:    OneHolder,
		Within: 20 * time.Millisecond,
		Run:    func(context.Context) error { <-ends; return nil },
	}
	deaf, next := keeper(d, "deaf", duty), keeper(d, "next", duty)
	deaf.times.beat, deaf.times.hold = 5*time.Millisecond, time.Second
	next.times.take = time.Second
	fence := take(t, deaf, &sight{}, 0)
	ended := make(chan error)
	go func() { ended <- deaf.hold(t.Context(), duty, fence) }()
	var seen sight
	taken, began := int64(0), time.Now()
	for taken == 0 {
		taken = take(t, next, &seen, time.Since(began))
	}
	close(ends)
	if err := <-ended; !errors.Is(err, errDutyLost) {
		t.Errorf("the deaf one writes down how it ended: %v", err)
	}
	if row := dutyRow(t, d, "deaf"); row.Holder != "next" {
		t.Errorf("the row says %+v", row)
	}
}
