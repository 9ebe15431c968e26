package scope

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"iter"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// MaxBytes is the largest size of one scope's rows at one moment, in bytes. A larger scope can only be restored into
// a database of its own.
const MaxBytes = 128 << 20

// Chunks opens chunks of a recovery point. Several goroutines use it at once.
type Chunks interface {
	// Open returns the plaintext of a chunk, in buf where that is large enough. The caller keeps it.
	Open(ctx context.Context, c *repository.Chunk, buf []byte) ([]byte, error)
	// Page returns the plaintext of an index page.
	Page(ctx context.Context, page repository.Ref) ([]byte, error)
}

// PartRows are rows of one table or partition, each as COPY wrote it.
type PartRows struct {
	Part *repository.Table
	Rows [][]byte
}

// Rows are the rows of a scope at a recovery point, by table.
type Rows struct {
	Tables      map[string][]PartRows
	ChunksRead  int64 // opened, each counted once
	Holding     int64 // of those, the ones that held rows of the scope
	ChunksTotal int64 // of the recovery point
	bytes       int64
	inexact     bool // a server must say which of the candidates are the scope's
	// rows that may be of the scope; nil: those of Tables
	maybe map[string][]PartRows
	// by the table that refers: references that cannot be followed, in words
	unfollowed map[string]string
	// by table: why only a server can tell its rows for certain, in words
	roughly map[string]string
	// of a wide scope, whose rows are not in memory
	stream func(context.Context, *repository.Table) io.ReadCloser
}

// Note says in words why a table's rows may lack some of the scope's, or have others among them; "" where neither is
// so.
func (r *Rows) Note(table string) string {
	return cmp.Or(r.roughly[table], r.unfollowed[table])
}

// candidates are the rows of a table that may be of the scope.
func (r *Rows) candidates(table string) []PartRows {
	if r.maybe != nil {
		return r.maybe[table]
	}
	return r.Tables[table]
}

// Count returns the number of rows of a table.
func (r *Rows) Count(table string) (n int64) {
	for _, p := range r.Tables[table] {
		if n += int64(len(p.Rows)); r.stream != nil {
			n += p.Part.Rows
		}
	}
	return n
}

// Read returns the rows of the scope whose root row has the key id, which is a text, and the rows of shared tables
// that they point at. It opens only chunks that can hold one of the keys that lead there. Of the index it reads only
// what belongs to tables that keys lead to. MaxBytes bounds its memory.
func Read(ctx context.Context, p *Plan, m *repository.Manifest, src Chunks, id string) (*Rows, error) {
	r := &rowReader{plan: p, src: src, encoding: m.Source.Encoding, opened: map[repository.ChunkID]bool{},
		out: &Rows{Tables: map[string][]PartRows{}, roughly: map[string]string{}, unfollowed: map[string]string{}}}
	for i := range m.Tables {
		r.out.ChunksTotal += m.Tables[i].Chunks
	}
	root := p.Table(p.Root)
	if err := r.addStart(root, id); err != nil {
		return nil, err
	}
	for _, e := range p.Owning {
		r.addLink(e, false)
	}
	for _, e := range p.Points { // walked backwards: from the owned row to the row it points at
		if p.Table(e.Parent).Belongs == Shared {
			r.addLink(e, true)
		}
	}
	for _, t := range p.Tables {
		for _, part := range t.parts {
			r.parts = append(r.parts, r.part(t, part))
		}
	}
	if err := r.run(ctx); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(r.parts, func(part *partReader) bool { return part.table == root && len(part.kept) > 0 }) {
		return nil, keepsake.Errorf(keepsake.CodeNotFound,
			"%s has no row %s at recovery point %s: nothing can be brought back from there; try another one", p.Root, id, m.ID)
	}
	r.out.ChunksRead = int64(len(r.opened))
	for _, held := range r.opened {
		if held {
			r.out.Holding++
		}
	}
	for _, part := range r.parts {
		if len(part.kept) > 0 {
			r.out.Tables[part.table.Name] = append(r.out.Tables[part.table.Name], PartRows{part.part, part.kept})
		}
	}
	return r.out, r.tell(id)
}

