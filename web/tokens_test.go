package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/wedsync/keepsake/internal/auth"
)

// has reports whether an element has an attribute, such as checked, whatever it says.
func has(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

// TestARefusedTokenFormKeepsWhatWasChosen: who mends the name alone must not get other scopes or another end than they
// chose.
func TestARefusedTokenFormKeepsWhatWasChosen(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	ticked := func(a answer, scope string) bool { return has(a.one("input", "value", scope), "checked") }
	a := s.get("/tokens").want(http.StatusOK)
	if !ticked(a, "read") || ticked(a, "backup") || ticked(a, "restore") ||
		!has(a.one("option", "value", "90"), "selected") {
		t.Error("a new form does not offer reading for 90 days")
	}
	a = s.post("/tokens", url.Values{"name": {""}, "scope": {"backup"}, "days": {"7"}}).want(
		http.StatusUnprocessableEntity).says("Give the token a name.")
	if ticked(a, "read") || !ticked(a, "backup") || ticked(a, "restore") {
		t.Error("the scopes are not those that were chosen")
	}
	if !has(a.one("option", "value", "7"), "selected") || has(a.one("option", "value", "90"), "selected") {
		t.Error("the lifetime is not the one that was chosen")
	}
	a = s.post("/tokens", url.Values{"days": {"1000000"}}).want(http.StatusUnprocessableEntity)
	if ticked(a, "read") || !has(a.one("option", "value", "90"), "selected") {
		t.Error("a lifetime that is not offered leaves none chosen, or a scope came back that was not chosen")
	}
}

// TestATokenFormMakesOneToken, also when it is sent twice: a second one would be valid and never have been shown.
func TestATokenFormMakesOneToken(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	form := fields(s.get("/tokens").one("form", "action", "/tokens"))
	form.Set("name", "deploy")
	a := s.post("/tokens", form).want(http.StatusOK).says("Copy it now", fakeToken)
	if next := fields(a.one("form", "action", "/tokens")).Get("id"); form.Get("id") == "" || next == form.Get("id") {
		t.Errorf("the next form has the same id %q", next)
	}
	if a := s.post("/tokens", form).want(http.StatusConflict).says("has made its token already"); strings.Contains(a.body,
		fakeToken) {
		t.Error("a token is shown twice")
	}
}

// TestARevokedTokenSaysWhen it was, and no other is revoked by one touch.
func TestARevokedTokenSaysWhen(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	at := moment.Add(-3 * time.Hour)
	s.tokens.list = []auth.Token{{ID: "t1", Name: "nightly", Created: at, Expires: moment.AddDate(0, 1, 0)},
		{ID: "t2", Name: "old", Created: at, Expires: moment.AddDate(0, 1, 0), Revoked: at}}
	a := s.get("/tokens").want(http.StatusOK).says("Revoked", "3 h ago", "cannot be had back")
	if form := a.one("form", "action", "/tokens/t1/revoke"); form.Parent.Data != "details" || has(form.Parent, "open") {
		t.Error("a token is revoked by one touch")
	}
	if len(a.all("form", "action", "/tokens/t2/revoke")) != 0 {
		t.Error("a token that is revoked can be revoked")
	}
}
