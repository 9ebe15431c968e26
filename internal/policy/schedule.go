package policy

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// Schedule says how often a platform is backed up when nobody asks for it. Every backup of it serves all weddings, so
// that the shortest rhythm of those that are due decides.
type Schedule struct {
	// Phases says how often while a wedding is in that phase. That of planning counts without any wedding, too.
	Phases map[keepsake.Phase]Rhythm
	// Full says how often one of them is a full backup.
	Full Rhythm
	// ArchiveDays is for how many days after the last wedding PhasePostEvent asks for backups.
	ArchiveDays int
	// Zone is where days begin and cron expressions are read.
	Zone *time.Location
	// Quiet are times of day at which no backup begins, unless a wedding is in execution.
	Quiet []Window
}

// DefaultSchedule is the one of a console that is told nothing else. Its zone is this machine's.
func DefaultSchedule() Schedule {
	return Schedule{
		Phases: map[keepsake.Phase]Rhythm{
			keepsake.PhasePlanning:    Every(oneDay),
			keepsake.PhasePreparation: Every(4 * time.Hour),
			keepsake.PhaseExecution:   Every(15 * time.Minute),
			keepsake.PhasePostEvent:   Every(7 * oneDay),
		},
		Full:        Every(7 * oneDay),
		ArchiveDays: 90,
		Zone:        time.Local,
	}
}

// ScheduleFacts is what decides when the next backup begins.
type ScheduleFacts struct {
	Now time.Time
	// Days says how many weddings are on each day, by time.DateOnly.
	Days map[string]int
	// Newest is when the newest recovery point that covers every tier was taken, NewestFull the newest full one. Zero:
	// there is none. A time ahead of Now was written before somebody set a clock back and counts for nothing, unless
	// clocks of different machines may differ by that much: Skew.
	Newest, NewestFull time.Time
	// Tried is when this schedule last asked for a backup, and Failures how many of those in a row have failed since
	// one was done.
	Tried    time.Time
	Failures int
	// Paused is until when no backup begins.
	Paused time.Time
}

// Demand is a phase, with its weddings on a day and how often they ask for backups.
type Demand struct {
	Phase    keepsake.Phase
	Weddings int
	Rhythm   Rhythm
}

// NextBackup is when the next backup begins by itself.
type NextBackup struct {
	At      time.Time // zero: never
	Type    keepsake.BackupType
	Demands []Demand // whose time it is then, the most urgent first
	Held    Hold     // why that is later than it would be
}

// Hold says what a backup that is due waits for.
type Hold string

// What it may wait for.
const (
	HoldNothing Hold = ""
	HoldPause   Hold = "pause"
	HoldQuiet   Hold = "quiet"
	HoldRetry   Hold = "retry" // the last one failed
)

const (
	firstRetry   = time.Minute
	longestRetry = time.Hour
	// mostDays bounds how far ahead a next backup is looked for: from one 29 February to the next may be eight years.
	mostDays = 8*366 + 1
	// fullsTried is how many fail in a row before an incremental one is tried: that there is a point comes first.
	fullsTried = 2
)

// Next returns when the next backup begins, and why. A time that is past says that it is due.
func (s Schedule) Next(f ScheduleFacts) NextBackup { return s.next(f, calendarOf(f.Days)) }

// Skew is by how much clocks of different machines may differ.
const Skew = 5 * time.Minute

// past returns the facts without times that lie ahead.
func (f ScheduleFacts) past() ScheduleFacts {
	for _, t := range []*time.Time{&f.Newest, &f.NewestFull, &f.Tried} {
		switch {
		case t.After(f.Now.Add(Skew)):
			*t = time.Time{}
		case t.After(f.Now):
			*t = f.Now
		}
	}
	return f
}

