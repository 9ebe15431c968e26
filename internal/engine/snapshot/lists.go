package snapshot

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/wedsync/keepsake/internal/engine/repository"
)

const (
	// fanIn is how many runs become one at the least.
	fanIn = 8
	// smallRuns is how many pairs runs that become one may have together, whatever else holds: some 50 KB.
	smallRuns = 16 << 10
	// alike is how many times the pairs of the smallest of them they may have. A pair that is written again is then in a
	// run of nearly twice the size, which happens only a few times.
	alike = 2 * fanIn
	// addedShare is how many times the pairs that the backup adds they may have, so that one changed row costs little:
	// runs of backups that add equally much become one, and eight of those again.
	addedShare = fanIn * fanIn
	// mostMerged bounds all of it: a run that was merged has 3 MB or so.
	mostMerged = 1 << 20
	// mostRecent is how many pages of a table's new runs are remembered: what mostMerged pairs take.
	mostRecent = 64
)

// rangeIndex is what reading one range tells the index beside the range itself.
type rangeIndex struct {
	changed bool                // the range is not as the parent has it
	placed  []repository.Placed // of its chunks that are known to lie somewhere
	keys    []chunkKeys         // of those that were read
}

type chunkKeys struct {
	id   repository.ChunkID
	sets []repository.KeySet
}

// tableLists makes a table's slots and runs while its ranges are read, in whatever order, so that neither is
// ever in memory as a whole.
type tableLists struct {
	b       *backup
	t       *tableRun
	mu      sync.Mutex
	next    int                // the first range that is not in the lists
	early   map[int]rangeIndex // ranges that came before their turn
	slots   *repository.SlotWriter
	old     *repository.Slots // that slots is made from; nil: from nothing
	builder *repository.RunBuilder
	covered map[repository.ChunkID]bool // chunks that a run has
	was     []*repository.Run           // of the parent
	made    []*repository.Run
	added   uint64                        // pairs of these
	recent  map[repository.ChunkID][]byte // pages of these, where they may be merged
	store   repository.Store
	read    repository.Fetch // what providers have
	out     struct{ slots, runs repository.List }
}

func (b *backup) newTableLists(t *tableRun, known *parentTable) *tableLists {
	l := &tableLists{
		b:       b,
		t:       t,
		early:   map[int]rangeIndex{},
		builder: repository.NewRunBuilder(len(t.keys)),
		covered: map[repository.ChunkID]bool{},
		recent:  map[repository.ChunkID][]byte{},
		store:   b.storePage,
		read:    b.copies.Page,
	}
	if known != nil {
		l.was = known.runs
		for _, r := range known.runs {
			for _, id := range r.Chunks {
				l.covered[id] = true
			}
		}
	}
	if t.parent != nil {
		l.old = t.parent.slots
	}
	l.slots = repository.NewSlotWriter(l.store, l.old)
	return l
}

// add takes what is known of the range of that number. Ranges that come early wait for their turn.
func (l *tableLists) add(ctx context.Context, number int, x rangeIndex) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.early[number] = x
	for {
		x, came := l.early[l.next]
		if !came {
			return nil
		}
		delete(l.early, l.next)
		if err := l.take(ctx, l.t.ranges[l.next].From, x); err != nil {
			return err
		}
		if l.next++; l.next == len(l.t.ranges) {
			return l.finish(ctx)
		}
	}
}

