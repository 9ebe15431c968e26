package main

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/handlers/api"
	"github.com/wedsync/keepsake/internal/auth"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/testenv"
	"github.com/wedsync/keepsake/web"
)

// sentToPages is what no page asks for, between what one does.
var sentToPages = []string{"", "3", "latest", "full", "incremental", "wedding", "now", "true", "yes", "-1", "0",
	"1e309", strings.Repeat("9", 40), "9223372036854775808",
	"2026-02-29", "0001-01-01", "99999-01-01T00:00", "\x00", "a\x00b", "\xff\xfe", "\xed\xa0\x80", "\u202e", "%", "%zz",
	`\`, "//evil.example", "../../etc/passwd",
	"a\r\nX-Evil: yes", "<script>alert(1)</script>", "';--", "[]", "{}", strings.Repeat("x", 5000),
	"00000000-0000-0000-0000-000000000000"}

// namesOfPages are the fields of forms and addresses.
var namesOfPages = []string{"action", "actor", "after", "at", "before", "code", "column", "confirm", "cursor", "day",
	"days", "deep", "expires", "forget", "format", "from", "id", "labels", "limit", "locked",
	"milestone", "name", "next", "note", "of", "only", "organization", "outcome", "password", "point", "preview", "q",
	"rows", "scope", "search", "security", "session", "since", "skip",
	"state", "step", "table", "tables", "target", "theme", "tier", "to", "type", "until", "url", "use", "used", "wedding"}

// TestNothingSentToAPageIsAFault sends every page and form of the real program, as somebody who is signed in, what it
// does not ask for. The API has TestTheAPIKeepsItsWord.
func TestNothingSentToAPageIsAFault(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	base := w.scripted(t, "read").base
	w.must(t, exitDone, "backup")
	table, err := web.New(web.Deps{
		Console:       &console.Console{},
		Auth:          &auth.Sessions{},
		Credentials:   &auth.Sessions{},
		SessionSecret: "of a table of routes that answers nobody",
	})
	if err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, CheckRedirect: func(*http.Request,
		[]*http.Request) error {
		return http.ErrUseLastResponse
	}}
	send := func(ctx context.Context, t rapid.TB, method, address string, form url.Values) (int, string) {
		r, err := http.NewRequestWithContext(ctx, method, base+address, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	if status, _ := send(t.Context(), t, http.MethodPost, "/sign-in",
		url.Values{"email": {"ada@example.com"}, "password": {consolePassword}}); status != http.StatusSeeOther {
		t.Fatalf("sign in: %d", status)
	}
	// Signing in and proving are left out, where wrong passwords lock; signing out; and streams, which last.
	apart := []string{"/sign-in", "/sign-in/code", "/sign-out", "/prove", "/second-step/off"}
	tried := 0
	for _, route := range table.Routes() {
		if route.Method != http.MethodGet && route.Method != http.MethodPost || slices.Contains(apart, route.Path) ||
			strings.HasPrefix(route.Path, api.Prefix+"/") || strings.HasSuffix(route.Path, "/events") ||
			route.Method == echo.RouteNotFound {
			continue
		}
		tried++
		t.Run(route.Method+" "+route.Path, func(t *testing.T) {
			testenv.Draws(t, 40, func(t *rapid.T) {
				word := rapid.SampledFrom(sentToPages)
				id := url.PathEscape(word.Draw(t, "id"))
				query, form := url.Values{}, url.Values{}
				for _, name := range rapid.SliceOfN(rapid.SampledFrom(namesOfPages), 0, 8).Draw(t, "names") {
					query.Set(name, word.Draw(t, name))
				}
				if route.Method == http.MethodPost {
					query, form = form, query
				}
				address := strings.NewReplacer(":id", id, "*", id).Replace(route.Path) + "?" + query.Encode()
				if status, body := send(t.Context(), t, route.Method, address, form); status >= 500 {
					t.Fatalf("%s %s\n%q\n→ %d %.800s", route.Method, address, form, status, body)
				}
			})
		})
	}
	if tried < 50 {
		t.Errorf("%d pages were tried: this proves little", tried)
	}
	if status, _ := send(t.Context(), t, http.MethodGet, "/", nil); status != http.StatusOK {
		t.Errorf("the session did not last: %d", status)
	}
}
