package repository

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
)

// Range holds the rows of the heap pages From ≤ page < To. In the last range To is 0, and the range is open-ended.
type Range struct {
	From   uint32
	To     uint32
	Rows   int64
	Hash   RowHash
	Chunks []Chunk
	Erased bool // an erasure took rows of it: it is not what the platform had. Not stored
}

// Chunk is one sealed object with rows, or with a part of the schema. The rows of a range are the plaintexts
// of its chunks, one after the other, without dropped rows.
type Chunk struct {
	Ref
	Rows      int64 `json:"rows,omitempty"`      // that begin in this chunk
	Continues bool  `json:"continues,omitempty"` // it begins inside a row that an earlier chunk of the range began
	// Dropped are the numbers of the chunk's rows, counted from 0, that are not part of the recovery point:
	// rows that were gone or had changed when it was made.
	Dropped Runs `json:"dropped,omitempty"`
}

// continues is a chunk's flag; the other bits are zero.
const continues = 1

// maxChunks is more chunks than a range has.
const maxChunks = 1 << 20

func (r *Range) append(dst []byte) []byte {
	pages := uint64(0)
	if r.To != 0 {
		pages = uint64(r.To - r.From)
	}
	for _, v := range []uint64{uint64(r.From), pages, uint64(r.Rows)} {
		dst = binary.AppendUvarint(dst, v)
	}
	dst = appendHash(dst, r.Hash)
	dst = binary.AppendUvarint(dst, uint64(len(r.Chunks)))
	for i := range r.Chunks {
		dst = r.Chunks[i].append(dst)
	}
	return dst
}

func (c *Chunk) append(dst []byte) []byte {
	dst = appendRef(dst, &c.Ref)
	dst = append(dst, c.SHA256[:]...)
	dst = binary.AppendUvarint(dst, uint64(c.Rows))
	flags := byte(0)
	if c.Continues {
		flags |= continues
	}
	return appendSized(append(dst, flags), c.Dropped)
}

func (d *decoder) entry() (r Range) {
	r.From = uint32(d.uint(math.MaxUint32))
	if pages := d.uint(uint64(math.MaxUint32 - r.From)); pages > 0 {
		r.To = r.From + uint32(pages)
	}
	r.Rows, r.Hash = int64(d.uint(math.MaxInt64)), d.hash()
	for range d.uint(maxChunks) {
		c := Chunk{Ref: d.ref()}
		c.Kind, c.SHA256, c.Rows = 0, d.id(), int64(d.uint(MaxChunkPlain))
		flags := d.byte()
		c.Continues, c.Dropped = flags&continues != 0, d.sized()
		if flags&^continues != 0 {
			d.fail()
		}
		if d.err != nil {
			return r
		}
		r.Chunks = append(r.Chunks, c)
	}
	return r
}

// RangeWriter makes the list of a table's ranges and sums them up.
type RangeWriter struct {
	list  *ListWriter
	entry []byte
	from  uint32 // where the next range must begin
	open  bool   // the last one was added
	sums  Table
}

// NewRangeWriter returns a writer for the ranges of one table.
func NewRangeWriter(store Store) *RangeWriter {
	return &RangeWriter{list: NewListWriter(PageRanges, store)}
}

// Add adds a range. Ranges come in page order, the open-ended one last.
func (w *RangeWriter) Add(ctx context.Context, r *Range) error {
	if err := w.follows(r); err != nil {
		return err
	}
	w.entry = r.append(w.entry[:0])
	return w.list.Add(ctx, w.entry, Node{First: uint64(r.From), Rows: r.Rows, Hash: r.Hash})
}

// follows checks a range and its place behind those before it.
func (w *RangeWriter) follows(r *Range) error {
	switch {
	case w.open:
		return fmt.Errorf("a range from page %d comes behind the last one", r.From)
	case r.From != w.from:
		return fmt.Errorf("a range begins at page %d, not %d", r.From, w.from)
	case r.To != 0 && r.To <= r.From:
		return fmt.Errorf("the range from page %d ends at page %d", r.From, r.To)
	}
	if err := r.check(); err != nil {
		return fmt.Errorf("the range from page %d: %w", r.From, err)
	}
	w.from, w.open = r.To, r.To == 0
	w.sums.count(r)
	return nil
}

