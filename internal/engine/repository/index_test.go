package repository

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// pageStore keeps index pages in memory and counts what is asked of it.
type pageStore struct {
	k       *Keyring
	mu      sync.Mutex
	pages   map[ChunkID][]byte
	stored  int // pages that were not there before
	bytes   int // of these
	fetched int
	read    int // bytes
}

func newPageStore(t testing.TB) *pageStore {
	_, k, _ := testRepository(t)
	return &pageStore{k: k, pages: map[ChunkID][]byte{}}
}

func (s *pageStore) store(_ context.Context, page []byte) (Ref, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.k.PageID(page)
	if s.pages[id] == nil {
		s.pages[id] = bytes.Clone(page)
		s.stored, s.bytes = s.stored+1, s.bytes+len(page)
	}
	return Ref{Kind: ObjectIndex, ID: id, Plain: int64(len(page)), Size: int64(len(page) + Overhead)}, nil
}

func (s *pageStore) fetch(_ context.Context, r Ref) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	page := s.pages[r.ID]
	if page == nil || int64(len(page)) != r.Plain || r.Kind != ObjectIndex {
		return nil, fmt.Errorf("there is no page %s of %d bytes", r.ID, r.Plain)
	}
	s.fetched, s.read = s.fetched+1, s.read+len(page)
	return bytes.Clone(page), nil
}

// reset begins to count anew.
func (s *pageStore) reset() { s.stored, s.bytes, s.fetched, s.read = 0, 0, 0, 0 }

// entriesOf returns entries of the given sizes whose contents the seed and their number decide.
func entriesOf(seed uint64, n, size int) [][]byte {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([][]byte, n)
	for i := range out {
		out[i] = make([]byte, 1+r.IntN(2*size))
		for j := range out[i] {
			out[i][j] = byte(r.Uint32())
		}
	}
	return out
}

