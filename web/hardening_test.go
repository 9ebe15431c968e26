package web_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/web"
)

const testSecret = "0123456789abcdef0123456789abcdef"

// console is the handler itself, with its table of routes.
func (s *site) handler(change ...func(*web.Deps)) *echo.Echo {
	s.t.Helper()
	d := web.Deps{Console: s.console, Auth: s.auth, SessionSecret: testSecret}
	for _, f := range change {
		f(&d)
	}
	e, err := web.New(d)
	if err != nil {
		s.t.Fatal(err)
	}
	return e
}

// TestNoStateChangesFromAnotherSite tries every route there is that is not a GET, also those that are added later. What
// takes no cookies, an API, answers another site like everybody who is not signed in.
func TestNoStateChangesFromAnotherSite(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	tried := 0
	for _, r := range s.handler().Routes() {
		switch r.Method {
		case http.MethodGet, http.MethodHead, http.MethodOptions, echo.RouteNotFound:
			continue
		}
		tried++
		path := strings.NewReplacer(":id", "op1", ":action", "x", "*", "x").Replace(r.Path)
		for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"},
			{"Origin", "https://evil.example"}} {
			a := s.do(r.Method, path, url.Values{"type": {"full"}}, header...)
			if a.status != http.StatusForbidden && (a.status != http.StatusUnauthorized || !strings.HasPrefix(path, "/api/")) {
				t.Errorf("%s %s with %v: %d", r.Method, path, header, a.status)
			}
		}
	}
	if tried < 15 {
		t.Fatalf("%d routes change anything: the test proves nothing", tried)
	}
	if s.console.verified+len(s.console.backups)+len(s.console.restores)+len(s.console.cancelled)+len(s.console.saved)+
		len(s.auth.ended) != 0 {
		t.Error("another site changed something")
	}
}

// TestEveryAnswerCarriesThePolicy, found or not, signed in or not.
func TestEveryAnswerCarriesThePolicy(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*site{"signed in": signedIn(t), "nobody": newSite(t)} {
		for _, path := range []string{"/", "/audit", "/audit/export?format=csv", "/sign-in", "/static/app.css", "/healthz",
			"/nothing", "/static/nothing", "/operations/x/events", "/weddings/w1/contacts.csv", "/api/docs", "/api/openapi.json",
			"/api/backups/status", "/api/nothing", "/operations/nothing"} {
			for method, h := range map[string]http.Header{"GET": s.get(path).header,
				"POST":  s.post(path, url.Values{"note": {strings.Repeat("x", 70<<10)}}).header,
				"TRACE": s.do(http.MethodTrace, path, nil).header} {
				if h.Get("Content-Security-Policy") != web.Policy || h.Get("X-Content-Type-Options") != "nosniff" ||
					h.Get("X-Frame-Options") != "DENY" || h.Get("Referrer-Policy") == "" {
					t.Errorf("%s, %s %s: %v", name, method, path, h)
				}
			}
		}
	}
	for _, forbidden := range []string{"unsafe", "http:", "https:", "*", "eval"} {
		if strings.Contains(web.Policy, forbidden) {
			t.Errorf("the policy allows %s", forbidden)
		}
	}
}

// TestAnswersAreNotCached: what is for somebody who is signed in is in no cache, and not behind the back button after
// signing out.
func TestAnswersAreNotCached(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.console.preview = damagedWedding()
	for _, path := range []string{"/", "/audit", "/sessions", "/second-step", "/weddings/w%201%2F2/contacts",
		"/weddings/w%201%2F2/contacts.csv", "/weddings/w%201%2F2/contacts.vcf", "/audit/export?format=csv"} {
		if a := s.get(path).want(http.StatusOK); a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %q", path, a.header.Get("Cache-Control"))
		}
	}
	s.post("/sign-out", nil)
	if a := s.get("/audit").want(http.StatusSeeOther); a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("sent to sign in: %q", a.header.Get("Cache-Control"))
	}
}

// TestTLSIsRemembered: browsers that came by TLS, here or at a trusted proxy, come by nothing else afterwards; nobody
// else can make them.
func TestTLSIsRemembered(t *testing.T) {
	t.Parallel()
	proxy := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for name, c := range map[string]struct {
		tls           bool
		remote, proto string
		want          bool
	}{
		"plain":           {false, "192.0.2.9:1", "", false},
		"tls":             {true, "192.0.2.9:1", "", true},
		"trusted proxy":   {false, "10.0.0.9:1", "https", true},
		"untrusted proxy": {false, "192.0.2.9:1", "https", false},
		"proxy, plain":    {false, "10.0.0.9:1", "http", false},
	} {
		e := newSite(t).handler(func(d *web.Deps) { d.TrustedProxies = proxy })
		r := httptest.NewRequest(http.MethodGet, "/sign-in", nil)
		r.RemoteAddr = c.remote
		if c.proto != "" {
			r.Header.Set("X-Forwarded-Proto", c.proto)
		}
		if c.tls {
			r.TLS = &tls.ConnectionState{}
		}
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		if got := w.Header().Get("Strict-Transport-Security") != ""; got != c.want {
			t.Errorf("%s: Strict-Transport-Security %v, want %v", name, got, c.want)
		}
	}
}

