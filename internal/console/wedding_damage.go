package console

import (
	"context"
	"slices"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// damagePoints is how many recovery points are looked at for damage, the newest. The engine reads the wedding from
// fewer; the others serve for one that the newest do not hold.
const damagePoints = 12

// FindDamage returns the newest damage of a wedding, or nil when it finds none. Its Point is the newest safe recovery
// point before the damage. Where none is safe, it is the newest one before it.
func (c *Console) FindDamage(ctx context.Context, actor keepsake.Actor, wedding string) (_ *engine.Damage, err error) {
	defer func() { err = c.recordRefusedLook(ctx, actor, audit.WeddingRead, wedding, err) }()
	p, err := c.platformOf(actor)
	if err != nil {
		return nil, err
	}
	return c.findDamage(ctx, p, actor, wedding)
}

func (c *Console) findDamage(ctx context.Context, p *platform, actor keepsake.Actor, wedding string) (*engine.Damage,
	error) {
	in, err := p.finder().weddingAt(ctx, actor, keepsake.MayRead, wedding, "latest", scope.Rewind)
	if err != nil {
		return nil, err
	}
	points, err := c.pointsOf(ctx, p, actor, wedding)
	if err != nil {
		return nil, err
	}
	ids := make([]string, 0, damagePoints)
	for _, point := range points[:min(len(points), damagePoints)] {
		ids = append(ids, point.ID)
	}
	d, found, err := p.Scopes.FindDamage(ctx,
		engine.ScopeInput{Scope: in.Scope, PointsOnly: !p.watch.ask(ctx).Writable()}, ids)
	if err != nil || !found {
		return nil, err
	}
	ChooseSafePoint(&d, points)
	return &d, nil
}

// ChooseSafePoint sets d.Point to the newest of these points before the damage that is protected and failed no test,
// and sets d.Safe. Where there is none it leaves Point, and Safe is false.
func ChooseSafePoint(d *engine.Damage, points []Point) {
	i := slices.IndexFunc(points, func(p Point) bool {
		return !p.Time.After(d.From) && p.Protected && (p.LastTest == nil || p.LastTest.OK)
	})
	if d.Safe = i >= 0; d.Safe {
		d.Point, d.From = points[i].ID, points[i].Time
	}
}

// pointsOf are the recovery points that may hold a wedding, newest first.
func (c *Console) pointsOf(ctx context.Context, p *platform, actor keepsake.Actor, wedding string) ([]Point, error) {
	points, err := c.inPoints(ctx, actor, wedding, func(tx db.Tx) ([]Point, error) {
		rows, err := tx.ListWeddingPoints(ctx, sqlcgen.ListWeddingPointsParams{Platform: p.Name, WeddingID: &wedding,
			Most: timelinePoints})
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
	unheard := slices.DeleteFunc(wholeOnes(list), func(p Point) bool {
		return slices.ContainsFunc(points, func(known Point) bool { return known.ID == p.ID })
	})
	all := append(unheard, points...)
	slices.SortStableFunc(all, func(a, b Point) int { return b.Time.Compare(a.Time) })
	return all
}
