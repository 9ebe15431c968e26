package console

import "time"

// SeeDutiesBy has a console measure by another clock for how long duties' holders have not counted.
func SeeDutiesBy(c *Console, now func() time.Duration) { c.holders.Now = now }
