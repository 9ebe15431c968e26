package console_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/policy"
)

// scheduled is a world with consoles that keep a schedule by a clock that the test sets.
type scheduled struct {
	*world
	e     *fakeEngine
	mu    sync.Mutex
	now   time.Time
	all   []*console.Console
	begun map[string]time.Time // backups, by the test's clock
}

func newScheduled(t *testing.T, consoles int) *scheduled {
	t.Helper()
	w := &scheduled{world: newWorld(t), e: newFakeEngine(), now: time.Now().Truncate(time.Second)}
	w.begun = map[string]time.Time{}
	s := policy.DefaultSchedule()
	s.Zone = time.UTC
	w.e.backup = func(_ context.Context, in engine.BackupInput, r engine.Reporter) (engine.BackupResult, error) {
		result, err := w.e.succeed(in, r, "local", "s3", "away")
		result.Time = w.clock()
		w.e.mu.Lock()
		w.e.points[len(w.e.points)-1].Time = result.Time
		w.e.mu.Unlock()
		return result, err
	}
	for range consoles {
		c := w.console(w.e, func(d *console.Deps) {
			d.Now = w.clock
			d.Schedule = &console.Schedule{Schedule: s}
		})
		w.all = append(w.all, c)
	}
	return w
}

func (w *scheduled) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *scheduled) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// look has every console look at once whether a backup is due, and returns how many there are now. The database's clock
// is another one: there, each backup is as old as it is by the test's clock.
func (w *scheduled) look() int {
	w.t.Helper()
	for id, at := range w.begun {
		w.past("backup_operations", fmt.Sprintf(
			"update backup_operations set created_at = clock_timestamp() - interval '%d ms' where id = '%s'",
			w.clock().Sub(at).Milliseconds(), id))
	}
	var wg sync.WaitGroup
	for _, c := range w.all {
		wg.Go(func() {
			if err := c.KeepSchedule(w.t.Context()); err != nil {
				w.t.Errorf("keep the schedule: %v", err)
			}
		})
	}
	wg.Wait()
	page, err := w.all[0].ListOperations(w.t.Context(), admin, console.ListInput{Kind: console.KindBackup})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, o := range page.Operations {
		if _, seen := w.begun[o.ID]; !seen {
			w.begun[o.ID] = w.clock()
		}
	}
	return len(page.Operations)
}

// lastNote waits for the newest backup to end and returns what it says.
func (w *scheduled) lastNote(state console.State) console.Operation {
	w.t.Helper()
	page, err := w.all[0].ListOperations(w.t.Context(), admin, console.ListInput{Kind: console.KindBackup})
	if err != nil || len(page.Operations) == 0 {
		w.t.Fatalf("%+v, %v", page, err)
	}
	return await(w.t, w.all[0], page.Operations[0].ID, state)
}

// TestBackupsBeginByThemselves when they are due, once of several consoles, and say why.
func TestBackupsBeginByThemselves(t *testing.T) {
	t.Parallel()
	w := newScheduled(t, 3)
	w.run(w.all[0], true)
	today := w.now.UTC()
	w.e.days = map[string]int{today.AddDate(0, 0, 20).Format(time.DateOnly): 41}
	first := w.lookUntil(1)
	if o := w.lastNote(console.StateDone); first != 1 || o.Type != keepsake.BackupFull ||
		o.Note != "Automatic backup: every 4 hours, because 41 weddings are within 30 days" {
		t.Errorf("%d backups, %+v", first, o)
	}
	w.pass(4*time.Hour - time.Second)
	if n := w.look(); n != 1 {
		t.Errorf("%d backups before it is due", n)
	}
	w.pass(2 * time.Second)
	if n, o := w.lookUntil(2), w.lastNote(console.StateDone); n != 2 || o.Type != keepsake.BackupIncremental ||
		o.RequestedBy != "schedule" {
		t.Errorf("%d backups, %+v", n, o)
	}
	w.e.mu.Lock()
	w.e.down = errors.New("it does not answer")
	w.e.mu.Unlock()
	w.pass(-400 * 24 * time.Hour) // somebody sets the clock back: a recovery point more, and no flood of them
	w.lookUntil(3)
	w.lastNote(console.StateDone)
	for range 3 {
		w.pass(time.Minute)
		if n := w.look(); n != 3 {
			t.Errorf("%d backups after the clock was set back", n)
		}
	}
	if n := w.count("select count(*) from audit_log where action = 'backup.start' and outcome <> 'allowed'"); n > 0 {
		t.Errorf("%d entries say that a process was not the first", n)
	}
	s, err := w.all[1].GetSchedule(t.Context(), admin)
	if err != nil || !s.On || s.Next.At.Before(w.clock()) || s.Failures != 0 ||
		s.Last == nil || s.Last.State != console.StateDone {
		t.Errorf("%+v, %v", s, err)
	}
}

