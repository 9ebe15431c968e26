package repository

import (
	"context"
	"fmt"
	"math/bits"
	"slices"
)

// RunBuilder makes a run of chunks that were read.
type RunBuilder struct {
	lists  int
	chunks []ChunkID
	sets   [][]KeySet // by chunk
	pairs  int
}

// NewRunBuilder returns a builder for a table with that many key lists.
func NewRunBuilder(lists int) *RunBuilder { return &RunBuilder{lists: lists} }

// Add adds a chunk with its keys, one set for each list.
func (b *RunBuilder) Add(id ChunkID, sets []KeySet) {
	b.chunks, b.sets = append(b.chunks, id), append(b.sets, sets)
	for i := range sets {
		b.pairs += sets[i].n
	}
}

// Full reports whether the run has as many pairs or chunks as one may have.
func (b *RunBuilder) Full() bool { return b.pairs >= MostPairs || len(b.chunks) >= MostChunks }

// Run stores the pairs, returns the run and empties the builder. It returns nil where nothing was added.
func (b *RunBuilder) Run(ctx context.Context, store Store) (*Run, error) {
	if len(b.chunks) == 0 {
		return nil, nil
	}
	r := &Run{Chunks: b.chunks}
	for list := range b.lists {
		var open RunWriter
		n, streams := 0, make([]pairStream, 0, len(b.sets))
		for i := range b.sets {
			s := &b.sets[i][list]
			if s.Open {
				open.Add(uint64(i))
				continue
			}
			n += s.n
			c := &keyCursor{rest: s.deltas}
			streams = append(streams, func(context.Context) (uint64, uint64, bool, error) {
				prefix, ok := c.next()
				return prefix, uint64(i), ok, nil
			})
		}
		l, err := writePairs(ctx, store, streams, keyBits, uint64(n), r.chunkBits())
		if err != nil {
			return nil, err
		}
		l.open = open.Take()
		r.lists = append(r.lists, l)
	}
	*b = RunBuilder{lists: b.lists}
	return r, nil
}

// MergeRuns makes one run of several runs of the same table, without the chunks that are not live. It returns nil
// where none is live.
func MergeRuns(ctx context.Context, fetch Fetch, store Store, runs []*Run, live func(ChunkID) bool) (*Run, error) {
	out, numbers := &Run{}, make([][]int64, len(runs))
	lists := 0
	for i, r := range runs {
		for _, id := range r.Chunks {
			number := int64(-1)
			if live(id) {
				number = int64(len(out.Chunks))
				out.Chunks = append(out.Chunks, id)
			}
			numbers[i] = append(numbers[i], number)
		}
		lists = max(lists, len(r.lists))
	}
	if len(out.Chunks) == 0 {
		return nil, nil
	}
	for list := range lists {
		l, err := mergeList(ctx, fetch, store, runs, numbers, list, out.chunkBits())
		if err != nil {
			return nil, err
		}
		out.lists = append(out.lists, l)
	}
	return out, nil
}

func mergeList(
	ctx context.Context, fetch Fetch, store Store, runs []*Run, numbers [][]int64, list, chunkBits int,
) (runList, error) {
	var open RunWriter
	width, n := keyBits, uint64(0)
	for i, r := range runs {
		if list >= len(r.lists) {
			return runList{}, fmt.Errorf("a run has %d key lists, and another more", len(r.lists))
		}
		width, n = min(width, r.lists[list].bits), n+r.lists[list].pairs
		if err := r.lists[list].open.Each(func(from, n uint64) {
			for _, number := range numbers[i][from : from+n] {
				if number >= 0 {
					open.Add(uint64(number))
				}
			}
		}); err != nil {
			return runList{}, err
		}
	}
	var streams []pairStream
	for i, r := range runs {
		streams = append(streams, r.stream(fetch, list, numbers[i], width))
	}
	l, err := writePairs(ctx, store, streams, width, n, chunkBits)
	l.open = open.Take()
	return l, err
}

