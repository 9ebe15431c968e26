package repository

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/keepsake"
)

func drawRemoval(t *rapid.T, k *Keyring) *Removal {
	ids := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) ChunkID {
		return k.ChunkID(rapid.SliceOf(rapid.Byte()).Draw(t, "plain"))
	}), 0, 20)
	at := time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC)
	return &Removal{
		Format:     FormatVersion,
		Repository: k.Repository(),
		ID:         NewManifestID(at),
		Time:       at,
		Due:        at.Add(24 * time.Hour),
		Expires:    at.Add(8 * 24 * time.Hour),
		Providers:  []string{"0123"},
		Points:     []RemovedPoint{{NewManifestID(at), "a newer one of that hour stays"}},
		Chunks:     ids.Draw(t, "chunks"),
		Pages:      ids.Draw(t, "pages"),
		LeftOver:   ids.Draw(t, "left over"),
	}
}

// TestRemovalLists: a list comes back as it was made, to whoever has the key and to writers. Nobody else's opens, and a
// writer makes none that the repository's key believes.
func TestRemovalLists(t *testing.T) {
	t.Parallel()
	h, k := newRepository(t)
	w := writerOf(t, h, k)
	_, other := newRepository(t)
	rapid.Check(t, func(t *rapid.T) {
		r := drawRemoval(t, k)
		key, sealed, err := k.SealRemoval(r)
		if err != nil {
			t.Fatal(err)
		}
		for _, by := range []*Keyring{k, w} {
			got, err := by.OpenRemoval(key, sealed)
			if err != nil || !slices.Equal(got.Chunks, r.Chunks) || !slices.Equal(got.Pages, r.Pages) ||
				!slices.Equal(got.LeftOver, r.LeftOver) || !got.Due.Equal(r.Due) || !slices.Equal(got.Points, r.Points) {
				t.Fatalf("%+v, %v", got, err)
			}
			changed := bytes.Clone(sealed)
			changed[rapid.IntRange(0, len(sealed)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
			if _, err := by.OpenRemoval(key, changed); keepsake.CodeOf(err) != keepsake.CodeDamaged {
				t.Fatalf("a changed list opens: %v", err)
			}
			cut := sealed[:rapid.IntRange(0, len(sealed)-1).Draw(t, "cut")]
			if _, err := by.OpenRemoval(key, cut); keepsake.CodeOf(err) != keepsake.CodeDamaged {
				t.Fatalf("a list that was cut opens: %v", err)
			}
			if _, err := by.OpenRemoval(RemovalKey(NewManifestID(time.Now())), sealed); err == nil {
				t.Fatal("a list opens under another name")
			}
		}
		if _, err := other.OpenRemoval(key, sealed); keepsake.CodeOf(err) != keepsake.CodeDamaged {
			t.Fatalf("another repository's list opens: %v", err)
		}
	})
	_, _, err := w.SealRemoval(&Removal{})
	if err == nil {
		t.Error("a writer seals removal lists")
	}
}

// TestForgedRemovalList: what somebody with a writer's key seals like a removal list is none.
func TestForgedRemovalList(t *testing.T) {
	t.Parallel()
	h, k := newRepository(t)
	w := writerOf(t, h, k)
	rapid.Check(t, func(t *rapid.T) {
		r := drawRemoval(t, k)
		forger := &Keyring{func() *keys { // all that a writer has, and a root key of its own
			own := *w.k()
			own.root[0], own.epochs = 1, k.k().epochs
			return &own
		}}
		key, sealed, err := forger.SealRemoval(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.OpenRemoval(key, sealed); keepsake.CodeOf(err) != keepsake.CodeDamaged {
			t.Fatalf("a writer's list is believed: %v", err)
		}
	})
}
