package engine_test

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// inOrder is an engine for providers in some order, which makes nothing.
func inOrder(t *testing.T, url string, list []engine.Provider, key keepsake.Secret, order ...int) *engine.Engine {
	t.Helper()
	var some []engine.Provider
	for _, i := range order {
		some = append(some, list[i])
	}
	e := engine.New(engine.Options{
		PlatformURL: keepsake.Secret(url),
		Providers:   some,
		DataMap:     keepsake.DefaultDataMap(),
		Key:         repository.KeySource{Key: key},
	})
	t.Cleanup(e.Close)
	return e
}

// TestOneChangedCharacterOfAHeaderOrIdentity changes any one character of a provider's keepsake.json or provider.json,
// whatever the order of the providers: the other two go on, verify says where the damage is, and a repair heals it.
func TestOneChangedCharacterOfAHeaderOrIdentity(t *testing.T) {
	t.Parallel()
	source, w := village(t), newDirectories(t)
	backup(t, engineWith(t, source, w.list, w.key), keepsake.BackupFull)
	testenv.Draws(t, 30, func(rt *rapid.T) {
		order := rapid.Permutation([]int{0, 1, 2}).Draw(rt, "order")
		bad := rapid.IntRange(0, 2).Draw(rt, "provider")
		name := rapid.SampledFrom([]string{"keepsake.json", "provider.json"}).Draw(rt, "file")
		path := filepath.Join(w.dirs[bad], name)
		was, err := os.ReadFile(path)
		if err != nil {
			rt.Fatal(err)
		}
		defer func() { _ = os.WriteFile(path, was, 0o600) }()
		now := []byte(string(was))
		at := rapid.IntRange(0, len(was)-1).Draw(rt, "at")
		now[at] = rapid.SampledFrom([]byte("0189afAzZ +/=\"\\{}[]:,.-\n\x00\x80")).Filter(
			func(c byte) bool { return c != was[at] }).Draw(rt, "character")
		if err := os.WriteFile(path, now, 0o600); err != nil {
			rt.Fatal(err)
		}
		e := inOrder(t, source, w.list, w.key, order...)
		if points, err := e.Points(t.Context(), ""); err != nil || len(points) == 0 || points[0].Type == "unreadable" {
			rt.Fatalf("points: %v %+v", err, points)
		}
		v, err := e.Verify(t.Context(), engine.VerifyInput{}, engine.Discard)
		if err != nil || !v.OK && !v.Damaged() {
			rt.Fatalf("verify: %v %+v", err, v)
		}
		for _, f := range v.Findings {
			if f.Provider != w.list[bad].Name || f.Object != name || !strings.Contains(f.Problem, "keepsake repair") {
				rt.Errorf("a finding elsewhere: %+v", f)
			}
		}
		r, err := e.Repair(t.Context(), engine.VerifyInput{}, engine.Discard)
		if err != nil || len(r.Remaining) != 0 {
			rt.Fatalf("repair: %v %+v", err, r)
		}
		if v, err := e.Verify(t.Context(), engine.VerifyInput{}, engine.Discard); err != nil || !v.OK {
			rt.Errorf("after the repair: %v %+v", err, v)
		}
	})
}

// TestADamagedHeaderKeepsNobodyFromBackups flips one digit of the repository's id at each provider in turn: a backup
// and a restore go on with the other two.
func TestADamagedHeaderKeepsNobodyFromBackups(t *testing.T) {
	t.Parallel()
	source, w := village(t), newDirectories(t)
	e := engineWith(t, source, w.list, w.key)
	backup(t, e, keepsake.BackupFull)
	for i, p := range w.list {
		changeDigit(t, filepath.Join(w.dirs[i], "keepsake.json"))
		r := backup(t, e, keepsake.BackupIncremental)
		wantLacking(t, r, p.Name)
		if c := copyOf(t, r.Copies, p.Name); !strings.Contains(c.Error, "header keepsake.json is damaged") {
			t.Errorf("%+v", c)
		}
		target := testenv.DB(t)
		if got := restore(t, e, engine.RestoreInput{
			Scope:  keepsake.Everything(),
			Point:  "latest",
			Target: keepsake.Secret(target),
		}); !got.Verified ||
			got.Provider == p.Name {
			t.Errorf("%+v", got)
		}
		if repaired, err := e.Repair(t.Context(), engine.VerifyInput{}, engine.Discard); err != nil ||
			len(repaired.Remaining) != 0 {
			t.Errorf("repair: %v %+v", err, repaired)
		}
	}
	wantProtected(t, e, 4)
}

// changeDigit changes one digit of the repository's id in a header.
func changeDigit(t *testing.T, path string) {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(string(body), `"repository": "`) + len(`"repository": "`)
	other := byte('0')
	if body[at] == other {
		other = '1'
	}
	body[at] = other
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestAPlaceOfAnotherRepositoryIsNeverWritten leads one provider to another repository's directory, of another key and
// of the same one, and with an unreadable header: the others go on, and no repair, backup, init or add-provider writes
// there.
func TestAPlaceOfAnotherRepositoryIsNeverWritten(t *testing.T) {
	t.Parallel()
	source := village(t)
	for name, key := range map[string]func(directories) keepsake.Secret{
		"of another key":  func(directories) keepsake.Secret { return repository.NewKeyFile() },
		"of the same key": func(w directories) keepsake.Secret { return w.key },
	} {
		for _, damaged := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", damaged", false: ""}[damaged], func(t *testing.T) {
				t.Parallel()
				w, other := newDirectories(t), newDirectories(t)
				backup(t, engineWith(t, source, w.list, w.key), keepsake.BackupFull)
				backup(t, engineWith(t, source, other.list, key(w)), keepsake.BackupFull)
				if damaged {
					changeDigit(t, filepath.Join(other.dirs[0], "keepsake.json"))
				}
				list := append([]engine.Provider{other.list[0]}, w.list[1:]...)
				was := everything(t, other.dirs[0])
				for _, order := range [][]int{{0, 1, 2}, {1, 0, 2}, {2, 1, 0}} {
					e := inOrder(t, source, list, w.key, order...)
					r := backup(t, e, keepsake.BackupIncremental)
					wantLacking(t, r, "local")
					if c := copyOf(t, r.Copies, "local"); !strings.Contains(c.Error, "another repository") {
						t.Errorf("%+v", c)
					}
					if v, err := e.Verify(t.Context(), engine.VerifyInput{}, engine.Discard); err != nil || v.OK || v.Damaged() {
						t.Errorf("verify: %v %+v", err, v)
					}
					if r, err := e.Repair(t.Context(), engine.VerifyInput{}, engine.Discard); err != nil || len(r.Remaining) != 1 ||
						r.Damaged() {
						t.Errorf("repair: %v %+v", err, r)
					}
					if _, err := e.Init(t.Context()); err != nil {
						t.Error(err)
					}
					if _, err := e.AddProvider(t.Context(), "local"); keepsake.CodeOf(err) != keepsake.CodeConflict {
						t.Errorf("add-provider: %v", err)
					}
				}
				if everything(t, other.dirs[0]) != was {
					t.Error("another repository's place was written")
				}
			})
		}
	}
}

// everything is a hash of all files in a directory.
func everything(t *testing.T, dir string) (sum [sha256.Size]byte) {
	t.Helper()
	h := sha256.New()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := os.ReadFile(path)
		h.Write([]byte(path))
		h.Write(body)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return [sha256.Size]byte(h.Sum(nil))
}
