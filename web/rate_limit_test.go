package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestAUsedUpLimitSaysWhenToTryAgain in words on the form and in headers, for people and for what htmx swaps.
func TestAUsedUpLimitSaysWhenToTryAgain(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	q := keepsake.Quota{Name: "full", Most: 2, Window: time.Hour, Reset: 42*time.Minute + 300*time.Millisecond}
	s.console.estimate.Quotas = map[keepsake.BackupType]keepsake.Quota{keepsake.BackupFull: q,
		keepsake.BackupIncremental: {Name: "incremental", Most: 12, Left: 11}}
	s.get("/backups/new").want(http.StatusOK).says("You can start 11 more of these within the hour; 12 are the most.")
	if button := startButton(s.get("/backups/new")); button.disabled {
		t.Error("what is not at its limit cannot be started")
	}
	// A type at its limit says when, and cannot be started; another one can be chosen.
	full := s.get("/backups/new?type=full").want(http.StatusOK).says("The next one can start in 43 min, at 08:00 UTC",
		"Another kind may start now")
	if !startButton(full).disabled {
		t.Error("a type at its limit can be started")
	}
	if n := len(full.all("input", "name", "type")); n != 3 {
		t.Errorf("%d types can be chosen, want 3", n)
	}
	// Of a wedding it is the wedding's own limit that counts, and on its last day another.
	wedding := keepsake.Quota{Name: "wedding", Most: 6, Window: time.Hour, Reset: 5 * time.Minute}
	s.console.estimate.Quotas[keepsake.BackupWedding] = wedding
	s.console.estimate.Quotas[keepsake.BackupEmergency] = keepsake.Quota{Name: "emergency", Most: 12, Left: 12}
	if !startButton(s.get("/backups/new?type=incremental&wedding=w1")).disabled ||
		startButton(s.get("/backups/new?type=incremental")).disabled {
		t.Error("the limit of backups for weddings is not looked at, or for all")
	}
	// What was not estimated is not started.
	s.post("/backups", url.Values{"type": {"critical"}, "planned": {"incremental"}}).want(http.StatusConflict).says(
		"Nothing was started", "Critical")
	if n := len(s.console.backups); n != 0 {
		t.Errorf("%d backups were started", n)
	}
	s.console.startErr = &keepsake.Error{
		Code:    keepsake.CodeLimited,
		Err:     q,
		Message: "You have started as many full backups as one person may within an hour: 2.",
	}
	for _, header := range [][]string{nil, {"HX-Request", "true"}} {
		a := s.post("/backups", url.Values{"type": {"full"}}, header...).want(http.StatusTooManyRequests)
		a.says("as many full backups", "The next one can start in 43 min")
		a.sets(map[string]string{"Retry-After": "2521", "RateLimit-Policy": `"full";q=2;w=3600`,
			"RateLimit": `"full";r=0;t=2521`})
	}
	// Any other page answers alike: the error handler writes the same headers.
	s.post("/operations/op1/cancel", url.Values{}).want(http.StatusTooManyRequests).says("too often").sets(
		map[string]string{"Retry-After": "2521"})
}

// startButton is the button of the form for a backup.
func startButton(a answer) (b struct{ disabled bool }) {
	a.t.Helper()
	for n := range a.want(http.StatusOK).one("div", "id", "start").Descendants() {
		if n.Data == "button" {
			b.disabled = slices.ContainsFunc(n.Attr, func(at html.Attribute) bool { return at.Key == "disabled" })
		}
	}
	return b
}

// sets fails unless the answer has the headers.
func (a answer) sets(want map[string]string) {
	a.t.Helper()
	for name, value := range want {
		if got := a.header.Get(name); got != value {
			a.t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
}

// TestTooManySignInsAreToldWhenToComeAgain, on the form that they filled in, and without their password in it.
func TestTooManySignInsAreToldWhenToComeAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.auth.busy = true
	a := s.post("/sign-in", url.Values{"email": {admin.Name}, "password": {"right"}, "next": {"/points"}}).want(
		http.StatusServiceUnavailable)
	a.says("More people try to sign in just now")
	a.sets(map[string]string{"Retry-After": "3"})
	form := fields(a.one("form", "action", "/sign-in"))
	if form.Get("email") != admin.Name || form.Get("next") != "/points" || form.Get("password") != "" {
		t.Errorf("the form came back with %v", form)
	}
	s.auth.busy = false
	form.Set("password", "right")
	s.post("/sign-in", form).want(http.StatusSeeOther)
}
