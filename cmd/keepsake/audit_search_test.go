package main

import (
	"net/http"
	"net/url"
	"testing"
)

// TestTheTrailIsSearchedWithoutAccents: accents, case and order of words keep no entry of the trail from being found.
func TestTheTrailIsSearchedWithoutAccents(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	s := w.scripted(t, "read", "backup")
	s.send(http.MethodPost, "/api/backups/create",
		map[string]any{"type": "critical", "note": "before Zoë & Łukasz move to the Müller barn"}).want(http.StatusAccepted)
	for search, want := range map[string]bool{"zoe": true, "LUKASZ zoë": true, "barn muller": true, "Mueller": true,
		"zoe nobody": false} {
		query := "/api/audit?action=backup.start&search=" + url.QueryEscape(search)
		if got := len(field[[]any](s.send(http.MethodGet, query, nil).want(http.StatusOK), "entries")) > 0; got != want {
			t.Errorf("the API finds the backup by %q: %v", search, got)
		}
	}
}
