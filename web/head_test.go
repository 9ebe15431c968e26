package web_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/web"
)

// TestHeadWorksWhereGetDoes asks every route that answers GET for its header alone.
func TestHeadWorksWhereGetDoes(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	tried := 0
	for _, r := range s.handler().Routes() {
		if r.Method != http.MethodGet || strings.HasPrefix(r.Path, "/api/backups") || strings.HasSuffix(r.Path, "/events") {
			continue
		}
		path := strings.NewReplacer(":id", "op1", "/static/*", "/static/nothing").Replace(r.Path)
		got, head := s.get(path), s.do(http.MethodHead, path, nil)
		if head.status != got.status || head.body != "" || head.header.Get("Content-Type") != got.header.Get("Content-Type") {
			t.Errorf("HEAD %s: %d %q with %d bytes; GET: %d %q", path, head.status, head.header.Get("Content-Type"),
				len(head.body), got.status, got.header.Get("Content-Type"))
		}
		tried++
	}
	if tried < 25 {
		t.Fatalf("%d routes were tried: the test proves nothing", tried)
	}
	s.do(http.MethodHead, "/backups", nil).want(s.get("/backups").status) // which is for POST alone
}

// TestHeadOfAStreamEnds: an answer that never ends has a header all the same.
func TestHeadOfAStreamEnds(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.console.operations["op1"] = runningBackup("op1")
	a := s.do(http.MethodHead, "/operations/op1/events", nil)
	if a.status != http.StatusOK || !strings.HasPrefix(a.header.Get("Content-Type"), "text/event-stream") || a.body != "" {
		t.Errorf("%d %q %q", a.status, a.header.Get("Content-Type"), a.body)
	}
}

// TestReadinessIsHonest: a process that lives is ready only while its database answers.
func TestReadinessIsHonest(t *testing.T) {
	t.Parallel()
	var away error
	s := newSiteOf(t, func(d *web.Deps) { d.Ready = func(context.Context) error { return away } })
	for _, c := range []struct {
		err    error
		status int
		says   string
	}{
		{nil, http.StatusOK, "ready\n"},
		{errors.New("the console database does not answer"), http.StatusServiceUnavailable,
			"not ready: the console database does not answer\n"},
		{nil, http.StatusOK, "ready\n"},
	} {
		away = c.err
		if a := s.get("/readyz").want(c.status); a.body != c.says || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%q", a.body)
		}
		s.do(http.MethodHead, "/readyz", nil).want(c.status)
		s.get("/healthz").want(http.StatusOK) // the process lives
	}
}

// TestCookiesThatAreNotSecureAreWarnedOf: behind a proxy that nobody trusts, every page and the log say what to do.
func TestCookiesThatAreNotSecureAreWarnedOf(t *testing.T) {
	t.Parallel()
	const warning = "Name the proxy that ends TLS in server.trusted_proxies"
	plain := signedIn(t)
	if a := plain.get("/points"); strings.Contains(a.body, warning) {
		t.Error("a console that is reached by http on purpose is warned of")
	}
	s := newSiteOf(t, func(d *web.Deps) { d.ByTLS = true })
	in := s.post("/sign-in", url.Values{"email": {admin.Name}, "password": {"right"}, "next": {"/"}},
		"X-Forwarded-Proto", "https")
	if strings.Contains(in.header.Get("Set-Cookie"), "Secure") {
		t.Fatal("a proxy that nobody trusts was believed")
	}
	s.get("/points").says(warning)
	s.get("/points").says(warning)
	if n := strings.Count(s.log.String(), "server.base_url says https"); n != 1 {
		t.Errorf("the log says it %d times, want once", n)
	}
}
