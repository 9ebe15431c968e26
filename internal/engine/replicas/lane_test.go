package replicas

import (
	"errors"
	"testing"

	"github.com/wedsync/keepsake/internal/engine/repository"
)

// TestEffortFollowsTheProviders: chunks are made smaller where they wait for a provider,
// and made quickly where none do.
func TestEffortFollowsTheProviders(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lane *Lane
		want repository.Effort
	}{
		"idle":               {&Lane{}, repository.Fast},
		"keeps up":           {&Lane{waiting: laneBytes / 8}, repository.Fast},
		"chunks wait":        {&Lane{waiting: laneBytes / 2}, repository.Thorough},
		"lagging":            {&Lane{lagging: true}, repository.Thorough},
		"given up":           {&Lane{failed: errors.New("away"), waiting: laneBytes}, repository.Fast},
		"lagging, given up":  {&Lane{failed: errors.New("away"), lagging: true}, repository.Fast},
		"nearly out of room": {&Lane{waiting: laneBytes}, repository.Thorough},
	} {
		if got := Effort([]*Lane{{}, c.lane}); got != c.want {
			t.Errorf("%s: effort %d, want %d", name, got, c.want)
		}
	}
}
