package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var advised = regexp.MustCompile(`keepsake (repair(?: --?[a-z]+| [0-9]{8}T[0-9A-Za-z-]+)*)`)

// advice returns the commands that an output tells to run, each once.
func advice(t *testing.T, o output) [][]string {
	t.Helper()
	var commands [][]string
	for _, m := range advised.FindAllStringSubmatch(o.out+o.err, -1) {
		if args := strings.Fields(m[1]); !slices.ContainsFunc(commands,
			func(c []string) bool { return slices.Equal(c, args) }) {
			commands = append(commands, args)
		}
	}
	if len(commands) == 0 {
		t.Fatalf("nothing is told to be run:\n%s%s", o.out, o.err)
	}
	return commands
}

// TestWhatAMessageTellsToRunWorks does to one of three copies of an older point whatever can happen to a copy: the
// command that the finding names heals it.
func TestWhatAMessageTellsToRunWorks(t *testing.T) {
	t.Parallel()
	whole := newWorld(t, protecting, season...)
	whole.must(t, exitDone, "init")
	older := document[report](t, whole.must(t, exitDone, "backup", "--json")).Point
	execute(t, whole.platform, "update weddings set couple = couple || ' & friends' where id > 100",
		"insert into weddings values (2000, 1, 'Late & Later', current_date)")
	whole.must(t, exitDone, "backup", "--type", "full")
	whole.must(t, exitDone, "mark", older, "--note", "before the fair")

	second := func(w *world, parts ...string) string {
		return filepath.Join(append([]string{w.dir, "repos", "second"}, parts...)...)
	}
	each := func(do func(*testing.T, string)) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			for _, path := range w.chunks(t, "second") {
				do(t, path)
			}
		}
	}
	for name, c := range map[string]struct {
		do   func(*testing.T, *world)
		find []string // how it is found; the point is added
		exit int
	}{
		"chunk with a flipped bit": {each(flip), []string{"verify", "--deep"}, exitDamage},
		"truncated chunk":          {each(cut), []string{"verify"}, exitDamage},
		"truncated chunk, read":    {each(cut), []string{"verify", "--deep"}, exitDamage},
		"missing chunk":            {each(remove), []string{"verify"}, exitDamage},
		"manifest with a flipped bit": {func(t *testing.T, w *world) { flip(t, second(w, "manifests", older)) },
			[]string{"verify"}, exitDamage},
		"note with a flipped bit": {func(t *testing.T, w *world) {
			notes, err := filepath.Glob(second(w, "notes", "points", "*", "*"))
			if err != nil || len(notes) == 0 {
				t.Fatalf("there is no note to damage: %v", err)
			}
			flip(t, notes[0])
		}, []string{"verify", "--deep"}, exitDamage},
		"missing manifest": {func(t *testing.T, w *world) { remove(t, second(w, "manifests", older)) },
			[]string{"verify"}, exitDamage},
		"header with a flipped bit": {func(t *testing.T, w *world) { flip(t, second(w, "keepsake.json")) },
			[]string{"verify"}, exitDamage},
		"truncated header": {func(t *testing.T, w *world) { cut(t, second(w, "keepsake.json")) },
			[]string{"verify"}, exitDamage},
		"header without its mac": {func(t *testing.T,
			w *world) {
			spoil(t, second(w, "keepsake.json"), `"mac": *"..`)
		}, []string{"verify"}, exitDamage},
		"header with another slot's bytes": {func(t *testing.T,
			w *world) {
			spoil(t, second(w, "keepsake.json"), `"wrapped": *"..`)
		}, []string{"verify"}, exitDamage},
		"the first provider's header": {func(t *testing.T, w *world) { spoil(t, w.header(), `"wrapped": *"..`) },
			[]string{"verify"}, exitDamage},
		"missing header": {func(t *testing.T, w *world) { remove(t, second(w, "keepsake.json")) },
			[]string{"verify"}, exitDamage},
		"chunk met by a restore": {func(t *testing.T, w *world) { each(flip)(t, w) },
			[]string{"restore", "--provider", "second"}, exitDamage},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, scope := range []string{older, "--all"} {
				w := newWorld(t, protecting)
				if err := os.CopyFS(filepath.Join(w.dir, "repos"), os.DirFS(filepath.Join(whole.dir, "repos"))); err != nil {
					t.Fatal(err)
				}
				w.write(t, filepath.Join(w.dir, "keepsake.key"), read(t, filepath.Join(whole.dir, "keepsake.key")))
				args := append(slices.Clone(c.find), scope)
				if c.find[0] == "restore" { // which meets the chunks of one point
					scope = older
					args = append(slices.Clone(c.find), older, "--target", beside(t, w.platform, "advice"), "--create")
				}
				c.do(t, w)
				found := w.must(t, c.exit, args...)
				for _, command := range advice(t, found) {
					w.must(t, exitDone, command...)
				}
				w.must(t, exitDone, "verify", "--deep", scope)
			}
		})
	}
}

// spoil changes the last character of what a pattern finds in a file.
func spoil(t *testing.T, path, pattern string) {
	t.Helper()
	raw := []byte(read(t, path))
	at := regexp.MustCompile(pattern).FindIndex(raw)
	if at == nil {
		t.Fatalf("no %s in %s", pattern, raw)
	}
	if raw[at[1]-1]++; raw[at[1]-1] == '[' || raw[at[1]-1] == '{' || raw[at[1]-1] == ':' {
		raw[at[1]-1] = 'A'
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}
