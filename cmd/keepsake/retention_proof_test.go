package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestRetentionKeepsWhatWasProven by what the console's database knows: the newest proven point and the newest that was
// restored and compared. Where it cannot be asked, a run needs a person's word.
func TestRetentionKeepsWhatWasProven(t *testing.T) {
	t.Parallel()
	w, points := newSeasons(t, 6)
	w.configure(t, fmt.Sprintf(keepOne, 100))
	goes := func(want ...string) {
		t.Helper()
		var got []string
		dry := w.must(t, exitDone, "retention", "run", "--dry-run", "--json")
		for _, p := range document[removalResult](t, dry).Marked {
			got = append(got, p.ID)
		}
		if slices.Sort(got); !slices.Equal(got, want) || dry.err != "" {
			t.Errorf("%q go, want %q; %s", got, want, dry.err)
		}
	}
	goes(points[:4]...) // without a console database nobody knows
	w.withConsole(t)
	w.must(t, exitDone, "repo", "rebuild")
	goes(points[:4]...)
	tested := "insert into backup_tests (id, platform, point_id, kind, tested_at, ok, findings, seconds) " +
		"select gen_random_uuid(), platform, id, '%s', now(), true, 0, 1 from recovery_points where id = '%s'"
	execute(t, w.env["KEEPSAKE_CONSOLE_OWNER_URL"], "select set_config('keepsake.role', 'system', false)",
		"alter table backup_tests disable trigger backup_tests_on_record", // no operation made these
		fmt.Sprintf(tested, "restore", points[0]), fmt.Sprintf(tested, "deep_verify", points[1]),
		fmt.Sprintf(tested, "deep_verify", points[2]), fmt.Sprintf(tested, "verify", points[3]))
	goes(points[1], points[3])
	o := w.must(t, exitDone, "retention", "show")
	for _, says := range []string{"the newest that was proven", "the newest that was restored and compared"} {
		if !strings.Contains(o.out, says) {
			t.Errorf("it does not say %q:\n%s", says, o.out)
		}
	}
	known := w.env["KEEPSAKE_CONSOLE_URL"]
	w.env["KEEPSAKE_CONSOLE_URL"] = "postgres://keepsake:not-a-secret@127.0.0.1:1/keepsake"
	const unasked = "hich recovery points were proven could not be asked of the console's database: Keepsake's own " +
		"database does not answer"
	if o := w.must(t, exitFailed, "retention", "run"); !strings.Contains(o.err, unasked) ||
		!strings.Contains(o.err, "; --yes goes on without: nothing was changed") || len(w.removals(t)) > 0 {
		t.Errorf("%s, %v", o.err, w.removals(t))
	}
	if o := w.must(t, exitDone, "retention", "show"); !strings.Contains(o.out, "W"+unasked) {
		t.Errorf("%s", o.out)
	}
	why := fields(t, w.must(t, exitDone, "retention", "show", "--json"), "automatic", "rules", "zone", "grace", "points",
		"stay", "go", "marked", "unasked")["unasked"]
	if !strings.Contains(string(why), unasked) {
		t.Errorf("--json says %s", why)
	}
	if o := w.must(t, exitDone, "retention", "run", "--dry-run"); !strings.Contains(o.err, "W"+unasked) {
		t.Errorf("a dry run: %s", o.err)
	}
	o = w.must(t, exitDone, "retention", "run", "--yes", "--json")
	if r := document[removalResult](t, o); len(r.Marked) != 4 || !strings.Contains(o.err, "W"+unasked) {
		t.Errorf("%+v, %s", r, o.err)
	}
	w.env["KEEPSAKE_CONSOLE_URL"] = known // what was marked stays after all
	r := document[removalResult](t, w.must(t, exitDone, "retention", "run", "--json"))
	if slices.Sort(r.Spared); !slices.Equal(r.Spared, []string{points[0], points[2]}) {
		t.Errorf("%+v", r)
	}
	// The console says of it what a retention of its own would let it say.
	c := connect(t, w.env["KEEPSAKE_CONSOLE_OWNER_URL"])
	if _, err := c.Exec(t.Context(), "select set_config('keepsake.role', 'system', false)"); err != nil {
		t.Fatal(err)
	}
	rows, err := c.Query(t.Context(), "select id from recovery_points where goes_after > now() order by id")
	if err != nil {
		t.Fatal(err)
	}
	marked, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if want := []string{points[1], points[3]}; err != nil || !slices.Equal(marked, want) {
		t.Errorf("the console knows that %q go, want %q: %v", marked, want, err)
	}
}
