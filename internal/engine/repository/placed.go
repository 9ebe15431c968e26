package repository

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sync"
)

// Placed says where the rows of a chunk lay when it was read. From that the next backup finds out which of them are
// still there. It stays the same when a later point drops rows of the chunk.
type Placed struct {
	ID    ChunkID
	Slots Runs // the places of the chunk's rows, in their order
}

func appendPlaced(dst []byte, from uint32, chunks []Placed) []byte {
	dst = binary.AppendUvarint(dst, uint64(from))
	dst = binary.AppendUvarint(dst, uint64(len(chunks)))
	for i := range chunks {
		dst = append(dst, chunks[i].ID[:]...)
		dst = appendSized(dst, chunks[i].Slots)
	}
	return dst
}

// placedRange is an entry of a page of slots.
type placedRange struct {
	from   uint32
	chunks []Placed
}

func decodePlaced(page []byte) (ranges []placedRange, err error) {
	d := newDecoder(page, PageSlots)
	for d.more() {
		r := placedRange{from: uint32(d.uint(math.MaxUint32))}
		for range d.uint(maxChunks) {
			p := Placed{ID: d.id(), Slots: d.sized()}
			if d.err != nil {
				break
			}
			r.chunks = append(r.chunks, p)
		}
		if len(ranges) > 0 && r.from <= ranges[len(ranges)-1].from {
			d.fail()
		}
		ranges = append(ranges, r)
	}
	return ranges, d.err
}

// Slots reads the slots of a table's ranges, a page at a time and only where somebody asks. Several goroutines use it
// at once.
type Slots struct {
	list   List
	leaves []Node
	inner  []Ref
	fetch  Fetch

	mu     sync.Mutex
	recent [recentSlots]recentPage
	turn   int
}

// recentSlots is how many pages are kept for readers that ask for the next range: one for each reader.
const recentSlots = 8

type recentPage struct {
	leaf   int
	ranges []placedRange // nil: none
}

// OpenSlots reads the references of a table's slots.
func OpenSlots(ctx context.Context, fetch Fetch, t *Table) (*Slots, error) {
	leaves, inner, err := t.Slots.Walk(ctx, fetch)
	if err == nil && len(t.Slots.Page) > 0 {
		leaves = []Node{{}}
	}
	return &Slots{list: t.Slots, leaves: leaves, inner: inner, fetch: fetch}, err
}

// Refs returns the references of all pages of the list.
func (s *Slots) Refs() (refs []Ref) {
	for i := range s.leaves {
		if s.leaves[i].ID != (ChunkID{}) {
			refs = append(refs, s.leaves[i].Ref)
		}
	}
	return append(refs, s.inner...)
}

// leaf returns which page can hold the range from a heap page, -1 where none does.
func (s *Slots) leaf(from uint32) int {
	i, found := slices.BinarySearchFunc(s.leaves, uint64(from), func(n Node, from uint64) int {
		switch {
		case n.First < from:
			return -1
		case n.First > from:
			return 1
		}
		return 0
	})
	if !found && i > 0 {
		i--
	}
	if len(s.leaves) == 0 {
		return -1
	}
	return i
}

func (s *Slots) read(ctx context.Context, leaf int) ([]placedRange, error) {
	n := &s.leaves[leaf]
	p := listPage{node: n, plain: s.list.Page}
	if len(p.plain) == 0 {
		var err error
		if p.plain, err = s.fetch(ctx, n.Ref); err != nil {
			return nil, err
		}
	}
	ranges, err := decodePlaced(p.plain)
	if err != nil {
		return nil, wrongPage(p, err)
	}
	return ranges, nil
}

// Of returns the slots of the range that begins at a heap page, or nothing where none are known.
func (s *Slots) Of(ctx context.Context, from uint32) ([]Placed, error) {
	leaf := s.leaf(from)
	if leaf < 0 {
		return nil, nil
	}
	ranges, err := s.readOnce(ctx, leaf)
	if err != nil {
		return nil, err
	}
	for _, r := range ranges {
		if r.from == from {
			return r.chunks, nil
		}
	}
	return nil, nil
}

