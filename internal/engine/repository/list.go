package repository

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"sync"

	"github.com/zeebo/xxh3"
)

// A list is a sequence of entries in index pages, and references to these pages in further pages above, until
// one is left. Where a page ends depends on its own entries alone, so that equal lists have equal pages, and
// a list with a changed entry has all but one or two of the old ones.

const (
	minPage  = 8 << 10  // bytes before which no page ends
	meanPage = 24 << 10 // bytes behind that after which one ends, on the average
	maxPage  = 64 << 10 // bytes that only a single entry exceeds
)

// Store keeps an index page and returns its reference. The page's memory stays the caller's.
type Store func(ctx context.Context, page []byte) (Ref, error)

// Fetch returns the plaintext of an index page. Several goroutines call it at once.
type Fetch func(ctx context.Context, r Ref) ([]byte, error)

// List says where a list begins. The zero value is the empty list.
type List struct {
	Page   []byte `json:"page,omitempty"`   // the only page, where it is small
	Root   *Ref   `json:"root,omitempty"`   // otherwise
	Height int    `json:"height,omitempty"` // how many levels of references the root is above the entries
}

// Same reports whether two lists certainly have the same entries.
func (l *List) Same(o *List) bool {
	if l.Root == nil || o.Root == nil {
		return l.Root == o.Root && bytes.Equal(l.Page, o.Page)
	}
	return l.Root.ID == o.Root.ID
}

// maxHeight is more than any list needs: 64 KiB pages hold some 900 references.
const maxHeight = 8

// Node is a reference to one page of a list, with the sums of what is below it.
type Node struct {
	Ref
	Entries int64
	First   uint64  // the first entry's place, of ranges and slots
	Rows    int64   // of ranges
	Hash    RowHash // of these rows
}

func (n *Node) add(o *Node) {
	if n.Entries == 0 {
		n.First = o.First
	}
	n.Entries += o.Entries
	n.Rows += o.Rows
	n.Hash.AddHash(o.Hash)
}

func (n *Node) append(dst []byte) []byte {
	dst = appendRef(dst, &n.Ref)
	for _, v := range []uint64{uint64(n.Entries), n.First, uint64(n.Rows)} {
		dst = binary.AppendUvarint(dst, v)
	}
	return appendHash(dst, n.Hash)
}

// decodeNodes reads a page of references to pages of the level below.
func decodeNodes(page []byte, level int) (nodes []Node, err error) {
	d := newDecoder(page, PageNode)
	if got := int(d.byte()); d.err == nil && got != level {
		return nil, fmt.Errorf("it is of level %d, not %d", got, level)
	}
	for d.more() {
		nodes = append(nodes, Node{
			Ref:     d.ref(),
			Entries: int64(d.uint(math.MaxInt64)),
			First:   d.uint(math.MaxUint64),
			Rows:    int64(d.uint(math.MaxInt64)),
			Hash:    d.hash(),
		})
	}
	if d.err == nil && len(nodes) == 0 {
		d.fail()
	}
	return nodes, d.err
}

// ends reports whether a page that is long enough ends after an entry.
func ends(entry []byte) bool {
	const unit = math.MaxUint64 / meanPage
	return len(entry) >= meanPage || xxh3.Hash(entry) < uint64(len(entry))*unit
}

// ListWriter makes a list. One goroutine uses it.
type ListWriter struct {
	kind   PageKind
	store  Store
	levels []*level
}

// level is the page that grows on one level.
type level struct {
	page  []byte
	head  int // bytes before the first entry
	sum   Node
	count int  // entries of the page
	pages int  // that are done
	last  Node // of these
}

// NewListWriter returns a writer for a list with pages of one kind.
func NewListWriter(kind PageKind, store Store) *ListWriter {
	return &ListWriter{kind: kind, store: store}
}

func (w *ListWriter) level(i int) *level {
	if i == len(w.levels) {
		l := &level{page: []byte{byte(w.kind)}, head: 1}
		if i > 0 {
			l.page, l.head = []byte{byte(PageNode), byte(i)}, 2
		}
		w.levels = append(w.levels, l)
	}
	return w.levels[i]
}

// Add adds an entry. n says what a reference to its page will say of it: place, rows and hash.
func (w *ListWriter) Add(ctx context.Context, entry []byte, n Node) error {
	n.Entries = 1
	return w.add(ctx, 0, entry, &n)
}

func (w *ListWriter) add(ctx context.Context, i int, entry []byte, n *Node) error {
	l := w.level(i)
	if l.count > 0 && len(l.page)+len(entry) > maxPage {
		if err := w.cut(ctx, i); err != nil {
			return err
		}
	}
	l.page = append(l.page, entry...)
	l.count++
	l.sum.add(n)
	if len(l.page) >= minPage && ends(entry) {
		return w.cut(ctx, i)
	}
	return nil
}

// cut ends the page of a level and refers to it in the level above.
func (w *ListWriter) cut(ctx context.Context, i int) error {
	l := w.levels[i]
	ref, err := w.store(ctx, l.page)
	if err != nil {
		return err
	}
	n := l.sum
	n.Ref = ref
	l.page, l.sum, l.count = l.page[:l.head], Node{}, 0
	return w.done(ctx, i, &n)
}

func (w *ListWriter) done(ctx context.Context, i int, n *Node) error {
	l := w.level(i)
	l.pages, l.last = l.pages+1, *n
	return w.add(ctx, i+1, n.append(nil), n)
}

