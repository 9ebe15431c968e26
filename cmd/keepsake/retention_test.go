package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/engine"
)

// keepOne are rules that keep the newest recovery point alone, and the one before it, which always stays.
const keepOne = "retention: {last: 1, hourly: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0, within: \"0\", " +
	"most_share: %d}\n"

// newSeasons returns a world with so many recovery points, the oldest first, each of which has rows of its own.
func newSeasons(t *testing.T, n int) (w *world, points []string) {
	t.Helper()
	w = newWorld(t, protecting, season...)
	w.must(t, exitDone, "init")
	for i := range n {
		execute(t, w.platform, fmt.Sprintf("update clients set name = 'Of backup %d ' || id", i))
		points = append(points, document[report](t, w.must(t, exitDone, "backup", "--json")).Point)
	}
	return w, points
}

// shownRules is what retention show --json says.
type shownRules struct {
	Automatic, Tried   bool
	Rules, Zone, Grace string
	Stay, Go           int
	Held, Large        string
	Points             []shownPoint
	Marked             []engine.PendingRemoval
}

type shownPoint struct {
	ID, Type string
	Time     time.Time
	Keep     bool
	Why      []string
	Due      time.Time
}

// removals lists what lies in the places' folders of removal lists.
func (w *world) removals(t *testing.T) (names []string) {
	t.Helper()
	for _, p := range protecting {
		found, err := filepath.Glob(filepath.Join(w.place(p.name), "removals", "*"))
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, found...)
	}
	return names
}

// TestRetentionOnTheCommandLine marks what the rules let go, and only that: not what is locked, not twice, not without
// a person's word where it is much, and nothing in a dry run.
func TestRetentionOnTheCommandLine(t *testing.T) {
	t.Parallel()
	w, points := newSeasons(t, 6)
	w.configure(t, fmt.Sprintf(keepOne, 10))
	w.must(t, exitDone, "mark", points[1], "--lock", "--note", "the court\nwants it")

	o := w.must(t, exitDone, "retention", "show")
	for _, says := range []string{"These recovery points stay: the newest one.", "locked: the court wants it",
		"one of the two newest that hold everything", "no rule reaches back that far",
		"3 recovery points stay, and 3 go.", "It would remove 3 of 6 points; at most 0 go by themselves.",
		"keepsake retention run --yes"} {
		if !strings.Contains(o.out, says) {
			t.Errorf("it does not say %q:\n%s", says, o.out)
		}
	}
	if o := w.must(t, exitFailed, "retention", "run"); !strings.Contains(o.err, "It would remove 3 of 6 points") ||
		!strings.Contains(o.err, "--yes") {
		t.Errorf("%s", o.err)
	}
	dry := document[removalResult](t, w.must(t, exitDone, "retention", "run", "--dry-run", "--json"))
	if !dry.Preview || len(dry.Marked) != 3 || dry.Objects == 0 || dry.Bytes == 0 || dry.List != "" {
		t.Errorf("a dry run: %+v", dry)
	}
	if o := w.must(t, exitDone, "retention", "run", "--dry-run"); !strings.Contains(o.out, "Nothing was changed.") ||
		!strings.Contains(o.out, "3 recovery points would be marked") ||
		!strings.Contains(o.out, "A person has to confirm it") {
		t.Errorf("%s", o.out)
	}
	if lists := w.removals(t); len(lists) > 0 {
		t.Errorf("before anybody confirmed it, there are %v", lists)
	}

	marked := document[removalResult](t, w.must(t, exitDone, "retention", "run", "--yes", "--json"))
	var ids []string
	for _, p := range marked.Marked {
		ids = append(ids, p.ID)
	}
	if slices.Sort(ids); !slices.Equal(ids, []string{points[0], points[2], points[3]}) ||
		marked.Objects != dry.Objects || marked.Preview {
		t.Errorf("%+v", marked)
	}
	if len(w.removals(t)) != len(protecting) {
		t.Errorf("%v", w.removals(t))
	}
	o = w.must(t, exitDone, "retention", "run") // nobody has to confirm it again
	if !strings.Contains(o.out, "No recovery point is marked anew.") || len(w.removals(t)) != len(protecting) {
		t.Errorf("%s", o.out)
	}

	shown := document[shownRules](t, w.must(t, exitDone, "retention", "show", "--json"))
	if !shown.Automatic || shown.Tried || shown.Stay != 3 || shown.Go != 3 || shown.Large != "" || shown.Held != "" ||
		shown.Grace != "24 hours" || len(shown.Points) != 6 || len(shown.Marked) != 1 || len(shown.Marked[0].Points) != 3 ||
		shown.Marked[0].Objects != dry.Objects {
		t.Errorf("%+v", shown)
	}
	due := shown.Marked[0].Due
	if left := time.Until(due); left > 24*time.Hour || left < 23*time.Hour {
		t.Errorf("they go at %v", due)
	}
	for i, p := range shown.Points {
		if p.ID != points[5-i] || len(p.Why) == 0 || p.Due.IsZero() == slices.Contains(ids, p.ID) {
			t.Errorf("point %d: %+v", i, p)
		}
	}
	o = w.must(t, exitDone, "retention", "show")
	if !strings.Contains(o.out, "3 recovery points are marked: the first run after "+
		due.In(time.Local).Format("2 January 2006 15:04 MST")+", in 23 h, deletes what still goes then.") ||
		!strings.Contains(o.out, "  marked   no rule reaches back that far") {
		t.Errorf("%s", o.out)
	}
	w.must(t, exitDone, "mark", points[0], "--lock")
	if o = w.must(t, exitDone, "retention", "show"); !strings.Contains(o.out,
		"Of these, one stays after all.") {
		t.Errorf("%s", o.out)
	}
	if o = w.must(t, exitDone, "retention", "run"); !strings.Contains(o.out,
		"Of what was marked, one stays after all: "+points[0]) {
		t.Errorf("%s", o.out)
	}
	if list := document[[]report](t, w.must(t, exitDone, "points", "--json")); len(list) != 6 {
		t.Errorf("%d recovery points are there within the grace period", len(list))
	}
	w.must(t, exitDone, "verify", "--all", "--deep")
}

