package engine

import (
	"errors"
	"testing"

	"github.com/wedsync/keepsake/internal/engine/repository"
)

// TestEffortFollowsTheProviders: chunks are made smaller where they wait for a provider, and made quickly where none do.
func TestEffortFollowsTheProviders(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lane *lane
		want repository.Effort
	}{
		"idle":               {&lane{}, repository.Fast},
		"keeps up":           {&lane{waiting: laneBytes / 8}, repository.Fast},
		"chunks wait":        {&lane{waiting: laneBytes / 2}, repository.Thorough},
		"lagging":            {&lane{lagging: true}, repository.Thorough},
		"given up":           {&lane{failed: errors.New("away"), waiting: laneBytes}, repository.Fast},
		"lagging, given up":  {&lane{failed: errors.New("away"), lagging: true}, repository.Fast},
		"nearly out of room": {&lane{waiting: laneBytes}, repository.Thorough},
	} {
		if got := effort([]*lane{{}, c.lane}); got != c.want {
			t.Errorf("%s: effort %d, want %d", name, got, c.want)
		}
	}
}
