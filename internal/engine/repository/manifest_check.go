package repository

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// check finds what no sound manifest of format 1 holds. Writer and reader share it.
func (m *Manifest) check(repository, id string) error {
	switch {
	case m.Format != FormatVersion:
		return fmt.Errorf("its format is %d, not %d", m.Format, FormatVersion)
	case m.Repository != repository:
		return fmt.Errorf("it is of repository %q, not %s", m.Repository, repository)
	case m.ID != id:
		return fmt.Errorf("it is of recovery point %q, not %q", m.ID, id)
	case m.Time.IsZero():
		return errors.New("it does not say when its snapshot was taken")
	}
	if _, err := ManifestTime(m.ID); err != nil {
		return err
	}
	for i := range m.Schema {
		if err := m.Schema[i].check(0); err != nil {
			return fmt.Errorf("schema, chunk %d: %w", i, err)
		}
	}
	seen := map[Name]bool{}
	for i := range m.Tables {
		t := &m.Tables[i]
		if err := t.check(); err != nil {
			return fmt.Errorf("table %s.%s: %w", t.Schema, t.Name.Name, err)
		}
		if seen[t.Name] {
			return fmt.Errorf("table %s.%s is there twice", t.Schema, t.Name.Name)
		}
		seen[t.Name] = true
	}
	for _, s := range m.Sequences {
		if err := s.check(); err != nil {
			return err
		}
	}
	for _, v := range m.MatViews {
		if err := v.check(); err != nil {
			return err
		}
	}
	return nil
}

// check refuses names that JSON would change: they could not be restored.
func (n Name) check() error {
	if n.Name == "" || !utf8.ValidString(n.Schema) || !utf8.ValidString(n.Name) {
		return fmt.Errorf("the name %q.%q is empty or not UTF-8", n.Schema, n.Name)
	}
	return nil
}

func (t *Table) check() error {
	if err := t.Name.check(); err != nil {
		return err
	}
	switch {
	case t.Kind != KindTable && t.Kind != KindPartition && t.Kind != KindLargeObjects:
		return fmt.Errorf("its kind %q is unknown", t.Kind)
	case t.Format != FormatBinary && t.Format != FormatText:
		return fmt.Errorf("its COPY format %q is unknown", t.Format)
	case t.Rows < 0:
		return fmt.Errorf("it has %d rows", t.Rows)
	}
	for _, c := range t.Columns {
		if c.Name == "" || !utf8.ValidString(c.Name) || !utf8.ValidString(c.Type) {
			return fmt.Errorf("column %q: its name or type is empty or not UTF-8", c.Name)
		}
	}
	var rows int64
	var hash RowHash
	for i := range t.Ranges {
		r := &t.Ranges[i]
		if err := r.check(t, i); err != nil {
			return fmt.Errorf("range %d (from page %d): %w", i, r.From, err)
		}
		rows += r.Rows
		hash.AddHash(r.Hash)
	}
	if rows != t.Rows || hash != t.Hash {
		return fmt.Errorf("its ranges hold %d rows with hash %s, the table %d with %s", rows, hash, t.Rows, t.Hash)
	}
	return nil
}

// check holds range i of t to the pages the one before it ends at: together they cover every page once.
func (r *Range) check(t *Table, i int) error {
	var from uint32
	if i > 0 {
		from = t.Ranges[i-1].To
	}
	last := i == len(t.Ranges)-1
	switch {
	case r.From != from:
		return fmt.Errorf("it must begin at page %d", from)
	case last && r.To != 0:
		return fmt.Errorf("it is the last and must be open-ended, but ends at page %d", r.To)
	case !last && r.To <= r.From:
		return fmt.Errorf("it ends at page %d", r.To)
	case r.Rows < 0:
		return fmt.Errorf("it has %d rows", r.Rows)
	}
	var rows int64
	for j := range r.Chunks {
		c := &r.Chunks[j]
		if err := c.check(len(t.FilterKeys)); err != nil {
			return fmt.Errorf("chunk %d: %w", j, err)
		}
		if j == 0 && c.Continues {
			return errors.New("its first chunk continues a row that nothing began")
		}
		dropped, err := c.checkDropped(j+1 < len(r.Chunks) && r.Chunks[j+1].Continues)
		if err != nil {
			return fmt.Errorf("chunk %d: %w", j, err)
		}
		rows += c.Rows - dropped
	}
	if rows != r.Rows {
		return fmt.Errorf("its chunks hold %d rows, not %d", rows, r.Rows)
	}
	return nil
}

func (c *Chunk) check(filterKeys int) error {
	switch {
	case c.Size < Overhead || c.Size > MaxChunkSealed:
		return fmt.Errorf("its object has %d bytes; %d to %d are possible", c.Size, Overhead, MaxChunkSealed)
	case c.Plain < 0 || c.Plain > MaxChunkPlain:
		return fmt.Errorf("it holds %d bytes; 0 to %d are possible", c.Plain, MaxChunkPlain)
	case c.Rows < 0 || c.Rows > c.Plain:
		return fmt.Errorf("it begins %d rows in %d bytes", c.Rows, c.Plain)
	case len(c.Filters) != 0 && len(c.Filters) != filterKeys:
		return fmt.Errorf("it has %d filters for %d filter keys", len(c.Filters), filterKeys)
	}
	return nil
}

// checkDropped returns how many rows of the chunk do not belong to the recovery point. Only whole rows can be dropped.
func (c *Chunk) checkDropped(cut bool) (int64, error) {
	if len(c.Dropped) == 0 {
		return 0, nil
	}
	n, end, err := c.Dropped.Count()
	switch {
	case err != nil:
		return 0, err
	case end > uint64(c.Rows):
		return 0, fmt.Errorf("row %d of %d is dropped", end, c.Rows)
	case c.Continues || cut:
		return 0, errors.New("rows of it are dropped although it holds only part of a row")
	}
	return int64(n), nil
}
