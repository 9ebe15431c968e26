package keepsake

import (
	"fmt"
	"time"
)

// Quota says what is left of a limit of Most actions within any Window.
type Quota struct {
	Name   string // of the limit, such as "full"
	Most   int
	Left   int
	Window time.Duration
	// Reset is how long it takes until one more than Left is free. It is 0 when nothing was used.
	Reset time.Duration
}

// Error lets a Quota with nothing left be the cause of an Error with CodeLimited.
func (q Quota) Error() string {
	return fmt.Sprintf("%d of %d %s within %s are left; one more in %s", q.Left, q.Most, q.Name, q.Window, q.Reset)
}
