package snapshot

import (
	"context"

	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// parentTable is a table of the recovery point that is built upon: some 250 bytes for each page range.
type parentTable struct {
	*repository.Table
	ranges []repository.Range
	slots  *repository.Slots
	runs   []*repository.Run
}

// parentIndex is what a backup knows of the recovery point that it builds upon.
type parentIndex struct {
	tables map[repository.Name]*parentTable
	refs   []*repository.Ref // every chunk and index page, some several times
}

// findParent lists what the recovery point comes after, and reads the newest one that can be built upon. A writer can
// read none.
func (b *backup) findParent(ctx context.Context, live []replicas.Provider) error {
	listing, err := replicas.ListManifests(ctx, live)
	if err != nil {
		return err
	}
	b.listing, b.lastID = listing, listing.Last()
	if b.repo.Keys.WritesOnly() {
		return nil
	}
	for _, id := range listing.NewestFirst() {
		m, _, err := b.Replicas.ReadManifest(ctx, b.repo, listing.Holders(live, id), id)
		if err == nil && m.Type != keepsake.BackupFull && m.Type != keepsake.BackupIncremental {
			continue
		}
		if err == nil {
			b.copies = replicas.NewSource(b.repo, live, id, b.reading)
			err = b.readParent(ctx, listing, m)
		}
		if err == nil && (b.removals.Removes(id) != nil || !b.removals.Spares(b.was.refs)) {
			b.was = parentIndex{}
			continue // it goes, and may have gone in part
		}
		if err == nil {
			b.parent, b.parentAt = m, listing.At[id]
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		b.track.Warnf("Recovery point %s cannot be read and is not built upon: %s", id, keepsake.MessageOf(err))
	}
	return nil
}

// readParent reads the index of the parent, but for slots and pairs.
func (b *backup) readParent(ctx context.Context, listing replicas.Listing, m *repository.Manifest) error {
	fetch := b.copies.Page
	if err := listing.Load(ctx, b.repo, b.copies, m); err != nil {
		return err
	}
	was := parentIndex{tables: map[repository.Name]*parentTable{}}
	for i := range m.Schema {
		was.refs = append(was.refs, &m.Schema[i].Ref)
	}
	lists := m.Lists()
	for i := range m.Tables {
		t, err := was.read(ctx, fetch, &m.Tables[i])
		if err != nil {
			return err
		}
		was.tables[t.Table.Name] = t
		lists = append(lists, &t.Ranges)
	}
	for _, l := range lists {
		refs, err := l.Refs(ctx, fetch)
		if err != nil {
			return err
		}
		was.add(refs)
	}
	b.was = was
	return nil
}

func (x *parentIndex) add(refs []repository.Ref) {
	for i := range refs {
		x.refs = append(x.refs, &refs[i])
	}
}

func (x *parentIndex) read(ctx context.Context, fetch repository.Fetch, table *repository.Table) (*parentTable, error) {
	t := &parentTable{Table: table, ranges: make([]repository.Range, 0, table.Chunks)}
	for r, err := range t.EachRange(ctx, fetch) {
		if err != nil {
			return nil, err
		}
		t.ranges = append(t.ranges, *r)
		for i := range r.Chunks {
			x.refs = append(x.refs, &r.Chunks[i].Ref)
		}
	}
	var err error
	if t.slots, err = repository.OpenSlots(ctx, fetch, table); err != nil {
		return nil, err
	}
	runs, refs, err := t.ReadRuns(ctx, fetch)
	if err != nil {
		return nil, err
	}
	t.runs = runs
	x.add(t.slots.Refs())
	x.add(refs)
	for _, r := range runs {
		x.add(r.Refs())
	}
	return t, nil
}
