package policy_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/policy"
)

// point is a sound, protected one of a time like "2026-12-01 12:00", which is its ID, too.
func point(t interface{ Fatal(...any) }, when string, change func(*policy.HeldPoint)) policy.HeldPoint {
	p := policy.HeldPoint{ID: when, Time: at(t, when), Type: keepsake.BackupIncremental, Protected: true}
	if change != nil {
		change(&p)
	}
	return p
}

// judged returns the points that the rules keep and those that they do not, each with its reasons.
func judged(p policy.RetentionPlan) (kept, gone map[string]string) {
	kept, gone = map[string]string{}, map[string]string{}
	for _, v := range p.Verdicts {
		if v.Keep {
			kept[v.Point.ID] = strings.Join(v.Why, " | ")
		} else {
			gone[v.Point.ID] = strings.Join(v.Why, " | ")
		}
	}
	return kept, gone
}

// TestEveryVerdictSaysWhy, in words that somebody who looks for a point understands.
func TestEveryVerdictSaysWhy(t *testing.T) {
	t.Parallel()
	suspect := func(p *policy.HeldPoint) { p.Suspect = "Every table is empty." }
	unprotected := func(p *policy.HeldPoint) { p.Protected = false }
	critical := func(p *policy.HeldPoint) { p.Type = keepsake.BackupCritical }
	only := func(wedding string) func(*policy.HeldPoint) {
		return func(p *policy.HeldPoint) {
			p.Type, p.Weddings = keepsake.BackupWedding, []keepsake.WeddingMark{{WeddingID: wedding}}
		}
	}
	made := func(milestone, date string) func(*policy.HeldPoint) {
		return func(p *policy.HeldPoint) {
			p.Weddings = []keepsake.WeddingMark{{WeddingID: "7", Phase: keepsake.PhasePlanning},
				{WeddingID: "8", Date: date, Milestone: milestone}}
		}
	}
	r := policy.Retention{Zone: time.UTC, MilestoneDays: 365}
	for name, c := range map[string]struct {
		rules  func(*policy.Retention)
		points []policy.HeldPoint
		id     string
		keep   bool
		says   string
	}{
		"daily": {func(r *policy.Retention) { r.Daily = 9 }, []policy.HeldPoint{point(t, "2026-12-01 09:00", nil)},
			"2026-12-01 09:00", true, "the last of Tuesday, 1 December 2026"},
		"a newer one of the day": {func(r *policy.Retention) { r.Daily = 9 },
			[]policy.HeldPoint{point(t, "2026-12-01 09:00", nil), point(t, "2026-12-01 10:00", nil)},
			"2026-12-01 09:00", false, "a newer point of that day stays"},
		"a newer one that is suspect": {func(r *policy.Retention) { r.Daily = 9 },
			[]policy.HeldPoint{point(t, "2026-12-01 09:00", nil), point(t, "2026-12-01 10:00", suspect)},
			"2026-12-01 09:00", true, "the best of Tuesday, 1 December 2026"},
		"a suspect one": {func(r *policy.Retention) { r.Daily = 9 },
			[]policy.HeldPoint{point(t, "2026-12-01 09:00", nil), point(t, "2026-12-01 10:00", suspect)},
			"2026-12-01 10:00", false, "a better point of that day stays"},
		"a suspect one alone": {func(r *policy.Retention) { r.Daily = 9 },
			[]policy.HeldPoint{point(t, "2026-12-01 10:00", suspect)},
			"2026-12-01 10:00", true, "the last of Tuesday, 1 December 2026"},
		"a suspect one of another day": {func(r *policy.Retention) { r.Daily = 2 },
			[]policy.HeldPoint{point(t, "2026-12-01 10:00", suspect), point(t, "2026-12-02 10:00", nil)},
			"2026-12-01 10:00", false, "no rule reaches back that far"},
		"for another wedding": {func(r *policy.Retention) { r.Yearly = 1 },
			[]policy.HeldPoint{point(t, "2026-12-01 09:20", only("7")), point(t, "2026-12-01 09:30", only("8"))},
			"2026-12-01 09:20", true, "the last of 2026, among those of wedding 7"},
		"for the same wedding": {func(r *policy.Retention) { r.Yearly = 1 },
			[]policy.HeldPoint{point(t, "2026-12-01 09:20", only("7")), point(t, "2026-12-01 09:30", only("7"))},
			"2026-12-01 09:20", false, "a newer point of that year stays"},
		"a newer one that is not protected": {func(r *policy.Retention) { r.Daily = 9 },
			[]policy.HeldPoint{point(t, "2026-12-01 09:00", nil), point(t, "2026-12-01 10:00", unprotected)},
			"2026-12-01 09:00", true, "the best of Tuesday, 1 December 2026"},
		"a suspect one that is protected": {func(r *policy.Retention) { r.Daily = 9 },
			[]policy.HeldPoint{point(t, "2026-12-01 09:00", unprotected), point(t, "2026-12-01 10:00", suspect)},
			"2026-12-01 10:00", false, "a better point of that day stays"},
		"hourly": {func(r *policy.Retention) { r.Hourly = 1 }, []policy.HeldPoint{point(t, "2026-12-01 09:20", nil)},
			"2026-12-01 09:20", true, "the last of the hour from 09:00 on Tuesday, 1 December 2026"},
		"weekly": {func(r *policy.Retention) { r.Weekly = 1 }, []policy.HeldPoint{point(t, "2026-12-06 23:59", nil)},
			"2026-12-06 23:59", true, "the last of the week from Monday, 30 November 2026"},
		"monthly": {func(r *policy.Retention) { r.Monthly = 1 }, []policy.HeldPoint{point(t, "2026-12-01 09:20", nil)},
			"2026-12-01 09:20", true, "the last of December 2026"},
		"yearly, of the critical tier": {func(r *policy.Retention) { r.Yearly = 1 },
			[]policy.HeldPoint{point(t, "2026-12-01 09:20", critical)},
			"2026-12-01 09:20", true, "the last of 2026, among those of the critical tier alone"},
		"a critical one after it": {func(r *policy.Retention) { r.Yearly = 1 },
			[]policy.HeldPoint{point(t, "2026-12-01 09:20", nil), point(t, "2026-12-01 09:30", critical)},
			"2026-12-01 09:20", true, "the last of 2026"},
		"last": {func(r *policy.Retention) { r.Last = 3 }, []policy.HeldPoint{point(t, "2026-12-01 09:20", nil)},
			"2026-12-01 09:20", true, "one of the 3 newest"},
		"last, after suspect ones": {func(r *policy.Retention) { r.Last = 1 },
			[]policy.HeldPoint{point(t, "2026-12-01 09:20", nil), point(t, "2026-12-01 09:30", suspect)},
			"2026-12-01 09:20", true, "the newest, not counting suspect ones"},
		"out of reach": {func(r *policy.Retention) { r.Daily = 1 },
			[]policy.HeldPoint{point(t, "2026-12-01 09:20", nil), point(t, "2026-12-02 09:30", nil)},
			"2026-12-01 09:20", false, "no rule reaches back that far"},
		"young": {func(r *policy.Retention) { r.Within = 48 * time.Hour },
			[]policy.HeldPoint{point(t, "2027-01-30 12:01", nil)}, "2027-01-30 12:01", true, "younger than 48 hours"},
		"not as young": {func(r *policy.Retention) { r.Within = 48 * time.Hour },
			[]policy.HeldPoint{point(t, "2027-01-30 12:00", nil)}, "2027-01-30 12:00", false, "no rule reaches"},
		"locked": {func(r *policy.Retention) { r.Daily = 1 }, []policy.HeldPoint{point(t, "2020-12-01 09:20",
			func(p *policy.HeldPoint) { p.Locked, p.LockWhy = true, "the court asked for it" })},
			"2020-12-01 09:20", true, "locked: the court asked for it"},
		"unread": {func(r *policy.Retention) { r.Daily = 1 }, []policy.HeldPoint{point(t, "2020-12-01 09:20",
			func(p *policy.HeldPoint) { p.Type, p.Unread = "", "Its manifest does not open." })},
			"2020-12-01 09:20", true, "it could not be read: Its manifest does not open."},
		"of another type": {func(r *policy.Retention) { r.Daily = 1 }, []policy.HeldPoint{point(t, "2020-12-01 09:20",
			func(p *policy.HeldPoint) { p.Type = "differential" })},
			"2020-12-01 09:20", true, "nobody can say what it holds"},
		"listed twice": {func(r *policy.Retention) { r.Daily = 1 },
			[]policy.HeldPoint{point(t, "2020-12-01 09:20", nil), point(t, "2020-12-01 09:20", nil)},
			"2020-12-01 09:20", true, "the list has it twice"},
		"without a time": {func(r *policy.Retention) { r.Daily = 1 }, []policy.HeldPoint{{ID: "a",
			Type: keepsake.BackupFull}}, "a", true, "nobody can say when it was taken"},
		"ahead": {func(r *policy.Retention) { r.Daily = 1 }, []policy.HeldPoint{point(t, "2031-12-01 09:20", nil)},
			"2031-12-01 09:20", true, "its time is yet to come, so a clock was wrong"},
		"the day before a wedding": {func(r *policy.Retention) { r.Daily = 1 },
			[]policy.HeldPoint{point(t, "2026-12-04 09:20", made(keepsake.MilestoneDayBefore, "2026-12-05"))},
			"2026-12-04 09:20", true,
			"made for the day before a wedding on 5 December 2026, and stays until 5 December 2027"},
		"another milestone": {func(r *policy.Retention) { r.Daily, r.MilestoneDays = 1, 58 },
			[]policy.HeldPoint{point(t, "2026-12-04 09:20", made("final_payment", "2026-12-05"))}, "2026-12-04 09:20", true,
			`made for the milestone "final payment" of a wedding on 5 December 2026, and stays until 1 February 2027`},
		"a milestone that is over": {func(r *policy.Retention) { r.Daily, r.MilestoneDays = 1, 57 },
			[]policy.HeldPoint{point(t, "2026-12-04 09:20", made("final_payment", "2026-12-05"))}, "2026-12-04 09:20", false,
			"no rule reaches back that far"},
		"a milestone of no known day": {func(r *policy.Retention) { r.Daily = 1 },
			[]policy.HeldPoint{point(t, "2006-12-04 09:20", made("final_payment", ""))}, "2006-12-04 09:20", true,
			`made for the milestone "final payment" of a wedding whose day nobody can say`},
		"a day that is none": {func(r *policy.Retention) { r.Daily = 1 },
			[]policy.HeldPoint{point(t, "2006-12-04 09:20", made("final_payment", "2006-02-30"))}, "2006-12-04 09:20", true,
			`made for the milestone "final payment" of a wedding whose day nobody can say`},
		"a phase is no milestone": {func(r *policy.Retention) { r.Daily = 1 },
			[]policy.HeldPoint{point(t, "2006-12-04 09:20", made("", ""))}, "2006-12-04 09:20", false, "no rule reaches"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := r
			c.rules(&r)
			var newer []policy.HeldPoint
			for i := range 2 { // the two newest never go
				if !c.keep {
					newer = append(newer, point(t, fmt.Sprintf("2027-02-01 11:0%d", i), nil))
				}
			}
			kept, gone := judged(r.Plan(policy.RetentionFacts{Points: append(newer, c.points...)},
				at(t, "2027-02-01 12:00")))
			why, found := kept[c.id]
			if !c.keep {
				why, found = gone[c.id]
			}
			if !found || !strings.Contains(why, c.says) {
				t.Errorf("%s: kept %q, gone %q, want %q", c.id, kept, gone, c.says)
			}
		})
	}
}

