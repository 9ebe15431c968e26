package web_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/web"
)

// asked sends a request to the API with the token.
func (s *site) asked(method, path string, header ...string) answer {
	s.t.Helper()
	return s.do(method, path, nil, append([]string{"Authorization",
		"Bearer " + fakeToken, "Content-Type", "application/json"}, header...)...)
}

// TestAFaultOfTheAPIIsLogged: the answer says that the log has the cause.
func TestAFaultOfTheAPIIsLogged(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.console.listErr = errors.New("the relation is gone")
	for _, path := range []string{"/api/compliance", "/api/backups/status"} {
		a := s.asked(http.MethodGet, path).want(http.StatusInternalServerError)
		if strings.Contains(a.body, "relation") {
			t.Errorf("%s tells the cause to everybody: %s", path, a.body)
		}
		id := a.header.Get("X-Request-Id")
		found := false
		for line := range strings.Lines(s.log.String()) {
			found = found || strings.Contains(line, id) && strings.Contains(line, "the relation is gone")
		}
		if !found {
			t.Errorf("%s: the log has no cause of %s:\n%s", path, id, s.log)
		}
	}
}

// TestNobodyIsToldWhyATokenCannotBeLookedUp: it is not known yet who asks.
func TestNobodyIsToldWhyATokenCannotBeLookedUp(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.tokens.away = errors.New("permission denied for table api_tokens")
	a := s.asked(http.MethodGet, "/api/backups/status").want(http.StatusServiceUnavailable)
	if a.header.Get("Content-Type") != "application/problem+json" || strings.Contains(a.body, "api_tokens") ||
		!strings.Contains(s.log.String(), "api_tokens") {
		t.Errorf("%s\n%s", a.body, s.log)
	}
}

// TestARevokedTokenEndsItsStream: what is open with a token ends with it.
func TestARevokedTokenEndsItsStream(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.console.operations["op1"] = runningBackup("op1")
	messages := s.watch(t.Context(), "/api/backups/op1/events", "Authorization", "Bearer "+fakeToken)
	if m := <-messages; m.event != ":" {
		t.Fatalf("%+v", m)
	}
	s.tokens.mu.Lock()
	s.tokens.ended = true
	s.tokens.mu.Unlock()
	for range messages { // the stream's life is a minute: the test's time is over before
	}
	s.asked(http.MethodGet, "/api/backups/op1").want(http.StatusUnauthorized)
}

// TestTheAPIKnowsItsMethods: another method is not another address, and what can be got has a head.
func TestTheAPIKnowsItsMethods(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.console.operations["op1"] = runningBackup("op1")
	for path, allowed := range map[string]string{"/api/backups/status": "GET, HEAD",
		"/api/backups/create": "GET, HEAD, POST", "/api/backups/recovery-points/x": "GET, HEAD, PATCH",
		"/api/backups/recovery-points": "GET, HEAD, POST", "/api/backups/op1/cancel": "POST",
		"/api/backups/op1/events": "GET"} {
		for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodOptions, "BREW"} {
			a := s.asked(method, path).want(http.StatusMethodNotAllowed)
			if got := a.header.Get("Allow"); got != allowed || a.header.Get("Content-Type") != "application/problem+json" ||
				!strings.Contains(a.body, `"status":405`) {
				t.Errorf("%s %s: Allow: %s, want %s\n%s", method, path, got, allowed, a.body)
			}
		}
		s.do(http.MethodPut, path, nil).want(http.StatusUnauthorized)
	}
	for _, path := range []string{"/api", "/api/", "/api/nothing", "/api/backups/op1/nothing", "/api/backups//cancel"} {
		if a := s.asked(http.MethodGet, path).want(http.StatusNotFound); a.header.Get(
			"Content-Type") != "application/problem+json" {
			t.Errorf("%s: %s", path, a.header.Get("Content-Type"))
		}
	}
	got, head := s.asked(http.MethodGet, "/api/backups/status"),
		s.asked(http.MethodHead, "/api/backups/status").want(http.StatusOK)
	if tag := head.header.Get("ETag"); tag == "" || tag != got.header.Get("ETag") || head.body != "" {
		t.Errorf("HEAD: %s, GET: %s", tag, got.header.Get("ETag"))
	}
	s.asked(http.MethodHead, "/api/backups/status", "If-None-Match", got.header.Get("ETag")).want(http.StatusNotModified)
}

// TestAQueryIsReadWhole: no part of it is passed over, and everything that is wrong is named at once.
func TestAQueryIsReadWhole(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for query, wrong := range map[string][]string{
		"state=%zz": {"query"}, "state=failed;kind=backup": {"query"}, "state=failed&state=done": {"query.state"},
		"State=failed": {"query.State"}, "=x": {"query."},
		"kind=party&limit=0&from=monday&colour=red&cursor=1&cursor=2": {"query.kind", "query.limit", "query.from",
			"query.colour", "query.cursor"},
	} {
		a := s.asked(http.MethodGet, "/api/operations?"+query).want(http.StatusUnprocessableEntity)
		if n := strings.Count(a.body, `"location"`); n != len(wrong) ||
			!strings.Contains(a.body, a.header.Get("X-Request-Id")) {
			t.Errorf("%s: %d are named, want %d\n%s", query, n, len(wrong), a.body)
		}
		for _, w := range wrong {
			if !strings.Contains(a.body, `"location":"`+w+`"`) {
				t.Errorf("%s: %s is not named\n%s", query, w, a.body)
			}
		}
	}
	s.asked(http.MethodGet, "/api/operations?state=failed&limit=3").want(http.StatusOK)
}

// TestTheAPIsLongAnswersTakeAsLongAsThePages: the trail of years is handed out whole, to scripts too.
func TestTheAPIsLongAnswersTakeAsLongAsThePages(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	for _, ask := range []func(){
		func() { s.get("/audit/export?format=jsonl").want(http.StatusOK) },
		func() { s.asked(http.MethodGet, "/api/audit/export?format=jsonl").want(http.StatusOK) },
		func() { s.asked(http.MethodPost, "/api/audit/verify").want(http.StatusOK) },
	} {
		s.console.until = time.Time{}
		if ask(); time.Until(s.console.until) < 5*time.Hour {
			t.Errorf("it is given up at %s", s.console.until)
		}
	}
}

// TestARefusedTokenIsToldNothing: whatever is wrong with a token, and where there is none, the answer is the same; the
// log says what it was.
func TestARefusedTokenIsToldNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var log bytes.Buffer
	e := s.handler(func(d *web.Deps) { d.Credentials, d.Logger = s.tokens, slog.New(slog.NewTextHandler(&log, nil)) })
	answers := map[string]bool{}
	for _, why := range []string{"", "it is unknown", "it was revoked",
		"the account has a second factor, and it was issued without it", "it was issued by \"https://elsewhere\""} {
		r := httptest.NewRequest(http.MethodGet, "/api/backups/status", nil)
		if why != "" {
			s.tokens.away = keepsake.Errorf(keepsake.CodeForbidden, "The token: %s.", why)
			r.Header.Set("Authorization", "Bearer a.b.c")
		}
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		if w.Code != http.StatusUnauthorized || why != "" &&
			!strings.Contains(log.String(), strings.ReplaceAll(why, `"`, `\"`)) {
			t.Errorf("%s: %d, log %s", why, w.Code, log.String())
		}
		answers[w.Header().Get("WWW-Authenticate")+strings.ReplaceAll(w.Body.String(),
			w.Header().Get("X-Request-Id"), "ID")] = true
	}
	if len(answers) != 1 {
		t.Errorf("the answers differ: %v", answers)
	}
}
