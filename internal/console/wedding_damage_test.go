package console_test

import (
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
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
