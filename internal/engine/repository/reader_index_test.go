package repository_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/bits"
	"path/filepath"
	"slices"
	"strings"

	"github.com/zeebo/xxh3"
)

// What reads index pages, undo objects and notes here was written from FORMAT.md alone as well.

type listJSON struct {
	Page   []byte
	Root   *refJSON
	Height int
}

type tableJSON struct {
	Schema, Name, Format, Hash string
	Rows                       int
	FilterKeys                 [][]string `json:"filter_keys"`
	Ranges, Slots, Runs        listJSON
}

// page goes through the bytes of an index page.
type page struct {
	r    *reader
	rest []byte
}

func (p *page) uint() int {
	v, n := binary.Uvarint(p.rest)
	if n <= 0 {
		p.r.t.Fatal("a page is cut short")
	}
	p.rest = p.rest[n:]
	return int(v)
}

func (p *page) take(n int) []byte {
	b := p.rest[:n]
	p.rest = p.rest[n:]
	return b
}

func (p *page) sized() []byte { return p.take(p.uint()) }

func (p *page) ref() refJSON {
	return refJSON{ID: hex.EncodeToString(p.take(32)), Plain: p.uint(), Size: p.uint()}
}

// blob is sized bytes, or behind a zero the page that a reference names.
func (p *page) blob() []byte {
	if b := p.sized(); len(b) > 0 {
		return b
	}
	return p.r.content(p.ref(), "indexes", "index ids", 6)
}

// entries returns the entries of a list, of all its pages together: FORMAT.md, "Index pages".
func (r *reader) entries(l listJSON, kind byte) *page {
	r.t.Helper()
	if l.Page != nil {
		return &page{r, r.kind(l.Page, kind)}
	}
	if l.Root == nil {
		return &page{r, nil}
	}
	pages := [][]byte{r.content(*l.Root, "indexes", "index ids", 6)}
	for level := l.Height; level > 0; level-- {
		var below [][]byte
		for _, b := range pages {
			p := &page{r, r.kind(b, 1)}
			if got := p.take(1)[0]; int(got) != level {
				r.t.Fatalf("a page is of level %d, not %d", got, level)
			}
			for len(p.rest) > 0 {
				below = append(below, r.content(p.ref(), "indexes", "index ids", 6))
				p.uint() // entries, place of the first, rows, and their hash
				p.uint()
				p.uint()
				p.take(16)
			}
		}
		pages = below
		r.levels++
	}
	out := &page{r: r}
	for _, b := range pages {
		out.rest = append(out.rest, r.kind(b, kind)...)
	}
	return out
}

func (r *reader) kind(page []byte, kind byte) []byte {
	if page[0] != kind {
		r.t.Fatalf("a page is of kind %d, not %d", page[0], kind)
	}
	return page[1:]
}

func (r *reader) documents(l listJSON) (out [][]byte) {
	for p := r.entries(l, 4); len(p.rest) > 0; {
		out = append(out, p.sized())
	}
	return out
}

// set reads growing numbers: how many are left out, and the length of each run.
func (r *reader) set(b []byte) (numbers []int) {
	next := 0
	for p := (&page{r, b}); len(p.rest) > 0; {
		next += p.uint()
		for range p.uint() {
			numbers = append(numbers, next)
			next++
		}
	}
	return numbers
}

