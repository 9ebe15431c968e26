package replicas

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage/storagetest"
)

// TestUnreadRemovalLists: a provider that has a removal list and does not give it counts as one that could not be
// asked, because the list may open there later. One whose copy is damaged does not: by that nothing is deleted there.
func TestUnreadRemovalLists(t *testing.T) {
	t.Parallel()
	_, keys, err := repository.Create(repository.CreateOptions{Key: repository.NewKeyFile()})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC)
	key, sealed, err := keys.SealRemoval(&repository.Removal{
		Format:     repository.FormatVersion,
		Repository: keys.Repository(),
		ID:         repository.NewManifestID(at),
		Time:       at,
		Due:        at.Add(24 * time.Hour),
		Expires:    at.Add(8 * 24 * time.Hour),
		Chunks:     repository.IDs{{1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(sealed)
	damaged[len(damaged)-1] ^= 1
	for name, c := range map[string]struct {
		bodies [][]byte // by provider; nil: it does not give the list
		failed []string
		reads  bool
	}{
		"all give it":                     {bodies: [][]byte{sealed, sealed}, reads: true},
		"another one gives it":            {bodies: [][]byte{nil, sealed}, reads: true},
		"one is damaged":                  {bodies: [][]byte{damaged, sealed}, reads: true},
		"none gives it":                   {bodies: [][]byte{nil, nil}, failed: []string{"a", "b"}},
		"one is damaged, one is not read": {bodies: [][]byte{damaged, nil}, failed: []string{"b"}},
		"all are damaged":                 {bodies: [][]byte{damaged, damaged}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &Repo{Keys: keys}
			for i, body := range c.bodies {
				store := storagetest.Faulty(storagetest.NewMem())
				if body == nil {
					body = sealed
					store.FailGet(errors.New("the connection was lost"))
				}
				if err := store.Put(t.Context(), key, body, sha256.Sum256(body), false); err != nil {
					t.Fatal(err)
				}
				r.Providers = append(r.Providers, Provider{Name: string('a' + rune(i)), Store: store})
			}
			x, err := (&Set{Now: time.Now}).ReadRemovals(t.Context(), r, r.Providers)
			if err != nil {
				t.Fatal(err)
			}
			failed := slices.Sorted(maps.Keys(x.Failed))
			if !slices.Equal(failed, c.failed) || x.Condemned(repository.ChunkID{1}) != c.reads || len(x.Unread) > 0 == c.reads {
				t.Errorf("failed: %v; read: %v, %v", failed, x.Condemned(repository.ChunkID{1}), x.Unread)
			}
		})
	}
}
