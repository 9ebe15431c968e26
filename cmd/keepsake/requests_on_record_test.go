package main

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/dbtest"
	"github.com/wedsync/keepsake/handlers/api"
	"github.com/wedsync/keepsake/internal/auth"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/web"
)

// entries counts those of the audit trail.
type entries struct {
	t *testing.T
	d *db.DB
}

func (w *world) entries(t *testing.T) entries {
	t.Helper()
	return entries{t, dbtest.Open(t, keepsake.Secret(w.env["KEEPSAKE_CONSOLE_URL"]))}
}

func (r entries) count(where string, args ...any) (n int) {
	r.t.Helper()
	err := r.d.InTx(r.t.Context(), keepsake.System("test"), func(tx db.Tx) error {
		return tx.PG.QueryRow(r.t.Context(), "select count(*) from audit_log where "+where, args...).Scan(&n)
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

// allRoutes are the routes of the real program.
func allRoutes(t *testing.T) []*echo.Route {
	t.Helper()
	table, err := web.New(web.Deps{
		Console:       &console.Console{},
		Auth:          &auth.Sessions{},
		Credentials:   &auth.Sessions{},
		SessionSecret: "of a table of routes that answers nobody",
	})
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(table.Routes(), func(r *echo.Route) bool {
		return r.Method == echo.RouteNotFound ||
			strings.HasSuffix(r.Path, "*")
	})
}

// TestEveryRefusedRequestIsOnRecord asks for every page, form and action of the real program, as nobody, from another
// site, with a session that has ended, as somebody who is signed in and names what is not there, and with a token that
// may do everything and one that may only read.
func TestEveryRefusedRequestIsOnRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	all := w.scripted(t, "read", "backup", "restore")
	reader := withToken(t, all.base, "read")
	w.secrets = append(w.secrets, reader.token)
	r := w.entries(t)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request,
		[]*http.Request) error {
		return http.ErrUseLastResponse
	}}
	nobody := &http.Client{CheckRedirect: browser.CheckRedirect}
	send := func(client *http.Client, method, path string, form url.Values, head ...string) (int, string) {
		t.Helper()
		q, err := http.NewRequestWithContext(t.Context(), method, all.base+path, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for i := 0; i < len(head); i += 2 {
			q.Header.Set(head[i], head[i+1])
		}
		resp, err := client.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode, resp.Header.Get("X-Request-Id")
	}
	signIn := func() {
		t.Helper()
		if status, _ := send(browser, http.MethodPost, "/sign-in",
			url.Values{"email": {"ada@example.com"}, "password": {consolePassword}}); status != http.StatusSeeOther {
			t.Fatalf("sign in: %d", status)
		}
	}
	signIn()
	isAPI := func(path string) bool { return strings.HasPrefix(path, api.Prefix+"/") }
	open := []string{"/sign-in", "/sign-in/code", "/sign-out", "/theme", "/healthz", "/readyz",
		api.Prefix + "/openapi.json", api.Prefix + "/docs"}
	tried := map[string]int{}
	for _, route := range allRoutes(t) {
		address := strings.NewReplacer(":id", "nothing", ":point", "nothing").Replace(route.Path)
		safe := route.Method == http.MethodGet || route.Method == http.MethodHead
		entry := func(as string, status int, id string, want bool) {
			t.Helper()
			tried[as]++
			if got := r.count("request_id = $1 and (outcome <> 'allowed' or $2 < 400)", id, status); (got > 0) != want {
				t.Errorf("%s %s %s: %d, %d entries of %s", as, route.Method, address, status, got, id)
			}
		}
		if !slices.Contains(open, route.Path) && address != "/" { // one entry stands for the hour
			send(nobody, route.Method, address, nil)
			tried["nobody"]++
		}
		if !safe && !isAPI(route.Path) {
			send(browser, route.Method, address, nil, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example")
			tried["another site"]++
		}
		switch {
		case isAPI(route.Path) && !slices.Contains(open, route.Path):
			for as, s := range map[string]script{"a token for everything": all, "a token that may read": reader} {
				a := s.send(route.Method, address, map[string]any{"unknown": true})
				if a.status >= 400 && a.status != http.StatusServiceUnavailable {
					entry(as, a.status, a.head.Get("X-Request-Id"), true)
				}
			}
		case route.Path != "/sign-out" && !strings.HasPrefix(route.Path, "/sign-in") && route.Path != "/theme":
			status, id := send(browser, route.Method, address, nil)
			if status >= 400 && status < 500 || !safe && route.Path != "/platform/restore/review" { // which asks what is wanted
				entry("somebody", status, id, true)
			}
		}
	}
	// What stands for many.
	for _, reason := range []string{"no session", "no token", "another site"} {
		if n := r.count("action = 'request.send' and outcome = 'refused' and actor_id = '' and address <> '' and detail "+
			"->> 'reason' = $1", reason); n != 1 {
			t.Errorf("%d entries of nobody because of %s, want one", n, reason)
		}
	}
	if n := r.count("security and detail ->> 'origin' = 'https://evil.example' and detail ->> 'status' = '403'"); n != 1 {
		t.Errorf("%d security events of another site, want one", n)
	}
	for as, least := range map[string]int{"nobody": 60, "another site": 20, "somebody": 20, "a token for everything": 15,
		"a token that may read": 15} {
		if tried[as] < least {
			t.Errorf("as %s %d requests were tried: this proves little", as, tried[as])
		}
	}
	// A session that has ended: who it was, and what for.
	u, err := url.Parse(all.base)
	if err != nil {
		t.Fatal(err)
	}
	cookies := jar.Cookies(u)
	if status, _ := send(browser, http.MethodPost, "/sign-out", nil); status != http.StatusSeeOther {
		t.Fatalf("sign out: %d", status)
	}
	jar.SetCookies(u, cookies)
	_, id := send(browser, http.MethodPost, "/backups", url.Values{"type": {"full"}})
	if n := r.count("request_id = $1 and action = 'session.use' and outcome = 'refused' and actor_name = "+
		"'ada@example.com' and target = 'POST /backups' and detail ->> 'reason' = 'signed_out'", id); n != 1 {
		t.Errorf("a session that has ended is on record %d times, want once", n)
	}
}
