package scope

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// numbering is a sequence that gives a column of the live database its values: as its identity, because the column
// owns it, or in the column's default.
type numbering struct {
	Table, Column string
	Schema, Name  string // of the sequence
	Increment     int64
	Min, Max      int64
	May           bool // the role may read and move it
}

func (n numbering) full() string  { return keepsake.TableName(n.Schema, n.Name) }
func (n numbering) quote() string { return quote(n.Schema, n.Name) }

// numberings returns the sequences of the tables' columns. Partitions may have some of their own.
func numberings(ctx context.Context, tx pgx.Tx, tables []TableChanges) ([]numbering, error) {
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = t.Table
	}
	rows, err := tx.Query(ctx, `
		with top as (
			select `+platform.FullNameSQL+` as name, c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
			where c.relkind in ('r', 'p') and `+platform.FullNameSQL+` = any($1)
		), part as (
			select name, oid from top
			union select top.name, p.relid from top, pg_partition_tree(top.oid) p
		), filled as (
			select p.name, p.oid, d.refobjsubid as number, d.objid as sequence from part p
			join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = p.oid and d.refobjsubid > 0
				and d.classid = 'pg_class'::regclass and d.deptype in ('a', 'i')
			union
			select p.name, p.oid, a.adnum, d.refobjid from part p join pg_attrdef a on a.adrelid = p.oid
			join pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = a.oid
				and d.refclassid = 'pg_class'::regclass
		)
		select distinct f.name, a.attname, n.nspname, s.relname, q.seqincrement, q.seqmin, q.seqmax,
			has_schema_privilege(n.oid, 'usage') and has_table_privilege(s.oid, 'select')
				and has_table_privilege(s.oid, 'update')
		from filled f join pg_attribute a on a.attrelid = f.oid and a.attnum = f.number
		join pg_class s on s.oid = f.sequence join pg_sequence q on q.seqrelid = s.oid
		join pg_namespace n on n.oid = s.relnamespace order by 1, 2, 3, 4`, names)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[numbering])
}

// furthest is the number furthest on in the sequence's direction that a change of the column writes, among those that
// the sequence can give. What is no whole number did not come from it.
func (n numbering) furthest(t *TableChanges) (value int64, found bool) {
	for i, c := range t.Columns {
		if c.Name != n.Column {
			continue
		}
		for _, ch := range t.Changes {
			if ch.Refused != "" || ch.After == nil || ch.After[i] == nil {
				continue
			}
			v, err := strconv.ParseInt(*ch.After[i], 10, 64)
			if err == nil && v >= n.Min && v <= n.Max && (!found || n.before(value, v)) {
				value, found = v, true
			}
		}
	}
	return value, found
}

// before reports whether the sequence gives a before b.
func (n numbering) before(a, b int64) bool {
	return n.Increment > 0 && a < b || n.Increment < 0 && a > b
}

// behind returns how many numbers must be taken out of the sequence until the next one is past value, and the last of
// them, which is not past value itself: so no sequence runs out or begins anew by that. 0: it is past value already.
func (n numbering) behind(ctx context.Context, tx pgx.Tx, value int64) (steps uint64, last int64, err error) {
	var next int64
	var called bool
	err = tx.QueryRow(ctx, "select last_value, is_called from "+n.quote()).Scan(&next, &called)
	if err != nil {
		return 0, 0, fmt.Errorf("ask the sequence %s: %w", n.full(), err)
	}
	if called {
		if !n.before(next, value) {
			return 0, 0, nil
		}
		next += n.Increment
	}
	if n.before(value, next) {
		return 0, 0, nil
	}
	distance, each := uint64(value)-uint64(next), uint64(n.Increment)
	if n.Increment < 0 {
		distance, each = -distance, -each
	}
	steps = distance/each + 1
	return steps, next + int64(steps-1)*n.Increment, nil
}

// furthestOf are the sequences of the tables, each with the number furthest on that comes back, in the order of tables.
func furthestOf(list []numbering, tables []TableChanges) (order []numbering, furthest map[string]int64) {
	furthest = map[string]int64{}
	for i := range tables {
		for _, n := range list {
			if n.Table != tables[i].Table {
				continue
			}
			value, found := n.furthest(&tables[i])
			if !found {
				continue
			}
			before, known := furthest[n.quote()]
			if !known {
				order = append(order, n)
			}
			if !known || n.before(before, value) {
				furthest[n.quote()] = value
			}
		}
	}
	return order, furthest
}

// noteSequences says in a preview which sequences would be moved. Its notes do not belong to what a person confirms:
// other people's rows move sequences all the time.
func noteSequences(ctx context.Context, tx pgx.Tx, tables []TableChanges) error {
	list, err := numberings(ctx, tx, tables)
	if err != nil {
		return err
	}
	order, furthest := furthestOf(list, tables)
	for _, n := range order {
		value := furthest[n.quote()]
		note := fmt.Sprintf("the sequence %s is moved past %d, the last number that comes back", n.full(), value)
		if n.May {
			steps, _, err := n.behind(ctx, tx, value)
			if err != nil {
				return err
			}
			if steps == 0 {
				continue
			}
		} else {
			note = fmt.Sprintf("the role may not move the sequence %s: if it stands before %d, the last number that comes "+
				"back, it gives out numbers that are taken; grant select, update on it to the role", n.full(), value)
		}
		for i := range tables {
			if tables[i].Table == n.Table {
				tables[i].Notes = append(tables[i].Notes, note)
			}
		}
	}
	return nil
}

// mostSteps is how many numbers are taken out of a sequence one after the other. Beyond that its value is set: nobody
// else takes so many between two statements.
const mostSteps = 10_000

// moveSequences moves sequences past the numbers that were written, and never back: taking numbers out of a sequence
// cannot take it back, whoever else does so meanwhile. Sequences know no transaction: where the restore ends here after
// all, numbers are left out.
func (w writer) moveSequences(ctx context.Context, tables []TableChanges) error {
	list, err := numberings(ctx, w.tx, tables)
	if err != nil {
		return err
	}
	order, furthest := furthestOf(list, tables)
	for _, n := range order {
		if !n.May { // the preview said so
			continue
		}
		steps, last, err := n.behind(ctx, w.tx, furthest[n.quote()])
		switch {
		case err != nil:
			return err
		case steps == 0:
		case steps > mostSteps:
			_, err = w.tx.Exec(ctx, "select pg_catalog.setval($1::text::regclass, $2::bigint)", n.quote(), last)
		default:
			_, err = w.tx.Exec(ctx,
				"select max(pg_catalog.nextval($1::text::regclass)) from generate_series(1, $2::bigint)", n.quote(), int64(steps))
		}
		if err != nil {
			return fmt.Errorf("move the sequence %s: %w", n.full(), err)
		}
	}
	return nil
}
