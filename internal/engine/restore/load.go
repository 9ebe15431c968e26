package restore

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/target"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// spareLoaders are sessions beyond one a processor: while some wait for the server or a provider, there is still work.
const spareLoaders = 1

// tableLoad is one table while it is being restored.
type tableLoad struct {
	*repository.Table
	index   int // in the tracker's list
	bytes   int64
	chunks  int64
	counted int64    // chunks that PostgreSQL has taken, as the progress counts them
	kept    [][]byte // the only rows to restore; nil: all
	parts   int      // of the reading-back, not done; guarded by restore.mu, like the rest
	count   int64
	hash    repository.RowHash
	skipped bool // its rows could not be carried
	looks   bool // its generated columns may look at rows of other tables
	root    *partitionRoot
}

// partitionRoot is a partitioned table whose partitions are being loaded. The server never makes its
// statistics by itself.
type partitionRoot struct {
	name  repository.Name
	bytes int64
	left  int // partitions not loaded; guarded by the queue's lock
}

func newTableLoad(t *repository.Table) *tableLoad {
	return &tableLoad{Table: t, bytes: t.Bytes, chunks: t.Chunks}
}

func (t *tableLoad) label() string { return keepsake.TableName(t.Schema, t.Table.Name.Name) }

// task is one piece of a worker's work.
type task struct {
	table *tableLoad
	kind  taskKind
	part  platform.PageRange
	root  *partitionRoot
}

type taskKind int

const (
	taskLoad     taskKind = iota
	taskReadBack          // goes before loads: the rows are still in the server's memory, and they make a tier readable
	taskSketch            // statistics of a partitioned table, before indexes are built, which would wait for its lock
)

// taskQueue hands tasks to workers.
// A task may add further ones, so the queue is over only when it is empty and nobody works.
type taskQueue struct {
	mu      sync.Mutex
	changed *sync.Cond
	tasks   []task
	working int
	loads   int // and sketches, not done
	first   int // of these, the loads that the rest waits for
	last    []task
	loaded  chan struct{}
	closed  bool
}

func newTaskQueue(tables []*tableLoad) *taskQueue {
	q := &taskQueue{loads: len(tables), loaded: make(chan struct{})}
	q.changed = sync.NewCond(&q.mu)
	for _, t := range tables {
		if t.looks {
			q.last = append(q.last, task{table: t, kind: taskLoad})
		} else {
			q.tasks, q.first = append(q.tasks, task{table: t, kind: taskLoad}), q.first+1
		}
		if t.root != nil {
			if t.root.left++; t.root.left == 1 {
				q.loads++ // its sketch
			}
		}
	}
	q.release()
	if q.loads == 0 {
		close(q.loaded)
	}
	return q
}

// release lets the loads begin that wait for all others.
func (q *taskQueue) release() {
	if q.first == 0 {
		q.tasks, q.last = append(q.tasks, q.last...), nil
	}
}

// next waits for a task. It reports false when all work is done or the queue was closed.
func (q *taskQueue) next() (task, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.tasks) == 0 && q.working > 0 && !q.closed {
		q.changed.Wait()
	}
	if len(q.tasks) == 0 || q.closed {
		return task{}, false
	}
	t := q.tasks[0]
	q.tasks = q.tasks[1:]
	q.working++
	return t, true
}

// done ends a task and puts those that follow from it in front.
func (q *taskQueue) done(t task, follow []task) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.working--
	if t.kind == taskLoad && t.table.root != nil {
		if t.table.root.left--; t.table.root.left == 0 {
			follow = append([]task{{table: t.table, kind: taskSketch, root: t.table.root}}, follow...)
		}
	}
	q.tasks = append(follow, q.tasks...)
	if t.kind == taskLoad && !t.table.looks {
		q.first--
		q.release()
	}
	if t.kind != taskReadBack {
		if q.loads--; q.loads == 0 {
			close(q.loaded)
		}
	}
	q.changed.Broadcast()
}

func (q *taskQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.changed.Broadcast()
}

// loadAndFinish fills the tables and reads each back as soon as it is full. As soon as all rows are in, indexes and
// constraints are built while the last tables are still being read back; but not when the role is one that row-level
// security, which comes into force then, could hide rows from.
func (r *restore) loadAndFinish(ctx context.Context) error {
	overlap, err := r.target.SeesEverything(ctx)
	if err != nil {
		return fmt.Errorf("ask for the role's rights: %w", err)
	}
	tables, err := r.loadOrder(ctx)
	if err != nil {
		return err
	}
	q := newTaskQueue(tables)
	g, group := errgroup.WithContext(ctx)
	stop := context.AfterFunc(group, q.close)
	defer stop()
	for range r.Workers + spareLoaders {
		g.Go(func() error { return r.work(group, q) })
	}
	if overlap {
		g.Go(func() error {
			select {
			case <-q.loaded:
				return r.finishSchema(group)
			case <-group.Done():
				return group.Err()
			}
		})
	}
	if err := g.Wait(); err != nil || overlap {
		return err
	}
	return r.finishSchema(ctx)
}

