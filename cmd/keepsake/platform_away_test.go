package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/wedsync/keepsake/internal/config"
	"github.com/wedsync/keepsake/internal/testenv"
)

// fast is how long a refusal may take.
const fast = 2 * time.Second

// quickly fails the test when a request took longer than a refusal may.
func quickly(t *testing.T, what string, ask func()) {
	t.Helper()
	began := time.Now()
	ask()
	took := time.Since(began)
	t.Logf("%-50s %5.2f s", what, took.Seconds())
	if took > fast {
		t.Errorf("%s: answered after %s", what, took.Round(time.Millisecond))
	}
}

// TestWhatThePlatformCannotDoNowIsRefusedAtOnce stops the platform's server between what was shown and its
// confirmation: backup, restore, undo and a restore into a new database are refused fast, in words, on pages and over
// the API, nothing is enqueued to fail, and what was chosen is kept.
func TestWhatThePlatformCannotDoNowIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	server, err := testenv.StartPostgres(t.Context(), testenv.PostgresOptions{Settings: map[string]string{"fsync": "off"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	w := newWorld(t, protecting)
	w.env["PLATFORM"] = server.URL("postgres")
	execute(t, server.URL("postgres"), few...)
	v := w.visited(t)
	s := withToken(t, v.base, "read", "backup", "restore")
	w.must(t, exitDone, "backup")
	scope := map[string]any{"wedding": "1", "mode": "missing"}
	var preview struct {
		Preview struct{ Fingerprint, Name, Point string }
	}
	compare := func() {
		t.Helper()
		if err := json.Unmarshal(s.send(http.MethodPost, "/api/backups/restore", scope).want(http.StatusOK).body,
			&preview); err != nil {
			t.Fatal(err)
		}
	}
	confirmed := func() map[string]any {
		return map[string]any{"wedding": "1", "mode": "missing",
			"confirm": map[string]any{"fingerprint": preview.Preview.Fingerprint, "name": preview.Preview.Name}}
	}
	execute(t, server.URL("postgres"), "delete from clients where wedding_id = 1 and id < 10")
	compare()
	page := v.get("/weddings/1/restore?point="+preview.Preview.Point+"&mode=missing", http.StatusOK)
	confirmation := func() url.Values {
		return url.Values{"point": {preview.Preview.Point}, "mode": {"missing"},
			"fingerprint": {hidden(t, page, "fingerprint")},
			"name":        {hidden(t, page, "name")}, "shown": {hidden(t, page, "shown")}, "confirm": {hidden(t, page, "name")}}
	}
	_, done := v.send(http.MethodPost, "/weddings/1/restore", confirmation())
	found := regexp.MustCompile(`"/restores/([^/"]+)/undo"`).FindStringSubmatch(done)
	if found == nil {
		t.Fatalf("nothing was brought back: %s", wordsOf(done))
	}
	restore := found[1]
	execute(t, server.URL("postgres"), "delete from clients where wedding_id = 1")
	compare()
	page = v.get("/weddings/1/restore?point="+preview.Preview.Point+"&mode=missing", http.StatusOK)
	v.get("/backups/new", http.StatusOK)
	operations := func() int {
		return strings.Count(string(s.send(http.MethodGet, "/api/operations", nil).want(http.StatusOK).body), `"kind":`)
	}
	before := operations()

	if err := server.Suspend(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Resume() })
	refuses := func(what, path string, form url.Values, kept ...string) {
		t.Helper()
		quickly(t, what, func() {
			status, body := v.send(http.MethodPost, path, form)
			if words := wordsOf(body); status != http.StatusServiceUnavailable || !strings.Contains(words, "does not answer") ||
				!strings.Contains(words, "Nothing was started") {
				t.Errorf("%s: %d %s", what, status, words)
			}
			for _, value := range kept {
				if !strings.Contains(body, `value="`+value+`"`) {
					t.Errorf("%s: %q is lost: %s", what, value, body)
				}
			}
		})
	}
	refuses("restore, on its page", "/weddings/1/restore", confirmation())
	refuses("undo, on its page", "/restores/"+restore+"/undo", nil)
	refuses("backup, on its page", "/backups",
		url.Values{"type": {"full"}, "planned": {"full"}, "note": {"before the fair"}, "labels": {"app=4"}},
		"before the fair", "app=4")
	refuses("restore elsewhere, on its page", "/points/"+preview.Preview.Point+"/restore/confirm",
		url.Values{"target": {config.PlatformTarget}, "database": {"new_one"}, "confirm": {"new_one"}, "tier": {"critical"}},
		"new_one")
	for what, ask := range map[string]struct {
		path string
		body any
	}{
		"restore, over the API": {"/api/backups/restore", confirmed()},
		"undo, over the API":    {"/api/backups/restores/" + restore + "/undo", map[string]any{}},
		"backup, over the API":  {"/api/backups/create", map[string]any{"type": "full"}},
		"restore elsewhere, over the API": {"/api/backups/restore",
			map[string]any{"everything": true, "database": map[string]any{"name": "new_one"},
				"confirm": map[string]any{"name": "new_one"}}},
	} {
		quickly(t, what, func() {
			if body := s.send(http.MethodPost, ask.path, ask.body).want(http.StatusServiceUnavailable).body; !strings.Contains(
				string(body), "does not answer") {
				t.Errorf("%s: %s", what, body)
			}
		})
	}
	quickly(t, "the form of a backup", func() { v.get("/backups/new", http.StatusOK) })
	quickly(t, "the wedding's page", func() { v.get("/weddings/1", http.StatusOK) })
	if n := operations(); n != before {
		t.Errorf("%d operations were enqueued to fail", n-before)
	}

	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
	v.until("/weddings/1/restore", func(status int, _ string) bool { return status == http.StatusOK })
	if status, body := v.send(http.MethodPost, "/weddings/1/restore", confirmation()); status != http.StatusOK {
		t.Errorf("what was chosen cannot be confirmed when the platform is back: %d %s", status, wordsOf(body))
	}
	if n := query[int](t, server.URL("postgres"), "select count(*) from clients where wedding_id = 1"); n != 20 {
		t.Errorf("%d of 20 clients are back", n)
	}
}

// hidden is the value of a page's hidden field.
func hidden(t *testing.T, page, name string) string {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Data == "input" && attribute(n, "type") == "hidden" && attribute(n, "name") == name {
			return attribute(n, "value")
		}
	}
	t.Fatalf("the page has no field %s: %s", name, wordsOf(page))
	return ""
}
