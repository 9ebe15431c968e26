package snapshot

import (
	"context"
	"encoding/binary"
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
	tuples  repository.RowHash
	dropped []repository.Runs   // by chunk of the parent's range: its rows that are gone, numbered as in the chunk
	added   []uint64            // slots of rows that none of its chunks holds
	placed  []repository.Placed // of the parent's chunks
}

// slotOf is the place of a tuple within its range.
func slotOf(tuple [10]byte, block, from uint32) uint64 {
	return uint64(block-from)*slotsPerPage + uint64(binary.BigEndian.Uint16(tuple[4:]))
}

// compare asks for the identities of all tuples of a job's ranges and compares them with the parent's.
func (w *worker) compare(ctx context.Context, j job) ([]verdict, error) {
	t := j.table
	found := make([]verdict, j.to-j.from)
	if t.parent == nil || t.churned() {
		return found, nil
	}
	at, now := 0, repository.Range{}
	w.slots, w.xmins = w.slots[:0], w.xmins[:0]
	end := func() { // of the range at
		found[at] = w.judge(ctx, t, &t.ranges[j.from+at], &now)
		if found[at].old == nil {
			t.reread.Add(1)
		}
		at, now = at+1, repository.Range{}
		w.slots, w.xmins = w.slots[:0], w.xmins[:0]
	}
	first := t.ranges[j.from].From
	span := platform.PageRange{From: first, To: t.ranges[j.to-1].To}
	n, err := w.reader.CopyOut(ctx, t.rel.CopyTuples(span), true, func(piece []byte, _, _ bool) error {
		tuple, block, _, err := platform.SplitTuple(piece, true)
		if err != nil {
			return err
		}
		for i := min(int((block-first)/t.pages), len(found)-1); at < i; {
			end()
		}
		now.Rows++
		now.Tuples.Add(tuple[:])
		w.slots = append(w.slots, slotOf(tuple, block, t.ranges[j.from+at].From))
		w.xmins = append(w.xmins, binary.BigEndian.Uint32(tuple[6:]))
		return nil
	})
	w.b.bytesRead.Add(n)
	if err != nil {
		return nil, err
	}
	for at < len(found) {
		end()
	}
	t.asked.Add(int64(len(found)))
	return found, nil
}

// judge compares one range, whose tuples now are in w.slots and w.xmins, with the parent's.
func (w *worker) judge(ctx context.Context, t *tableRun, r, now *repository.Range) verdict {
	old := t.parentRange(r.From)
	if old == nil || !w.b.stored(old) {
		return verdict{}
	}
	if old.Rows == now.Rows && old.Tuples == now.Tuples {
		return verdict{old: old}
	}
	if len(old.Chunks) >= mostLayers || w.b.newest == 0 {
		return verdict{}
	}
	placed, err := t.parent.slots.Of(ctx, old.From)
	if err != nil { // the platform still has the rows
		return verdict{}
	}
	if d := w.difference(old, placed); d != nil {
		d.rows, d.tuples, d.placed = now.Rows, now.Tuples, placed
		return verdict{old, d}
	}
	return verdict{}
}

// place is where a row of the parent's range lay.
type place struct {
	slot   uint64
	number uint32 // in its chunk
	chunk  uint16
}

// difference finds out which rows of the parent's range are still there. A row is, when a tuple lies at its place now
// that was written by a transaction older than any that ran when the chunk was read: such a tuple was visible then, and
// a place holds one visible tuple. Everything else counts as added. nil: the range had better be read whole.
func (w *worker) difference(old *repository.Range, placed []repository.Placed) *delta {
	w.places = w.places[:0]
	total, horizons := int64(0), make([]uint64, len(old.Chunks))
	for c := range old.Chunks {
		chunk := &old.Chunks[c]
		total += chunk.Rows
		where := placeOf(placed, chunk.ID)
		if chunk.Rows > 0 && (len(where.Slots) == 0 || where.Horizon == 0) || chunk.Rows > 1<<30 {
			return nil
		}
		horizons[c] = where.Horizon
		if !w.lay(chunk, where.Slots, uint16(c)) {
			return nil
		}
	}
	bySlot := func(a, b place) int {
		if a.slot < b.slot {
			return -1
		}
		return 1
	}
	if !slices.IsSortedFunc(w.places, bySlot) {
		slices.SortFunc(w.places, bySlot)
	}
	gone := make([][]uint32, len(old.Chunks))
	d := &delta{dropped: make([]repository.Runs, len(old.Chunks))}
	lost, i := int64(0), 0
	for k, slot := range w.slots {
		for i < len(w.places) && w.places[i].slot < slot {
			gone[w.places[i].chunk] = append(gone[w.places[i].chunk], w.places[i].number)
			i, lost = i+1, lost+1
		}
		if i < len(w.places) && w.places[i].slot == slot {
			p := w.places[i]
			i++
			if w.b.writer(w.xmins[k]) < horizons[p.chunk] {
				continue
			}
			gone[p.chunk] = append(gone[p.chunk], p.number)
			lost++
		}
		d.added = append(d.added, slot)
		if int64(len(d.added))*mostDelta > total {
			return nil
		}
	}
	for ; i < len(w.places); i++ {
		gone[w.places[i].chunk] = append(gone[w.places[i].chunk], w.places[i].number)
		lost++
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

// writer is the whole number of the transaction that wrote a tuple. Numbers older than a whole turn of the counter may
// seem newer than they are: such a tuple is only read for nothing.
func (b *backup) writer(xmin uint32) uint64 {
	full := b.newest&^(1<<32-1) | uint64(xmin)
	if full > b.newest && full >= 1<<32 {
		full -= 1 << 32
	}
	return full
}

// patch makes a range of the parent's and its difference: dropped rows are looked up for their hashes, added ones read.
func (w *worker) patch(ctx context.Context, t *tableRun, r *repository.Range, v verdict) error {
	d, old := v.changed, v.old
	out := repository.Range{From: r.From, To: r.To, Rows: d.rows, Tuples: d.tuples, Hash: old.Hash}
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
