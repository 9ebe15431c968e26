package engine

import (
	"context"
	"encoding/hex"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
)

const chunkPrefix = "chunks/"

// maxProviders is how many providers fit into an entry's bit set.
const maxProviders = 16

// entry is what is known of one chunk: which providers confirm it, and, once it was sealed or read, its size and checksum.
type entry struct {
	at    uint16 // bit i: provider i confirms it
	odd   uint16 // bit i: provider i lists it with another size: another run may have sealed it, or it is damaged
	bad   uint16 // bit i: provider i's copy was looked at and is none
	known bool   // size and sum are those of a manifest or of bytes seen by this process
	size  int64
	sum   repository.Sum
	ready chan struct{} // open while one goroutine seals it; nil otherwise
}

// index knows every chunk at every provider. It takes about 100 bytes per chunk, that is 12 MB per stored terabyte of 8 MiB
// page ranges. It is rebuilt from the providers' own lists at the start of an operation: what a catalog says is believed only
// if the provider confirms it.
type index struct {
	keys    *repository.Keyring
	mu      sync.Mutex
	entries map[repository.ChunkID]*entry
	sent    map[uint16]int64                       // by provider's bit: sealed bytes of the chunks that it was given
	others  map[repository.ChunkID]map[uint16]seal // by provider's bit: what another run sealed at the same time
}

// buildIndex takes sizes and checksums from the given manifests and presence from the providers' lists. A provider whose list
// cannot be read is returned with its error and counts as holding nothing.
func buildIndex(ctx context.Context, r *repo, live []Provider, manifests ...*repository.Manifest) (*index, map[string]error, error) {
	x := &index{keys: r.keys, entries: map[repository.ChunkID]*entry{}, sent: map[uint16]int64{}, others: map[repository.ChunkID]map[uint16]seal{}}
	for _, m := range manifests {
		if m == nil {
			continue
		}
		_ = m.EachChunk(func(c *repository.Chunk) error {
			x.entries[c.ID] = &entry{known: true, size: c.Size, sum: c.SHA256}
			return nil
		})
	}
	failed := map[string]error{}
	var g errgroup.Group
	for _, p := range live {
		bit := providerBit(r.providers, p.Name)
		g.Go(func() error {
			err := p.Store.List(ctx, chunkPrefix, func(o storage.Object) error {
				if id, ok := parseChunkKey(o.Key); ok {
					x.saw(id, bit, o.Size)
				}
				return nil
			})
			if err != nil {
				x.forget(bit)
				x.mu.Lock()
				failed[p.Name] = err
				x.mu.Unlock()
			}
			return nil
		})
	}
	_ = g.Wait()
	return x, failed, ctx.Err()
}

func providerBit(providers []Provider, name string) uint16 {
	for i, p := range providers {
		if p.Name == name {
			return 1 << i
		}
	}
	return 0
}

func parseChunkKey(key string) (id repository.ChunkID, ok bool) {
	name := key[strings.LastIndexByte(key, '/')+1:]
	if len(name) != 2*len(id) {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(name))
	return id, err == nil && id.Key() == key
}

// saw records that a provider lists a chunk. One of another size than the manifest's must be opened before it is judged.
func (x *index) saw(id repository.ChunkID, bit uint16, size int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.entries[id]
	if e == nil {
		e = &entry{size: size}
		x.entries[id] = e
	}
	if e.size != size {
		e.odd |= bit
		return
	}
	e.at |= bit
}

// expect tells what the object of a chunk is, before it is claimed.
func (x *index) expect(id repository.ChunkID, size int64, sum repository.Sum) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.entry(id)
	if e.known {
		return
	}
	if e.size != size {
		e.odd, e.at = e.odd|e.at, 0
	}
	e.known, e.size, e.sum = true, size, sum
}

// forget takes back what a provider was believed to hold.
func (x *index) forget(bit uint16) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, e := range x.entries {
		e.at, e.odd = e.at&^bit, e.odd&^bit
	}
}

// claim returns the chunk's entry. mine means that the caller must make it known and then call settle: nobody else is at it.
func (x *index) claim(ctx context.Context, id repository.ChunkID) (e entry, mine bool, err error) {
	for {
		x.mu.Lock()
		p := x.entries[id]
		if p == nil {
			p = &entry{}
			x.entries[id] = p
		}
		if p.ready == nil {
			if p.known && p.at != 0 {
				e = *p
				x.mu.Unlock()
				return e, false, nil
			}
			p.ready = make(chan struct{})
			e = *p
			x.mu.Unlock()
			return e, true, nil
		}
		wait := p.ready
		x.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return entry{}, false, ctx.Err()
		}
	}
}

// settle ends a claim; a nil sum gives it back undone.
func (x *index) settle(id repository.ChunkID, size int64, sum *repository.Sum) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.entries[id]
	if sum != nil {
		e.known, e.size, e.sum = true, size, *sum
	}
	close(e.ready)
	e.ready = nil
}

// confirm records that a provider holds the chunk.
func (x *index) confirm(id repository.ChunkID, bit uint16) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.entry(id).is(bit, 0, 0)
}

// doubt records that a provider holds something under the chunk's name that must be opened before it is judged.
func (x *index) doubt(id repository.ChunkID, bits uint16) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.entry(id).is(0, bits, 0)
}

// distrust records that a provider's copy is not sound.
func (x *index) distrust(id repository.ChunkID, bit uint16) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.entry(id).is(0, 0, bit)
}

// is moves providers into one of the entry's sets.
func (e *entry) is(at, odd, bad uint16) {
	bits := at | odd | bad
	e.at, e.odd, e.bad = e.at&^bits|at, e.odd&^bits|odd, e.bad&^bits|bad
}

// entry returns the chunk's entry, new if there is none. The lock is held.
func (x *index) entry(id repository.ChunkID) *entry {
	e := x.entries[id]
	if e == nil {
		e = &entry{}
		x.entries[id] = e
	}
	return e
}

// get returns what is known of a chunk.
func (x *index) get(id repository.ChunkID) entry {
	x.mu.Lock()
	defer x.mu.Unlock()
	if e := x.entries[id]; e != nil {
		return *e
	}
	return entry{}
}
