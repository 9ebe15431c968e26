package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/testenv"
)

// TestPolicyOnTheCommandLine says when the next backup begins, and what other rhythms would make.
func TestPolicyOnTheCommandLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting,
		"create table weddings (id int primary key, couple text, wedding_date date)",
		"insert into weddings select i, 'A', current_date + i from generate_series(0, 1) i")
	w.must(t, exitDone, "init")
	raw, err := os.ReadFile(w.config)
	if err != nil {
		t.Fatal(err)
	}
	w.write(t, w.config, strings.Replace(string(raw), "schedule: {automatic: false}",
		"schedule: {zone: Asia/Kathmandu, post_event: never}\ndata_map: {wedding: {table: public.weddings, name: couple, "+
			"date: wedding_date}}", 1))
	o := w.must(t, exitDone, "policy", "show")
	for _, says := range []string{"while a wedding is today or tomorrow", "every 15 minutes", "next backup: now, full"} {
		if !strings.Contains(o.out, says) {
			t.Errorf("it does not say %q:\n%s", says, o.out)
		}
	}
	w.must(t, exitDone, "backup")
	var shown struct {
		On     bool
		Zone   string
		Phases []struct {
			Phase, Rhythm string
			Weddings      int
		}
		Next *struct {
			At        time.Time
			Type, Why string
		}
	}
	o = w.must(t, exitDone, "policy", "show", "--json")
	if err := json.Unmarshal([]byte(o.out), &shown); err != nil || !shown.On || shown.Zone != "Asia/Kathmandu" ||
		len(shown.Phases) != 4 || shown.Phases[3].Rhythm != "never" || shown.Next == nil ||
		shown.Next.Type != "incremental" ||
		time.Until(shown.Next.At) > 15*time.Minute {
		t.Errorf("%s, %v", o.out, err)
	}
	var simulated struct {
		Backups, Full int
		Days          []struct{ Backups int }
	}
	o = w.must(t, exitDone, "policy", "simulate", "--days", "10", "--execution", "every 6 hours", "--preparation", "never",
		"--full", "every 2 days", "--json")
	if err := json.Unmarshal([]byte(o.out), &simulated); err != nil || simulated.Backups < 10 || simulated.Backups > 20 ||
		simulated.Full < 4 || len(simulated.Days) < 10 {
		t.Errorf("%s, %v", o.out, err)
	}
	if o = w.must(t, exitDone, "policy", "simulate"); !strings.Contains(o.out, "backups would begin within 30 days") {
		t.Errorf("%s", o.out)
	}
	for _, args := range [][]string{{"policy", "simulate", "--days", "0"}, {"policy", "simulate", "--full", "often"}} {
		if o := w.must(t, exitUsage, args...); strings.Count(o.err, "\n") > 1 {
			t.Errorf("%v: %s", args, o.err)
		}
	}
	testenv.Secret("the platform's password", w.env["PLATFORM"])
	w.env["PLATFORM"] = "postgres://a:b@127.0.0.1:1/x"
	if o = w.must(t, exitDone, "policy", "show"); !strings.Contains(o.out, "does not say how many weddings there are") {
		t.Errorf("%s", o.out)
	}
}
