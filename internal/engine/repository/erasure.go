package repository

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// Manifests, index pages and chunks are never replaced. Taking rows out of the repository makes new chunks
// without them, and an erasure that says which chunk each stands for. Whoever reads a recovery point reads
// the erasures first.

// ErasurePrefix begins the name of every erasure.
const ErasurePrefix = "erasures/"

// Erasure says which rows were taken out of the repository. FORMAT.md describes every field.
type Erasure struct {
	Format     int           `json:"format"` // 1
	Repository string        `json:"repository"`
	ID         string        `json:"id"` // <time>-<random>, also the object's name
	Time       time.Time     `json:"time"`
	Chunks     []ErasedChunk `json:"chunks"`
}

// ErasedChunk is a chunk that was replaced by one without some of its rows.
type ErasedChunk struct {
	Name                // of a table that has it
	Old       ChunkID   `json:"old"`
	New       *Ref      `json:"new,omitempty"` // nil: none of its rows is left
	Rows      Runs      `json:"rows"`          // numbers in the old chunk of those that went
	RowHashes []RowHash `json:"row_hashes"`    // of each, in their order
}

// check finds what no sound erasure of format 1 holds. Writer and reader share it.
func (e *Erasure) check(repository, id string) error {
	switch {
	case e.Format != FormatVersion:
		return fmt.Errorf("its format is %d, not %d", e.Format, FormatVersion)
	case e.Repository != repository || e.ID != id:
		return fmt.Errorf("it is erasure %q of repository %q", e.ID, e.Repository)
	}
	for i := range e.Chunks {
		c := &e.Chunks[i]
		n, _, err := c.Rows.Count()
		if err != nil || n != uint64(len(c.RowHashes)) {
			return fmt.Errorf("of chunk %s %d rows went, and %d have a hash", c.Old, n, len(c.RowHashes))
		}
		if err := c.Name.check(); err != nil {
			return err
		}
		if c.New != nil {
			if err := (&Chunk{Ref: *c.New}).check(); err != nil {
				return fmt.Errorf("what took the place of chunk %s: %w", c.Old, err)
			}
		}
	}
	return nil
}

// SealErasure checks e and returns the name and bytes of its object.
func (k *Keyring) SealErasure(e *Erasure) (key string, sealed []byte, err error) {
	if err := e.check(k.Repository(), e.ID); err != nil {
		return "", nil, keepsake.Errorf(keepsake.CodeInternal, "The erasure is not sound and was not written: %w.", err)
	}
	plain, err := json.Marshal(e)
	if err != nil {
		return "", nil, fmt.Errorf("encode erasure %s: %w", e.ID, err)
	}
	key = ErasurePrefix + e.ID
	sealed, err = k.SealObject(ObjectErasure, key, plain)
	return key, sealed, err
}

// OpenErasure opens the object with this name.
func (k *Keyring) OpenErasure(key string, sealed []byte) (*Erasure, error) {
	id, ok := strings.CutPrefix(key, ErasurePrefix)
	if !ok {
		return nil, keepsake.Errorf(keepsake.CodeInvalid, "%q is not the name of an erasure.", key)
	}
	plain, err := k.OpenObject(ObjectErasure, key, sealed, MaxObjectPlain)
	if err != nil {
		return nil, err
	}
	e := new(Erasure)
	if err := json.Unmarshal(plain, e); err != nil {
		return nil, damaged(ObjectErasure, key, fmt.Errorf("%w: %w", ErrWrongContent, err))
	}
	if err := e.check(k.Repository(), id); err != nil {
		return nil, damaged(ObjectErasure, key, fmt.Errorf("%w: %w", ErrWrongContent, err))
	}
	return e, nil
}

// Erasures are all erasures of a repository, by the chunk that each replaces. Where a chunk was rewritten twice, the
// second erasure replaces the first one's new chunk.
type Erasures struct {
	chunks map[ChunkID]*ErasedChunk
	tables map[Name]bool
}

