package console

import (
	"context"
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
	// endTime is how long a worker tries to write down how an operation ended while the console database does not answer;
	// firstPause and longestPause are between two tries.
	endTime      = 10 * time.Minute
	firstPause   = 250 * time.Millisecond
	longestPause = 5 * time.Second
)

// hold beats for a claimed operation until ctx ends, which is when its end has been written down. It cancels the operation when
// somebody asks, and when the lease is lost. A console database that does not answer ends nothing: a backup is worth more than
// its row, and whoever holds a higher fence by then is told apart at the next write. The returned channel closes when it has
// ended.
func (c *Console) hold(ctx context.Context, row sqlcgen.BackupOperation, cancel context.CancelCauseFunc) <-chan struct{} {
	done := make(chan struct{})
	watch := c.hub.Watch(progress.ChannelCancel, row.ID)
	go func() {
		defer close(done)
		defer watch.Stop()
		beat := time.NewTicker(c.lease.Beat)
		defer beat.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-beat.C:
			case <-watch.C():
			}
			asked, err := c.beat(ctx, row)
			switch {
			case err == nil && asked:
				cancel(errCancelAsked)
			case db.IsNoRows(err):
				cancel(progress.ErrLeaseLost)
				return
			case err != nil && ctx.Err() == nil:
				c.log.WarnContext(ctx, "a lease could not be renewed; the operation goes on", "operation", row.ID, "err", cause(err))
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
		if err := c.insertJob(ctx, tx, row.ID, Kind(row.Kind)); err != nil {
			return err
		}
		return c.say(ctx, tx, released, "warn", "Interrupted: its worker was stopped. Another one starts it again.")
	})
}

// ending writes down how an operation ended, trying again while the console database does not answer.
func (c *Console) ending(ctx context.Context, fn func(context.Context, db.Tx) error) error {
	deadline := time.Now().Add(endTime)
	pause := firstPause
	for {
		once, cancel := context.WithTimeout(ctx, 10*time.Second)
		err := c.db.InTx(once, keepsake.System("worker"), func(tx db.Tx) error { return fn(once, tx) })
		cancel()
		switch {
		case err == nil:
			return nil
		case db.IsNoRows(err):
			return progress.ErrLeaseLost
		case time.Now().After(deadline):
			return err
		}
		c.log.WarnContext(ctx, "an operation's end could not be written down yet", "err", cause(err), "retry_in", pause)
		time.Sleep(pause)
		pause = min(2*pause, longestPause)
	}
}
