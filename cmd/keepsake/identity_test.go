package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/engine"
)

// place returns where a provider of the world keeps its objects.
func (w *world) place(provider string) string { return filepath.Join(w.dir, "repos", provider) }

// move renames a directory and fails the test when it cannot.
func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// copyTree copies a directory, as a person or a mirroring tool does.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// wantOut fails unless a backup leaves the provider out and says why, doctor says the same and ends with an error, and
// verify says that it could not be asked.
func (w *world) wantOut(t *testing.T, provider, why string) {
	t.Helper()
	b := document[report](t, w.must(t, exitUnprotected, "backup", "--json"))
	for _, c := range b.Copies {
		if c.Confirmed == (c.Name == provider) || c.Name == provider && !strings.Contains(c.Error, why) {
			t.Errorf("a backup without %s: %+v", provider, c)
		}
	}
	found := document[[]engine.CheckFinding](t, w.must(t, exitFailed, "doctor", "--json"))
	said := false
	for _, f := range found {
		said = said || f.Area == "provider "+provider && f.Level == "error" && strings.Contains(f.Message, why)
	}
	if !said {
		t.Errorf("doctor: %+v, want that provider %s %s", found, provider, why)
	}
	if o := w.must(t, exitUnprotected, "verify"); !strings.Contains(o.out, why) {
		t.Errorf("verify says\n%s, want %s", o.out, why)
	}
}

// TestProviderDirectoryThatIsNotMounted takes a disk away, with and without its empty mount point left behind: nothing
// is made in its place and nothing there counts as a copy.
func TestProviderDirectoryThatIsNotMounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	w.must(t, exitDone, "init")
	w.must(t, exitDone, "backup")
	far := w.place("far")
	move(t, far, far+".away")
	w.wantOut(t, "far", "Its directory is not there, so it takes no copies and gives none. Mount its disk")
	if _, err := os.Lstat(far); !errors.Is(err, os.ErrNotExist) {
		t.Error("the directory was made anew")
	}
	if err := os.Mkdir(far, 0o700); err != nil { // the mount point
		t.Fatal(err)
	}
	w.wantOut(t, "far", "its disk is not mounted, or its bucket was emptied or replaced")
	if found, err := os.ReadDir(far); err != nil || len(found) > 1 { // what doctor tried
		t.Errorf("the mount point holds %v (%v)", found, err)
	}
	if o := w.must(t, exitUnprotected, "repair", "--all"); !strings.Contains(o.out,
		"far, keepsake.json: The provider cannot be repaired now. It holds no repository") {
		t.Errorf("%s", o.out)
	}
	if err := os.RemoveAll(far); err != nil {
		t.Fatal(err)
	}
	move(t, far+".away", far)
	w.must(t, exitDone, "repair", "--all")
	w.must(t, exitDone, "verify", "--all", "--deep")
	w.must(t, exitDone, "doctor")
}

// TestPlaceThatIsACopy gives a provider a copy of another one's place, and two names to one place: that is one copy,
// not two.
func TestPlaceThatIsACopy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	w.must(t, exitDone, "init")
	w.must(t, exitDone, "backup")
	far, local := w.place("far"), w.place("local")
	move(t, far, far+".away")
	copyTree(t, local, far)
	w.wantOut(t, "far", "It is the place of provider local, or a copy of it")
	if o := w.must(t, exitFailed, "repo", "add-provider", "far"); !strings.Contains(o.err,
		"It is the same place as provider local") {
		t.Errorf("%s", o.err)
	}
	if err := os.RemoveAll(far); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(local, far); err != nil {
		t.Fatal(err)
	}
	w.wantOut(t, "far", "It is the place of provider local, or a copy of it")

	two := newWorld(t, []place{{"a", "disk", false}, {"b", "s3", true}}, season...)
	if err := os.Mkdir(filepath.Join(two.dir, "repos"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("a", two.place("b")); err != nil {
		t.Fatal(err)
	}
	if o := two.must(t, exitUnprotected, "init"); !strings.Contains(o.out,
		"NO COPY: It is the place of provider a, or a copy of it") {
		t.Errorf("%s", o.out)
	}
}

// TestPlacesOfEarlierVersions takes the identities away, as places made before them have none: nothing is written there
// until init has given them one, and everything can be read.
func TestPlacesOfEarlierVersions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	w.must(t, exitDone, "init")
	b := document[report](t, w.must(t, exitDone, "backup", "--json"))
	forget := func(providers ...string) {
		t.Helper()
		for _, p := range providers {
			if err := os.Remove(filepath.Join(w.place(p), "provider.json")); err != nil {
				t.Fatal(err)
			}
		}
	}
	forget("second")
	w.wantOut(t, "second", "Run keepsake init once")
	forget("local", "far")
	if o := w.must(t, exitFailed, "backup"); !strings.Contains(o.err, "nothing was backed up") ||
		!strings.Contains(o.err, "Run keepsake init once") {
		t.Errorf("%s", o.err)
	}
	if o := w.must(t, exitDone, "points"); !strings.Contains(o.out, b.Point) {
		t.Errorf("%s", o.out)
	}
	for _, args := range [][]string{{}, {"--provider", "far"}} {
		name := "read" + strings.Join(args, "")
		args = append([]string{"restore", b.Point, "--create", "--target",
			beside(t, w.platform, strings.ReplaceAll(name, "-", ""))}, args...)
		if o := w.must(t, exitDone, args...); !strings.Contains(o.err, "It is read all the same") {
			t.Errorf("%v does not warn:\n%s", args, o.err)
		}
	}
	w.must(t, exitDone, "init")
	w.must(t, exitDone, "repair", "--all")
	w.must(t, exitDone, "doctor")
	w.must(t, exitDone, "backup")
}

