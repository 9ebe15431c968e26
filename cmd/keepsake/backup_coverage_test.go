package main

import (
	"net/http"
	"testing"
	"time"
)

// TestBackupsOfADayAreFound: the API answers which backups covered weddings of a day, and says of one what it covers,
// whether the console or the command line took it.
func TestBackupsOfADayAreFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, append(season, "create table suppliers (id int primary key, phone text, email text)",
		"insert into suppliers select i, case when i < 3 then '+44 20 7946 000' || i end, '' from "+
			"generate_series(1, 4) i")...)
	s := w.scripted(t, "read", "backup")
	w.must(t, exitDone, "backup", "--type", "critical", "--note", "of the command line")
	created := s.send(http.MethodPost, "/api/backups/create", map[string]any{"type": "full"}).want(http.StatusAccepted)
	id := field[string](created, "id")
	s.client().ended(id)
	day := time.Now().UTC().AddDate(0, 0, 100).Format(time.DateOnly)
	for query, want := range map[string]int{"covers=" + day: 2, "covers=2020-02-29": 0, "covers_tier=standard": 0,
		"covers_tier=critical": 2, "contacts=true": 2,
		"milestone=final_payment": 0, "kind=backup&type=full&covers=" + day: 1} {
		if got := len(field[[]any](s.send(http.MethodGet, "/api/operations?"+query, nil).want(http.StatusOK),
			"operations")); got != want {
			t.Errorf("%s finds %d, want %d", query, got, want)
		}
	}
	s.send(http.MethodGet, "/api/operations?covers=2026-02-30", nil).want(http.StatusUnprocessableEntity)
	one := s.send(http.MethodGet, "/api/backups/"+id, nil).want(http.StatusOK)
	vendors := field[map[string]int](one, "covers.vendors")
	days := field[[]map[string]string](one, "covers.wedding_days")
	if vendors["vendors"] != 4 || vendors["reachable"] != 2 || len(days) != 1 ||
		len(field[[]any](one, "covers.tiers")) != 1 {
		t.Errorf("%s", one.body)
	}
}
