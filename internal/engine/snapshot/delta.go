package snapshot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

const (
	// slotsPerPage is more than a heap page can hold rows.
	slotsPerPage = 2048
	// mostDelta is how many of a range's rows, as a share of one, may be dropped or added before the range is read whole
	// again: every dropped row is stored and fetched for nothing.
	mostDelta = 4
	// mostLayers bounds the chunks of a range, and with them the objects that one more row costs at a restore.
	mostLayers = 16
)

// verdict is what comparing a range with the parent's has shown.
type verdict struct {
	old     *repository.Range // of the parent; nil: the range must be read whole
	changed *delta            // nil: nothing has changed
}

// delta is how a range differs from the parent's.
type delta struct {
	rows    int64
	dropped []repository.Runs   // by chunk of the parent's range: its rows that are gone, numbered as in the chunk
	added   []uint64            // slots of rows that none of its chunks holds
	placed  []repository.Placed // of the parent's chunks
}

// slotOf is the place of a tuple within its range.
func slotOf(p platform.TID, from uint32) uint64 {
	return uint64(p.Block-from)*slotsPerPage + uint64(p.Offset)
}

// compare finds out how the ranges of a job differ from the parent's.
//
// All of it rests on one fact: a tuple that is visible now, and was written by a transaction older than any that ran at
// the parent's snapshot, was visible then. PostgreSQL never changes a tuple in place, and a place holds one visible
// tuple: so it is the row that the parent has of that place. What the parent has of other places is gone.
//
// Counting such tuples costs the server half of listing them, and is enough where nothing has changed.
func (w *worker) compare(ctx context.Context, j job) ([]verdict, error) {
	t := j.table
	found := make([]verdict, j.to-j.from)
	if t.parent == nil || t.churned() {
		return found, nil
	}
	t.asked.Add(int64(len(found)))
	var moved []int // ranges
	if t.worthCounting() {
		if err := w.count(ctx, j, found); err != nil {
			return nil, err
		}
	}
	for i := range found {
		if found[i].old == nil {
			moved = append(moved, i)
		}
	}
	for part := range slices.Chunk(moved, rangesPerList) {
		if err := w.list(ctx, j, part, found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// count takes over the ranges of a job that have as many tuples as the parent's, all of them older than the parent:
// what is there now is among what was there then, so if it is as much, it is the same.
func (w *worker) count(ctx context.Context, j job, found []verdict) error {
	t := j.table
	pages := make([]platform.PageRange, len(found))
	for i := range found {
		pages[i] = t.pageRange(j.from + i)
	}
	err := w.ask(ctx, t.rel.CountTuples(pages, w.b.parentOldest), func(answer []byte) error {
		i, tuples, young, err := platform.SplitCount(answer)
		if err != nil || i >= len(found) {
			return errAnswer
		}
		if old := w.comparable(t, j.from+i); old != nil && young == 0 && tuples == old.Rows {
			found[i].old = old
		} else {
			t.moved.Add(1)
		}
		return nil
	})
	t.counted.Add(int64(len(found)))
	return err
}

// list finds out what has changed in ranges of a job.
func (w *worker) list(ctx context.Context, j job, moved []int, found []verdict) error {
	t := j.table
	pages := make([]platform.PageRange, len(moved))
	for i, k := range moved {
		pages[i] = t.pageRange(j.from + k)
	}
	return w.ask(ctx, t.rel.ListTuples(pages, w.b.parentOldest), func(answer []byte) error {
		i, all, young, err := platform.SplitPlaces(answer)
		if err != nil || i >= len(moved) {
			return errAnswer
		}
		k := moved[i]
		if found[k], err = w.judge(ctx, t, j.from+k, all, young); err != nil {
			return err
		}
		if found[k].old == nil {
			t.reread.Add(1)
		}
		return nil
	})
}

var errAnswer = errors.New("the server's answer is not what was asked for")

// ask calls fn for each row of a statement's answer, however long it is.
func (w *worker) ask(ctx context.Context, statement string, fn func(answer []byte) error) error {
	w.answer = w.answer[:0]
	n, err := w.reader.CopyOut(ctx, statement, true, func(piece []byte, _, end bool) error {
		w.answer = append(w.answer, piece...)
		if !end {
			return nil
		}
		err := fn(w.answer)
		w.answer = w.answer[:0]
		return err
	})
	w.b.bytesRead.Add(n)
	return err
}

// comparable returns the parent's range of that number, where it is known what of it was there: nil otherwise.
func (w *worker) comparable(t *tableRun, number int) *repository.Range {
	old := t.parentRange(t.ranges[number].From)
	if old == nil || old.Erased || !w.b.stored(old) {
		return nil
	}
	return old
}

// judge compares one range with the parent's.
func (w *worker) judge(ctx context.Context, t *tableRun, number int, all, young platform.Places) (verdict, error) {
	old := w.comparable(t, number)
	switch {
	case old == nil:
		return verdict{}, nil
	case young.Len() == 0 && int64(all.Len()) == old.Rows:
		return verdict{old: old}, nil
	case len(old.Chunks) >= mostLayers:
		return verdict{}, nil
	}
	placed, err := t.parent.slots.Of(ctx, old.From)
	if err != nil { // the platform still has the rows
		return verdict{}, ctx.Err()
	}
	var ok, sorted bool
	if w.young, ok = slotsOf(w.young[:0], young, old.From, nil); ok {
		w.slots, sorted = slotsOf(w.slots[:0], all, old.From, w.young)
	}
	if !ok || !sorted || len(w.slots)+len(w.young) != all.Len() { // nothing makes the server list them in their order
		w.b.disorder.Do(func() {
			w.b.track.Warnf("The server lists the rows of %s out of their order. Such page ranges are read whole.",
				t.rel.FullName())
		})
		return verdict{}, nil
	}
	d := w.difference(old, placed)
	if d == nil {
		return verdict{}, nil
	}
	d.added = append(d.added, w.young...)
	slices.Sort(d.added)
	d.rows, d.placed = int64(all.Len()), placed
	if int64(len(d.added))*mostDelta > old.Rows {
		return verdict{}, nil
	}
	return verdict{old, d}, nil
}

// slotsOf appends the slots of places but for those that but has, all in growing order. It reports false where that is
// not so, or where one cannot lie in the range.
func slotsOf(slots []uint64, places platform.Places, from uint32, but []uint64) ([]uint64, bool) {
	last := uint64(0) // no slot is 0
	for i := range places.Len() {
		p := places.At(i)
		slot := slotOf(p, from)
		if p.Block < from || p.Offset >= slotsPerPage || slot <= last {
			return slots, false
		}
		if last = slot; len(but) > 0 && but[0] == slot {
			but = but[1:]
			continue
		}
		slots = append(slots, slot)
	}
	return slots, len(but) == 0
}

// place is where a row of the parent's range lay.
type place struct {
	slot   uint64
	number uint32 // in its chunk
	chunk  uint16
}

// difference finds out which rows of the parent's range are still there: those of whose places w.slots has. nil: the
// range had better be read whole.
func (w *worker) difference(old *repository.Range, placed []repository.Placed) *delta {
	w.places = w.places[:0]
	total := int64(0)
	for c := range old.Chunks {
		chunk := &old.Chunks[c]
		total += chunk.Rows
		where := placeOf(placed, chunk.ID)
		if chunk.Rows > 0 && len(where.Slots) == 0 || chunk.Rows > 1<<30 || !w.lay(chunk, where.Slots, uint16(c)) {
			return nil
		}
	}
	bySlot := func(a, b place) int { return cmp.Compare(a.slot, b.slot) }
	if !slices.IsSortedFunc(w.places, bySlot) {
		slices.SortFunc(w.places, bySlot)
	}
	gone := make([][]uint32, len(old.Chunks))
	d := &delta{dropped: make([]repository.Runs, len(old.Chunks))}
	lost, i := int64(0), 0
	lose := func(p place) { gone[p.chunk], lost = append(gone[p.chunk], p.number), lost+1 }
	for _, slot := range w.slots {
		for i < len(w.places) && w.places[i].slot < slot {
			lose(w.places[i])
			i++
		}
		if i < len(w.places) && w.places[i].slot == slot {
			i++
			continue
		}
		d.added = append(d.added, slot) // against what should be: the row is read
	}
	for ; i < len(w.places); i++ {
		lose(w.places[i])
	}
	if (total-old.Rows+lost)*mostDelta > total {
		return nil
	}
	for c, numbers := range gone {
		var runs repository.RunWriter
		slices.Sort(numbers)
		for _, n := range numbers {
			runs.Add(uint64(n))
		}
		d.dropped[c] = runs.Take()
	}
	return d
}

// placeOf returns where the rows of a chunk lay, without slots where that is not known.
func placeOf(placed []repository.Placed, id repository.ChunkID) repository.Placed {
	for _, p := range placed {
		if p.ID == id {
			return p
		}
	}
	return repository.Placed{ID: id}
}

// lay adds the places of a chunk's rows that belong to the parent. It reports false for a chunk that contradicts
// itself.
func (w *worker) lay(chunk *repository.Chunk, slots repository.Runs, c uint16) bool {
	start, number := len(w.places), uint32(0)
	err := slots.Each(func(from, n uint64) {
		for slot := from; slot < from+n && number < uint32(chunk.Rows); slot++ {
			w.places = append(w.places, place{slot, number, c})
			number++
		}
	})
	if err != nil || int64(number) != chunk.Rows {
		return false
	}
	own := w.places[start:]
	err = chunk.Dropped.Each(func(from, n uint64) {
		for k := from; k < from+n && k < uint64(len(own)); k++ {
			own[k].chunk = dropped
		}
	})
	w.places = append(w.places[:start], slices.DeleteFunc(own, func(p place) bool { return p.chunk == dropped })...)
	return err == nil
}

// dropped marks a place that no chunk of the parent means.
const dropped = 1<<16 - 1

// patch makes a range of the parent's and its difference: dropped rows are looked up for their hashes, added ones read.
func (w *worker) patch(ctx context.Context, t *tableRun, r *repository.Range, v verdict) error {
	d, old := v.changed, v.old
	out := repository.Range{From: r.From, To: r.To, Rows: d.rows, Hash: old.Hash}
	for c := range old.Chunks {
		chunk := old.Chunks[c]
		if len(d.dropped[c]) > 0 {
			if err := w.drop(ctx, t, &chunk, d.dropped[c], &out.Hash); err != nil {
				return err
			}
		}
		if n, _, err := chunk.Dropped.Count(); err != nil || int64(n) < chunk.Rows { // else none of its rows is left
			out.Chunks = append(out.Chunks, chunk)
			w.index.placed = append(w.index.placed, placeOf(d.placed, chunk.ID))
		}
	}
	if len(d.added) > 0 {
		more := repository.Range{From: r.From, To: r.To}
		if err := w.readRows(ctx, t, &more, t.rel.CopyPlaces(tids(r.From, d.added), w.b.manifest.Source.Encoding)); err !=
			nil {
			return err
		}
		if more.Rows != int64(len(d.added)) {
			return errDelta
		}
		out.Hash.AddHash(more.Hash)
		out.Chunks = append(out.Chunks, more.Chunks...)
	}
	*r = out
	return nil
}

// errDelta says that a range must be read whole after all.
var errDelta = errors.New("the rows at hand are not those that were asked for")

func tids(from uint32, slots []uint64) []platform.TID {
	out := make([]platform.TID, len(slots))
	for i, s := range slots {
		out[i] = platform.TID{Block: from + uint32(s/slotsPerPage), Offset: uint16(s % slotsPerPage)}
	}
	return out
}

// drop takes rows of a chunk out of the hash and adds them to those that do not belong to the recovery point.
func (w *worker) drop(ctx context.Context, t *tableRun, chunk *repository.Chunk, gone repository.Runs,
	hash *repository.RowHash) error {
	plain, err := w.b.copies.Chunk(ctx, &chunk.Ref, w.plain)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return errDelta // no sound copy: the platform still has the rows
	}
	w.plain = plain
	_, err = repository.EachDropped(plain, t.rel.Format, gone, func(row []byte) {
		var h repository.RowHash
		h.Add(row)
		hash.Subtract(h)
	})
	if err != nil {
		return errDelta
	}
	var numbers []uint64
	for _, runs := range []repository.Runs{chunk.Dropped, gone} {
		if err := runs.Each(func(from, n uint64) {
			for k := from; k < from+n; k++ {
				numbers = append(numbers, k)
			}
		}); err != nil {
			return errDelta
		}
	}
	slices.Sort(numbers)
	var all repository.RunWriter
	for _, k := range numbers {
		if !all.Add(k) {
			return errDelta
		}
	}
	chunk.Dropped = all.Take()
	return nil
}

// horizons reads from pg_current_snapshot() which transaction is the oldest that runs, and which will be the next.
func horizons(snapshot string) (oldest, next uint64, err error) {
	if _, err := fmt.Sscanf(snapshot, "%d:%d:", &oldest, &next); err != nil || oldest == 0 || oldest > next {
		return 0, 0, keepsake.Errorf(keepsake.CodeInternal, "the server's snapshot %q is none", snapshot)
	}
	return oldest, next, nil
}
