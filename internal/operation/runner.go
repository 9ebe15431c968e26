package operation

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/progress"
)

// Runner runs operations and duties. It is safe for concurrent use; any number of them, in any number of processes, may
// share one console database.
type Runner struct {
	Lease   LeaseTimes
	Hub     *progress.Hub
	db      *db.DB
	log     *slog.Logger
	now     func() time.Time
	process string                // its name in leases
	jobs    *river.Client[pgx.Tx] // enqueues; the one that works is made by Run
	kinds   map[Name]Kind
	settle  []string // the names of those that are Settlers

	leases  *Standing // of running operations
	waiting *Standing // jobs that have been taken and have not claimed their operation
}

// NewRunner returns a runner of these kinds. It runs nothing, and hears nothing of other processes, until Run is
// called.
func NewRunner(d *db.DB, log *slog.Logger, now func() time.Time, lease LeaseTimes, kinds ...Kind) (*Runner, error) {
	jobs, err := river.NewClient(riverpgxv5.New(d.Jobs()), &river.Config{Schema: db.JobSchema, Logger: quiet(log)})
	if err != nil {
		return nil, fmt.Errorf("open the job queue: %w", err)
	}
	host, _ := os.Hostname() // a nameless host is still told apart by the rest
	r := &Runner{
		Lease:   lease.orDefault(),
		Hub:     progress.NewHub(d, log),
		db:      d,
		log:     log,
		now:     now,
		jobs:    jobs,
		kinds:   map[Name]Kind{},
		settle:  []string{},
		process: fmt.Sprintf("%s/%d/%s", host, os.Getpid(), rand.Text()[:8]),
	}
	r.leases, r.waiting = NewStanding(r.Lease.Expiry/2), NewStanding(r.Lease.Expiry/2)
	for _, k := range kinds {
		r.kinds[k.About().Name] = k
		if _, is := k.(Settler); is {
			r.settle = append(r.settle, string(k.About().Name))
		}
	}
	return r, nil
}

// kind returns the kind with that name, or nil where this version knows none.
func (r *Runner) kind(name Name) Kind { return r.kinds[name] }

const (
	// parallelOperations is how many operations of each queue one process runs at once.
	parallelOperations = 4
	// stopTime is how long a stopping worker waits for its operations to give way.
	stopTime = 15 * time.Second
)

// Run listens to other processes until ctx ends. With work it also runs operations and duties. When it returns, every
// operation that this process held has been given back, and starts again elsewhere at once.
func (r *Runner) Run(ctx context.Context, work bool, duties []Duty) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	// The hub outlives the worker: cancelling must reach operations that are still giving way.
	listening, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	wg.Go(func() { r.Hub.Run(listening) })
	if !work {
		<-ctx.Done()
		return nil
	}
	return r.work(ctx, duties)
}

