package engine_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/engine/storage/storagetest"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// unlisted is a provider that gives what it is asked for and lists nothing below a prefix.
type unlisted struct {
	storage.Provider
	prefix string
}

func (u unlisted) List(ctx context.Context, prefix string, fn func(storage.Object) error) error {
	if strings.HasPrefix(prefix, u.prefix) {
		return errors.New("the store fails")
	}
	return u.Provider.List(ctx, prefix, fn)
}

// TestNoUndoIsNotSaidOfWhatCouldNotBeAsked: that nothing can be undone is an answer only where every provider gave one;
// and what lies among the undo objects under a name that Keepsake gives to none is none of them.
func TestNoUndoIsNotSaidOfWhatCouldNotBeAsked(t *testing.T) {
	t.Parallel()
	w := trioOf(t, storagetest.NewMem(), storagetest.NewMem(), storagetest.NewMem())
	key := repository.NewKeyFile()
	e := engineWith(t, "", w.list, key)
	put := func(key string) {
		t.Helper()
		body := []byte("anything")
		if err := w.list[0].Store.Put(t.Context(), key, body, sha256.Sum256(body), true); err != nil {
			t.Fatal(err)
		}
	}
	put("undo/readme")
	if ids, err := e.Undos(t.Context()); err != nil || len(ids) != 0 {
		t.Errorf("every provider answers, and none has an undo: %v, %v", ids, err)
	}
	inner := w.list[1].Store
	w.list[1].Store = unlisted{inner, "undo/"}
	e = engineWith(t, "", w.list, key)
	ids, err := e.Undos(t.Context())
	if len(ids) != 0 {
		t.Errorf("%v", ids)
	}
	wantError(t, err, keepsake.CodeUnavailable, "no restore that can be undone was found", "cloud: ")

	put("undo/" + e.NewRestoreID())
	if ids, err := e.Undos(t.Context()); err != nil || len(ids) != 1 {
		t.Errorf("one was found: %s, %v", fmt.Sprint(ids), err)
	}
}
