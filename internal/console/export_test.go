package console

import (
	"context"
	"time"
)

// ExpireLeases takes the operations of workers that give no sign of life, as Run does after the expiry of their
// leases: the clock by which this console measures that runs ahead. Call it before Run.
func (c *Console) ExpireLeases(ctx context.Context) error {
	leases, ahead := c.runner.Leases(), time.Duration(0)
	clock := leases.Now
	leases.Now = func() time.Duration { return clock() + ahead }
	for {
		lost, err := c.runner.Reconcile(ctx)
		if lost || err != nil {
			return err
		}
		ahead += c.runner.Lease.Expiry
	}
}
