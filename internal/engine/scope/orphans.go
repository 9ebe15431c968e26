package scope

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// reference is one foreign key of the live database.
type reference struct {
	Name, Child   string
	Columns       []string
	Parent        string
	ParentColumns []string
	Whole         bool // the child is partitioned
	ParentWhole   bool // so is the parent
}

// checkKeys looks for rows that point at nothing, in both directions: what was written must find its parents, and
// nobody may point at what was taken away. It looks up only the keys that were changed.
func (w writer) checkKeys(ctx context.Context, tables []TableChanges) error {
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = t.Table
	}
	child, parent := keepsake.TableNameSQL("cn.nspname", "c.relname"), keepsake.TableNameSQL("pn.nspname", "p.relname")
	rows, err := w.tx.Query(ctx, `
		select k.conname, `+child+`,
		       array(select a.attname::text from unnest(k.conkey) with ordinality u(num, i) join pg_attribute a
			on a.attrelid = k.conrelid and a.attnum = u.num order by u.i),
		       `+parent+`,
		       array(select a.attname::text from unnest(k.confkey) with ordinality u(num, i) join pg_attribute a
			on a.attrelid = k.confrelid and a.attnum = u.num order by u.i), c.relkind = 'p', p.relkind = 'p'
		from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace cn on cn.oid = c.relnamespace
		join pg_class p on p.oid = k.confrelid join pg_namespace pn on pn.oid = p.relnamespace
		where k.contype = 'f' and k.conparentid = 0
		  and (`+child+` = any($1) or `+parent+` = any($1)) order by 1, 2`, names)
	if err != nil {
		return err
	}
	keys, err := pgx.CollectRows(rows, pgx.RowToStructByPos[reference])
	if err != nil {
		return err
	}
	for _, k := range keys {
		for i := range tables {
			t := &tables[i]
			if t.Table == k.Child {
				err = w.orphans(ctx, k, t, k.Columns, after)
			}
			if err == nil && t.Table == k.Parent {
				err = w.orphans(ctx, k, t, k.ParentColumns, before)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// orphans fails when a row of the key's child that holds one of the changed values has no parent. The parents of what
// was written are locked as PostgreSQL's own check would lock them, so that none goes away before the commit.
func (w writer) orphans(ctx context.Context, k reference, t *TableChanges, names []string,
	side func(Change) []*string) error {
	for _, name := range names {
		if !slices.ContainsFunc(t.Columns, func(c repository.Column) bool { return c.Name == name }) {
			return nil // a column that was not touched
		}
	}
	seen := map[string]bool{}
	var rows []Change
	for _, c := range t.Changes {
		if c.Refused != "" || side(c) == nil {
			continue
		}
		key := joined(pick(t, side(c), names))
		if key != "" && !seen[key] {
			seen[key] = true
			rows = append(rows, c)
		}
	}
	child := (&shape{table: k.Child, partitioned: k.Whole}).rows()
	parent := (&shape{table: k.Parent, partitioned: k.ParentWhole}).rows()
	for batch := range slices.Chunk(rows, 1000) {
		from, args := values(t, columns(names, side), batch)
		if t.Table == k.Child {
			if _, err := w.tx.Exec(ctx, fmt.Sprintf("select from %s v join %s p on %s for key share of p", from, parent,
				same("p", k.ParentColumns, "v", names)), args...); err != nil {
				return err
			}
		}
		var n int64
		err := w.tx.QueryRow(ctx, fmt.Sprintf(
			"select count(*) from %s v join %s c on %s where not exists (select from %s p where %s)", from,
			child, same("c", k.Columns, "v", names), parent, same("p", k.ParentColumns, "v", names)), args...).Scan(&n)
		if err != nil {
			return err
		}
		if n > 0 {
			return keepsake.Errorf(keepsake.CodeConflict,
				"%d rows of %s would point at rows of %s that are not there (%s), so nothing was changed: "+
					"make a new preview; rows that others came to depend on cannot be taken away", n, k.Child, k.Parent, k.Name)
		}
	}
	return nil
}
