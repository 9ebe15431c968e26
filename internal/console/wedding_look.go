package console

import (
	"cmp"
	"context"

	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// WeddingLook holds a wedding as it was, beside the platform's state now.
type WeddingLook struct {
	engine.WeddingAt
	// Damage is the newest damage. It is nil where none was found, and where nobody could look for one.
	Damage *engine.Damage
	// Unsure says why damage could not be looked for. The point may be from after one then.
	Unsure error
	// Now is how many rows of each table the platform holds now. It is nil where the platform could not be asked.
	Now      map[string]int64
	Platform PlatformState
}

// LookAtWedding returns a wedding as it was at a recovery point. Where the caller names no point, it takes the newest
// safe one before the wedding's newest damage, or the newest of all.
func (c *Console) LookAtWedding(ctx context.Context, actor keepsake.Actor, wedding, point string) (WeddingLook, error) {
	p, err := c.platformAt(ctx, actor, point)
	if err != nil {
		return WeddingLook{}, c.recordRefused(ctx, actor, audit.WeddingRead, wedding, nil, err)
	}
	return look(ctx, p.watch, wedding, point,
		func(ctx context.Context) (_ *engine.Damage, err error) {
			defer func() { err = c.recordRefusedLook(ctx, actor, audit.WeddingRead, wedding, err) }()
			return c.findDamageOn(ctx, p, actor, weddingDamage(wedding))
		},
		func(point string) (engine.WeddingAt, error) { return c.GetWeddingAt(ctx, actor, wedding, point) },
		p.Scopes.PreviewScope)
}

// LookAtWedding does the same as Console.LookAtWedding from the providers alone.
func (s *Standby) LookAtWedding(ctx context.Context, actor keepsake.Actor, wedding, point string) (WeddingLook, error) {
	return look(ctx, s.watch, wedding, point,
		func(ctx context.Context) (*engine.Damage, error) {
			return s.FindDamage(ctx, actor, weddingDamage(wedding))
		},
		func(point string) (engine.WeddingAt, error) { return s.GetWeddingAt(ctx, actor, wedding, point) },
		s.engine.PreviewScope)
}

// FindDamage does the same as Console.FindDamage from the providers alone.
func (s *Standby) FindDamage(ctx context.Context, actor keepsake.Actor, in ScopedInput) (*engine.Damage, error) {
	ctx, cancel := context.WithTimeout(ctx, LookTime)
	defer cancel()
	in.Point, in.Mode = cmp.Or(in.Point, "latest"), scope.Missing
	err := s.finder().mayActOnScope(ctx, actor, keepsake.MayRead, in)
	if err == nil {
		err = checkScoped(in)
	}
	if err = s.logRead(ctx, actor, in.Scope.Target(), in.Point, err); err != nil {
		return nil, err
	}
	points, err := s.whole(ctx)
	if err != nil {
		return nil, err
	}
	return findDamage(ctx, DamageSearch{Looker: s.engine, Lister: s.engine}, s.watch, in, points)
}

func look(ctx context.Context, watch *platformWatch, wedding, point string,
	damage func(context.Context) (*engine.Damage, error),
	read func(point string) (engine.WeddingAt, error), preview func(context.Context, engine.ScopeInput) (*scope.Preview,
		error)) (WeddingLook, error) {
	l := WeddingLook{Platform: watch.ask(ctx)}
	looking, cancel := context.WithTimeout(ctx, LookTime)
	l.Damage, l.Unsure = damage(looking)
	cancel()
	if point == "" {
		if point = "latest"; l.Damage != nil {
			point = l.Damage.Point
		}
	}
	var err error
	if l.WeddingAt, err = read(point); err != nil || !l.Platform.Writable() {
		return l, err
	}
	of, err := keepsake.WeddingScope(wedding)
	if err != nil {
		return l, err
	}
	comparing, cancel := context.WithTimeout(ctx, LookTime) // of its own: a search may have used up its time
	defer cancel()
	p, err := preview(comparing, engine.ScopeInput{Scope: of, Point: l.Point, Mode: scope.Rewind})
	if err != nil {
		return l, nil //nolint:nilerr // the wedding as it was is what was asked for; what is there now only stands beside it
	}
	l.Now = map[string]int64{}
	for _, t := range l.Tables {
		l.Now[t.Table] = int64(len(t.Rows))
	}
	for _, t := range p.Tables {
		for _, c := range t.Changes {
			switch c.Op {
			case scope.Insert:
				l.Now[t.Table]--
			case scope.Delete:
				l.Now[t.Table]++
			}
		}
	}
	return l, nil
}
