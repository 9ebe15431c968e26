package policy_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/policy"
)

// promise is what a rule that counts promises of the points that it thins again and again: of each of the newest hours,
// days and so on in which a point was ever made that held everything and was not suspect, one such point is left.
type promise struct {
	name string
	most int
	of   func(time.Time) string
	// released is the newest point of an hour or a day that was once too old by the clock: it and what is older may be
	// gone.
	released time.Time
}

func promisesOf(r policy.Retention) []*promise {
	as := func(layout string) func(time.Time) string {
		return func(t time.Time) string { return t.In(r.Zone).Format(layout) }
	}
	return []*promise{
		{name: "last", most: r.Last, of: as(time.RFC3339Nano)},
		{name: "hourly", most: r.Hourly, of: as("2006-01-02 15 -0700")},
		{name: "daily", most: r.Daily, of: as(time.DateOnly)},
		{name: "weekly", most: r.Weekly, of: func(t time.Time) string {
			year, week := t.In(r.Zone).ISOWeek()
			return fmt.Sprint(year, " ", week)
		}},
		{name: "monthly", most: r.Monthly, of: as("2006-01")},
		{name: "yearly", most: r.Yearly, of: as("2006")},
	}
}

// madePoint is a point that was made, with the names of its hour, day and so on, in the order of promises.
type madePoint struct {
	point policy.HeldPoint
	of    []string
}

// years is a platform whose points are thinned as they are made.
type years struct {
	rules    policy.Retention
	promises []*promise
	made     []madePoint // that hold everything and are not suspect, the newest first
	held     []policy.HeldPoint
	number   int
}

func newYears(r policy.Retention) *years { return &years{rules: r, promises: promisesOf(r)} }

func (y *years) add(p policy.HeldPoint) {
	y.number++
	p.ID = fmt.Sprintf("p%06d", y.number)
	y.held = append(y.held, p)
	if !p.Whole() || p.Suspect != "" {
		return
	}
	m := madePoint{point: p}
	for _, promise := range y.promises {
		m.of = append(m.of, promise.of(p.Time))
	}
	at, _ := slices.BinarySearchFunc(y.made, m, func(a, b madePoint) int {
		return b.point.Time.Compare(a.point.Time)
	})
	y.made = slices.Insert(y.made, at, m)
}

// thin removes what may go.
func (y *years) thin(now time.Time) policy.RetentionPlan {
	plan := y.rules.Plan(policy.RetentionFacts{Points: y.held}, now)
	if gone := plan.Removals(all); len(gone) > 0 {
		y.held = y.held[:0]
		for _, v := range plan.Verdicts {
			if v.Keep {
				y.held = append(y.held, v.Point)
			}
		}
	}
	return plan
}

// check looks for what was promised, after points were thinned.
func (y *years) check(t interface{ Fatalf(string, ...any) }, now time.Time) {
	left := map[string]bool{} // the hours, days and so on of points that are left
	for _, p := range y.held {
		if p.Whole() && p.Suspect == "" {
			for _, promise := range y.promises {
				left[promise.name+promise.of(p.Time)] = true
			}
		}
	}
	for i, promise := range y.promises {
		promise.check(t, y.made, i, left, now)
	}
}

func (p *promise) check(t interface{ Fatalf(string, ...any) }, made []madePoint, i int, left map[string]bool,
	now time.Time) {
	seen := map[string]bool{}
	for _, m := range made {
		of := m.of[i]
		if m.point.Time.After(now) || seen[of] {
			continue
		}
		if len(seen) >= p.most { // it is too old, and so are the others
			if m.point.Time.After(p.released) {
				p.released = m.point.Time
			}
			return
		}
		seen[of] = true
		if !left[p.name+of] && m.point.Time.After(p.released) {
			t.Fatalf("%s: nothing is left of %q, number %d of %d, at %s", p.name, of, len(seen), p.most, now)
		}
	}
}

// TestThinningForYearsKeepsWhatTheRulesPromise: points are made as often as weddings need, and thinned as they are
// made, while the clock jumps. A day must have its point when its hours lapse, and a week when its days do.
func TestThinningForYearsKeepsWhatTheRulesPromise(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := drawRetention(t)
		y := newYears(r)
		luck := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "luck"), 1))
		clock := time.Unix(rapid.Int64Range(1.6e9, 1.9e9).Draw(t, "from"), 0)
		each := rapid.SampledFrom([]int{1, 5, 24, 96}).Draw(t, "points between two looks")
		for _, what := range rapid.SliceOfN(rapid.IntRange(0, 7), 5, 25).Draw(t, "what happens") {
			every, points := time.Duration(0), 0
			switch what {
			case 0: // somebody sets the clock
				jump := rapid.SampledFrom([]int{2, 30, 400}).Draw(t, "at most days")
				clock = clock.Add(time.Duration(luck.IntN(2*jump*1440)-jump*1440) * time.Minute)
			case 1: // the console is away
				clock = clock.AddDate(0, 0, luck.IntN(90))
			case 2, 3: // a wedding
				every, points = 15*time.Minute, 40
			case 4, 5: // one within a month
				every, points = 4*time.Hour, 30
			case 6:
				every, points = 24*time.Hour, 40
			case 7:
				for i := range y.held { // somebody repairs copies
					y.held[i].Protected = true
				}
			}
			for range points {
				clock = clock.Add(every + time.Duration(luck.IntN(20))*time.Second)
				p := policy.HeldPoint{Time: clock, Type: keepsake.BackupIncremental, Protected: luck.IntN(4) > 0}
				switch luck.IntN(20) {
				case 0:
					p.Type = keepsake.BackupCritical
				case 1:
					p.Type, p.Proven = keepsake.BackupFull, true
				case 2:
					p.Suspect = "Every table is empty."
				}
				if y.add(p); y.number%each == 0 {
					y.thin(clock)
					y.check(t, clock)
				}
			}
			y.thin(clock)
			y.check(t, clock)
		}
	})
}

// TestTheDefaultRulesOverYears: weddings of two summers, and the winters between. What stays is bounded, each of the
// last 30 days, 12 weeks and 24 months has its point, and a look every 4 hours never needs a person.
func TestTheDefaultRulesOverYears(t *testing.T) {
	t.Parallel()
	r := policy.DefaultRetention()
	r.Zone = zone(t, "Europe/Berlin")
	y := newYears(r)
	clock := time.Date(2026, 1, 1, 0, 0, 0, 0, r.Zone)
	looked, most := clock, 0
	for clock.Year() < 2028 {
		every := 4 * time.Hour
		if wedding := clock.Month() > 3 && clock.Month() < 11; wedding && clock.Weekday() >= time.Friday {
			every = 15 * time.Minute
		}
		clock = clock.Add(every)
		y.add(policy.HeldPoint{Time: clock, Type: keepsake.BackupIncremental, Protected: true})
		if clock.Sub(looked) < 4*time.Hour {
			continue
		}
		looked = clock
		if plan := y.thin(clock); plan.Held != "" || plan.Large != "" {
			t.Fatalf("%s: %q, %q", clock, plan.Held, plan.Large)
		}
		if clock.Weekday() == time.Monday && clock.Hour() < 4 {
			y.check(t, clock)
		}
		most = max(most, len(y.held))
	}
	if sum := 48*4 + 4 + r.Last + r.Hourly + r.Daily + r.Weekly + r.Monthly + r.Yearly; most > sum {
		t.Errorf("%d of %d points stayed, at most %d may", most, y.number, sum)
	}
	t.Logf("%d points were made; %d stayed at most, and %d stay", y.number, most, len(y.held))
}
