package replicas

import (
	"context"
	"errors"
	"testing"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage/storagetest"
)

// TestACancelledCopyIsNoWholeOne: whoever is cancelled before the first chunk must not be told that all were copied.
func TestACancelledCopyIsNoWholeOne(t *testing.T) {
	t.Parallel()
	r := &Repo{Providers: []Provider{{Name: "a", Store: storagetest.NewMem()}}}
	x, _, err := BuildIndex(t.Context(), r, r.Providers, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = CopyMissing(ctx, r, x, r.Providers[0], []*repository.Ref{{ID: repository.ChunkID{1}}}, nil,
		func(*repository.Ref) { t.Error("a chunk was copied") })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("copying: %v, want that it was cancelled", err)
	}
}
