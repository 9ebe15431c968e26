package scope

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// reference is one foreign key of the live database that PostgreSQL holds rows to.
type reference struct {
	Name, Child   string
	Columns       []string
	Parent        string
	ParentColumns []string
	Whole         bool // the child is partitioned
	ParentWhole   bool // so is the parent
	operators
}

// unfit are changes that the database would hold against its own rules: rows would point at nothing, or conflict.
type unfit struct {
	reference
	table   *TableChanges
	changes []int // of the table's
	words   string
}

func (w writer) references(ctx context.Context, tables []TableChanges) ([]reference, error) {
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = t.Table
	}
	child, parent := keepsake.TableNameSQL("cn.nspname", "c.relname"), keepsake.TableNameSQL("pn.nspname", "p.relname")
	// to_jsonb reads what PostgreSQL has from version 18 on
	rows, err := w.tx.Query(ctx, `
		select k.conname, `+child+`,
		       array(select a.attname::text from unnest(k.conkey) with ordinality u(num, i) join pg_attribute a
			on a.attrelid = k.conrelid and a.attnum = u.num order by u.i),
		       `+parent+`,
		       array(select a.attname::text from unnest(k.confkey) with ordinality u(num, i) join pg_attribute a
			on a.attrelid = k.confrelid and a.attnum = u.num order by u.i), c.relkind = 'p', p.relkind = 'p',
		       `+operatorsSQL+`
		from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace cn on cn.oid = c.relnamespace
		join pg_class p on p.oid = k.confrelid join pg_namespace pn on pn.oid = p.relnamespace
		where k.contype = 'f' and k.conparentid = 0 and coalesce((to_jsonb(k)->>'conenforced')::boolean, true)
		  and (`+child+` = any($1) or `+parent+` = any($1)) order by 1, 2`, names)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[reference])
}

// orphans looks for rows that point at nothing, in both directions: what was written must find its parents, and nobody
// may point at what was taken away. It looks up only the keys that were changed.
func (w writer) orphans(ctx context.Context, tables []TableChanges) (out []unfit, err error) {
	keys, err := w.references(ctx, tables)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		for i := range tables {
			t := &tables[i]
			if t.Table == k.Child {
				found, err := w.orphansOf(ctx, k, t, k.Columns, after)
				if err != nil {
					return nil, err
				}
				out = append(out, unfit{k, t, found, fmt.Sprintf("the row of %s that it points at (%s) is not there and would "+
					"not come back", k.Parent, strings.Join(k.ParentColumns, ", "))})
			}
			if t.Table == k.Parent {
				found, err := w.orphansOf(ctx, k, t, k.ParentColumns, before)
				if err != nil {
					return nil, err
				}
				out = append(out, unfit{k, t, found, fmt.Sprintf("a row of %s that stays points at it (%s)", k.Child, k.Name)})
			}
		}
	}
	return slices.DeleteFunc(out, func(o unfit) bool { return len(o.changes) == 0 }), nil
}

// orphansOf returns the changes whose value, on one side, is held by a row of the key's child that has no parent. The
// parents of what was written are locked as PostgreSQL's own check would lock them, so that none goes away before the
// commit.
func (w writer) orphansOf(ctx context.Context, k reference, t *TableChanges, names []string,
	side func(Change) []*string) (found []int, err error) {
	for _, name := range names {
		if !slices.ContainsFunc(t.Columns, func(c repository.Column) bool { return c.Name == name }) {
			return nil, nil // a column that was not touched
		}
	}
	having := map[string][]int{} // changes, by the value
	var distinct []Change
	var order []string
	for i, c := range t.Changes {
		if c.Refused != "" || side(c) == nil {
			continue
		}
		key := joined(pick(t, side(c), names))
		if key == "" {
			continue
		}
		if having[key] == nil {
			distinct, order = append(distinct, c), append(order, key)
		}
		having[key] = append(having[key], i)
	}
	child := (&shape{table: k.Child, partitioned: k.Whole}).rows()
	parent := (&shape{table: k.Parent, partitioned: k.ParentWhole}).rows()
	written := t.Table == k.Child && slices.Equal(names, k.Columns) // a table may refer to itself
	for first := 0; first < len(distinct); first += 1000 {
		batch := distinct[first:min(first+1000, len(distinct))]
		from, args := values(t, columns(names, side), batch)
		if written {
			if _, err := w.tx.Exec(ctx, fmt.Sprintf("select from %s v join %s p on %s for key share of p%s", from, parent,
				k.leads("v", names, "p", k.ParentColumns), w.waiting()), args...); err != nil {
				return nil, err
			}
		}
		rows, err := w.tx.Query(ctx, k.orphansSQL(from, child, parent, written), args...)
		if err != nil {
			return nil, err
		}
		var n int64
		if _, err := pgx.ForEachRow(rows, []any{&n}, func() error {
			found = append(found, having[order[first+int(n)-1]]...)
			return nil
		}); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// checkKeys fails when rows would point at nothing.
func (w writer) checkKeys(ctx context.Context, tables []TableChanges) error {
	found, err := w.orphans(ctx, tables)
	if err != nil || len(found) == 0 {
		return err
	}
	k := found[0]
	return keepsake.Errorf(keepsake.CodeConflict,
		"Rows of %s would point at rows of %s that are not there (%s), so nothing was changed. Make a new preview: rows "+
			"that others came to depend on cannot be taken away.", k.Child, k.Parent, k.Name)
}
