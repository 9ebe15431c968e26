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
	of, err := c.platformOf(actor)
	if err == nil {
		err = mayActOnPlatform(actor, keepsake.MayBackup)
	}
	if err == nil && !slices.ContainsFunc(of.Engine.Providers(), func(p engine.Provider) bool { return p.Name == name }) {
		err = keepsake.Errorf(keepsake.CodeNotFound, "There is no such provider.")
	}
	if err == nil {
		err = c.checkNow(ctx, of, name)
	}
	if err != nil {
		return c.recordRefused(ctx, actor, action, name, nil, err)
	}
	return c.recordDone(ctx, actor, action, name, nil)
}

func (c *Console) checkNow(ctx context.Context, of *platform, asked string) error {
	bounded, cancel := context.WithTimeout(ctx, checkAskedTime)
	defer cancel()
	_, err := c.checkProviders(bounded, of, asked)
	if err != nil && bounded.Err() != nil && ctx.Err() == nil {
		return keepsake.Errorf(keepsake.CodeUnavailable,
			"Not every provider answered within %s. They are checked by themselves every %s; the overview says what came of it.",
			checkAskedTime, checkEvery)
	}
	return err
}
