package console_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

func TestBackupBecomesPoint(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.console(newFakeEngine())
	w.run(c, true)
	o, err := c.StartBackup(t.Context(), admin,
		console.StartBackupInput{
			Type:   keepsake.BackupFull,
			Note:   "before the <change>",
			Labels: map[string]string{"app": "1.2"},
		})
	if err != nil {
		t.Fatal(err)
	}
	if o.State != console.StateQueued || o.RequestedBy != admin.Name {
		t.Errorf("started: %+v", o)
	}
	o = await(t, c, o.ID, console.StateDone)
	if !o.Protected || !o.OK || o.Degraded() || o.Backup == nil || o.Point != o.Backup.Point || o.Rows != 100 ||
		o.Attempt != 1 || o.Progress == nil || o.FinishedAt.IsZero() {
		t.Errorf("done: %+v", o)
	}
	d, err := c.GetPoint(t.Context(), admin, o.Point)
	if err != nil || d.Point.Note != "before the <change>" || d.Point.Labels["app"] != "1.2" ||
		d.Point.Operation != o.ID || d.Point.Server != "15.4" || !d.Point.Protected || d.Detail == nil {
		t.Errorf("point: %+v, %v", d, err)
	}
	log, err := c.OperationLog(t.Context(), admin, o.ID, 0, 0)
	if err != nil || len(log) != 3 || log[1].Message != "read everything" || log[2].Message != "Done." {
		t.Errorf("log: %+v, %v", log, err)
	}
	if r, err := audit.Verify(t.Context(), w.db); err != nil || !r.Intact || r.Rows != 2 {
		t.Errorf("audit: %+v, %v, want a start and an end", r, err)
	}
	if _, err := c.StartBackup(t.Context(), admin, console.StartBackupInput{Type: keepsake.BackupIncremental}); err !=
		nil {
		t.Errorf("another backup after the end of the first: %v", err)
	}
}

func TestUnprotectedBackupIsDegraded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := newFakeEngine()
	e.backup = func(_ context.Context, in engine.BackupInput, r engine.Reporter) (engine.BackupResult, error) {
		return e.succeed(in, r, "local", "s3")
	}
	c := w.console(e)
	w.run(c, true)
	o, err := c.StartBackup(t.Context(), admin, console.StartBackupInput{Type: keepsake.BackupFull})
	if err != nil {
		t.Fatal(err)
	}
	o = await(t, c, o.ID, console.StateDone)
	if o.Protected || !o.Degraded() || !strings.Contains(o.Lacks, "offsite") {
		t.Errorf("%+v", o)
	}
	d, err := c.Dashboard(t.Context(), admin)
	if err != nil || d.Alarm != console.AlarmFailed || d.Protection.Protected() || d.Newest == nil {
		t.Errorf("dashboard: %+v, %v", d, err)
	}
}

func TestOneBackupAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := newFakeEngine()
	hold := make(chan struct{})
	e.backup = func(_ context.Context, in engine.BackupInput, r engine.Reporter) (engine.BackupResult, error) {
		<-hold
		return e.succeed(in, r, "local", "s3", "away")
	}
	consoles := []*console.Console{w.console(e), w.console(e)}
	w.run(consoles[0], true)
	w.run(consoles[1], true)
	var mu sync.Mutex
	var started, running []string
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			o, err := consoles[i%2].StartBackup(t.Context(), admin, console.StartBackupInput{Type: keepsake.BackupFull})
			mu.Lock()
			defer mu.Unlock()
			switch keepsake.CodeOf(err) {
			case keepsake.CodeConflict:
				running = append(running, o.ID)
			default:
				if err != nil {
					t.Errorf("start: %v", err)
				}
				started = append(started, o.ID)
			}
		})
	}
	wg.Wait()
	if len(started) != 1 || len(running) != 19 ||
		slices.ContainsFunc(running, func(id string) bool { return id != started[0] }) {
		t.Fatalf("started %v, told about %v: want one, and the others told about it", started, running)
	}
	close(hold)
	await(t, consoles[0], started[0], console.StateDone)
	if n := w.count("select count(*) from audit_log where action = 'backup.start' and outcome = 'refused'"); n != 19 {
		t.Errorf("%d refusals on record, want 19", n)
	}
}

