package policy_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/policy"
)

func at(t interface{ Fatal(...any) }, text string) time.Time {
	when, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

func inUTC(change func(*policy.Schedule)) policy.Schedule {
	s := policy.DefaultSchedule()
	s.Zone = time.UTC
	if change != nil {
		change(&s)
	}
	return s
}

// TestTheNearestWeddingDecides how soon the next backup begins, and the backup says why.
func TestTheNearestWeddingDecides(t *testing.T) {
	t.Parallel()
	now := at(t, "2026-12-01 12:00")
	facts := func(days map[string]int, ago time.Duration) policy.ScheduleFacts {
		return policy.ScheduleFacts{Now: now, Days: days, Newest: now.Add(-ago), NewestFull: now.Add(-ago)}
	}
	quiet := inUTC(func(s *policy.Schedule) {
		s.Quiet = []policy.Window{window(t, "11:00-13:00"), window(t, "13:00-13:30")}
	})
	for name, c := range map[string]struct {
		s     policy.Schedule
		facts policy.ScheduleFacts
		at    string
		kind  keepsake.BackupType
		why   string
		held  policy.Hold
	}{
		"no recovery point yet": {inUTC(nil), policy.ScheduleFacts{Now: now}, "2026-12-01 12:00", keepsake.BackupFull,
			"daily", ""},
		"no wedding": {inUTC(nil), facts(nil, time.Hour), "2026-12-02 11:00", keepsake.BackupIncremental, "daily", ""},
		"weddings tomorrow": {inUTC(nil), facts(map[string]int{"2026-12-02": 9, "2026-12-20": 41, "2027-06-01": 5},
			time.Minute),
			"2026-12-01 12:14", keepsake.BackupIncremental, "every 15 minutes, because 9 weddings are today or tomorrow", ""},
		"a console that was away": {inUTC(nil), facts(map[string]int{"2026-12-01": 1, "2026-12-20": 41}, 5*time.Hour),
			"2026-12-01 07:15", keepsake.BackupIncremental,
			"every 15 minutes, because 1 wedding is today or tomorrow and 41 weddings are within 30 days", ""},
		"everybody's time has come": {inUTC(nil), policy.ScheduleFacts{Now: now, Days: map[string]int{"2026-12-01": 14,
			"2026-12-20": 1, "2027-06-01": 1228}}, "2026-12-01 12:00", keepsake.BackupFull,
			"every 15 minutes, because 14 weddings are today or tomorrow, 1 wedding is within 30 days and 1,228 weddings " +
				"are being planned", ""},
		"a wedding is tomorrow, tomorrow": {inUTC(nil), facts(map[string]int{"2026-12-03": 2}, 3*time.Hour),
			"2026-12-01 13:00", keepsake.BackupIncremental, "every 4 hours, because 2 weddings are within 30 days", ""},
		"and the last one lies behind midnight": {
			inUTC(func(s *policy.Schedule) { s.Phases[keepsake.PhasePreparation] = policy.Rhythm{} }),
			facts(map[string]int{"2026-12-03": 2}, 3*time.Hour),
			"2026-12-02 00:00", keepsake.BackupIncremental,
			"every 15 minutes, because 2 weddings are today or tomorrow", ""},
		"weddings that are over": {inUTC(func(s *policy.Schedule) { s.Phases[keepsake.PhasePlanning] = policy.Rhythm{} }),
			facts(map[string]int{"2026-11-20": 3}, time.Hour), "2026-12-08 11:00", keepsake.BackupFull,
			"weekly, because 3 weddings are over", ""},
		"weddings that are archived": {inUTC(func(s *policy.Schedule) { s.Phases[keepsake.PhasePlanning] = policy.Rhythm{} }),
			facts(map[string]int{"2026-05-20": 3}, time.Hour), "", "", "", ""},
		"a full one is due": {inUTC(nil), policy.ScheduleFacts{Now: now, Newest: now.Add(-time.Hour),
			NewestFull: now.AddDate(0, 0, -8)}, "2026-12-02 11:00", keepsake.BackupFull, "daily", ""},
		"the last one failed": {inUTC(nil), policy.ScheduleFacts{Now: now, Newest: now.Add(-30 * time.Hour),
			NewestFull: now.Add(-30 * time.Hour), Tried: now.Add(-time.Minute), Failures: 3}, "2026-12-01 12:03",
			keepsake.BackupIncremental, "daily", policy.HoldRetry},
		"it is tried again at once when that is long ago": {inUTC(nil), policy.ScheduleFacts{Now: now,
			Newest: now.Add(-30 * time.Hour), NewestFull: now, Tried: now.Add(-2 * time.Hour), Failures: 30},
			"2026-12-01 06:00", keepsake.BackupIncremental, "daily", ""},
		"one runs": {inUTC(nil), policy.ScheduleFacts{Now: now, Newest: now.Add(-30 * time.Hour), NewestFull: now,
			Tried: now.Add(-time.Minute)}, "2026-12-02 11:59", keepsake.BackupIncremental, "daily", ""},
		"the database's clock is ahead": {inUTC(nil), policy.ScheduleFacts{Now: now, Newest: now.Add(-30 * time.Hour),
			NewestFull: now, Tried: now.Add(2 * time.Minute), Failures: 1}, "2026-12-01 12:01",
			keepsake.BackupIncremental, "daily", policy.HoldRetry},
		"a clock was set back": {inUTC(nil), policy.ScheduleFacts{Now: now, Newest: now.Add(30 * time.Hour),
			NewestFull: now, Tried: now.Add(30 * time.Hour)}, "2026-12-01 12:00", keepsake.BackupIncremental, "daily", ""},
		"paused": {inUTC(nil), policy.ScheduleFacts{Now: now, Newest: now.Add(-30 * time.Hour), NewestFull: now,
			Paused: now.Add(time.Hour)}, "2026-12-01 13:00", keepsake.BackupIncremental, "daily", policy.HoldPause},
		"quiet hours, one behind the other": {quiet, facts(nil, 30*time.Hour), "2026-12-01 13:30",
			keepsake.BackupIncremental, "daily", policy.HoldQuiet},
		"quiet hours on a wedding's day": {quiet, facts(map[string]int{"2026-12-01": 1}, 30*time.Minute),
			"2026-12-01 11:45", keepsake.BackupIncremental, "every 15 minutes, because 1 wedding is today or tomorrow", ""},
		"fulls fail": {inUTC(nil), policy.ScheduleFacts{Now: now, Newest: now.Add(-30 * time.Hour),
			NewestFull: now.AddDate(0, 0, -8), Tried: now.Add(-time.Hour), Failures: 2}, "2026-12-01 06:00",
			keepsake.BackupIncremental, "daily", ""},
		"hours that a phase does not begin in": {
			inUTC(func(s *policy.Schedule) {
				s.Phases[keepsake.PhaseExecution] = rhythm(t, "*/15 8-22 * * *")
				s.Phases[keepsake.PhasePreparation] = policy.Rhythm{}
			}),
			facts(map[string]int{"2026-12-03": 2}, time.Hour), "2026-12-02 08:00", keepsake.BackupIncremental,
			"*/15 8-22 * * *, because 2 weddings are today or tomorrow", ""},
		"an hour that was missed over midnight": {
			inUTC(func(s *policy.Schedule) { s.Phases[keepsake.PhasePlanning] = rhythm(t, "daily at 22:00") }),
			facts(nil, 20*time.Hour), "2026-11-30 22:00", keepsake.BackupIncremental, "daily at 22:00", ""},
		"couples who have not agreed on a day": {inUTC(nil), policy.ScheduleFacts{Now: now, Days: map[string]int{"": 7,
			"2027-12-20": 1}}, "2026-12-01 12:00", keepsake.BackupFull, "daily, because 8 weddings are being planned", ""},
		"nobody wants any": {policy.Schedule{Zone: time.UTC}, facts(map[string]int{"2026-12-01": 1}, time.Hour), "", "", "",
			""},
	} {
		n := c.s.Next(c.facts)
		got := ""
		if !n.At.IsZero() {
			got = n.At.Format("2006-01-02 15:04")
		}
		if got != c.at || n.Why() != c.why || n.Held != c.held ||
			c.at != "" && n.Type != c.kind {
			t.Errorf("%s: %s, %s, %q, %q", name, got, n.Type, n.Why(), n.Held)
		}
	}
}

func window(t interface{ Fatal(...any) }, text string) policy.Window {
	w, err := policy.ParseWindow(text)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestTimesOfDayAreReadAsTheyAreWritten, over midnight too.
func TestTimesOfDayAreReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"02:00-04:00", "23:30-00:15"} {
		if got := window(t, text).String(); got != text {
			t.Errorf("%s is written %s", text, got)
		}
	}
	for _, text := range []string{"", "02:00", "2-4", "02:00-02:00", "25:00-26:00", "02:00-04:00-05:00"} {
		if w, err := policy.ParseWindow(text); err == nil {
			t.Errorf("%q is read as %s", text, w)
		}
	}
}

