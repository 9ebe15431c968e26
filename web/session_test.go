package web_test

import (
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/web"
)

func TestSignInAndOut(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	form := fields(s.get("/sign-in?next=%2Fpoints%3Fcursor%3Da").one("form", "action", "/sign-in"))
	form.Set("email", admin.Name)
	form.Set("password", "wrong")
	a := s.post("/sign-in", form).want(http.StatusUnprocessableEntity).says("E-mail and password do not match")
	if strings.Contains(a.body, "wrong") {
		t.Error("the password came back in the page")
	}
	form.Set("password", "")
	s.post("/sign-in", form).want(http.StatusUnprocessableEntity).says("Type both")
	form.Set("password", "right")
	a = s.post("/sign-in", form).want(http.StatusSeeOther)
	if to := a.header.Get("Location"); to != "/points?cursor=a" {
		t.Errorf("after signing in: %q", to)
	}
	cookie := a.header.Get("Set-Cookie")
	if !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Lax") ||
		strings.Contains(cookie, "session-1") || strings.Contains(cookie, "Secure") {
		t.Errorf("the cookie is %q", cookie)
	}
	s.get("/").want(http.StatusOK).says(admin.Name)
	s.get("/sign-in").want(http.StatusSeeOther)

	s.post("/sign-in", form).want(http.StatusSeeOther)
	if len(s.auth.ended) != 1 || s.auth.ended[0] != "session-1" {
		t.Errorf("signing in again ended %v, want the session before", s.auth.ended)
	}
	s.post("/sign-out", nil).want(http.StatusSeeOther)
	if len(s.auth.sessions) != 0 {
		t.Error("signing out left the session")
	}
	s.get("/").want(http.StatusSeeOther)
	if strings.Contains(s.log.String(), "right") || strings.Contains(s.log.String(), "cursor") {
		t.Errorf("the log tells secrets: %s", s.log)
	}
}

func TestSignInLeadsToNoOtherSite(t *testing.T) {
	t.Parallel()
	for _, next := range []string{"https://evil.example/", "//evil.example/", `/\evil.example`, "javascript:alert(1)",
		"/sign-out", "points", "/a\r\nb", "%2f%2fevil.example/", "/%2f/evil.example/", "/\t/evil.example/",
		"https:evil.example", "///evil.example/", "//evil.example\\@localhost/", "\\\\evil.example/"} {
		s := newSite(t)
		a := s.post("/sign-in", url.Values{"email": {admin.Name}, "password": {"right"}, "next": {next}}).want(
			http.StatusSeeOther)
		if to := a.header.Get("Location"); to != "/" {
			t.Errorf("next=%q goes to %q", next, to)
		}
		if to := s.post("/prove", url.Values{"password": {"right"}, "next": {next}}).want(http.StatusSeeOther).header.Get(
			"Location"); to != "/" {
			t.Errorf("after a proof next=%q goes to %q", next, to)
		}
	}
}

func TestExpiredSessionComesBackToTheSamePage(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	clear(s.auth.sessions)
	to := s.get("/points?cursor=a").want(http.StatusSeeOther).header.Get("Location")
	page := s.get(to).want(http.StatusOK).says("Your session has ended")
	if next := attr(page.one("input", "name", "next"), "value"); next != "/points?cursor=a" {
		t.Errorf("afterwards: %q", next)
	}
}

func TestSessionOutlivesAConsoleDatabaseThatIsDown(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.auth.down = true
	for path, back := range map[string]string{"/": "/", "/weddings?q=anna": "/weddings?q=anna", "//evil.example/": "/",
		"/%2fevil.example/": "/"} {
		a := s.get(path).want(http.StatusServiceUnavailable).says("its own database does not answer")
		if n := strings.Count(a.text(), "does not answer"); n != 1 {
			t.Errorf("it is said %d times: %s", n, a.text())
		}
		if to := attr(a.one("a", "class", "btn btn-primary"), "href"); to != back {
			t.Errorf("%s: trying again leads to %s", path, to)
		}
	}
	s.auth.down = false
	s.get("/").want(http.StatusOK)
}

