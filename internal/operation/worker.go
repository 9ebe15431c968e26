package operation

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
	"github.com/wedsync/keepsake/internal/progress"
)

// job is what the queue carries: the operation's row says everything else, and whether there is anything to do.
type job struct {
	Operation string `json:"operation"`
}

// Kind names the job in the queue.
func (job) Kind() string { return "operation" }

// worker runs operations. A job that finds its operation held, ended or gone has nothing to do and is done.
type worker struct {
	river.WorkerDefaults[job]
	runner *Runner
}

// Timeout is none: a backup takes what it takes, and its lease tells whether it lives.
func (*worker) Timeout(*river.Job[job]) time.Duration { return -1 }

// Work claims the operation, runs it and writes down how it ended. It returns an error only when it could not claim,
// for the queue to try again; how the operation itself ends is in its row.
func (w *worker) Work(ctx context.Context, j *river.Job[job]) error {
	r := w.runner
	row, err := r.claim(ctx, j.Args.Operation)
	if db.IsNoRows(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("claim operation %s: %w", j.Args.Operation, err)
	}
	r.run(ctx, row)
	return nil
}

func (r *Runner) claim(ctx context.Context, id string) (Operation, error) {
	var row Operation
	err := r.db.InTx(ctx, keepsake.System("worker"), func(tx db.Tx) (err error) {
		if row, err = tx.ClaimOperation(ctx, sqlcgen.ClaimOperationParams{
			ID:       id,
			Worker:   r.process,
			Settling: r.settle,
		}); err != nil {
			return err
		}
		words := "Started."
		if row.Attempt > 1 {
			words = fmt.Sprintf("Started again, attempt %d.", row.Attempt)
		}
		if row.CancelRequestedAt != nil {
			words = "A worker looks whether it has happened."
		}
		return r.Say(ctx, tx, row, "info", words)
	})
	return row, err
}

// errCancelAsked ends an operation that somebody asked to cancel.
var errCancelAsked = errors.New("somebody asked to cancel the operation")

// workerStopped is why a worker that ends in good order gives its operations back.
const workerStopped = "its worker was stopped"

// run runs a claimed operation to its end, whatever that is.
func (r *Runner) run(ctx context.Context, row Operation) {
	running, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// Beats go on while the end is written down, so that nobody takes the operation in between.
	alive, letGo := context.WithCancel(context.WithoutCancel(ctx))
	defer letGo()
	beating := r.hold(alive, row, cancel)
	reporter := progress.NewReporter(ctx, r.db, row.ID, row.Fence, r.log, func(err error) { cancel(err) })

	out := r.execute(running, row, reporter)
	cause := context.Cause(running)
	if errors.Is(cause, errCancelAsked) && keepsake.CodeOf(out.err) == keepsake.CodeUnknown {
		out = r.look(ctx, row)
	}
	reporter.Close()

	var err error
	ending := context.WithoutCancel(ctx)
	switch {
	case errors.Is(cause, progress.ErrLeaseLost):
		err = cause
	case out.err == nil:
		err = r.finish(ending, row, out)
	case errors.Is(cause, errSilent):
		err = r.release(ending, row, "its worker could not reach the console database")
	case ctx.Err() != nil && keepsake.CodeOf(out.err) == keepsake.CodeUnknown:
		err = r.release(ending, row, workerStopped)
	case errors.Is(cause, errCancelAsked) && keepsake.CodeOf(out.err) != keepsake.CodeUnknown:
		out.cancelled = true
		err = r.finish(ending, row, out)
	case ctx.Err() != nil:
		err = r.release(ending, row, workerStopped)
	default:
		err = r.finish(ending, row, out)
	}
	letGo()
	<-beating
	if err != nil {
		r.log.WarnContext(ctx, "an operation's end could not be written down by this worker", "operation", row.ID, "fence",
			row.Fence, "err", err)
	}
}

// outcome is how an operation ended.
type outcome struct {
	report    Report
	err       error
	cancelled bool
}

// errDidNotHappen ends an operation that was cancelled, and that no attempt has made happen.
var errDidNotHappen = errors.New("it was cancelled, and has not happened")

// look asks the kind whether an operation that somebody cancelled has happened.
func (r *Runner) look(ctx context.Context, row Operation) outcome {
	return r.guarded(ctx, row, func() (Report, error) {
		k, is := r.kind(Name(row.Kind)).(Settler)
		if !is {
			return Report{}, errDidNotHappen
		}
		report, happened, err := k.Settle(ctx, row)
		switch {
		case err != nil:
			return Report{}, err
		case !happened:
			return Report{}, errDidNotHappen
		}
		report.Level, report.Left = "warn", "It had happened before it could be cancelled."
		return report, nil
	})
}

// execute runs the operation's kind. Of an operation that was cancelled already it only asks whether it has happened.
func (r *Runner) execute(ctx context.Context, row Operation, to report.Reporter) outcome {
	if row.CancelRequestedAt != nil {
		return r.look(ctx, row)
	}
	return r.guarded(ctx, row, func() (Report, error) {
		k := r.kind(Name(row.Kind))
		if k == nil {
			return Report{}, keepsake.Errorf(keepsake.CodeInternal,
				"This version of Keepsake knows no operation of the kind %q: a newer one has written it.", row.Kind)
		}
		return k.Run(ctx, row, to)
	})
}

// guarded does what a kind does. A panic in it fails the operation, never the worker.
func (r *Runner) guarded(ctx context.Context, row Operation, do func() (Report, error)) (out outcome) {
	defer func() {
		if p := recover(); p != nil {
			r.log.ErrorContext(ctx, "an operation panicked", "operation", row.ID, "panic", p, "stack", string(debug.Stack()))
			out = outcome{err: keepsake.Errorf(keepsake.CodeInternal,
				"A fault inside Keepsake ended the operation. The log of the worker has the cause; the recovery points that "+
					"exist are not affected.")}
		}
	}()
	out.report, out.err = do()
	out.cancelled = errors.Is(out.err, errDidNotHappen)
	return out
}
