package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/removal"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/policy"
)

// manyPoints returns a plan over so many hours with a point each, of which the newest 100 stay, and some for reasons of
// their own.
func manyPoints(n int) retentionNow {
	now := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	r := retentionNow{now: now, rules: policy.Retention{Last: 100, Zone: time.UTC, MostShare: 100, MostCount: n}}
	var f policy.RetentionFacts
	for i := range n {
		f.Points = append(f.Points, policy.HeldPoint{
			ID:        fmt.Sprintf("20261201T%06d", n-i),
			Time:      now.Add(-time.Duration(i) * time.Hour),
			Type:      keepsake.BackupIncremental,
			Protected: true,
			Locked:    i%50 == 7,
			LockWhy:   strings.Repeat("because of the court ", 10),
		})
	}
	r.plan = r.rules.Plan(f, now)
	return r
}

// TestRetentionListsWhatMatters: of 2,000 points the newest 40 that go, or stay for another reason than the rules that
// count.
func TestRetentionListsWhatMatters(t *testing.T) {
	t.Parallel()
	n := manyPoints(2000)
	lines := func(all bool) []string {
		var out strings.Builder
		n.printPoints(&app{io: stdio{out: &out}}, all)
		return strings.Split(strings.TrimSpace(out.String()), "\n")
	}
	got := lines(false)
	if len(got) != mostShown+2 || !strings.HasPrefix(got[0], "POINT") ||
		got[len(got)-1] != "1,960 recovery points not shown, of which 137 stay and 1,823 go: --all lists every one." {
		t.Errorf("%d lines, the last of which is %s", len(got), got[len(got)-1])
	}
	if !strings.Contains(strings.Join(got, "\n"), "locked: because") {
		t.Error("a locked point that no rule keeps is not shown")
	}
	if all := lines(true); len(all) != 2001 || slices.ContainsFunc(all, func(l string) bool {
		return strings.HasSuffix(l, "…")
	}) {
		t.Errorf("%d lines", len(all))
	}
}

// TestRetentionFitsTheTerminal: a reason stands beside its point where there is room, and else below it.
func TestRetentionFitsTheTerminal(t *testing.T) {
	t.Parallel()
	n := manyPoints(10)
	for width, lines := range map[int]int{0: 11, 300: 11, 120: 11, 80: 22, 20: 22} {
		var out strings.Builder
		n.printTable(&app{io: stdio{out: &out}}, n.points(), width)
		got := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(got) != lines {
			t.Errorf("%d columns: %d lines\n%s", width, len(got), out.String())
		}
		for _, l := range got {
			if width > 0 && len([]rune(l)) > width {
				t.Errorf("%d columns: %q", width, l)
			}
		}
		if whole := strings.Contains(out.String(), strings.TrimSpace(strings.Repeat("because of the court ", 10))); whole !=
			(width == 0 || width == 300) {
			t.Errorf("%d columns: the longest reason is whole: %v", width, whole)
		}
	}
}

func TestLinesAreCutAtTheWidth(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		line  string
		width int
		want  string
	}{{"Größe", 0, "Größe"}, {"Größe", 5, "Größe"}, {"Größe", 4, "Grö…"}, {"a b c", 3, "a…"}, {"", 1, ""},
		{"ab", 1, "…"}} {
		if got := shortened(c.line, c.width); got != c.want {
			t.Errorf("%q at %d is %q, want %q", c.line, c.width, got, c.want)
		}
	}
}

// TestRemovalSaysWhatItDid, in the cases that need days to pass.
func TestRemovalSaysWhatItDid(t *testing.T) {
	t.Parallel()
	n := retentionNow{
		now:   time.Date(2026, 12, 1, 3, 30, 0, 0, time.UTC),
		rules: policy.Retention{Zone: time.FixedZone("CET", 3600)},
		grace: 24 * time.Hour,
		stay:  7,
		pending: engine.PendingRemovals{
			Lists: []engine.PendingRemoval{{Objects: 1200, Due: time.Date(2026, 12, 2, 2, 30, 0, 0, time.UTC)},
				{Points: []engine.RemovedPoint{{ID: "x"}}, Due: time.Date(2026, 11, 30, 2, 30, 0, 0, time.UTC)}},
			Unread: []string{"The removal list removals/1 does not open."},
		},
	}
	var out strings.Builder
	a := &app{io: stdio{out: &out}}
	n.printPending(a)
	n.printRemoval(a, removalResult{RemovalResult: engine.RemovalResult{
		Removed: []repository.RemovedPoint{{ID: "a"}, {ID: "b"}},
		Objects: 3,
		Bytes:   2048,
		List:    "l",
		Due:     time.Date(2026, 12, 4, 3, 30, 0, 0, time.UTC),
		Freed: []removal.Freed{{Provider: "local", Points: 2, Objects: 10, Bytes: 4096},
			{Provider: "far", Problem: "It hangs."}},
		Problem: "Provider far did not take the removal list.",
	}})
	want := "1 recovery point is marked: the next run deletes what still goes then. Of these, one stays after all.\n" +
		"1,200 objects are marked: the first run after 2 December 2026 03:30 CET, in 23 h, deletes what nothing needs " +
		"then." + `
The removal list removals/1 does not open.
3 objects (2.0 KiB at each provider) that no recovery point needs are marked.
The first run after 4 December 2026 04:30 CET, in 3 days, deletes what still goes then.
2 recovery points are gone: a, b.
  local            2 recovery points and 10 objects deleted, 4.0 KiB
  far              NOT ALL WENT: It hangs.
NOT DONE: Provider far did not take the removal list.
7 recovery points stay, and none goes.
`
	if out.String() != want {
		t.Errorf("%s", out.String())
	}
	raw, err := json.Marshal(engine.PendingRemoval{Points: []engine.RemovedPoint{}})
	if err != nil || !strings.HasPrefix(string(raw), `{"id":"","time":`) ||
		!strings.HasSuffix(string(raw), `"points":[],"objects":0}`) {
		t.Errorf("%s, %v", raw, err)
	}
}
