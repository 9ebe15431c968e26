package scoped

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// The newest recovery points are compared one by one, and older ones at distances that double. An organization is many
// weddings, so that fewer of its points are read, and fewer are in memory together.
const (
	nearPoints, nearPointsOfOrganization = 6, 3
	keptSights, keptSightsOfOrganization = 8, 3
	// logarithmic bounds the further reads, in binary logarithms of the number of points: one for the distances that
	// double, and the others for halving.
	logarithmic = 5
)

// LookedShort says that damage was looked for in the newest recovery points alone, and none was found in them.
type LookedShort struct {
	Points int       // that many, the newest
	Back   time.Time // when the oldest of them was made
	Err    error     // what ended the search
}

// Error implements error.
func (e *LookedShort) Error() string {
	return fmt.Sprintf("only the newest %d recovery points were looked at for damage: %v", e.Points, e.Err)
}

// Unwrap returns what ended the search.
func (e *LookedShort) Unwrap() error { return e.Err }

var (
	errManyReads = errors.New("looking further would read too many recovery points")
	errWentAway  = errors.New("a recovery point that was being looked at went away or was found damaged")
)

// damageSearch looks for the newest damage in any number of recovery points, and reads some of them: the nearest, those
// at distances that double, and where two that are compared differ by a damage, those that halve the distance.
//
// This takes it that a loss stays lost: who compares two points far apart sees every loss between them that was not
// made good by the younger one. Rows that were both written and lost between two such points are not seen, and neither
// is a loss that came back before the younger one, which is missed no longer. Daily work of many points may look like a
// damage from afar; between neighbours it does not, so that the search goes on where halving finds none. It ends after
// a number of reads that grows with the logarithm of the points, and says how far it came. Where rows are only counted,
// new rows of the same table hide a loss of as many.
type damageSearch struct {
	in ScopeInput
	// read returns nil, nil where nobody has the point
	read   func(ctx context.Context, id string) (*sight, error)
	points []string // newest first; those that tell nothing are removed when they turn up
	named  string   // the point that a person named, which may hold some tiers alone
	near   int
	kept   []*sight // used last, last; the newest point's is apart
	most   int      // of kept
	newest *sight

	reads, budget int
	looked        int       // points, from the newest on, that have no damage between them
	back          time.Time // of the oldest of these
	span          *Damage   // it emptied a table for good; between which neighbours is not known yet
	astray        bool      // a difference was none between neighbours: the next from afar may be none either
}

func newDamageSearch(by *Restorer, in ScopeInput, points []string) *damageSearch {
	s := &damageSearch{
		in:     in,
		points: slices.Clone(points),
		named:  in.Point,
		near:   nearPoints,
		most:   keptSights,
	}
	s.read = by.opening(in)
	if in.Scope.OrganizationID() != "" {
		s.near, s.most = nearPointsOfOrganization, keptSightsOfOrganization
	}
	s.budget = s.near + logarithmic*bits.Len(uint(len(points)))
	return s
}

// run looks for the newest damage and says how far it looked.
func (s *damageSearch) run(ctx context.Context) (d Damage, found bool, err error) {
	d, found, err = s.find(ctx)
	switch {
	case err == nil:
	case s.span != nil: // that is no daily work, and nobody knows more exactly when it was
		d, found, err = *s.span, true, nil
	case s.looked > 0:
		err = &LookedShort{Points: s.looked, Back: s.back, Err: err}
	}
	d.PointsRead = s.reads
	return d, found, err
}

// find looks for the newest damage.
func (s *damageSearch) find(ctx context.Context) (d Damage, found bool, err error) {
	if s.newest, err = s.see(ctx, 0); err != nil || s.newest == nil {
		return d, false, err
	}
	if s.newest.at != nil && !s.in.PointsOnly {
		losses, err := s.newest.at.lostSince(ctx)
		if err != nil {
			return d, false, err
		}
		if damaging(s.newest.total(), losses) {
			return damageOf(s.newest, nil, losses, losses), true, nil
		}
	}
	after := s.newest
	s.lookedTo(after)
	for stride, step := 1, 1; s.index(after.id) < len(s.points)-1; step++ {
		if step >= s.near {
			stride *= 2
		}
		older, err := s.from(ctx, after, stride)
		if err != nil || older == nil {
			return d, false, err
		}
		first := older.absent() && !after.absent()
		if first { // it is younger than that
			if older, err = s.oldestHolding(ctx, older.id, after.id); err != nil {
				return d, false, err
			}
		}
		if d, found, err = s.between(ctx, older.id, after.id); found || err != nil || first {
			return d, found, err
		}
		after = older
		s.lookedTo(after)
	}
	return d, false, nil
}

func (s *damageSearch) lookedTo(at *sight) { s.looked, s.back = s.index(at.id)+1, at.time }

func (s *damageSearch) index(id string) int { return slices.Index(s.points, id) }