// loadOrder is by tier, then the largest first, where the partitions of one table count as one: their statistics are
// made together when the last is loaded.
func (r *restore) loadOrder(ctx context.Context) ([]*tableLoad, error) {
	roots, err := r.target.PartitionRoots(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask for the partitions: %w", err)
	}
	looking, err := r.target.LookingTables(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask for generated columns: %w", err)
	}
	byName := map[repository.Name]*partitionRoot{}
	for _, t := range r.tables {
		t.looks = looking[t.Table.Name]
		name, found := roots[t.Table.Name]
		if !found || r.target.Manages(t.Schema) {
			continue
		}
		if byName[name] == nil {
			byName[name] = &partitionRoot{name: name}
		}
		t.root = byName[name]
		t.root.bytes += t.bytes
	}
	weight := func(t *tableLoad) int64 {
		if t.root != nil {
			return t.root.bytes
		}
		return t.bytes
	}
	tables := slices.DeleteFunc(slices.Clone(r.tables), func(t *tableLoad) bool { return t.skipped })
	slices.SortStableFunc(tables, func(a, b *tableLoad) int {
		return cmp.Or(cmp.Compare(a.Tier.Rank(), b.Tier.Rank()), cmp.Compare(weight(b), weight(a)),
			cmp.Compare(b.bytes, a.bytes))
	})
	return tables, nil
}

// work runs tasks until there are no more.
func (r *restore) work(ctx context.Context, q *taskQueue) error {
	l, err := r.target.NewLoader(ctx)
	if err != nil {
		return err
	}
	defer l.Close(ctx)
	for {
		t, more := q.next()
		if !more {
			return ctx.Err()
		}
		follow, err := r.do(ctx, l, t)
		if err != nil {
			return fmt.Errorf("table %s: %w", t.table.label(), err)
		}
		q.done(t, follow)
	}
}

// do runs one task and returns those that follow from it.
func (r *restore) do(ctx context.Context, l *target.Loader, t task) ([]task, error) {
	switch t.kind {
	case taskLoad:
		return r.load(ctx, l, t.table)
	case taskReadBack:
		return nil, r.readBack(ctx, l, t)
	default:
		return nil, r.sketch(ctx, l, t.root.name, t.table.Columns)
	}
}

func (r *restore) load(ctx context.Context, l *target.Loader, t *tableLoad) ([]task, error) {
	r.track.Update(func(p *report.Progress) { p.Tables[t.index].State = report.ItemRunning })
	managed := r.target.Manages(t.Schema)
	if t.Rows > 0 || t.Kind == repository.KindLargeObjects {
		holds, err := r.insist(ctx, l, t, managed)
		if err != nil && r.refused(ctx, t, err) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if holds {
			return nil, r.compareManaged(ctx, l, t)
		}
	} else if managed { // no rows to bring; the service's own stay
		r.finish(t)
		return nil, nil
	}
	parts, err := l.Parts(ctx, t.Table, t.bytes)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	t.parts = len(parts)
	r.mu.Unlock()
	follow := make([]task, len(parts))
	for i, part := range parts {
		follow[i] = task{table: t, kind: taskReadBack, part: part}
	}
	return follow, nil
}

// mostLifts is how often rules of one table are lifted: each time the rows meet another one.
const mostLifts = 20

// insist brings a table's rows in, also those that the rules of the new database refuse. The platform may hold rows
// that break its own rules: a function behind a check was changed since, or reads another table. And it may find
// functions under another search path.
func (r *restore) insist(ctx context.Context, l *target.Loader, t *tableLoad, managed bool) (holds bool, err error) {
	tries := 0
	load := func() error {
		if tries++; tries > 1 {
			r.again(t)
		}
		holds, err = r.copyIn(ctx, l, t, managed)
		return err
	}
	for range mostLifts {
		before := r.liftedRules()
		if err = l.Find(ctx, load); err == nil || managed || target.AboutServer(ctx, err) {
			return holds, err
		}
		if failed := r.lift(ctx, l, t, err); failed != nil {
			return false, failed
		}
		if r.liftedRules() == before { // also by whoever loads another table of the same tree
			return holds, err
		}
	}
	return holds, err
}

func (r *restore) liftedRules() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.lifted)
}

// lift takes away what keeps a table's rows out.
func (r *restore) lift(ctx context.Context, l *target.Loader, t *tableLoad, refused error) error {
	r.lifting.Lock()
	defer r.lifting.Unlock()
	rules, err := l.Lift(ctx, t.Table, refused)
	r.mu.Lock()
	r.lifted = append(r.lifted, rules...)
	r.mu.Unlock()
	for _, rule := range rules {
		r.track.Warnf("Rows of %s break the %s %s, or a function behind it fails. It is made again when all rows are in.",
			t.label(), rule.Kind, rule.Object)
	}
	return err
}

