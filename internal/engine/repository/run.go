package repository

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"
)

// A run says of some chunks of one table which keys they hold: for each of the table's key lists a sorted set
// of pairs of a key and a chunk. Who looks a key up reads one page of pairs in each run of the table.

const (
	// MostPairs is the largest number of pairs in a run that a backup makes of chunks it has read. It sorts them in
	// memory.
	MostPairs = 8 << 20
	// MostChunks is the largest number of chunks that such a run covers.
	MostChunks = 4096

	spareBits   = 10 // of a key's hash, beyond those that tell as many keys apart as the run has pairs
	leastBits   = 32 // so that few keys seem to be in a run of four million pairs that small ones were merged into
	maxRunLists = 1 << 12
)

// Run is the directory of one run.
type Run struct {
	Chunks []ChunkID
	lists  []runList
	ref    Ref // of the directory's page; zero where it stands in the list of runs
}

type runList struct {
	open  Runs // numbers of chunks that may hold any key
	pairs uint64
	bits  int // of each key's hash
	pages []runPage
}

// runPage is a page of pairs, by its first one.
type runPage struct {
	first uint64
	blob
}

// Pairs returns how many pairs the run has in all of its lists.
func (r *Run) Pairs() (n uint64) {
	for _, l := range r.lists {
		n += l.pairs
	}
	return n
}

// Refs returns the references of all pages of the run.
func (r *Run) Refs() (refs []Ref) {
	if r.ref.Size > 0 {
		refs = append(refs, r.ref)
	}
	for _, l := range r.lists {
		for _, p := range l.pages {
			if len(p.inline) == 0 {
				refs = append(refs, p.Ref)
			}
		}
	}
	return refs
}

// chunkBits is how many bits a chunk's number takes.
func (r *Run) chunkBits() int { return bits.Len(uint(max(len(r.Chunks)-1, 0))) }

func (r *Run) encode() []byte {
	dst := binary.AppendUvarint([]byte{byte(PageRun)}, uint64(len(r.Chunks)))
	for _, id := range r.Chunks {
		dst = append(dst, id[:]...)
	}
	dst = binary.AppendUvarint(dst, uint64(len(r.lists)))
	for _, l := range r.lists {
		dst = binary.AppendUvarint(appendSized(dst, l.open), l.pairs)
		dst = binary.AppendUvarint(append(dst, byte(l.bits)), uint64(len(l.pages)))
		for _, p := range l.pages {
			dst = appendBlob(binary.AppendUvarint(dst, p.first), &p.blob)
		}
	}
	return dst
}

func decodeRun(page []byte) (*Run, error) {
	d := newDecoder(page, PageRun)
	r := &Run{}
	for range d.uint(maxChunks) {
		if r.Chunks = append(r.Chunks, d.id()); d.err != nil {
			return nil, d.err
		}
	}
	for range d.uint(maxRunLists) {
		l := runList{open: d.sized(), pairs: d.uint(1 << 62), bits: int(d.byte())}
		for range d.uint(maxChunks) {
			p := runPage{first: d.uint(1 << 63), blob: d.blob()}
			if len(l.pages) > 0 && p.first <= l.pages[len(l.pages)-1].first {
				d.fail()
			}
			if d.err != nil {
				return nil, d.err
			}
			l.pages = append(l.pages, p)
		}
		if _, end, err := l.open.Count(); err != nil || end > uint64(len(r.Chunks)) || l.bits < 1 || l.bits > keyBits {
			d.fail()
		}
		if d.err != nil {
			return nil, d.err
		}
		r.lists = append(r.lists, l)
	}
	if len(d.rest) > 0 || len(r.Chunks) == 0 {
		d.fail()
	}
	return r, d.err
}

// Lookup returns the chunks of the run that can hold one of the keys, for the table's key list with this number. A
// chunk that it leaves out holds none of them for certain. A negative number means a list that the table does not
// have: then any chunk can hold the key.
func (r *Run) Lookup(ctx context.Context, fetch Fetch, list int, keys []KeyHash) ([]ChunkID, error) {
	if list < 0 || list >= len(r.lists) {
		return r.Chunks, nil
	}
	l := &r.lists[list]
	may := make([]bool, len(r.Chunks))
	if err := l.open.Each(func(from, n uint64) {
		for i := from; i < from+n; i++ {
			may[i] = true
		}
	}); err != nil {
		return nil, err
	}
	prefixes := make([]uint64, len(keys))
	for i, k := range keys {
		prefixes[i] = uint64(k) >> (64 - l.bits)
	}
	slices.Sort(prefixes)
	for _, part := range l.parts(slices.Compact(prefixes), r.chunkBits()) {
		page, err := part.page.read(ctx, fetch)
		if err != nil {
			return nil, err
		}
		if err := find(page, part.prefixes, r.chunkBits(), may); err != nil {
			return nil, damaged(ObjectIndex, part.page.Key(), fmt.Errorf("%w: %w", ErrWrongContent, err))
		}
	}
	var out []ChunkID
	for i, is := range may {
		if is {
			out = append(out, r.Chunks[i])
		}
	}
	return out, nil
}

