package console_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestOnlyAProtectedPointIsCalledSafe: of the points before a damage the newest protected one is taken whose last test
// did not fail; where there is none the newest is taken, and not called safe.
func TestOnlyAProtectedPointIsCalledSafe(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	point := func(id string, hour int, protected, failed bool) console.Point {
		p := console.Point{Point: engine.Point{ID: id, Time: at.Add(time.Duration(hour) * time.Hour), Protected: protected}}
		if failed {
			p.LastTest = &console.PointTest{}
		}
		return p
	}
	for name, c := range map[string]struct {
		points []console.Point
		want   string
		safe   bool
	}{
		"the newest is": {[]console.Point{point("4", 1, true, false), point("3", 0, true, false)},
			"3", true},
		"an older one is": {[]console.Point{point("3", 0, false, false), point("2", -1, true, true),
			point("1", -2, true, false)}, "1", true},
		"none is protected": {[]console.Point{point("4", 1, true, false), point("3", 0, false, false),
			point("1", -1, false, false)}, "3", false},
		"a test of the only one fails": {[]console.Point{point("3", 0, true, true)}, "3", false},
	} {
		d := engine.Damage{Point: "3", From: at}
		console.ChooseSafePoint(&d, c.points)
		if d.Point != c.want || d.Safe != c.safe {
			t.Errorf("%s: %s, safe %v", name, d.Point, d.Safe)
		}
	}
}

// oldDamage is a damage that lies before everything the console lists.
type oldDamage struct {
	point  string
	listed error // of listing what providers hold
}

func (o oldDamage) FindDamage(context.Context, engine.ScopeInput, []string) (engine.Damage, bool, error) {
	return engine.Damage{Point: o.point}, o.point != "", nil
}

func (o oldDamage) PointIDs(context.Context) ([]string, error) { return nil, o.listed }

func (o oldDamage) NewestPointsTo(_ context.Context, id string, _ int) ([]engine.Point, error) {
	full := string(keepsake.BackupFull)
	return []engine.Point{{ID: id, Type: full, Protected: true}, {ID: "1-older", Type: full, Protected: true}}, nil
}

// TestAnOldPointThatFailedItsTestIsNotCalledSafe: of points that are older than the console's list, tests count too.
func TestAnOldPointThatFailedItsTestIsNotCalledSafe(t *testing.T) {
	t.Parallel()
	known := []console.Point{{Point: engine.Point{ID: "3-newest", Time: time.Unix(3, 0)}}}
	o := oldDamage{point: "2-old"}
	search := console.DamageSearch{Looker: o, Lister: o}
	if d, err := search.Find(t.Context(), engine.ScopeInput{}, known); err != nil || !d.Safe || d.Point != "2-old" {
		t.Errorf("nobody knows of tests: %+v, %v", d, err)
	}
	search.Tests = func(_ context.Context, points []console.Point) error {
		points[0].LastTest = &console.PointTest{Findings: 1}
		return nil
	}
	if d, err := search.Find(t.Context(), engine.ScopeInput{}, known); err != nil || !d.Safe || d.Point != "1-older" {
		t.Errorf("its test failed: %+v, %v", d, err)
	}
	search.Tests = func(context.Context, []console.Point) error { return errors.New("the console database is away") }
	if d, err := search.Find(t.Context(), engine.ScopeInput{}, known); err != nil || d.Safe || d.Point != "2-old" {
		t.Errorf("tests cannot be asked for: %+v, %v", d, err)
	}
}

// TestWhatNobodyListedIsNotSaidToBeWhole: where the older points cannot be listed, it is said how far back was looked.
func TestWhatNobodyListedIsNotSaidToBeWhole(t *testing.T) {
	t.Parallel()
	known := []console.Point{{Point: engine.Point{ID: "3-newest", Time: time.Unix(3, 0)}}}
	o := oldDamage{listed: errors.New("no provider answers")}
	d, err := console.DamageSearch{Looker: o, Lister: o}.Find(t.Context(), engine.ScopeInput{}, known)
	var short *engine.LookedShort
	if d != nil || !errors.As(err, &short) || short.Points != 1 || !short.Back.Equal(time.Unix(3, 0)) {
		t.Errorf("%+v, %v", d, err)
	}
}