// table reads every row of a table, and compares what is known of it.
func (r *reader) table(t tableJSON, out *strings.Builder) {
	var all [][]byte
	var gone []string
	chunks := map[string][][]byte{}
	from, open := 0, false
	for p := r.entries(t.Ranges, 2); len(p.rest) > 0; {
		if open {
			r.t.Fatalf("%s: a range comes behind the open-ended one", t.Name)
		}
		if got := p.uint(); got != from {
			r.t.Fatalf("%s: a range begins at page %d, not %d", t.Name, got, from)
		}
		pages, rows := p.uint(), p.uint()
		from += pages
		open = pages == 0
		hash := p.take(16)
		var stream []byte
		var dropped []int
		var taken []string // hashes of rows of the range that are erased
		ids := make([]string, p.uint())
		for i := range ids {
			c := p.ref()
			c.SHA256 = hex.EncodeToString(p.take(32))
			p.uint() // rows that begin in it
			p.take(1)
			dropped = r.set(p.sized())
			ids[i] = c.ID
			if e, was := r.erased[c.ID]; was {
				var went []string
				went, dropped = e.leave(r.set(e.Rows), dropped)
				taken = append(taken, went...)
				c = e.New
			}
			stream = append(stream, r.content(c, "chunks", "chunk ids", 1)...)
		}
		list, err := split(stream, t.Format)
		r.must(err)
		chunks[ids[0]] = list
		list = slices.Clone(list)
		for _, number := range slices.Backward(dropped) {
			list = slices.Delete(list, number, number+1)
		}
		if got := rowHash(list, taken...); got != hex.EncodeToString(hash) || len(list)+len(taken) != rows {
			r.t.Errorf("%s: %d rows with hash %s in a range of %d with %x", t.Name, len(list), got, rows, hash)
		}
		gone = append(gone, taken...)
		all = append(all, list...)
	}
	if !open {
		r.t.Errorf("%s: no range is open-ended", t.Name)
	}
	if got := rowHash(all, gone...); got != t.Hash || len(all)+len(gone) != t.Rows {
		r.t.Errorf("%s: %d rows with hash %s, not %d with %s", t.Name, len(all), got, t.Rows, t.Hash)
	}
	if t.Name == "guests" {
		fmt.Fprintf(out, "\n%d guests, the last %q", len(all), all[len(all)-1])
	} else {
		for _, row := range all {
			fmt.Fprintf(out, "\n%s.%s %.30q", t.Schema, t.Name, row)
		}
	}
	r.slots(t, chunks)
	r.runs(t)
}

// rowHash sums rows up, and hashes of others.
func rowHash(rows [][]byte, others ...string) string {
	var lo, hi uint64
	for _, other := range others {
		b, err := hex.DecodeString(other)
		if err != nil {
			return err.Error()
		}
		var carry uint64
		lo, carry = bits.Add64(lo, binary.BigEndian.Uint64(b[8:]), 0)
		hi, _ = bits.Add64(hi, binary.BigEndian.Uint64(b), carry)
	}
	for _, row := range rows {
		u := xxh3.Hash128(row)
		var carry uint64
		lo, carry = bits.Add64(lo, u.Lo, 0)
		hi, _ = bits.Add64(hi, u.Hi, carry)
	}
	return fmt.Sprintf("%016x%016x", hi, lo)
}

type erasedJSON struct {
	Old       string
	New       refJSON
	Rows      []byte
	RowHashes []string `json:"row_hashes"`
}

// leave returns the hashes of the rows that went and were not dropped before, and the numbers of the dropped
// ones among those that are left.
func (e erasedJSON) leave(went, dropped []int) (taken []string, left []int) {
	for i, n := range went {
		if !slices.Contains(dropped, n) {
			taken = append(taken, e.RowHashes[i])
		}
	}
	for _, n := range dropped {
		if at, is := slices.BinarySearch(went, n); !is {
			left = append(left, n-at)
		}
	}
	return taken, left
}

// erasures reads those whose id is after the recovery point's.
func (r *reader) erasures(point string) {
	r.erased = map[string]erasedJSON{}
	names, err := filepath.Glob(filepath.Join("testdata", "v1", "repository", "erasures", "*"))
	r.must(err)
	for _, name := range names {
		name = "erasures/" + filepath.Base(name)
		var e struct {
			Format         int
			Repository, ID string
			Chunks         []erasedJSON
		}
		r.must(json.Unmarshal(r.open(name, 7, "erasures"), &e))
		if e.Format != 1 || "erasures/"+e.ID != name || e.Repository != hex.EncodeToString(r.repo) {
			r.t.Errorf("%+v", e)
		}
		for _, c := range e.Chunks {
			if e.ID > point {
				r.erased[c.Old] = c
			}
		}
	}
}

