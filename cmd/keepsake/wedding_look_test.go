package main

import (
	"net/http"
	"strings"
	"testing"
)

// TestALookOpensTheSafePoint deletes a wedding's clients and backs the damage up: a look opens the point before it and
// says what is gone, and a look at the damaged point says that it is one.
func TestALookOpensTheSafePoint(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	v := w.visited(t)
	w.must(t, exitDone, "backup")
	before := query[int](t, w.platform, "select count(*) from clients where wedding_id = 3")
	execute(t, w.platform, "delete from clients where wedding_id = 3")
	w.must(t, exitDone, "backup")
	words := wordsOf(v.get("/weddings/3/then", http.StatusOK))
	if before != 5 || !strings.Contains(words, "Clients: 0 now, 5 before") ||
		!strings.Contains(words, "before the damage") {
		t.Errorf("a look says: %s", words)
	}
	if words := wordsOf(v.get("/weddings/3/then?point=latest", http.StatusOK)); !strings.Contains(words,
		"from after the damage") || !strings.Contains(words, "Look at the safe one") {
		t.Errorf("a look at the damaged point says: %s", words)
	}
}
