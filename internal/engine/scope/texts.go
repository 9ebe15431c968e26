package scope

import (
	"context"
	"slices"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TableRows holds a table's rows in text, with nil for null.
type TableRows struct {
	Table   string
	Belongs Belonging
	Columns []repository.Column
	Rows    [][]*string
	Note    string // why rows may be missing or others' among them, in words; empty: neither
}

// Texts returns the rows of a scope in text, owned tables first. It needs no database.
func Texts(p *Plan, rows *Rows) ([]TableRows, error) {
	r := NewReader()
	var out []TableRows
	for _, t := range append(p.Of(Owned), p.Of(Shared)...) {
		list := TableRows{Table: t.Name, Belongs: t.Belongs, Columns: t.Columns, Note: rows.Note(t.Name)}
		for _, part := range rows.Tables[t.Name] {
			for _, row := range part.Rows {
				values, err := r.Values(part.Part, row)
				if err != nil {
					return nil, keepsake.Errorf(keepsake.CodeDamaged, "a row of %s cannot be read: %w", t.Name, err)
				}
				list.Rows = append(list.Rows, inOrder(part.Part.Columns, t.Columns, values))
			}
		}
		out = append(out, list)
	}
	return out, nil
}

// each calls fn with every row of a plaintext, in the order of the table's columns.
func (r *Reader) each(t *Table, part *repository.Table, plain []byte, fn func([]*string) error) error {
	for len(plain) > 0 {
		row, rest, err := repository.NextRow(plain, part.Format)
		if err != nil {
			return keepsake.Errorf(keepsake.CodeDamaged, "a chunk of table %s holds no whole rows: %w", t.Name, err)
		}
		values, err := r.Values(part, row)
		if err != nil {
			return keepsake.Errorf(keepsake.CodeDamaged, "a row of %s cannot be read: %w", t.Name, err)
		}
		if err := fn(inOrder(part.Columns, t.Columns, values)); err != nil {
			return err
		}
		plain = rest
	}
	return nil
}

// ReadTable reads all rows of one table in text, up to MaxBytes of them.
func ReadTable(ctx context.Context, t *Table, src Chunks) (TableRows, error) {
	list := TableRows{Table: t.Name, Belongs: t.Belongs, Columns: t.Columns}
	r, size := NewReader(), int64(0)
	for _, part := range t.parts {
		err := eachGroup(ctx, part, src, func(plain []byte) error {
			if size += int64(len(plain)); size > MaxBytes {
				return keepsake.Errorf(keepsake.CodeUnsupported, "table %s has more than %d MiB, which is too much to look through",
					t.Name, MaxBytes>>20)
			}
			return r.each(t, part, plain, func(row []*string) error {
				list.Rows = append(list.Rows, row)
				return nil
			})
		})
		if err != nil {
			return list, err
		}
	}
	return list, nil
}

// eachGroup calls fn with the plaintext of every group of a part, which is fn's until it returns.
func eachGroup(ctx context.Context, part *repository.Table, src Chunks, fn func(plain []byte) error) error {
	for r, err := range part.EachRange(ctx, src.Page) {
		if err != nil {
			return err
		}
		for g := range groups(r) {
			if err := open(ctx, src, part.Format, g.chunks, fn); err != nil {
				return err
			}
		}
	}
	return nil
}

// inOrder brings a partition's values into the order of the whole table's columns.
func inOrder(have, want []repository.Column, values []*string) []*string {
	if slices.Equal(have, want) {
		return values
	}
	out := make([]*string, len(want))
	for i, c := range want {
		if j := slices.IndexFunc(have, func(h repository.Column) bool { return h.Name == c.Name }); j >= 0 {
			out[i] = values[j]
		}
	}
	return out
}