// TestASimulationSaysWhatWouldRun in a month with a wedding.
func TestASimulationSaysWhatWouldRun(t *testing.T) {
	t.Parallel()
	now := at(t, "2026-11-01 00:00")
	f := policy.ScheduleFacts{Now: now, Days: map[string]int{"2026-11-20": 1}, Newest: now, NewestFull: now}
	runs := inUTC(nil).Simulate(f, at(t, "2026-12-01 00:00"), 10_000)
	days := map[string]int{}
	full := 0
	for _, r := range runs {
		days[r.At.Format(time.DateOnly)]++
		if r.Type == keepsake.BackupFull {
			full++
		}
	}
	if days["2026-11-05"] != 6 || days["2026-11-19"] != 96 || days["2026-11-20"] != 96 || days["2026-11-25"] != 1 ||
		full != 4 {
		t.Errorf("%v, %d full", days, full)
	}
	if few := inUTC(nil).Simulate(f, at(t, "2026-12-01 00:00"), 7); len(few) != 7 {
		t.Errorf("%d runs instead of 7", len(few))
	}
}

// TestAPhaseThatAsksForNothingHasItsWeddingsAllTheSame.
func TestAPhaseThatAsksForNothingHasItsWeddingsAllTheSame(t *testing.T) {
	t.Parallel()
	s := inUTC(func(s *policy.Schedule) { s.Phases[keepsake.PhasePostEvent] = policy.Rhythm{} })
	list := s.OnDay(map[string]int{"2026-11-30": 3, "2026-12-01": 2}, at(t, "2026-12-01 12:00"))
	var got []string
	for _, d := range list {
		got = append(got, fmt.Sprint(d.Phase, " ", d.Weddings, " ", d.Rhythm, " ", d.Asks()))
	}
	if want := "[execution 2 every 15 minutes true preparation 0 every 4 hours false planning 0 daily true " +
		"post_event 3 never false]"; fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
}

