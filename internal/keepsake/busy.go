package keepsake

import (
	"fmt"
	"time"
)

// Busy is the cause of an Error with CodeUnavailable that passes by itself. It says when to try again.
type Busy struct{ After time.Duration }

// Error says in words when to try again.
func (b Busy) Error() string { return fmt.Sprintf("busy; try again in %s", b.After) }
