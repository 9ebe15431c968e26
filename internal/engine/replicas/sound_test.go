package replicas

import (
	"bytes"
	"errors"
	"testing"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage/storagetest"
)

// TestACopyThatCannotBeReadNowIsNotReplaced: what another run has stored may be sound, and named by its manifest. Only
// what opens as something else is replaced.
func TestACopyThatCannotBeReadNowIsNotReplaced(t *testing.T) {
	t.Parallel()
	_, keys, err := repository.Create(repository.CreateOptions{Key: repository.NewKeyFile()})
	if err != nil {
		t.Fatal(err)
	}
	plain := []byte("rows")
	ref := &repository.Ref{ID: keys.ChunkID(plain), Plain: int64(len(plain))}
	seal := func() []byte {
		t.Helper()
		body, err := keys.SealChunk(nil, ref.ID, plain, repository.Fast)
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	mem := storagetest.NewMem()
	faults := storagetest.Faulty(mem)
	to := Provider{Name: "a", Store: faults}
	r := &Repo{Keys: keys, Providers: []Provider{to}}
	x, _, err := BuildIndex(t.Context(), r, r.Providers, nil)
	if err != nil {
		t.Fatal(err)
	}
	theirs, ours := seal(), seal()
	storagetest.Put(t, mem, ref.Key(), theirs)
	is := func(want []byte, when string) {
		t.Helper()
		if have, err := mem.Get(t.Context(), ref.Key(), 1<<20); err != nil || !bytes.Equal(have, want) {
			t.Errorf("%s the copy is another one, %v", when, err)
		}
	}
	away := errors.New("internal server error")
	faults.FailGet(away)
	if err := x.Put(t.Context(), to, 1, NewSealed(ref, ours)); !errors.Is(err, away) {
		t.Errorf("stored: %v, want that it could not be read", err)
	}
	is(theirs, "after a reading error")
	faults.FailGet(nil)
	if err := x.Put(t.Context(), to, 1, NewSealed(ref, ours)); err != nil {
		t.Error(err)
	}
	is(theirs, "after it was read")
	x.Distrust(ref.ID, 1)
	if err := x.Put(t.Context(), to, 1, NewSealed(ref, ours)); err != nil {
		t.Error(err)
	}
	is(ours, "after it was found damaged")
}