// TestACancelledBackupHidesNoFailedOne: what somebody stopped says nothing of whether backups work.
func TestACancelledBackupHidesNoFailedOne(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newFakeEngine()
	e.points = []engine.Point{fakePoint("a", time.Now().Add(-time.Hour), "local", "s3", "away")}
	e.backup = func(context.Context, engine.BackupInput, engine.Reporter) (engine.BackupResult, error) {
		return engine.BackupResult{}, errors.New("broken pipe")
	}
	c := w.console(e)
	if err := c.SyncPoints(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop := w.run(c, true)
	failed := await(t, c, startFull(t, c).ID, console.StateFailed)
	stop()
	cancelled := func(o console.Operation, err error) {
		t.Helper()
		if err == nil {
			err = c.CancelOperation(t.Context(), admin, o.ID)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	judge := func() {
		t.Helper()
		if d, err := c.Dashboard(t.Context(), admin); err != nil || d.LastBackup == nil || d.LastBackup.ID != failed.ID ||
			d.Alarm != console.AlarmFailed {
			t.Errorf("alarm %q, %+v, %v", d.Alarm, d.LastBackup, err)
		}
	}
	cancelled(c.StartBackup(t.Context(), admin, console.StartBackupInput{Type: keepsake.BackupIncremental}))
	judge()
	for range 10 { // so many that the failed one is among the latest operations no more
		cancelled(c.StartVerify(t.Context(), admin, console.StartVerifyInput{}))
	}
	cancelled(c.StartBackup(t.Context(), admin, console.StartBackupInput{Type: keepsake.BackupIncremental}))
	judge()
}

func TestFailureIsKeptInWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		backup func() (engine.BackupResult, error)
		code   keepsake.Code
		words  string
	}{
		{"refused", func() (engine.BackupResult, error) {
			return engine.BackupResult{}, keepsake.Errorf(keepsake.CodeUnavailable, "The platform is \x00 away.")
		}, keepsake.CodeUnavailable, "is � away"},
		{"plain error", func() (engine.BackupResult, error) { return engine.BackupResult{}, errors.New("broken pipe") },
			keepsake.CodeInternal, "broken pipe"},
		{"panic", func() (engine.BackupResult, error) { panic("out of cheese") },
			keepsake.CodeInternal, "fault inside Keepsake"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			e := newFakeEngine()
			e.backup = func(context.Context, engine.BackupInput, engine.Reporter) (engine.BackupResult, error) {
				return c.backup()
			}
			con := w.console(e, func(d *console.Deps) { d.Logger = nil })
			w.run(con, true)
			o, err := con.StartBackup(t.Context(), admin, console.StartBackupInput{Type: keepsake.BackupFull})
			if err != nil {
				t.Fatal(err)
			}
			o = await(t, con, o.ID, console.StateFailed)
			if o.ErrorCode != c.code || !strings.Contains(o.ErrorMessage, c.words) {
				t.Errorf("%s: %q", o.ErrorCode, o.ErrorMessage)
			}
			if d, err := con.Dashboard(t.Context(), admin); err != nil || d.Alarm != console.AlarmNever ||
				d.LastBackup.ID != o.ID {
				t.Errorf("dashboard: %+v, %v", d, err)
			}
		})
	}
}

func TestRefusedBackupStartsAreOnRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.console(newFakeEngine())
	for _, x := range []struct {
		name  string
		actor keepsake.Actor
		in    console.StartBackupInput
		code  keepsake.Code
	}{
		{"nobody", keepsake.Actor{}, console.StartBackupInput{Type: keepsake.BackupFull}, keepsake.CodeForbidden},
		{"bound to an organization", bound, console.StartBackupInput{Type: keepsake.BackupFull}, keepsake.CodeForbidden},
		{"no type", admin, console.StartBackupInput{}, keepsake.CodeInvalid},
		{"one wedding", admin, console.StartBackupInput{Type: keepsake.BackupWedding}, keepsake.CodeInvalid},
		{"endless note", admin,
			console.StartBackupInput{Type: keepsake.BackupFull, Note: strings.Repeat("x", 501)}, keepsake.CodeInvalid},
		{"note that is no text", admin,
			console.StartBackupInput{Type: keepsake.BackupFull, Note: "a\x00b"}, keepsake.CodeInvalid},
		{"nameless label", admin,
			console.StartBackupInput{Type: keepsake.BackupFull, Labels: map[string]string{"": "x"}}, keepsake.CodeInvalid},
	} {
		if _, err := c.StartBackup(t.Context(), x.actor, x.in); keepsake.CodeOf(err) != x.code {
			t.Errorf("%s: %v, want %s", x.name, err, x.code)
		}
	}
	if n := w.count("select count(*) from audit_log where outcome = 'refused'"); n != 7 {
		t.Errorf("%d refusals on record, want 7", n)
	}
	if n := w.count("select count(*) from backup_operations"); n != 0 {
		t.Errorf("%d operations, want none", n)
	}
}

