package scoped

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Damage is a stretch of time in which rows of a scope vanished, or many of them changed.
type Damage struct {
	Point      string    // the newest recovery point before it
	From, To   time.Time // between that point and the next one, or now (zero)
	Rows       int64     // of the scope, at Point
	Gone       int64     // of those, not there afterwards
	Changed    int64
	PointsRead int
	Lost       []TableLost // what Point has more than the newest of the points looked at, or than the platform (To zero)
	// Safe: Point is protected, and no test of it failed. Whoever knows its copies and tests sets it; the rows alone do
	// not tell.
	Safe bool
}

// TableLost is what a recovery point has more of one table, or has otherwise.
type TableLost struct {
	Table   string `json:"table"`
	Then    int64  `json:"then" doc:"Rows at the safer recovery point"`
	After   int64  `json:"after" doc:"Rows after the damage"`
	Changed int64  `json:"changed,omitempty" doc:"Rows that are in both, and changed"`
}

// FindDamage looks for the newest damage of a scope: first between the newest of the points and the live platform, then
// between the points, from the newest to the oldest. points are ids, newest first; where the newest do not hold a
// wedding at all, all of it vanished after the newest that does. found is false when there is none; what the newest of
// the points has again is none. Where the platform does not answer, only the points are compared, and tiers and
// everything are always compared by the row counts of their tables in the points. Points of the critical tier alone are
// passed over, but for the one that in names. It reads a bounded number of points, see damageSearch. Where it could not
// look at all of them, err is a *LookedShort.
func (by *Restorer) FindDamage(ctx context.Context, in ScopeInput, points []string) (d Damage, found bool, err error) {
	in.Mode = scope.Rewind
	return newDamageSearch(by, in, points).run(ctx)
}

// lostSince counts what the live platform has lost; nothing where it does not answer.
func (s *ScopeAt) lostSince(ctx context.Context) ([]tableLoss, error) {
	p, err := s.Compare(ctx)
	if keepsake.CodeOf(err) == keepsake.CodeUnavailable && err != nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return lossesOf(scope.Since(p)), nil
}

// lostBefore counts what the next recovery point has lost. One that holds some tiers only has not lost the tables of
// the others.
func (s *ScopeAt) lostBefore(next *ScopeAt) ([]tableLoss, error) {
	older, err := scope.Texts(s.in.Plan, s.in.Rows)
	if err != nil {
		return nil, err
	}
	newer, err := scope.Texts(next.in.Plan, next.in.Rows)
	if err != nil {
		return nil, err
	}
	changes := scope.Between(s.in.Plan, older, newer)
	if !wholeType(next.in.Manifest.Type) {
		changes = slices.DeleteFunc(changes, func(t scope.TableChanges) bool { return next.in.Plan.Table(t.Table) == nil })
	}
	return lossesOf(changes), nil
}

func lossesOf(changes []scope.TableChanges) (losses []tableLoss) {
	for _, t := range changes {
		if t.Belongs == scope.Owned {
			added, changed, gone, _ := t.Counts()
			losses = append(losses, tableLoss{
				table:   t.Table,
				rows:    t.Unchanged + changed + gone,
				gone:    gone,
				changed: changed,
				added:   added,
			})
		}
	}
	return losses
}

// lostOf are the tables that lost or changed rows, those that lost most first.
func lostOf(losses []tableLoss) (lost []TableLost) {
	for _, t := range losses {
		if t.gone+t.changed > 0 {
			lost = append(lost, TableLost{Table: t.table, Then: t.rows, After: t.rows - t.gone + t.added, Changed: t.changed})
		}
	}
	slices.SortFunc(lost, func(a, b TableLost) int {
		return cmp.Or(cmp.Compare(b.Then-b.After, a.Then-a.After), cmp.Compare(a.Table, b.Table))
	})
	return lost
}
