package console

import (
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// StepUp is how long ago a person may have given their password and restore without giving it again. Signing in counts, so that
// nobody in a hurry is asked twice.
const StepUp = 5 * time.Minute

// Proven reports whether the actor need not give the password again now. Tokens have none to give: what they may do was decided when
// they were made.
func Proven(actor keepsake.Actor, now time.Time) bool {
	return actor.Session == "" || actor.Permissions != nil || now.Sub(actor.ProvenAt) <= StepUp
}

// mustBeProven refuses a person who has not given a password for a while.
func (c *Console) mustBeProven(actor keepsake.Actor) error {
	if Proven(actor, c.now()) {
		return nil
	}
	return keepsake.Errorf(keepsake.CodeProof, "Give your password again first: it is more than %d minutes ago that you did. Nothing was changed.", int(StepUp.Minutes()))
}
