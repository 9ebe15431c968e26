package keepsake

import (
	"fmt"
	"time"
)

// Busy is the cause of an Error with CodeUnavailable that goes by itself: it says when to try again.
type Busy struct{ After time.Duration }

// Error says when.
func (b Busy) Error() string { return fmt.Sprintf("busy; try again in %s", b.After) }
