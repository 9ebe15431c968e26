package scope

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/wedsync/keepsake/internal/engine/repository"
)

// Between compares a scope's rows at two moments, in text. In its changes, Before is the earlier row and After the
// later one. It compares tables without a primary key by whole rows. O(rows).
func Between(p *Plan, before, after []TableRows) []TableChanges {
	var out []TableChanges
	find := func(list []TableRows, name string) *TableRows {
		if i := slices.IndexFunc(list, func(t TableRows) bool { return t.Table == name }); i >= 0 {
			return &list[i]
		}
		return &TableRows{Table: name}
	}
	names := []string{}
	for _, t := range append(slices.Clone(after), before...) {
		if !slices.Contains(names, t.Table) {
			names = append(names, t.Table)
		}
	}
	for _, name := range names {
		a, b := find(before, name), find(after, name)
		changes := TableChanges{Table: name, Belongs: b.Belongs, Columns: b.Columns}
		if len(b.Columns) == 0 {
			changes.Belongs, changes.Columns = a.Belongs, a.Columns
		}
		if note := cmp.Or(b.Note, a.Note); note != "" {
			changes.Notes = append(changes.Notes, note)
		}
		known := func(column string) bool {
			return slices.ContainsFunc(changes.Columns, func(c repository.Column) bool { return c.Name == column })
		}
		if t := p.Table(name); t != nil && !slices.ContainsFunc(t.Key, func(column string) bool { return !known(column) }) {
			changes.Key = t.Key
		}
		for _, c := range a.Columns {
			if len(b.Columns) > 0 && !slices.Contains(b.Columns, c) {
				changes.Notes = append(changes.Notes, "The column "+c.Name+" ("+c.Type+") is there at the first moment only.")
			}
		}
		for _, c := range b.Columns {
			if len(a.Columns) > 0 && !slices.Contains(a.Columns, c) {
				changes.Notes = append(changes.Notes, "The column "+c.Name+" ("+c.Type+") is there at the second moment only.")
			}
		}
		changes.compare(aligned(a, changes.Columns), aligned(b, changes.Columns))
		out = append(out, changes)
	}
	return out
}

// aligned brings rows into the order of columns.
func aligned(t *TableRows, columns []repository.Column) [][]*string {
	out := make([][]*string, len(t.Rows))
	for i, row := range t.Rows {
		out[i] = inOrder(t.Columns, columns, row)
	}
	return out
}

func (t *TableChanges) compare(before, after [][]*string) {
	key := func(row []*string) string {
		values := row
		if len(t.Key) > 0 {
			values = keyOf(t, row)
		}
		return rowText(values)
	}
	was := map[string][][]*string{}
	for _, row := range before {
		was[key(row)] = append(was[key(row)], row)
	}
	for _, row := range after {
		k := key(row)
		old := was[k]
		if len(old) == 0 {
			t.Changes = append(t.Changes, Change{Op: Insert, After: row})
			continue
		}
		was[k] = old[1:]
		if rowText(old[0]) == rowText(row) {
			t.Unchanged++
		} else {
			t.Changes = append(t.Changes, Change{Op: Update, Before: old[0], After: row})
		}
	}
	for _, row := range before {
		if k := key(row); len(was[k]) > 0 {
			t.Changes, was[k] = append(t.Changes, Change{Op: Delete, Before: was[k][0]}), was[k][1:]
		}
	}
}

// rowText is a row as one text that no other row has.
func rowText(values []*string) string {
	var b strings.Builder
	for _, v := range values {
		if v == nil {
			b.WriteByte('-')
			continue
		}
		b.WriteString(strconv.Itoa(len(*v)))
		b.WriteByte(':')
		b.WriteString(*v)
	}
	return b.String()
}

// Since turns the changes of a rewind around: what a restore would undo is what has happened since.
func Since(p *Preview) []TableChanges {
	out := make([]TableChanges, len(p.Tables))
	for i, t := range p.Tables {
		t.Changes = slices.Clone(t.Changes)
		for j, c := range t.Changes {
			c.Before, c.After, c.Refused = c.After, c.Before, ""
			switch c.Op {
			case Insert:
				c.Op = Delete
			case Delete:
				c.Op = Insert
			}
			t.Changes[j] = c
		}
		out[i] = t
	}
	return out
}
