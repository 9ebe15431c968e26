package scoped

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Damage is a stretch of time in which rows of a wedding vanished, or many of them changed.
type Damage struct {
	Point      string    // the newest recovery point before it
	From, To   time.Time // between that point and the next one, or now (zero)
	Rows       int64     // of the wedding, at Point
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

// damageReads bounds how many recovery points that hold the wedding are read for its damage; an organization is many
// weddings, and three of its points are in memory together.
const damageReads, damageReadsOfOrganization = 6, 3

// FindDamage looks for the newest damage of a wedding or an organization: first between the newest of the points and
// the live platform, then between each point and the one before it. points are ids, newest first; where the newest do
// not hold the wedding at all, all of it vanished after the first that does. found is false when there is none; what
// the newest of the points has again is none. Where the platform does not answer, only the points are compared. It
// reads one scope for every point it looks at, and at most damageReads that hold the wedding.
func (by *Restorer) FindDamage(ctx context.Context, in ScopeInput, points []string) (d Damage, found bool, err error) {
	in.Mode = scope.Rewind
	most := damageReads
	if in.Scope.OrganizationID() != "" {
		most = damageReadsOfOrganization
	}
	var newest, after *ScopeAt
	var without time.Time // of the oldest point read so far that does not hold the wedding
	for i, read := 0, 0; i < len(points) && read < most; i++ {
		in.Point = points[i]
		at, err := by.ReadScope(ctx, in)
		if err != nil {
			if keepsake.CodeOf(err) != keepsake.CodeNotFound {
				return d, false, err
			}
			if after != nil { // it is younger
				break
			}
			if t, there := by.pointTime(ctx, points[i]); there {
				without = t
			}
			continue
		}
		read++
		d = Damage{Point: at.in.Manifest.ID, From: at.in.Manifest.Time, PointsRead: i + 1}
		var losses []tableLoss
		switch {
		case after == nil && !without.IsZero():
			losses, d.To = allLost(at), without
		case after == nil && !in.PointsOnly:
			losses, err = at.lostSince(ctx)
		case after != nil:
			losses, err = at.lostBefore(after)
			d.To = after.in.Manifest.Time
		}
		if err != nil {
			return d, false, err
		}
		for _, t := range losses {
			d.Gone, d.Changed = d.Gone+t.gone, d.Changed+t.changed
		}
		for _, t := range at.in.Plan.Of(scope.Owned) {
			d.Rows += at.in.Rows.Count(t.Name)
		}
		if damaging(d.Rows, losses) {
			if newest != nil && newest != after { // it may have come back since
				if losses, err = at.lostBefore(newest); err != nil {
					return d, false, err
				}
			}
			if d.Lost = lostOf(losses); damaging(d.Rows, losses) {
				return d, true, nil
			}
		}
		after = at
		if newest == nil {
			newest = at
		}
	}
	return Damage{}, false, nil
}

// pointTime is when a recovery point was made that a provider holds; false where none does.
func (by *Restorer) pointTime(ctx context.Context, id string) (time.Time, bool) {
	r, from, err := by.Replicas.OpenFor(ctx, "")
	if err != nil {
		return time.Time{}, false
	}
	l, err := replicas.ListManifests(ctx, from)
	if err != nil || len(l.At[id]) == 0 {
		return time.Time{}, false
	}
	m, _, err := by.Replicas.ReadManifest(ctx, r, l.Holders(from, id), id)
	if err != nil {
		return time.Time{}, false
	}
	return m.Time, true
}

// allLost counts every row of a scope as gone.
func allLost(at *ScopeAt) (losses []tableLoss) {
	for _, t := range at.in.Plan.Of(scope.Owned) {
		n := at.in.Rows.Count(t.Name)
		losses = append(losses, tableLoss{table: t.Name, rows: n, gone: n})
	}
	return losses
}

// lostSince counts what the live platform has lost; nothing where it does not answer.
func (s *ScopeAt) lostSince(ctx context.Context) ([]tableLoss, error) {
	p, err := s.Preview(ctx)
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
	if kind := next.in.Manifest.Type; kind != keepsake.BackupFull && kind != keepsake.BackupIncremental {
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
	slices.SortStableFunc(lost, func(a, b TableLost) int { return cmp.Compare(b.Then-b.After, a.Then-a.After) })
	return lost
}
