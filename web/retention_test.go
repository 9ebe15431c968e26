package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/policy"
)

// judged is a repository with a point of each of so many hours.
func judged(s *site, hours int) {
	rules := policy.Retention{Last: 3, Daily: 2, Zone: time.UTC, MostShare: 50, MostCount: 100}
	f := policy.RetentionFacts{}
	for i := range hours {
		at := moment.Add(-time.Duration(i) * time.Hour)
		f.Points = append(f.Points, policy.HeldPoint{ID: at.Format("20060102T150405Z") + "-00", Time: at,
			Type: keepsake.BackupIncremental, Protected: true})
	}
	s.console.held = f
	s.console.retention = console.RetentionState{
		Known:       true,
		Rules:       console.Retention{Retention: rules, On: true, Grace: 24 * time.Hour},
		Plan:        rules.Plan(f, moment),
		Fingerprint: "0123456789abcdef",
		Bytes:       map[string]int64{f.Points[10].ID: 5 << 20},
		Goes:        map[string]time.Time{f.Points[10].ID: moment.Add(21 * time.Hour)},
		Next:        moment.Add(3 * time.Hour),
	}
}

// TestRetentionPage says which recovery points stay, which go and why, and what other rules would do.
func TestRetentionPage(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.get("/retention").says("Nothing is ever removed")
	judged(s, 40)
	p := s.get("/retention")
	p.says("in 3 h", "What goes", "After ", "5 MiB", "Not marked yet", "Somebody has to confirm this",
		s.console.retention.Plan.Large)
	p.one("input", "value", "0123456789abcdef")
	p.one("input", "name", "within_hours")
	s.get("/points").one("a", "href", "/retention")

	tried := s.get("/retention?daily=40&last=40")
	tried.says("What these rules would keep", "The rules keep every recovery point that there is")
	if strings.Contains(tried.text(), "Somebody has to confirm this") {
		t.Error("rules that are tried can be confirmed")
	}
	// Where htmx puts them into a page, nothing that can be confirmed is left beside them.
	part := func(query string) answer {
		return s.get("/retention"+query, "HX-Request", "true")
	}
	part("").one("input", "value", "0123456789abcdef")
	if p := part("?daily=40&last=40"); strings.Contains(p.body, "0123456789abcdef") {
		t.Error("a plan that is tried stands beside what can be confirmed")
	}
	before := s.console.judgements
	s.get("/retention?daily=40")
	if n := s.console.judgements - before; n != 1 {
		t.Errorf("all points were read %d times", n)
	}
	s.get("/retention?daily=many").says("These rules cannot be tried", "One a day: give a whole number")
	s.get("/retention?daily=-1").says("These rules cannot be tried")

	s.console.retention.Plan.Held, s.console.retention.Rules.On = "Nothing goes now: the last backup failed.", false
	s.get("/retention").says("Nothing is removed at the moment", "the last backup failed",
		"No recovery point goes by itself")

	s.console.retention.Plan = policy.RetentionPlan{}
	empty := s.get("/retention")
	empty.says("There is no recovery point yet")
	if strings.Contains(empty.text(), "Of each day") {
		t.Error("it explains figures of days that it does not show")
	}
	s.console.listErr = keepsake.Errorf(keepsake.CodeForbidden, "It concerns the whole platform.")
	s.get("/retention").want(http.StatusForbidden)
}

// TestRetentionIsConfirmed as it was shown; a password is asked for first where the last one is old.
func TestRetentionIsConfirmed(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	judged(s, 40)
	for _, form := range []url.Values{{"confirm": {"0123456789abcdef"}}, {}} {
		to := s.post("/retention", form).want(http.StatusSeeOther).header.Get("Location")
		if to != "/operations/retention-1" {
			t.Errorf("it leads to %s", to)
		}
	}
	if got := s.console.confirmed; len(got) != 2 || got[0] != "0123456789abcdef" || got[1] != "" {
		t.Errorf("confirmed: %q", got)
	}
	s.console.startErr = keepsake.Errorf(keepsake.CodeConflict, "What would go has changed since this page was loaded.")
	s.post("/retention", url.Values{"confirm": {"old"}}).want(http.StatusConflict).says("has changed")
	s.console.startErr = keepsake.Errorf(keepsake.CodeProof, "Give your password again first.")
	to := s.post("/retention", url.Values{}).want(http.StatusSeeOther).header.Get("Location")
	if !strings.HasPrefix(to, "/prove") || !strings.Contains(to, "retention") {
		t.Errorf("it leads to %s", to)
	}
}

// TestAPointThatGoesSaysSo, and how to keep it.
func TestAPointThatGoesSaysSo(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	p := &s.console.points[0]
	p.GoesAfter, p.GoesBecause = moment.Add(21*time.Hour), "a newer point of that day stays"
	s.get("/points/"+p.ID).says("Retention removes this recovery point", "because a newer point of that day stays",
		"Keep it whatever the retention rules say").one("a", "href", "/retention")
	p.Locked = true
	if strings.Contains(s.get("/points/"+p.ID).text(), "Retention removes this") {
		t.Error("a point that is locked is said to go")
	}
}
