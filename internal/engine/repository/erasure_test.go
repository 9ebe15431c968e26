package repository

import (
	"bytes"
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// erasable is a table over chunks of rows that are known, of which ranges drop some.
type erasable struct {
	table  *Table
	chunks map[ChunkID][][]byte
}

func drawErasable(t *rapid.T, s *pageStore) (e erasable, ranges []Range) {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 9))
	e.chunks = map[ChunkID][][]byte{}
	var ids []ChunkID
	for i := range rapid.IntRange(1, 5).Draw(t, "chunks") {
		var rows [][]byte
		for j := range 1 + r.IntN(12) {
			rows = append(rows, binaryRow(uint64(i*1000+j), "guest"))
		}
		id := s.k.ChunkID(bytes.Join(rows, nil))
		ids, e.chunks[id] = append(ids, id), rows
	}
	for i := range rapid.IntRange(1, 6).Draw(t, "ranges") {
		out := Range{From: uint32(i), To: uint32(i + 1)}
		for _, id := range ids {
			if r.IntN(2) == 0 {
				out.Chunks = append(out.Chunks, e.drawn(r, id, &out))
			}
		}
		ranges = append(ranges, out)
	}
	ranges[len(ranges)-1].To = 0
	return e, ranges
}

// drawn is a chunk of which a range drops some rows, and which adds to the range's sums.
func (e erasable) drawn(r *rand.Rand, id ChunkID, out *Range) Chunk {
	rows := e.chunks[id]
	c := Chunk{Ref: Ref{ID: id, Size: 1000, Plain: int64(len(bytes.Join(rows, nil)))}, Rows: int64(len(rows))}
	var dropped RunWriter
	for i, row := range rows {
		if r.IntN(3) == 0 {
			dropped.Add(uint64(i))
			continue
		}
		out.Rows++
		out.Hash.Add(row)
	}
	c.Dropped = dropped.Take()
	return c
}

// rowsOf are the rows that a table's ranges have, with how often.
func (e erasable) rowsOf(t fataler, s *pageStore) (rows map[string]int, hash RowHash) {
	rows = map[string]int{}
	var sum RowHash
	for r, err := range e.table.EachRange(context.Background(), s.fetch) {
		if err != nil {
			t.Fatal(err)
		}
		var own RowHash
		n := int64(0)
		for i := range r.Chunks {
			c := &r.Chunks[i]
			plain, err := c.Kept(bytes.Join(e.chunks[c.ID], nil), FormatBinary)
			if err != nil {
				t.Fatal(err)
			}
			for len(plain) > 0 {
				row, rest, err := NextRow(plain, FormatBinary)
				if err != nil {
					t.Fatal(err)
				}
				rows[string(row)]++
				own.Add(row)
				n, plain = n+1, rest
			}
			if err := c.check(); err != nil {
				t.Fatal(err)
			}
		}
		if own != r.Hash || n != r.Rows {
			t.Fatalf("the range from page %d has %d rows with %s, and says %d with %s", r.From, n, own, r.Rows, r.Hash)
		}
		sum.AddHash(own)
	}
	return rows, sum
}

// TestErasedRowsAreGoneFromEveryRange draws tables whose ranges drop rows of shared chunks, and erases rows
// of these, once or twice: what is left is what was there without them, counts and hashes included.
func TestErasedRowsAreGoneFromEveryRange(t *testing.T) {
	t.Parallel()
	s := newPageStore(t)
	rapid.Check(t, func(t *rapid.T) {
		e, ranges := drawErasable(t, s)
		e.table = writeRanges(t, s, ranges)
		m := &Manifest{Tables: []Table{*e.table}}
		e.table = &m.Tables[0]
		want, _ := e.rowsOf(t, s)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "erasures seed"), 10))
		var all []*Erasure
		for range rapid.IntRange(1, 2).Draw(t, "erasures") {
			erasure := &Erasure{}
			for _, id := range slices.SortedFunc(mapKeys(e.chunks),
				func(a, b ChunkID) int { return bytes.Compare(a[:], b[:]) }) {
				if taken := slices.ContainsFunc(all, func(x *Erasure) bool {
					return slices.ContainsFunc(x.Chunks, func(c ErasedChunk) bool { return c.Old == id })
				}); taken || r.IntN(2) == 0 {
					continue
				}
				if c := e.erase(s, r, id, want); len(c.Rows) > 0 {
					erasure.Chunks = append(erasure.Chunks, c)
				}
			}
			all = append(all, erasure)
		}
		if err := m.Erase(context.Background(), s.fetch, NewErasures(all)); err != nil {
			t.Fatal(err)
		}
		got, hash := e.rowsOf(t, s)
		for row, n := range want {
			if got[row] != n {
				t.Fatalf("row %x is there %d times, not %d", row, got[row], n)
			}
			delete(got, row)
		}
		if len(got) > 0 || hash != e.table.Hash {
			t.Fatalf("%d rows too many, or the table's hash is %s and not %s", len(got), e.table.Hash, hash)
		}
	})
}

