package console

import (
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// StepUp is how long ago a person may have given their password or a code and restore without giving it again.
const StepUp = keepsake.StepUp

// Proven reports whether the actor need not give the password or a code again now.
func Proven(actor keepsake.Actor, now time.Time) bool { return actor.Proven(now) }

// mustBeProven refuses a person who has not given a password for a while.
func (c *Console) mustBeProven(actor keepsake.Actor) error {
	if Proven(actor, c.now()) {
		return nil
	}
	return keepsake.Errorf(keepsake.CodeProof, "Give your password again first: it is more than %d minutes ago that you did. Nothing was changed.", int(StepUp.Minutes()))
}
