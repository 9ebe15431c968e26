package console_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// watched is a console whose clock a test sets. What it backs up for milestones happens at that time too.
type watched struct {
	*world
	c   *console.Console
	e   *fakeEngine
	now time.Time
}

func newWatched(t *testing.T) *watched {
	t.Helper()
	w := &watched{world: newWorld(t), e: newFakeEngine(), now: time.Date(2030, 5, 1, 10, 0, 0, 0, time.UTC)}
	w.c = w.console(w.e, func(d *console.Deps) { d.Now = func() time.Time { return w.now } })
	w.watch() // the first call only notes the day
	return w
}

func (w *watched) watch() {
	w.t.Helper()
	if err := w.c.WatchMilestones(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *watched) set(wedding, name string, day time.Time) {
	w.t.Helper()
	in := console.SaveMilestoneInput{WeddingID: wedding, Name: name, Day: day}
	if err := w.c.SaveMilestone(w.t.Context(), admin, in); err != nil {
		w.t.Fatal(err)
	}
}

// backups are those that were started, the newest first.
func (w *watched) backups() []console.Operation {
	w.t.Helper()
	page, err := w.c.ListOperations(w.t.Context(), admin, console.ListInput{Kind: console.KindBackup})
	if err != nil {
		w.t.Fatal(err)
	}
	return page.Operations
}

// end runs the newest backup to its end, at the time of the test's clock. Nobody else watches the milestones meanwhile.
func (w *watched) end(state console.State) {
	w.t.Helper()
	w.past("duties", `insert into duties (name, next_at) values ('watch_milestones', now() + interval '9 min')
		on conflict (name) do update set next_at = excluded.next_at`)
	stop := w.run(w.c, true)
	o := await(w.t, w.c, w.backups()[0].ID, state)
	stop()
	at := w.now.Format(time.RFC3339)
	w.past("backup_operations", "update backup_operations set created_at = '"+at+"', started_at = '"+at+
		"', finished_at = '"+at+"' where id = '"+o.ID+"'")
}

// marks are what the newest backup was made for.
func (w *watched) marks() (list []string) {
	w.t.Helper()
	for _, m := range w.backups()[0].Weddings {
		list = append(list, m.WeddingID+" "+m.Milestone+" "+string(m.Phase))
	}
	return list
}

// TestMilestonesMakeRecoveryPoints: every wedding that reaches a milestone or enters a phase has its mark in one backup
// a day, and a console that slept catches up.
func TestMilestonesMakeRecoveryPoints(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	w.watch()
	// The fake's weddings are always today and in six days: neither enters a phase.
	w.set("w2", "tasting", w.now.AddDate(0, 0, 2))
	w.now = w.now.AddDate(0, 0, 1)
	w.watch()
	if got := w.backups(); len(got) != 0 {
		t.Fatalf("without a milestone: %+v", got)
	}
	w.e.shift = 1 // now the first one is tomorrow
	w.now = w.now.AddDate(0, 0, 3)
	w.watch()
	got := w.backups()
	if len(got) != 1 || got[0].Type != keepsake.BackupIncremental || got[0].Note !=
		"Automatic backup: 1 wedding entered execution, 1 wedding reached tasting" ||
		!slices.Equal(w.marks(), []string{"w1 day_before_wedding execution", "w2 tasting "}) {
		t.Fatalf("after three days: %+v", got)
	}
	w.watch() // it still waits
	w.end(console.StateDone)
	w.watch()
	w.watch()
	if again := w.backups(); len(again) != 1 {
		t.Errorf("on the same day again: %+v", again)
	}
}

// TestAFailedBackupLeavesItsMilestonesDue: a day is over when its recovery point is there, and not when its backup was
// started. Between two tries passes an hour, and the next day tries for both.
func TestAFailedBackupLeavesItsMilestonesDue(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	w.e.undecided = true // so that no wedding enters a phase
	w.set("w2", "tasting", w.now.AddDate(0, 0, 1))
	w.set("w2", "rehearsal", w.now.AddDate(0, 0, 2))
	w.now = w.now.AddDate(0, 0, 1)
	w.watch()
	w.e.backup = func(context.Context, engine.BackupInput, engine.Reporter) (engine.BackupResult, error) {
		return engine.BackupResult{}, keepsake.Errorf(keepsake.CodeUnavailable, "the platform is away")
	}
	w.end(console.StateFailed)
	w.past("backup_operations", "update backup_operations set finished_at = now(), started_at = now(), created_at = now()")
	w.watch()
	if n := len(w.backups()); n != 1 {
		t.Fatalf("%d backups at once after one that failed", n)
	}
	w.past("backup_operations", `update backup_operations set created_at = now() - interval '2 h',
		started_at = now() - interval '2 h', finished_at = now() - interval '61 min'`)
	w.watch()
	if got := w.marks(); len(w.backups()) != 2 || !slices.Equal(got, []string{"w2 tasting "}) {
		t.Fatalf("an hour later: %q in %d backups", got, len(w.backups()))
	}
	w.end(console.StateFailed)
	w.past("backup_operations", `update backup_operations set created_at = now() - interval '2 h',
		started_at = now() - interval '2 h', finished_at = now() - interval '61 min'`)
	w.now, w.e.backup = w.now.AddDate(0, 0, 1), nil
	w.watch()
	if got := w.marks(); !slices.Equal(got, []string{"w2 tasting ", "w2 rehearsal "}) {
		t.Fatalf("the day after: %q", got)
	}
	w.end(console.StateDone)
	w.watch()
	if n := len(w.backups()); n != 3 {
		t.Errorf("%d backups when each has its recovery point", n)
	}
}

// TestAMilestoneOfTodayHasItsRecoveryPoint, also when it is set after the day was looked at. One of the past has none,
// and one that moves to a later day has another.
func TestAMilestoneOfTodayHasItsRecoveryPoint(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	w.e.undecided = true // so that no wedding enters a phase
	w.set("w2", "contract_signed", w.now.AddDate(0, 0, -1))
	w.watch()
	if got := w.backups(); len(got) != 0 {
		t.Fatalf("for a day in the past: %+v", got)
	}
	w.set("w2", "tasting", w.now)
	w.watch()
	if got := w.backups(); len(got) != 1 || !slices.Equal(w.marks(), []string{"w2 tasting "}) {
		t.Fatalf("for today: %+v", got)
	}
	w.end(console.StateDone)
	w.watch()
	w.set("w2", "tasting", w.now.AddDate(0, 0, 2))
	w.now = w.now.AddDate(0, 0, 2)
	w.watch()
	if got := w.backups(); len(got) != 2 || !slices.Equal(w.marks(), []string{"w2 tasting "}) {
		t.Fatalf("after it moved: %+v", got)
	}
}
