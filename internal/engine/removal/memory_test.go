//go:build !race

package removal_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/engine/removal"
	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/engine/storage/storagetest"
)

// crowded is a provider that lists many chunks, which take no memory of the test's. It looks at the heap when a removal
// list is stored: then a removal holds most.
type crowded struct {
	*storagetest.Mem
	chunks int
	heap   func()
}

func (c *crowded) List(ctx context.Context, prefix string, fn func(storage.Object) error) error {
	if prefix != replicas.ChunkPrefix {
		return c.Mem.List(ctx, prefix, fn)
	}
	var id repository.ChunkID
	for i := range c.chunks {
		binary.BigEndian.PutUint32(id[:], uint32(i)*2654435761) // spread, and each another one
		binary.BigEndian.PutUint32(id[28:], uint32(i))
		if err := fn(storage.Object{Key: id.Key(), Size: 1 << 20}); err != nil {
			return err
		}
	}
	return nil
}

func (c *crowded) Put(ctx context.Context, key string, body []byte, sum [sha256.Size]byte, replace bool) error {
	if strings.HasPrefix(key, repository.RemovalPrefix) {
		c.heap()
	}
	return c.Mem.Put(ctx, key, body, sum, replace)
}

// mostHeap is what a removal may hold of a million objects.
const mostHeap = 256 << 20

const objects = 1_000_000

// TestMemoryOfAMillionObjects: a removal goes through a million objects at each provider in bounded memory. (Under
// -race each takes ten times as long.)
func TestMemoryOfAMillionObjects(t *testing.T) {
	s := readSecrets(t)
	w := newWorld(t, s)
	live := func() uint64 {
		debug.FreeOSMemory()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, most := live(), uint64(0)
	set := &replicas.Set{Key: repository.KeySource{Key: s.key}, Now: func() time.Time { return w.clock(0) }}
	for _, p := range w.places[:2] {
		store := &crowded{Mem: p.mem, chunks: objects, heap: func() {}}
		if p.name == "a" {
			store.heap = func() { most = max(most, live()-before) }
		}
		set.Providers = append(set.Providers, replicas.Provider{Name: p.name, Store: store})
	}
	by := &removal.Remover{Replicas: set, Now: set.Now}
	began := time.Now()
	for i, want := range []int64{0, 200_000} { // the first notes what is left over
		r, err := by.Run(t.Context(), removal.Input{}, nil)
		if err != nil || r.Held != "" || r.Problem != "" || r.Objects != want {
			t.Fatalf("removal %d: %+v, %v", i, r, err)
		}
		w.now += 7*day + time.Hour
	}
	t.Logf("%d MiB, %v for each removal", most>>20, time.Since(began)/2)
	if most > mostHeap {
		t.Errorf("a removal holds %d MiB", most>>20)
	}
}
