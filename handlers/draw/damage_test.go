package draw_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
)

// TestAPointIsCalledSafeWhereItIs: scripts and people at the command line are not told that a recovery point is safe
// which is not protected.
func TestAPointIsCalledSafeWhereItIs(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for _, d := range []engine.Damage{{Point: "p", From: at, Rows: 9, Gone: 3},
		{Point: "p", From: at, To: at.Add(time.Hour), Rows: 9, Gone: 3}} {
		for _, named := range []string{"", "latest"} {
			if words := draw.PointWhy(&d, "wedding", named); strings.Contains(words, "safe") ||
				!strings.Contains(words, "It is not fully protected, or a test of it failed") {
				t.Errorf("named %q: %s", named, words)
			}
			safe := d
			safe.Safe = true
			if words := draw.PointWhy(&safe, "wedding", named); !strings.Contains(words, "newest safe") ||
				strings.Contains(words, "not fully protected") {
				t.Errorf("named %q: %s", named, words)
			}
		}
	}
}

// TestLookingThatEndedEarlySaysHowFar: the hint says how many recovery points were looked at, and why no more. Pages
// say it in their zone.
func TestLookingThatEndedEarlySaysHowFar(t *testing.T) {
	t.Parallel()
	back := time.Date(2026, 11, 20, 7, 5, 0, 0, time.UTC)
	err := fmt.Errorf("look: %w", &engine.LookedShort{Points: 7, Back: back, Err: context.DeadlineExceeded})
	for _, text := range []string{
		draw.HintFailed(err, format.Clock{}),
		draw.PointUnsure("wedding", "", err),
		draw.PointUnsure("wedding", "20261123T070500Z-aa", err),
	} {
		if !strings.HasSuffix(text, " Only the newest 7 recovery points, back to Fri 20 Nov 2026, 07:05:00 UTC, were looked "+
			"at. Looking took too long.") {
			t.Error(text)
		}
	}
	clock := format.Clock{Now: back, Zone: time.FixedZone("CET", 3600)}
	pages := append(draw.UnsureVendors(err, clock), draw.LookNotices(console.WeddingLook{Unsure: err}, "", clock)[0])
	for _, n := range pages {
		if !strings.Contains(n.Text, "back to Fri 20 Nov 2026, 08:05:00 CET, were looked at") {
			t.Errorf("a page in another zone says: %s", n.Text)
		}
	}
	if draw.NotLooked(err) == draw.NotLooked(context.DeadlineExceeded) {
		t.Error("one title for both")
	}
}