func listOf(t fataler, s *pageStore, entries [][]byte) List {
	w := NewListWriter(PageDocuments, s.store)
	for i, e := range entries {
		n := Node{First: uint64(i), Rows: 1, Hash: RowHash{0, uint64(len(e))}}
		if err := w.Add(context.Background(), appendSized(nil, e), n); err != nil {
			t.Fatal(err)
		}
	}
	l, err := w.Close(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

type fataler interface {
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func readList(t fataler, s *pageStore, l *List) (entries [][]byte) {
	err := l.each(context.Background(), s.fetch, func(p listPage) error {
		d := newDecoder(p.plain, PageDocuments)
		for d.more() {
			entries = append(entries, d.sized())
		}
		return d.err
	})
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// TestListReadsBack draws lists of any length, with entries longer than a page among them.
func TestListReadsBack(t *testing.T) {
	t.Parallel()
	s := newPageStore(t)
	rapid.Check(t, func(t *rapid.T) {
		n, size := rapid.IntRange(0, 3000).Draw(t, "entries"), rapid.SampledFrom([]int{1, 40, 300, 5000}).Draw(t, "size")
		entries := entriesOf(rapid.Uint64().Draw(t, "seed"), n, size)
		for range rapid.IntRange(0, 2).Draw(t, "long") {
			if n > 0 {
				at := rapid.IntRange(0, n-1).Draw(t, "at")
				entries[at] = make([]byte, rapid.IntRange(maxPage-10, 2*maxPage).Draw(t, "length"))
			}
		}
		l := listOf(t, s, entries)
		got := readList(t, s, &l)
		if len(got) != len(entries) {
			t.Fatalf("%d of %d entries", len(got), len(entries))
		}
		for i := range got {
			if !bytes.Equal(got[i], entries[i]) {
				t.Fatalf("entry %d is another one", i)
			}
		}
		leaves, inner, err := l.Walk(context.Background(), s.fetch)
		if err != nil {
			t.Fatal(err)
		}
		for i := range leaves {
			if size := leaves[i].Plain; size > maxPage && leaves[i].Entries > 1 {
				t.Errorf("a page of %d entries has %d bytes", leaves[i].Entries, size)
			}
		}
		if l.Root != nil && len(leaves) > 1 != (len(inner) > 0) {
			t.Errorf("%d pages of entries, %d of references", len(leaves), len(inner))
		}
	})
}

// TestListKeepsItsPages edits a list of some megabytes in one place: all but a few of its pages stay.
func TestListKeepsItsPages(t *testing.T) {
	t.Parallel()
	s := newPageStore(t)
	rapid.Check(t, func(t *rapid.T) {
		entries := entriesOf(rapid.Uint64().Draw(t, "seed"), 8000, 130)
		listOf(t, s, entries)
		s.reset()
		at := rapid.IntRange(0, len(entries)-1).Draw(t, "at")
		switch rapid.SampledFrom([]string{"change", "insert", "remove"}).Draw(t, "edit") {
		case "change":
			entries[at] = []byte("another")
		case "insert":
			entries = slices.Insert(entries, at, []byte("one more"))
		case "remove":
			entries = slices.Delete(entries, at, at+1)
		}
		listOf(t, s, entries)
		if s.bytes > 5*maxPage || s.stored > 8 {
			t.Fatalf("one edit stored %d pages with %d bytes", s.stored, s.bytes)
		}
	})
}

// drawRanges draws ranges as backups make them.
func drawRanges(t *rapid.T, k *Keyring, most int) []Range {
	ranges := make([]Range, rapid.IntRange(1, most).Draw(t, "ranges"))
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "ranges seed"), 2))
	for i := range ranges {
		ranges[i] = rangeAt(r, k, uint32(i)*1024)
		ranges[i].To = uint32(i+1) * 1024
	}
	ranges[len(ranges)-1].To = 0
	return ranges
}

func rangeAt(r *rand.Rand, k *Keyring, from uint32) Range {
	out := Range{From: from, Hash: RowHash{r.Uint64(), r.Uint64()}}
	for range r.IntN(3) {
		id := k.ChunkID(binary.AppendUvarint(nil, r.Uint64()))
		c := Chunk{Ref: Ref{ID: id, Size: 1000 + int64(r.IntN(100)), Plain: 5000}, Rows: int64(r.IntN(100))}
		c.SHA256[0] = byte(r.Uint32())
		if c.Rows > 10 && r.IntN(3) == 0 {
			var w RunWriter
			w.Add(3)
			w.Add(uint64(4 + r.IntN(5)))
			c.Dropped = w.Take()
		}
		dropped, _, _ := c.Dropped.Count()
		out.Rows += c.Rows - int64(dropped)
		out.Chunks = append(out.Chunks, c)
	}
	return out
}

func writeRanges(t fataler, s *pageStore, ranges []Range) *Table {
	w, table := NewRangeWriter(s.store), &Table{Name: Name{"public", "t"}}
	for i := range ranges {
		if err := w.Add(context.Background(), &ranges[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(context.Background(), table); err != nil {
		t.Fatal(err)
	}
	return table
}

func TestRangesReadBack(t *testing.T) {
	t.Parallel()
	s := newPageStore(t)
	rapid.Check(t, func(t *rapid.T) {
		want := drawRanges(t, s.k, 2000)
		table := writeRanges(t, s, want)
		var got []Range
		for r, err := range table.EachRange(context.Background(), s.fetch) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, *r)
		}
		for i := range want {
			if len(want[i].Chunks) == 0 {
				want[i].Chunks = nil
			}
			for j := range want[i].Chunks {
				if len(want[i].Chunks[j].Dropped) == 0 {
					want[i].Chunks[j].Dropped = Runs{}
				}
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%d ranges came back as %d, or others", len(want), len(got))
		}
	})
}

// TestRangesMustBeWhole breaks one rule at a time: neither does a writer keep such ranges, nor a reader rely on them.
func TestRangesMustBeWhole(t *testing.T) {
	t.Parallel()
	s := newPageStore(t)
	sound := func() []Range {
		chunk := func(seed string, rows int64) Chunk {
			return Chunk{Ref: Ref{ID: s.k.ChunkID([]byte(seed)), Size: 1000, Plain: 3000}, Rows: rows}
		}
		return []Range{
			{From: 0, To: 1024, Rows: 5, Hash: RowHash{0, 1}, Chunks: []Chunk{chunk("a", 4), chunk("b", 1)}},
			{From: 1024, Rows: 1, Hash: RowHash{0, 2}, Chunks: []Chunk{chunk("c", 1)}},
		}
	}
	for name, change := range map[string]func([]Range) []Range{
		"gap":              func(r []Range) []Range { r[1].From = 1025; return r },
		"overlap":          func(r []Range) []Range { r[1].From = 1000; return r },
		"late start":       func(r []Range) []Range { r[0].From = 1; return r },
		"order":            func(r []Range) []Range { slices.Reverse(r); return r },
		"closed end":       func(r []Range) []Range { r[1].To = 2048; return r },
		"open in between":  func(r []Range) []Range { r[0].To = 0; return r },
		"last range lost":  func(r []Range) []Range { return r[:1] },
		"first range lost": func(r []Range) []Range { return r[1:] },
		"chunk lost":       func(r []Range) []Range { r[1].Chunks = nil; return r },
		"rows":             func(r []Range) []Range { r[0].Rows = 6; return r },
		"size":             func(r []Range) []Range { r[0].Chunks[0].Size = 1; return r },
		"huge":             func(r []Range) []Range { r[0].Chunks[0].Size = MaxChunkSealed + 1; return r },
		"huge plain":       func(r []Range) []Range { r[0].Chunks[0].Plain = MaxChunkPlain + 1; return r },
		"too many dropped": func(r []Range) []Range { r[0].Chunks[0].Dropped = Runs{0, 100}; return r },
		"dropped, no runs": func(r []Range) []Range { r[0].Chunks[0].Dropped = Runs{0x80}; return r },
		"dropped unsaid":   func(r []Range) []Range { r[0].Chunks[0].Dropped = Runs{0, 1}; return r },
		"first continues":  func(r []Range) []Range { r[0].Chunks[0].Continues = true; return r },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, table := NewRangeWriter(s.store), Table{}
			var err error
			broken := change(sound())
			for i := range broken {
				err = errors.Join(err, w.Add(t.Context(), &broken[i]))
			}
			if errors.Join(err, w.Close(t.Context(), &table)) == nil {
				t.Error("a writer keeps it")
			}
			page := []byte{byte(PageRanges)}
			for i := range broken {
				page = broken[i].append(page)
			}
			whole := writeRanges(t, s, sound())
			whole.Ranges = List{Page: page}
			err = nil
			for _, failed := range whole.EachRange(t.Context(), s.fetch) {
				err = errors.Join(err, failed)
			}
			if !errors.Is(err, ErrWrongContent) {
				t.Errorf("a reader says %v", err)
			}
		})
	}
}

// TestSlotsAreEditedInPlace draws a table's slots, and then changes of some ranges: what comes out is what a
// writer makes that sees all of them, and pages without a change are neither read nor written.
func TestSlotsAreEditedInPlace(t *testing.T) {
	t.Parallel()
	s := newPageStore(t)
	ctx := context.Background()
	placed := func(r *rand.Rand) (out []Placed) {
		for range r.IntN(3) {
			slots := make(Runs, 2*r.IntN(200))
			for i := range slots {
				slots[i] = byte(1 + r.IntN(100))
			}
			out = append(out, Placed{s.k.ChunkID(binary.AppendUvarint(nil, r.Uint64())), slots})
		}
		return out
	}
	write := func(t fataler, old *Slots, ranges map[uint32][]Placed) List {
		w := NewSlotWriter(s.store, old)
		for _, from := range slices.Sorted(maps.Keys(ranges)) {
			if err := w.Set(ctx, from, ranges[from]); err != nil {
				t.Fatal(err)
			}
		}
		l, err := w.Close(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 3))
		all := map[uint32][]Placed{}
		n := rapid.IntRange(0, 1500).Draw(t, "ranges")
		for i := range n {
			all[uint32(i)*1024] = placed(r)
		}
		table := &Table{Slots: write(t, nil, all)}
		old, err := OpenSlots(ctx, s.fetch, table)
		if err != nil {
			t.Fatal(err)
		}
		changed := map[uint32][]Placed{}
		for range rapid.IntRange(0, 5).Draw(t, "changes") {
			from := uint32(rapid.IntRange(0, n+3).Draw(t, "range")) * 1024
			changed[from] = placed(r)
			all[from] = changed[from]
		}
		s.reset()
		edited := write(t, old, changed)
		if len(old.leaves) > 40 && s.fetched > 4*len(changed)+4 {
			t.Errorf("%d changes read %d of %d pages", len(changed), s.fetched, len(old.leaves))
		}
		if whole := write(t, nil, all); !reflect.DeepEqual(edited, whole) {
			t.Fatalf("edited: %+v, made anew: %+v", edited, whole)
		}
		now, err := OpenSlots(ctx, s.fetch, &Table{Slots: edited})
		if err != nil {
			t.Fatal(err)
		}
		for from, want := range all {
			got, err := now.Of(ctx, from)
			if err != nil || !slices.EqualFunc(got, want, func(a, b Placed) bool {
				return a.ID == b.ID && bytes.Equal(a.Slots, b.Slots)
			}) {
				t.Fatalf("range %d: %v, %v, not %v", from, err, got, want)
			}
		}
	})
}

