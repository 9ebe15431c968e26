package repository

import (
	"bytes"
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// evolving is a table from one recovery point to the next: most of its lists' pages stay.
type evolving struct {
	name   string
	ranges []Range
	slots  *Slots
	runs   []*Run
	r      *rand.Rand
}

// next changes a few ranges, and returns the table as it is then.
func (e *evolving) next(t *rapid.T, s *pageStore) Table {
	ctx := context.Background()
	changed := map[int]bool{}
	for range rapid.IntRange(0, 3).Draw(t, "changes") {
		i := rapid.IntRange(0, len(e.ranges)-1).Draw(t, "changed")
		to := e.ranges[i].To
		e.ranges[i] = rangeAt(e.r, s.k, e.ranges[i].From)
		e.ranges[i].To, changed[i] = to, true
	}
	out := *writeRanges(t, s, e.ranges)
	out.Name, out.Kind, out.Format, out.Tier = Name{"public", e.name}, KindTable, FormatText, keepsake.TierStandard
	w := NewSlotWriter(s.store, e.slots)
	for i := range e.ranges {
		if e.slots != nil && !changed[i] {
			continue
		}
		var placed []Placed
		for _, c := range e.ranges[i].Chunks {
			placed = append(placed, Placed{c.ID, Runs{1, 2}})
		}
		if err := w.Set(ctx, e.ranges[i].From, placed); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if out.Slots, err = w.Close(ctx); err == nil {
		e.slots, err = OpenSlots(ctx, s.fetch, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	if rapid.Bool().Draw(t, "one more run") {
		e.runs = append(e.runs, runOf(t, s, drawChunks(e.r, s.k, 1+e.r.IntN(60), 1+e.r.IntN(200), 1), 1))
	}
	if out.Runs, err = WriteRuns(ctx, s.store, e.runs); err != nil {
		t.Fatal(err)
	}
	return out
}

// drawPoints draws recovery points that come one after the other. Some have rows that an erasure took.
func drawPoints(t *rapid.T, s *pageStore, erasures bool) []*Manifest {
	ctx := context.Background()
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 11))
	var tables []*evolving
	for i := range rapid.IntRange(1, 2).Draw(t, "tables") {
		ranges := drawRanges(t, s.k, 1500)
		tables = append(tables, &evolving{name: string('a' + rune(i)), ranges: ranges, r: r})
	}
	known, ranges := drawErasable(t, s)
	ids := slices.SortedFunc(mapKeys(known.chunks), func(a, b ChunkID) int { return bytes.Compare(a[:], b[:]) })
	var points []*Manifest
	for range rapid.IntRange(2, 5).Draw(t, "points") {
		m := testManifest(t, s, NewManifestID(noon))
		m.Tables = nil
		for _, e := range tables {
			m.Tables = append(m.Tables, e.next(t, s))
		}
		known.table = writeRanges(t, s, ranges)
		known.table.Name, known.table.Kind, known.table.Format = Name{"public", "erasable"}, KindTable, FormatBinary
		m.Tables = append(m.Tables, *known.table)
		for i := range m.Sequences {
			m.Sequences[i].Last = r.Int64()
		}
		if err := m.Keep(ctx, s.store); err != nil {
			t.Fatal(err)
		}
		if erasures && rapid.Bool().Draw(t, "erased") {
			x := &Erasure{}
			for _, id := range ids {
				if c := known.erase(s, r, id, map[string]int{}); len(c.Rows) > 0 {
					x.Chunks = append(x.Chunks, c)
				}
			}
			if err := m.Erase(ctx, s.fetch, NewErasures([]*Erasure{x})); err != nil {
				t.Fatal(err)
			}
		}
		points = append(points, m)
	}
	return points
}

// TestReachIsTheUnionOfRefs: with one mark for several recovery points, whatever their order, Reach gives what all of
// them name together and nothing else. Without erasures it reads each page once at most.
func TestReachIsTheUnionOfRefs(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := newPageStore(t)
	rapid.Check(t, func(t *rapid.T) {
		erasures := rapid.Bool().Draw(t, "erasures")
		points := drawPoints(t, s, erasures)
		want := map[ChunkID]ObjectKind{}
		for _, m := range points {
			if err := m.Refs(ctx, s.fetch, func(r Ref) { want[r.ID] = r.Kind }); err != nil {
				t.Fatal(err)
			}
		}
		var mu sync.Mutex
		read := map[ChunkID]int{}
		fetch := func(ctx context.Context, r Ref) ([]byte, error) {
			mu.Lock()
			read[r.ID]++
			mu.Unlock()
			return s.fetch(ctx, r)
		}
		got, whole := map[ChunkID]ObjectKind{}, map[ChunkID]bool{}
		mark := func(r Ref, is bool) bool {
			was := whole[r.ID]
			got[r.ID], whole[r.ID] = r.Kind, was || is
			return !was
		}
		for _, m := range rapid.Permutation(points).Draw(t, "order") {
			if err := m.Reach(ctx, fetch, mark); err != nil {
				t.Fatal(err)
			}
		}
		for id, kind := range want {
			if is, reached := got[id]; !reached || is != kind {
				t.Fatalf("%s of kind %d was not reached, or as kind %d", id, kind, is)
			}
		}
		if len(got) != len(want) {
			t.Fatalf("%d objects were reached, and %d are named", len(got), len(want))
		}
		for id, n := range read {
			if n > 1 && !erasures {
				t.Fatalf("page %s was read %d times", id, n)
			}
		}
	})
}

// TestReachAfterAnError: what could not be read is not taken for whole, so that a second try reaches it.
func TestReachAfterAnError(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := newPageStore(t)
	rapid.Check(t, func(t *rapid.T) {
		m := drawPoints(t, s, false)[0]
		var named []ChunkID
		if err := m.Refs(ctx, s.fetch, func(r Ref) { named = append(named, r.ID) }); err != nil {
			t.Fatal(err)
		}
		lost := rapid.SampledFrom(named).Draw(t, "lost")
		got := map[ChunkID]bool{}
		err := m.Reach(ctx, func(ctx context.Context, r Ref) ([]byte, error) {
			if r.ID == lost {
				return nil, context.DeadlineExceeded
			}
			return s.fetch(ctx, r)
		}, func(r Ref, _ bool) bool { got[r.ID] = true; return true })
		missing := slices.ContainsFunc(named, func(id ChunkID) bool { return !got[id] })
		if missing && err == nil {
			t.Fatal("something was not reached, and there was no error")
		}
	})
}