// TestRetentionTriesOtherRules by flags, and changes nothing.
func TestRetentionTriesOtherRules(t *testing.T) {
	t.Parallel()
	w, points := newSeasons(t, 3)
	w.configure(t, "retention: {automatic: false}\n")
	o := w.must(t, exitDone, "retention", "show")
	for _, says := range []string{"No recovery point goes by itself: the configuration says retention.automatic: false.",
		"These recovery points stay: the 10 newest, every one younger than 48 hours and the last of each of the newest " +
			"48 hours, 30 days, 12 weeks, 24 months and 10 years that have one.", "3 recovery points stay, and none goes."} {
		if !strings.Contains(o.out, says) {
			t.Errorf("it does not say %q:\n%s", says, o.out)
		}
	}
	none := strings.Fields("retention show --hourly 0 --daily 0 --weekly 0 --monthly 0 --yearly 0 --within 0 " +
		"--milestone-days 7")
	o = w.must(t, exitDone, append(none, "--last", "1")...)
	if !strings.Contains(o.out, "These rules are tried") || !strings.Contains(o.out, "and 1 goes.") ||
		!strings.Contains(o.out, "until 7 days after that wedding") || len(w.removals(t)) > 0 {
		t.Errorf("%s", o.out)
	}
	shown := document[shownRules](t, w.must(t, exitDone, append(none, "--last", "1", "--json")...))
	if shown.Automatic || !shown.Tried || shown.Go != 1 || shown.Points[2].ID != points[0] || shown.Points[2].Keep {
		t.Errorf("%+v", shown)
	}
	if o = w.must(t, exitDone, append(none, "--last", "0")...); !strings.Contains(o.out,
		"No rule keeps anything, so everything stays.") {
		t.Errorf("%s", o.out)
	}
	for _, args := range [][]string{{"--last", "-1"}, {"--last", "many"}, {"--within", "long"}, {"--daily", "10001"},
		{"--milestone-days=-1"}, {"all"}} {
		if o := w.must(t, exitUsage, append([]string{"retention", "show"}, args...)...); strings.Count(o.err, "\n") > 1 ||
			o.out != "" {
			t.Errorf("%v: %s%s", args, o.out, o.err)
		}
	}
	w.env["KEEPSAKE_LAST"], w.env["KEEPSAKE_YES"] = "1", "true" // a removal is confirmed where one looks at it
	if shown := document[shownRules](t, w.must(t, exitDone, "retention", "show", "--json")); shown.Tried {
		t.Errorf("%+v", shown)
	}
}