// link looks rows of child up by columns: the keys in seen, which rows of parent have in parentColumns. seen changes
// between turns only.
type link struct {
	child, parent          string
	columns, parentColumns []string
	forms                  []platform.Form // in which values are compared: equal values are equal in them
	told                   []platform.Form // for who cannot ask a server
	seen                   map[repository.KeyHash]bool
	fresh                  []repository.KeyHash // found in this turn, looked up in the next
}

// partReader is one table or partition while it is being searched.
type partReader struct {
	table *Table
	part  *repository.Table
	runs  []*repository.Run // which chunks hold which keys; nil until a key leads here
	in    []partKey         // by which rows of this part are found
	out   []partKey         // which its rows lead on to
	lists [][]string        // the column lists of in, then of out
	forms [][]platform.Form // of lists
	kept  [][]byte
	have  map[place]map[int]bool // by group, its rows that are kept
}

// place names a group of a part: the range that it is in, and its first chunk there. A range may have the same chunk
// several times.
type place struct {
	from  uint32
	chunk int
}

// group is chunks that hold whole rows.
type group struct {
	place
	chunks []repository.Chunk
}

type partKey struct {
	link   *link
	filter int // in the part's FilterKeys, -1 if it has none for these columns
}

type rowReader struct {
	plan     *Plan
	src      Chunks
	encoding string
	links    []*link
	parts    []*partReader
	out      *Rows

	mu     sync.Mutex
	opened map[repository.ChunkID]bool
}

func (r *rowReader) part(t *Table, part *repository.Table) *partReader {
	p := &partReader{table: t, part: part, have: map[place]map[int]bool{}}
	rel := r.relation(part)
	filter := func(l *link) int {
		for i, column := range l.columns {
			if !rel.Form(column).IndexedAs(l.forms[i]) {
				return -1
			}
		}
		return slices.IndexFunc(part.FilterKeys, func(k []string) bool { return slices.Equal(k, l.columns) })
	}
	for _, l := range r.links {
		if l.child == t.Name {
			p.in = append(p.in, partKey{l, filter(l)})
			p.lists, p.forms = append(p.lists, l.columns), append(p.forms, l.forms)
		}
	}
	for _, l := range r.links {
		if l.parent == t.Name {
			p.out = append(p.out, partKey{link: l})
			p.lists, p.forms = append(p.lists, l.parentColumns), append(p.forms, l.forms)
		}
	}
	return p
}

// groups splits a range's chunks into runs that hold whole rows.
func groups(r *repository.Range) iter.Seq[group] {
	return func(yield func(group) bool) {
		for from := 0; from < len(r.Chunks); {
			to := from + 1
			for to < len(r.Chunks) && r.Chunks[to].Continues {
				to++
			}
			if !yield(group{place{r.From, from}, r.Chunks[from:to]}) {
				return
			}
			from = to
		}
	}
}

// buffers keep the plaintexts' memory from one run of chunks to the next: making it anew costs as much as decrypting.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// open calls fn with the plaintext of a run of chunks, which is fn's until it returns.
func open(ctx context.Context, src Chunks, format string, group []repository.Chunk, fn func(plain []byte) error) error {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	plain, err := src.Open(ctx, &group[0], (*buf)[:0])
	if err != nil {
		return err
	}
	*buf = plain
	if plain, err = group[0].Kept(plain, format); err != nil { // a chunk with dropped rows is a run of its own
		return keepsake.Errorf(keepsake.CodeDamaged, "chunk %s holds no whole rows: %w", group[0].ID, err)
	}
	for i := range group[1:] {
		more, err := src.Open(ctx, &group[1+i], nil)
		if err != nil {
			return err
		}
		plain = append(plain, more...)
	}
	return fn(plain)
}

// run follows the links until nothing new is found. Every turn looks up only keys that are new, so the number of turns
// is the longest chain of references, not the number of rows. Within a turn the keys that are known do not change, so
// that chunks are searched side by side without waiting for each other.
func (r *rowReader) run(ctx context.Context) error {
	for {
		fresh := map[*link][]repository.KeyHash{}
		for _, l := range r.links {
			for _, h := range l.fresh {
				l.seen[h] = true
			}
			if len(l.fresh) > 0 {
				fresh[l], l.fresh = l.fresh, nil
			}
		}
		if len(fresh) == 0 {
			return nil
		}
		if err := r.turn(ctx, fresh); err != nil {
			return err
		}
		for _, l := range r.links {
			slices.Sort(l.fresh)
			l.fresh = slices.Compact(l.fresh)
		}
	}
}