// drawnChunk is a chunk and the keys that it holds, by list.
type drawnChunk struct {
	id   ChunkID
	keys [][]KeyHash
	open int // the list whose keys could not be read, -1: none
}

func drawChunks(r *rand.Rand, k *Keyring, n, keys, lists int) (out []drawnChunk) {
	for range n {
		c := drawnChunk{id: k.ChunkID(binary.AppendUvarint(nil, r.Uint64())), keys: make([][]KeyHash, lists), open: -1}
		if r.IntN(20) == 0 {
			c.open = r.IntN(lists)
		}
		for list := range lists {
			for range r.IntN(keys + 1) {
				c.keys[list] = append(c.keys[list], HashKey(binary.BigEndian.AppendUint64(nil, r.Uint64N(uint64(10*keys)))))
			}
		}
		out = append(out, c)
	}
	return out
}

func runOf(t fataler, s *pageStore, chunks []drawnChunk, lists int) *Run {
	b := NewRunBuilder(lists)
	for _, c := range chunks {
		sets := make([]KeySet, lists)
		for list := range lists {
			sets[list] = NewKeySet(slices.Clone(c.keys[list]))
			if list == c.open {
				sets[list] = KeySet{Open: true}
			}
		}
		b.Add(c.id, sets)
	}
	run, err := b.Run(context.Background(), s.store)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// TestRunsHoldEveryKeyOfTheirChunks draws runs, merges some of them without the chunks that are gone, and
// looks keys up: a chunk that holds a key is never missing, and few that do not are named.
func TestRunsHoldEveryKeyOfTheirChunks(t *testing.T) {
	t.Parallel()
	s := newPageStore(t)
	ctx := context.Background()
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 4))
		lists, keys := rapid.IntRange(1, 3).Draw(t, "lists"), rapid.SampledFrom([]int{1, 30, 4000}).Draw(t, "keys")
		var all []drawnChunk
		var runs []*Run
		for range rapid.IntRange(1, 4).Draw(t, "runs") {
			chunks := drawChunks(r, s.k, rapid.IntRange(1, 40).Draw(t, "chunks"), keys, lists)
			all, runs = append(all, chunks...), append(runs, runOf(t, s, chunks, lists))
		}
		if rapid.Bool().Draw(t, "merge") {
			gone := map[ChunkID]bool{}
			all = slices.DeleteFunc(all, func(c drawnChunk) bool {
				gone[c.id] = r.IntN(4) == 0
				return gone[c.id]
			})
			merged, err := MergeRuns(ctx, s.fetch, s.store, runs, func(id ChunkID) bool { return !gone[id] })
			if err != nil {
				t.Fatal(err)
			}
			if runs = []*Run{merged}; merged == nil {
				runs = nil
			}
		}
		stored, err := WriteRuns(ctx, s.store, runs)
		if err != nil {
			t.Fatal(err)
		}
		read, _, err := (&Table{Runs: stored}).ReadRuns(ctx, s.fetch)
		if err != nil || len(read) != len(runs) {
			t.Fatalf("%d of %d runs: %v", len(read), len(runs), err)
		}
		for list := range lists {
			checkLookups(t, s, r, read, all, list, keys)
		}
	})
}

