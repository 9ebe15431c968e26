package main

import (
	"cmp"
	"fmt"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// pointsLookedAt is how many recovery points are looked at for damage of a wedding.
const pointsLookedAt = 12

// choosePoint takes the newest safe recovery point of a wedding where none is named, and says why. Who names the latest
// gets it, and is told where it is from after damage.
func (a *app) choosePoint(e *engine.Engine, in *engine.ScopeInput) (why string) {
	named := in.Point
	in.Point = cmp.Or(named, "latest")
	if in.Scope.WeddingID() == "" || in.Point != "latest" {
		return ""
	}
	points, err := e.NewestPoints(a.ctx, pointsLookedAt)
	if err != nil {
		return draw.PointUnsure(err)
	}
	var ids []string
	var whole []console.Point
	for _, p := range points {
		if p.Type == string(keepsake.BackupFull) || p.Type == string(keepsake.BackupIncremental) {
			ids, whole = append(ids, p.ID), append(whole, console.Point{Point: p})
		}
	}
	d, found, err := e.FindDamage(a.ctx, *in, ids)
	if err != nil {
		return draw.PointUnsure(err)
	}
	if !found {
		return ""
	}
	console.ChooseSafePoint(&d, whole)
	if named == "" {
		in.Point = d.Point
	}
	return draw.PointWhy(&d, named)
}

// sayWhy writes why a recovery point was chosen where it does not mix with results.
func (a *app) sayWhy(why string) {
	if why != "" {
		_, _ = fmt.Fprintln(a.io.err, why)
	}
}