// TestNothingGoesWhileSomethingIsWrong: the plan says why, and still says what the rules would let go.
func TestNothingGoesWhileSomethingIsWrong(t *testing.T) {
	t.Parallel()
	suspect := func(p *policy.HeldPoint) { p.Suspect = "Every table is empty." }
	for name, c := range map[string]struct {
		rules   policy.Retention
		failing string
		newest  []policy.HeldPoint
		held    string
		would   int
	}{
		"nothing": {policy.Retention{Daily: 1}, "", nil, "", 2},
		"backups fail": {policy.Retention{Daily: 1}, "the last 3 backups failed", nil,
			"Nothing goes now: the last 3 backups failed.", 2},
		"nothing would go": {policy.Retention{Daily: 9}, "the last 3 backups failed", nil,
			"Nothing goes now: the last 3 backups failed.", 0}, // nor what backups left over
		"nothing would go, and the newest is suspect": {policy.Retention{Daily: 9}, "",
			[]policy.HeldPoint{point(t, "2026-12-05 08:00", suspect)}, "", 0},
		"no rule at all": {policy.Retention{}, "", nil, "No rule keeps anything, so everything stays.", 0},
		"nor with a failure": {policy.Retention{MilestoneDays: 5, Last: -1}, "x", nil,
			"No rule keeps anything, so everything stays.", 0},
		"the newest is suspect": {policy.Retention{Daily: 1}, "", []policy.HeldPoint{point(t, "2026-12-05 08:00", suspect)},
			"Nothing goes now: the newest recovery point, 2026-12-05 08:00, is suspect. Every table is empty.", 2},
		"the newest of everything is": {policy.Retention{Daily: 1}, "", []policy.HeldPoint{
			point(t, "2026-12-05 08:00", suspect),
			point(t, "2026-12-05 09:00", func(p *policy.HeldPoint) { p.Type = keepsake.BackupCritical })},
			"Nothing goes now: the newest recovery point, 2026-12-05 08:00, is suspect. Every table is empty.", 2},
		"the newest critical one is": {policy.Retention{Daily: 1}, "", []policy.HeldPoint{point(t, "2026-12-05 08:00",
			func(p *policy.HeldPoint) { p.Type, p.Suspect = keepsake.BackupCritical, "Every table is empty." })},
			"Nothing goes now: the newest recovery point, 2026-12-05 08:00, is suspect. Every table is empty.", 2},
		"one of a clock that was ahead is": {policy.Retention{Daily: 1}, "", []policy.HeldPoint{
			point(t, "2028-12-05 08:00", suspect)},
			"Nothing goes now: the newest recovery point, 2028-12-05 08:00, is suspect. Every table is empty.", 2},
		"one before one of a clock that was ahead is": {policy.Retention{Daily: 1}, "", []policy.HeldPoint{
			point(t, "2026-12-05 08:00", suspect), point(t, "2028-12-05 08:00", nil)},
			"Nothing goes now: the newest recovery point, 2026-12-05 08:00, is suspect. Every table is empty.", 2},
		"an older one is suspect": {policy.Retention{Daily: 1}, "", []policy.HeldPoint{point(t, "2026-12-05 08:00", suspect),
			point(t, "2026-12-05 09:00", nil)}, "", 2},
		"the newest cannot be read": {policy.Retention{Daily: 1}, "", []policy.HeldPoint{point(t, "2026-12-05 08:00",
			func(p *policy.HeldPoint) { p.Unread = "its manifest does not open" })}, "Nothing goes now: the newest recovery " +
			"point, 2026-12-05 08:00, could not be read, and may be suspect. Its manifest does not open.", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.rules.Zone, c.rules.MostShare, c.rules.MostCount = time.UTC, 100, 100
			f := policy.RetentionFacts{Failing: c.failing, Points: c.newest}
			for day := 1; day <= 4; day++ {
				f.Points = append(f.Points, point(t, fmt.Sprintf("2026-12-0%d 12:00", day), nil))
			}
			p := c.rules.Plan(f, at(t, "2026-12-05 12:00"))
			_, gone := judged(p)
			if p.Held != c.held || p.Large != "" || len(gone) < c.would {
				t.Errorf("held %q, large %q, gone %q", p.Held, p.Large, gone)
			}
			if may := p.Removals(all); (len(may) > 0) != (c.held == "" && c.would > 0) {
				t.Errorf("%v may go", may)
			}
		})
	}
	onlyCritical := policy.RetentionFacts{}
	for day := 1; day <= 4; day++ {
		onlyCritical.Points = append(onlyCritical.Points, point(t, fmt.Sprintf("2026-12-0%d 12:00", day),
			func(p *policy.HeldPoint) { p.Type = keepsake.BackupCritical }))
	}
	if p := (policy.Retention{Last: 1}).Plan(onlyCritical, at(t, "2026-12-05 12:00")); p.Held == "" {
		t.Error("points go where none holds everything")
	}
}

