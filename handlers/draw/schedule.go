package draw

import (
	"fmt"
	"strings"
	"time"

	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/policy"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

// Schedule draws when backups begin by themselves, and why.
func Schedule(shell views.Shell, s console.ScheduleState, clock format.Clock) views.Schedule {
	vm := views.Schedule{Shell: shell, On: s.On}
	if !s.On {
		vm.Notices = []ui.Notice{{
			Tone:  ui.ToneWarn,
			Title: "No backup begins by itself",
			Text: "The configuration says schedule.automatic: false, or names no platform. Only a wedding that reaches a " +
				"milestone, or somebody who asks for one, makes a recovery point. To change it, correct keepsake.yaml and " +
				"start Keepsake anew.",
		}}
		return vm
	}
	vm.Notices = scheduleNotices(s, clock)
	vm.Next = scheduledBackup(s.Next, clock)
	switch {
	case s.Next.At.IsZero():
		vm.Next = views.ScheduledBackup{Due: "Never", Text: "No rhythm asks for one."}
	case s.Running:
		vm.Next.Due = "When the backup that is running has ended"
	case !s.Next.At.After(clock.Now):
		vm.Next.Due = "Now: a worker begins it within seconds"
	}
	if s.Last != nil {
		vm.LastURL, vm.State = OperationURL(s.Last.ID), OperationState(*s.Last)
	}
	for _, d := range s.Phases {
		vm.Phases = append(vm.Phases, schedulePhase(s, d))
	}
	vm.Full = "Full backups, which read everything anew: " + s.Schedule.Full.String() + "."
	if s.Schedule.Full.Never() {
		vm.Full = "No full backup begins by itself, except the first."
	}
	vm.Counted = "The platform has not said yet how many weddings there are"
	if !s.Counted.IsZero() {
		vm.Counted = "As the platform said " + clock.Relative(s.Counted)
	}
	vm.Days = scheduledDays(s.Days)
	vm.Ahead = fmt.Sprintf("%s within the next 30 days, %s of them full",
		format.Plural(int64(s.Ahead), "backup", "backups"), format.Count(int64(s.Full)))
	return vm
}

// phaseWords are the phases as somebody would say them.
var phaseWords = map[keepsake.Phase]string{
	keepsake.PhaseExecution:   "is today or tomorrow",
	keepsake.PhasePreparation: "is within 30 days",
	keepsake.PhasePlanning:    "is being planned, and without any",
	keepsake.PhasePostEvent:   "is over",
}

func schedulePhase(s console.ScheduleState, d policy.Demand) views.SchedulePhase {
	row := views.SchedulePhase{
		Name:     format.Title(strings.ReplaceAll(string(d.Phase), "_", " ")),
		Means:    phaseWords[d.Phase],
		Rhythm:   format.Title(d.Rhythm.String()),
		Weddings: format.Count(int64(d.Weddings)),
		Decides:  d.Asks() && len(s.Next.Demands) > 0 && s.Next.Demands[0].Phase == d.Phase,
	}
	if d.Phase == keepsake.PhasePostEvent {
		row.Means += ", for " + format.Plural(int64(s.Schedule.ArchiveDays), "day", "days")
	}
	return row
}

// scheduleNotices say what keeps backups from beginning.
func scheduleNotices(s console.ScheduleState, clock format.Clock) (list []ui.Notice) {
	if s.Schedule.Paused.After(clock.Now) {
		list = append(list, ui.Notice{
			Tone:  ui.ToneWarn,
			Title: "Backups are paused",
			Text: "Before " + clock.Exact(s.Schedule.Paused) + " none begins by itself, except at milestones, because the " +
				"configuration says schedule.paused_until. Somebody can still begin one.",
		})
	}
	if s.Next.Held == policy.HoldQuiet {
		list = append(list, ui.Notice{
			Tone:  ui.ToneWarn,
			Title: "Quiet hours put the next backup off",
			Text: "It begins " + clock.Relative(s.Next.At) + ", because the configuration says schedule.quiet. They do not " +
				"count while a wedding is today or tomorrow.",
		})
	}
	if s.Failures > 0 && s.Last != nil {
		title, again := "The last automatic backup failed", "It is tried again as soon as nothing else is in the way."
		if s.Failures > 1 {
			title = fmt.Sprintf("The last %s automatic backups failed", format.Count(int64(s.Failures)))
		}
		if s.Next.At.After(clock.Now) {
			again = "It is tried again " + clock.Relative(s.Next.At) + "."
		}
		list = append(list, ui.Notice{
			Tone:  ui.ToneBad,
			Title: title,
			Text:  again + " Its page says why it failed.",
			Href:  OperationURL(s.Last.ID),
			Link:  "See what happened",
		})
	}
	return list
}

func scheduledBackup(n policy.NextBackup, clock format.Clock) views.ScheduledBackup {
	text := format.Title(string(n.Type)) + " backup"
	if why := n.Why(); why != "" {
		text += ": " + why
	}
	return views.ScheduledBackup{When: clock.When(n.At), Text: text + "."}
}

// scheduledDays draws days that follow each other and are alike as one line.
func scheduledDays(days []policy.PlannedDay) (rows []views.ScheduledDay) {
	for len(days) > 0 {
		n := 1
		for n < len(days) && alikeDays(days[n-1], days[n]) {
			n++
		}
		row := scheduledDay(days[0])
		if n > 1 {
			row.Date = dayWithYear(days[0].Date) + " to " + dayWithYear(days[n-1].Date)
			row.Backups += " a day"
		}
		rows, days = append(rows, row), days[n:]
	}
	return rows
}

// alikeDays reports whether b is the day after a and has as many backups for the same reason.
func alikeDays(a, b policy.PlannedDay) bool {
	from, err := time.Parse(time.DateOnly, a.Date)
	return err == nil && from.AddDate(0, 0, 1).Format(time.DateOnly) == b.Date && a.Backups == b.Backups &&
		a.Full == b.Full && a.Why == b.Why
}

func dayWithYear(date string) string {
	day, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return date
	}
	return day.Format("Mon 2 Jan 2006")
}

func scheduledDay(d policy.PlannedDay) views.ScheduledDay {
	out := views.ScheduledDay{Date: dayWithYear(d.Date), Backups: format.Count(int64(d.Backups)),
		Why: format.Title(d.Why)}
	switch {
	case d.Full == 1 && d.Backups == 1:
		out.Backups += ", a full one"
	case d.Full > 0:
		out.Backups += fmt.Sprintf(", %s of them full", format.Count(int64(d.Full)))
	}
	return out
}
