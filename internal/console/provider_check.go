package console

import (
	"context"
	"slices"
	"time"

	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// checkAskedTime bounds a check that somebody waits for.
const checkAskedTime = 8 * time.Second

// CheckProvider checks the providers at once, for somebody who has just repaired one. It writes to the named one
// however recent its last write is.
func (c *Console) CheckProvider(ctx context.Context, actor keepsake.Actor, name string) error {
	const action = audit.ProviderCheck
	err := mayActOnPlatform(actor, keepsake.MayBackup)
	if err == nil && !slices.ContainsFunc(c.engine.Providers(), func(p engine.Provider) bool { return p.Name == name }) {
		err = keepsake.Errorf(keepsake.CodeNotFound, "There is no such provider.")
	}
	if err == nil {
		err = c.checkNow(ctx, name)
	}
	if err != nil {
		return c.recordRefused(ctx, actor, action, name, nil, err)
	}
	return c.recordDone(ctx, actor, action, name, nil)
}

func (c *Console) checkNow(ctx context.Context, asked string) error {
	bounded, cancel := context.WithTimeout(ctx, checkAskedTime)
	defer cancel()
	_, err := c.checkProviders(bounded, asked)
	if err != nil && bounded.Err() != nil && ctx.Err() == nil {
		return keepsake.Errorf(keepsake.CodeUnavailable,
			"Not every provider answered within %s. They are checked by themselves every %s; the overview says what came of it.",
			checkAskedTime, checkEvery)
	}
	return err
}
