package engine_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/engine/storage/storagetest"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestACopyThatNobodyCouldReadIsNotConfirmed: what a killed backup left at a provider, of the right size and damaged
// since, counts as a copy of the next recovery point only after it was opened. A provider that lists it and does not
// give it gets the chunk anew.
func TestACopyThatNobodyCouldReadIsNotConfirmed(t *testing.T) {
	t.Parallel()
	ctx, source, w := t.Context(), village(t), newDirectories(t)
	e := engineWith(t, source, w.list, w.key)
	first := backup(t, e, keepsake.BackupFull)
	chunk := chunkOf(t, w.dirs[0], w.key, first.Point, "organizations")
	for _, dir := range w.dirs { // as if it had been killed before it was published
		if err := os.Remove(filepath.Join(dir, repository.ManifestKey(first.Point))); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(w.dirs[0], chunk.ID.Key()),
		[]byte(strings.Repeat("x", int(chunk.Size))), 0o600); err != nil {
		t.Fatal(err)
	}
	faulty := storagetest.Faulty(w.list[0].Store)
	faulty.FailGetOf(func(key string) error {
		if key == chunk.ID.Key() {
			return errors.New("the store fails")
		}
		return nil
	})
	w.list[0].Store = storage.Retry(faulty, quick)
	again := engineWith(t, source, w.list, w.key)
	r := backup(t, again, keepsake.BackupFull)
	faulty.FailGetOf(nil)
	v, err := again.Verify(ctx, engine.VerifyInput{Deep: true}, engine.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if sound := v.OK; copyOf(t, r.Copies, "local").Confirmed != sound || !sound {
		t.Errorf("confirmed: %+v, verified: %+v", r.Copies, v.Findings)
	}
}
