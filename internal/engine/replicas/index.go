package replicas

import (
	"context"
	"encoding/hex"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
)

// The folders of what is named by its content.
const (
	ChunkPrefix = "chunks/"
	PagePrefix  = "indexes/"
)

// maxProviders is how many providers fit into an entry's bit set.
const maxProviders = 16

// Entry is what is known of one chunk or index page: which providers confirm it, and its size and checksum once it
// was sealed or read.
type Entry struct {
	At    uint16 // bit i: provider i confirms it
	Odd   uint16 // bit i: provider i lists it with another size: another run may have sealed it, or it is damaged
	bad   uint16 // bit i: provider i's copy was looked at and is none
	seen  uint16 // bit i: provider i listed it when the operation began
	known bool   // size and sum are those of a recovery point or of bytes seen by this process
	Size  int64
	Sum   repository.Sum
	ready chan struct{} // open while one goroutine seals it; nil otherwise
}

// Index knows every chunk and index page at every provider. It takes about 150 bytes for each, which is 40 MB for
// each stored terabyte of 8 MiB page ranges. A page never has the id of a chunk. An operation builds its index from
// the providers' own lists at its start, because what a catalog says counts only where the provider confirms it.
type Index struct {
	keys    *repository.Keyring
	mu      sync.Mutex
	entries map[repository.ChunkID]*Entry
	sent    map[uint16]int64                       // by provider's bit: sealed bytes of the chunks that it was given
	others  map[repository.ChunkID]map[uint16]seal // by provider's bit: what another run sealed at the same time
}

// BuildIndex takes sizes and checksums from references that were read, and presence from the providers' lists. A
// provider whose list cannot be read counts as holding nothing, and is returned with its error.
func BuildIndex(
	ctx context.Context, r *Repo, live []Provider, refs []*repository.Ref,
) (*Index, map[string]error, error) {
	x := &Index{
		keys:    r.Keys,
		entries: map[repository.ChunkID]*Entry{},
		sent:    map[uint16]int64{},
		others:  map[repository.ChunkID]map[uint16]seal{},
	}
	for _, c := range refs {
		x.entries[c.ID] = &Entry{known: true, Size: c.Size, Sum: c.SHA256}
	}
	failed := map[string]error{}
	var g errgroup.Group
	for _, p := range live {
		bit := ProviderBit(r.Providers, p.Name)
		g.Go(func() error {
			err := list(ctx, p, func(ref repository.Ref) { x.saw(ref.ID, bit, ref.Size) })
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

// ProviderBit returns the bit that stands for a provider in what the index knows of an object, or 0 for a provider
// that is not in the list.
func ProviderBit(providers []Provider, name string) uint16 {
	for i, p := range providers {
		if p.Name == name {
			return 1 << i
		}
	}
	return 0
}

// list calls fn for every chunk and index page that a provider lists.
func list(ctx context.Context, p Provider, fn func(repository.Ref)) error {
	for _, prefix := range []string{ChunkPrefix, PagePrefix} {
		err := p.Store.List(ctx, prefix, func(o storage.Object) error {
			if ref, ok := ParseKey(o.Key); ok {
				ref.Size = o.Size
				fn(ref)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// ParseKey returns the reference that the name of a chunk or of an index page makes, without sizes.
func ParseKey(key string) (ref repository.Ref, ok bool) {
	name := key[strings.LastIndexByte(key, '/')+1:]
	if len(name) != 2*len(ref.ID) {
		return ref, false
	}
	if strings.HasPrefix(key, PagePrefix) {
		ref.Kind = repository.ObjectIndex
	}
	_, err := hex.Decode(ref.ID[:], []byte(name))
	return ref, err == nil && ref.Key() == key
}

// saw records that a provider lists a chunk. One of another size than the manifest's must be opened before it
// is judged.
func (x *Index) saw(id repository.ChunkID, bit uint16, size int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.entries[id]
	if e == nil {
		e = &Entry{Size: size}
		x.entries[id] = e
	}
	e.seen |= bit
	if e.Size != size {
		e.Odd |= bit
		return
	}
	e.At |= bit
}

// Expect tells the index the size and checksum that a reference gives for an object, before somebody claims it.
// Copies that providers list with another size count as odd.
func (x *Index) Expect(id repository.ChunkID, size int64, sum repository.Sum) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.entry(id)
	if e.known {
		return
	}
	if e.Size != size {
		e.Odd, e.At = e.Odd|e.At, 0
	}
	e.known, e.Size, e.Sum = true, size, sum
}

// forget takes back what a provider was believed to hold.
func (x *Index) forget(bit uint16) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, e := range x.entries {
		e.At, e.Odd = e.At&^bit, e.Odd&^bit
	}
}

// Claim returns the entry of a chunk or page. When mine is true, nobody else is at it: the caller must make the
// object known and then call Settle.
func (x *Index) Claim(ctx context.Context, id repository.ChunkID) (e Entry, mine bool, err error) {
	for {
		x.mu.Lock()
		p := x.entries[id]
		if p == nil {
			p = &Entry{}
			x.entries[id] = p
		}
		if p.ready == nil {
			if p.known && p.At != 0 {
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
			return Entry{}, false, ctx.Err()
		}
	}
}

// Settle ends a claim. With a nil sum it gives the claim back, and the object stays unknown.
func (x *Index) Settle(id repository.ChunkID, size int64, sum *repository.Sum) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.entries[id]
	if sum != nil {
		e.known, e.Size, e.Sum = true, size, *sum
	}
	close(e.ready)
	e.ready = nil
}

// confirm records that a provider holds the chunk.
func (x *Index) confirm(id repository.ChunkID, bit uint16) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.entry(id).is(bit, 0, 0)
}

// doubt records that a provider holds something under the chunk's name that must be opened before it is judged.
func (x *Index) doubt(id repository.ChunkID, bits uint16) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.entry(id).is(0, bits, 0)
}

// Distrust records that a provider's copy is not sound.
func (x *Index) Distrust(id repository.ChunkID, bit uint16) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.entry(id).is(0, 0, bit)
}

// is moves providers into one of the entry's sets.
func (e *Entry) is(at, odd, bad uint16) {
	bits := at | odd | bad
	e.At, e.Odd, e.bad = e.At&^bits|at, e.Odd&^bits|odd, e.bad&^bits|bad
}

// entry returns the chunk's entry, new if there is none. The lock is held.
func (x *Index) entry(id repository.ChunkID) *Entry {
	e := x.entries[id]
	if e == nil {
		e = &Entry{}
		x.entries[id] = e
	}
	return e
}

// Known returns what is known of a chunk or page whose size a recovery point names or that this process has sealed.
func (x *Index) Known(id repository.ChunkID) (Entry, bool) {
	e := x.Get(id)
	return e, e.known
}

// Doubt tells the index the size and checksum of an object that was sealed just now. What providers list under its
// name counts only after it was looked at.
func (x *Index) Doubt(id repository.ChunkID, size int64, sum repository.Sum) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.entry(id)
	if e.known {
		return
	}
	e.is(0, e.At, 0)
	e.known, e.Size, e.Sum = true, size, sum
}

// Get returns what is known of a chunk.
func (x *Index) Get(id repository.ChunkID) Entry {
	x.mu.Lock()
	defer x.mu.Unlock()
	if e := x.entries[id]; e != nil {
		return *e
	}
	return Entry{}
}

// Uploaded returns how many sealed bytes of chunks a provider was given.
func (x *Index) Uploaded(bit uint16) int64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.sent[bit]
}
