package main

import (
	"cmp"
	"context"
	"fmt"

	"github.com/wedsync/keepsake/handlers"
	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
)

// pointsLookedAt is how many recovery points are opened before damage is looked for: how well they are kept decides
// which of them is safe. Those before them are opened when they are needed.
const pointsLookedAt = 12

// pointAdvised is what the JSON form of a restore says of the recovery point that was read.
type pointAdvised struct {
	PointWhy   string           `json:"point_why,omitempty"` // why it was taken, or another should be
	SaferPoint *draw.SaferPoint `json:"safer_point,omitempty"`
}

// choosePoint takes the newest safe recovery point of a wedding, of tiers and of everything where none is named, and
// says why. Who names one gets it, and is told where an older one has more; nothing waits for that but advice.
func (a *app) choosePoint(e *engine.Engine, in *engine.ScopeInput) (advice func() pointAdvised, stop func()) {
	named := in.Point
	in.Point = cmp.Or(named, "latest")
	if draw.TakesSafePoint(in.Scope) && (named == "" || named == "latest") {
		d, err := findDamage(a.ctx, e, *in)
		if named == "" && err == nil && d != nil {
			in.Point = d.Point
		}
		return func() pointAdvised { return adviseOn(*in, named, d, err) }, func() {}
	}
	return a.lookBeside(e, *in)
}

// lookBeside looks whether a recovery point before the one that is read has more, while that one is read.
func (a *app) lookBeside(e *engine.Engine, in engine.ScopeInput) (advice func() pointAdvised, stop func()) {
	in.PointsOnly = true
	found, stop := handlers.Beside(a.ctx,
		func(ctx context.Context) (*engine.Damage, error) { return findDamage(ctx, e, in) })
	return func() pointAdvised {
		d, err := found()
		return adviseOn(in, in.Point, d, err)
	}, stop
}

func adviseOn(in engine.ScopeInput, named string, d *engine.Damage, err error) pointAdvised {
	p := draw.AdvisePoint(in.Scope, named, d, err)
	return pointAdvised{p.Why, p.Safer}
}

// findDamage looks for damage in the newest recovery points, or in the named one and those before it, for as long as
// the console would.
func findDamage(ctx context.Context, e *engine.Engine, in engine.ScopeInput) (*engine.Damage, error) {
	ctx, cancel := context.WithTimeout(ctx, console.LookTime)
	defer cancel()
	newest := ""
	if in.Point != "latest" {
		newest, in.PointsOnly = in.Point, true
	}
	points, err := e.NewestPointsTo(ctx, newest, pointsLookedAt)
	if err != nil {
		return nil, err
	}
	return console.DamageSearch{Looker: e, Lister: e}.Find(ctx, in, console.WholePoints(points, newest))
}

// say writes what it says where it does not mix with results.
func (p pointAdvised) say(a *app) {
	if p.PointWhy != "" {
		_, _ = fmt.Fprintln(a.io.err, p.PointWhy)
	}
}
