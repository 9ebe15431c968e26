package console

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Platform is one protected database with its repository. docs/design/platforms.md says what it is everywhere else.
type Platform struct {
	Name    string // rows carry it, so it stays; empty: keepsake.DefaultPlatform
	Engine  Engine
	Scopes  Scopes   // brings weddings back into the live platform
	Targets []Target // servers that restores may go to; the platform's own first
}

// platform is a Platform with what a console remembers of it.
type platform struct {
	Platform
	log *slog.Logger
	now func() time.Time

	watch    *platformWatch
	weddings nextKnown
	noticed  atomic.Pointer[string] // the newest point of which the repository was asked more
	measured lastMeasured
	asked    atomic.Pointer[time.Time] // when it was last asked how many weddings there are
	told     atomic.Pointer[string]    // the newest protected point that a watchdog was told of
	refused  atomic.Pointer[time.Time] // when a backup that was due could last not be begun
}

// platformsOf checks the platforms of a console.
func platformsOf(d Deps) ([]*platform, error) {
	var list []*platform
	for _, p := range d.Platforms {
		if p.Name == "" {
			p.Name = keepsake.DefaultPlatform
		}
		if !keepsake.IsPlatformName(p.Name) || slices.ContainsFunc(list, func(o *platform) bool { return o.Name == p.Name }) {
			return nil, keepsake.Errorf(keepsake.CodeInvalid, "There cannot be a platform %q, or not two of them.", p.Name)
		}
		list = append(list, &platform{Platform: p, log: d.Logger, now: d.Now, watch: &platformWatch{engine: p.Engine}})
	}
	if len(list) == 0 {
		return nil, keepsake.Errorf(keepsake.CodeInvalid, "A console needs a platform.")
	}
	return list, nil
}

// finder looks for weddings of the platform.
func (p *platform) finder() finder { return finder{p.Engine, p.log, p.now, p.watch} }

// platformNamed returns the platform of a row.
func (c *Console) platformNamed(name string) (*platform, error) {
	for _, p := range c.platforms {
		if p.Name == name {
			return p, nil
		}
	}
	return nil, keepsake.Errorf(keepsake.CodeInvalid,
		"This belongs to the platform %q, and this console has only %s. Correct platform.name in keepsake.yaml.", name,
		strings.Join(c.platformNames(), ", "))
}

func (c *Console) platformNames() []string {
	names := make([]string, len(c.platforms))
	for i, p := range c.platforms {
		names[i] = p.Name
	}
	return names
}

// platformOf returns the platform that an actor means who names none, and no operation or recovery point of one: the
// one that they are bound to, or the first.
func (c *Console) platformOf(actor keepsake.Actor) (*platform, error) {
	return c.platformMeant(actor, "")
}

// platformMeant returns the platform of a name that an actor gives; "" is the one that platformOf returns. For whoever
// is bound to an organization there is no other platform than its own.
func (c *Console) platformMeant(actor keepsake.Actor, name string) (*platform, error) {
	bound := actor.Organization != "" || actor.Platform != ""
	if !bound && name == "" {
		return c.platforms[0], nil
	}
	if name == "" {
		name = actor.Platform
	}
	p, err := c.platformNamed(name)
	switch {
	case err == nil && (!bound || name == actor.Platform):
		return p, nil
	case bound:
		return nil, keepsake.Errorf(keepsake.CodeForbidden,
			"You may not do this: your account is bound to an organization of another platform.")
	}
	return nil, keepsake.Wrong("platform", "There is no platform %q.", name)
}

// platformAt returns the platform whose recovery point an actor names: the one that platformOf returns where they name
// none, the newest, or one that the console has not heard of.
func (c *Console) platformAt(ctx context.Context, actor keepsake.Actor, point string) (*platform, error) {
	p, err := c.platformOf(actor)
	if err != nil || len(c.platforms) == 1 || actor.Organization != "" || point == "" || point == "latest" ||
		point == engine.Now || !plain(point) {
		return p, err
	}
	var row sqlcgen.RecoveryPoint
	err = c.db.InTx(ctx, pointReader(actor), func(tx db.Tx) (err error) {
		row, err = tx.GetPoint(ctx, sqlcgen.GetPointParams{ID: point})
		return err
	})
	if db.IsNoRows(err) {
		return p, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read which platform recovery point %s is of: %w", point, err)
	}
	return c.platformNamed(row.Platform)
}

// everyPlatform does something with each platform. One that fails keeps it from no other.
func (c *Console) everyPlatform(ctx context.Context, do func(context.Context, *platform) error) error {
	var failed []error
	for _, p := range c.platforms {
		err := do(ctx, p)
		if err != nil && len(c.platforms) > 1 {
			err = fmt.Errorf("platform %s: %w", p.Name, err)
		}
		failed = append(failed, err)
	}
	if len(failed) == 1 {
		return failed[0]
	}
	return errors.Join(failed...)
}