func mapKeys(m map[ChunkID][][]byte) func(func(ChunkID) bool) {
	return func(yield func(ChunkID) bool) {
		for id := range m {
			if !yield(id) {
				return
			}
		}
	}
}

// erase rewrites a chunk without some rows, which it takes out of want.
func (e erasable) erase(s *pageStore, r *rand.Rand, id ChunkID, want map[string]int) ErasedChunk {
	c := ErasedChunk{Name: e.table.Name, Old: id}
	var went RunWriter
	var left [][]byte
	for i, row := range e.chunks[id] {
		if r.IntN(2) == 0 {
			left = append(left, row)
			continue
		}
		went.Add(uint64(i))
		var h RowHash
		h.Add(row)
		c.RowHashes = append(c.RowHashes, h)
		delete(want, string(row))
	}
	c.Rows = went.Take()
	if len(left) > 0 {
		plain := bytes.Join(left, nil)
		c.New = &Ref{ID: s.k.ChunkID(plain), Size: 900, Plain: int64(len(plain))}
		e.chunks[c.New.ID] = left
	}
	return c
}

// TestErasuresThatLeadInACircle end with an error, and not never.
func TestErasuresThatLeadInACircle(t *testing.T) {
	t.Parallel()
	s := newPageStore(t)
	a, b := s.k.ChunkID([]byte("a")), s.k.ChunkID([]byte("b"))
	table := writeRanges(t, s, []Range{{Rows: 1, Chunks: []Chunk{{Ref: Ref{ID: a, Size: 100, Plain: 100}, Rows: 1}}}})
	m := &Manifest{Tables: []Table{*table}}
	x := NewErasures([]*Erasure{{Chunks: []ErasedChunk{
		{Name: table.Name, Old: a, New: &Ref{ID: b, Size: 100, Plain: 100}},
		{Name: table.Name, Old: b, New: &Ref{ID: a, Size: 100, Plain: 100}},
	}}})
	if err := m.Erase(t.Context(), s.fetch, x); err == nil {
		t.Error("it is taken for sound")
	}
}

func TestSealAndOpenErasure(t *testing.T) {
	t.Parallel()
	_, k, _ := testRepository(t)
	sound := func() *Erasure {
		return &Erasure{Format: 1, Repository: k.Repository(), ID: NewManifestID(noon), Time: noon, Chunks: []ErasedChunk{
			{
				Name:      Name{"public", "guests"},
				Old:       k.ChunkID([]byte("a")),
				New:       &Ref{ID: k.ChunkID([]byte("b")), Size: 100, Plain: 200},
				Rows:      Runs{0, 1},
				RowHashes: make([]RowHash, 1),
			},
		}}
	}
	e := sound()
	key, sealed, err := k.SealErasure(e)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := k.OpenErasure(key, sealed); err != nil || asJSON(t, got) != asJSON(t, e) {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = k.OpenErasure(ErasurePrefix+NewManifestID(noon), sealed)
	wantDamaged(t, err, ErrAuthentication, "erasure")
	_, err = k.OpenErasure("notes/x", sealed)
	wantCode(t, err, keepsake.CodeInvalid)
	for name, change := range map[string]func(*Erasure){
		"repository": func(e *Erasure) { e.Repository = "other" }, "format": func(e *Erasure) { e.Format = 2 },
		"hashes": func(e *Erasure) { e.Chunks[0].RowHashes = nil },
		"rows":   func(e *Erasure) { e.Chunks[0].Rows = Runs{0x80} },
		"new":    func(e *Erasure) { e.Chunks[0].New.Size = 0 }, "nameless": func(e *Erasure) { e.Chunks[0].Name.Name = "" },
	} {
		e := sound()
		change(e)
		if _, _, err := k.SealErasure(e); keepsake.CodeOf(err) != keepsake.CodeInternal {
			t.Errorf("%s: %v", name, err)
		}
		forged, err := k.SealObject(ObjectErasure, ErasurePrefix+e.ID, []byte(asJSON(t, e)))
		if err != nil {
			t.Fatal(err)
		}
		_, err = k.OpenErasure(ErasurePrefix+e.ID, forged)
		wantDamaged(t, err, ErrWrongContent, "erasure")
	}
}
