package scope

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Rows that change places with each other in a unique index, such as guests who all move on by one seat, cannot be
// updated: PostgreSQL looks at the index after every row. They are taken out of the table and put in again, with the
// values of columns that the recovery point does not know kept meanwhile in a temporary table, their shelf.

func shelf(t *TableChanges) string { return fmt.Sprintf("pg_temp.ks_o_%d", t.n) }

// makeShelves makes the shelves of the tables whose rows change places. It asks for their columns again: now that rows
// are locked nobody can add one.
func (w writer) makeShelves(ctx context.Context, tables []TableChanges) error {
	for i := range tables {
		t := &tables[i]
		if !t.exchange {
			continue
		}
		t.n = i
		if err := refuseEvents(ctx, w.tx); err != nil {
			return err
		}
		s := w.shapes[t.Table]
		now, err := shapesOf(ctx, w.tx, []string{t.Table})
		if err != nil {
			return err
		}
		if now[t.Table] == nil {
			return fmt.Errorf("%s is not there any more: %w", t.Table, errMoved)
		}
		s.stored = now[t.Table].stored
		if _, err := w.tx.Exec(ctx, fmt.Sprintf("create temp table ks_o_%d on commit drop as select t.tableoid as ks_table, "+
			"t.ctid as ks_ctid, %s from %s t where false", i, list("t.", s.stored), s.rows())); err != nil {
			return fmt.Errorf("%s: %w", t.Table, err)
		}
	}
	return nil
}

// takeOut deletes rows that change places, and keeps them on the shelf.
func (w writer) takeOut(ctx context.Context, t *TableChanges, rows []Change, places []spot) (int64, error) {
	s := w.shapes[t.Table]
	from, args := valuesAt(t, nil, rows, places)
	tag, err := w.tx.Exec(ctx, fmt.Sprintf(`with gone as (
		delete from %s t using %s v where %s returning t.tableoid, t.ctid, %s) insert into %s select * from gone`,
		s.rows(), from, atPlace, list("t.", s.stored), shelf(t)), args...)
	return tag.RowsAffected(), err
}

// putIn inserts what was taken out, with the values of the recovery point.
func (w writer) putIn(ctx context.Context, t *TableChanges, rows []Change, places []spot) (int64, error) {
	s, known := w.shapes[t.Table], t.names()
	picked := make([]string, len(s.stored))
	for i, name := range s.stored {
		picked[i] = "o." + quote(name)
		if slices.Contains(known, name) && !s.always[name] { // as an update leaves it
			picked[i] = "v." + quote(name)
		}
	}
	from, args := valuesAt(t, columns(known, after), rows, places)
	tag, err := w.tx.Exec(ctx, fmt.Sprintf(`insert into %s (%s) overriding system value select %s from %s o join %s v
		on o.ks_ctid operator(pg_catalog.=) v.ks_ctid and o.ks_table operator(pg_catalog.=) v.ks_table`,
		t.full(), list("", s.stored), strings.Join(picked, ", "), shelf(t), from), args...)
	return tag.RowsAffected(), err
}