// aligned reports whether the next entry begins a page.
func (w *ListWriter) aligned() bool { return w.level(0).count == 0 }

// take adds a whole page of another list. The writer must be aligned, and the page must not be the other
// list's last unless it is this one's too.
func (w *ListWriter) take(ctx context.Context, n *Node) error { return w.done(ctx, 0, n) }

// Close writes what is left and returns the list.
func (w *ListWriter) Close(ctx context.Context) (List, error) {
	for i := 0; ; i++ {
		l := w.level(i)
		if l.pages == 0 && i+1 >= len(w.levels) { // all of it is in one page
			return w.root(ctx, i, l)
		}
		if l.count > 0 {
			if err := w.cut(ctx, i); err != nil {
				return List{}, err
			}
		}
		if above := w.levels[i+1]; l.pages == 1 && above.pages == 0 && i+2 == len(w.levels) {
			root := l.last.Ref
			return List{Root: &root, Height: i}, nil
		}
	}
}

func (w *ListWriter) root(ctx context.Context, i int, l *level) (List, error) {
	switch {
	case l.count == 0:
		return List{}, nil
	case i == 0 && len(l.page) <= maxInline:
		return List{Page: l.page}, nil
	}
	ref, err := w.store(ctx, l.page)
	return List{Root: &ref, Height: i}, err
}

// Walk reads the references of a list: those to its pages of entries, in order, and those to pages of references. A
// page that stands in the list itself has no reference.
func (l *List) Walk(ctx context.Context, fetch Fetch) (leaves []Node, inner []Ref, err error) {
	if l.Root == nil {
		return nil, nil, nil
	}
	if l.Height < 0 || l.Height > maxHeight {
		return nil, nil, fmt.Errorf("a list has %d levels", l.Height)
	}
	root := *l.Root
	root.Kind = ObjectIndex
	leaves = []Node{{Ref: root, Entries: -1}}
	for height := l.Height; height > 0; height-- {
		var below []Node
		for page, err := range pages(ctx, fetch, leaves) {
			if err != nil {
				return nil, nil, err
			}
			nodes, err := decodeNodes(page.plain, height)
			if err == nil {
				err = page.node.covers(nodes)
			}
			if err != nil {
				return nil, nil, damaged(ObjectIndex, page.node.Key(), fmt.Errorf("%w: %w", ErrWrongContent, err))
			}
			below = append(below, nodes...)
		}
		for i := range leaves {
			inner = append(inner, leaves[i].Ref)
		}
		leaves = below
	}
	return leaves, inner, nil
}

// Refs returns the references of all pages of the list.
func (l *List) Refs(ctx context.Context, fetch Fetch) ([]Ref, error) {
	leaves, inner, err := l.Walk(ctx, fetch)
	refs := make([]Ref, 0, len(leaves)+len(inner))
	for i := range leaves {
		refs = append(refs, leaves[i].Ref)
	}
	return append(refs, inner...), err
}

// covers reports what is wrong when references are not what the one above them says.
func (n *Node) covers(nodes []Node) error {
	if n.Entries < 0 { // the root, of which nobody says anything
		return nil
	}
	sum := Node{Ref: n.Ref}
	for i := range nodes {
		sum.add(&nodes[i])
	}
	if sum != *n {
		return fmt.Errorf("its pages have %d entries and %d rows, not %d and %d, or others",
			sum.Entries, sum.Rows, n.Entries, n.Rows)
	}
	return nil
}

// pagesAhead is how many pages are fetched before they are asked for: a distant provider answers slowly.
const pagesAhead = 16

// listPage is a page of a list that was read.
type listPage struct {
	node  *Node
	plain []byte
	err   error
}

// pages fetches the pages of a list in their order.
func pages(ctx context.Context, fetch Fetch, nodes []Node) iter.Seq2[listPage, error] {
	return func(yield func(listPage, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var fetching sync.WaitGroup
		defer fetching.Wait()
		defer cancel()
		var coming [pagesAhead]chan listPage
		start := func(i int) {
			c := make(chan listPage, 1)
			coming[i%pagesAhead] = c
			fetching.Go(func() {
				plain, err := fetch(ctx, nodes[i].Ref)
				c <- listPage{&nodes[i], plain, err}
			})
		}
		for i := range min(pagesAhead, len(nodes)) {
			start(i)
		}
		for i := range nodes {
			p := <-coming[i%pagesAhead]
			if i+pagesAhead < len(nodes) {
				start(i + pagesAhead)
			}
			if !yield(p, p.err) || p.err != nil {
				return
			}
		}
	}
}

// each calls fn with every page of entries of a list, in order.
func (l *List) each(ctx context.Context, fetch Fetch, fn func(p listPage) error) error {
	if len(l.Page) > 0 {
		return fn(listPage{node: &Node{Entries: -1}, plain: l.Page})
	}
	leaves, _, err := l.Walk(ctx, fetch)
	if err != nil {
		return err
	}
	for p, err := range pages(ctx, fetch, leaves) {
		if err == nil {
			err = fn(p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// wrongPage names a page of a list and what is wrong with it.
func wrongPage(p listPage, err error) error {
	if p.node.ID == (ChunkID{}) {
		return fmt.Errorf("a page of an index is damaged: %w: %w", ErrWrongContent, err)
	}
	return damaged(ObjectIndex, p.node.Key(), fmt.Errorf("%w: %w", ErrWrongContent, err))
}
