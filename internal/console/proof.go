package console

import "github.com/wedsync/keepsake/internal/keepsake"

// mustBeProven refuses a person who has given neither a password nor a code for a while.
func (c *Console) mustBeProven(actor keepsake.Actor) error {
	if actor.Proven(c.now()) {
		return nil
	}
	return keepsake.Errorf(keepsake.CodeProof,
		"Give your password again first: you last gave it more than %d minutes ago. Nothing was changed.",
		int(keepsake.StepUp.Minutes()))
}
