package repository

import (
	"context"
	"encoding/json"
	"fmt"
	"math"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// writeDocuments makes a list of JSON objects.
func writeDocuments[T any](ctx context.Context, store Store, items []T) (List, error) {
	w := NewListWriter(PageDocuments, store)
	for i := range items {
		doc, err := json.Marshal(&items[i])
		if err == nil {
			err = w.Add(ctx, appendSized(nil, doc), Node{})
		}
		if err != nil {
			return List{}, err
		}
	}
	return w.Close(ctx)
}

// readDocuments reads what writeDocuments wrote. Fields that a later keepsake added are passed over.
func readDocuments[T any](ctx context.Context, fetch Fetch, l *List) (items []T, err error) {
	err = l.each(ctx, fetch, func(p listPage) error {
		d := newDecoder(p.plain, PageDocuments)
		for d.more() {
			doc := d.bytes(d.uint(math.MaxInt32))
			if d.err != nil {
				break
			}
			var item T
			if err := json.Unmarshal(doc, &item); err != nil {
				return wrongPage(p, err)
			}
			items = append(items, item)
		}
		if d.err != nil {
			return wrongPage(p, d.err)
		}
		return nil
	})
	return items, err
}

// Load reads the tables, sequences, large objects and facts of an opened manifest, and checks that a restore can rely
// on them. It does not read the tables' own lists, which are read where they are needed.
func (m *Manifest) Load(ctx context.Context, fetch Fetch) (err error) {
	if err := m.LoadTables(ctx, fetch); err != nil {
		return err
	}
	if m.Sequences, err = readDocuments[Sequence](ctx, fetch, &m.Index.Sequences); err != nil {
		return fmt.Errorf("read the sequences of recovery point %s: %w", m.ID, err)
	}
	if m.Objects, err = readDocuments[LargeObject](ctx, fetch, &m.Index.Objects); err != nil {
		return fmt.Errorf("read the large objects of recovery point %s: %w", m.ID, err)
	}
	facts, err := readDocuments[Facts](ctx, fetch, &m.Index.Facts)
	if err == nil && len(facts) != 1 {
		err = fmt.Errorf("there are %d documents instead of one: %w", len(facts), ErrWrongContent)
	}
	if err != nil {
		return fmt.Errorf("read the facts of recovery point %s: %w", m.ID, err)
	}
	m.Facts = facts[0]
	if err := m.checkLoaded(); err != nil {
		return damaged(ObjectManifest, m.ID, fmt.Errorf("its index: %w: %w", ErrWrongContent, err))
	}
	return nil
}

// LoadTables reads the tables alone, for callers that only describe the recovery point.
func (m *Manifest) LoadTables(ctx context.Context, fetch Fetch) (err error) {
	if m.Tables, err = readDocuments[Table](ctx, fetch, &m.Index.Tables); err != nil {
		return fmt.Errorf("read the tables of recovery point %s: %w", m.ID, err)
	}
	return nil
}

// Keep stores the lists that Load reads, and puts into the manifest where they begin.
func (m *Manifest) Keep(ctx context.Context, store Store) (err error) {
	if err := m.checkLoaded(); err != nil {
		return keepsake.Errorf(keepsake.CodeInternal, "The index is not sound and was not written: %w.", err)
	}
	m.Stats.Tables = len(m.Tables)
	if m.Index.Tables, err = writeDocuments(ctx, store, m.Tables); err != nil {
		return err
	}
	if m.Index.Sequences, err = writeDocuments(ctx, store, m.Sequences); err != nil {
		return err
	}
	if m.Index.Objects, err = writeDocuments(ctx, store, m.Objects); err != nil {
		return err
	}
	m.Index.Facts, err = writeDocuments(ctx, store, []Facts{m.Facts})
	return err
}

// Lists returns the lists that the manifest itself names.
func (m *Manifest) Lists() []*List {
	return []*List{&m.Index.Tables, &m.Index.Sequences, &m.Index.Objects, &m.Index.Facts}
}

// Refs calls fn for every object of a loaded recovery point except its manifest: chunks of the schema and of the
// tables, and index pages. It calls fn several times for an object that stands in several places.
func (m *Manifest) Refs(ctx context.Context, fetch Fetch, fn func(Ref)) error {
	for i := range m.Schema {
		fn(m.Schema[i].Ref)
	}
	lists := m.Lists()
	for i := range m.Tables {
		lists = append(lists, &m.Tables[i].Ranges, &m.Tables[i].Slots)
	}
	for _, l := range lists {
		refs, err := l.Refs(ctx, fetch)
		if err != nil {
			return err
		}
		for i := range refs {
			fn(refs[i])
		}
	}
	for i := range m.Tables {
		t := &m.Tables[i]
		for r, err := range t.EachRange(ctx, fetch) {
			if err != nil {
				return err
			}
			for j := range r.Chunks {
				fn(r.Chunks[j].Ref)
			}
		}
		runs, refs, err := t.ReadRuns(ctx, fetch)
		if err != nil {
			return err
		}
		for _, r := range runs {
			refs = append(refs, r.Refs()...)
		}
		for _, ref := range refs {
			fn(ref)
		}
	}
	return nil
}

// Table returns the loaded table with this name, or nil where there is none.
func (m *Manifest) Table(name Name) *Table {
	for i := range m.Tables {
		if m.Tables[i].Name == name {
			return &m.Tables[i]
		}
	}
	return nil
}
