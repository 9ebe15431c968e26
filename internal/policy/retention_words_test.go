package policy_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/policy"
)

func TestRetentionWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rules policy.Retention
		words string
	}{
		{policy.DefaultRetention(), "These recovery points stay: the 10 newest, every one younger than 48 hours and the " +
			"last of each of the newest 48 hours, 30 days, 12 weeks, 24 months and 10 years that have one. One that was made " +
			"for a milestone stays until 365 days after that wedding."},
		{policy.Retention{Last: 1, MilestoneDays: 1}, "These recovery points stay: the newest one. One that was made for a " +
			"milestone stays until 1 day after that wedding."},
		{policy.Retention{Last: 2000, Daily: 1}, "These recovery points stay: the 2,000 newest and the last of each of the " +
			"newest 1 day that have one."},
		{policy.Retention{Within: 7 * 24 * time.Hour}, "These recovery points stay: every one younger than 7 days."},
		{policy.Retention{MilestoneDays: 5}, "No rule keeps anything, so everything stays."},
	} {
		if got := c.rules.Words(); got != c.words {
			t.Errorf("%+v: %s", c.rules, got)
		}
	}
}

// TestMarkedPointsAreNotConfirmedAgain: who confirmed that they are marked has confirmed that they go, and a large
// share each day is not twice as large because yesterday's has yet to go.
func TestMarkedPointsAreNotConfirmedAgain(t *testing.T) {
	t.Parallel()
	r := policy.Retention{Last: 10, Zone: time.UTC, MostShare: 50, MostCount: 100}
	now := at(t, "2026-12-05 12:00")
	for _, c := range []struct {
		marked int
		large  string
	}{{0, "It would remove 30 of 40 points; at most 20 go by themselves."},
		{9, "It would remove 21 of 40 points; at most 20 go by themselves."}, {10, ""}, {30, ""}} {
		var f policy.RetentionFacts
		for i := range 40 {
			f.Points = append(f.Points, policy.HeldPoint{ID: fmt.Sprint(i), Time: now.Add(-time.Duration(i) * time.Hour),
				Type: keepsake.BackupFull, Protected: true, Marked: i >= 40-c.marked})
		}
		if p := r.Plan(f, now); p.Large != c.large || len(p.Removals(all)) != 30 {
			t.Errorf("%d are marked: %q, %d may go", c.marked, p.Large, len(p.Removals(all)))
		}
	}
}

// TestWhichPointsOnlyOtherReasonsKeep: a list can leave those out that a rule which counts keeps anyway.
func TestWhichPointsOnlyOtherReasonsKeep(t *testing.T) {
	t.Parallel()
	r := policy.Retention{Last: 1, Daily: 2, Zone: time.UTC, MostShare: 100, MostCount: 100}
	f := policy.RetentionFacts{Points: []policy.HeldPoint{
		point(t, "2026-12-05 11:00", func(p *policy.HeldPoint) { p.Locked = true }),
		point(t, "2026-12-05 10:00", nil), // one of the two newest
		point(t, "2026-12-04 10:00", nil), // the last of its day
		point(t, "2026-12-03 10:00", func(p *policy.HeldPoint) { p.Locked = true }),
		point(t, "2026-12-02 10:00", nil), // goes
	}}
	want := []bool{true, false, true, false, false}
	for i, v := range r.Plan(f, at(t, "2026-12-05 12:00")).Verdicts {
		if v.ByRule != want[i] {
			t.Errorf("%s: %v, %q", v.Point.ID, v.ByRule, v.Why)
		}
	}
}