// readOnce is read for neighbours, who mostly ask for the same page.
func (s *Slots) readOnce(ctx context.Context, leaf int) ([]placedRange, error) {
	s.mu.Lock()
	for _, r := range s.recent {
		if r.ranges != nil && r.leaf == leaf {
			s.mu.Unlock()
			return r.ranges, nil
		}
	}
	s.mu.Unlock()
	ranges, err := s.read(ctx, leaf)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recent[s.turn%recentSlots] = recentPage{leaf, ranges}
	s.turn++
	return ranges, nil
}

// SlotWriter makes the list of a table's slots from an older list and what has changed. It neither reads nor writes a
// page without a change.
type SlotWriter struct {
	list    *ListWriter
	old     *Slots // may be nil
	next    int    // the first old page that is not yet in the list
	taken   []Ref
	changes []placedRange
}

// NewSlotWriter returns a writer; old may be nil.
func NewSlotWriter(store Store, old *Slots) *SlotWriter {
	return &SlotWriter{list: NewListWriter(PageSlots, store), old: old}
}

// Set says which slots a range has from now on. An empty value removes the old ones. Ranges come in order, and ranges
// without a change may be left out.
func (w *SlotWriter) Set(ctx context.Context, from uint32, chunks []Placed) error {
	if w.old == nil || len(w.old.leaves) == 0 {
		return w.add(ctx, placedRange{from, chunks})
	}
	if leaf := w.old.leaf(from); leaf > w.next {
		if err := w.upTo(ctx, leaf); err != nil {
			return err
		}
	}
	w.changes = append(w.changes, placedRange{from, chunks})
	return nil
}

func (w *SlotWriter) add(ctx context.Context, r placedRange) error {
	if len(r.chunks) == 0 {
		return nil
	}
	return w.list.Add(ctx, appendPlaced(nil, r.from, r.chunks), Node{First: uint64(r.from)})
}

// upTo brings the old pages before one into the list, with the changes that belong there.
func (w *SlotWriter) upTo(ctx context.Context, leaf int) error {
	for ; w.next < leaf; w.next++ {
		n, last := &w.old.leaves[w.next], w.next+1 == len(w.old.leaves)
		if len(w.changes) == 0 && w.list.aligned() && n.ID != (ChunkID{}) && (!last || leaf == len(w.old.leaves)) {
			if err := w.list.take(ctx, n); err != nil {
				return err
			}
			w.taken = append(w.taken, n.Ref)
			continue
		}
		if err := w.merge(ctx); err != nil {
			return fmt.Errorf("change a page of slots: %w", err)
		}
	}
	return nil
}

// merge brings the next old page with its changes into the list.
func (w *SlotWriter) merge(ctx context.Context) error {
	was, err := w.old.read(ctx, w.next)
	if err != nil {
		return err
	}
	changes := w.changes
	w.changes = nil
	for _, r := range was {
		for len(changes) > 0 && changes[0].from < r.from {
			if err := w.add(ctx, changes[0]); err != nil {
				return err
			}
			changes = changes[1:]
		}
		if len(changes) > 0 && changes[0].from == r.from {
			r, changes = changes[0], changes[1:]
		}
		if err := w.add(ctx, r); err != nil {
			return err
		}
	}
	for _, r := range changes {
		if err := w.add(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// Taken returns the old list's pages that the new list has too, and that were not stored again.
func (w *SlotWriter) Taken() []Ref { return w.taken }

// Close writes what is left and returns the list.
func (w *SlotWriter) Close(ctx context.Context) (List, error) {
	if w.old != nil {
		if err := w.upTo(ctx, len(w.old.leaves)); err != nil {
			return List{}, err
		}
	}
	return w.list.Close(ctx)
}
