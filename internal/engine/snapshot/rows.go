package snapshot

import (
	"context"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/engine/repository"
)

// readRange reads one range of a table and stores it as chunks. It is called once per range; what it does per row is
// hash, append, and note the filter keys.
func (w *worker) readRange(ctx context.Context, t *tableRun, r *repository.Range) error {
	return w.readRows(ctx, t, r, t.rel.CopyRows(platform.PageRange{From: r.From, To: r.To}, w.b.manifest.Source.Encoding))
}

// readRows stores the rows that a statement of the relation reads, all of them in r's pages.
func (w *worker) readRows(ctx context.Context, t *tableRun, r *repository.Range, statement string) error {
	c := chunker{w: w, t: t, out: r, binary: t.rel.Format == repository.FormatBinary}
	c.keyReader, _ = t.rel.NewKeyReader(t.keys)
	w.keys.reset(len(t.keys))
	w.buf = w.buf[:0]
	n, err := w.reader.CopyOut(ctx, statement, c.binary,
		func(piece []byte, begin, end bool) error { return c.piece(ctx, piece, begin, end) })
	w.b.bytesRead.Add(n)
	if err != nil {
		return err
	}
	if err := c.flush(ctx, false); err != nil {
		return err
	}
	if !c.unplaced {
		w.index.placed = append(w.index.placed, c.placed...)
	}
	return nil
}

// chunker cuts a range's rows into chunks. Only rows longer than a chunk are cut inside.
type chunker struct {
	w         *worker
	t         *tableRun
	out       *repository.Range
	binary    bool
	keyReader *platform.KeyReader
	rows      int64 // that begin in the current chunk
	continues bool  // the current chunk begins inside a row
	slots     repository.RunWriter
	placed    []repository.Placed
	unplaced  bool // a row was cut or came out of order: nobody can tell later which rows are still there
}

func (c *chunker) piece(ctx context.Context, piece []byte, begin, end bool) error {
	row, slot := piece, uint64(0)
	if begin {
		place, rest, err := platform.SplitPlace(piece, c.binary)
		if err != nil {
			return err
		}
		row, slot = rest, slotOf(place, c.out.From)
		c.out.Rows++
	}
	if len(c.w.buf) > 0 && len(c.w.buf)+len(row) > maxChunk {
		if err := c.flush(ctx, !begin); err != nil {
			return err
		}
	}
	if begin {
		c.rows++
		c.unplaced = c.unplaced || c.t.rel.Access != "" || !end || !c.slots.Add(slot)
		c.noteKeys(row, end)
	}
	c.w.append(row)
	c.hash(row, begin, end)
	return nil
}

// append adds to the chunk. The buffer doubles until it holds a whole chunk, so that little of it is copied again.
func (w *worker) append(row []byte) {
	if cap(w.buf)-len(w.buf) < len(row) {
		w.buf = slices.Grow(w.buf, max(len(row), min(cap(w.buf), maxChunk)))
	}
	w.buf = append(w.buf, row...)
}

// hash adds the row to the range's hash, over as many pieces as it comes in.
func (c *chunker) hash(row []byte, begin, end bool) {
	if begin && end {
		c.out.Hash.Add(row)
		return
	}
	h := c.w.hasher
	if begin {
		h.Reset()
	}
	_, _ = h.Write(row)
	if end {
		c.out.Hash.AddHash(rowHash(h))
	}
}

func rowHash(h *xxh3.Hasher) repository.RowHash {
	sum := h.Sum128()
	return repository.RowHash{Hi: sum.Hi, Lo: sum.Lo}
}

// noteKeys adds the row's keys to the chunk's filters. A row whose keys cannot be read opens the filters to everything.
func (c *chunker) noteKeys(row []byte, whole bool) {
	if len(c.t.keys) == 0 {
		return
	}
	if !whole && !c.binary {
		c.w.keys.open = true
		return
	}
	if err := c.keyReader.Keys(row, c.w.keys.add); err != nil {
		c.w.keys.open = true
	}
}

// flush stores what has been gathered as a chunk; inside says that the next one begins inside a row.
func (c *chunker) flush(ctx context.Context, inside bool) error {
	if len(c.w.buf) == 0 {
		return nil
	}
	ref, err := c.w.b.store(ctx, repository.ObjectChunk, c.w.buf)
	if err != nil {
		return err
	}
	c.out.Chunks = append(c.out.Chunks, repository.Chunk{Ref: ref, Rows: c.rows, Continues: c.continues})
	c.placed = append(c.placed, repository.Placed{ID: ref.ID, Slots: c.slots.Take()})
	c.w.index.keys = append(c.w.index.keys, chunkKeys{ref.ID, c.w.keys.sets()})
	c.w.keys.reset(len(c.t.keys))
	c.w.buf, c.rows, c.continues = c.w.buf[:0], 0, inside
	return nil
}

// recentKeys is how many keys the cache before a chunk's set has places for: more than most chunks have rows.
const recentKeys = 8192

// keySets collects the keys of one chunk. Rows mostly repeat the keys of others, so a cache keeps most of them out.
type keySets struct {
	hashes [][]repository.KeyHash
	recent [][recentKeys]repository.KeyHash
	open   bool // a row's keys could not be read: the chunk may hold any
}

func (k *keySets) reset(n int) {
	for len(k.hashes) < n {
		k.hashes = append(k.hashes, nil)
		k.recent = append(k.recent, [recentKeys]repository.KeyHash{})
	}
	k.hashes, k.recent = k.hashes[:n], k.recent[:n]
	for i := range k.hashes {
		k.hashes[i] = k.hashes[i][:0]
		clear(k.recent[i][:])
	}
	k.open = false
}

func (k *keySets) add(i int, h repository.KeyHash) {
	slot := &k.recent[i][h%recentKeys]
	if *slot == h && h != 0 {
		return
	}
	*slot = h
	k.hashes[i] = append(k.hashes[i], h)
}

func (k *keySets) sets() []repository.KeySet {
	out := make([]repository.KeySet, len(k.hashes))
	for i := range out {
		if out[i].Open = k.open; !k.open {
			out[i] = repository.NewKeySet(k.hashes[i])
		}
	}
	return out
}
