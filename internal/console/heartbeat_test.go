package console_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
)

// TestAWatchdogHearsOfProtectedPointsAlone, once of each, and again of one that it was not told of because it was away.
func TestAWatchdogHearsOfProtectedPointsAlone(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newFakeEngine()
	beats, away := 0, error(nil)
	c := w.console(e, func(d *console.Deps) {
		d.Heartbeat = func(context.Context) error {
			if away == nil {
				beats++
			}
			return away
		}
	})
	sync := func(want int, why string, points ...engine.Point) {
		t.Helper()
		e.points = append(e.points, points...)
		if err := c.SyncPoints(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := c.Beat(t.Context()); !errors.Is(err, away) {
				t.Fatal(err)
			}
		}
		if beats != want {
			t.Errorf("%s: %d heartbeats, want %d", why, beats, want)
		}
	}
	sync(0, "no recovery point")
	sync(0, "an old one", fakePoint("20261101T000000Z-01", time.Now().Add(-2*time.Hour), "local", "s3", "away"))
	sync(1, "a new one", fakePoint("20261101T010000Z-01", time.Now().Add(-time.Minute), "local", "s3", "away"))
	sync(1, "one that is not protected", fakePoint("20261101T020000Z-01", time.Now(), "local"))
	away = errors.New("the watchdog is away")
	sync(1, "the watchdog is away", fakePoint("20261101T030000Z-01", time.Now(), "local", "s3", "away"))
	away = nil
	sync(2, "it is back")
}
