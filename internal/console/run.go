package console

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/operation"
)

const (
	// parallelOperations is how many operations one process runs at once: a backup and verifications. As many restores run beside them.
	parallelOperations = 4
	// stopTime is how long a stopping worker waits for its operations to give way.
	stopTime = 15 * time.Second
)

// Run hears what other processes do until ctx ends, and with work also runs operations. When it returns, every operation this
// process held has been given back and starts again elsewhere at once.
func (c *Console) Run(ctx context.Context, work bool) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	// The hub outlives the worker: cancelling must reach operations that are still giving way.
	listening, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	wg.Go(func() { c.hub.Run(listening) })
	if !work {
		<-ctx.Done()
		return nil
	}
	return c.work(ctx)
}

func (c *Console) work(ctx context.Context) error {
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, &operationWorker{console: c}); err != nil {
		return fmt.Errorf("register the worker: %w", err)
	}
	client, err := river.NewClient(riverpgxv5.New(c.db.Jobs()), &river.Config{
		Schema: db.JobSchema, Logger: quiet(c.log), Workers: workers, JobTimeout: -1,
		Queues: map[string]river.QueueConfig{string(operation.QueueDefault): {MaxWorkers: parallelOperations}, string(operation.QueueRestore): {MaxWorkers: parallelOperations}},
		// Rebuilding its indexes takes their owner, which the console is not. Jobs are few and removed within a day.
		ReindexerSchedule: river.NeverSchedule(),
	})
	if err != nil {
		return fmt.Errorf("open the job queue: %w", err)
	}
	// The queue must not stop by itself when ctx ends: StopAndCancel ends it in order.
	if err := client.Start(context.WithoutCancel(ctx)); err != nil {
		return keepsake.Errorf(keepsake.CodeUnavailable, "the job queue could not be started: %w", err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { operation.NewKeeper(c.db, c.log, c.worker, c.duties).Run(ctx) })
	<-ctx.Done()
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	err = client.StopAndCancel(stopping)
	wg.Wait()
	if err != nil {
		return fmt.Errorf("an operation did not give way in %s; its lease expires by itself and another worker starts it again: %w", stopTime, err)
	}
	return nil
}

// reconcile takes operations from workers that stopped answering, and sees to it that everything that waits is in the queue.
// Every worker does it; they do not get into each other's way.
func (c *Console) reconcile(ctx context.Context) error {
	lost := false
	err := c.db.InTx(ctx, keepsake.System("reconcile"), func(tx db.Tx) error {
		rows, err := tx.ExpireLeases(ctx, sqlcgen.ExpireLeasesParams{ExpirySeconds: c.lease.Expiry.Seconds(), MostAttempts: mostAttempts,
			ErrorCode:    string(keepsake.CodeInternal),
			ErrorMessage: fmt.Sprintf("It was started %d times, and each time its worker died. It is not started again: see the worker's log for the cause.", mostAttempts)})
		if err != nil {
			return fmt.Errorf("expire leases: %w", err)
		}
		for _, row := range rows {
			lost = true
			if err := c.taken(ctx, tx, row); err != nil {
				return err
			}
		}
		return c.requeue(ctx, tx)
	})
	if err != nil || !lost {
		return err
	}
	// The dead worker may have published a recovery point and died before it could say so.
	return c.SyncPoints(ctx)
}

// taken follows up on an operation that was taken from a silent worker.
func (c *Console) taken(ctx context.Context, tx db.Tx, row sqlcgen.BackupOperation) error {
	c.log.WarnContext(ctx, "an operation was taken from a worker that stopped answering", "operation", row.ID, "attempt", row.Attempt, "state", row.State)
	switch State(row.State) {
	case StateCancelled:
		return c.endCancelled(ctx, tx, row)
	case StateFailed:
		if err := c.stopped(ctx, tx, row); err != nil {
			return err
		}
		if err := c.say(ctx, tx, row, "error", deref(row.ErrorMessage)); err != nil {
			return err
		}
		return c.auditEnd(ctx, tx, row)
	}
	if err := c.insertJob(ctx, tx, row.ID, Kind(row.Kind)); err != nil {
		return err
	}
	return c.say(ctx, tx, row, "warn", "Interrupted: its worker stopped answering. Another one starts it again.")
}

// requeue enqueues operations that wait although nothing in the queue would start them: a worker took the job and died before
// it claimed the operation.
func (c *Console) requeue(ctx context.Context, tx db.Tx) error {
	rows, err := tx.PG.Query(ctx, `
		select o.id::text, o.kind from backup_operations o
		where o.state in ('queued', 'interrupted') and not exists (
			select from river.river_job j
			where j.kind = $1 and j.args ->> 'operation' = o.id::text
			  and (j.state in ('available', 'pending', 'scheduled', 'retryable')
			       or j.state = 'running' and j.attempted_at > clock_timestamp() - make_interval(secs => $2::double precision)))
		for update skip locked`, operationJob{}.Kind(), c.lease.Expiry.Seconds())
	if err != nil {
		return fmt.Errorf("look for operations nobody would start: %w", err)
	}
	waiting, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct {
		ID   string
		Kind Kind
	}])
	if err != nil {
		return fmt.Errorf("look for operations nobody would start: %w", err)
	}
	for _, o := range waiting {
		if err := c.insertJob(ctx, tx, o.ID, o.Kind); err != nil {
			return err
		}
	}
	return nil
}