// TestAWeeklyFullBackupComesEveryWeek, although each recovery point is taken some seconds after its time.
func TestAWeeklyFullBackupComesEveryWeek(t *testing.T) {
	t.Parallel()
	every := make([]int, 31)
	for i := range every {
		every[i] = i + 1
	}
	for words, want := range map[string]string{"weekly": "[1 8 15 22 29]", "daily": fmt.Sprint(every),
		"daily at 01:00": fmt.Sprint(every)} {
		s := inUTC(func(s *policy.Schedule) {
			s.Phases[keepsake.PhasePlanning], s.Full = rhythm(t, "daily at 02:30"), rhythm(t, words)
		})
		f := policy.ScheduleFacts{Now: at(t, "2026-12-01 02:30")}
		var days []int
		for f.Now.Month() == time.December {
			n := s.Next(f)
			f.Now = n.At.Add(time.Second) // a worker begins it
			if f.Now.Month() != time.December {
				break
			}
			f.Newest = f.Now.Add(time.Duration(5+f.Now.Day()%3) * time.Second) // and its snapshot is taken
			if n.Type == keepsake.BackupFull {
				f.NewestFull, days = f.Newest, append(days, f.Now.Day())
			}
			f.Now = f.Newest
		}
		if got := fmt.Sprint(days); got != want {
			t.Errorf("%s: full ones on %s, want %s", words, got, want)
		}
	}
}