// from returns what the point holds that lies so many before another one, or the oldest; nil where none is left.
func (s *damageSearch) from(ctx context.Context, after *sight, stride int) (*sight, error) {
	for {
		i := min(s.index(after.id)+stride, len(s.points)-1)
		if s.points[i] == after.id {
			return nil, nil //nolint:nilnil // there is none
		}
		if at, err := s.see(ctx, i); at != nil || err != nil {
			return at, err
		}
	}
}

// between looks for the newest damage between two points. Points are passed by their ids, so that their rows can leave
// memory meanwhile.
func (s *damageSearch) between(ctx context.Context, older, newer string) (d Damage, found bool, err error) {
	if older == newer {
		return d, false, nil
	}
	then, after, err := s.both(ctx, older, newer)
	if err != nil {
		return d, false, err
	}
	losses, err := then.lostBefore(after)
	if err != nil || !damaging(then.total(), losses) {
		return d, false, err
	}
	still := losses
	if after != s.newest { // it may have come back since
		if still, err = then.lostBefore(s.newest); err != nil {
			return d, false, err
		}
	}
	lasting := damaging(then.total(), still)
	if lasting && !s.astray && slices.ContainsFunc(still, tableLoss.emptied) {
		span := damageOf(then, after, losses, still)
		s.span = &span
	}
	mid, err := s.middle(ctx, older, newer)
	if err != nil {
		return d, false, err
	}
	if mid == "" {
		s.span = nil
		return damageOf(then, after, losses, still), lasting, nil
	}
	if d, found, err = s.between(ctx, mid, newer); found || err != nil {
		return d, found, err
	}
	if d, found, err = s.between(ctx, older, mid); !found && err == nil {
		s.span, s.astray = nil, true
	}
	return d, found, err
}

// middle returns the point halfway between two, or "" where they are neighbours.
func (s *damageSearch) middle(ctx context.Context, older, newer string) (string, error) {
	for {
		from, to := s.index(newer), s.index(older)
		if to-from < 2 {
			return "", nil
		}
		if at, err := s.see(ctx, (from+to)/2); at != nil || err != nil {
			if err != nil {
				return "", err
			}
			return at.id, nil
		}
	}
}

// oldestHolding returns the oldest point that holds the wedding or organization, between one that does not and a
// younger one that does.
func (s *damageSearch) oldestHolding(ctx context.Context, without, with string) (*sight, error) {
	for {
		mid, err := s.middle(ctx, without, with)
		if err != nil {
			return nil, err
		}
		if mid == "" {
			return s.again(ctx, with)
		}
		at, err := s.again(ctx, mid)
		if err != nil {
			return nil, err
		}
		if at.absent() {
			without = mid
		} else {
			with = mid
		}
	}
}

func (s *damageSearch) both(ctx context.Context, older, newer string) (then, after *sight, err error) {
	if then, err = s.again(ctx, older); err == nil {
		after, err = s.again(ctx, newer)
	}
	return then, after, err
}

// again returns what a point holds that was seen already. It may have left memory, and be gone by now.
func (s *damageSearch) again(ctx context.Context, id string) (*sight, error) {
	i := s.index(id)
	if i < 0 {
		return nil, errWentAway
	}
	at, err := s.see(ctx, i)
	if at == nil && err == nil {
		err = errWentAway
	}
	return at, err
}

// tells is false of a point of the critical tier alone: of one, only the manifest is read.
func (s *damageSearch) tells(at *sight) bool {
	return at.absent() || wholeType(at.kind) || at.id == s.named
}

// see returns what a point holds. Where that tells nothing, since nobody has the point, it is damaged or it holds the
// critical tier alone, see removes it and returns nil.
func (s *damageSearch) see(ctx context.Context, i int) (*sight, error) {
	for i < len(s.points) {
		id := s.points[i]
		if s.newest != nil && s.newest.id == id {
			return s.newest, nil
		}
		if j := slices.IndexFunc(s.kept, func(k *sight) bool { return k.id == id }); j >= 0 {
			at := s.kept[j]
			s.kept = append(slices.Delete(s.kept, j, j+1), at)
			return at, nil
		}
		if s.reads >= s.budget {
			return nil, errManyReads
		}
		at, err := s.read(ctx, id)
		if err != nil || at != nil && s.tells(at) {
			s.reads++
		}
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil && (keepsake.CodeOf(err) != keepsake.CodeDamaged || s.newest == nil):
			return nil, err
		}
		if at == nil || !s.tells(at) {
			s.points = slices.Delete(s.points, i, i+1)
			if s.newest != nil {
				return nil, nil //nolint:nilnil // it tells nothing
			}
			continue
		}
		if s.newest != nil {
			if len(s.kept) >= s.most {
				s.kept = slices.Delete(s.kept, 0, 1)
			}
			s.kept = append(s.kept, at)
		}
		return at, nil
	}
	return nil, nil //nolint:nilnil // there is no such point
}
