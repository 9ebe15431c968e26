package web_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/policy"
)

// TestSchedulePage says when the next backup begins, why, and what keeps it from that.
func TestSchedulePage(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.get("/schedule").says("No backup begins by itself", "schedule.automatic: false")
	demand := policy.Demand{Phase: keepsake.PhaseExecution, Weddings: 9, Rhythm: policy.Every(15 * time.Minute)}
	next := policy.NextBackup{
		At:      moment.Add(12 * time.Minute),
		Type:    keepsake.BackupIncremental,
		Demands: []policy.Demand{demand},
	}
	s.console.schedule = console.ScheduleState{
		On:       true,
		Schedule: console.Schedule{Schedule: policy.DefaultSchedule()},
		Next:     next,
		Phases: []policy.Demand{
			demand,
			{Phase: keepsake.PhasePreparation, Weddings: 41, Rhythm: policy.Every(4 * time.Hour)},
			{Phase: keepsake.PhasePostEvent, Weddings: 97, Rhythm: policy.Rhythm{}},
		},
		Last:    &console.Operation{ID: "7", Kind: console.KindBackup, State: console.StateDone, OK: true},
		Counted: moment.Add(-3 * time.Minute),
		Days: []policy.PlannedDay{
			{Date: "2026-12-05", Backups: 96, Full: 1, Why: next.Why()},
			{Date: "2026-12-06", Backups: 6, Why: "every 4 hours"},
			{Date: "2026-12-07", Backups: 6, Why: "every 4 hours"},
			{Date: "2026-12-08", Backups: 6, Why: "every 4 hours"},
			{Date: "2026-12-10", Backups: 6, Why: "every 4 hours"},
		},
		Ahead: 214,
		Full:  4,
	}
	s.get("/schedule").says("in 12 min", "UTC", "every 15 minutes, because 9 weddings are today or tomorrow",
		"As the platform said 3 min ago", "Decides now", "214 backups within the next 30 days, 4 of them full",
		"Sat 5 Dec 2026", "96, 1 of them full", "Sun 6 Dec 2026 to Tue 8 Dec 2026 6 a day", "Thu 10 Dec 2026 6 ",
		"Every 4 hours", "is over, for 90 days", "97",
		"Never").one("a", "href", "/operations/7")
	s.console.schedule.Failures, s.console.schedule.Schedule.Paused = 3, moment.Add(time.Hour)
	s.console.schedule.Next.At = moment.Add(-time.Second)
	s.get("/schedule").says("The last 3 automatic backups failed", "Backups are paused",
		"a worker begins it within seconds")
	s.console.schedule.Running = true
	s.get("/schedule").says("When the backup that is running has ended")
	s.get("/operations").one("a", "href", "/schedule")
	s.console.listErr = keepsake.Errorf(keepsake.CodeForbidden, "It concerns the whole platform.")
	s.get("/schedule").want(http.StatusForbidden)
}

// TestTheOverviewSaysWhenTheNextBackupBegins, also to who sees one organization.
func TestTheOverviewSaysWhenTheNextBackupBegins(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	for words, at := range map[string]time.Time{
		"The next begins in 12 min": moment.Add(12 * time.Minute),
		"The next is due now":       moment.Add(-time.Second),
	} {
		s.console.dashboard.NextBackup = at
		s.get("/").says(words).one("a", "href", "/schedule")
	}
}