// pairStream returns one pair after the other, by growing prefixes.
type pairStream func(context.Context) (prefix, chunk uint64, ok bool, err error)

// stream reads the pairs of a run, a page at a time, with other numbers for the chunks; those below zero are left out.
func (r *Run) stream(fetch Fetch, list int, numbers []int64, width int) pairStream {
	l, chunkBits := &r.lists[list], r.chunkBits()
	var values []uint64
	next := 0
	return func(ctx context.Context) (uint64, uint64, bool, error) {
		for {
			for len(values) == 0 {
				if next == len(l.pages) {
					return 0, 0, false, nil
				}
				page, err := l.pages[next].read(ctx, fetch)
				if err != nil {
					return 0, 0, false, err
				}
				next++
				for v, err := range decodePairs(page) {
					if err != nil || v&(1<<chunkBits-1) >= uint64(len(numbers)) {
						err := fmt.Errorf("%w: %w", ErrWrongContent, errPairs)
						return 0, 0, false, damaged(ObjectIndex, l.pages[next-1].Key(), err)
					}
					values = append(values, v)
				}
			}
			v := values[0]
			values = values[1:]
			if number := numbers[v&(1<<chunkBits-1)]; number >= 0 {
				return v >> chunkBits >> (l.bits - width), uint64(number), true, nil
			}
		}
	}
}

// writePairs merges streams, whose prefixes have width bits, into pages. n is how many pairs there are at most.
func writePairs(
	ctx context.Context, store Store, streams []pairStream, width int, n uint64, chunkBits int,
) (runList, error) {
	l := runList{bits: min(width, max(leastBits, bits.Len64(n)+spareBits))}
	w := newPairWriter(store, n, l.bits+chunkBits)
	var heap pairHeap
	for _, s := range streams {
		if err := heap.push(ctx, s, width-l.bits); err != nil {
			return l, err
		}
	}
	var chunks []uint64
	for len(heap) > 0 {
		prefix := heap[0].prefix
		chunks = chunks[:0]
		for len(heap) > 0 && heap[0].prefix == prefix {
			chunks = append(chunks, heap[0].chunk)
			if err := heap.advance(ctx, width-l.bits); err != nil {
				return l, err
			}
		}
		slices.Sort(chunks)
		for _, c := range slices.Compact(chunks) {
			if err := w.add(ctx, prefix<<chunkBits|c); err != nil {
				return l, err
			}
		}
	}
	err := w.cut(ctx)
	l.pairs, l.pages = w.total, w.pages
	return l, err
}

// pairHeap has the stream with the smallest prefix on top.
type pairHeap []pairHead

type pairHead struct {
	prefix, chunk uint64
	next          pairStream
}

func (h *pairHeap) push(ctx context.Context, s pairStream, shift int) error {
	prefix, chunk, ok, err := s(ctx)
	if err != nil || !ok {
		return err
	}
	*h = append(*h, pairHead{prefix >> shift, chunk, s})
	for i := len(*h) - 1; i > 0 && (*h)[i].prefix < (*h)[(i-1)/2].prefix; i = (i - 1) / 2 {
		(*h)[i], (*h)[(i-1)/2] = (*h)[(i-1)/2], (*h)[i]
	}
	return nil
}

// advance replaces the top by its stream's next pair.
func (h *pairHeap) advance(ctx context.Context, shift int) error {
	a := *h
	prefix, chunk, ok, err := a[0].next(ctx)
	if err != nil {
		return err
	}
	if ok {
		a[0].prefix, a[0].chunk = prefix>>shift, chunk
	} else {
		a[0] = a[len(a)-1]
		a = a[:len(a)-1]
		*h = a
	}
	for i := 0; ; {
		least := i
		for _, child := range []int{2*i + 1, 2*i + 2} {
			if child < len(a) && a[child].prefix < a[least].prefix {
				least = child
			}
		}
		if least == i {
			return nil
		}
		a[i], a[least] = a[least], a[i]
		i = least
	}
}
