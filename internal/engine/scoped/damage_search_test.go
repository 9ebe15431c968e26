package scoped

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
)

const manyPoints = 1000

// searchOf searches a thousand points, the newest first, whose guests are counted by rows(i).
func searchOf(rows func(i int) int64) *damageSearch {
	var ids []string
	at := map[string]int{}
	for i := range manyPoints {
		ids = append(ids, fmt.Sprintf("point-%d", i))
		at[ids[i]] = i
	}
	s := newDamageSearch(nil, ScopeInput{Scope: keepsake.Everything()}, ids)
	s.read = func(_ context.Context, id string) (*sight, error) {
		i := at[id]
		switch n := rows(i); {
		case n < 0:
			return &sight{id: id, time: time.Unix(int64(-i), 0)}, nil
		case i > 0 && i%7 == 0: // of the critical tier alone
			return &sight{id: id, kind: keepsake.BackupCritical, rows: map[string]int64{}}, nil
		default:
			return &sight{
				id:   id,
				time: time.Unix(int64(-i), 0),
				kind: keepsake.BackupIncremental,
				rows: map[string]int64{"guests": n},
			}, nil
		}
	}
	return s
}

// TestDamageSearchReadsFewPoints: wherever among a thousand points a loss lies, it is found between its neighbours, and
// a few dozen points are read. So are a wedding that is gone, and one that was made lately and then lost rows.
func TestDamageSearchReadsFewPoints(t *testing.T) {
	t.Parallel()
	for _, lost := range []int{0, 1, 5, 6, 12, 39, 100, 511, 997} {
		before := lost + 1
		if before%7 == 0 {
			before++
		}
		for name, rows := range map[string]func(int) int64{
			"half": func(i int) int64 {
				if i <= lost {
					return 100
				}
				return 200
			},
			"all, with daily work before and after": func(i int) int64 {
				if i <= lost {
					return -1
				}
				return 4000 - int64(i)
			},
			"a young wedding": func(i int) int64 {
				switch {
				case i <= lost:
					return 50
				case i <= before:
					return 90
				}
				return -1
			},
		} {
			s := searchOf(rows)
			d, found, err := s.run(t.Context())
			if want := fmt.Sprintf("point-%d", before); err != nil || !found || d.Point != want || d.To.IsZero() ||
				d.PointsRead > 60 {
				t.Errorf("%s, %d: %+v, %v, %v, want %s", name, lost, d, found, err, want)
			}
		}
	}
}

// TestDamageSearchSaysHowFarItLooked: a search that ends early returns how many points it looked at; where it knows
// already that rows are lost, it returns between which points.
func TestDamageSearchSaysHowFarItLooked(t *testing.T) {
	t.Parallel()
	whole := func(int) int64 { return 100 }
	if _, found, err := searchOf(whole).run(t.Context()); found || err != nil {
		t.Errorf("nothing is lost: %v, %v", found, err)
	}
	away := errors.New("the provider is away")
	after := func(s *damageSearch, reads int) {
		read := s.read
		s.read = func(ctx context.Context, id string) (*sight, error) {
			if s.reads >= reads {
				return nil, away
			}
			return read(ctx, id)
		}
	}
	s := searchOf(whole)
	after(s, 4)
	_, found, err := s.run(t.Context())
	var short *LookedShort
	if found || !errors.As(err, &short) || !errors.Is(err, away) || short.Points != 4 ||
		!short.Back.Equal(time.Unix(-3, 0)) {
		t.Errorf("after four: %v, %v", found, err)
	}
	s = searchOf(whole)
	after(s, 0)
	if _, _, err := s.run(t.Context()); errors.As(err, &short) || !errors.Is(err, away) {
		t.Errorf("none could be read: %v", err)
	}
	s = searchOf(func(i int) int64 {
		if i < 400 {
			return 10
		}
		return 100
	})
	after(s, 14) // the difference is seen, and may be the work of many days
	if d, found, err := s.run(t.Context()); found || !errors.As(err, &short) || !errors.Is(err, away) {
		t.Errorf("nobody knows that it is a damage: %+v, %v, %v", d, found, err)
	}
	s = searchOf(func(i int) int64 {
		if i < 400 {
			return 0
		}
		return 100
	})
	after(s, 14)
	if d, found, err := s.run(t.Context()); err != nil || !found || d.Gone != 100 || !d.From.Before(time.Unix(-399, 0)) ||
		!d.To.After(time.Unix(-400, 0)) {
		t.Errorf("it is there: %+v, %v, %v", d, found, err)
	}
	s = searchOf(func(i int) int64 { return 100 + 20*int64(i) }) // fewer every time, and never many at once
	if d, found, err := s.run(t.Context()); found && d.Gone < 20 || err != nil && !errors.As(err, &short) {
		t.Errorf("fewer every time: %+v, %v, %v", d, found, err)
	}
}

// TestDamageSearchLosesAPoint: a point that is removed while the search goes on ends it, and nothing else.
func TestDamageSearchLosesAPoint(t *testing.T) {
	t.Parallel()
	for lost := range 40 {
		s := searchOf(func(i int) int64 {
			if i < 300 {
				return 10
			}
			return 100
		})
		s.most = 1 // so that points are read again
		read, reads := s.read, 0
		seen := map[string]bool{}
		s.read = func(ctx context.Context, id string) (*sight, error) {
			if reads++; reads > lost && seen[id] {
				return nil, nil //nolint:nilnil // retention took it
			}
			seen[id] = true
			return read(ctx, id)
		}
		var short *LookedShort
		d, found, err := s.run(t.Context())
		if err != nil && !errors.As(err, &short) || found && d.Gone != 90 {
			t.Errorf("lost after %d reads: %+v, %v, %v", lost, d, found, err)
		}
	}
}