func (r *Runner) work(ctx context.Context, duties []Duty) error {
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, &worker{runner: r}); err != nil {
		return fmt.Errorf("register the worker: %w", err)
	}
	client, err := river.NewClient(riverpgxv5.New(r.db.Jobs()), &river.Config{
		Schema: db.JobSchema, Logger: quiet(r.log), Workers: workers, JobTimeout: -1,
		Queues: map[string]river.QueueConfig{
			string(QueueDefault): {MaxWorkers: parallelOperations},
			string(QueueBackup):  {MaxWorkers: parallelOperations},
			string(QueueRestore): {MaxWorkers: parallelOperations},
		},
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
	wg.Go(func() { NewKeeper(r.db, r.log, r.process, duties).Run(ctx) })
	<-ctx.Done()
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	err = client.StopAndCancel(stopping)
	wg.Wait()
	if err != nil {
		return fmt.Errorf("an operation did not give way in %s; its lease expires by itself and another worker "+
			"starts it again: %w", stopTime, err)
	}
	return nil
}

// Reconcile takes operations from workers that stopped answering, and puts every waiting operation that is not in the
// queue into it. Every worker calls it, and calls at once do no harm. It reports whether a worker was lost. What is
// wrong with one operation keeps it from none of the others.
//
// A worker has stopped answering when this process has seen its lease stand still for Expiry, by its own clock. Time in
// which this process could not look does not count: then others could hardly renew.
func (r *Runner) Reconcile(ctx context.Context) (lost bool, err error) {
	var leases []sqlcgen.ListLeasesRow
	err = r.inTx(ctx, func(tx db.Tx) (err error) {
		leases, err = tx.ListLeases(ctx)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("list the leases: %w", err)
	}
	var failed []error
	running := map[string]bool{}
	for _, l := range leases {
		running[l.ID] = true
		if r.leases.Look(l.ID, l.Lease) < r.Lease.Expiry {
			continue
		}
		switch err := r.expire(ctx, l); {
		case err == nil:
			lost = true
		case !db.IsNoRows(err):
			failed = append(failed, fmt.Errorf("take operation %s over: %w", l.ID, err))
		}
	}
	r.leases.Keep(running)
	if err := r.inTx(ctx, func(tx db.Tx) error { return r.requeue(ctx, tx) }); err != nil {
		failed = append(failed, err)
	}
	return lost, errors.Join(failed...)
}

func (r *Runner) inTx(ctx context.Context, fn func(db.Tx) error) error {
	return r.db.InTx(ctx, keepsake.System("reconcile"), fn)
}

// expire takes one operation from its worker. It returns an error that db.IsNoRows knows when that one has answered.
func (r *Runner) expire(ctx context.Context, l sqlcgen.ListLeasesRow) error {
	return r.inTx(ctx, func(tx db.Tx) error {
		row, err := tx.ExpireLease(ctx, sqlcgen.ExpireLeaseParams{
			ID:           l.ID,
			Lease:        l.Lease,
			MostAttempts: mostAttempts,
			Settling:     r.settle,
			ErrorCode:    string(keepsake.CodeInternal),
			UnknownCode:  string(keepsake.CodeUnknown),
			ErrorMessage: fmt.Sprintf("It was started %d times, and each time its worker died. It is not started again: see "+
				"the worker's log for the cause.", mostAttempts),
		})
		if err != nil {
			return err
		}
		return r.recordLost(ctx, tx, row)
	})
}

// Leases are those of running operations, as this process has seen them.
func (r *Runner) Leases() *Standing { return r.leases }

// recordLost follows up on an operation that was taken from a silent worker.
func (r *Runner) recordLost(ctx context.Context, tx db.Tx, row Operation) error {
	r.log.WarnContext(ctx, "an operation was taken from a worker that stopped answering", "operation", row.ID, "attempt",
		row.Attempt, "state", row.State)
	switch State(row.State) {
	case StateCancelled:
		return r.endCancelled(ctx, tx, row, "")
	case StateFailed:
		if err := r.Stopped(ctx, tx, row); err != nil {
			return err
		}
		if err := r.Say(ctx, tx, row, "error", deref(row.ErrorMessage)); err != nil {
			return err
		}
		return r.auditEnd(ctx, tx, row)
	}
	if err := r.Enqueue(ctx, tx, row.ID, Name(row.Kind)); err != nil {
		return err
	}
	return r.Say(ctx, tx, row, "warn", "Interrupted: its worker stopped answering. Another one starts it again.")
}

// requeue enqueues operations that wait although nothing in the queue would start them: a worker took the job and died
// before it claimed the operation, or the job waits for a moment that a clock which was set back has put far off.
func (r *Runner) requeue(ctx context.Context, tx db.Tx) error {
	rows, err := tx.PG.Query(ctx, `
		select o.id::text, o.kind, coalesce((
			select string_agg(j.id || '/' || j.attempt, ' ' order by j.id) from river.river_job j
			where j.kind = $1 and j.args ->> 'operation' = o.id::text and j.state = 'running'), '')
		from backup_operations o
		where o.state in ('queued', 'interrupted') and not exists (
			select from river.river_job j
			where j.kind = $1
			  and j.args ->> 'operation' = o.id::text
			  and j.state in ('available', 'pending', 'scheduled', 'retryable')
			  and j.scheduled_at <= clock_timestamp() + interval '1 minute')
		for update skip locked`, job{}.Kind())
	if err != nil {
		return fmt.Errorf("look for operations nobody would start: %w", err)
	}
	type waiting struct {
		ID   string
		Kind Name
		Job  string // that somebody has taken, or several
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[waiting])
	if err != nil {
		return fmt.Errorf("look for operations nobody would start: %w", err)
	}
	seen := map[string]bool{}
	for _, o := range found {
		seen[o.ID] = true
		if o.Job != "" && r.waiting.Look(o.ID, o.Job) < r.Lease.Expiry {
			continue
		}
		if err := r.Enqueue(ctx, tx, o.ID, o.Kind); err != nil {
			return err
		}
	}
	r.waiting.Keep(seen)
	return nil
}

// quiet keeps the job queue's own chatter out of the log; what it warns of is for people.
func quiet(log *slog.Logger) *slog.Logger { return slog.New(warnings{log.Handler()}) }

type warnings struct{ slog.Handler }

func (w warnings) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && w.Handler.Enabled(ctx, l)
}
func (w warnings) WithAttrs(a []slog.Attr) slog.Handler { return warnings{w.Handler.WithAttrs(a)} }
func (w warnings) WithGroup(g string) slog.Handler      { return warnings{w.Handler.WithGroup(g)} }
