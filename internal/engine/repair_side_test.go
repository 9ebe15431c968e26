package engine_test

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/engine/storage/storagetest"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// keysAt lists what a provider holds below any of the prefixes.
func keysAt(t *testing.T, p engine.Provider, prefixes ...string) (keys []string) {
	t.Helper()
	for _, prefix := range prefixes {
		if err := p.Store.List(t.Context(), prefix,
			func(o storage.Object) error { keys = append(keys, o.Key); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(keys)
	return keys
}

// TestRepairBringsUndosNotesAndSealsEverywhere: a restore is made, a point marked and a seal kept while two providers
// are away. A verification names the undo that lies at one provider only; after a repair each provider alone has all of
// it.
func TestRepairBringsUndosNotesAndSealsEverywhere(t *testing.T) {
	t.Parallel()
	url := season(t)
	w := trioOf(t, storagetest.NewMem(), storagetest.NewMem(), storagetest.NewMem())
	key := repository.NewKeyFile()
	e := engineWith(t, url, w.list, key)
	point := backup(t, e, keepsake.BackupFull).Point
	wedding := one[string](t, url, "select id::text from weddings order by id limit 1")
	run(t, url, "delete from guests where wedding_id = '"+wedding+"'")

	w.faults["cloud"].Down(true)
	w.faults["offsite"].Down(true)
	in := engine.ScopeInput{Scope: ofWedding(wedding), Point: "latest"}
	p, err := e.PreviewScope(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	restored, err := e.ApplyScope(t.Context(), in, engine.ScopeApply{Fingerprint: p.Fingerprint}, engine.Discard)
	if err != nil || fmt.Sprint(restored.Undo) != "[local]" {
		t.Fatalf("%v %+v", err, restored)
	}
	if k, err := e.MarkPoint(t.Context(), point, engine.PointMark{Note: "kept", Locked: true}); err != nil ||
		fmt.Sprint(k.At) != "[local]" || len(k.Missing) != 2 {
		t.Errorf("%s, %v", k, err)
	}
	if k, err := e.KeepNote(t.Context(), "audit", []byte("a seal")); err != nil ||
		!strings.Contains(k.String(), "kept at local. Provider cloud has not got it yet. ") {
		t.Errorf("%s, %v", k, err)
	}
	w.faults["cloud"].Down(false)
	w.faults["offsite"].Down(false)

	v, err := e.Verify(t.Context(), engine.VerifyInput{}, engine.Discard)
	if err != nil || len(v.Findings) != 1 || v.Findings[0].Provider != "local" || v.Findings[0].Object != "undo/"+
		restored.Restore || v.Repair == "" {
		t.Errorf("verified: %v %+v", err, v.Findings)
	}
	// What somebody put there under such a name opens nowhere, and is copied nowhere.
	storagetest.Put(t, w.list[0].Store, "notes/audit/"+repository.NewManifestID(time.Now().Add(time.Hour)), []byte("junk"))
	r, err := e.Repair(t.Context(), engine.VerifyInput{}, engine.Discard)
	if err != nil || len(r.Remaining) != 0 || r.Copied != 6 {
		t.Errorf("repaired: %v %+v", err, r)
	}
	if v, err := e.Verify(t.Context(), engine.VerifyInput{}, engine.Discard); err != nil || !v.OK {
		t.Errorf("verified again: %v %+v", err, v.Findings)
	}
	if again, err := e.Repair(t.Context(), engine.VerifyInput{}, engine.Discard); err != nil || again.Copied != 0 {
		t.Errorf("repaired again: %v %+v", err, again)
	}
	for _, alone := range w.list[1:] {
		if keys := keysAt(t, alone, "undo/", "notes/"); len(keys) != 3 {
			t.Errorf("%s has %q", alone.Name, keys)
		}
		e := engine.New(engine.Options{
			PlatformURL: keepsake.Secret(url),
			Providers:   []engine.Provider{alone},
			DataMap:     keepsake.DefaultDataMap(),
			Key:         repository.KeySource{Key: key},
		})
		t.Cleanup(e.Close)
		if points, err := e.Points(t.Context(), ""); err != nil || len(points) != 1 || !points[0].Locked {
			t.Errorf("%s: %v %+v", alone.Name, err, points)
		}
		if seal, err := e.ReadNote(t.Context(), "audit"); err != nil || string(seal) != "a seal" {
			t.Errorf("%s: %q %v", alone.Name, seal, err)
		}
		if _, err := e.ReadUndo(t.Context(), restored.Restore); err != nil {
			t.Errorf("%s: %v", alone.Name, err)
		}
	}
}

// TestASlowProviderKeepsNoOtherFromBeingRepaired: while the first takes nothing, the second gets every point that it
// lacks.
func TestASlowProviderKeepsNoOtherFromBeingRepaired(t *testing.T) {
	t.Parallel()
	url := village(t)
	slow, quick := storagetest.Hanging(storagetest.NewMem()), storagetest.Hanging(storagetest.NewMem())
	w := trioOf(t, slow, quick, storagetest.NewMem())
	key := repository.NewKeyFile()
	backup(t, engineWith(t, url, w.list, key), keepsake.BackupFull)
	backup(t, engineWith(t, url, w.list, key), keepsake.BackupFull)
	for _, p := range w.list[:2] {
		for _, key := range keysAt(t, p, repository.ManifestPrefix) {
			if err := p.Store.Delete(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		}
	}
	manifest := func(verb, key string) bool { return verb == "put" && strings.HasPrefix(key, repository.ManifestPrefix) }
	whole, got := make(chan struct{}), 0
	quick.Hang(true, func(verb, key string) bool {
		if manifest(verb, key) {
			if got++; got == 2 {
				close(whole)
			}
		}
		return false
	})
	slow.Hang(false, manifest)
	e := engine.New(engine.Options{
		PlatformURL: keepsake.Secret(url),
		Providers:   w.list,
		DataMap:     keepsake.DefaultDataMap(),
		Key:         repository.KeySource{Key: key},
		Silence:     time.Hour,
	})
	t.Cleanup(e.Close)
	type end struct {
		r   engine.RepairResult
		err error
	}
	ended := make(chan end, 1)
	go func() {
		r, err := e.Repair(t.Context(), engine.VerifyInput{}, engine.Discard)
		ended <- end{r, err}
	}()
	select {
	case <-whole:
	case <-time.After(bound):
		t.Error("the second provider was not completed while the first took nothing")
	case x := <-ended:
		t.Fatalf("the repair ended before: %+v", x)
	}
	slow.LetGo()
	if x := <-ended; x.err != nil || len(x.r.Remaining) != 0 || x.r.Copied != 4 {
		t.Errorf("%v %+v", x.err, x.r)
	}
	wantProtected(t, e, 2)
}

// TestADamagedUndoIsFoundAndReplaced: a deep verification opens what is needed to take restores back at each provider;
// a repair replaces a copy that does not open by a sound one, and names what is sound nowhere.
func TestADamagedUndoIsFoundAndReplaced(t *testing.T) {
	t.Parallel()
	w := newDirectories(t)
	e := engineWith(t, village(t), w.list, w.key)
	backup(t, e, keepsake.BackupFull)
	key := "undo/" + e.NewRestoreID()
	sound, err := repositoryOf(t, w.dirs[0], w.key).SealObject(repository.ObjectUndo, key, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	bad := slices.Clone(sound)
	bad[len(bad)-1] ^= 1
	put := func(bodies ...[]byte) {
		t.Helper()
		for i, body := range bodies {
			if err := w.list[i].Store.Put(t.Context(), key, body, sha256.Sum256(body), true); err != nil {
				t.Fatal(err)
			}
		}
	}
	put(sound, bad, sound)
	deep := engine.VerifyInput{Deep: true}
	v, err := e.Verify(t.Context(), deep, engine.Discard)
	if err != nil || len(v.Findings) != 1 || v.Findings[0].Provider != "second" || v.Findings[0].Object != key ||
		!v.Findings[0].Damage || v.Repair == "" {
		t.Errorf("verified: %v %+v", err, v.Findings)
	}
	r, err := e.Repair(t.Context(), deep, engine.Discard)
	if err != nil || len(r.Repaired) != 1 || len(r.Remaining) != 0 || r.Copied != 1 {
		t.Errorf("repaired: %v %+v", err, r)
	}
	if v, err := e.Verify(t.Context(), deep, engine.Discard); err != nil || !v.OK {
		t.Errorf("verified again: %v %+v", err, v.Findings)
	}
	put(bad, bad, bad)
	if r, err := e.Repair(t.Context(), deep, engine.Discard); err != nil || len(r.Repaired) != 0 ||
		len(r.Remaining) != 3 || !r.Damaged() {
		t.Errorf("repaired where none is sound: %v %+v", err, r)
	}
}
