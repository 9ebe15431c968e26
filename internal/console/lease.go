package console

import (
	"context"
	"fmt"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/progress"
)

const (
	// mostAttempts is how often an operation is started before it is given up. An operation that takes its worker down with it
	// must not do so for ever.
	mostAttempts = 10
	// endTries and endPause say how long a worker tries to write down how an operation ended.
	endTries = 5
	endPause = 500 * time.Millisecond
)

// hold beats for a claimed operation until ctx ends, which is when its end has been written down. It cancels the operation when
// somebody asks, when the lease is lost, and when it could not be renewed in time: past its expiry another worker may hold it.
// The returned channel closes when it has ended.
func (c *Console) hold(ctx context.Context, row sqlcgen.BackupOperation, cancel context.CancelCauseFunc) <-chan struct{} {
	done := make(chan struct{})
	watch := c.hub.Watch(progress.ChannelCancel, row.ID)
	go func() {
		defer close(done)
		defer watch.Stop()
		beat := time.NewTicker(c.lease.Beat)
		defer beat.Stop()
		renewed := time.Now()
		for {
			select {
			case <-ctx.Done():
				return
			case <-beat.C:
			case <-watch.C():
			}
			began := time.Now()
			asked, err := c.beat(ctx, row)
			switch {
			case err == nil:
				renewed = began
				if asked {
					cancel(errCancelAsked)
				}
			case ctx.Err() != nil:
				return
			case db.IsNoRows(err):
				cancel(progress.ErrLeaseLost)
				return
			case time.Since(renewed) > c.lease.Expiry-c.lease.Beat:
				cancel(fmt.Errorf("%w: it could not be renewed in time: %w", progress.ErrLeaseLost, err))
				return
			}
		}
	}()
	return done
}

// beat renews the lease and reports whether somebody asked to cancel. It takes no longer than the next beat.
func (c *Console) beat(ctx context.Context, row sqlcgen.BackupOperation) (asked bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.lease.Beat)
	defer cancel()
	err = c.db.InTx(ctx, keepsake.System("worker"), func(tx db.Tx) (err error) {
		asked, err = tx.BeatOperation(ctx, sqlcgen.BeatOperationParams{ID: row.ID, Fence: row.Fence})
		return err
	})
	return asked, err
}

// release gives a running operation back because this worker stops: the next one starts it again at once.
func (c *Console) release(ctx context.Context, row sqlcgen.BackupOperation) error {
	return c.ending(ctx, func(ctx context.Context, tx db.Tx) error {
		released, err := tx.ReleaseOperation(ctx, sqlcgen.ReleaseOperationParams{ID: row.ID, Fence: row.Fence})
		if err != nil {
			return err
		}
		if State(released.State) == StateCancelled {
			return c.endCancelled(ctx, tx, released)
		}
		if err := c.insertJob(ctx, tx, row.ID); err != nil {
			return err
		}
		return c.say(ctx, tx, released, "warn", "Interrupted: its worker was stopped. Another one starts it again.")
	})
}

// ending writes down how an operation ended, trying again while the console database does not answer.
func (c *Console) ending(ctx context.Context, fn func(context.Context, db.Tx) error) error {
	var err error
	for try := range endTries {
		if try > 0 {
			time.Sleep(endPause << try)
		}
		once, cancel := context.WithTimeout(ctx, 10*time.Second)
		err = c.db.InTx(once, keepsake.System("worker"), func(tx db.Tx) error { return fn(once, tx) })
		cancel()
		if err == nil || db.IsNoRows(err) {
			break
		}
	}
	if db.IsNoRows(err) {
		return progress.ErrLeaseLost
	}
	return err
}
