package console_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// blocking is an engine whose backups wait for their end; started receives at the start of each.
func blocking() (e *fakeEngine, started chan struct{}) {
	e, started = newFakeEngine(), make(chan struct{}, 10)
	e.backup = func(ctx context.Context, _ engine.BackupInput, _ engine.Reporter) (engine.BackupResult, error) {
		started <- struct{}{}
		<-ctx.Done()
		return engine.BackupResult{}, ctx.Err()
	}
	return e, started
}

func startFull(t *testing.T, c *console.Console) console.Operation {
	t.Helper()
	o, err := c.StartBackup(t.Context(), admin, console.StartBackupInput{Type: keepsake.BackupFull})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestCancelReachesAnotherProcess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e, started := blocking()
	// only the notification can be in time
	slow := func(d *console.Deps) { d.Lease = console.LeaseTimes{Beat: time.Hour, Expiry: 3 * time.Hour} }
	worker, web := w.console(e, slow), w.console(e, slow)
	w.run(worker, true)
	w.run(web, false)
	o := startFull(t, web)
	<-started
	if err := web.CancelOperation(t.Context(), admin, o.ID); err != nil {
		t.Fatal(err)
	}
	o = await(t, web, o.ID, console.StateCancelled)
	if !o.CancelRequested || o.ErrorMessage != "" {
		t.Errorf("%+v", o)
	}
	if err := web.CancelOperation(t.Context(), admin, o.ID); keepsake.CodeOf(err) != keepsake.CodeConflict {
		t.Errorf("cancel it again: %v", err)
	}
	if err := web.CancelOperation(t.Context(), admin, "018f0000-0000-7000-8000-000000000001"); keepsake.CodeOf(
		err) != keepsake.CodeNotFound {
		t.Errorf("cancel what is not there: %v", err)
	}
}

func TestCancelBeforeItStarts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.console(newFakeEngine())
	o := startFull(t, c)
	if err := c.CancelOperation(t.Context(), admin, o.ID); err != nil {
		t.Fatal(err)
	}
	o = await(t, c, o.ID, console.StateCancelled)
	if o.Attempt != 0 || o.FinishedAt.IsZero() {
		t.Errorf("%+v", o)
	}
	w.run(c, true)
	next := startFull(t, c)
	await(t, c, next.ID, console.StateDone)
	if o, err := c.GetOperation(t.Context(), admin, o.ID); err != nil || o.State != console.StateCancelled {
		t.Errorf("its job revived it: %+v, %v", o, err)
	}
}

// TestStoppedWorkerGivesBack stops a worker in good order: the operation is free at once, not after the expiry.
func TestStoppedWorkerGivesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e, started := blocking()
	patient := func(d *console.Deps) {
		d.Lease = console.LeaseTimes{Beat: time.Hour, Expiry: 3 * time.Hour, Reconcile: time.Hour}
	}
	first := w.console(e, patient)
	stop := w.run(first, true)
	o := startFull(t, first)
	<-started
	stop()
	if o, err := first.GetOperation(t.Context(), admin, o.ID); err != nil || o.State != console.StateInterrupted {
		t.Fatalf("after the stop: %+v, %v", o, err)
	}
	second := w.console(newFakeEngine(), patient)
	stop = w.run(second, true)
	if o = await(t, second, o.ID, console.StateDone); o.Attempt != 2 {
		t.Errorf("attempt %d, want 2", o.Attempt)
	}
	stop()
	if n := w.count("select count(*) from river.river_job where state in ('running', 'available', 'retryable')"); n != 0 {
		t.Errorf("%d jobs are left half-claimed", n)
	}
}

// TestKilledWorkerIsReplaced kills a real worker process, which can give nothing back.
func TestKilledWorkerIsReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	victim := exec.Command(os.Args[0])
	victim.Env = append(os.Environ(), victimURL+"="+w.url.Reveal())
	out, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = victim.Process.Kill(); _ = victim.Wait() })

	c := w.console(newFakeEngine(), takingOver)
	o := startFull(t, c)
	if !bufio.NewScanner(out).Scan() {
		t.Fatal("the worker never began")
	}
	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	w.run(c, true)
	o = await(t, c, o.ID, console.StateDone)
	if o.Attempt != 2 {
		t.Errorf("attempt %d, want 2", o.Attempt)
	}
	t.Logf("taken over and done %s after the kill; the lease expires after %s",
		time.Since(killed).Round(time.Millisecond), expiring.Expiry)
	if n := w.count("select count(*) from backup_operations where state = 'running' or worker is not null"); n != 0 {
		t.Errorf("%d operations are left half-claimed", n)
	}
}