// TestAPersonConfirmsALargeRemoval: the sentence has the numbers.
func TestAPersonConfirmsALargeRemoval(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		points, share, count int
		large                string
	}{
		{400, 20, 500, "It would remove 270 of 400 points; at most 80 go by themselves."},
		{400, 68, 500, ""},
		{400, 67, 500, "It would remove 270 of 400 points; at most 268 go by themselves."},
		{400, 100, 269, "It would remove 270 of 400 points; at most 269 go by themselves."},
		{400, 100, 270, ""},
		{400, 100, 1, "It would remove 270 of 400 points; at most 1 goes by itself."},
		{400, 0, 500, "It would remove 270 of 400 points; at most 0 go by themselves."},
		{130, 0, 0, ""},
		{4000, 20, 500, "It would remove 3,870 of 4,000 points; at most 500 go by themselves."},
	} {
		r := policy.Retention{Last: 130, Zone: time.UTC, MostShare: c.share, MostCount: c.count}
		now := at(t, "2026-12-05 12:00")
		var f policy.RetentionFacts
		for i := range c.points {
			f.Points = append(f.Points, policy.HeldPoint{ID: fmt.Sprint(i), Time: now.Add(-time.Duration(i) * time.Hour),
				Type: keepsake.BackupFull, Protected: true, Proven: true, Drilled: true})
		}
		p := r.Plan(f, now)
		if p.Large != c.large || len(p.Removals(all)) != c.points-130 || (p.Large != "") != (len(p.Removals(nil)) == 0) &&
			c.points > 130 {
			t.Errorf("%+v: %q, %d would go", c, p.Large, len(p.Removals(all)))
		}
	}
}