// NewErasures gathers erasures by the chunks that they replace. A nil *Erasures stands for none.
func NewErasures(list []*Erasure) *Erasures {
	x := &Erasures{chunks: map[ChunkID]*ErasedChunk{}, tables: map[Name]bool{}}
	for _, e := range list {
		for i := range e.Chunks {
			c := &e.Chunks[i]
			x.chunks[c.Old], x.tables[c.Name] = c, true
		}
	}
	if len(x.chunks) == 0 {
		return nil
	}
	return x
}

var errErased = errors.New("an erasure takes rows that its chunk does not have")

// apply takes the rows that went out of a range, and returns how many of its own they were.
func (x *Erasures) apply(r *Range) error {
	if x == nil {
		return nil
	}
	changed := false
	chunks := r.Chunks[:0:0]
	for _, c := range r.Chunks {
		kept, steps := true, 0
		for e := x.chunks[c.ID]; e != nil && kept; e = x.chunks[c.ID] {
			changed = true
			if steps++; steps > len(x.chunks) {
				return fmt.Errorf("chunk %s takes its own place, by way of others", e.Old)
			}
			if err := e.take(&c, r); err != nil {
				return fmt.Errorf("chunk %s: %w", e.Old, err)
			}
			kept = e.New != nil
		}
		if kept {
			chunks = append(chunks, c)
		}
	}
	if changed {
		r.Chunks, r.Erased = chunks, true
	}
	return nil
}

// take makes the chunk what it was rewritten into. Rows that the recovery point has dropped do not leave it a
// second time.
func (e *ErasedChunk) take(c *Chunk, r *Range) error {
	dropped, went := numbersOf(c.Dropped), numbersOf(e.Rows)
	if int64(len(went)) > c.Rows || len(went) > 0 && went[len(went)-1] >= uint64(c.Rows) {
		return errErased
	}
	isDropped := map[uint64]bool{}
	for _, n := range dropped {
		isDropped[n] = true
	}
	for i, n := range went {
		if !isDropped[n] {
			r.Rows--
			r.Hash.Subtract(e.RowHashes[i])
		}
	}
	var w RunWriter
	before := 0 // rows that went and stood before
	for _, n := range dropped {
		for before < len(went) && went[before] < n {
			before++
		}
		if before == len(went) || went[before] != n {
			w.Add(n - uint64(before))
		}
	}
	c.Dropped, c.Rows = w.Take(), c.Rows-int64(len(went))
	if e.New != nil {
		c.Ref = *e.New
	}
	return nil
}

func numbersOf(r Runs) (out []uint64) {
	_ = r.Each(func(from, n uint64) { // both were checked
		for i := range n {
			out = append(out, from+i)
		}
	})
	return out
}

// Erase applies erasures to a loaded recovery point. Afterwards its tables count the rows that are left, and
// EachRange yields them. Erase reads only the tables that an erasure names.
func (m *Manifest) Erase(ctx context.Context, fetch Fetch, x *Erasures) error {
	if x == nil {
		return nil
	}
	for i := range m.Tables {
		t := &m.Tables[i]
		if !x.tables[t.Name] {
			continue
		}
		var sums Table
		for r, err := range t.EachRange(ctx, fetch) {
			if err == nil {
				err = x.apply(r)
			}
			if err != nil {
				return fmt.Errorf("apply erasures to table %s.%s: %w", t.Schema, t.Name.Name, err)
			}
			sums.count(r)
		}
		t.stored = &storedSums{t.Rows, t.Hash}
		t.erasures = x
		t.Rows, t.Hash, t.Chunks, t.Bytes, t.Stored = sums.Rows, sums.Hash, sums.Chunks, sums.Bytes, sums.Stored
	}
	return nil
}

// storedSums are a table's as its index has them, without erasures.
type storedSums struct {
	rows int64
	hash RowHash
}

func (t *Table) count(r *Range) {
	t.Rows += r.Rows
	t.Hash.AddHash(r.Hash)
	for i := range r.Chunks {
		t.Chunks++
		t.Bytes += r.Chunks[i].Plain
		t.Stored += r.Chunks[i].Size
	}
}
