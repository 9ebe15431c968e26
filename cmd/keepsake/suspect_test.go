package main

import (
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/engine"
)

// TestASuspectBackupThatIsNotProtected says both, and ends with the code of the one that docs/command-line.md names.
func TestASuspectBackupThatIsNotProtected(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting[:1], season...)
	w.must(t, exitDone, "init")
	w.must(t, exitUnprotected, "backup")
	if _, err := connect(t, w.platform).Exec(t.Context(), "truncate weddings, clients cascade"); err != nil {
		t.Fatal(err)
	}
	o := w.must(t, exitUnprotected, "backup")
	for _, words := range []string{"NOT PROTECTED: ", "SUSPECT: "} {
		if !strings.Contains(o.out, words) {
			t.Errorf("it does not say %q: %s", words, o.out)
		}
	}
	both := document[engine.BackupResult](t, w.must(t, exitUnprotected, "backup", "--json"))
	if both.Protected || len(both.Doubts) == 0 || both.Lacks == "" {
		t.Errorf("the document says %+v", both)
	}
}

// TestASuspectBackupAtTheCommandLine says what is wrong, ends with a code of its own, and is not the latest until
// somebody accepts it.
func TestASuspectBackupAtTheCommandLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	w.must(t, exitDone, "init")
	sound := document[engine.BackupResult](t, w.must(t, exitDone, "backup", "--json")).Point
	if _, err := connect(t, w.platform).Exec(t.Context(), "truncate weddings, clients cascade"); err != nil {
		t.Fatal(err)
	}
	o := w.must(t, exitExceptions, "backup")
	for _, words := range []string{"SUSPECT: ", "before", "keepsake mark 2", "--accept"} {
		if !strings.Contains(o.out, words) {
			t.Errorf("it does not say %q: %s", words, o.out)
		}
	}
	suspect := document[engine.BackupResult](t, w.must(t, exitExceptions, "backup", "--json"))
	if len(suspect.Doubts) == 0 || !suspect.Protected {
		t.Errorf("%+v", suspect)
	}
	latest := func(want string) {
		t.Helper()
		p := document[engine.Point](t, w.must(t, exitDone, "mark", "latest", "--label", "seen=yes", "--json"))
		if p.ID != want {
			t.Errorf("latest is %s, want %s", p.ID, want)
		}
	}
	latest(sound)
	if o := w.must(t, exitDone, "points"); strings.Count(o.out, ", suspect") != 2 {
		t.Errorf("the list: %s", o.out)
	}
	w.must(t, exitUsage, "mark", suspect.Point, "--accept", "--doubt")
	w.must(t, exitDone, "mark", suspect.Point, "--accept")
	latest(suspect.Point)
	w.must(t, exitDone, "backup")
	w.must(t, exitDone, "mark", suspect.Point, "--doubt")
	if o := w.must(t, exitDone, "points"); strings.Count(o.out, ", suspect") != 2 {
		t.Errorf("the list, when it is doubted: %s", o.out)
	}
}