// change reads a change segment, and compares it with the one that ends where it begins.
func (r *reader) change(name string) {
	plain := r.open(name, 3, "changes")
	from, _, _ := strings.Cut(strings.TrimPrefix(name, "changes/keepsake/"), "-")
	before := make([]byte, 32)
	names, err := filepath.Glob(filepath.Join("testdata", "v1", "repository", "changes", "keepsake", "*-"+from))
	r.must(err)
	for _, other := range names {
		sum := sha256.Sum256(r.file("repository/changes/keepsake/" + filepath.Base(other)))
		before = sum[:]
	}
	if !bytes.Equal(plain[:32], before) || !strings.HasSuffix(string(plain[32:]), "commits") {
		r.t.Errorf("%s holds %q", name, plain)
	}
}

// slots holds the places of a chunk's rows to their number.
func (r *reader) slots(t tableJSON, chunks map[string][][]byte) {
	for p := r.entries(t.Slots, 3); len(p.rest) > 0; {
		p.uint() // from
		for range p.uint() {
			id := hex.EncodeToString(p.take(32))
			slots := r.set(p.sized())
			if len(slots) != len(chunks[id]) || slots[0] != 1 {
				r.t.Errorf("%s: chunk %s of %d rows has the slots %v", t.Name, id, len(chunks[id]), slots)
			}
		}
	}
}

// runs looks keys up: FORMAT.md, "Runs".
func (r *reader) runs(t tableJSON) {
	looked := 0
	for p := r.entries(t.Runs, 5); len(p.rest) > 0; {
		d := &page{r, r.kind(p.blob(), 6)}
		var ids []string
		for range d.uint() {
			ids = append(ids, hex.EncodeToString(d.take(32)))
		}
		if got := d.uint(); got != len(t.FilterKeys) {
			r.t.Fatalf("%s: %d lists for %d", t.Name, got, len(t.FilterKeys))
		}
		open := r.set(d.sized())
		pairs, b := d.uint(), int(d.take(1)[0])
		var numbers []uint64
		for range d.uint() {
			first := d.uint()
			found := r.pairs(d.blob())
			if found[0] != uint64(first) {
				r.t.Errorf("%s: a page of pairs begins with %d, not %d", t.Name, found[0], first)
			}
			numbers = append(numbers, found...)
		}
		c := bits.Len(uint(len(ids) - 1))
		holds := func(key uint64, chunk int) bool {
			h := xxh3.Hash(binary.BigEndian.AppendUint64([]byte{0, 0, 0, 8}, key))
			_, found := slices.BinarySearch(numbers, h>>(64-b)<<c|uint64(chunk))
			return found || slices.Contains(open, chunk)
		}
		switch t.Name {
		case "weddings": // the second chunk's keys could not be read, the third has none
			for key, want := range map[uint64][]bool{1: {true, true, false}, 2: {true, true, false}, 3: {false, true, false}} {
				for chunk := range want {
					if holds(key, chunk) != want[chunk] {
						r.t.Errorf("chunk %d may hold wedding %d: %v", chunk, key, !want[chunk])
					}
					looked++
				}
			}
		case "guests":
			for i := range uint64(1500) {
				if !holds(1000+i, 0) {
					r.t.Errorf("wedding %d is missing", 1000+i)
				}
				looked++
			}
			if holds(999, 0) || holds(2500, 0) {
				r.t.Error("weddings are there that are not")
			}
		}
		if pairs != len(numbers) {
			r.t.Errorf("%s: %d pairs, not %d", t.Name, len(numbers), pairs)
		}
	}
	if (looked == 0) != (len(t.FilterKeys) == 0) {
		r.t.Errorf("%s: %d keys were looked up", t.Name, looked)
	}
}

