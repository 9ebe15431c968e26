package scope

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// deferrable is a unique or exclusion constraint that PostgreSQL checks by a trigger when the statement or the
// transaction ends, and so not at all while triggers are silent.
type deferrable struct {
	Table, Name string
	Rows        string   // as a statement names them: those of the table, or of the partition that has the constraint
	Excludes    bool     // it is no unique constraint
	Values      []string // columns and expressions
	Operators   []string // two rows whose values all meet by these are in conflict
	Condition   string   // of rows that it speaks of; empty: all
	Nulls       bool     // a null conflicts with a null
}

func (w writer) deferrables(ctx context.Context, tables []TableChanges) ([]deferrable, error) {
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = t.Table
	}
	// to_jsonb reads a column that PostgreSQL has from version 15 on
	rows, err := w.tx.Query(ctx, `
		with top as (
			select `+platform.FullNameSQL+` as name, c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
			where c.relkind in ('r', 'p') and `+platform.FullNameSQL+` = any($1)
		), part as (
			select name, oid from top
			union select top.name, p.relid from top, pg_partition_tree(top.oid) p
		)
		select part.name, k.conname, case when c.relkind = 'p' then '' else 'only ' end || format('%I.%I', n.nspname,
			c.relname), k.contype = 'x',
			array(select pg_get_indexdef(i.indexrelid, at, false) from generate_series(1, i.indnkeyatts) at order by at),
			array(select format('operator(%I.%s)', o_n.nspname, o.oprname) from generate_series(1, i.indnkeyatts) at
				left join pg_opclass oc on oc.oid = i.indclass[at - 1]
				left join pg_amop m on m.amopfamily = oc.opcfamily and m.amoplefttype = oc.opcintype
					and m.amoprighttype = oc.opcintype and m.amopstrategy = 3 and k.contype <> 'x'
				join pg_operator o on o.oid = coalesce(k.conexclop[at], m.amopopr)
				join pg_namespace o_n on o_n.oid = o.oprnamespace order by at),
			coalesce(pg_get_expr(i.indpred, i.indrelid), ''),
			coalesce((to_jsonb(i)->>'indnullsnotdistinct')::boolean, false)
		from part join pg_constraint k on k.conrelid = part.oid join pg_index i on i.indexrelid = k.conindid
		join pg_class c on c.oid = part.oid join pg_namespace n on n.oid = c.relnamespace
		where k.contype in ('p', 'u', 'x') and k.condeferrable and k.conparentid = 0 order by 1, 2`, names)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[deferrable])
}

// conflicts returns the changes that wrote a row which conflicts with another one in a deferrable constraint.
func (w writer) conflicts(ctx context.Context, tables []TableChanges) (out []unfit, err error) {
	all, err := w.deferrables(ctx, tables)
	if err != nil {
		return nil, err
	}
	for _, d := range all {
		t := &tables[slices.IndexFunc(tables, func(t TableChanges) bool { return t.Table == d.Table })]
		found, err := w.conflictsOf(ctx, d, t)
		if err != nil {
			return nil, err
		}
		if len(found) > 0 {
			out = append(out, unfit{table: t, changes: found, words: d.words()})
		}
	}
	return out, nil
}

func (d deferrable) words() string {
	if d.Excludes {
		return fmt.Sprintf("it would meet another row in a way that the rule %s does not allow", d.Name)
	}
	return fmt.Sprintf("another row has the same %s, which must be unique (%s)", strings.Join(d.Values, ", "), d.Name)
}

func (w writer) conflictsOf(ctx context.Context, d deferrable, t *TableChanges) (found []int, err error) {
	var at []int
	var rows []Change
	for i, c := range t.Changes {
		if c.Refused == "" && c.After != nil {
			at, rows = append(at, i), append(rows, c)
		}
	}
	picked, meet := make([]string, len(d.Values)), make([]string, len(d.Values))
	for i, v := range d.Values {
		picked[i] = fmt.Sprintf("(%s) as ks_%d", v, i)
		meet[i] = fmt.Sprintf("a.ks_%d %s b.ks_%d", i, d.Operators[i], i)
		if d.Nulls {
			meet[i] = fmt.Sprintf("(%s or a.ks_%d is null and b.ks_%d is null)", meet[i], i, i)
		}
	}
	side := fmt.Sprintf("(select ctid as ks_ctid, tableoid as ks_table, %s, %s from %s", list("", t.Key),
		strings.Join(picked, ", "), d.Rows)
	if d.Condition != "" {
		side += " where " + d.Condition
	}
	side += ")"
	for first := 0; first < len(rows); first += 1000 {
		from, args := values(t, columns(t.Key, after), rows[first:min(first+1000, len(rows))])
		hits, err := w.tx.Query(ctx, fmt.Sprintf("select distinct v.ks_n from %s v join %s a on %s join %s b on %s and not "+
			"(a.ks_ctid operator(pg_catalog.=) b.ks_ctid and a.ks_table operator(pg_catalog.=) b.ks_table)", from, side,
			w.shapes[t.Table].same("a", "v", t.Key), side, strings.Join(meet, " and ")), args...)
		if err != nil {
			return nil, fmt.Errorf("look for conflicts in %s: %w", d.Name, err)
		}
		var n int64
		if _, err := pgx.ForEachRow(hits, []any{&n}, func() error {
			found = append(found, at[first+int(n)-1])
			return nil
		}); err != nil {
			return nil, fmt.Errorf("look for conflicts in %s: %w", d.Name, err)
		}
	}
	return found, nil
}

// checkDeferrables fails when rows are in conflict.
func (w writer) checkDeferrables(ctx context.Context, tables []TableChanges) error {
	found, err := w.conflicts(ctx, tables)
	if err != nil || len(found) == 0 {
		return err
	}
	return keepsake.Errorf(keepsake.CodeConflict,
		"A row of %s cannot be written, so nothing was changed: %s. Make a new preview.",
		found[0].table.Table, found[0].words)
}
