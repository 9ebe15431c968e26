package main

import (
	"time"

	"github.com/a-h/templ"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/policy"
	"github.com/wedsync/keepsake/views"
)

func schedulePage(theme string, s console.ScheduleState) templ.Component {
	return views.SchedulePage(draw.Schedule(shell(theme, "Schedule", "operations"), s, clock))
}

// scheduled is a platform in its season, after so many backups in a row that failed.
func scheduled(failures int) console.ScheduleState {
	s := policy.DefaultSchedule()
	s.Zone = time.UTC
	f := policy.ScheduleFacts{
		Now: now,
		Days: map[string]int{now.Format(time.DateOnly): 6, now.AddDate(0, 0, 1).Format(time.DateOnly): 8,
			now.AddDate(0, 0, 20).Format(time.DateOnly): 41, now.AddDate(0, 6, 0).Format(time.DateOnly): 1820,
			now.AddDate(0, -1, 0).Format(time.DateOnly): 97},
		Newest:     now.Add(-4 * time.Minute),
		NewestFull: now.AddDate(0, 0, -6),
	}
	last := backupOf(console.StateDone)
	state := console.ScheduleState{On: true, Schedule: console.Schedule{Schedule: s}, Failures: failures, Last: &last,
		Counted: now.Add(-3 * time.Minute)}
	if failures > 0 {
		f.Newest, f.Tried, f.Failures = now.Add(-5*time.Hour), now.Add(-time.Minute), failures
		last.State, last.ErrorMessage = console.StateFailed, long(3)
		state.Schedule.Paused = now.Add(30 * time.Hour)
		f.Paused = state.Schedule.Paused
	}
	state.Next, state.Phases = s.Next(f), s.OnDay(f.Days, now)
	state.Planned = s.Simulate(f, now.AddDate(0, 0, 30), 20_000)
	state.Ahead, state.Days = len(state.Planned), s.ByDay(state.Planned)
	for _, d := range state.Days {
		state.Full += d.Full
	}
	return state
}