// TestForwardedAddressIsBelievedOfTrustedProxiesOnly: X-Forwarded-For is believed from trusted proxies alone.
func TestForwardedAddressIsBelievedOfTrustedProxiesOnly(t *testing.T) {
	t.Parallel()
	proxy := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	const sent = "203.0.113.66, 198.51.100.1" // the first is what a client may have written itself
	for name, c := range map[string]struct {
		remote, forwarded string
		proxies           []netip.Prefix
		want              string
	}{
		"no proxy":            {"192.0.2.9:1", sent, nil, "192.0.2.9"},
		"untrusted":           {"192.0.2.9:1", sent, proxy, "192.0.2.9"},
		"trusted":             {"10.0.0.9:1", sent, proxy, "198.51.100.1"},
		"trusted, by IPv6":    {"[::ffff:10.0.0.9]:1", sent, proxy, "198.51.100.1"},
		"two proxies":         {"10.0.0.9:1", sent + ", 10.0.0.8", proxy, "198.51.100.1"},
		"a client that lies":  {"10.0.0.9:1", "10.0.0.7, 198.51.100.1", proxy, "198.51.100.1"},
		"no address":          {"10.0.0.9:1", "203.0.113.66, <b>", proxy, "10.0.0.9"},
		"nothing":             {"10.0.0.9:1", "", proxy, "10.0.0.9"},
		"an IPv6 client":      {"10.0.0.9:1", "203.0.113.66, 2001:db8::1", proxy, "2001:db8::1"},
		"unset, loopback":     {"127.0.0.1:1", sent, nil, "127.0.0.1"},
		"unset, next to here": {"10.0.0.9:1", sent, nil, "10.0.0.9"},
	} {
		s := newSite(t)
		e := s.handler(func(d *web.Deps) { d.TrustedProxies = c.proxies })
		r := httptest.NewRequest(http.MethodPost, "/sign-in",
			strings.NewReader(url.Values{"email": {admin.Name}, "password": {"right"}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("X-Forwarded-For", c.forwarded)
		r.Header.Set("X-Real-IP", "203.0.113.66")
		r.RemoteAddr = c.remote
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		r = httptest.NewRequest(http.MethodGet, "/audit", nil)
		r.Header.Set("X-Forwarded-For", c.forwarded)
		r.RemoteAddr = c.remote
		for _, cookie := range w.Result().Cookies() { //nolint:bodyclose // a recorder's
			r.AddCookie(cookie)
		}
		w = httptest.NewRecorder()
		e.ServeHTTP(w, r)
		if w.Code != http.StatusOK || len(s.console.auditors) != 1 || s.console.auditors[0].Address != c.want ||
			s.console.auditors[0].RequestID == "" {
			t.Errorf("%s: %d, %+v, want %s", name, w.Code, s.console.auditors, c.want)
		}
	}
}

// TestABodyWithoutALengthIsBoundedToo.
func TestABodyWithoutALengthIsBoundedToo(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	// sent in chunks: its length is not known
	body := io.MultiReader(strings.NewReader("type=full&note="), bytes.NewReader(bytes.Repeat([]byte("x"), 1<<20)))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/backups", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := s.client.Do(r)
	if err == nil { // the server may have hung up before it was sent
		_, _ = readAll(resp)
		if resp.StatusCode < 400 || resp.StatusCode >= 500 {
			t.Errorf("status %d", resp.StatusCode)
		}
	}
	if len(s.console.backups) != 0 {
		t.Errorf("a backup was started: %+v", s.console.backups)
	}
}

// TestTheAPITakesNoCookies: who is signed in at the pages is nobody there, so that no other site can act through a
// person's browser.
func TestTheAPITakesNoCookies(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.get("/").want(http.StatusOK)
	asked := len(s.console.actors)
	tried := 0
	for _, r := range s.handler().Routes() {
		path := strings.NewReplacer(":id", "op1", "*", "nothing").Replace(r.Path)
		if !strings.HasPrefix(path, "/api/") || path == "/api/docs" || path == "/api/openapi.json" ||
			r.Method == echo.RouteNotFound {
			continue
		}
		tried++
		if a := s.do(r.Method, path, nil); a.status != http.StatusUnauthorized || a.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s %s: %d", r.Method, path, a.status)
		}
	}
	if tried < 20 || len(s.console.actors) != asked {
		t.Errorf("%d routes were tried, and the console was asked %d times", tried, len(s.console.actors)-asked)
	}
}

// TestPagesTakeNoTokens: a token opens what its scopes name, and so no page, which knows none.
func TestPagesTakeNoTokens(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.asked(http.MethodGet, "/api/backups/status").want(http.StatusOK)
	asked := len(s.console.actors)
	tried := 0
	for _, r := range s.handler().Routes() {
		path := strings.NewReplacer(":id", "op1", "*", "nothing").Replace(r.Path)
		if strings.HasPrefix(path, "/api/") || r.Method == echo.RouteNotFound ||
			slices.Contains([]string{"/sign-in", "/sign-in/code", "/sign-out",
				"/theme", "/healthz", "/readyz", "/static/nothing"}, path) {
			continue
		}
		tried++
		if to := s.asked(r.Method, path).want(http.StatusSeeOther).header.Get("Location"); to != "/sign-in" &&
			!strings.HasPrefix(to, "/sign-in?") {
			t.Errorf("%s %s goes to %q", r.Method, path, to)
		}
	}
	if tried < 40 || len(s.console.actors) != asked {
		t.Errorf("%d routes were tried, and the console was asked %d times", tried, len(s.console.actors)-asked)
	}
}
