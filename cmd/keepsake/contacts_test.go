package main

import (
	"net/http"
	"strings"
	"testing"
)

// TestContactsAreFoundWhereTheNewestPointHasLostThem: the vendors of a wedding can be called although a backup ran
// after their links, and then the wedding itself, were deleted; the page says from when they are.
func TestContactsAreFoundWhereTheNewestPointHasLostThem(t *testing.T) {
	t.Parallel()
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
	for _, gone := range []string{"delete from wedding_suppliers where wedding_id = 1",
		"delete from clients where wedding_id = 1", "delete from weddings where id = 1"} {
		execute(t, w.platform, gone)
		w.must(t, exitDone, "backup")
		look(gone, true)
	}
}

// TestAVendorIsCalledAtItsPresentNumber: what a damage took is added to the vendors that the newest recovery point
// knows. A number that has changed since is the new one, and is not said to be lost.
func TestAVendorIsCalledAtItsPresentNumber(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, few...)
	v := w.visited(t)
	execute(t, w.platform, "insert into suppliers values (2, 'dj', 'Spin', 'Max', '+44 1632 960002', 'max@example.org')",
		"insert into wedding_suppliers values (1, 2)")
	w.must(t, exitDone, "backup")
	execute(t, w.platform, "update suppliers set phone = '+44 1632 960099' where id = 1",
		"delete from clients where wedding_id = 1")
	w.must(t, exitDone, "backup")
	look := func(says string, lost bool) {
		t.Helper()
		words := wordsOf(v.get("/weddings/1/contacts", http.StatusOK))
		if !strings.Contains(words, says) || strings.Contains(words, "before the damage") != lost {
			t.Errorf("%s: %s", says, words)
		}
		for _, page := range []string{words, v.get("/weddings/1/contacts.csv", http.StatusOK),
			v.get("/weddings/1/contacts.vcf", http.StatusOK)} {
			if !strings.Contains(page, "960099") || !strings.Contains(page, "960002") || strings.Contains(page, "960001") {
				t.Errorf("not the present numbers: %s", page)
			}
		}
	}
	look("Call +44 1632 960099", false)
	execute(t, w.platform, "delete from wedding_suppliers where supplier_id = 2")
	w.must(t, exitDone, "backup")
	look("has lost 1 vendor of this wedding: Spin.", true)
}