func (l *tableLists) take(ctx context.Context, from uint32, x rangeIndex) error {
	if !x.changed {
		return nil
	}
	if err := l.slots.Set(ctx, from, x.placed); err != nil {
		return fmt.Errorf("keep where rows lie: %w", err)
	}
	for _, c := range x.keys {
		if len(c.sets) == 0 || l.covered[c.id] {
			continue
		}
		l.covered[c.id] = true
		if l.builder.Add(c.id, c.sets); l.builder.Full() {
			if err := l.flush(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// flush makes a run of the chunks that were read since the last.
func (l *tableLists) flush(ctx context.Context) error {
	mergeable := len(l.was) > 0 && !l.builder.Full()
	r, err := l.builder.Run(ctx, func(ctx context.Context, page []byte) (repository.Ref, error) {
		ref, err := l.store(ctx, page)
		if err == nil && mergeable && len(l.recent) < mostRecent {
			l.recent[ref.ID] = slices.Clone(page)
		}
		return ref, err
	})
	if err != nil {
		return fmt.Errorf("keep which chunks hold which keys: %w", err)
	}
	if r != nil {
		l.made, l.added = append(l.made, r), l.added+r.Pairs()
	}
	return nil
}

// finish ends the lists of a table whose ranges are all there.
func (l *tableLists) finish(ctx context.Context) (err error) {
	if err := l.flush(ctx); err != nil {
		return err
	}
	if l.old != nil { // the table may have become shorter
		for _, r := range l.t.parent.ranges[min(len(l.t.ranges), len(l.t.parent.ranges)):] {
			if err := l.slots.Set(ctx, r.From, nil); err != nil {
				return err
			}
		}
	}
	if l.out.slots, err = l.slots.Close(ctx); err != nil {
		return fmt.Errorf("keep where rows lie: %w", err)
	}
	l.b.keepPages(l.slots.Taken())
	live := map[repository.ChunkID]bool{}
	for i := range l.t.ranges {
		for j := range l.t.ranges[i].Chunks {
			live[l.t.ranges[i].Chunks[j].ID] = true
		}
	}
	runs := slices.DeleteFunc(append(slices.Clone(l.was), l.made...), func(r *repository.Run) bool {
		return !slices.ContainsFunc(r.Chunks, func(id repository.ChunkID) bool { return live[id] })
	})
	if len(l.made) > 0 {
		if runs, err = l.merge(ctx, runs, live); err != nil {
			return err
		}
	}
	for _, r := range runs {
		l.b.keepPages(r.Refs())
	}
	if l.out.runs, err = repository.WriteRuns(ctx, l.store, runs); err != nil {
		return fmt.Errorf("keep which chunks hold which keys: %w", err)
	}
	l.covered, l.recent, l.was, l.made = nil, nil, nil, nil
	return nil
}

// merge makes one run of several of about the same size: each lookup costs a page in every run. A run is merged once at
// most, for the pages of one that was merged just now may not be at any provider yet.
func (l *tableLists) merge(
	ctx context.Context, runs []*repository.Run, live map[repository.ChunkID]bool,
) ([]*repository.Run, error) {
	bySize := slices.DeleteFunc(slices.Clone(runs), func(r *repository.Run) bool { return !l.atHand(r) })
	slices.SortStableFunc(bySize, func(a, b *repository.Run) int { return cmp.Compare(a.Pairs(), b.Pairs()) })
	for len(bySize) >= fanIn {
		n := l.together(bySize)
		if n < fanIn {
			bySize = bySize[1:]
			continue
		}
		small := bySize[:n]
		bySize = bySize[n:]
		one, err := repository.MergeRuns(ctx, l.fetch, l.store, small, func(id repository.ChunkID) bool { return live[id] })
		if err != nil {
			return nil, fmt.Errorf("merge small runs: %w", err)
		}
		runs = append(slices.DeleteFunc(runs, func(r *repository.Run) bool { return slices.Contains(small, r) }), one)
	}
	return runs, nil
}

// together returns how many of the first runs become one at the most.
func (l *tableLists) together(bySize []*repository.Run) int {
	limit := min(max(smallRuns, min(alike*bySize[0].Pairs(), addedShare*l.added)), mostMerged)
	pairs, chunks := uint64(0), 0
	for n, r := range bySize {
		pairs, chunks = pairs+r.Pairs(), chunks+len(r.Chunks)
		if pairs > limit || chunks > repository.MostChunks {
			return n
		}
	}
	return len(bySize)
}

// atHand reports whether the pages of a run can be read now: those of the parent's, and of the runs that this backup
// has made those that it remembers.
func (l *tableLists) atHand(r *repository.Run) bool {
	return !slices.Contains(l.made, r) ||
		!slices.ContainsFunc(r.Refs(), func(page repository.Ref) bool { return l.recent[page.ID] == nil })
}

// fetch returns pages that this backup has made from memory: no provider may have them yet.
func (l *tableLists) fetch(ctx context.Context, r repository.Ref) ([]byte, error) {
	if page := l.recent[r.ID]; page != nil {
		return page, nil
	}
	return l.read(ctx, r)
}