// TestRequestsOfAPageKeepNoSessionAlive: what the overview asks for by itself keeps no session from ending, and what a
// person asks for does.
func TestRequestsOfAPageKeepNoSessionAlive(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	poll := s.get("/").want(http.StatusOK).one("div", "hx-trigger", "every 15s")
	marks := map[string]string{}
	if err := json.Unmarshal([]byte(attr(poll, "hx-headers")), &marks); err != nil || len(marks) != 1 {
		t.Fatalf("%q: %v", attr(poll, "hx-headers"), err)
	}
	if s.auth.byItself != 0 {
		t.Error("a person's request counts as none")
	}
	for name, value := range marks {
		s.get("/", "HX-Request", "true", name, value).want(http.StatusOK)
	}
	s.get("/operations/none/events", "Accept", "text/event-stream")
	if s.auth.byItself != 2 {
		t.Errorf("%d requests, want the overview's and the stream's", s.auth.byItself)
	}
}

func TestForgedSessionCookieIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.get("/", "Cookie", "keepsake_session=forged").want(http.StatusSeeOther)
	s.get("/sign-in", "Cookie", "keepsake_session=forged").want(http.StatusOK)
}

func TestCookieIsSecureBehindTLS(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		tls     bool
		remote  string
		proto   string
		proxies []netip.Prefix
		want    bool
	}{
		"plain": {remote: "10.0.0.9:1", want: false},
		"tls":   {tls: true, remote: "10.0.0.9:1", want: true},
		"trusted proxy": {
			remote:  "10.0.0.9:1",
			proto:   "https",
			proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
			want:    true,
		},
		"two proxies": {
			remote:  "10.0.0.9:1",
			proto:   "https, http",
			proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
			want:    true,
		},
		"untrusted proxy": {
			remote:  "192.0.2.9:1",
			proto:   "https",
			proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
			want:    false,
		},
		"no proxy at all": {remote: "10.0.0.9:1", proto: "https", want: false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, err := web.New(web.Deps{
				Console:        newFakeConsole(),
				Auth:           newFakeAuth(),
				SessionSecret:  "0123456789abcdef0123456789abcdef",
				TrustedProxies: tt.proxies,
			})
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest(http.MethodPost, "/sign-in",
				strings.NewReader(url.Values{"email": {admin.Name}, "password": {"right"}}.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("X-Forwarded-Proto", tt.proto)
			r.RemoteAddr = tt.remote
			if tt.tls {
				r.TLS = &tls.ConnectionState{}
			}
			w := httptest.NewRecorder()
			e.ServeHTTP(w, r)
			if got := strings.Contains(w.Header().Get("Set-Cookie"), "Secure"); w.Code != http.StatusSeeOther || got != tt.want {
				t.Errorf("status %d, Secure %v, want %v", w.Code, got, tt.want)
			}
		})
	}
}

func TestAShortSecretIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := web.New(web.Deps{SessionSecret: "short"}); err == nil || !strings.Contains(err.Error(), "at least 32") {
		t.Errorf("err = %v", err)
	}
}

func TestThemeIsKeptWithoutScript(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	form := fields(s.get("/points").one("form", "action", "/theme"))
	form.Set("theme", "dark")
	if to := s.post("/theme", form).want(http.StatusSeeOther).header.Get("Location"); to != "/points" {
		t.Errorf("came back to %q", to)
	}
	s.get("/points").one("html", "data-theme", "dark")
	s.post("/theme", url.Values{"theme": {"neon"}}).want(http.StatusUnprocessableEntity)
}

func TestOtherSitesMayNotPost(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.post("/backups", url.Values{"type": {"full"}}, "Sec-Fetch-Site", "cross-site").want(http.StatusForbidden).says(
		"came from another site")
	s.post("/backups", url.Values{"type": {"full"}}, "Origin", "https://evil.example").want(http.StatusForbidden)
	if len(s.console.backups) != 0 {
		t.Fatal("a backup was started from another site")
	}
	s.post("/backups", url.Values{"type": {"full"}}, "Sec-Fetch-Site", "same-origin").want(http.StatusSeeOther)
}

func TestLargeBodiesAreRefused(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.post("/backups", url.Values{"type": {"full"}, "note": {strings.Repeat("x", 70<<10)}}).want(
		http.StatusRequestEntityTooLarge)
}