// turn searches the chunks that can hold a key that is new.
func (r *rowReader) turn(ctx context.Context, fresh map[*link][]repository.KeyHash) error {
	g, searching := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	err := r.eachFound(searching, fresh, func(p *partReader, found group) {
		g.Go(func() error { return r.search(searching, p, found) })
	})
	if failed := g.Wait(); failed != nil { // which ended the other
		return failed
	}
	return err
}

// eachFound calls fn for every group that can hold one of the keys.
func (r *rowReader) eachFound(ctx context.Context, fresh map[*link][]repository.KeyHash,
	fn func(*partReader, group)) error {
	for _, p := range r.parts {
		may, err := p.lookup(ctx, r.src, fresh)
		if err != nil {
			return err
		}
		if may == nil {
			continue
		}
		for part, err := range p.part.EachRange(ctx, r.src.Page) {
			if err != nil {
				return err
			}
			for found := range groups(part) {
				if slices.ContainsFunc(found.chunks, func(c repository.Chunk) bool { return may(c.ID) }) {
					fn(p, found)
				}
			}
		}
	}
	return nil
}

// found is what one run of chunks held.
type found struct {
	rows  [][]byte
	index []int                  // of each row in its run
	keys  [][]repository.KeyHash // by out link: where the rows lead on to
	size  int64
}

// search keeps the rows of a group that a link has found.
func (r *rowReader) search(ctx context.Context, p *partReader, group group) error {
	var f found
	r.mu.Lock()
	have := p.have[group.place] // nobody else searches this group in this turn
	r.mu.Unlock()
	err := open(ctx, r.src, p.part.Format, group.chunks, func(plain []byte) (err error) {
		f, err = p.look(r.relation(p.part), plain, have)
		return err
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range group.chunks {
		r.opened[c.ID] = r.opened[c.ID] || len(f.rows) > 0
	}
	if len(f.rows) == 0 {
		return nil
	}
	if have == nil {
		have = map[int]bool{}
		p.have[group.place] = have
	}
	for _, i := range f.index {
		have[i] = true
	}
	p.kept = append(p.kept, f.rows...)
	if r.out.bytes += f.size; r.out.bytes > MaxBytes {
		return keepsake.Errorf(keepsake.CodeUnsupported,
			"the scope has more than %d MiB of rows%s: restore the recovery point into a database of its own instead",
			MaxBytes>>20, r.rough())
	}
	for j, k := range p.out {
		k.link.fresh = append(k.link.fresh, f.keys[j]...)
	}
	return nil
}

// look goes through the rows of a group, but for those that are kept already. It changes nothing that others see.
func (p *partReader) look(rel platform.Relation, plain []byte, have map[int]bool) (f found, err error) {
	kr := rel.NewFormReader(p.lists, p.forms)
	hashes, null := make([]repository.KeyHash, len(p.lists)), make([]bool, len(p.lists))
	f.keys = make([][]repository.KeyHash, len(p.out))
	for i := 0; len(plain) > 0; i++ {
		row, rest, err := repository.NextRow(plain, p.part.Format)
		if err != nil {
			return f, keepsake.Errorf(keepsake.CodeDamaged, "a chunk of table %s holds no whole rows: %w", p.table.Name, err)
		}
		plain = rest
		if have[i] {
			continue
		}
		for j := range null {
			null[j] = true
		}
		if err := kr.Keys(row, func(j int, h repository.KeyHash) { hashes[j], null[j] = h, false }); err != nil {
			return f, keepsake.Errorf(keepsake.CodeDamaged, "a row of table %s cannot be read: %w", p.table.Name, err)
		}
		hit := false
		for j, k := range p.in {
			hit = hit || !null[j] && k.link.seen[hashes[j]]
		}
		if !hit {
			continue
		}
		f.rows, f.index, f.size = append(f.rows, bytes.Clone(row)), append(f.index, i), f.size+int64(len(row))
		for j, k := range p.out {
			if at := j + len(p.in); !null[at] && !k.link.seen[hashes[at]] {
				f.keys[j] = append(f.keys[j], hashes[at])
			}
		}
	}
	return f, nil
}
