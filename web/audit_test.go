package web_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
)

func trail() []audit.Row {
	return []audit.Row{
		entry(45, "scope.restore", audit.Allowed, func(r *audit.Row) {
			r.Target, r.WeddingID, r.Point, r.Took = "the operation's id", "w1", "20261123T070500Z-aa", 400*time.Millisecond
			r.Detail = json.RawMessage(`{"mode":"rewind","left_out":2}`)
		}),
		entry(44, "backup.start", audit.Refused, func(r *audit.Row) {
			r.Security, r.Token, r.Session, r.Detail = true, "token-7", "", json.RawMessage(`{"code":"forbidden"}`)
		}),
		entry(43, "session.start", audit.Allowed,
			func(r *audit.Row) { r.Security, r.Detail = true, json.RawMessage(`{"new_device":true}`) }),
		entry(42, "backup.end", audit.Failed, func(r *audit.Row) {
			r.ActorName, r.ActorRole = "worker",
				keepsake.RoleSystem
		}),
		entry(41, "moon.landed", audit.Allowed, func(r *audit.Row) { r.ActorName = `<script>alert("x")</script>` }),
	}
}

func TestAuditSaysEntriesInPlainWords(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.get("/audit").want(http.StatusOK).says("Nothing on record yet", "Not verified yet")
	s.console.trail = trail()
	s.console.verdict = &console.AuditVerdict{
		Report:  audit.Report{Intact: true, Rows: 45, Sealed: &audit.Seal{Row: 40, At: moment}},
		Checked: moment.Add(-time.Hour)}
	a := s.get("/audit").want(http.StatusOK).says(
		"anna@wedsync.example asked to restore wedding w1 from recovery point 20261123T070500Z-aa (0.4 s)",
		"anna@wedsync.example, by a token, was refused to start a backup", "Refused", "Security",
		"signed in, from a device not seen before",
		"Keepsake’s worker tried to finish a backup, and it did not work", "Failed",
		`<script>alert("x")</script> did: moon landed`,
		"Left out 2", "Token token-7", "Request REQ1", "from 192.0.2.1",
		"Intact, sealed up to row 40 on 23 Nov 2026", "Last verified 1 h ago")
	if len(a.all("details", "class", "ks-more")) != 6 || len(a.all("li", "id", "entry-45")) != 1 {
		t.Error("an entry has no details")
	}
	if href := attr(a.one("a", "rel", "next"), "href"); href != "/audit?before=41" {
		t.Errorf("the next page is %q", href)
	}
	if here := a.all("a", "aria-current", "page"); len(here) != 2 || attr(here[0], "href") != "/audit" ||
		attr(here[1], "href") != "/audit" {
		t.Errorf("the navigation does not say where this is: %d", len(here))
	}
	s.console.trail = []audit.Row{entry(46, "scope.restore", audit.Allowed, func(r *audit.Row) {
		r.Target, r.Detail = "the operation's id", json.RawMessage(`{"scope":"everything"}`)
	})}
	s.get("/audit").says("anna@wedsync.example asked to restore everything")
	s.console.verdict = &console.AuditVerdict{
		Report: audit.Report{Intact: true, Sealed: &audit.Seal{Row: 40, At: moment.Add(-49 * time.Hour)}}, Checked: moment}
	s.get("/audit").says("Intact, sealed up to row 40 on 21 Nov 2026", "a new one is late")
	s.console.verdict = &console.AuditVerdict{
		Report: audit.Report{Intact: true, Sealed: &audit.Seal{Row: 40, At: moment.AddDate(1, 0, 0)}}, Checked: moment}
	s.get("/audit").says("Intact, sealed up to row 40 on 23 Nov 2027", "dated ahead of this machine’s clock")
	s.console.verdict = &console.AuditVerdict{
		Report: audit.Report{Broken: 12, Problem: "row 12 was changed after it was written"}, Checked: moment}
	s.get("/audit").says("The trail is broken at row 12", "row 12 was changed after it was written.",
		"recovery points do not lie there and are not affected", "Export the trail before anything changes")
	s.console.verdict = &console.AuditVerdict{
		Report:   audit.Report{Intact: true},
		Unsealed: "every provider is away",
		Missing:  []string{"provider far: away"},
		Checked:  moment,
	}
	s.get("/audit").says("the seals could not be read", "every provider is away.", "provider far: away")
}

