package operation

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/progress"
)

// LeaseTimes says how a worker holds an operation: how often it renews its lease, and when another worker may take
// over. Expiry must be several times Beat.
// After two thirds of Expiry an exclusive operation stops whose worker could not renew its lease: what is left of it is
// for stopping.
type LeaseTimes struct {
	Beat      time.Duration // between two heartbeats; 0: 2 s
	Expiry    time.Duration // silence after which others take the operation; 0: 12 s
	Reconcile time.Duration // between two looks for silent workers; 0: 2 s
}

func (t LeaseTimes) orDefault() LeaseTimes {
	return LeaseTimes{
		Beat:      cmp.Or(max(t.Beat, 0), 2*time.Second),
		Expiry:    cmp.Or(max(t.Expiry, 0), 12*time.Second),
		Reconcile: cmp.Or(max(t.Reconcile, 0), 2*time.Second),
	}
}

// hold is how long an exclusive operation goes on without its lease having been renewed.
func (t LeaseTimes) hold() time.Duration { return t.Expiry * 2 / 3 }

// errSilent ends an exclusive operation whose worker could not say for too long that it is still there: by now another
// one may begin.
var errSilent = errors.New("the console database could not be told for too long that the worker is still there")

const (
	// mostAttempts is how often an operation is started before it is given up. An operation that takes its worker down
	// with it must not do so for ever.
	mostAttempts = 10
	// endTime is how long a worker tries to write down how an operation ended while the console database does not answer;
	// firstPause and longestPause are between two tries.
	endTime      = 10 * time.Minute
	firstPause   = 250 * time.Millisecond
	longestPause = 5 * time.Second
)

// hold beats for a claimed operation until ctx ends, which is when its end has been written down. It cancels the
// operation when somebody asks, when the lease is lost, and, where its kind is exclusive, when it could not be renewed
// for too long by this process's own clock. A console database that does not answer ends nothing else: a backup is
// worth more than its row, and whoever holds a higher fence by then is told apart at the next write. The returned
// channel closes when it has ended.
func (r *Runner) hold(ctx context.Context, row Operation, cancel context.CancelCauseFunc) <-chan struct{} {
	done := make(chan struct{})
	watch := r.Hub.Watch(progress.ChannelCancel, row.ID)
	k := r.kind(Name(row.Kind))
	exclusive := k != nil && k.About().Exclusive
	// The claim was a moment ago, and others have counted from it: the third of Expiry that is left covers that too.
	renewed := time.Now()
	silent := time.NewTimer(r.Lease.hold())
	if !exclusive {
		silent.Stop()
	}
	go func() {
		defer close(done)
		defer watch.Stop()
		beat := time.NewTicker(r.Lease.Beat)
		defer beat.Stop()
		defer silent.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-silent.C:
				cancel(errSilent)
				exclusive = false // it is told once; beats go on, so that it can be given back
				continue
			case <-beat.C:
			case <-watch.C():
			}
			began, within := time.Now(), r.Lease.Beat
			if exclusive {
				within = min(within, r.Lease.hold()-time.Since(renewed))
			}
			asked, err := r.beat(ctx, row, within)
			if err == nil {
				renewed = began
			}
			if err == nil && exclusive {
				silent.Reset(r.Lease.hold() - time.Since(began))
			}
			switch {
			case err == nil && asked:
				if row.CancelRequestedAt == nil { // it was claimed in spite of that
					cancel(errCancelAsked)
				}
			case db.IsNoRows(err):
				cancel(progress.ErrLeaseLost)
				return
			case err != nil && ctx.Err() == nil:
				r.log.WarnContext(ctx, "a lease could not be renewed; the operation goes on",
					"operation", row.ID, "err", keepsake.CauseOf(err), "since", time.Since(renewed))
			}
		}
	}()
	return done
}

// beat renews the lease and reports whether somebody asked to cancel.
func (r *Runner) beat(ctx context.Context, row Operation, within time.Duration) (asked bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	err = r.db.InTx(ctx, keepsake.System("worker"), func(tx db.Tx) (err error) {
		asked, err = tx.BeatOperation(ctx, sqlcgen.BeatOperationParams{ID: row.ID, Fence: row.Fence})
		return err
	})
	return asked, err
}

// release gives a running operation back, because of what why says: the next worker starts it again at once.
func (r *Runner) release(ctx context.Context, row Operation, why string) error {
	return r.ending(ctx, func(ctx context.Context, tx db.Tx) error {
		released, err := tx.ReleaseOperation(ctx, sqlcgen.ReleaseOperationParams{
			ID:       row.ID,
			Fence:    row.Fence,
			Settling: r.settle,
		})
		if err != nil {
			return err
		}
		if State(released.State) == StateCancelled {
			return r.endCancelled(ctx, tx, released, "")
		}
		if err := r.Enqueue(ctx, tx, row.ID, Name(row.Kind)); err != nil {
			return err
		}
		return r.Say(ctx, tx, released, "warn", "Interrupted: "+why+". Another one starts it again.")
	})
}

// ending writes down how an operation ended, trying again while the console database does not answer.
func (r *Runner) ending(ctx context.Context, fn func(context.Context, db.Tx) error) error {
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		once, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		err := r.db.InTx(once, keepsake.System("worker"), func(tx db.Tx) error { return fn(once, tx) })
		if db.IsNoRows(err) {
			err = backoff.Permanent(progress.ErrLeaseLost)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(&backoff.ExponentialBackOff{
		InitialInterval: firstPause,
		Multiplier:      2,
		MaxInterval:     longestPause,
	}), backoff.WithMaxElapsedTime(endTime),
		backoff.WithNotify(func(err error, pause time.Duration) {
			r.log.WarnContext(ctx, "an operation's end could not be written down yet",
				"err", keepsake.CauseOf(err), "retry_in", pause)
		}))
	return err
}
