package policy

import (
	"cmp"
	"fmt"
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

// Window is a time of day, From included and To not, which may lie on the next day. Both are since midnight.
type Window struct{ From, To time.Duration }

// ParseWindow reads "02:00-04:00".
func ParseWindow(text string) (w Window, err error) {
	from, to, found := strings.Cut(text, "-")
	if found {
		w.From, err = timeOfDay(from)
		if err == nil {
			w.To, err = timeOfDay(to)
		}
	}
	if !found || err != nil || w.From == w.To {
		return Window{}, fmt.Errorf(`%q is no time of day: write it like "02:00-04:00"`, text)
	}
	return w, nil
}

func timeOfDay(text string) (time.Duration, error) {
	t, err := time.Parse("15:04", strings.TrimSpace(text))
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, err
}

// String returns what ParseWindow reads.
func (w Window) String() string {
	at := func(d time.Duration) string { return fmt.Sprintf("%02d:%02d", d/time.Hour, d%time.Hour/time.Minute) }
	return at(w.From) + "-" + at(w.To)
}

// end returns when the window ends that a time lies in, the same time where it lies in none.
func (w Window) end(t time.Time, zone *time.Location) time.Time {
	wall := face(t.In(zone))
	midnight := wall.Truncate(oneDay)
	for _, day := range []time.Time{midnight.Add(-oneDay), midnight} {
		to := day.Add(w.To)
		if w.To <= w.From {
			to = to.Add(oneDay)
		}
		if !wall.Before(day.Add(w.From)) && wall.Before(to) {
			// Where a clock is set back within the window, its end comes once.
			return later(t, shows(to, zone))
		}
	}
	return t
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

// Demand is one phase of weddings that has a rhythm.
type Demand struct {
	Phase    keepsake.Phase
	Weddings int // in it; of the phase of planning 0 as well
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
	// mostDays bounds how far ahead a next backup is looked for: more than the longest rhythm.
	mostDays = 2 * 366
)

// Next returns when the next backup begins, and why. A time that is past says that it is due. It takes time for each
// day in f.Days.
func (s Schedule) Next(f ScheduleFacts) NextBackup {
	return s.next(f, func(date time.Time) []Demand { return s.demands(f.Days, date) })
}

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

func (s Schedule) next(f ScheduleFacts, demandsOn func(date time.Time) []Demand) NextBackup {
	f = f.past()
	last := f.Newest
	if f.Failures == 0 {
		last = later(last, f.Tried) // it was done, or it runs
	}
	today := s.date(f.Now)
	for day := range mostDays {
		date := today.AddDate(0, 0, day)
		from, until := shows(date, s.zone()), shows(date.AddDate(0, 0, 1), s.zone())
		demands := demandsOn(date)
		times := make([]time.Time, len(demands))
		at := time.Time{}
		for i, d := range demands {
			times[i] = f.Now // there is none yet
			if !last.IsZero() {
				times[i] = d.Rhythm.Next(last, s.zone())
			}
			if day > 0 && !times[i].IsZero() && times[i].Before(from) {
				times[i] = from // there is such a wedding since then
			}
			if !times[i].IsZero() && times[i].Before(until) && (at.IsZero() || times[i].Before(at)) {
				at = times[i]
			}
		}
		if at.IsZero() {
			continue
		}
		n := s.hold(NextBackup{At: at}, f, demands)
		for i, d := range demands { // what it serves, too
			if !times[i].IsZero() && !times[i].After(later(n.At, f.Now)) {
				n.Demands = append(n.Demands, d)
			}
		}
		n.Type = s.kind(f, n.At)
		return n
	}
	return NextBackup{}
}

// Simulate returns the backups that would begin until then, at most so many, as if each were done at once.
func (s Schedule) Simulate(f ScheduleFacts, until time.Time, most int) (list []NextBackup) {
	known := map[time.Time][]Demand{}
	demandsOn := func(date time.Time) []Demand {
		demands, found := known[date]
		if !found {
			demands = s.demands(f.Days, date)
			known[date] = demands
		}
		return demands
	}
	for len(list) < most {
		n := s.next(f, demandsOn)
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

// Demands are the phases that ask for backups on the day of a time, the most urgent first.
func (s Schedule) Demands(days map[string]int, at time.Time) []Demand {
	return s.demands(days, s.date(at))
}

func (s Schedule) demands(days map[string]int, today time.Time) (list []Demand) {
	count := map[keepsake.Phase]int{}
	for date, n := range days {
		on, err := time.Parse(time.DateOnly, date)
		if err != nil {
			continue
		}
		if before := int(on.Sub(today) / oneDay); before >= -s.ArchiveDays {
			count[keepsake.PhaseOf(before)] += n
		}
	}
	for _, phase := range []keepsake.Phase{keepsake.PhaseExecution, keepsake.PhasePreparation, keepsake.PhasePlanning,
		keepsake.PhasePostEvent} {
		r := s.Phases[phase]
		if n := count[phase]; !r.Never() && (n > 0 || phase == keepsake.PhasePlanning) {
			list = append(list, Demand{phase, n, r})
		}
	}
	return list
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

// kind is full where it is time for a full backup, or none is there to build upon.
func (s Schedule) kind(f ScheduleFacts, at time.Time) keepsake.BackupType {
	if f.NewestFull.IsZero() {
		return keepsake.BackupFull
	}
	due := s.Full.Next(f.NewestFull, s.zone())
	if !due.IsZero() && !due.After(later(at, f.Now)) {
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