func (p *runPage) read(ctx context.Context, fetch Fetch) ([]byte, error) {
	if len(p.inline) > 0 {
		return p.inline, nil
	}
	return fetch(ctx, p.Ref)
}

// lookupPart is a page of pairs and the prefixes that may be in it.
type lookupPart struct {
	page     *runPage
	prefixes []uint64
}

// parts finds the pages that can have pairs with one of the prefixes, which are sorted.
func (l *runList) parts(prefixes []uint64, chunkBits int) (parts []lookupPart) {
	for i := range l.pages {
		from, to := l.pages[i].first>>chunkBits, ^uint64(0)
		if i+1 < len(l.pages) {
			to = l.pages[i+1].first >> chunkBits // the last pairs of a prefix may be there
		}
		lo, _ := slices.BinarySearch(prefixes, from)
		hi, found := slices.BinarySearch(prefixes, to)
		if found {
			hi++
		}
		if lo < hi {
			parts = append(parts, lookupPart{&l.pages[i], prefixes[lo:hi]})
		}
	}
	return parts
}

// find marks the chunks that a page pairs with one of the prefixes.
func find(page []byte, prefixes []uint64, chunkBits int, may []bool) error {
	for v, err := range decodePairs(page) {
		if err != nil {
			return err
		}
		for len(prefixes) > 0 && prefixes[0] < v>>chunkBits {
			prefixes = prefixes[1:]
		}
		if len(prefixes) == 0 {
			return nil
		}
		if prefixes[0] == v>>chunkBits {
			chunk := v & (1<<chunkBits - 1)
			if chunk >= uint64(len(may)) {
				return errors.New("it names a chunk that its run does not have")
			}
			may[chunk] = true
		}
	}
	return nil
}

// WriteRuns makes the list of a table's runs. It does not write runs again that were read.
func WriteRuns(ctx context.Context, store Store, runs []*Run) (List, error) {
	w := NewListWriter(PageRuns, store)
	for _, r := range runs {
		b := blob{Ref: r.ref}
		if r.ref.Size == 0 {
			if b.inline = r.encode(); len(b.inline) > maxInline {
				ref, err := store(ctx, b.inline)
				if err != nil {
					return List{}, err
				}
				b, r.ref = blob{Ref: ref}, ref
			}
		}
		if err := w.Add(ctx, appendBlob(nil, &b), Node{}); err != nil {
			return List{}, err
		}
	}
	return w.Close(ctx)
}

// ReadRuns returns the directories of a table's runs, and the references of the pages that the list of them has.
func (t *Table) ReadRuns(ctx context.Context, fetch Fetch) (runs []*Run, refs []Ref, err error) {
	leaves, inner, err := t.Runs.Walk(ctx, fetch)
	if err != nil {
		return nil, nil, err
	}
	for i := range leaves {
		refs = append(refs, leaves[i].Ref)
	}
	var apart []Node
	err = t.Runs.each(ctx, fetch, func(p listPage) error {
		d := newDecoder(p.plain, PageRuns)
		for d.more() {
			b := d.blob()
			r := &Run{ref: b.Ref}
			if len(b.inline) > 0 {
				var err error
				if r, err = decodeRun(b.inline); err != nil {
					return wrongPage(p, err)
				}
			} else if d.err == nil {
				apart = append(apart, Node{Ref: b.Ref, Entries: int64(len(runs))})
			}
			runs = append(runs, r)
		}
		if d.err != nil {
			return wrongPage(p, d.err)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	for p, err := range pages(ctx, fetch, apart) {
		if err != nil {
			return nil, nil, err
		}
		r, err := decodeRun(p.plain)
		if err != nil {
			return nil, nil, wrongPage(p, err)
		}
		r.ref = p.node.Ref
		runs[p.node.Entries] = r
	}
	return runs, append(refs, inner...), nil
}
