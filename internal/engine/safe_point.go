package engine

import (
	"context"
	"time"

	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Damage is a stretch of time in which rows of a wedding vanished or changed in bulk.
type Damage struct {
	Point      string    // the newest recovery point before it
	From, To   time.Time // between that point and the next one, or now (zero)
	Rows       int64     // of the wedding, at Point
	Gone       int64     // of those, not there afterwards
	Changed    int64
	PointsRead int
}

// Bulk is what counts as damage: so many rows, and such a share of the wedding's.
const (
	bulkGone, bulkGoneShare       = 3, 20 // a twentieth
	bulkChanged, bulkChangedShare = 10, 5 // a fifth
)

func (d Damage) bulk() bool {
	return d.Gone >= bulkGone && d.Gone*bulkGoneShare >= d.Rows || d.Changed >= bulkChanged && d.Changed*bulkChangedShare >= d.Rows
}

// FindDamage looks for the newest damage of a wedding: first between the newest of the points and the live platform, then between
// each point and the one before it. points are ids, newest first. found is false when there is none. Where the platform does not
// answer, only the points are compared. It reads one scope for every point it looks at.
func (e *Engine) FindDamage(ctx context.Context, in ScopeInput, points []string) (d Damage, found bool, err error) {
	in.Mode = scope.Rewind
	var after *ScopeAt
	for i, point := range points {
		in.Point = point
		at, err := e.ReadScope(ctx, in)
		if err != nil {
			if keepsake.CodeOf(err) == keepsake.CodeNotFound { // the wedding is not there: it is younger
				break
			}
			return d, false, err
		}
		d = Damage{Point: at.in.Manifest.ID, From: at.in.Manifest.Time, PointsRead: i + 1}
		var changes []scope.TableChanges
		if after == nil && in.PointsOnly {
			changes = nil
		} else if after == nil {
			p, err := at.Preview(ctx)
			if err != nil && keepsake.CodeOf(err) != keepsake.CodeUnavailable {
				return d, false, err
			}
			if err == nil {
				changes = scope.Since(p)
			}
		} else {
			older, err := scope.Texts(at.in.Plan, at.in.Rows)
			if err != nil {
				return d, false, err
			}
			newer, err := scope.Texts(after.in.Plan, after.in.Rows)
			if err != nil {
				return d, false, err
			}
			changes, d.To = scope.Between(at.in.Plan, older, newer), after.in.Manifest.Time
		}
		for _, t := range changes {
			if t.Belongs == scope.Owned {
				_, changed, gone, _ := t.Counts()
				d.Gone, d.Changed = d.Gone+gone, d.Changed+changed
			}
		}
		for _, t := range at.in.Plan.Of(scope.Owned) {
			d.Rows += at.in.Rows.Count(t.Name)
		}
		if d.bulk() {
			return d, true, nil
		}
		after = at
	}
	return Damage{}, false, nil
}