func checkLookups(t fataler, s *pageStore, r *rand.Rand, runs []*Run, all []drawnChunk, list, keys int) {
	// A key that is taken for another one names every chunk that has that one, so lookups are counted, and not chunks.
	wrong, lookups := 0, 10
	for range lookups {
		misled := false
		var wanted []KeyHash
		for range 1 + r.IntN(3) {
			wanted = append(wanted, HashKey(binary.BigEndian.AppendUint64(nil, r.Uint64N(uint64(12*keys)))))
		}
		may := map[ChunkID]bool{}
		for _, run := range runs {
			ids, err := run.Lookup(context.Background(), s.fetch, list, wanted)
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range ids {
				may[id] = true
			}
		}
		for _, c := range all {
			has := func(k KeyHash) bool { return slices.Contains(c.keys[list], k) }
			holds := c.open == list || slices.ContainsFunc(wanted, has)
			switch {
			case holds && !may[c.id]:
				t.Fatalf("a chunk that holds a key is not named")
			case !holds && may[c.id]:
				misled = true
			}
		}
		if misled {
			wrong++
		}
	}
	if wrong > 3 {
		t.Fatalf("%d of %d lookups name chunks that hold none of the keys", wrong, lookups)
	}
}

// TestRunsStayFewBytes bounds what a pair costs, and what a lookup reads.
func TestRunsStayFewBytes(t *testing.T) {
	t.Parallel()
	s := newPageStore(t)
	b, r := NewRunBuilder(1), rand.New(rand.NewPCG(5, 5))
	const chunks, keys = 100, 5000
	for range chunks {
		hashes := make([]KeyHash, keys)
		for i := range hashes {
			hashes[i] = KeyHash(r.Uint64())
		}
		b.Add(s.k.ChunkID(binary.AppendUvarint(nil, r.Uint64())), []KeySet{NewKeySet(hashes)})
	}
	run, err := b.Run(t.Context(), s.store)
	if err != nil {
		t.Fatal(err)
	}
	if most := chunks * keys * 28 / 10; s.bytes > most || run.Pairs() != chunks*keys {
		t.Errorf("%d pairs take %d bytes, want at most %d", run.Pairs(), s.bytes, most)
	}
	s.reset()
	if _, err := run.Lookup(t.Context(), s.fetch, 0, []KeyHash{KeyHash(r.Uint64())}); err != nil || s.fetched > 1 {
		t.Errorf("one lookup reads %d pages: %v", s.fetched, err)
	}
}