// TestAnHourThatComesTwiceLosesNoPoint, nor does a day that is left out or a day that comes twice in part.
func TestAnHourThatComesTwiceLosesNoPoint(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		zone, from string // UTC
		every      time.Duration
		points     int
		rules      policy.Retention
		kept       int
	}{
		"two hours of one name": {"Europe/Berlin", "2026-10-25 00:30", time.Hour, 2, policy.Retention{Hourly: 2}, 2},
		"half an hour twice": {"Australia/Lord_Howe", "2026-04-04 14:45", 30 * time.Minute, 2,
			policy.Retention{Hourly: 2}, 2},
		"a day of 25 hours": {"Europe/Berlin", "2026-10-24 22:30", time.Hour, 25, policy.Retention{Daily: 9}, 1},
		"a day of 23 hours": {"Europe/Berlin", "2026-03-28 23:30", time.Hour, 23, policy.Retention{Daily: 9}, 1},
		"a day that is left out": {"Pacific/Apia", "2011-12-29 12:00", 24 * time.Hour, 4, policy.Retention{Daily: 9},
			4},
		// At one minute past midnight the clock went back to one minute past 23:00.
		"a day that begins twice": {"America/St_Johns", "2010-11-07 02:30", 30*time.Minute + 15*time.Second, 5,
			policy.Retention{Daily: 9}, 2},
	} {
		c.rules.Zone = zone(t, c.zone)
		var f policy.RetentionFacts
		var times []string
		for i := range c.points {
			p := policy.HeldPoint{ID: fmt.Sprint(i), Type: keepsake.BackupFull,
				Time: at(t, c.from).Add(time.Duration(i) * c.every)}
			f.Points, times = append(f.Points, p), append(times, p.Time.In(c.rules.Zone).Format(time.DateTime))
		}
		kept := 0
		for _, v := range c.rules.Plan(f, at(t, "2027-01-01 00:00")).Verdicts {
			for _, why := range v.Why {
				if strings.HasPrefix(why, "the last of") {
					kept++
				}
			}
		}
		if kept != c.kept {
			t.Errorf("%s: %d of %v are the last of something, want %d", name, kept, times, c.kept)
		}
	}
}