// putBack makes the rules that were lifted. All rows are in by then.
func (r *restore) putBack(ctx context.Context) error {
	r.mu.Lock()
	rules := r.lifted
	r.mu.Unlock()
	lost, err := r.target.PutBack(ctx, rules)
	r.exception(lost...)
	return err
}

// again takes back what was counted of a table whose rows did not come in.
func (r *restore) again(t *tableLoad) {
	r.track.Update(func(p *report.Progress) {
		s := &p.Tables[t.index]
		p.BytesDone, p.RowsDone, p.ChunksDone = p.BytesDone-s.BytesDone, p.RowsDone-s.RowsDone, p.ChunksDone-t.counted
		s.BytesDone, s.RowsDone, t.counted = 0, 0, 0
	})
}

// copyIn brings a table's rows in.
// It reports when a table of the hosting service holds rows already, which are left alone.
func (r *restore) copyIn(ctx context.Context, l *target.Loader, t *tableLoad, managed bool) (holds bool, err error) {
	load := func(from io.Reader) error {
		if managed {
			holds, err = l.LoadManaged(ctx, t.Table, from)
			return err
		}
		return l.Load(ctx, t.Table, from)
	}
	if t.kept != nil {
		err = load(keptRows(t))
		return holds, err
	}
	rows := r.source.Rows(ctx, t.Table, func(plain int64) { r.loaded(t, plain) })
	err = load(rows)
	_ = rows.Close()
	if failed := rows.Err(); failed != nil {
		err = failed // PostgreSQL only repeats it as text
	}
	return holds, err
}

// compareManaged judges a table of the hosting service that held rows before: where they are the recovery point's own,
// nothing is missing.
func (r *restore) compareManaged(ctx context.Context, l *target.Loader, t *tableLoad) error {
	count, hash, err := l.ReadBack(ctx, t.Table, platform.PageRange{})
	if err != nil && (target.AboutServer(ctx, err)) {
		return fmt.Errorf("read back: %w", err)
	}
	if err != nil || count != t.Rows || hash != t.Hash {
		r.lose(t, keepsake.Exception{
			Error: "the hosting service's table on the target holds rows already; they were left as they are",
			Means: "The target has other rows in this table than the recovery point. Compare them, and restore into a project " +
				"whose table is empty where the recovery point's are needed.",
		})
		return nil
	}
	r.mu.Lock()
	t.count, t.hash = count, hash
	r.mu.Unlock()
	r.finish(t)
	return nil
}

// loaded counts a chunk that PostgreSQL has taken.
func (r *restore) loaded(t *tableLoad, plain int64) {
	r.track.Update(func(p *report.Progress) {
		s := &p.Tables[t.index]
		s.BytesDone += plain
		p.BytesDone += plain
		p.ChunksDone++
		t.counted++
		if s.BytesTotal > 0 { // an estimate until the rows are counted
			rows := s.RowsTotal * s.BytesDone / s.BytesTotal
			p.RowsDone += rows - s.RowsDone
			s.RowsDone = rows
		}
	})
}

func (r *restore) readBack(ctx context.Context, l *target.Loader, t task) error {
	count, hash, err := l.ReadBack(ctx, t.table.Table, t.part)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	r.mu.Lock()
	t.table.count += count
	t.table.hash.AddHash(hash)
	t.table.parts--
	last := t.table.parts == 0
	r.mu.Unlock()
	if !last {
		return nil
	}
	r.finish(t.table)
	if t.table.root != nil || t.table.Kind != repository.KindTable || r.target.Manages(t.table.Schema) {
		return nil
	}
	return r.sketch(ctx, l, t.table.Table.Name, t.table.Columns)
}

// sketch makes the planner's first statistics of a table.
func (r *restore) sketch(ctx context.Context, l *target.Loader, name repository.Name,
	columns []repository.Column) error {
	err := l.Sketch(ctx, name, columns)
	if err == nil || target.AboutServer(ctx, err) {
		return err
	}
	r.exception(target.Failure{
		Kind:   "planner statistics",
		Object: keepsake.TableName(name.Schema, name.Name),
		Err:    err,
	}.Exception())
	return nil
}

// finish counts a table whose rows were all read back.
func (r *restore) finish(t *tableLoad) {
	r.mu.Lock()
	count := t.count
	r.result.Tables++
	r.result.Rows += count
	r.result.Bytes += t.bytes
	r.mu.Unlock()
	r.track.Update(func(p *report.Progress) {
		s := &p.Tables[t.index]
		s.State = report.ItemDone
		if count != t.Rows {
			s.State = report.ItemFailed
		}
		p.RowsDone += count - s.RowsDone
		s.RowsDone = count
	})
	r.settle(t)
}

// settle notes when the last table of a tier is readable.
func (r *restore) settle(t *tableLoad) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tierLeft[t.Tier]--; r.tierLeft[t.Tier] == 0 && !r.tierLost[t.Tier] {
		r.result.TierSeconds[string(t.Tier)] = r.Now().Sub(r.track.State().StartedAt).Seconds()
		r.track.Infof("All rows of the %s tier are readable.", t.Tier)
	}
}
