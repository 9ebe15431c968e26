package console

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// damagePoints is how many recovery points are read to find vendors, or a safe point beside a damage.
const damagePoints = 12

// LookTime bounds what is only said beside a wedding or a restore: where damage lies, and what the platform holds now.
const LookTime = 15 * time.Second

// FindDamage returns the newest damage of a scope, or nil when it finds none. Its Point is the
// newest safe recovery point before the damage. Where none is safe, it is the newest one before it. Where in names a
// recovery point by id, only what that has lost counts, whatever became of it since. FindDamage ends within LookTime.
func (c *Console) FindDamage(ctx context.Context, actor keepsake.Actor, in ScopedInput) (_ *engine.Damage, err error) {
	ctx, cancel := context.WithTimeout(ctx, LookTime)
	defer cancel()
	defer func() { err = c.recordRefusedLook(ctx, actor, audit.WeddingRead, in.Scope.Target(), err) }()
	p, err := c.platformAt(ctx, actor, in.Point)
	if err != nil {
		return nil, err
	}
	return c.findDamageOn(ctx, p, actor, in)
}

// findDamageOn does it on one platform.
func (c *Console) findDamageOn(
	ctx context.Context, p *platform, actor keepsake.Actor, in ScopedInput,
) (*engine.Damage, error) {
	in.Mode = scope.Missing // whatever comes back, the question is the same
	err := p.finder().mayActOnScope(ctx, actor, keepsake.MayRead, in)
	if err == nil {
		err = checkScoped(in)
	}
	if err != nil {
		return nil, err
	}
	points, err := c.pointsOf(ctx, p, actor, in.Scope.WeddingID())
	if err != nil {
		return nil, err
	}
	tests := func(ctx context.Context, points []Point) error {
		return c.db.InTx(ctx, pointReader(actor), func(tx db.Tx) error { return fillTests(ctx, tx, points) })
	}
	return findDamage(ctx, DamageSearch{p.Scopes, p.Engine, tests}, p.watch, in, points)
}

// weddingDamage asks for the newest damage of a wedding. An id that no wedding can have is an empty scope, which the
// check refuses.
func weddingDamage(id string) ScopedInput {
	s, _ := keepsake.WeddingScope(id)
	return ScopedInput{Scope: s}
}

// DamageLooker is who compares recovery points with each other and with the platform.
type DamageLooker interface {
	FindDamage(ctx context.Context, in engine.ScopeInput, points []string) (engine.Damage, bool, error)
}

// PointLister is who lists the recovery points of all providers.
type PointLister interface {
	PointIDs(ctx context.Context) ([]string, error)
	NewestPointsTo(ctx context.Context, id string, most int) ([]engine.Point, error)
}

// findDamage looks for damage in the points, and in the platform after them; where one is named, in that one and those
// before it.
func findDamage(ctx context.Context, search DamageSearch, watch *platformWatch, in ScopedInput, points []Point) (
	*engine.Damage, error) {
	of := engine.ScopeInput{Scope: in.Scope, PointsOnly: true}
	if in.Point == "" || in.Point == "latest" {
		of.PointsOnly = !watch.ask(ctx).Writable()
	} else {
		of.Point = in.Point
	}
	return search.Find(ctx, of, points)
}

// DamageSearch looks for damage and for the safe point before it.
type DamageSearch struct {
	Looker DamageLooker
	Lister PointLister
	Tests  func(ctx context.Context, points []Point) error // fills in their tests; nil: nobody knows of any
}

// Find looks for damage in points, newest first, and in those before them that any provider lists. Where in names a
// point, it looks in that one and those before it.
func (s DamageSearch) Find(ctx context.Context, in engine.ScopeInput, points []Point) (*engine.Damage, error) {
	points = slices.DeleteFunc(slices.Clone(points), func(p Point) bool { return p.Suspect() && p.ID != in.Point })
	var ids []string
	if in.Point != "" && in.Point != "latest" {
		ids = append(ids, in.Point)
		points = slices.DeleteFunc(slices.Clone(points), func(p Point) bool { return p.ID >= in.Point })
	}
	for _, p := range points {
		ids = append(ids, p.ID)
	}
	all, err := s.Lister.PointIDs(ctx)
	if err != nil && len(ids) == 0 {
		return nil, err
	}
	for _, id := range all {
		if len(ids) == 0 || id < ids[len(ids)-1] {
			ids = append(ids, id)
		}
	}
	d, found, looked := s.Looker.FindDamage(ctx, in, ids)
	switch {
	case looked != nil:
		return nil, looked
	case !found && err != nil && len(points) > 0: // nobody listed the older ones
		return nil, &engine.LookedShort{Points: len(ids), Back: points[len(points)-1].Time, Err: err}
	case !found:
		return nil, err
	}
	if len(points) == 0 || d.Point < points[len(points)-1].ID {
		// where its copies or tests cannot be judged, none is called safe
		if points, err = s.pointsTo(ctx, d.Point); err != nil {
			points = nil
		}
	}
	ChooseSafePoint(&d, points)
	return &d, nil
}

// pointsTo lists recovery points from one on to the older ones, with their tests.
func (s DamageSearch) pointsTo(ctx context.Context, id string) ([]Point, error) {
	list, err := s.Lister.NewestPointsTo(ctx, id, damagePoints)
	if err != nil {
		return nil, err
	}
	points := WholePoints(list, "")
	if s.Tests != nil {
		err = s.Tests(ctx, points)
	}
	return points, err
}

// ChooseSafePoint sets d.Point to the newest of these points before the damage that is protected, not suspect and
// failed no test, and sets d.Safe. Where there is none it leaves Point, and Safe is false.
func ChooseSafePoint(d *engine.Damage, points []Point) {
	i := slices.IndexFunc(points, func(p Point) bool {
		return p.ID <= d.Point && p.Protected && !p.Suspect() && (p.LastTest == nil || !p.LastTest.Failed())
	})
	if d.Safe = i >= 0; d.Safe {
		d.Point, d.From = points[i].ID, points[i].Time
	}
}

// pointsOf are the recovery points that may hold a wedding, newest first.
func (c *Console) pointsOf(ctx context.Context, p *platform, actor keepsake.Actor, wedding string) ([]Point, error) {
	points, err := c.inPoints(ctx, actor, wedding, func(tx db.Tx) ([]Point, error) {
		rows, err := tx.ListWeddingPoints(ctx, sqlcgen.ListWeddingPointsParams{
			Platform:  p.Name,
			WeddingID: &wedding,
			Most:      timelinePoints,
		})
		if err != nil {
			return nil, err
		}
		return withTests(ctx, tx, rows)
	})
	if err != nil {
		return nil, err
	}
	return p.withNewest(ctx, points), nil
}

// withNewest puts the newest recovery points of the providers before those that the console has heard of: the command
// line takes backups too.
func (p *platform) withNewest(ctx context.Context, points []Point) []Point {
	newest, err := p.Engine.NewestPoint(ctx)
	if err != nil || len(points) > 0 && points[0].ID == newest {
		return points
	}
	list, err := p.Engine.NewestPoints(ctx, damagePoints)
	if err != nil {
		return points
	}
	unheard := slices.DeleteFunc(WholePoints(list, ""), func(p Point) bool {
		return slices.ContainsFunc(points, func(known Point) bool { return known.ID == p.ID })
	})
	all := append(unheard, points...)
	slices.SortStableFunc(all, func(a, b Point) int { return strings.Compare(b.ID, a.ID) })
	return all
}