// drawRetention draws rules with small numbers, so that points go.
func drawRetention(t *rapid.T) policy.Retention {
	few := func(what string) int { return rapid.IntRange(0, 4).Draw(t, what) }
	return policy.Retention{
		Last:          few("last"),
		Hourly:        few("hourly"),
		Daily:         few("daily"),
		Weekly:        few("weekly"),
		Monthly:       few("monthly"),
		Yearly:        few("yearly"),
		Within:        rapid.SampledFrom([]time.Duration{0, 0, time.Hour, 48 * time.Hour}).Draw(t, "within"),
		MilestoneDays: rapid.IntRange(0, 400).Draw(t, "milestone days"),
		Zone: zone(t, rapid.SampledFrom([]string{"UTC", "Europe/Berlin", "America/St_Johns",
			"Australia/Lord_Howe", "Pacific/Apia"}).Draw(t, "zone")),
		MostShare: rapid.IntRange(1, 100).Draw(t, "most share"),
		MostCount: rapid.IntRange(1, 20).Draw(t, "most count"),
	}
}

// drawHeld draws points around now, some at the same time, most of them sound.
func drawHeld(t *rapid.T, now time.Time) []policy.HeldPoint {
	rare := func(what string) bool { return rapid.IntRange(0, 7).Draw(t, what) == 7 }
	points := make([]policy.HeldPoint, rapid.IntRange(0, 40).Draw(t, "points"))
	reach := rapid.SampledFrom([]int{60, 3 * 1440, 90 * 1440, 3 * 366 * 1440}).Draw(t, "minutes")
	for i := range points {
		p := policy.HeldPoint{
			ID:   fmt.Sprintf("p%02d", i),
			Time: now.Add(-time.Duration(rapid.IntRange(-reach/50, reach).Draw(t, "ago")) * time.Minute),
			Type: rapid.SampledFrom([]keepsake.BackupType{keepsake.BackupIncremental, keepsake.BackupFull,
				keepsake.BackupCritical, keepsake.BackupWedding, keepsake.BackupEmergency}).Draw(t, "type"),
			Locked:    rare("locked"),
			Written:   rare("written"),
			Proven:    rare("proven"),
			Drilled:   rare("drilled"),
			Protected: rapid.Bool().Draw(t, "protected"),
		}
		if rare("suspect") {
			p.Suspect = "Every table is empty."
		}
		if rare("unread") {
			p.Unread = "Its manifest does not open."
		}
		if rare("of a wedding") {
			p.Weddings = []keepsake.WeddingMark{{
				WeddingID: rapid.SampledFrom([]string{"7", "8"}).Draw(t, "wedding"),
				Milestone: rapid.SampledFrom([]string{"", "final_payment"}).Draw(t, "milestone"),
				Date: rapid.SampledFrom([]string{"", "soon", "2020-02-29", "2026-06-01", "2026-12-05",
					"2028-01-01"}).Draw(t, "date"),
			}}
		}
		points[i] = p
	}
	return points
}