// TestRetentionIsHeld where a provider cannot be asked, and where a point is suspect: nothing goes, and it says why.
func TestRetentionIsHeld(t *testing.T) {
	t.Parallel()
	w, _ := newSeasons(t, 4)
	w.configure(t, fmt.Sprintf(keepOne, 100))
	held := func(why string) {
		t.Helper()
		if o := w.must(t, exitDone, "retention", "show"); !strings.Contains(o.out, why) {
			t.Errorf("show does not say %q:\n%s", why, o.out)
		}
		for _, args := range [][]string{{}, {"--yes"}, {"--dry-run"}} {
			o := w.must(t, exitExceptions, append([]string{"retention", "run"}, args...)...)
			if !strings.Contains(o.out, "Nothing was removed, and nothing was marked. ") || !strings.Contains(o.out, why) {
				t.Errorf("%v does not say %q:\n%s", args, why, o.out)
			}
		}
		r := fields(t, w.must(t, exitExceptions, "retention", "run", "--json"), "held", "marked", "removed", "spared",
			"freed")
		if !strings.Contains(string(r["held"]), why) {
			t.Errorf("--json says %s", r["held"])
		}
	}
	far := w.place("far")
	move(t, far, far+".away")
	held("Nothing goes now: provider far could not be asked for its recovery points. Its directory is not there")
	move(t, far+".away", far)
	w.must(t, exitDone, "mark", "latest", "--doubt")
	held("is suspect. Somebody said that it cannot be trusted.")
	if lists := w.removals(t); len(lists) > 0 {
		t.Errorf("there are %v", lists)
	}
	w.must(t, exitDone, "mark", document[[]engine.Point](t, w.must(t, exitDone, "points", "--json"))[0].ID, "--accept")
	w.must(t, exitDone, "retention", "run")
}

// TestRetentionWithoutPoints, and without the repository's own key.
func TestRetentionWithoutPoints(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	if o := w.must(t, exitUsage, "retention", "show"); !strings.Contains(o.err, "keepsake init") {
		t.Errorf("%s", o.err)
	}
	w.must(t, exitDone, "init")
	if o := w.must(t, exitDone, "retention", "show"); !strings.Contains(o.out, "There is no recovery point yet") {
		t.Errorf("%s", o.out)
	}
	fields(t, w.must(t, exitDone, "retention", "show", "--json"), "automatic", "rules", "zone", "grace", "points", "stay",
		"go", "marked")
	if o := w.must(t, exitDone, "retention", "run"); !strings.Contains(o.out, "No recovery point is marked anew.") {
		t.Errorf("%s", o.out)
	}
	fields(t, w.must(t, exitDone, "retention", "run", "--json"), "marked", "objects_marked", "bytes_marked", "removed",
		"spared", "freed", "seconds")

	ctx, stop := context.WithCancel(t.Context())
	stop()
	if o := program(ctx, w.env, "", "--config", w.config, "retention", "run"); o.code != exitFailed ||
		!strings.Contains(o.err, "stopped before it was done; what was marked or deleted by then stays so") {
		t.Errorf("%d %s", o.code, o.err)
	}
	w.env["KEEPSAKE_KEY"] = strings.TrimSpace(w.must(t, exitDone, "repo", "writer-key").out)
	for _, args := range []string{"retention show", "retention run", "retention run --dry-run"} {
		if o := w.run(t, strings.Fields(args)...); o.code != exitUsage || !strings.Contains(o.err, "writer's") {
			t.Errorf("%s: %d %s", args, o.code, o.err)
		}
	}
}

// TestRetentionIsOnRecord, but for what changes nothing.
func TestRetentionIsOnRecord(t *testing.T) {
	t.Parallel()
	w, points := newSeasons(t, 4)
	w.configure(t, fmt.Sprintf(keepOne, 100))
	w.withConsole(t)
	w.must(t, exitDone, "repo", "rebuild")
	seen := len(w.trail(t))
	w.must(t, exitDone, "retention", "show")
	w.must(t, exitDone, "retention", "run", "--dry-run")
	w.must(t, exitDone, "retention", "run")
	w.must(t, exitDone, "mark", "latest", "--doubt")
	w.must(t, exitExceptions, "retention", "run")
	var got []said
	for _, s := range w.trail(t)[seen:] {
		if strings.HasPrefix(s.Action, "retention.") {
			got = append(got, s)
		}
	}
	if len(got) != 4 || got[0].short() != "retention.start allowed" || got[1].short() != "retention.end allowed" ||
		got[1].Detail["marked"] != 2.0 || got[1].Detail["fell_short"] != nil || got[3].Detail["fell_short"] != true ||
		!strings.Contains(fmt.Sprint(got[3].Detail["held"]), points[3]) {
		t.Errorf("%+v", got)
	}
}
