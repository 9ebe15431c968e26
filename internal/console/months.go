package console

import (
	"context"
	"time"
)

// monthsEvery is often enough for partitions that are made months ahead.
const monthsEvery = 24 * time.Hour

// keepMonths makes the partitions of the months ahead. Any number of processes may do it: those that come later find
// them made.
func (c *Console) keepMonths(ctx context.Context) error {
	made, err := c.db.KeepMonths(ctx, c.now())
	if made > 0 {
		c.log.InfoContext(ctx, "the console database has partitions for more months", "made", made)
	}
	return err
}