// newerOf counts the points that are newer and of which that is true.
func newerOf(points []policy.HeldPoint, than policy.HeldPoint, is func(policy.HeldPoint) bool) (n int) {
	for _, p := range points {
		if is(p) && (p.Time.After(than.Time) || p.Time.Equal(than.Time) && p.ID > than.ID) {
			n++
		}
	}
	return n
}

// TestWhatNeverGoesStays, whatever the rules and the points are: a point that is locked, that nobody is sure of, that
// lies ahead, that a milestone keeps, or that is among the newest ones that a restore would take.
func TestWhatNeverGoesStays(t *testing.T) {
	t.Parallel()
	now := at(t, "2026-12-01 12:00")
	rapid.Check(t, func(t *rapid.T) {
		r, points := drawRetention(t), drawHeld(t, now)
		plan := r.Plan(policy.RetentionFacts{Points: points}, now)
		whole := func(p policy.HeldPoint) bool { return p.Whole() && p.Unread == "" && !p.Time.After(now) }
		and := func(is func(policy.HeldPoint) bool) func(policy.HeldPoint) bool {
			return func(p policy.HeldPoint) bool { return whole(p) && is(p) }
		}
		sound := func(p policy.HeldPoint) bool { return p.Suspect == "" }
		for _, v := range plan.Removals(all) {
			p := v.Point
			if p.Locked || p.Unread != "" || p.Time.After(now) || r.Within > 0 && now.Sub(p.Time) < r.Within ||
				len(p.Weddings) == 0 && (p.Type == keepsake.BackupWedding || p.Type == keepsake.BackupEmergency) {
				t.Fatalf("%+v goes", p)
			}
			for _, m := range p.Weddings {
				date, err := time.Parse(time.DateOnly, m.Date)
				if m.Milestone != "" && (err != nil || now.Before(date.AddDate(0, 0, r.MilestoneDays))) {
					t.Fatalf("%+v goes, and its milestone keeps it for %d days", p, r.MilestoneDays)
				}
			}
			for name, never := range map[string]struct {
				most int
				is   func(policy.HeldPoint) bool
			}{
				"newest":            {2, whole},
				"newest sound":      {2, and(sound)},
				"newest proven":     {1, and(func(p policy.HeldPoint) bool { return p.Proven })},
				"sound and proven":  {1, and(func(p policy.HeldPoint) bool { return p.Proven && sound(p) })},
				"newest drilled":    {1, and(func(p policy.HeldPoint) bool { return p.Drilled })},
				"sound and drilled": {1, and(func(p policy.HeldPoint) bool { return p.Drilled && sound(p) })},
				"newest protected":  {1, and(func(p policy.HeldPoint) bool { return p.Protected })},
				"sound, protected":  {1, and(func(p policy.HeldPoint) bool { return p.Protected && sound(p) })},
			} {
				alike := func(o policy.HeldPoint) bool { return o.Written == p.Written && never.is(o) }
				if alike(p) && newerOf(points, p, alike) < never.most {
					t.Fatalf("%+v goes: it is one of the %s", p, name)
				}
			}
		}
		past := func(p policy.HeldPoint) bool { return !p.Time.After(now) }
		for _, is := range []func(policy.HeldPoint) bool{past, whole, policy.HeldPoint.Whole,
			func(p policy.HeldPoint) bool { return past(p) && p.Whole() }, func(policy.HeldPoint) bool { return true },
			func(p policy.HeldPoint) bool { return p.Unread == "" }} {
			for _, p := range points {
				if is(p) && newerOf(points, p, is) == 0 && (p.Suspect != "" && p.Unread == "" || p.Unread != "" && past(p)) &&
					len(plan.Removals(all)) > 0 {
					t.Fatalf("points go although the newest is suspect or cannot be read: %+v", p)
				}
			}
		}
		failing := r.Plan(policy.RetentionFacts{Points: points, Failing: "backups fail"}, now)
		if len(failing.Removals(all)) > 0 || !reflect.DeepEqual(failing.Verdicts, plan.Verdicts) {
			t.Fatalf("while backups fail: %+v", failing)
		}
	})
}

