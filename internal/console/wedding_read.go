package console

import (
	"context"

	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// GetWeddingAt returns a wedding as it was at a recovery point. It needs no platform: the providers are enough.
func (c *Console) GetWeddingAt(
	ctx context.Context, actor keepsake.Actor, wedding, point string,
) (engine.WeddingAt, error) {
	detail := map[string]any{"point": point, "mode": scope.Missing, "wedding": wedding}
	var in ScopedInput
	p, err := c.platformAt(ctx, actor, point)
	if err == nil {
		in, err = p.finder().weddingAt(ctx, actor, keepsake.MayRead, wedding, point, scope.Missing)
	}
	if err != nil {
		return engine.WeddingAt{}, c.recordRefused(ctx, actor, audit.WeddingRead, wedding, detail, err)
	}
	w, err := p.Scopes.WeddingAt(ctx, in.scope())
	return w, c.recordRead(ctx, actor, audit.WeddingRead, wedding, detail, err)
}

// GetWeddingChanges returns what changed in a wedding between two moments. Each is a recovery point, or engine.Now
// for the second.
func (c *Console) GetWeddingChanges(ctx context.Context, actor keepsake.Actor, wedding, from, to string) (
	engine.WeddingChanges, error) {
	detail := map[string]any{"point": from, "to": to, "mode": scope.Rewind, "wedding": wedding}
	var in ScopedInput
	p, err := c.platformAt(ctx, actor, from)
	if err == nil {
		in, err = p.finder().weddingAt(ctx, actor, keepsake.MayRead, wedding, from, scope.Rewind, to)
	}
	if err == nil && !plain(to) {
		err = keepsake.Errorf(keepsake.CodeNotFound, "There is no such recovery point.")
	}
	if err != nil {
		return engine.WeddingChanges{}, c.recordRefused(ctx, actor, audit.WeddingRead, wedding, detail, err)
	}
	if to == engine.Now {
		err = p.watch.mustBeWritable(ctx)
	}
	var changes engine.WeddingChanges
	if err == nil {
		changes, err = p.Scopes.WeddingChanges(ctx, in.scope(), to)
	}
	return changes, c.recordRead(ctx, actor, audit.WeddingRead, wedding, detail, err)
}

// ExplainScope says which tables of the live platform belong to a wedding, or to an organization, and why.
func (c *Console) ExplainScope(ctx context.Context, actor keepsake.Actor, organization bool) (*scope.Plan, error) {
	p, err := c.platformOf(actor)
	if err == nil {
		err = mayActOnPlatform(actor, keepsake.MayRead)
	}
	if err != nil {
		return nil, c.recordRefused(ctx, actor, audit.ScopeExplain, "", nil, err)
	}
	root, of := p.Scopes.Roots()
	if organization {
		root = of
	}
	return p.Scopes.ExplainScope(ctx, root)
}