func (s Schedule) next(f ScheduleFacts, c calendar) NextBackup {
	f = f.past()
	last := f.Newest
	if f.Failures == 0 {
		last = later(last, f.Tried) // it was done, or it runs
	}
	after := map[keepsake.Phase]time.Time{} // the next time of each rhythm
	for phase, r := range s.Phases {
		after[phase] = f.Now // there is none yet
		if !last.IsZero() {
			after[phase] = r.Next(last, s.zone())
		}
	}
	today := s.date(f.Now)
	before := s.demands(c, today.AddDate(0, 0, -1))
	for day := range mostDays {
		date := today.AddDate(0, 0, day)
		until := shows(date.AddDate(0, 0, 1), s.zone())
		demands := s.demands(c, date)
		due := make([]demandAt, 0, len(demands))
		for _, d := range demands {
			at := after[d.Phase]
			if began := !slices.ContainsFunc(before, d.samePhase); began && !last.IsZero() {
				at = s.fromDay(d, at, date)
			}
			if !at.IsZero() {
				due = append(due, demandAt{d, at})
			}
		}
		before = demands
		slices.SortStableFunc(due, func(a, b demandAt) int { return a.at.Compare(b.at) })
		if len(due) == 0 || !due[0].at.Before(until) {
			continue
		}
		n := s.hold(NextBackup{At: due[0].at}, f, demands)
		for _, d := range due { // what it serves, too
			if !d.at.After(later(n.At, f.Now)) {
				n.Demands = append(n.Demands, d.Demand)
			}
		}
		n.Type = s.kind(f, n.At, demands)
		return n
	}
	return NextBackup{}
}

// demandAt is a demand and when it is due.
type demandAt struct {
	Demand
	at time.Time
}

func (d Demand) samePhase(other Demand) bool { return d.Phase == other.Phase }

// fromDay is when a demand is due that a day brings, on which there is a wedding in its phase again.
func (s Schedule) fromDay(d Demand, at, date time.Time) time.Time {
	from := shows(date, s.zone())
	switch {
	case at.IsZero() || !at.Before(from):
		return at
	case d.Rhythm.cron != "":
		return d.Rhythm.Next(from.Add(-1), s.zone())
	}
	return from
}

// Simulate returns the backups that would begin until then, at most so many, as if each were done at once.
func (s Schedule) Simulate(f ScheduleFacts, until time.Time, most int) (list []NextBackup) {
	c := calendarOf(f.Days)
	for len(list) < most {
		n := s.next(f, c)
		if n.At.IsZero() || n.At.After(until) {
			return list
		}
		n.At = later(n.At, f.Now)
		list = append(list, n)
		f.Now, f.Newest, f.Tried, f.Failures = n.At, n.At, n.At, 0
		if n.Type == keepsake.BackupFull {
			f.NewestFull = n.At
		}
	}
	return list
}

// PlannedDay is how many backups would begin on a day.
type PlannedDay struct {
	Date    string // time.DateOnly, in the schedule's zone
	Backups int
	Full    int    // of them
	Why     string // of the last of them
}

// ByDay counts backups by the day on which they begin. They come in the order of time.
func (s Schedule) ByDay(planned []NextBackup) (days []PlannedDay) {
	for _, n := range planned {
		date := n.At.In(s.zone()).Format(time.DateOnly)
		if len(days) == 0 || days[len(days)-1].Date != date {
			days = append(days, PlannedDay{Date: date})
		}
		d := &days[len(days)-1]
		d.Backups, d.Why = d.Backups+1, n.Why()
		if n.Type == keepsake.BackupFull {
			d.Full++
		}
	}
	return days
}

// OnDay are all phases on the day of a time, the most urgent first, with their weddings and rhythms.
func (s Schedule) OnDay(days map[string]int, at time.Time) []Demand {
	return s.onDay(calendarOf(days), s.date(at))
}

func (s Schedule) onDay(c calendar, today time.Time) (list []Demand) {
	const always = 1 << 20 // days
	for _, p := range []struct {
		phase    keepsake.Phase
		from, to int // days before the wedding, as keepsake.PhaseOf has them
	}{
		{keepsake.PhaseExecution, 0, 1},
		{keepsake.PhasePreparation, 2, 30},
		{keepsake.PhasePlanning, 31, always},
		{keepsake.PhasePostEvent, -s.ArchiveDays, -1},
	} {
		n := c.between(today, p.from, p.to)
		if p.phase == keepsake.PhasePlanning {
			n += c.undated
		}
		list = append(list, Demand{p.phase, n, s.Phases[p.phase]})
	}
	return list
}

