package main

import (
	"fmt"
	"time"

	"github.com/wedsync/keepsake/internal/config"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/policy"
)

type policyCommands struct {
	Show     policyShowCommand     `cmd:"" help:"Say how often backups begin by themselves, and when the next does."`
	Simulate policySimulateCommand `cmd:"" help:"Say which backups would begin in the days ahead. It changes nothing."`
}

type policyShowCommand struct{}

type policySimulateCommand struct {
	Days        int    `help:"How many days ahead." default:"30" placeholder:"N"`
	Planning    string `help:"Try another rhythm, such as \"every 6 hours\" or \"daily at 02:30\"." placeholder:"RHYTHM"`
	Preparation string `help:"The same while a wedding is within 30 days." placeholder:"RHYTHM"`
	Execution   string `help:"The same while a wedding is today or tomorrow." placeholder:"RHYTHM"`
	PostEvent   string `help:"The same while a wedding is over." placeholder:"RHYTHM"`
	Full        string `help:"Try another rhythm of full backups." placeholder:"RHYTHM"`
}

const (
	mostSimulatedDays = 366
	// mostSimulated is a backup a minute for a year.
	mostSimulated = mostSimulatedDays * 24 * 60
)

// scheduleNow is a schedule with what decides when its next backup begins, without a console database: who asked for
// what, and what failed, is not known here.
type scheduleNow struct {
	schedule policy.Schedule
	facts    policy.ScheduleFacts
	on       bool
	warning  string // the platform did not say how many weddings there are
}

func (a *app) scheduleNow(of func(*config.Schedule)) (scheduleNow, error) {
	e, conf, err := a.engine()
	if err != nil {
		return scheduleNow{}, err
	}
	settings := conf.Schedule
	if of != nil {
		of(&settings)
	}
	n := scheduleNow{on: settings.On(), facts: policy.ScheduleFacts{Now: time.Now()}}
	if n.schedule, n.facts.Paused, err = settings.Read(); err != nil {
		return n, err
	}
	points, err := e.Points(a.ctx, "")
	if err != nil {
		return n, err
	}
	for _, p := range points { // in any order, because a clock may have been set
		if p.Time.After(n.facts.Now.Add(policy.Skew)) {
			continue
		}
		switch at := p.Time; keepsake.BackupType(p.Type) {
		case keepsake.BackupFull:
			if at.After(n.facts.NewestFull) {
				n.facts.NewestFull = at
			}
			fallthrough
		case keepsake.BackupIncremental:
			if at.After(n.facts.Newest) {
				n.facts.Newest = at
			}
		}
	}
	if n.facts.Days, err = e.CountWeddingDays(a.ctx); err != nil {
		if a.ctx.Err() != nil {
			return n, err
		}
		n.warning = "The platform does not say how many weddings there are, so only the rhythm of planning counts here. " +
			keepsake.Sentence(keepsake.MessageOf(err))
	}
	return n, nil
}

// policyPhase is how often backups begin while a wedding is in a phase.
type policyPhase struct {
	Phase    keepsake.Phase `json:"phase"`
	Rhythm   string         `json:"rhythm"`
	Weddings int            `json:"weddings"` // today
}

type plannedBackup struct {
	At   time.Time           `json:"at"`
	Type keepsake.BackupType `json:"type"`
	Why  string              `json:"why,omitempty"`
	Held policy.Hold         `json:"held,omitempty"`
}

func plannedOf(n policy.NextBackup) *plannedBackup {
	if n.At.IsZero() {
		return nil
	}
	return &plannedBackup{n.At.UTC(), n.Type, n.Why(), n.Held}
}

var phaseMeans = map[keepsake.Phase]string{
	keepsake.PhaseExecution:   "a wedding is today or tomorrow",
	keepsake.PhasePreparation: "a wedding is within 30 days",
	keepsake.PhasePlanning:    "weddings are being planned",
	keepsake.PhasePostEvent:   "a wedding is over",
}