// TestAddProvider begins to use places of every kind.
func TestAddProvider(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	config, err := os.ReadFile(w.config)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(config), "\n")
	w.write(t, w.config, strings.Join(lines[:len(lines)-2], "")) // without the last one
	w.must(t, exitDone, "init")
	w.must(t, exitUnprotected, "backup")
	w.write(t, w.config, string(config))

	o := w.must(t, exitDone, "repo", "add-provider", "far")
	if !strings.Contains(o.out, "Provider far belongs to repository") ||
		!strings.Contains(o.out, "It lacks 1 recovery point: keepsake repair --all") {
		t.Errorf("%s", o.out)
	}
	w.must(t, exitDone, "repair", "--all")
	w.must(t, exitDone, "verify", "--all", "--deep")
	if r := document[engine.AddProviderResult](t, w.must(t, exitDone, "repo", "add-provider", "far", "--json")); r.Added ||
		r.Points != 1 || r.Missing != 0 {
		t.Errorf("once more: %+v", r)
	}

	renamed := strings.ReplaceAll(string(config), "name: far", "name: tape")
	w.write(t, w.config, renamed)
	w.wantOut(t, "tape", "where the provider has only been renamed, run keepsake repo add-provider tape")
	if o := w.must(t, exitDone, "repo", "add-provider", "tape"); !strings.Contains(o.out,
		"The place of provider far is that of provider tape now.") {
		t.Errorf("%s", o.out)
	}
	w.must(t, exitDone, "repair", "--all")

	for name, c := range map[string]struct {
		code int
		args []string
		says string
	}{
		"no name": {exitUsage, nil, "expected \"<name>\""},
		"unknown": {exitUsage, []string{"nowhere"},
			`no provider is called "nowhere": the configuration names local, second, tape`},
		"one name beyond": {exitUsage, []string{"tape", "local"}, "unexpected argument local"},
	} {
		if o := w.must(t, c.code, append([]string{"repo", "add-provider"}, c.args...)...); !strings.Contains(o.err, c.says) {
			t.Errorf("%s: %s", name, o.err)
		}
	}
	if err := os.RemoveAll(w.place("far")); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(w.place("far"), 0o700); err != nil {
		t.Fatal(err)
	}
	w.write(t, filepath.Join(w.place("far"), "holiday.jpg"), "not ours")
	if o := w.must(t, exitFailed, "repo", "add-provider", "tape"); !strings.Contains(o.err,
		"Its place is not empty, it holds holiday.jpg") {
		t.Errorf("%s", o.err)
	}
	other := newWorld(t, protecting)
	other.must(t, exitDone, "init")
	if err := os.RemoveAll(w.place("far")); err != nil {
		t.Fatal(err)
	}
	move(t, other.place("far"), w.place("far"))
	if o := w.must(t, exitFailed, "repo", "add-provider", "tape"); !strings.Contains(o.err,
		"provider tape was not added. It holds another repository") {
		t.Errorf("%s", o.err)
	}
}

// TestPlacesThatWereSwapped exchanges two providers' places while nothing runs: both are named, nothing is written
// there, and put back they are as they were.
func TestPlacesThatWereSwapped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	w.must(t, exitDone, "init")
	w.must(t, exitDone, "backup")
	second, far := w.place("second"), w.place("far")
	swap := func() {
		move(t, second, far+".swap")
		move(t, far, second)
		move(t, far+".swap", far)
	}
	swap()
	o := w.must(t, exitUnprotected, "backup")
	for _, says := range []string{"It is the place of provider far, or a copy of it",
		"It is the place of provider second, or a copy of it"} {
		if !strings.Contains(o.out, says) {
			t.Errorf("a backup does not say %q:\n%s", says, o.out)
		}
	}
	swap()
	w.must(t, exitDone, "repair", "--all")
	w.must(t, exitDone, "verify", "--all")
}
