package policy_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/policy"
)

// TestForgedPointsTakeNoPlace: whoever has a writer's key adds sound points at the end of each of the last 80 days, and
// newer ones than all others. What the repository's own key sealed stays as before.
func TestForgedPointsTakeNoPlace(t *testing.T) {
	t.Parallel()
	now := at(t, "2026-12-01 12:00")
	r := policy.DefaultRetention()
	r.Zone = time.UTC
	var f policy.RetentionFacts
	for i := range 60 {
		f.Points = append(f.Points, policy.HeldPoint{ID: fmt.Sprint(i), Time: now.AddDate(0, 0, -i), Protected: true,
			Type: keepsake.BackupFull, Proven: i == 40, Drilled: i == 50})
	}
	before, _ := judged(r.Plan(f, now))
	for i := range 80 {
		made := now.AddDate(0, 0, -i).Truncate(24 * time.Hour).Add(24*time.Hour - time.Second)
		if i == 0 {
			made = now
		}
		f.Points = append(f.Points, policy.HeldPoint{ID: fmt.Sprint(i, "-w"), Time: made, Protected: true, Written: true,
			Type: keepsake.BackupFull, Proven: true, Drilled: true})
	}
	kept, gone := judged(r.Plan(f, now))
	for id, why := range before {
		if kept[id] != why {
			t.Errorf("%s stayed because of %q, and now of %q or goes: %q", id, why, kept[id], gone[id])
		}
	}
	if why := kept["1-w"]; !strings.Contains(why, "the last of Monday, 30 November 2026, among those that a writer's key "+
		"made") || !strings.Contains(why, "one of the two newest that hold everything, among those that") {
		t.Errorf("a writer's point stays because it is %q", why)
	}
}

// TestPointsOfAWriterChangeNothingForOthers, whatever they say of themselves and however many they are: not whether
// another point stays, nor why. They lift no hold, and no more of the others go without a person's word.
func TestPointsOfAWriterChangeNothingForOthers(t *testing.T) {
	t.Parallel()
	now := at(t, "2026-12-01 12:00")
	rapid.Check(t, func(t *rapid.T) {
		r := drawRetention(t)
		var own []policy.HeldPoint
		whole := false
		for _, p := range drawHeld(t, now) {
			p.Written = false
			own, whole = append(own, p), whole || p.Whole()
		}
		all := own[:len(own):len(own)]
		for i, p := range drawHeld(t, now) {
			p.ID, p.Written = fmt.Sprintf("p%02d-w", i), true
			all = append(all, p)
		}
		alone, beside := r.Plan(policy.RetentionFacts{Points: own}, now), r.Plan(policy.RetentionFacts{Points: all}, now)
		var others []policy.RetentionVerdict
		for _, v := range beside.Verdicts {
			if !v.Point.Written {
				others = append(others, v)
			}
		}
		if len(others)+len(alone.Verdicts) > 0 && !reflect.DeepEqual(alone.Verdicts, others) {
			t.Fatalf("alone %+v\nbeside points of a writer %+v", alone.Verdicts, others)
		}
		if whole && alone.Held != "" && beside.Held == "" {
			t.Fatalf("points of a writer lift the hold %q", alone.Held)
		}
		if alone.Large != "" && beside.Large == "" {
			t.Fatalf("beside points of a writer nobody has to confirm it: %s", alone.Large)
		}
	})
}

// TestAWritersPointLiftsNoHold: a damage that the repository's own newest point shows is not gone because somebody with
// a writer's key adds a sound point. Where all points are writers', they are what counts.
func TestAWritersPointLiftsNoHold(t *testing.T) {
	t.Parallel()
	now := at(t, "2026-12-05 12:00")
	r := policy.Retention{Last: 1, Zone: time.UTC, MostShare: 50, MostCount: 100}
	written := func(p *policy.HeldPoint) { p.Written = true }
	suspect := func(p *policy.HeldPoint) { p.Suspect = "Every table is empty." }
	unread := func(p *policy.HeldPoint) { p.Unread = "Its manifest does not open." }
	both := func(of ...func(*policy.HeldPoint)) func(*policy.HeldPoint) {
		return func(p *policy.HeldPoint) {
			for _, change := range of {
				change(p)
			}
		}
	}
	for name, c := range map[string]struct {
		older, newest, added func(*policy.HeldPoint)
		held                 string
	}{
		"nothing is wrong": {nil, nil, written, ""},
		"the repository's newest is suspect": {nil, suspect, written,
			"Nothing goes now: the newest recovery point, 2026-12-05 10:00, is suspect. Every table is empty."},
		"it cannot be read": {nil, unread, written, "Nothing goes now: the newest recovery point, 2026-12-05 10:00, could " +
			"not be read, and may be suspect. Its manifest does not open."},
		"the writer's is suspect": {nil, nil, both(written, suspect),
			"Nothing goes now: the newest recovery point, 2026-12-05 11:00, is suspect. Every table is empty."},
		"all are writers'":                 {written, written, written, ""},
		"a writer's is newer, and suspect": {written, both(written, suspect), written, ""},
	} {
		f := policy.RetentionFacts{Points: []policy.HeldPoint{point(t, "2026-12-05 10:00", c.newest),
			point(t, "2026-12-05 11:00", c.added)}}
		for day := 1; day <= 4; day++ {
			f.Points = append(f.Points, point(t, fmt.Sprintf("2026-12-0%d 12:00", day), c.older))
		}
		if p := r.Plan(f, now); p.Held != c.held || len(p.Going()) == 0 {
			t.Errorf("%s: held %q, %d would go", name, p.Held, len(p.Going()))
		}
	}
	f := policy.RetentionFacts{Points: []policy.HeldPoint{point(t, "2028-12-05 10:00", nil),
		point(t, "2026-12-05 11:00", written)}}
	for day := 1; day <= 4; day++ {
		f.Points = append(f.Points, point(t, fmt.Sprintf("2026-12-0%d 12:00", day), func(p *policy.HeldPoint) {
			p.Type = keepsake.BackupCritical
		}))
	}
	if p := r.Plan(f, now); !strings.Contains(p.Held, "no recovery point that is not suspect holds everything") {
		t.Errorf("the only point that holds everything and whose time has come is a writer's: held %q", p.Held)
	}
}

// TestAWritersPointsMakeNoRemovalSmaller: the share that goes without a person's word is one of the others.
func TestAWritersPointsMakeNoRemovalSmaller(t *testing.T) {
	t.Parallel()
	now := at(t, "2026-12-05 12:00")
	r := policy.Retention{Last: 10, Zone: time.UTC, MostShare: 50, MostCount: 500}
	var f policy.RetentionFacts
	for i := range 140 {
		f.Points = append(f.Points, policy.HeldPoint{ID: fmt.Sprint(i), Time: now.Add(-time.Duration(i) * time.Hour),
			Type: keepsake.BackupFull, Protected: true, Written: i >= 40, Locked: i >= 40})
	}
	const large = "It would remove 30 of 40 points that no writer's key made; at most 20 go by themselves."
	if p := r.Plan(f, now); p.Large != large {
		t.Errorf("%q", p.Large)
	}
}