// TestLookingFarAheadCostsLittle: a schedule that asks for nothing soon is asked every two seconds.
func TestLookingFarAheadCostsLittle(t *testing.T) {
	t.Parallel()
	days := map[string]int{}
	for i := range 4000 {
		days[at(t, "2026-12-01 00:00").AddDate(0, 0, -i-200).Format(time.DateOnly)] = 3
	}
	f := policy.ScheduleFacts{Now: at(t, "2028-03-01 12:00"), Days: days, Newest: at(t, "2028-03-01 11:00"),
		NewestFull: at(t, "2028-03-01 11:00")}
	for words, want := range map[string]string{"never": "0001-01-01", "0 3 29 2 *": "2032-02-29"} {
		s := inUTC(func(s *policy.Schedule) { s.Phases[keepsake.PhasePlanning] = rhythm(t, words) })
		began := time.Now()
		if n := s.Next(f); n.At.Format(time.DateOnly) != want {
			t.Errorf("%s: %s, want %s", words, n.At, want)
		}
		if took := time.Since(began); took > time.Second { // some milliseconds, without the race detector
			t.Errorf("%s took %s", words, took)
		}
	}
}

// TestTheNextBackupIsTheFirstMinuteThatIsDue draws weddings and looks at every minute after the last backup: the next
// one begins at the first at which some phase of that day has waited for its rhythm.
func TestTheNextBackupIsTheFirstMinuteThatIsDue(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rhythms := []string{"never", "every 15 minutes", "every 4 hours", "daily", "every 3 days"}
		s := inUTC(func(s *policy.Schedule) {
			for phase := range s.Phases {
				s.Phases[phase] = rhythm(t, rapid.SampledFrom(rhythms).Draw(t, string(phase)))
			}
			s.ArchiveDays = rapid.IntRange(0, 5).Draw(t, "archive days")
		})
		now := at(t, "2026-12-01 00:00").Add(time.Duration(rapid.IntRange(0, 1439).Draw(t, "minute")) * time.Minute)
		days := map[string]int{}
		for _, d := range rapid.SliceOfN(rapid.IntRange(-8, 40), 0, 4).Draw(t, "weddings") {
			days[now.AddDate(0, 0, d).Format(time.DateOnly)]++
		}
		last := now.Add(-time.Duration(rapid.IntRange(1, 3000).Draw(t, "minutes ago")) * time.Minute)
		next := s.Next(policy.ScheduleFacts{Now: now, Days: days, Newest: last, NewestFull: last})
		today := now.Truncate(24 * time.Hour)
		for m := last.Add(time.Minute); m.Before(now.AddDate(0, 0, 45)); m = m.Add(time.Minute) {
			if !slices.ContainsFunc(s.OnDay(days, m), func(d policy.Demand) bool {
				return d.Asks() && !d.Rhythm.Next(last, time.UTC).After(m)
			}) {
				continue
			}
			if !m.Before(today) && !next.At.Equal(m) { // what was missed on another day is due for the phases of today
				t.Fatalf("the next begins at %s, and the first that is due is %s: %v after %s", next.At, m, days, last)
			}
			return
		}
		if !next.At.IsZero() && next.At.Before(now.AddDate(0, 0, 44)) {
			t.Fatalf("the next begins at %s, and none is due", next.At)
		}
	})
}

