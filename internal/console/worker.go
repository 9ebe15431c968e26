package console

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/riverqueue/river"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/operation"
	"github.com/wedsync/keepsake/internal/progress"
)

// operationJob is what the queue carries: the operation's row says everything else, and whether there is anything to do.
type operationJob struct {
	Operation string `json:"operation"`
}

// Kind names the job in the queue.
func (operationJob) Kind() string { return "operation" }

// operationWorker runs operations. A job that finds its operation held, ended or gone has nothing to do and is done.
type operationWorker struct {
	river.WorkerDefaults[operationJob]
	console *Console
}

// Timeout is none: a backup takes what it takes, and its lease tells whether it lives.
func (*operationWorker) Timeout(*river.Job[operationJob]) time.Duration { return -1 }

// Work claims the operation, runs it and writes down how it ended. It returns an error only when it could not claim, for the
// queue to try again; how the operation itself ends is in its row.
func (w *operationWorker) Work(ctx context.Context, job *river.Job[operationJob]) error {
	c := w.console
	row, err := c.claim(ctx, job.Args.Operation)
	if db.IsNoRows(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("claim operation %s: %w", job.Args.Operation, err)
	}
	c.run(ctx, row)
	return nil
}

func (c *Console) claim(ctx context.Context, id string) (sqlcgen.BackupOperation, error) {
	var row sqlcgen.BackupOperation
	err := c.db.InTx(ctx, keepsake.System("worker"), func(tx db.Tx) (err error) {
		if row, err = tx.ClaimOperation(ctx, sqlcgen.ClaimOperationParams{ID: id, Worker: c.worker}); err != nil {
			return err
		}
		words := "Started."
		if row.Attempt > 1 {
			words = fmt.Sprintf("Started again, attempt %d.", row.Attempt)
		}
		return c.say(ctx, tx, row, "info", words)
	})
	return row, err
}

// errCancelAsked ends an operation that somebody asked to cancel.
var errCancelAsked = errors.New("somebody asked to cancel the operation")

// run runs a claimed operation to its end, whatever that is.
func (c *Console) run(ctx context.Context, row sqlcgen.BackupOperation) {
	running, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// Beats go on while the end is written down, so that nobody takes the operation in between.
	alive, letGo := context.WithCancel(context.WithoutCancel(ctx))
	defer letGo()
	beating := c.hold(alive, row, cancel)
	reporter := progress.NewReporter(ctx, c.db, row.ID, row.Fence, c.log, func(err error) { cancel(err) })

	out := c.execute(running, row, reporter)
	cause := context.Cause(running)
	reporter.Close()

	var err error
	ending := context.WithoutCancel(ctx)
	switch {
	case errors.Is(cause, progress.ErrLeaseLost):
		err = cause
	case out.err == nil:
		err = c.finish(ending, row, out)
	case errors.Is(cause, errCancelAsked):
		out.cancelled = true
		err = c.finish(ending, row, out)
	case ctx.Err() != nil:
		err = c.release(ending, row)
	default:
		err = c.finish(ending, row, out)
	}
	letGo()
	<-beating
	if err != nil {
		c.log.WarnContext(ctx, "an operation's end could not be written down by this worker", "operation", row.ID, "fence", row.Fence, "err", err)
	}
}

// outcome is how an operation ended.
type outcome struct {
	report    operation.Report
	err       error
	cancelled bool
}

// execute runs the operation's kind. A panic in it fails the operation, never the worker.
func (c *Console) execute(ctx context.Context, row operation.Operation, r report.Reporter) (out outcome) {
	defer func() {
		if p := recover(); p != nil {
			c.log.ErrorContext(ctx, "an operation panicked", "operation", row.ID, "panic", p, "stack", string(debug.Stack()))
			out = outcome{err: keepsake.Errorf(keepsake.CodeInternal, "A fault inside Keepsake ended the operation. The log of the worker has the cause; the recovery points that exist are not affected.")}
		}
	}()
	k, err := kindNamed(c.kinds, Kind(row.Kind))
	if err != nil {
		return outcome{err: err}
	}
	out.report, out.err = k.Run(ctx, row, r)
	return out
}