// TestSubscribeReplaysInOrder reads a long log with a slow reader and again from the middle.
func TestSubscribeReplaysInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := newFakeEngine()
	const lines = 1200
	e.backup = func(_ context.Context, in engine.BackupInput, r engine.Reporter) (engine.BackupResult, error) {
		for i := range lines {
			r.Log(engine.LogLine{Time: time.Now(), Level: "info", Message: fmt.Sprint(i)})
			r.Progress(engine.Progress{Stage: engine.StageReading, StartedAt: time.Now(), RowsDone: int64(i)})
		}
		return e.succeed(in, r, "local", "s3", "away")
	}
	worker, watcher := w.console(e), w.console(e)
	w.run(worker, true)
	w.run(watcher, false) // another process
	o, err := watcher.StartBackup(t.Context(), admin, console.StartBackupInput{Type: keepsake.BackupFull})
	if err != nil {
		t.Fatal(err)
	}
	done := await(t, worker, o.ID, console.StateDone)
	read := func(after int64) (ids []int64, messages []string) {
		events, err := watcher.Subscribe(t.Context(), admin, o.ID, after)
		if err != nil {
			t.Fatal(err)
		}
		last := after
		for ev := range events {
			if ev.ID <= last {
				t.Errorf("event %d follows %d", ev.ID, last)
			}
			last = ev.ID
			for _, l := range ev.Log {
				ids, messages = append(ids, l.ID), append(messages, l.Message)
			}
		}
		if last != done.EventID {
			t.Errorf("the last event is %d, want %d", last, done.EventID)
		}
		return ids, messages
	}
	all, err := watcher.OperationLog(t.Context(), admin, o.ID, 0, 0)
	if err != nil || len(all) != lines+3 {
		t.Fatalf("log: %d lines, %v", len(all), err)
	}
	ids, messages := read(all[0].ID)
	if len(ids) != lines+2 || !slices.IsSorted(ids) {
		t.Errorf("%d lines after the first, sorted %v", len(ids), slices.IsSorted(ids))
	}
	for i := range lines {
		if messages[i] != fmt.Sprint(i) {
			t.Fatalf("line %d is %q", i, messages[i])
		}
	}
	if ids, _ := read(all[700].ID); len(ids) != len(all)-701 {
		t.Errorf("after line 700: %d lines, want %d", len(ids), len(all)-701)
	}
}

// TestSlowWatcherHoldsNobodyUp subscribes and does not read until the operation is over.
func TestSlowWatcherHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.console(newFakeEngine())
	o, err := c.StartBackup(t.Context(), admin, console.StartBackupInput{Type: keepsake.BackupFull})
	if err != nil {
		t.Fatal(err)
	}
	events, err := c.Subscribe(t.Context(), admin, o.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	w.run(c, true)
	await(t, c, o.ID, console.StateDone)
	n := 0
	var last console.Event
	for last = range events {
		n++
	}
	if last.Operation.State != console.StateDone || n != 2 {
		t.Errorf("%d events, the last %s: want the first and the last", n, last.Operation.State)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Subscribe(ctx, admin, o.ID, 0); err == nil {
		t.Error("subscribing with an ended context works")
	}
	for want, actor := range map[keepsake.Code]keepsake.Actor{keepsake.CodeForbidden: {}, keepsake.CodeNotFound: bound} {
		if _, err := c.Subscribe(t.Context(), actor, o.ID, 0); keepsake.CodeOf(err) != want {
			t.Errorf("%q may watch: %v", actor.Name, err)
		}
	}
}