// Close writes into the table where its ranges begin, and their sums.
func (w *RangeWriter) Close(ctx context.Context, t *Table) (err error) {
	if w.from != 0 {
		return fmt.Errorf("no range is open-ended; the last ends at page %d", w.from)
	}
	t.Rows, t.Hash, t.Chunks, t.Bytes, t.Stored = w.sums.Rows, w.sums.Hash, w.sums.Chunks, w.sums.Bytes, w.sums.Stored
	t.Ranges, err = w.list.Close(ctx)
	return err
}

// EachRange reads the ranges of a table in page order, a page of the list at a time. It yields them without the rows
// that erasures took. When ranges leave a gap, or do not add up to the table, it ends with an error.
func (t *Table) EachRange(ctx context.Context, fetch Fetch) iter.Seq2[*Range, error] {
	return func(yield func(*Range, error) bool) {
		var sums RangeWriter
		stopped := errors.New("stopped")
		err := t.Ranges.each(ctx, fetch, func(p listPage) error {
			ranges, err := decodeRanges(p, &sums)
			if err != nil {
				return wrongPage(p, err)
			}
			for i := range ranges {
				if err := t.erasures.apply(&ranges[i]); err != nil {
					return wrongPage(p, err)
				}
				if !yield(&ranges[i], nil) {
					return stopped
				}
			}
			return nil
		})
		if errors.Is(err, stopped) {
			return
		}
		want := storedSums{t.Rows, t.Hash}
		if t.stored != nil {
			want = *t.stored
		}
		if err == nil && (sums.from != 0 || sums.sums.Rows != want.rows || sums.sums.Hash != want.hash) {
			err = fmt.Errorf("the ranges of table %s.%s end at page %d with %d rows and hash %s, and it has %d with %s: %w",
				t.Schema, t.Name.Name, sums.from, sums.sums.Rows, sums.sums.Hash, want.rows, want.hash, ErrWrongContent)
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

func decodeRanges(p listPage, sums *RangeWriter) (ranges []Range, err error) {
	d := newDecoder(p.plain, PageRanges)
	sum := Node{Ref: p.node.Ref}
	for d.more() {
		r := d.entry()
		if d.err != nil {
			break
		}
		if err := sums.follows(&r); err != nil {
			return nil, err
		}
		sum.add(&Node{Entries: 1, First: uint64(r.From), Rows: r.Rows, Hash: r.Hash})
		ranges = append(ranges, r)
	}
	if d.err == nil && p.node.Entries >= 0 && sum != *p.node {
		return nil, errors.New("its ranges are not those that the page above means")
	}
	return ranges, d.err
}

// check holds a range to its chunks.
func (r *Range) check() error {
	var rows int64
	for j := range r.Chunks {
		c := &r.Chunks[j]
		if err := c.check(); err != nil {
			return fmt.Errorf("chunk %d: %w", j, err)
		}
		if j == 0 && c.Continues {
			return errors.New("its first chunk continues a row that nothing began")
		}
		dropped, err := c.checkDropped(j+1 < len(r.Chunks) && r.Chunks[j+1].Continues)
		if err != nil {
			return fmt.Errorf("chunk %d: %w", j, err)
		}
		rows += c.Rows - dropped
	}
	if rows != r.Rows {
		return fmt.Errorf("its chunks hold %d rows, not %d", rows, r.Rows)
	}
	return nil
}

func (c *Chunk) check() error {
	switch {
	case c.Size < Overhead || c.Size > MaxChunkSealed:
		return fmt.Errorf("its object has %d bytes; %d to %d are possible", c.Size, Overhead, MaxChunkSealed)
	case c.Plain < 0 || c.Plain > MaxChunkPlain:
		return fmt.Errorf("it holds %d bytes; 0 to %d are possible", c.Plain, MaxChunkPlain)
	case c.Rows < 0 || c.Rows > c.Plain:
		return fmt.Errorf("it begins %d rows in %d bytes", c.Rows, c.Plain)
	}
	return nil
}

// checkDropped returns how many rows of the chunk do not belong to the recovery point. Only whole rows can be dropped.
func (c *Chunk) checkDropped(cut bool) (int64, error) {
	if len(c.Dropped) == 0 {
		return 0, nil
	}
	n, end, err := c.Dropped.Count()
	switch {
	case err != nil:
		return 0, err
	case end > uint64(c.Rows):
		return 0, fmt.Errorf("row %d of %d is dropped", end, c.Rows)
	case c.Continues || cut:
		return 0, errors.New("rows of it are dropped although it holds only part of a row")
	}
	return int64(n), nil
}
