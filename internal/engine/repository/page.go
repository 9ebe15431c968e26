package repository

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// PageKind is the first byte of an index page. It says what the page's entries are.
type PageKind byte

// The kinds of index page.
const (
	PageNode      PageKind = 1 // references to the pages of a list
	PageRanges    PageKind = 2 // page ranges of one table, with references to their chunks
	PageSlots     PageKind = 3 // where the rows of a range's chunks lay
	PageDocuments PageKind = 4 // JSON objects
	PageRuns      PageKind = 5 // runs of a table, or references to their directories
	PageRun       PageKind = 6 // the directory of one run
	PagePairs     PageKind = 7 // pairs of a key and a chunk
)

var errPage = errors.New("it is cut short, or says of a size or number what cannot be")

// decoder reads a page from its front. After the first error it returns zeros, so that the error is looked at once.
type decoder struct {
	rest []byte
	err  error
}

// newDecoder refuses a page of another kind.
func newDecoder(page []byte, kind PageKind) *decoder {
	d := &decoder{rest: page}
	if got := PageKind(d.byte()); d.err == nil && got != kind {
		d.err = fmt.Errorf("it is an index page of kind %d, not %d", got, kind)
	}
	return d
}

func (d *decoder) more() bool { return d.err == nil && len(d.rest) > 0 }

func (d *decoder) fail() {
	if d.err == nil {
		d.err = errPage
	}
	d.rest = nil
}

// uint reads a number of at most most.
func (d *decoder) uint(most uint64) uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 || v > most || d.err != nil {
		d.fail()
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

// bytes takes n bytes, which the page goes on to own.
func (d *decoder) bytes(n uint64) []byte {
	if n > uint64(len(d.rest)) || d.err != nil {
		d.fail()
		return nil
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) byte() byte {
	if b := d.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

// sized takes bytes that stand behind their number.
func (d *decoder) sized() []byte { return d.bytes(d.uint(MaxChunkPlain)) }

func (d *decoder) id() (id [32]byte) {
	copy(id[:], d.bytes(32))
	return id
}

func (d *decoder) hash() (h RowHash) {
	if b := d.bytes(16); b != nil {
		h = RowHash{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
	}
	return h
}

// ref reads a reference to an index page.
func (d *decoder) ref() Ref {
	return Ref{Kind: ObjectIndex, ID: d.id(), Plain: int64(d.uint(MaxChunkPlain)), Size: int64(d.uint(MaxChunkSealed))}
}

func appendRef(dst []byte, r *Ref) []byte {
	dst = append(dst, r.ID[:]...)
	dst = binary.AppendUvarint(dst, uint64(r.Plain))
	return binary.AppendUvarint(dst, uint64(r.Size))
}

func appendSized(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

func appendHash(dst []byte, h RowHash) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(dst, h.Hi), h.Lo)
}

// blob is bytes that stand where they are needed while they are few, and otherwise in an index page of their own.
type blob struct {
	inline []byte
	Ref
}

// maxInline is how many bytes of a page stand in what would refer to it.
const maxInline = 1 << 10

// appendBlob writes the size and the bytes, or a zero and the reference.
func appendBlob(dst []byte, b *blob) []byte {
	if len(b.inline) > 0 {
		return appendSized(dst, b.inline)
	}
	return appendRef(append(dst, 0), &b.Ref)
}

func (d *decoder) blob() (b blob) {
	if b.inline = d.sized(); len(b.inline) == 0 && d.err == nil {
		b.Ref = d.ref()
	}
	return b
}
