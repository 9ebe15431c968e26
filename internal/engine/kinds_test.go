package engine_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// kindsOfFormat are the kinds of objects that FORMAT.md says a repository holds, by the first part of their names: a
// kind that is added there is drawn here, and fails until somebody makes one of it below.
func kindsOfFormat(t *testing.T) (kinds []string) {
	t.Helper()
	page, err := os.ReadFile("repository/FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "\n## Objects\n")
	table, _, _ = strings.Cut(table, "\n## ")
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(table, -1) {
		folder, _, nested := strings.Cut(m[1], "/")
		if nested {
			folder += "/"
		}
		kinds = append(kinds, folder)
	}
	return kinds
}

// everyKind is a repository that holds an object of every kind at each of three providers.
func everyKind(t *testing.T) (w directories, e *engine.Engine) {
	t.Helper()
	ctx, url := t.Context(), season(t)
	w = newDirectories(t)
	e = engineWith(t, url, w.list, w.key)
	point := backup(t, e, keepsake.BackupFull).Point
	wedding := one[string](t, url, "select id::text from weddings order by id limit 1")
	run(t, url, "delete from guests where wedding_id = '"+wedding+"'")
	in := engine.ScopeInput{Scope: ofWedding(wedding), Point: point}
	p, err := e.PreviewScope(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.ApplyScope(ctx, in, engine.ScopeApply{Fingerprint: p.Fingerprint}, engine.Discard); err != nil {
		t.Fatal(err)
	}
	backup(t, e, keepsake.BackupIncremental)
	if _, err := e.MarkPoint(ctx, point, engine.PointMark{Note: "kept"}); err != nil {
		t.Fatal(err)
	}
	for _, topic := range []string{"audit", "access"} {
		if _, err := e.KeepNote(ctx, topic, []byte("what outlives the console")); err != nil {
			t.Fatal(err)
		}
	}
	er := erasing{t, w, repositoryOf(t, w.dirs[0], w.key)}
	erasure, _ := er.everyOther(point, "weddings")
	key, sealed, err := er.keys.SealErasure(erasure)
	if err != nil {
		t.Fatal(err)
	}
	changes, change, err := er.keys.SealChange(&repository.Change{Slot: "keepsake", From: 1, To: 2, Body: []byte("rows")})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range w.list {
		er.put(p, key, sealed)
		er.put(p, changes, change)
	}
	return w, e
}

// damagedBytes are what is left of an object: with a bit that flipped, cut off, or of another one of its kind.
func damagedBytes(t *rapid.T, body, other []byte) []byte {
	bad := bytes.Clone(body)
	switch rapid.IntRange(0, 2).Draw(t, "how") {
	case 0:
		bad[rapid.IntRange(0, len(bad)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
	case 1:
		bad = bad[:rapid.IntRange(0, len(bad)-1).Draw(t, "left")]
	default:
		bad = bytes.Clone(other)
	}
	return bad
}

// TestEveryKindOfObjectIsVerifiedAndHealed: one copy of any object that a repository holds is damaged. A deep
// verification names it in words, a deep repair heals it from another provider, and the next verification is clean.
func TestEveryKindOfObjectIsVerifiedAndHealed(t *testing.T) {
	t.Parallel()
	w, e := everyKind(t)
	if v, err := e.Verify(t.Context(), engine.VerifyInput{Deep: true}, engine.Discard); err != nil || !v.OK {
		t.Fatalf("before anything is damaged: %v %+v", err, v.Findings)
	}
	// Nothing goes by a removal list with a damaged copy, so none is healed: TestADamagedListRemovesNothing.
	kinds := slices.DeleteFunc(kindsOfFormat(t), func(kind string) bool { return kind == repository.RemovalPrefix })
	keys := map[string][]string{}
	for _, key := range keysAt(t, w.list[0], "") {
		i := slices.IndexFunc(kinds, func(kind string) bool { return strings.HasPrefix(key, kind) })
		if i < 0 {
			t.Fatalf("FORMAT.md does not say what %s is", key)
		}
		keys[kinds[i]] = append(keys[kinds[i]], key)
	}
	for _, kind := range kinds {
		if len(keys[kind]) == 0 {
			t.Fatalf("FORMAT.md lists %s, and no object of that kind is made here to be damaged", kind)
		}
	}
	testenv.Draws(t, 40, func(t *rapid.T) {
		kind := rapid.SampledFrom(kinds).Draw(t, "kind")
		key := rapid.SampledFrom(keys[kind]).Draw(t, "object")
		other := rapid.SampledFrom(keys[kind]).Draw(t, "in its place")
		at := rapid.IntRange(0, len(w.dirs)-1).Draw(t, "provider")
		file := filepath.Join(w.dirs[at], filepath.FromSlash(key))
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		another, err := os.ReadFile(filepath.Join(w.dirs[at], filepath.FromSlash(other)))
		if err != nil {
			t.Fatal(err)
		}
		bad := damagedBytes(t, body, another)
		if kind == storage.IdentityKey { // whose place it is, a person says, unless the rest of it still proves that
			bad = bytes.Replace(body, []byte(`"name": "`), []byte(`"name": "un`), 1)
		}
		if bytes.Equal(bad, body) {
			return
		}
		// A header says the same without its last newline. In a sealed object every byte counts.
		if kind == repository.HeaderKey && bytes.Equal(bytes.TrimSpace(bad), bytes.TrimSpace(body)) {
			return
		}
		if err := os.WriteFile(file, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.WriteFile(file, body, 0o600) }() // where it was not healed, the next draw begins whole
		in := engine.VerifyInput{Deep: true}
		if rapid.Bool().Draw(t, "the latest only") && kind != "chunks/" && kind != "indexes/" && kind != "manifests/" {
			in.Point = "latest"
		}
		ctx := t.Context()
		v, err := e.Verify(ctx, in, engine.Discard)
		named := slices.ContainsFunc(v.Findings, func(f engine.VerifyFinding) bool {
			return f.Object == key && f.Provider == w.list[at].Name && f.Damage && f.Problem != ""
		})
		if err != nil || !v.Damaged() || v.Repair == "" || !named {
			t.Fatalf("%s at %s is damaged and not named: %v %+v", key, w.list[at].Name, err, v)
		}
		r, err := e.Repair(ctx, in, engine.Discard)
		if err != nil || len(r.Remaining) > 0 || !slices.ContainsFunc(r.Repaired, func(f engine.VerifyFinding) bool {
			return f.Object == key && f.Provider == w.list[at].Name
		}) {
			t.Fatalf("%s at %s is not repaired: %v %+v", key, w.list[at].Name, err, r)
		}
		if v, err = e.Verify(ctx, engine.VerifyInput{Deep: true}, engine.Discard); err != nil || !v.OK {
			t.Fatalf("after the repair of %s at %s: %v %+v", key, w.list[at].Name, err, v.Findings)
		}
	})
}
