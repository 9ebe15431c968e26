package main

import (
	"net/http"
	"strings"
	"testing"
)

// TestContactsAreFoundWhereTheNewestPointHasLostThem: the vendors of a wedding can be called although a backup ran after their links, and then the
// wedding itself, were deleted; the page says from when they are.
func TestContactsAreFoundWhereTheNewestPointHasLostThem(t *testing.T) {
	w := newWorld(t, protecting, few...)
	v := w.visited(t)
	w.must(t, exitDone, "backup")
	const known, why = "Call +44 1632 960001", "These vendors are from before the damage"
	look := func(when string, warned bool) {
		t.Helper()
		words := wordsOf(v.get("/weddings/1/contacts", http.StatusOK))
		if !strings.Contains(words, known) || strings.Contains(words, why) != warned {
			t.Errorf("%s: %s", when, words)
		}
		for _, file := range []string{"/weddings/1/contacts.csv", "/weddings/1/contacts.vcf"} {
			if body := v.get(file, http.StatusOK); !strings.Contains(body, "960001") {
				t.Errorf("%s: %s holds %q", when, file, body)
			}
		}
	}
	look("nothing is gone", false)
	for _, gone := range []string{"delete from wedding_suppliers where wedding_id = 1", "delete from clients where wedding_id = 1", "delete from weddings where id = 1"} {
		execute(t, w.platform, gone)
		w.must(t, exitDone, "backup")
		look(gone, true)
	}
}
