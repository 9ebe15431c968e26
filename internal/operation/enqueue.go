package operation

import (
	"context"
	"fmt"

	"github.com/riverqueue/river"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/progress"
)

// Enqueue puts an operation into the queue of its kind, in the caller's transaction.
func (r *Runner) Enqueue(ctx context.Context, tx db.Tx, id string, name Name) error {
	opts := &river.InsertOpts{Queue: string(QueueDefault)}
	if k := r.kind(name); k != nil {
		opts.Queue = string(k.About().Queue)
	}
	if _, err := r.jobs.InsertTx(ctx, tx.PG, job{Operation: id}, opts); err != nil {
		return fmt.Errorf("enqueue operation %s: %w", id, err)
	}
	return nil
}

// Cancel stops an operation, in the caller's transaction. One that waits ends at once. Of one that runs the worker is
// told. Of a Settler's that a worker left, the next worker finds out whether it has happened, and ends it. For one that
// has ended Cancel returns CodeConflict.
func (r *Runner) Cancel(ctx context.Context, tx db.Tx, actor keepsake.Actor, id string) error {
	row, err := tx.RequestCancel(ctx, sqlcgen.RequestCancelParams{ID: id, Actor: actor.Name, Settling: r.settle})
	if db.IsNoRows(err) {
		return keepsake.Errorf(keepsake.CodeConflict, "It has ended already: there is nothing to cancel.")
	}
	if err != nil {
		return fmt.Errorf("cancel operation %s: %w", id, err)
	}
	words := "Cancelled by " + actor.Name + " before it started."
	switch State(row.State) {
	case StateRunning:
		words = actor.Name + " asked to cancel it."
		if err := progress.Notify(ctx, tx, progress.ChannelCancel, id); err != nil {
			return err
		}
	case StateInterrupted:
		words = actor.Name + " asked to cancel it. First a worker looks whether it has happened."
	}
	if State(row.State) == StateCancelled && row.StartedAt != nil { // its worker had gone
		return r.endCancelled(ctx, tx, row, " by "+actor.Name)
	}
	return r.Say(ctx, tx, row, "info", words)
}

// Say writes a line of the console's own into an operation's log, in the caller's transaction, and wakes its
// watchers. The line takes the event id of the row's last change.
func (r *Runner) Say(ctx context.Context, tx db.Tx, row Operation, level, message string) error {
	line := report.LogLine{Time: r.now(), Level: level, Message: message}
	if err := progress.AppendLog(ctx, tx, row.ID, row.LastEventID, []report.LogLine{line}); err != nil {
		return err
	}
	return progress.Notify(ctx, tx, progress.ChannelChanged, row.ID)
}

// deref returns what p points to, or the zero value.
func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
