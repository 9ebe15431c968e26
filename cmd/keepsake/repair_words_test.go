package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/engine"
)

// TestASuccessfulRepairSaysSo: what was found and healed is "repaired", not a failure with the advice to run the
// command that has just run.
func TestASuccessfulRepairSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	w.must(t, exitDone, "init")
	w.must(t, exitDone, "backup")
	lose := func() {
		t.Helper()
		found, err := filepath.Glob(filepath.Join(w.dir, "repos", "*", "manifests", "*"))
		if err != nil || len(found) != 3 {
			t.Fatalf("%v, %v", found, err)
		}
		if err := os.Remove(found[0]); err != nil {
			t.Fatal(err)
		}
	}
	lose()
	o := w.must(t, exitDone, "repair", "--all", "--verbose")
	if !strings.Contains(o.out, "repaired at ") || !strings.Contains(o.out, "The object was missing.") {
		t.Errorf("what was healed is not said to be repaired:\n%s", o.out)
	}
	for _, wrong := range []string{"warn:", "remains", "FAILED", "Run keepsake repair", "could not"} {
		if strings.Contains(o.out+o.err, wrong) {
			t.Errorf("a successful repair says %q:\n%s%s", wrong, o.out, o.err)
		}
	}
	if !strings.Contains(o.out, "nothing was read") {
		t.Errorf("it says nothing of what it looked at:\n%s", o.out)
	}
	if o = w.must(t, exitDone, "repair", "--all", "--deep"); strings.Contains(o.out, "nothing was read") {
		t.Errorf("it read everything, and says:\n%s", o.out)
	}
	lose()
	r := document[engine.RepairResult](t, w.must(t, exitDone, "repair", "--all", "--json"))
	if len(r.Repaired) != 1 || len(r.Remaining) != 0 || r.Copied != 1 || r.Deep {
		t.Errorf("%+v", r)
	}
}
