package console_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/policy"
	"github.com/wedsync/keepsake/internal/testenv"
)

// TestLatestIsWhatThePolicySays draws recovery points, and asks the console for the latest one.
func TestLatestIsWhatThePolicySays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	testenv.Draws(t, 25, func(rt *rapid.T) {
		w.past("recovery_points", "delete from recovery_points")
		e := newFakeEngine()
		var newestFirst []policy.Candidate
		for i := range rapid.IntRange(1, 6).Draw(rt, "points") {
			p := fakePoint(fmt.Sprintf("202611%02dT000000Z-01", 1+i), time.Now().Add(time.Duration(i)*time.Second), "local")
			kind := rapid.SampledFrom([]keepsake.BackupType{keepsake.BackupFull, keepsake.BackupIncremental,
				keepsake.BackupCritical, keepsake.BackupCritical}).Draw(rt, "type")
			p.Trust = rapid.SampledFrom([]keepsake.Trust{keepsake.TrustUnsaid, keepsake.TrustDoubted}).Draw(rt, "trust")
			p.Type = string(kind)
			e.points = append(e.points, p)
			c := policy.Candidate{ID: p.ID, Type: kind}
			if p.Suspect() {
				c.Suspect = "Somebody said so."
			}
			newestFirst = slices.Insert(newestFirst, 0, c)
		}
		c := w.console(e)
		if err := c.SyncPoints(t.Context()); err != nil {
			rt.Fatal(err)
		}
		want, _, _ := policy.Latest(slices.Values(newestFirst))
		if p, err := c.GetPoint(t.Context(), admin, "latest"); err != nil || p.Point.ID != want.ID {
			rt.Fatalf("latest is %s, %v; want %s of %+v", p.Point.ID, err, want.ID, newestFirst)
		}
	})
}
