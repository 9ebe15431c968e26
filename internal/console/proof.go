package console

import "github.com/wedsync/keepsake/internal/keepsake"

// mustBeProven refuses a person who has given neither a password nor a code for a while.
func (c *Console) mustBeProven(actor keepsake.Actor) error {
	if actor.Proven(c.now()) {
		return nil
	}
	return keepsake.Errorf(keepsake.CodeProof,
		"Give your password again first: it is more than %d minutes ago that you did. Nothing was changed.",
		int(keepsake.StepUp.Minutes()))
}
