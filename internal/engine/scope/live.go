package scope

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// A preview has at most so many rows, and so many bytes of values: it is kept in memory, and as an undo object.
const (
	maxChanges     = 200_000
	maxChangeBytes = 96 << 20
)

// live compares the rows of a scope with the live database, inside one transaction and in temporary tables: ks_p_N
// holds what the recovery point has of table N, ks_l_N what the database has now, with each row's place. Both carry
// ks_away, which marks rows that belong to another scope too: they are brought back where missing, and never changed or
// deleted.
type live struct {
	tx     pgx.Tx
	plan   *Plan
	tables []*liveTable // owned, then shared
	byName map[string]*liveTable
	shapes map[string]*shape // of these and of what they reference, as far as the live database has them
	staged map[string]*shape // how values are equal in tables that it has not

	inexact  bool   // some rows of the point may be another scope's
	encoding string // of rows in text
	stream   func(context.Context, *repository.Table) io.ReadCloser
	size     int // of the values of the changes found, in bytes
}

// liveTable is a table that can be compared.
type liveTable struct {
	*Table
	n       int
	shape   *shape              // nil: the live database does not have the table
	columns []repository.Column // of the point and of the live table, same type
	extra   []string            // of the live table alone
	notes   []string
	refused string      // why no row of it is restored
	gone    bool        // the live database does not have the table
	keyed   []string    // columns by which its rows are told apart or refer to others, or others to them
	unread  []unreadRow // rows of the point, by ks_unread
	lost    []unreadRow // those that are in no temporary table either
}

func quote(names ...string) string { return pgx.Identifier(names).Sanitize() }

// quoted is a table's full name as a statement writes it.
func quoted(table string) string {
	schema, name := keepsake.SplitTableName(table)
	return quote(schema, name)
}

// list quotes column names after a prefix such as "p.".
func list(prefix string, names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = prefix + quote(n)
	}
	return strings.Join(out, ", ")
}

func (t *liveTable) names() []string {
	out := make([]string, len(t.columns))
	for i, c := range t.columns {
		out[i] = c.Name
	}
	return out
}

func (t *liveTable) full() string {
	return quoted(t.Name)
}

func (t *liveTable) point() string { return fmt.Sprintf("pg_temp.ks_p_%d", t.n) }
func (t *liveTable) now() string   { return fmt.Sprintf("pg_temp.ks_l_%d", t.n) }

// on is the condition that two rows have the same key.
func (t *liveTable) on(a, b string) string { return t.shape.same(a, b, t.Key) }

func notNull(a string, columns []string) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = a + "." + quote(c) + " is not null"
	}
	return strings.Join(parts, " and ")
}

// newLive prepares the temporary tables. rows may hold nothing of a table.
func newLive(ctx context.Context, tx pgx.Tx, p *Plan, rows *Rows, encoding string) (*live, error) {
	l := &live{tx: tx, plan: p, byName: map[string]*liveTable{}, inexact: rows.inexact, encoding: encoding,
		stream: rows.stream}
	for _, s := range []string{"set local search_path = pg_catalog",
		"set local client_min_messages = warning", "set local jit = off"} {
		if _, err := tx.Exec(ctx, s); err != nil {
			return nil, err
		}
	}
	for _, t := range append(p.Of(Owned), p.Of(Shared)...) {
		if t.Belongs == Shared && rows.Count(t.Name) == 0 && len(rows.candidates(t.Name)) == 0 {
			continue
		}
		lt := &liveTable{Table: t, n: len(l.tables)}
		l.tables, l.byName[t.Name] = append(l.tables, lt), lt
	}
	if err := l.readShapes(ctx); err != nil {
		return nil, fmt.Errorf("look at the tables: %w", err)
	}
	if err := l.compareColumns(ctx); err != nil {
		return nil, fmt.Errorf("compare the tables' columns: %w", err)
	}
	for _, e := range slices.Concat(p.Owning, p.Points) {
		if t := l.byName[e.Child]; t != nil {
			t.keyed = append(t.keyed, e.Columns...)
		}
		if t := l.byName[e.Parent]; t != nil {
			t.keyed = append(t.keyed, e.ParentColumns...)
		}
	}
	for _, t := range l.tables {
		t.keyed = append(t.keyed, t.Key...)
		if why := rows.unfollowed[t.Name]; why != "" {
			t.notes = append(t.notes, why)
		}
		if err := l.stage(ctx, t, rows.candidates(t.Name)); err != nil {
			return nil, fmt.Errorf("bring the rows of %s to the database: %w", t.Name, err)
		}
	}
	return l, nil
}