// TestLoadReadsWhatKeepWrote goes through every part of a recovery point, and every object of it.
func TestLoadReadsWhatKeepWrote(t *testing.T) {
	t.Parallel()
	s := newPageStore(t)
	m := testManifest(t, s, NewManifestID(noon))
	for i := range 3000 {
		m.Objects = append(m.Objects, LargeObject{OID: uint32(i), Owner: "owner"})
	}
	if err := m.Keep(t.Context(), s.store); err != nil {
		t.Fatal(err)
	}
	key, sealed, err := s.k.SealManifest(m)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.k.OpenManifest(key, sealed)
	if err != nil {
		t.Fatal(err)
	}
	if err := got.Load(t.Context(), s.fetch); err != nil {
		t.Fatal(err)
	}
	want := asJSON(t, []any{m.Tables, m.Sequences, m.Objects, m.Facts})
	if have := asJSON(t, []any{got.Tables, got.Sequences, got.Objects, got.Facts}); want != have {
		t.Errorf("loaded\n%.2000s\nnot\n%.2000s", have, want)
	}
	found := map[ChunkID]bool{}
	if err := got.Refs(t.Context(), s.fetch, func(r Ref) {
		found[r.ID] = true
		if r.Kind == ObjectIndex && s.pages[r.ID] == nil {
			t.Errorf("%s is no page", r.Key())
		}
	}); err != nil {
		t.Fatal(err)
	}
	for id := range s.pages {
		if !found[id] {
			t.Errorf("page %s is of no recovery point", id)
		}
	}
	for _, seed := range []string{"schema", "a", "b", "c"} {
		if !found[s.k.ChunkID([]byte(seed))] {
			t.Errorf("chunk %q was not found", seed)
		}
	}
}

