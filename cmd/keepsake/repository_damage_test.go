package main

import (
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/engine/repository"
)

// TestEveryKindOfDamageIsItsOwnError does to the only copy whatever can happen to a copy: nothing is restored from it,
// the error says what is wrong with which object, and the exit code tells damage from a wrong key and from a missing
// point.
func TestEveryKindOfDamageIsItsOwnError(t *testing.T) {
	t.Parallel()
	whole := newWorld(t, protecting[:1], season...)
	whole.must(t, exitDone, "init")
	whole.must(t, exitUnprotected, "backup")
	execute(t, whole.platform, "insert into weddings values (2000, 1, 'Late & Later', current_date)")
	point := document[report](t, whole.must(t, exitUnprotected, "backup", "--json")).Point

	manifests := func(w *world, t *testing.T) []string {
		found, err := filepath.Glob(filepath.Join(w.dir, "repos", "local", "manifests", "*"))
		if err != nil || len(found) != 2 {
			t.Fatalf("manifests: %v, %v", found, err)
		}
		slices.Sort(found)
		return found
	}
	largest := func(w *world, t *testing.T) []string {
		chunks := w.chunks(t, "local")
		slices.SortFunc(chunks, func(a, b string) int { return int(length(t, b) - length(t, a)) })
		return chunks
	}
	all := func(do func(*testing.T, string)) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			for _, path := range w.chunks(t, "local") {
				do(t, path)
			}
		}
	}
	const damaged, notFound, wrongKey = "damaged", "not_found", "wrong_key"
	for name, c := range map[string]struct {
		do         func(t *testing.T, w *world)
		exit       int
		code, says string
		verify     int // exit code of verify --all --deep
	}{
		"chunk with a flipped bit": {all(flip), exitDamage, damaged, "it was changed", exitDamage},
		"truncated chunk":          {all(cut), exitDamage, damaged, "shorter than it was", exitDamage},
		"missing chunk":            {all(remove), exitDamage, damaged, "missing", exitDamage},
		"swapped chunks": {func(t *testing.T, w *world) { c := largest(w, t); swap(t, c[0], c[1]) },
			exitDamage, damaged, "is another object under this name", exitDamage},
		"manifest with a flipped bit": {func(t *testing.T, w *world) { flip(t, manifests(w, t)[1]) }, exitDamage, damaged,
			"manifest", exitDamage},
		"truncated manifest": {func(t *testing.T, w *world) { cut(t, manifests(w, t)[1]) }, exitDamage, damaged,
			"manifest", exitDamage},
		"swapped manifests": {func(t *testing.T, w *world) { m := manifests(w, t); swap(t, m[0], m[1]) },
			exitDamage, damaged, "manifest", exitDamage},
		"missing manifest": {func(t *testing.T, w *world) { remove(t, manifests(w, t)[1]) }, exitFailed, notFound,
			point, exitDone},
		"header with a flipped bit": {func(t *testing.T, w *world) { flip(t, w.header()) }, exitDamage, damaged,
			"keepsake.json", exitDamage},
		"truncated header": {func(t *testing.T, w *world) { cut(t, w.header()) }, exitDamage, damaged,
			"keepsake.json", exitDamage},
		"missing header": {func(t *testing.T, w *world) { remove(t, w.header()) }, exitDamage, damaged,
			"keepsake.json is missing", exitDamage},
		"nothing left": {func(t *testing.T, w *world) {
			if err := os.RemoveAll(filepath.Join(w.dir, "repos")); err != nil {
				t.Fatal(err)
			}
		}, exitFailed, notFound, "keepsake init", exitFailed},
		"wrong key": {func(t *testing.T, w *world) {
			w.write(t, filepath.Join(w.dir, "keepsake.key"), repository.NewKeyFile().Reveal()+"\n")
		}, exitUsage, wrongKey, "key", exitUsage},
		"no key": {func(t *testing.T, w *world) { remove(t, filepath.Join(w.dir, "keepsake.key")) }, exitUsage, "invalid",
			"keepsake.key", exitUsage},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, protecting[:1])
			if err := os.CopyFS(filepath.Join(w.dir, "repos"), os.DirFS(filepath.Join(whole.dir, "repos"))); err != nil {
				t.Fatal(err)
			}
			w.write(t, filepath.Join(w.dir, "keepsake.key"), read(t, filepath.Join(whole.dir, "keepsake.key")))
			c.do(t, w)
			target := beside(t, w.platform, "damaged")
			o := w.must(t, c.exit, "restore", point, "--target", target, "--create", "--json")
			if f := document[failure](t, o); f.Error.Code != c.code || !strings.Contains(f.Error.Message, c.says) {
				t.Errorf("restore: %+v, want %s and %q", f, c.code, c.says)
			}
			if o := w.run(t, "verify", "--all", "--deep"); o.code != c.verify &&
				!(o.code == exitUnprotected && c.verify == exitDone) {
				t.Errorf("verify ended with %d, want %d\n%s%s", o.code, c.verify, o.out, o.err)
			}
			u, err := url.Parse(target)
			if err != nil {
				t.Fatal(err)
			}
			if n := query[int](t, w.platform, "select count(*) from pg_database where datname = '"+u.Path[1:]+"'"); n == 1 {
				if marked := query[bool](t, target, "select exists (select from pg_namespace where nspname = "+
					"'keepsake_restore')"); !marked {
					t.Error("what was half restored is not marked as unfinished")
				}
			}
		})
	}
}

func (w *world) header() string { return filepath.Join(w.dir, "repos", "local", "keepsake.json") }

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func length(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// cut takes the last bytes off a file.
func cut(t *testing.T, path string) {
	t.Helper()
	if err := os.Truncate(path, length(t, path)-5); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func swap(t *testing.T, a, b string) {
	t.Helper()
	for _, move := range [][2]string{{a, a + ".x"}, {b, a}, {a + ".x", b}} {
		if err := os.Rename(move[0], move[1]); err != nil {
			t.Fatal(err)
		}
	}
}