func (l *live) readShapes(ctx context.Context) (err error) {
	var names []string
	for _, t := range l.tables {
		names = append(names, t.Name)
	}
	for _, e := range slices.Concat(l.plan.Owning, l.plan.Points) {
		names = append(names, e.Parent)
	}
	if l.shapes, err = shapesOf(ctx, l.tx, names); err != nil {
		return err
	}
	for _, t := range l.tables {
		t.shape = l.shapes[t.Name]
	}
	return nil
}

// compareColumns notes what has changed in the tables' definitions since the recovery point.
func (l *live) compareColumns(ctx context.Context) error {
	names := make([]string, len(l.tables))
	for i, t := range l.tables {
		names[i] = t.Name
	}
	rows, err := l.tx.Query(ctx, `
		select `+platform.FullNameSQL+`, a.attname, format_type(a.atttypid, a.atttypmod), a.attgenerated::text,
		       a.attnotnull and not a.atthasdef and a.attidentity = ''
		from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
		where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p') and `+platform.FullNameSQL+` = any($1)
		order by 1, a.attnum`, names)
	if err != nil {
		return err
	}
	type column struct {
		typ       string
		generated string
		required  bool
	}
	now := map[string]map[string]column{}
	order := map[string][]string{}
	var table, name string
	var c column
	_, err = pgx.ForEachRow(rows, []any{&table, &name, &c.typ, &c.generated, &c.required}, func() error {
		if now[table] == nil {
			now[table] = map[string]column{}
		}
		now[table][name] = c
		order[table] = append(order[table], name)
		return nil
	})
	if err != nil {
		return err
	}
	for _, t := range l.tables {
		have := now[t.Name]
		if have == nil {
			t.gone, t.refused = true, "the table is not there any more: restore the recovery point into a database of its own "+
				"to see its rows"
			continue
		}
		for _, col := range t.Columns {
			live, there := have[col.Name]
			switch {
			case !there:
				t.refused = fmt.Sprintf("the column %s was dropped since: what it held would be lost", col.Name)
			case live.typ != col.Type:
				t.refused = fmt.Sprintf("the column %s was %s then and is %s now", col.Name, col.Type, live.typ)
			case live.generated != "":
				t.notes = append(t.notes, fmt.Sprintf("the column %s is computed by the database now and is not restored",
					col.Name))
			default:
				t.columns = append(t.columns, col)
			}
		}
		for _, name := range order[t.Name] {
			if slices.ContainsFunc(t.Columns, func(c repository.Column) bool { return c.Name == name }) ||
				have[name].generated != "" {
				continue
			}
			t.extra = append(t.extra, name)
			if have[name].required {
				t.refused = fmt.Sprintf("the column %s was added since and must have a value, which the recovery point "+
					"does not know", name)
			} else {
				t.notes = append(t.notes, fmt.Sprintf("the column %s was added since: rows that are brought back get its default",
					name))
			}
		}
		if len(t.Key) == 0 {
			t.refused = "the table has no primary key, so its rows cannot be told apart"
		}
	}
	return nil
}

// usable are the owned tables that the live database has.
func (l *live) usable(name string) *liveTable {
	t := l.byName[name]
	if t == nil || t.gone || !t.has(t.Key) {
		return nil
	}
	return t
}

