package keepsake_test

import (
	"testing"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestTierOfRootTables: the tables of weddings and organizations are critical, whatever the data map lists.
func TestTierOfRootTables(t *testing.T) {
	t.Parallel()
	moved := keepsake.DefaultDataMap()
	moved.Wedding.Table, moved.Organization.Table = "events.couples", "planners"
	for _, c := range []struct {
		in            keepsake.DataMap
		schema, table string
		want          keepsake.Tier
	}{
		{keepsake.DefaultDataMap(), "public", "weddings", keepsake.TierCritical},
		{keepsake.DefaultDataMap(), "public", "organizations", keepsake.TierCritical},
		{keepsake.DefaultDataMap(), "public", "payments", keepsake.TierHigh},
		{keepsake.DefaultDataMap(), "other", "weddings", keepsake.TierStandard},
		{moved, "events", "couples", keepsake.TierCritical},
		{moved, "public", "planners", keepsake.TierCritical},
		{moved, "public", "weddings", keepsake.TierStandard},
		{keepsake.DataMap{}, "public", "", keepsake.TierStandard},
	} {
		if got := c.in.TierOf(c.schema, c.table); got != c.want {
			t.Errorf("%s.%s with weddings in %q: %s, want %s", c.schema, c.table, c.in.Wedding.Table, got, c.want)
		}
	}
}
