package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAMarkSaysWhatItMayReplace: where not all that was said of a point can be read, a new mark takes its place, and
// whoever makes it learns that.
func TestAMarkSaysWhatItMayReplace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	w.must(t, exitDone, "init")
	w.must(t, exitDone, "backup")
	const words = "could not all be read, and this mark takes its place"
	if o := w.must(t, exitDone, "mark", "latest", "--note", "before the move"); strings.Contains(o.err, words) {
		t.Errorf("everything can be read, and mark says %s", o.err)
	}
	second := filepath.Join(w.dir, "repos", "second")
	if err := os.Rename(second, second+".away"); err != nil {
		t.Fatal(err)
	}
	o := w.must(t, exitDone, "mark", "latest", "--label", "app=4.2")
	if !strings.Contains(o.err, words) || !strings.Contains(o.err, "second") {
		t.Errorf("a provider is away, and mark says %s", o.err)
	}
	if o := w.must(t, exitDone, "points", "--json"); !strings.Contains(o.out, `"note": "before the move"`) {
		t.Errorf("what can be read was not kept: %s", o.out)
	}
}