// demands are the phases that ask for backups on a day.
func (s Schedule) demands(c calendar, today time.Time) []Demand {
	return slices.DeleteFunc(s.onDay(c, today), func(d Demand) bool { return !d.Asks() })
}

// Asks reports whether the phase asks for backups.
func (d Demand) Asks() bool {
	return !d.Rhythm.Never() && (d.Weddings > 0 || d.Phase == keepsake.PhasePlanning)
}

// hold puts a backup off while it is paused, in quiet hours, and for a while after one failed.
func (s Schedule) hold(n NextBackup, f ScheduleFacts, demands []Demand) NextBackup {
	until := func(at time.Time, why Hold) {
		if at.After(n.At) && at.After(f.Now) {
			n.At, n.Held = at, why
		}
	}
	if f.Failures > 0 && !f.Tried.IsZero() {
		until(f.Tried.Add(min(firstRetry<<min(f.Failures-1, 10), longestRetry)), HoldRetry)
	}
	until(f.Paused, HoldPause)
	execution := slices.ContainsFunc(demands, func(d Demand) bool { return d.Phase == keepsake.PhaseExecution })
	for range s.Quiet { // one window may end in another
		for _, w := range s.Quiet {
			if !execution {
				until(w.end(later(n.At, f.Now), s.zone()), HoldQuiet)
			}
		}
	}
	return n
}

// kind is full where none is there to build upon, or it is time for a full backup before the next one would begin.
func (s Schedule) kind(f ScheduleFacts, at time.Time, demands []Demand) keepsake.BackupType {
	if f.NewestFull.IsZero() {
		return keepsake.BackupFull
	}
	due := s.Full.Next(f.NewestFull, s.zone())
	if due.IsZero() || f.Failures >= fullsTried {
		return keepsake.BackupIncremental
	}
	at = later(at, f.Now)
	following := at
	for _, d := range demands {
		if next := d.Rhythm.Next(at, s.zone()); following.Equal(at) || next.Before(following) {
			following = later(next, at)
		}
	}
	if !due.After(at) || due.Before(following) {
		return keepsake.BackupFull
	}
	return keepsake.BackupIncremental
}

func (s Schedule) zone() *time.Location { return cmp.Or(s.Zone, time.Local) }

// date is the day of a time, as face has it.
func (s Schedule) date(t time.Time) time.Time { return face(t.In(s.zone())).Truncate(oneDay) }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Why says in words what a backup is for, such as "every 15 minutes, because 9 weddings are today or tomorrow".
func (n NextBackup) Why() string {
	if len(n.Demands) == 0 {
		return ""
	}
	var parts []string
	for _, d := range n.Demands {
		if words := d.words(); words != "" {
			parts = append(parts, words)
		}
	}
	first := n.Demands[0].Rhythm.String()
	if len(parts) == 0 {
		return first
	}
	last := len(parts) - 1
	if last == 0 {
		return first + ", because " + parts[0]
	}
	return first + ", because " + strings.Join(parts[:last], ", ") + " and " + parts[last]
}

func (d Demand) words() string {
	weddings, are := keepsake.Count(int64(d.Weddings))+" weddings", "are"
	if d.Weddings == 1 {
		weddings, are = "1 wedding", "is"
	}
	switch {
	case d.Weddings == 0:
		return ""
	case d.Phase == keepsake.PhaseExecution:
		return weddings + " " + are + " today or tomorrow"
	case d.Phase == keepsake.PhasePreparation:
		return weddings + " " + are + " within 30 days"
	case d.Phase == keepsake.PhasePostEvent:
		return weddings + " " + are + " over"
	}
	return weddings + " " + are + " being planned"
}
