package platform

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// readForeignKeys reads the references between tables, and the primary keys. An inheritance child has the columns of
// its parents and none of their foreign keys, but its rows belong to the same weddings.
func (c *Catalog) readForeignKeys(ctx context.Context, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, `
		with recursive top as (
			select c.oid, coalesce(pg_partition_root(c.oid), c.oid) as root from pg_class c where c.relkind in ('r', 'p')
		), name as (
			select t.oid, `+FullNameSQL+` as full
			from top t join pg_class c on c.oid = t.root join pg_namespace n on n.oid = c.relnamespace
		), heir(oid, ancestor) as (
			select i.inhrelid, i.inhparent from pg_inherits i join pg_class c on c.oid = i.inhrelid
			where c.relkind = 'r' and not c.relispartition
			union select h.oid, i.inhparent from heir h join pg_inherits i on i.inhrelid = h.ancestor
		), holder(oid, key, inherited) as (
			select conrelid, oid, false from pg_constraint where contype = 'f'
			union all select h.oid, k.oid, true from heir h join pg_constraint k on k.conrelid = h.ancestor and k.contype = 'f'
		)
		select child.full, array(select a.attname::text from unnest(k.conkey) with ordinality u(num, i)
		                                   join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.num order by u.i),
		       parent.full, array(select a.attname::text from unnest(k.confkey) with ordinality u(num, i)
		                           join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.num order by u.i),
		       bool_and(holder.inherited), coalesce((to_jsonb(k) ->> 'conperiod')::bool, false)
		from holder join pg_constraint k on k.oid = holder.key join name child on child.oid = holder.oid
			join name parent on parent.oid = k.confrelid
		group by 1, 2, 3, 4, 6 order by 1, 2, 3`)
	if err != nil {
		return err
	}
	if c.ForeignKey, err = pgx.CollectRows(rows, pgx.RowToStructByPos[repository.ForeignKey]); err != nil {
		return err
	}
	rows, err = conn.Query(ctx, `
		select `+FullNameSQL+`, array(select a.attname::text from unnest(i.indkey::int2[]) with ordinality u(num, i)
		       join pg_attribute a on a.attrelid = c.oid and a.attnum = u.num
		       where u.i <= i.indnkeyatts order by u.i)
		from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
		where i.indisprimary and `+userSchema)
	if err != nil {
		return err
	}
	var table string
	var columns []string
	_, err = pgx.ForEachRow(rows, []any{&table, &columns}, func() error {
		c.Keys[table] = slices.Clone(columns)
		return nil
	})
	return err
}

// FilterKeys returns, for every table by its topmost name, the lists of columns by which a scoped restore looks rows
// up. These are the foreign keys that lead to the root of a scope, the root's own key, and the referenced key of
// tables that the scope's rows point at without belonging to it, such as a supplier that several weddings share.
// Cost: O(roots · foreign keys).
func (c *Catalog) FilterKeys(m keepsake.DataMap) map[string][][]string {
	keys := map[string][][]string{}
	add := func(table string, columns []string) {
		for _, have := range keys[table] {
			if slices.Equal(have, columns) {
				return
			}
		}
		keys[table] = append(keys[table], columns)
	}
	references := References(c.ForeignKey, m)
	for _, root := range []string{m.Wedding.Table, m.Organization.Table} {
		root = keepsake.QualifiedName(root)
		leads := leadingTo(root, references)
		if pk := c.Keys[root]; len(pk) > 0 && leads[root] {
			add(root, pk)
		}
		for _, fk := range references {
			switch {
			case leads[fk.Child] && leads[fk.Parent]:
				add(fk.Child, fk.Columns)
			case leads[fk.Child]:
				add(fk.Parent, fk.ParentColumns)
			}
		}
	}
	for _, lists := range keys {
		slices.SortFunc(lists, func(a, b []string) int {
			return strings.Compare(strings.Join(a, "\x00"),
				strings.Join(b, "\x00"))
		})
	}
	return keys
}

// References returns the declared foreign keys and those that only the data map knows.
func References(declared []repository.ForeignKey, m keepsake.DataMap) []repository.ForeignKey {
	all := slices.Clone(declared)
	for _, k := range m.ForeignKeys {
		all = append(all, repository.ForeignKey{
			Child:         keepsake.QualifiedName(k.Table),
			Columns:       k.Columns,
			Parent:        keepsake.QualifiedName(k.References),
			ParentColumns: k.ReferencedColumns,
		})
	}
	return all
}

// leadingTo returns root and every table from which a path of references reaches it.
func leadingTo(root string, references []repository.ForeignKey) map[string]bool {
	children := map[string][]string{}
	for _, fk := range references {
		children[fk.Parent] = append(children[fk.Parent], fk.Child)
	}
	leads := map[string]bool{root: true}
	for queue := []string{root}; len(queue) > 0; queue = queue[1:] {
		for _, child := range children[queue[0]] {
			if !leads[child] {
				leads[child] = true
				queue = append(queue, child)
			}
		}
	}
	return leads
}
