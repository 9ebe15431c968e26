package policy_test

import (
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/policy"
)

// TestNoBackupsOfLate: a schedule's longest pause and a day may pass, and eight days in any case.
func TestNoBackupsOfLate(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	monthly := policy.DefaultSchedule()
	monthly.Phases = map[keepsake.Phase]policy.Rhythm{keepsake.PhasePlanning: policy.Every(30 * day)}
	for name, c := range map[string]struct {
		schedule policy.Schedule
		of       keepsake.BackupType
		ago      time.Duration
		fails    bool
	}{
		"yesterday":             {policy.DefaultSchedule(), keepsake.BackupFull, day, false},
		"eight days":            {policy.DefaultSchedule(), keepsake.BackupFull, 8 * day, false},
		"longer":                {policy.DefaultSchedule(), keepsake.BackupIncremental, 8*day + time.Minute, true},
		"of a monthly schedule": {monthly, keepsake.BackupFull, 31 * day, false},
		"longer than that":      {monthly, keepsake.BackupFull, 32 * day, true},
		"none of everything":    {policy.DefaultSchedule(), keepsake.BackupCritical, 90 * day, false},
		"only ahead":            {policy.DefaultSchedule(), keepsake.BackupFull, -day, false},
	} {
		c.schedule.Zone = time.UTC
		why := c.schedule.NoRecent([]policy.HeldPoint{{Type: c.of, Time: now.Add(-c.ago)}}, now)
		if (why != "") != c.fails {
			t.Errorf("%s: %q", name, why)
		}
	}
}