// TestAPlanDependsOnItsPointsAlone: their order makes no difference, each point has one verdict with a reason, and what
// stays would stay again.
func TestAPlanDependsOnItsPointsAlone(t *testing.T) {
	t.Parallel()
	now := at(t, "2026-12-01 12:00")
	rapid.Check(t, func(t *rapid.T) {
		r, points := drawRetention(t), drawHeld(t, now)
		plan := r.Plan(policy.RetentionFacts{Points: points}, now)
		before := slices.Clone(points)
		other := r.Plan(policy.RetentionFacts{Points: rapid.Permutation(points).Draw(t, "order")}, now)
		if !reflect.DeepEqual(plan, other) || !reflect.DeepEqual(points, before) {
			t.Fatalf("%+v\nin another order\n%+v", plan, other)
		}
		if len(plan.Verdicts) != len(points) || !slices.IsSortedFunc(plan.Verdicts, func(a, b policy.RetentionVerdict) int {
			return b.Point.Time.Compare(a.Point.Time)
		}) {
			t.Fatalf("%d points, verdicts %+v", len(points), plan.Verdicts)
		}
		var left []policy.HeldPoint
		for _, v := range plan.Verdicts {
			if len(v.Why) == 0 || !v.Keep && len(v.Why) > 1 || slices.Contains(v.Why, "") {
				t.Fatalf("reasons of %+v", v)
			}
			if v.Keep {
				left = append(left, v.Point)
			}
		}
		if _, gone := judged(r.Plan(policy.RetentionFacts{Points: left}, now)); len(gone) > 0 {
			t.Fatalf("of what stays %v goes", gone)
		}
	})
}

// TestNoPointTakesThePlaceOfABetterOne: with fewer points of another kind, no more points stay. Suspect points make no
// difference to those that are not, and points that hold less make none to those that hold everything.
func TestNoPointTakesThePlaceOfABetterOne(t *testing.T) {
	t.Parallel()
	now := at(t, "2026-12-01 12:00")
	rapid.Check(t, func(t *rapid.T) {
		r, points := drawRetention(t), drawHeld(t, now)
		kept, _ := judged(r.Plan(policy.RetentionFacts{Points: points}, now))
		for name, without := range map[string]func(policy.HeldPoint) bool{
			"suspect":       func(p policy.HeldPoint) bool { return p.Suspect != "" },
			"of less":       func(p policy.HeldPoint) bool { return !p.Whole() },
			"unread":        func(p policy.HeldPoint) bool { return p.Unread != "" },
			"ahead":         func(p policy.HeldPoint) bool { return p.Time.After(now) },
			"of a writer":   func(p policy.HeldPoint) bool { return p.Written },
			"of no writer":  func(p policy.HeldPoint) bool { return !p.Written },
			"of everything": policy.HeldPoint.Whole,
			"for another wedding": func(p policy.HeldPoint) bool {
				return (p.Type == keepsake.BackupWedding || p.Type == keepsake.BackupEmergency) && len(p.Weddings) > 0 &&
					p.Weddings[0].WeddingID == "7"
			},
		} {
			rest := slices.DeleteFunc(slices.Clone(points), without)
			alone, gone := judged(r.Plan(policy.RetentionFacts{Points: rest}, now))
			for id := range alone {
				if _, stays := kept[id]; !stays {
					t.Fatalf("%s goes because of a point that is %s", id, name)
				}
			}
			for id := range gone {
				if _, stays := kept[id]; stays && name != "suspect" {
					t.Fatalf("%s stays because of a point that is %s", id, name)
				}
			}
		}
	})
}

