package repository

import (
	"context"
	"fmt"
)

// Mark takes an object that a recovery point names. It returns false for one that was whole before: what lies below
// that is not read again. An object is whole where all that it names was given to Mark too.
type Mark func(r Ref, whole bool) bool

// Reach calls mark for every object of a loaded recovery point except its manifest. With one mark for all recovery
// points of a repository, they together cost each of its index pages once. After an error nothing is known of what was
// not reached, and nothing that was is whole.
func (m *Manifest) Reach(ctx context.Context, fetch Fetch, mark Mark) error {
	for i := range m.Schema {
		mark(m.Schema[i].Ref, true)
	}
	for _, l := range m.Lists() {
		if err := l.reach(ctx, fetch, mark, nil); err != nil {
			return err
		}
	}
	for i := range m.Tables {
		t := &m.Tables[i]
		if err := t.reach(ctx, fetch, mark); err != nil {
			return fmt.Errorf("table %s.%s: %w", t.Schema, t.Name.Name, err)
		}
	}
	return nil
}

func (t *Table) reach(ctx context.Context, fetch Fetch, mark Mark) error {
	if err := t.reachRanges(ctx, fetch, mark); err != nil {
		return err
	}
	if err := t.Slots.reach(ctx, fetch, mark, nil); err != nil {
		return err
	}
	var apart []Node
	err := t.Runs.reach(ctx, fetch, mark, func(page []byte) (refs []Ref, err error) {
		d := newDecoder(page, PageRuns)
		for d.more() {
			b := d.blob()
			switch {
			case d.err != nil:
			case len(b.inline) > 0:
				r, err := decodeRun(b.inline)
				if err != nil {
					return nil, err
				}
				refs = append(refs, r.Refs()...)
			default:
				if mark(b.Ref, true) {
					apart = append(apart, Node{Ref: b.Ref})
				}
			}
		}
		return refs, d.err
	})
	if err != nil {
		return err
	}
	for p, err := range pages(ctx, fetch, apart) {
		if err != nil {
			return err
		}
		r, err := decodeRun(p.plain)
		if err != nil {
			return wrongPage(p, err)
		}
		for _, ref := range r.Refs() { // its own is not among them
			mark(ref, true)
		}
	}
	return nil
}

// reachRanges marks the pages of ranges, and the chunks that they name. Which chunks take the place of erased ones
// depends on the recovery point, so where some do, no page is whole.
func (t *Table) reachRanges(ctx context.Context, fetch Fetch, mark Mark) error {
	if t.erasures == nil {
		return t.Ranges.reach(ctx, fetch, mark, chunksOf)
	}
	refs, err := t.Ranges.Refs(ctx, fetch)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		mark(ref, false)
	}
	for r, err := range t.EachRange(ctx, fetch) {
		if err != nil {
			return err
		}
		for i := range r.Chunks {
			mark(r.Chunks[i].Ref, true)
		}
	}
	return nil
}

// reach marks the pages of a list, and what below says that its pages of entries name. A nil below says nothing.
func (l *List) reach(ctx context.Context, fetch Fetch, mark Mark, below func(page []byte) ([]Ref, error)) error {
	if len(l.Page) > 0 {
		return markAll(mark, listPage{node: &Node{}, plain: l.Page}, below)
	}
	if l.Root == nil {
		return nil
	}
	if l.Height < 0 || l.Height > maxHeight {
		return fmt.Errorf("a list has %d levels", l.Height)
	}
	root := *l.Root
	root.Kind = ObjectIndex
	level := []Node{{Ref: root}}
	for height := l.Height; ; height-- {
		fresh := level[:0:0]
		for i := range level {
			if mark(level[i].Ref, true) {
				fresh = append(fresh, level[i])
			}
		}
		if height == 0 && below == nil {
			return nil
		}
		var next []Node
		for p, err := range pages(ctx, fetch, fresh) {
			if err != nil {
				return err
			}
			if height == 0 {
				if err := markAll(mark, p, below); err != nil {
					return err
				}
				continue
			}
			nodes, err := decodeNodes(p.plain, height)
			if err != nil {
				return wrongPage(p, err)
			}
			next = append(next, nodes...)
		}
		if height == 0 {
			return nil
		}
		level = next
	}
}

func markAll(mark Mark, p listPage, below func(page []byte) ([]Ref, error)) error {
	if below == nil {
		return nil
	}
	refs, err := below(p.plain)
	if err != nil {
		return wrongPage(p, err)
	}
	for _, ref := range refs {
		mark(ref, true)
	}
	return nil
}

// chunksOf returns the chunks that a page of ranges names.
func chunksOf(page []byte) (refs []Ref, err error) {
	d := newDecoder(page, PageRanges)
	for d.more() {
		r := d.entry()
		if d.err != nil {
			break
		}
		for i := range r.Chunks {
			refs = append(refs, r.Chunks[i].Ref)
		}
	}
	return refs, d.err
}
