package repository

import (
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"math/bits"
)

// Pairs of a key and a chunk are numbers: the first bits of the key's hash, then the chunk's number in its
// run. They are sorted and stored as differences, Rice-coded: quotient in unary, remainder in a fixed number
// of bits.

// pairPage is how many bytes of differences a page of pairs has.
const pairPage = 64 << 10

// maxRice is of sets with next to nothing in them.
const maxRice = 62

var errPairs = errors.New("its pairs are cut short or too large")

// bitWriter writes the most significant bit first.
type bitWriter struct {
	out  []byte
	acc  uint64 // the last bits, left-aligned
	used int
}

// number writes the last n bits of v, which has no others; n is at most 63.
func (w *bitWriter) number(v uint64, n int) {
	if n == 0 {
		return
	}
	v <<= 64 - n
	w.acc |= v >> w.used
	if w.used+n < 64 {
		w.used += n
		return
	}
	w.out = binary.BigEndian.AppendUint64(w.out, w.acc)
	w.acc, w.used = v<<(64-w.used), w.used+n-64
}

// unary writes n ones and a zero.
func (w *bitWriter) unary(n uint64) {
	for ; n > 32; n -= 32 {
		w.number(1<<32-1, 32)
	}
	w.number(1<<(n+1)-2, int(n)+1)
}

func (w *bitWriter) len() int { return len(w.out) + (w.used+7)/8 }

// take returns what was written, with zeros up to a whole byte, and empties the writer.
func (w *bitWriter) take() []byte {
	tail := binary.BigEndian.AppendUint64(nil, w.acc)
	out := append(w.out, tail[:(w.used+7)/8]...)
	*w = bitWriter{}
	return out
}

// pairWriter cuts a set of growing numbers into pages.
type pairWriter struct {
	store Store
	rice  int
	bits  bitWriter
	count uint64
	first uint64
	last  uint64
	total uint64
	pages []runPage
}

// newPairWriter is for about n numbers below 2^width.
func newPairWriter(store Store, n uint64, width int) *pairWriter {
	return &pairWriter{store: store, rice: max(0, min(width-bits.Len64(n), maxRice))}
}

func (w *pairWriter) add(ctx context.Context, v uint64) error {
	if w.count == 0 {
		w.first = v
	} else {
		d := v - w.last - 1
		w.bits.unary(d >> w.rice)
		w.bits.number(d&(1<<w.rice-1), w.rice)
	}
	w.last = v
	w.count++
	w.total++
	if w.bits.len() >= pairPage {
		return w.cut(ctx)
	}
	return nil
}

func (w *pairWriter) cut(ctx context.Context) error {
	if w.count == 0 {
		return nil
	}
	page := []byte{byte(PagePairs), byte(w.rice)}
	page = binary.AppendUvarint(page, w.count)
	page = binary.AppendUvarint(page, w.first)
	page = append(page, w.bits.take()...)
	p := runPage{first: w.first}
	if len(page) <= maxInline {
		p.inline = page
	} else {
		ref, err := w.store(ctx, page)
		if err != nil {
			return err
		}
		p.Ref = ref
	}
	w.pages, w.count = append(w.pages, p), 0
	return nil
}

// decodePairs goes through the numbers of a page, which grow.
func decodePairs(page []byte) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		d := newDecoder(page, PagePairs)
		rice := int(d.byte())
		n, v := d.uint(8*MaxChunkPlain), d.uint(1<<63)
		if d.err != nil || rice > maxRice || n == 0 {
			yield(0, errPairs)
			return
		}
		if !yield(v, nil) {
			return
		}
		r := bitReader{rest: d.rest}
		for range n - 1 {
			q := r.unary()
			step := q<<rice | r.number(rice)
			next := v + step + 1
			if r.short || q >= 1<<(63-rice) || next <= v || next > 1<<63 {
				yield(0, errPairs)
				return
			}
			if v = next; !yield(v, nil) {
				return
			}
		}
	}
}

type bitReader struct {
	rest  []byte
	acc   uint64 // left-aligned
	have  int
	short bool
}

func (r *bitReader) fill() {
	for r.have <= 56 && len(r.rest) > 0 {
		r.acc |= uint64(r.rest[0]) << (56 - r.have)
		r.rest, r.have = r.rest[1:], r.have+8
	}
}

// unary counts the ones before a zero.
func (r *bitReader) unary() (n uint64) {
	for {
		r.fill()
		ones := min(bits.LeadingZeros64(^r.acc), r.have)
		n += uint64(ones)
		if ones < r.have {
			r.drop(ones + 1)
			return n
		}
		if r.drop(ones); len(r.rest) == 0 {
			r.short = true
			return n
		}
	}
}

func (r *bitReader) drop(n int) { r.acc, r.have = r.acc<<n, r.have-n }

func (r *bitReader) number(n int) (v uint64) {
	for n > 0 {
		r.fill()
		take := min(n, r.have)
		if take == 0 {
			r.short = true
			return v
		}
		v = v<<take | r.acc>>(64-take)
		r.drop(take)
		n -= take
	}
	return v
}
