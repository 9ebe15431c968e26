package engine_test

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// An object that a store answers with an error while it answers otherwise is stored there anew. If it is not to be read
// then either, the repair says so.
func TestRepairStoresAnewWhatAStoreDoesNotGive(t *testing.T) {
	t.Parallel()
	ctx, source, dirs := t.Context(), village(t), newDirectories(t)
	w := trioOf(t, dirs.list[0].Store, dirs.list[1].Store, dirs.list[2].Store)
	e := engineWith(t, source, w.list, dirs.key)
	point := backup(t, e, keepsake.BackupFull).Point
	backup(t, e, keepsake.BackupIncremental)
	lost := chunkOf(t, dirs.dirs[1], dirs.key, point, "guests").ID.Key()
	var until atomic.Int64 // how many uploads it is not given
	until.Store(1 << 30)
	w.faults["cloud"].FailGetOf(func(key string) error {
		if key == lost && int64(w.faults["cloud"].Puts(key)) <= until.Load() {
			return errAway
		}
		return nil
	})
	deep := engine.VerifyInput{Point: point, Deep: true}
	v, err := e.Verify(ctx, deep, engine.Discard)
	if err != nil || len(v.Findings) != 1 || v.Damaged() || v.Findings[0].Away ||
		v.Repair != "keepsake repair --deep "+point ||
		!strings.Contains(v.Findings[0].Problem, "does not give the object") ||
		!strings.Contains(v.Findings[0].Problem, v.Repair) {
		t.Fatalf("verified: %+v, %v", v, err)
	}
	if r, err := e.Repair(ctx, deep, engine.Discard); err != nil || len(r.Remaining) != 1 ||
		!strings.Contains(r.Remaining[0].Problem, "still does not read well") {
		t.Errorf("repaired while it stays so: %+v, %v", r, err)
	}
	until.Store(int64(w.faults["cloud"].Puts(lost)))
	if r, err := e.Repair(ctx, deep, engine.Discard); err != nil || len(r.Remaining) != 0 || r.Copied != 1 {
		t.Errorf("repaired: %+v, %v", r, err)
	}
	wantProtected(t, e, 2)
}

// A damaged header is replaced where the recovery points are this repository's, and nowhere else.
func TestRepairReplacesNoHeaderOfAnotherRepository(t *testing.T) {
	t.Parallel()
	ctx, source, ours, theirs := t.Context(), village(t), newDirectories(t), newDirectories(t)
	e := engineWith(t, source, ours.list[:2], ours.key)
	backup(t, e, keepsake.BackupFull)
	backup(t, engineWith(t, source, theirs.list[2:], theirs.key), keepsake.BackupFull)
	damage(t, theirs.list[2], "keepsake.json")
	was, err := theirs.list[2].Store.Get(ctx, "keepsake.json", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	both := engine.New(engine.Options{
		PlatformURL: keepsake.Secret(source),
		Providers:   append(ours.list[:2:2], theirs.list[2]),
		DataMap:     keepsake.DefaultDataMap(),
		Key:         repository.KeySource{Key: ours.key},
	})
	t.Cleanup(both.Close)
	r, err := both.Repair(ctx, engine.VerifyInput{}, engine.Discard)
	if err != nil || len(r.Remaining) != 1 || !strings.Contains(r.Remaining[0].Problem, "Its identity is of repository") {
		t.Errorf("repaired: %+v, %v", r, err)
	}
	if is, err := theirs.list[2].Store.Get(ctx, "keepsake.json", 1<<20); err != nil || string(is) != string(was) {
		t.Errorf("another repository's header was replaced: %v\n%s", err, is)
	}
}
