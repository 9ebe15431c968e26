package config

import (
	"fmt"
	"time"
	_ "time/tzdata" // a machine may have no zones of its own

	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/policy"
)

// Schedule says when backups begin by themselves. What is empty has policy.DefaultSchedule's.
type Schedule struct {
	Automatic *bool  `yaml:"automatic"` // false: none begins by itself; nil: true
	Zone      string `yaml:"zone"`      // of the IANA database; empty: this machine's
	// how often while weddings are in that phase, as policy.ParseRhythm reads it
	Planning    string   `yaml:"planning"`
	Preparation string   `yaml:"preparation"`
	Execution   string   `yaml:"execution"`
	PostEvent   string   `yaml:"post_event"`
	Full        string   `yaml:"full"`         // how often one of them is a full backup
	ArchiveDays *int     `yaml:"archive_days"` // for so many days after it a wedding asks for backups
	Quiet       []string `yaml:"quiet"`        // times of day, as policy.ParseWindow reads them
	PausedUntil string   `yaml:"paused_until"` // a day, which begins in the zone, or a time as RFC 3339 writes it
}

const mostArchiveDays = 3650

// On reports whether any backup begins by itself.
func (s Schedule) On() bool { return s.Automatic == nil || *s.Automatic }

// Read returns the schedule and until when it is paused, or the first mistake.
func (s Schedule) Read() (p policy.Schedule, paused time.Time, err error) {
	p, paused, m := s.read()
	if m != nil {
		err = keepsake.Errorf(keepsake.CodeInvalid, "schedule.%v: %s", m.path[1], m.text)
	}
	return p, paused, err
}

func (s Schedule) read() (p policy.Schedule, paused time.Time, m *mistake) {
	p = policy.DefaultSchedule()
	if s.Zone != "" {
		zone, err := time.LoadLocation(s.Zone)
		if err != nil {
			return p, paused, wrong(fmt.Sprintf("%q is no time zone: write it like Europe/Berlin", s.Zone), "schedule", "zone")
		}
		p.Zone = zone
	}
	for _, r := range []struct {
		field, text string
		set         func(policy.Rhythm)
	}{
		{"planning", s.Planning, func(r policy.Rhythm) { p.Phases[keepsake.PhasePlanning] = r }},
		{"preparation", s.Preparation, func(r policy.Rhythm) { p.Phases[keepsake.PhasePreparation] = r }},
		{"execution", s.Execution, func(r policy.Rhythm) { p.Phases[keepsake.PhaseExecution] = r }},
		{"post_event", s.PostEvent, func(r policy.Rhythm) { p.Phases[keepsake.PhasePostEvent] = r }},
		{"full", s.Full, func(r policy.Rhythm) { p.Full = r }},
	} {
		if r.text == "" {
			continue
		}
		rhythm, err := policy.ParseRhythm(r.text)
		if err != nil {
			return p, paused, wrong(err.Error(), "schedule", r.field)
		}
		r.set(rhythm)
	}
	if s.ArchiveDays != nil {
		if *s.ArchiveDays < 0 || *s.ArchiveDays > mostArchiveDays {
			return p, paused, wrong(fmt.Sprintf("%d is out of range: use 0 to %d", *s.ArchiveDays, mostArchiveDays), "schedule",
				"archive_days")
		}
		p.ArchiveDays = *s.ArchiveDays
	}
	for _, text := range s.Quiet {
		w, err := policy.ParseWindow(text)
		if err != nil {
			return p, paused, wrong(err.Error(), "schedule", "quiet")
		}
		p.Quiet = append(p.Quiet, w)
	}
	if p.AlwaysQuiet() {
		return p, paused, wrong("these leave no time at which a backup could begin: take one away", "schedule", "quiet")
	}
	if s.PausedUntil != "" {
		var err error
		if paused, err = time.Parse(time.RFC3339, s.PausedUntil); err != nil {
			paused, err = time.ParseInLocation(time.DateOnly, s.PausedUntil, p.Zone)
		}
		if err != nil {
			return p, paused, wrong(fmt.Sprintf("%q is no time: write a day like 2026-12-27, or 2026-12-27T18:00:00Z",
				s.PausedUntil), "schedule", "paused_until")
		}
	}
	return p, paused, nil
}

func (c *Config) checkSchedule() *mistake {
	_, _, m := c.Schedule.read()
	return m
}
