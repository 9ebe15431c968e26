package main

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// TestTheWorldStopsAndGoesOn starts the demo, takes a backup, stops everything, starts it again and finds everything
// there.
func TestTheWorldStopsAndGoesOn(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	var first state
	for run := range 2 {
		w := &world{dir: dir, say: newNarrator(os.Stderr)}
		if err := w.start(t.Context(), 60+run, false, 1); err != nil { // port 1 is not to be had: the console finds another
			t.Fatal(err)
		}
		if run == 0 {
			first = w.state
			if err := w.command(t.Context(), "", "backup", "--quiet"); err != nil {
				t.Error(err)
			}
		} else if w.state != first {
			t.Errorf("the second run is another world: %+v, %+v", w.state, first)
		}
		if err := w.command(t.Context(), "", "doctor"); err != nil {
			t.Error(err)
		}
		if page := signIn(t, w); !strings.Contains(page, "Back up now") ||
			strings.Contains(page, "nothing could be brought back") { // the backup is known at once, and after a stop
			t.Errorf("run %d: the dashboard: %.2000s", run, page)
		}
		w.stop()
		if _, err := http.Get(w.address()); err == nil {
			t.Error("the console outlived the world")
		}
	}
	info, err := os.Stat(filepath.Join(dir, "credentials"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("credentials: %v, %v", info, err)
	}
}

// signIn signs the super admin in and returns the page that follows.
func signIn(t *testing.T, w *world) string {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Jar: jar}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, w.address()+"/sign-in",
		strings.NewReader(url.Values{"email": {adminEmail}, "password": {w.state.AdminPassword}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var b strings.Builder
	if _, err := io.Copy(&b, resp.Body); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