func (c *policyShowCommand) Run(a *app) error {
	n, err := a.scheduleNow(nil)
	if err != nil {
		return err
	}
	var phases []policyPhase
	for _, d := range n.schedule.OnDay(n.facts.Days, n.facts.Now) {
		phases = append(phases, policyPhase{d.Phase, d.Rhythm.String(), d.Weddings})
	}
	next := n.schedule.Next(n.facts)
	if a.cli.JSON {
		printJSON(a.io.out, struct {
			On      bool           `json:"on"`
			Zone    string         `json:"zone"`
			Phases  []policyPhase  `json:"phases"`
			Full    string         `json:"full"`
			Next    *plannedBackup `json:"next"` // null: never
			Warning string         `json:"warning,omitempty"`
		}{n.on, n.schedule.Zone.String(), phases, n.schedule.Full.String(), plannedOf(next), n.warning})
		return nil
	}
	n.warn(a)
	for _, p := range phases {
		a.printf("while %-32s %-20s %s now\n", phaseMeans[p.Phase], p.Rhythm, some(int64(p.Weddings), "wedding"))
	}
	a.printf("%-38s %s\n\nnext backup: ", "a full backup", n.schedule.Full)
	switch {
	case next.At.IsZero():
		a.printf("never\n")
	case !next.At.After(n.facts.Now):
		a.printf("now, %s, %s\n", next.Type, next.Why())
	default:
		a.printf("%s, %s, %s\n", next.At.In(n.schedule.Zone).Format("Mon 2 Jan 2006, 15:04 MST"), next.Type, next.Why())
	}
	return nil
}

// warn says what the figures below it leave out.
func (n scheduleNow) warn(a *app) {
	if !n.on {
		a.printf("No backup begins by itself, except at milestones: the configuration says schedule.automatic: false. If " +
			"it did not:\n\n")
	}
	if n.warning != "" {
		a.printf("%s\n\n", n.warning)
	}
}

// simulatedDay is how many backups would begin on a day.
type simulatedDay struct {
	Day     string `json:"day"`
	Backups int    `json:"backups"`
	Full    int    `json:"full"`
	Why     string `json:"why,omitempty"` // of the last of them
}

func (c *policySimulateCommand) Run(a *app) error {
	if c.Days < 1 || c.Days > mostSimulatedDays {
		return keepsake.Errorf(keepsake.CodeInvalid, "--days: %d is out of range: use 1 to %d", c.Days, mostSimulatedDays)
	}
	n, err := a.scheduleNow(func(s *config.Schedule) {
		for _, r := range []struct {
			from string
			to   *string
		}{{c.Planning, &s.Planning}, {c.Preparation, &s.Preparation}, {c.Execution, &s.Execution},
			{c.PostEvent, &s.PostEvent}, {c.Full, &s.Full}} {
			if r.from != "" {
				*r.to = r.from
			}
		}
	})
	if err != nil {
		return err
	}
	planned := n.schedule.Simulate(n.facts, n.facts.Now.AddDate(0, 0, c.Days), mostSimulated)
	days := []simulatedDay{}
	full := 0
	for _, d := range n.schedule.ByDay(planned) {
		days, full = append(days, simulatedDay{d.Date, d.Backups, d.Full, d.Why}), full+d.Full
	}
	if a.cli.JSON {
		printJSON(a.io.out, struct {
			On      bool           `json:"on"`
			Days    []simulatedDay `json:"days"`
			Backups int            `json:"backups"`
			Full    int            `json:"full"`
			Warning string         `json:"warning,omitempty"`
		}{n.on, days, len(planned), full, n.warning})
		return nil
	}
	n.warn(a)
	a.printf("%s would begin within %s, %s of them full.\n", some(int64(len(planned)), "backup"),
		some(int64(c.Days), "day"), count(int64(full)))
	for _, d := range days {
		full := ""
		if d.Full > 0 {
			full = fmt.Sprintf(", %d full", d.Full)
		}
		a.printf("%s  %s%s: %s\n", d.Day, some(int64(d.Backups), "backup"), full, d.Why)
	}
	return nil
}
