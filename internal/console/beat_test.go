package console

import "context"

// Beat does the duty of the heartbeat once.
func (c *Console) Beat(ctx context.Context) error { return c.beat(ctx) }