func (w *scheduled) lookUntil(n int) int {
	w.t.Helper()
	got := w.look()
	if got != n {
		w.t.Errorf("%d backups, want %d", got, n)
	}
	return got
}

// TestABackupThatFailedIsTriedAgain, later each time, and one that somebody asks for meanwhile makes up for it.
func TestABackupThatFailedIsTriedAgain(t *testing.T) {
	t.Parallel()
	w := newScheduled(t, 2)
	succeed := w.e.backup
	w.e.backup = func(context.Context, engine.BackupInput, engine.Reporter) (engine.BackupResult, error) {
		return engine.BackupResult{}, errors.New("the disk is full")
	}
	w.run(w.all[0], true)
	begun := 0
	for i, wait := range []time.Duration{0, time.Minute, 2 * time.Minute, 4 * time.Minute} {
		if wait > 0 {
			w.pass(wait - time.Second)
			w.lookUntil(begun)
			w.pass(2 * time.Second)
		}
		begun++
		w.lookUntil(begun)
		w.lastNote(console.StateFailed)
		s, err := w.all[0].GetSchedule(t.Context(), admin)
		if err != nil || s.Failures != i+1 || s.Next.Held != policy.HoldRetry ||
			s.Last == nil || s.Last.State != console.StateFailed {
			t.Errorf("after %d failures: %+v, %v", i+1, s, err)
		}
	}
	w.e.backup = succeed
	o, err := w.all[0].StartBackup(t.Context(), admin, console.StartBackupInput{Type: keepsake.BackupFull})
	if err != nil {
		t.Fatal(err)
	}
	w.lookUntil(begun + 1)
	await(t, w.all[0], o.ID, console.StateDone)
	w.pass(20 * time.Hour)
	w.lookUntil(begun + 1)
	if s, err := w.all[0].GetSchedule(t.Context(), admin); err != nil || s.Failures != 0 ||
		s.Next.Held != policy.HoldNothing {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestTheScheduleIsForWhoSeesThePlatform: how many weddings there are is everybody's.
func TestTheScheduleIsForWhoSeesThePlatform(t *testing.T) {
	t.Parallel()
	w := newScheduled(t, 1)
	bound := admin
	bound.Organization = "org-1"
	if s, err := w.all[0].GetSchedule(t.Context(), bound); keepsake.CodeOf(err) != keepsake.CodeForbidden || s.On {
		t.Errorf("%+v, %v", s, err)
	}
	w.e.days = map[string]int{}
	for i := range 2000 { // a day each
		w.e.days[w.now.AddDate(0, 0, i-500).Format(time.DateOnly)] = 1 + i%3
	}
	w.look()
	began := time.Now()
	s, err := w.all[0].GetSchedule(t.Context(), admin)
	if err != nil || s.Ahead < 2800 || s.Full < 4 || len(s.Planned) != 12 || len(s.Phases) != 4 {
		t.Errorf("%d ahead, %d full, %d planned, %+v, %v", s.Ahead, s.Full, len(s.Planned), s.Phases, err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
	off := w.console(w.e)
	if s, err := off.GetSchedule(t.Context(), admin); err != nil || s.On {
		t.Errorf("without a schedule: %s, %v", fmt.Sprint(s), err)
	}
}

// TestABackupThatIsDueIsForMilestonesToo: where one backup follows the other, nobody else would get a turn.
func TestABackupThatIsDueIsForMilestonesToo(t *testing.T) {
	t.Parallel()
	w := newScheduled(t, 2)
	w.past("duties", `insert into duties (name, next_at) values ('watch_milestones', now() + interval '9 min')
		on conflict (name) do update set next_at = excluded.next_at`) // nobody else watches them meanwhile
	w.run(w.all[0], true)
	w.lookUntil(1) // and the days before it are seen
	w.lastNote(console.StateDone)
	err := w.all[0].SaveMilestone(t.Context(), admin, console.SaveMilestoneInput{
		WeddingID: "w2",
		Name:      "tasting",
		Day:       w.now.AddDate(0, 0, 1),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.pass(24 * time.Hour)
	w.lookUntil(2)
	if o := w.lastNote(console.StateDone); len(o.Weddings) != 1 || o.Weddings[0].Milestone != "tasting" ||
		o.Note != "Automatic backup: daily; 1 wedding reached tasting" {
		t.Errorf("%+v, %q", o.Weddings, o.Note)
	}
}