// pairs decodes a page of pairs.
func (r *reader) pairs(b []byte) []uint64 {
	p := &page{r, r.kind(b, 7)}
	k := int(p.take(1)[0])
	n := p.uint()
	out := []uint64{uint64(p.uint())}
	at := 0
	bit := func() uint64 {
		v := p.rest[at/8] >> (7 - at%8) & 1
		at++
		return uint64(v)
	}
	for len(out) < n {
		d := uint64(0)
		for bit() == 1 {
			d++
		}
		for range k {
			d = d<<1 | bit()
		}
		out = append(out, out[len(out)-1]+d+1)
	}
	return out
}

// side reads what lies beside recovery points: an undo object, and a note of each topic.
func (r *reader) side(point string) {
	read := map[string]bool{}
	root := filepath.Join("testdata", "v1", "repository")
	r.must(filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, path)
		r.must(err)
		name = filepath.ToSlash(name)
		kind, _, _ := strings.Cut(name, "/")
		switch kind {
		case "undo":
			r.undo(name)
		case "changes":
			r.change(name)
		case "notes":
			r.note(name, point)
			kind += "/" + strings.Split(name, "/")[1]
		case "chunks", "indexes", "manifests", "erasures", "keepsake.json", "provider.json":
		default:
			r.t.Errorf("%s is of no known kind", name)
		}
		read[kind] = true
		return nil
	}))
	for _, kind := range []string{"undo", "notes/access", "notes/audit", "notes/points", "indexes", "manifests",
		"erasures", "changes"} {
		if !read[kind] {
			r.t.Errorf("no vector is of kind %s", kind)
		}
	}
	if r.levels == 0 {
		r.t.Error("no list of the vectors has references to pages")
	}
}

func (r *reader) undo(name string) {
	var u struct {
		Restore, Point, Root, ID, Name, Mode string
		Tables                               []struct {
			Table   string
			Key     []string
			Columns []struct{ Name, Type string }
			Changes []struct {
				Op            string
				Before, After []*string
			}
		}
	}
	r.must(json.Unmarshal(r.open(name, 4, "undo"), &u))
	c := u.Tables[0].Changes
	if "undo/"+u.Restore != name || u.Root != "public.weddings" || u.ID != "1" || u.Mode != "rewind" ||
		u.Tables[0].Key[0] != "id" {
		r.t.Errorf("%+v", u)
	}
	if c[0].Op != "update" || *c[0].Before[1] != "Zoe" || *c[0].After[1] != u.Name || c[1].Op != "insert" ||
		c[1].Before != nil || c[1].After[1] != nil {
		r.t.Errorf("%+v", c)
	}
}

func (r *reader) note(name, point string) {
	plain := r.open(name, 5, "notes")
	into := func(v any) {
		d := json.NewDecoder(bytes.NewReader(plain))
		d.DisallowUnknownFields()
		r.must(d.Decode(v))
	}
	switch topic := strings.Split(name, "/"); topic[1] {
	case "access":
		var list []struct {
			Email, Role, Organization string
			PasswordHash              string `json:"password_hash"`
		}
		into(&list)
		if list[0].Email != "ada@example.com" || !strings.HasPrefix(list[0].PasswordHash, "$argon2id$") {
			r.t.Errorf("%+v", list)
		}
	case "audit":
		var seal struct {
			Trail, Hash, At string
			Row             int
		}
		into(&seal)
		if seal.Row != 12 || len(seal.Hash) != 64 || seal.Trail == "" {
			r.t.Errorf("%+v", seal)
		}
	case "points":
		var mark struct {
			Note, By, At string
			Labels       map[string]string
			Locked       bool
		}
		into(&mark)
		if topic[2] != point || mark.Note != "before the season" || !mark.Locked || mark.Labels["by"] != "Ada" {
			r.t.Errorf("%s: %+v", name, mark)
		}
	default:
		r.t.Errorf("%s is of no known topic", name)
	}
}