// FuzzIndexPages opens any bytes as each kind of page. What is read of them, and written again, reads the same.
func FuzzIndexPages(f *testing.F) {
	s := newPageStore(f)
	m := testManifest(f, s, NewManifestID(noon))
	if err := m.Keep(f.Context(), s.store); err != nil {
		f.Fatal(err)
	}
	for _, t := range m.Tables {
		for _, l := range []List{t.Ranges, t.Slots, t.Runs} {
			f.Add(l.Page)
		}
	}
	f.Add(m.Index.Tables.Page)
	for _, page := range s.pages {
		f.Add(page)
	}
	f.Add((&Node{Ref: Ref{Plain: 1, Size: 50}, Entries: 1}).append([]byte{byte(PageNode), 1}))
	f.Add(runOf(f, s, drawChunks(rand.New(rand.NewPCG(1, 1)), s.k, 5, 10, 2), 2).encode())
	f.Fuzz(func(t *testing.T, page []byte) {
		if nodes, err := decodeNodes(page, 1); err == nil {
			again := []byte{byte(PageNode), 1}
			for i := range nodes {
				again = nodes[i].append(again)
			}
			if back, err := decodeNodes(again, 1); err != nil || !reflect.DeepEqual(back, nodes) {
				t.Errorf("references: %v", err)
			}
		}
		var sums RangeWriter
		if ranges, err := decodeRanges(listPage{node: &Node{Entries: -1}, plain: page}, &sums); err == nil {
			again := []byte{byte(PageRanges)}
			for i := range ranges {
				again = ranges[i].append(again)
			}
			var sums RangeWriter
			back, err := decodeRanges(listPage{node: &Node{Entries: -1}, plain: again}, &sums)
			if err != nil || !reflect.DeepEqual(back, ranges) {
				t.Errorf("ranges: %v", err)
			}
		}
		if ranges, err := decodePlaced(page); err == nil {
			again := []byte{byte(PageSlots)}
			for i := range ranges {
				again = appendPlaced(again, ranges[i].from, ranges[i].chunks)
			}
			if back, err := decodePlaced(again); err != nil || !reflect.DeepEqual(back, ranges) {
				t.Errorf("slots: %v", err)
			}
		}
		if run, err := decodeRun(page); err == nil {
			if back, err := decodeRun(run.encode()); err != nil || !reflect.DeepEqual(back, run) {
				t.Errorf("a run: %v", err)
			}
			_, _ = run.Lookup(t.Context(), s.fetch, 0, []KeyHash{1, 1 << 60})
		}
		last := uint64(0)
		for v, err := range decodePairs(page) {
			if err == nil && v < last {
				t.Errorf("pair %d comes behind %d", v, last)
			}
			last = v
		}
		_, _ = readDocuments[Table](t.Context(), s.fetch, &List{Page: page})
		_, _, _ = (&Table{Runs: List{Page: page}}).ReadRuns(t.Context(), s.fetch)
		for _, err := range (&Table{Ranges: List{Page: page}}).EachRange(t.Context(), s.fetch) {
			if c := keepsake.CodeOf(err); err != nil && c == keepsake.CodeNotFound {
				t.Errorf("code %s", c)
			}
		}
	})
}