// TestNoMorePointsStayThanTheRulesSay, of those that nothing else keeps.
func TestNoMorePointsStayThanTheRulesSay(t *testing.T) {
	t.Parallel()
	now := at(t, "2026-12-01 12:00")
	rapid.Check(t, func(t *rapid.T) {
		r, points := drawRetention(t), drawHeld(t, now)
		suspect := slices.ContainsFunc(points, func(p policy.HeldPoint) bool { return p.Suspect != "" })
		kept := map[string]int{}
		for _, v := range r.Plan(policy.RetentionFacts{Points: points}, now).Verdicts {
			p := v.Point
			milestone := slices.ContainsFunc(p.Weddings, func(m keepsake.WeddingMark) bool { return m.Milestone != "" })
			if v.Keep && !p.Locked && p.Unread == "" && !p.Time.After(now) && now.Sub(p.Time) >= r.Within && !milestone &&
				(p.Whole() || p.Type == keepsake.BackupCritical) {
				kept[fmt.Sprint(p.Whole(), p.Written)]++
			}
		}
		most := r.Last + r.Hourly + r.Daily + r.Weekly + r.Monthly + r.Yearly
		if most+int(r.Within) == 0 {
			return // everything stays
		}
		if suspect { // as many may stay beside those that are not
			most *= 2
		}
		if max(kept["false false"], kept["false true"]) > most || max(kept["true false"], kept["true true"]) > most+10 {
			t.Fatalf("%v of %d stay by %+v", kept, len(points), r)
		}
	})
}

// TestAPlanOfManyPointsIsQuick: a page asks for it.
func TestAPlanOfManyPointsIsQuick(t *testing.T) {
	t.Parallel()
	f, now := manyPoints(t)
	began := time.Now()
	plan := policy.DefaultRetention().Plan(f, now)
	if took := time.Since(began); took > 5*time.Second { // a tenth of a second, without the race detector
		t.Errorf("a plan of %d points took %s", len(f.Points), took)
	}
	if n := len(plan.Removals(all)); n < 99_000 {
		t.Errorf("%d of %d go", n, len(f.Points))
	}
}

// manyPoints are 100,000, one each 15 minutes.
func manyPoints(t interface{ Fatal(...any) }) (f policy.RetentionFacts, now time.Time) {
	now = at(t, "2026-12-01 12:00")
	for i := range 100_000 {
		f.Points = append(f.Points, policy.HeldPoint{ID: fmt.Sprint(i), Type: keepsake.BackupIncremental, Protected: true,
			Time: now.Add(-time.Duration(i) * 15 * time.Minute)})
	}
	return f, now
}

func BenchmarkRetentionOfManyPoints(b *testing.B) {
	f, now := manyPoints(b)
	for b.Loop() {
		policy.DefaultRetention().Plan(f, now)
	}
}

// all is the word of a person who confirms whatever is asked.
func all(string) bool { return true }

// TestWhatIsMarkedNeedsNoSecondWord: a person confirms once that many points go. They go then, although they are many,
// and no others with them.
func TestWhatIsMarkedNeedsNoSecondWord(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	r := policy.Retention{Last: 10, MostShare: 20, MostCount: 500, Zone: time.UTC}
	var f policy.RetentionFacts
	for i := range 100 {
		at := now.Add(-time.Duration(i) * time.Hour)
		f.Points = append(f.Points, policy.HeldPoint{ID: at.Format("20060102T150405Z"), Time: at, Type: keepsake.BackupFull,
			Protected: true})
	}
	plan := r.Plan(f, now)
	if plan.Large == "" || len(plan.Removals(nil)) != 0 || len(plan.Going()) != 90 {
		t.Fatalf("%q, %d go", plan.Large, len(plan.Removals(nil)))
	}
	some := plan.Going()[10:50]
	named := func(id string) bool {
		return slices.ContainsFunc(some, func(v policy.RetentionVerdict) bool { return v.Point.ID == id })
	}
	if got := plan.Removals(named); len(got) != len(some) {
		t.Errorf("%d go, and %d were confirmed", len(got), len(some))
	}
	for i := range f.Points {
		f.Points[i].Marked = named(f.Points[i].ID)
	}
	if plan = r.Plan(f, now); plan.Large == "" || len(plan.Removals(nil)) != len(some) {
		t.Errorf("%q, %d go, and %d are marked", plan.Large, len(plan.Removals(nil)), len(some))
	}
	for i := range f.Points {
		f.Points[i].Marked = i >= 20
	}
	if plan = r.Plan(f, now); plan.Large != "" || len(plan.Removals(nil)) != 90 {
		t.Errorf("%q: those that are not marked yet are few", plan.Large)
	}
}