// kept is what the console database keeps of a schedule.
type kept struct {
	tried            time.Time
	failures, number int
}

// TestAScheduleOfYearsIsKept by two processes that look again and again, while backups fail, processes stop, and the
// clock jumps: of two that see the same one begins it, none is begun twice, none is left out for longer than its rhythm
// and what failures and pauses take, and however the clock jumps there is no more than one backup for each jump too
// many.
func TestAScheduleOfYearsIsKept(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := inUTC(func(s *policy.Schedule) {
			s.Zone = zone(t, rapid.SampledFrom([]string{"UTC", "Europe/Berlin", "America/New_York",
				"Australia/Lord_Howe"}).Draw(t, "zone"))
			s.Phases[keepsake.PhasePlanning] = rhythm(t, rapid.SampledFrom([]string{"daily", "daily at 02:30",
				"every 6 hours", "0 4 * * *"}).Draw(t, "planning"))
		})
		longest, shortest := 26*time.Hour, 6*time.Hour
		// clock is what the processes' clock shows; actual is true time.
		actual := time.Unix(rapid.Int64Range(1.6e9, 1.9e9).Draw(t, "from"), 0)
		var shift time.Duration
		row := kept{}
		var newest, newestFull, lastBegun time.Time // by the clock, by the clock, true
		quiet := actual                             // since when nothing has kept it from being begun
		begun, jumps, failed := 0, 0, 0
		start := actual
		look := time.Minute
		for _, what := range rapid.SliceOfN(rapid.IntRange(0, 11), 100, 300).Draw(t, "what happens") {
			switch what {
			case 0:
				shift += time.Duration(rapid.Int64Range(-400*86400, 400*86400).Draw(t, "the clock jumps by")) * time.Second
				jumps++
				quiet = actual
			case 1: // nobody looks for a while
				actual = actual.Add(time.Duration(rapid.IntRange(1, 5*86400).Draw(t, "away for")) * time.Second)
				quiet = actual
			default:
				actual = actual.Add(time.Duration(rapid.IntRange(1, 4*3600).Draw(t, "seconds pass")) * time.Second)
				look = max(look, 4*time.Hour+time.Second)
			}
			clock := actual.Add(shift)
			facts := policy.ScheduleFacts{Now: clock, Tried: row.tried, Failures: row.failures}
			if !newest.After(clock) {
				facts.Newest = newest
			}
			if !newestFull.After(clock) {
				facts.NewestFull = newestFull
			}
			first, second := s.Next(facts), s.Next(facts) // two processes
			if first.At != second.At || first.Type != second.Type {
				t.Fatalf("two processes see %+v and %+v", first, second)
			}
			if first.At.IsZero() || first.At.After(clock) {
				if overdue := actual.Sub(maxTime(lastBegun, quiet)); overdue > longest+look+time.Hour {
					t.Fatalf("none was begun for %s: next is %s at %s", overdue, first.At, clock)
				}
				continue
			}
			seen := row.number
			for range 2 { // both claim it by the number that they have read
				if row.number != seen {
					continue
				}
				row.number, row.tried = row.number+1, clock
				begun++
				if !lastBegun.IsZero() && jumps == 0 && row.failures == 0 && actual.Sub(lastBegun) < shortest-time.Hour &&
					s.Phases[keepsake.PhasePlanning].String() == "every 6 hours" {
					t.Fatalf("begun again after %s", actual.Sub(lastBegun))
				}
				lastBegun = actual
				if rapid.IntRange(0, 4).Draw(t, "fails") == 0 {
					row.failures++
					failed++
				} else {
					row.failures, newest = 0, clock
					if first.Type == keepsake.BackupFull {
						newestFull = clock
					}
				}
			}
		}
		if most := int(actual.Sub(start)/shortest) + 2*jumps + 2*failed + 2; begun > most {
			t.Fatalf("%d were begun in %s with %d jumps and %d failures", begun, actual.Sub(start), jumps, failed)
		}
	})
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
