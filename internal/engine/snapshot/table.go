package snapshot

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/jackc/pglogrepl"
	"github.com/zeebo/xxh3"

	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// maxChunk is where a range's stream is cut into a further chunk, in bytes before compression.
const maxChunk = 8 << 20

const (
	// rangesPerJob is how many ranges one statement asks about, when a parent is there to compare with.
	rangesPerJob = 32
	// rangesPerList is how many one statement lists the tuples of: the server keeps the places until it ends, which is
	// 2 MB for a range of very short rows.
	rangesPerList = 8
	// firstRanges is how many the first statement of a table asks about. Later ones ask about twice as many each, so that
	// a table whose ranges have all changed is known for that early.
	firstRanges = 4
)

// quotePattern makes a name match only itself in pg_dump's patterns.
func quotePattern(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// tableRun is one table while it is being backed up.
type tableRun struct {
	index   int // in the tracker's list
	rel     *platform.Relation
	tier    keepsake.Tier
	keys    [][]string
	primary []string
	pages   uint32
	ranges  []repository.Range
	parent  *parentTable // set when its unchanged ranges may be taken over
	lists   *tableLists
	left    atomic.Int64 // ranges not done

	asked, reread  atomic.Int64 // ranges compared with the parent, and those to be read whole
	counted, moved atomic.Int64 // ranges whose tuples were counted, and those that counting could not take over
}

// churned reports that nearly all of the table has changed, so that asking first costs more than it saves.
func (t *tableRun) churned() bool {
	asked := t.asked.Load()
	return asked >= rangesPerJob && t.reread.Load()*10 >= asked*9
}

// worthCounting reports whether counting tuples first spares more than it costs, which is half of what listing them
// does.
func (t *tableRun) worthCounting() bool {
	counted := t.counted.Load()
	return counted < firstRanges || t.moved.Load()*2 < counted
}

func (b *backup) newTableRun(rel *platform.Relation, tier keepsake.Tier, keys [][]string, primary []string) *tableRun {
	t := &tableRun{index: len(b.tables), rel: rel, tier: tier, primary: primary}
	_, t.keys = rel.NewKeyReader(keys)
	previous := b.was.tables[repository.Name{Schema: rel.Schema, Name: rel.Name}]
	var before uint32
	if previous != nil {
		before = previous.RangePages
	}
	t.pages = rel.RangePages(b.snapshot.Catalog.BlockSize, before)
	pages := rel.Pages
	if rel.Access != "" { // read whole
		pages = 0
	}
	for _, r := range platform.PageRanges(pages, t.pages) {
		t.ranges = append(t.ranges, repository.Range{From: r.From, To: r.To})
	}
	t.left.Store(int64(len(t.ranges)))
	known := previous // whose runs say of equal chunks what reading them again would
	if known != nil && (known.Format != rel.Format || !slices.EqualFunc(known.FilterKeys, t.keys, slices.Equal) ||
		!slices.Equal(known.Columns, columnsOf(rel)) || !maps.Equal(known.Equality, equalityOf(rel))) {
		known = nil
	}
	if b.in.Type != keepsake.BackupFull && known != nil && rel.Access == "" && b.sameIdentity() &&
		known.Layout == rel.Layout && known.RangePages == t.pages {
		t.parent = known
	}
	t.lists = b.newTableLists(t, known)
	return t
}

// sameIdentity reports whether tuples of the parent snapshot can be compared with tuples now: the same run of the same
// server on the same timeline, not too many transactions later, the same database, and types that print their values as
// they did.
func (b *backup) sameIdentity() bool {
	now, then := b.manifest.Source, b.parent.Source
	return now.SystemID != "" && now.SystemID == then.SystemID && now.Timeline == then.Timeline &&
		now.Run != "" && now.Run == then.Run && notBefore(now.LSN, then.LSN) &&
		now.DatabaseOID == then.DatabaseOID && now.TypesDigest == then.TypesDigest &&
		now.ServerNum/10000 == then.ServerNum/10000 &&
		b.parentOldest != 0 && b.parentOldest <= b.newest && b.newest-b.parentOldest < farApart
}

// farApart is how many transactions make it doubtful which of two is older: the server compares the lower 32 bits of
// their ids, as if none were more than 2^31 apart.
const farApart = 1 << 30

// notBefore reports whether a position in the log is that of then or a later one. Within one run of a server positions
// only grow; in a machine that was set back with its memory they may not. One that cannot be read proves nothing.
func notBefore(now, then string) bool {
	at, err := pglogrepl.ParseLSN(now)
	before, errThen := pglogrepl.ParseLSN(then)
	return err == nil && errThen == nil && at >= before
}

func columnsOf(rel *platform.Relation) []repository.Column {
	out := []repository.Column{}
	for _, c := range rel.Columns {
		out = append(out, repository.Column{Name: c.Name, Type: c.Type})
	}
	return out
}

func equalityOf(rel *platform.Relation) map[string]string {
	var out map[string]string
	for _, c := range rel.Columns {
		if c.Equal != "" {
			if out == nil {
				out = map[string]string{}
			}
			out[c.Name] = c.Equal
		}
	}
	return out
}

// finish makes the manifest's table, without its ranges: chunks may still be adopted from another run.
func (t *tableRun) finish() repository.Table {
	kind := repository.KindTable
	switch {
	case t.rel.Schema == "pg_catalog":
		kind = repository.KindLargeObjects
	case t.rel.Partition:
		kind = repository.KindPartition
	}
	out := repository.Table{
		Name:       repository.Name{Schema: t.rel.Schema, Name: t.rel.Name},
		Kind:       kind,
		Tier:       t.tier,
		Format:     t.rel.Format,
		Columns:    columnsOf(t.rel),
		Equality:   equalityOf(t.rel),
		Key:        t.primary,
		RangePages: t.pages,
		Layout:     t.rel.Layout,
		FilterKeys: t.keys,
		Slots:      t.lists.out.slots,
		Runs:       t.lists.out.runs,
	}
	if t.rel.Partition {
		out.Root = t.rel.Root
	}
	return out
}

// job is a run of ranges of one table.
type job struct {
	table    *tableRun
	from, to int // ranges[from:to]
}

func (b *backup) jobs() []job {
	var jobs []job
	for _, t := range b.tables {
		step := 1
		if t.parent != nil {
			step = firstRanges
		}
		for i := 0; i < len(t.ranges); {
			to := min(i+step, len(t.ranges))
			jobs = append(jobs, job{t, i, to})
			if i = to; t.parent != nil {
				step = min(step*2, rangesPerJob)
			}
		}
	}
	return jobs
}

// worker reads with one session. Its buffers live as long as it does.
type worker struct {
	b      *backup
	reader *platform.Reader
	buf    []byte
	hasher *xxh3.Hasher
	keys   *keySets

	answer []byte   // of the server, about a range
	slots  []uint64 // of a range's tuples that are older than the parent
	young  []uint64 // of the others
	places []place  // of the parent's rows
	plain  []byte   // of a chunk of the parent's
	index  rangeIndex
}

func (b *backup) newWorker(ctx context.Context) (*worker, error) {
	r, err := b.snapshot.NewReader(ctx)
	if err != nil {
		return nil, err
	}
	return &worker{b: b, reader: r, hasher: xxh3.New(), keys: &keySets{}}, nil
}

func (w *worker) close() { _ = w.reader.Close() }

// do takes over the ranges of a job that have not changed, mends those that have a little, and reads the others.
func (w *worker) do(ctx context.Context, j job) error {
	t := j.table
	found, err := w.compare(ctx, j)
	if err != nil {
		return err
	}
	for i := j.from; i < j.to; i++ {
		r, v := &t.ranges[i], found[i-j.from]
		if w.b.in.Yield != nil {
			if err := w.b.in.Yield(ctx); err != nil {
				return err
			}
		}
		w.index = rangeIndex{changed: v.old == nil || v.changed != nil}
		switch {
		case v.old == nil:
			err = w.readRange(ctx, t, r)
		case v.changed == nil:
			to := r.To
			*r = *v.old
			r.To = to
		default:
			if err = w.patch(ctx, t, r, v); errors.Is(err, errDelta) {
				w.index = rangeIndex{changed: true}
				err = w.readRange(ctx, t, r)
			}
		}
		if err == nil {
			err = t.lists.add(ctx, i, w.index)
		}
		if err != nil {
			return err
		}
		w.b.rangeDone(t, r)
	}
	return nil
}

func (t *tableRun) pageRange(number int) platform.PageRange {
	return platform.PageRange{From: t.ranges[number].From, To: t.ranges[number].To}
}

func (t *tableRun) parentRange(from uint32) *repository.Range {
	i := int(from / t.pages)
	if i < len(t.parent.ranges) && t.parent.ranges[i].From == from {
		return &t.parent.ranges[i]
	}
	return nil
}

// stored reports whether at least one provider lists every chunk of the range.
func (b *backup) stored(r *repository.Range) bool {
	for i := range r.Chunks {
		if e := b.index.Get(r.Chunks[i].ID); e.At == 0 || e.Sum != r.Chunks[i].SHA256 {
			return false
		}
	}
	return true
}

// rangeDone counts a finished range.
func (b *backup) rangeDone(t *tableRun, r *repository.Range) {
	last := t.left.Add(-1) == 0
	b.track.Update(func(p *report.Progress) {
		s := &p.Tables[t.index]
		share := t.rel.Bytes / int64(len(t.ranges))
		s.State = report.ItemRunning
		s.RowsDone += r.Rows
		s.BytesDone += share
		p.RowsDone += r.Rows
		p.BytesDone += share
		p.ChunksDone++
		p.BytesNew, p.ChunksNew = b.bytesNew.Load(), b.chunksNew.Load()
		if last {
			s.State = report.ItemDone
			p.BytesDone += s.BytesTotal - s.BytesDone
			p.RowsTotal += s.RowsDone - s.RowsTotal
			s.RowsTotal, s.BytesDone = s.RowsDone, s.BytesTotal
		}
	})
}
