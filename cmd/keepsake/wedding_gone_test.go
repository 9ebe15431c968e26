package main

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestAWeddingOfTodayThatIsDeletedIsNamed deletes a wedding of today whole: Emergency, the overview and the search name
// it first and say that it is gone, before a backup has run and after, and its contacts, its look and bringing it back
// work from there.
func TestAWeddingOfTodayThatIsDeletedIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, append(few, "insert into weddings values (3, 1, 'Zora & Ben', current_date)")...)
	v := w.visited(t)
	w.must(t, exitDone, "backup")
	const gone = "Gone from the platform"
	lists := []string{"/emergency", "/weddings?search=today", "/weddings?search=Ada", "/weddings"}
	for _, page := range lists {
		if words := wordsOf(v.get(page, http.StatusOK)); strings.Contains(words, gone) {
			t.Errorf("%s before: %s", page, words)
		}
	}
	execute(t, w.platform, "delete from wedding_suppliers where wedding_id = 1",
		"delete from clients where wedding_id = 1", "delete from weddings where id = 1")
	for _, when := range []string{"before a backup", "after a backup", "after two"} {
		for _, page := range lists {
			words := wordsOf(v.get(page, http.StatusOK))
			at, there := strings.Index(words, "Ada & Ben 1"), strings.Index(words, "Zora & Ben")
			if !strings.Contains(words, gone) || at < 0 || there >= 0 && there < at {
				t.Errorf("%s, %s: %s", page, when, words)
			}
		}
		for page, want := range map[string]string{"/weddings/1": "not in the platform any more",
			"/weddings/1/contacts": "Call +44 1632 960001",
			"/weddings/1/then":     "Clients: 0 now, 20 before", "/weddings/1/restore": "Ada & Ben 1"} {
			if words := wordsOf(v.get(page, http.StatusOK)); !strings.Contains(words, want) ||
				strings.Contains(words, "of this wedding is missing") {
				t.Errorf("%s, %s: %s", page, when, words)
			}
		}
		w.must(t, exitDone, "backup")
	}
	overview := ""
	// it knows its weddings for two seconds
	for until := time.Now().Add(time.Minute); !strings.Contains(overview, gone) && time.Now().Before(until); {
		overview = wordsOf(v.get("/", http.StatusOK))
	}
	if at := strings.Index(overview, "Ada & Ben 1"); at < 0 || at > strings.Index(overview, "Zora & Ben") ||
		!strings.Contains(overview, gone) {
		t.Errorf("the overview: %s", overview)
	}
	// another day is not gone
	execute(t, w.platform, "insert into weddings values (1, 1, 'Ada & Ben 1', current_date + 2)")
	for _, page := range []string{"/emergency", "/weddings?search=today"} {
		if words := wordsOf(v.get(page, http.StatusOK)); strings.Contains(words, gone) {
			t.Errorf("%s after it is back: %s", page, words)
		}
	}
}