// has reports whether the columns exist then and now.
func (t *liveTable) has(columns []string) bool {
	for _, c := range columns {
		if !slices.ContainsFunc(t.columns, func(x repository.Column) bool { return x.Name == c }) {
			return false
		}
	}
	return true
}

// collect finds the scope's live rows: the root row, then whatever leads to rows found, until nothing new is. The
// number of statements depends on references and their longest chain, never on rows; each uses the index of its foreign
// key.
func (l *live) collect(ctx context.Context, id string) error {
	if l.plan.Wide {
		return nil
	}
	if l.inexact {
		if err := l.prune(ctx, id); err != nil {
			return fmt.Errorf("choose the recovery point's rows: %w", err)
		}
	}
	root := l.usable(l.plan.Root)
	if root == nil {
		return keepsake.Errorf(keepsake.CodeUnsupported,
			"the live database has no table %s that could be compared", l.plan.Root)
	}
	_, err := l.tx.Exec(ctx,
		fmt.Sprintf("insert into %s select t.tableoid, t.ctid, false, %s from %s t where %s",
			root.now(), list("t.", root.names()), root.shape.rows(), l.isRoot(root, "t")),
		pgx.QueryExecModeDescribeExec, id)
	if err != nil {
		return err
	}
	for {
		var found int64
		for _, e := range l.plan.Owning {
			child, parent := l.usable(e.Child), l.usable(e.Parent)
			if child == nil || parent == nil || !child.has(e.Columns) || !parent.has(e.ParentColumns) {
				continue
			}
			n, err := l.follow(ctx, e, child, parent)
			if err != nil {
				return fmt.Errorf("follow %s: %w", e.text(), err)
			}
			found += n
		}
		if found == 0 {
			break
		}
	}
	for _, side := range []func(*liveTable) string{(*liveTable).now, (*liveTable).point} {
		if err := l.markAway(ctx, side); err != nil {
			return err
		}
	}
	return nil
}

func (l *live) follow(ctx context.Context, e Edge, child, parent *liveTable) (int64, error) {
	// The array makes the planner use the foreign key's index, whatever it believes of the temporary table's size.
	referring, operator := l.referring(e, 0, "t")
	keys := fmt.Sprintf("(select distinct p.%s from %s p where p.%[1]s is not null)", quote(e.ParentColumns[0]),
		parent.now())
	if !parent.shape.of(e.ParentColumns[0]).array { // of which an array would be one of their elements
		keys = "(array" + keys + ")"
	}
	condition := referring + " " + operator + " any " + keys
	if len(e.Columns) > 1 {
		condition += fmt.Sprintf(" and exists (select from %s p where %s)", parent.now(), l.leads(e, "t", "p"))
	}
	tag,
		err := l.tx.Exec(ctx, fmt.Sprintf(`insert into %[1]s select t.tableoid, t.ctid, false, %[2]s from %[3]s t where %[4]s
		and not exists (select from %[1]s x where x.ks_ctid = t.ctid and x.ks_tableoid = t.tableoid)`, child.now(),
		list("t.", child.names()), child.shape.rows(), condition))
	return tag.RowsAffected(), err
}

// markAway marks rows with a reference that leads out of the scope's rows, and rows that point at such rows.
func (l *live) markAway(ctx context.Context, side func(*liveTable) string) error {
	for {
		var marked int64
		for _, e := range l.plan.Owning {
			child, parent := l.usable(e.Child), l.usable(e.Parent)
			if child == nil || parent == nil || !child.has(e.Columns) || !parent.has(e.ParentColumns) {
				continue
			}
			tag,
				err := l.tx.Exec(ctx, fmt.Sprintf(`update %s c set ks_away = true where not c.ks_away and %s and not exists (select
					from %s p where %s and not p.ks_away)`,
				side(child), notNull("c", e.Columns), side(parent), l.leads(e, "c", "p")))
			if err != nil {
				return err
			}
			marked += tag.RowsAffected()
		}
		if marked == 0 {
			return nil
		}
	}
}
