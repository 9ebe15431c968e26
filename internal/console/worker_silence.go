package console

import (
	"context"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// silentBeats is how many heartbeats of a worker must be missing before anybody is told: one may be late on a busy
// machine.
const silentBeats = 2

// Silence describes a worker that has stopped answering while its operation still counts as running.
type Silence struct {
	For      time.Duration // since its last heartbeat; 0: it answers
	TakeOver time.Duration // in at most how long another worker takes the operation; 0: it should have been taken by now
}

// listen notes with running operations whether their workers still answer: by the database's clock, which the
// heartbeats are of, and, because that may have been set back, by what this process has seen.
func (c *Console) listen(ctx context.Context, tx db.Tx, operations ...*Operation) error {
	for _, o := range operations {
		if o.State != StateRunning {
			c.runner.Leases().Drop(o.ID)
			continue
		}
		row, err := tx.SilentFor(ctx, o.ID)
		if err != nil {
			return err
		}
		silent := max(time.Duration(row.Seconds*float64(time.Second)), c.runner.Leases().Look(o.ID, row.Lease))
		if silent > silentBeats*c.runner.Lease.Beat {
			o.Silence = Silence{For: silent, TakeOver: max(0, c.runner.Lease.Expiry+c.runner.Lease.Reconcile-silent)}
		}
	}
	return nil
}

// each returns the operations of a list, to be changed there.
func each(list []Operation) []*Operation {
	out := make([]*Operation, len(list))
	for i := range list {
		out[i] = &list[i]
	}
	return out
}

// look is when a watcher of an operation looks although nothing woke it: soon while it runs, because a worker that dies
// says nothing.
func (c *Console) look(o Operation) time.Duration {
	if o.State == StateRunning {
		return min(lookAgain, c.runner.Lease.Beat)
	}
	return lookAgain
}

// observe returns one operation as its row says, and whether its worker answers.
func (c *Console) observe(ctx context.Context, tx db.Tx, actor keepsake.Actor, id string) (o Operation, err error) {
	row, err := readOperation(ctx, tx, actor, id)
	if err != nil {
		return o, err
	}
	if o, err = operationOf(row); err != nil {
		return o, err
	}
	if actor.Organization != "" {
		o.Covers = nil // it is of the whole platform
	}
	return o, c.listen(ctx, tx, &o)
}
