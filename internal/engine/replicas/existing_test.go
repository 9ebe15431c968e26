package replicas

import (
	"bytes"
	"crypto/sha256"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage/storagetest"
)

// TestExistingCopyOfAnotherRun: of three providers that list a chunk the first hangs and the second holds other bytes.
// The third one's copy is taken soon, and the index knows what to think of each.
func TestExistingCopyOfAnotherRun(t *testing.T) {
	_, keys, err := repository.Create(repository.CreateOptions{Key: repository.NewKeyFile()})
	if err != nil {
		t.Fatal(err)
	}
	plain := []byte("rows")
	ref, err := keys.Name(repository.ObjectChunk, plain, nil)
	if err != nil {
		t.Fatal(err)
	}
	id := ref.ID
	sealed, err := keys.Seal(nil, &ref, plain, repository.Fast)
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(sealed)
	damaged[len(damaged)-1] ^= 1
	synctest.Test(t, func(t *testing.T) {
		hanging := storagetest.Hanging(storagetest.NewMem())
		r := &Repo{Keys: keys, Providers: []Provider{{Name: "a", Store: hanging}, {Name: "b", Store: storagetest.NewMem()},
			{Name: "c", Store: storagetest.NewMem()}, {Name: "d", Store: storagetest.NewMem()}}}
		for i, body := range [][]byte{sealed, damaged, sealed} {
			if err := r.Providers[i].Store.Put(t.Context(), id.Key(), body, sha256.Sum256(body), false); err != nil {
				t.Fatal(err)
			}
		}
		x, _, err := BuildIndex(t.Context(), r, r.Providers, nil)
		if err != nil {
			t.Fatal(err)
		}
		hanging.Hang(false, func(verb, _ string) bool { return verb == "get" })
		began := time.Now()
		s, found, err := x.Existing(t.Context(), r, &repository.Ref{ID: id, Plain: int64(len(plain))}, x.Get(id))
		if err != nil || !found || !bytes.Equal(s.Body, sealed) {
			t.Errorf("found %v, %v", found, err)
		}
		if took := time.Since(began); took > time.Minute {
			t.Errorf("waited %s for the provider that hangs", took)
		}
		if e := x.Get(id); e.At != 1<<2 || e.Odd != 1<<0 || e.bad != 1<<1 {
			t.Errorf("at %b, to be opened at %b, bad at %b", e.At, e.Odd, e.bad)
		}
		r.Providers = r.Providers[1:2]
		if _, found, err := x.Existing(t.Context(), r, &repository.Ref{ID: id}, Entry{At: 1}); found || err != nil {
			t.Errorf("at the one that holds other bytes: found %v, %v", found, err)
		}
	})
}