func TestAuditFiltersAreKeptAcrossPagesAndExports(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.console.trail = trail()
	q := url.Values{"search": {"anna restore"}, "actor": {"anna@wedsync.example"}, "action": {"scope.restore"},
		"outcome": {"allowed"}, "wedding": {"w1"}, "point": {"p1"},
		"since": {"2026-11-01"}, "until": {"2026-11-23"}, "security": {"yes"}}
	a := s.get("/audit?" + q.Encode()).want(http.StatusOK)
	want := audit.Filter{
		Search:       "anna restore",
		Actor:        "anna@wedsync.example",
		Action:       "scope.restore",
		Outcome:      audit.Allowed,
		WeddingID:    "w1",
		Point:        "p1",
		OnlySecurity: true,
		Since:        time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		Until:        time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC),
	}
	if got := s.console.filters[0]; got != want {
		t.Errorf("asked for %+v", got)
	}
	next := attr(a.one("a", "rel", "next"), "href")
	s.get(next).want(http.StatusOK).says("Back to the newest")
	want.Before = 41
	if got := s.console.filters[1]; got != want {
		t.Errorf("the next page asks for %+v", got)
	}
	if form := fields(a.one("form", "action", "/audit")); form.Get("search") != "anna restore" ||
		form.Get("security") != "yes" || form.Get("since") != "2026-11-01" {
		t.Errorf("the form forgot: %v", form)
	}
	chosen := 0
	for _, o := range a.all("option", "value", "scope.restore") {
		for _, at := range o.Attr {
			if at.Key == "selected" {
				chosen++
			}
		}
	}
	if chosen != 1 {
		t.Errorf("the action is chosen %d times", chosen)
	}
	for _, link := range a.all("a", "", "") {
		if href := attr(link, "href"); strings.HasPrefix(href, "/audit/export") {
			s.get(href).want(http.StatusOK)
		}
	}
	want.Before = 0
	if got := s.console.filters[2:]; len(got) != 2 || got[0] != want || got[1] != want {
		t.Errorf("exports ask for %+v", got)
	}
	s.console.trail = nil
	s.get("/audit?search=nothing").says("No entry is like that")
	for _, bad := range []string{"outcome=maybe", "since=yesterday", "before=x", "before=-1"} {
		if to := attr(s.get("/audit?"+bad).want(http.StatusUnprocessableEntity).one("a", "class", "btn btn-primary"),
			"href"); to != "/audit" {
			t.Errorf("%s leads to %s", bad, to)
		}
	}
}

func TestAuditExportIsStreamed(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.console.trail = trail()
	a := s.get("/audit/export?format=jsonl").want(http.StatusOK)
	if n := strings.Count(a.body, "\n"); n != 5 || a.header.Get("Content-Type") != "application/x-ndjson" ||
		!strings.Contains(a.header.Get("Content-Disposition"), `"audit.jsonl"`) ||
		a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d lines, %v", n, a.header)
	}
	s.console.trail[0].ActorName = "=cmd()"
	if a := s.get("/audit/export?format=csv"); !strings.Contains(a.body, ",'=cmd(),") {
		t.Errorf("a formula: %s", a.body)
	}
	s.get("/audit/export?format=xml").want(http.StatusUnprocessableEntity)
	s.console.exportErr = errors.New("the database went away")
	if resp, err := s.client.Get(s.url + "/audit/export?format=jsonl"); err == nil {
		if _, err = readAll(resp); err == nil {
			t.Error("half an export looks like a whole one")
		}
	}
}

func TestAuditIsVerifiedWithoutScript(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	form := s.get("/audit").one("form", "action", "/audit/verify")
	if to := s.post(attr(form, "action"), fields(form)).want(http.StatusSeeOther).header.Get("Location"); to != "/audit" ||
		s.console.verified != 1 {
		t.Errorf("came to %q after %d verifications", to, s.console.verified)
	}
	s.post("/audit/verify", nil, "Sec-Fetch-Site", "cross-site").want(http.StatusForbidden)
}

// TestTheAPISaysHowFarTheTrailIsSealed: what came later is vouched for by nobody yet.
func TestTheAPISaysHowFarTheTrailIsSealed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.console.verdict = &console.AuditVerdict{
		Report: audit.Report{Intact: true, Rows: 45, Sealed: &audit.Seal{Row: 40, At: moment}}, Checked: moment}
	if a := s.asked(http.MethodGet, "/api/audit").want(http.StatusOK); !strings.Contains(a.body, `"sealed_to":40`) {
		t.Error(a.body)
	}
}