// TestJobTakenByADeadProcessIsRequeued leaves a job marked as running that never claimed its operation.
func TestJobTakenByADeadProcessIsRequeued(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.console(newFakeEngine(), takingOver)
	o := startFull(t, c)
	err := w.db.InTx(t.Context(), keepsake.System("test"), func(tx db.Tx) error {
		_, err := tx.PG.Exec(t.Context(),
			`update river.river_job set state = 'running', attempt = 1, attempted_at = now() - interval '1 minute',
				attempted_by = '{dead}'`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w.run(c, true)
	await(t, c, o.ID, console.StateDone)
}

// TestReturningWorkerCannotWrite lets a worker fall silent while its engine goes on, as a paused machine does.
func TestReturningWorkerCannotWrite(t *testing.T) {
	t.Parallel()
	for name, take := range map[string]func(t *testing.T, w *world, second *console.Console, id string){
		"taken away": func(_ *testing.T, w *world, _ *console.Console, id string) { w.interrupt(id) },
		"its lease expired": func(t *testing.T, _ *world, second *console.Console, _ string) {
			if err := second.ExpireLeases(t.Context()); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			returningWorkerCannotWrite(t, take)
		})
	}
}

func returningWorkerCannotWrite(t *testing.T, take func(t *testing.T, w *world, second *console.Console, id string)) {
	t.Helper()
	w := newWorld(t)
	e := newFakeEngine()
	fallen, returned := make(chan struct{}), make(chan struct{})
	var runs atomic.Int32
	e.backup = func(ctx context.Context, in engine.BackupInput, r engine.Reporter) (engine.BackupResult, error) {
		if runs.Add(1) > 1 {
			return e.succeed(in, r, "local", "s3", "away")
		}
		close(fallen)
		defer close(returned)
		<-ctx.Done() // the fence tells it
		r.Log(engine.LogLine{Time: time.Now(), Level: "info", Message: "from the grave"})
		return e.succeed(in, r, "local")
	}
	deaf := w.console(e, func(d *console.Deps) {
		d.Lease, d.Logger = console.LeaseTimes{Beat: 2 * time.Second, Expiry: time.Hour, Reconcile: time.Hour}, nil
	})
	stop := w.run(deaf, true)
	o := startFull(t, deaf)
	<-fallen // it is the deaf one that has the operation, and hears nothing of its being taken
	second := w.console(e)
	take(t, w, second, o.ID)
	w.run(second, true)
	o = await(t, second, o.ID, console.StateDone)
	<-returned
	stop()
	after, err := second.GetOperation(t.Context(), admin, o.ID)
	if err != nil || after.Attempt != 2 || !after.Protected || after.EventID != o.EventID {
		t.Errorf("the returning worker changed the operation: %+v, %v", after, err)
	}
	log, err := second.OperationLog(t.Context(), admin, o.ID, 0, 0)
	for _, l := range log {
		if l.Message == "from the grave" {
			t.Error("the returning worker wrote into the log")
		}
	}
	if err != nil {
		t.Error(err)
	}
}

func TestGivenUpAfterTooManyAttempts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.console(newFakeEngine(), takingOver)
	o := startFull(t, c)
	err := w.db.InTx(t.Context(), keepsake.System("test"), func(tx db.Tx) error {
		_, err := tx.PG.Exec(t.Context(), `update backup_operations set state = 'running', attempt = 10, started_at = now(),
			worker = 'dead', fence = 10, heartbeat_at = now() - interval '1 hour'`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w.run(c, true)
	if o = await(t, c, o.ID, console.StateFailed); o.ErrorCode != keepsake.CodeInternal || o.ErrorMessage == "" {
		t.Errorf("%+v", o)
	}
	await(t, c, startFull(t, c).ID, console.StateDone) // it blocks nobody
}

// TestCancelOfWhatWasInterrupted: it had begun, and its log and the trail say how it ended as of any that had.
func TestCancelOfWhatWasInterrupted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e, started := blocking()
	c := w.console(e)
	stop := w.run(c, true)
	o := startFull(t, c)
	<-started
	stop()
	if err := c.CancelOperation(t.Context(), admin, o.ID); err != nil {
		t.Fatal(err)
	}
	o = await(t, c, o.ID, console.StateCancelled)
	log, err := c.OperationLog(t.Context(), admin, o.ID, 0, 0)
	if err != nil || len(log) == 0 {
		t.Fatalf("%+v, %v", log, err)
	}
	want := "Cancelled by " + admin.Name + ". What was uploaded stays and shortens the next backup."
	if last := log[len(log)-1].Message; last != want {
		t.Errorf("the log says %q", last)
	}
	if n := w.count("select count(*) from audit_log where action = 'backup.end' and target = $1", o.ID); n != 1 {
		t.Errorf("%d ends are on record", n)
	}
}
