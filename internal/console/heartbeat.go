package console

import (
	"context"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/policy"
)

const (
	// heartbeatEvery is how late a watchdog hears of a protected backup.
	heartbeatEvery = 30 * time.Second
	// heartbeatWithin is how old a protected recovery point may be that a process tells of. A process that starts again
	// and again must not tell of an old one for ever.
	heartbeatWithin = time.Hour
)

// beat tells a watchdog elsewhere that a protected recovery point was made, once for each by this process. Where no
// such point is made any more it says nothing, and the watchdog rings.
func (c *Console) beat(ctx context.Context) error {
	return c.everyPlatform(ctx, func(ctx context.Context, p *platform) error {
		var newest sqlcgen.RecoveryPoint
		err := c.db.InTx(ctx, keepsake.System("heartbeat"), func(tx db.Tx) (err error) {
			newest, err = tx.GetNewestProtectedPoint(ctx, p.Name)
			return err
		})
		if db.IsNoRows(err) {
			return nil
		}
		if told := p.told.Load(); err != nil || told != nil && *told == newest.ID ||
			!within(&newest.TakenAt, c.now().Add(policy.Skew), heartbeatWithin) {
			return err
		}
		if err := c.heartbeat(ctx); err != nil {
			return err
		}
		p.told.Store(&newest.ID)
		return nil
	})
}
