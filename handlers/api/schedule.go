package api

import (
	"context"
	"time"

	"github.com/wedsync/keepsake/handlers"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/policy"
)

// Schedule says when backups begin by themselves.
type Schedule struct {
	On          bool              `json:"on" doc:"false: none begins by itself, and the rest is absent"`
	Zone        string            `json:"zone,omitempty" doc:"Where days begin: a name of the IANA database, or Local" example:"Europe/Berlin"`
	Phases      []SchedulePhase   `json:"phases,omitempty" doc:"The most urgent first"`
	Full        string            `json:"full,omitempty" doc:"How often one of them is a full backup" example:"weekly"`
	PausedUntil *time.Time        `json:"paused_until,omitempty"`
	Running     bool              `json:"running,omitempty" doc:"A backup waits or runs; the next one waits for it"`
	Failures    int               `json:"failures,omitempty" doc:"How many that began by themselves have failed since one was done"`
	Last        string            `json:"last_operation,omitempty" doc:"The operation of the last one that began by itself"`
	CountedAt   *time.Time        `json:"counted_at,omitempty" doc:"When the platform said how many weddings there are"`
	Next        *ScheduledBackup  `json:"next,omitempty" doc:"Absent: never. A time that is past: it begins within seconds"`
	Planned     []ScheduledBackup `json:"planned,omitempty" doc:"The next ones, as if each were done at once"`
	Days        []PlannedDay      `json:"days,omitempty" doc:"How many begin on each of the next 30 days"`
	Ahead       int               `json:"ahead,omitempty" doc:"How many begin within the next 30 days"`
	AheadFull   int               `json:"ahead_full,omitempty" doc:"How many of these are full"`
}

// SchedulePhase is how often backups begin while a wedding is in a phase.
type SchedulePhase struct {
	Phase    keepsake.Phase `json:"phase" enum:"planning,preparation,execution,post_event"`
	Rhythm   string         `json:"rhythm" doc:"In words, or as a cron expression of five fields" example:"every 15 minutes"`
	Weddings int            `json:"weddings" doc:"That are in it today, as the platform said last"`
}

// ScheduledBackup is a backup that will begin.
type ScheduledBackup struct {
	At   time.Time           `json:"at"`
	Type keepsake.BackupType `json:"type" enum:"full,incremental,critical,wedding,emergency"`
	Why  string              `json:"why,omitempty" doc:"In words" example:"every 15 minutes, because 9 weddings are today or tomorrow"`
	Held string              `json:"held,omitempty" enum:"pause,quiet,retry" doc:"Why it is later than it would be"`
}

// PlannedDay is how many backups begin on a day.
type PlannedDay struct {
	Date    string `json:"date" format:"date"`
	Backups int    `json:"backups"`
	Full    int    `json:"full" doc:"How many of them are full"`
	Why     string `json:"why,omitempty" doc:"Why the last of them begins, in words"`
}

type scheduleBody struct{ Body Schedule }

func (h *actions) schedule(ctx context.Context, _ *struct{}) (*scheduleBody, error) {
	s, err := h.d.Console.GetSchedule(ctx, handlers.ActorFrom(ctx))
	if err != nil {
		return nil, err
	}
	return &scheduleBody{Body: scheduleOf(s)}, nil
}

func scheduleOf(s console.ScheduleState) Schedule {
	out := Schedule{On: s.On}
	if !s.On {
		return out
	}
	out.Zone, out.Full, out.PausedUntil = s.Schedule.Zone.String(), s.Schedule.Full.String(), moment(s.Schedule.Paused)
	out.Running, out.Failures, out.CountedAt = s.Running, s.Failures, moment(s.Counted)
	out.Ahead, out.AheadFull = s.Ahead, s.Full
	if s.Last != nil {
		out.Last = s.Last.ID
	}
	out.Phases = each(s.Phases, func(d policy.Demand) SchedulePhase {
		return SchedulePhase{d.Phase, d.Rhythm.String(), d.Weddings}
	})
	if !s.Next.At.IsZero() {
		next := scheduledOf(s.Next)
		out.Next = &next
	}
	out.Planned = each(s.Planned, scheduledOf)
	out.Days = each(s.Days, func(d policy.PlannedDay) PlannedDay { return PlannedDay(d) })
	return out
}

func scheduledOf(n policy.NextBackup) ScheduledBackup {
	return ScheduledBackup{At: n.At.UTC(), Type: n.Type, Why: n.Why(), Held: string(n.Held)}
}
