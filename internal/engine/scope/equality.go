package scope

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// equality is how two values of a column are found to be equal.
type equality struct {
	operator  string // with its schema: nothing is looked for by search_path
	collation string // with its schema; "" where the type has none
	folds     bool   // by which different texts may be equal
	array     bool
}

// equals is the operator of the types that every database has.
const equals = "operator(pg_catalog.=)"

// equalitiesSQL reads the columns of tables, with the operator that their type's own order calls equal. A type without
// one of its own, such as an enum, has that of a type which every database has.
var equalitiesSQL = `
	with recursive of(oid, top) as (
		select distinct a.atttypid, a.atttypid from pg_attribute a join pg_class c on c.oid = a.attrelid
			join pg_namespace n on n.oid = c.relnamespace where ` + platform.FullNameSQL + ` = any($1) and a.attnum > 0
		union select t.typbasetype, of.top from of join pg_type t on t.oid = of.oid where t.typtype = 'd'
	)
	select ` + platform.FullNameSQL + `, a.attname,
		coalesce((select format('operator(%I.%s)', s.nspname, o.oprname)
			from of join pg_opclass k on k.opcintype = of.oid and k.opcdefault
			join pg_amop m on m.amopfamily = k.opcfamily and m.amoplefttype = k.opcintype and m.amoprighttype = k.opcintype
			join pg_am am on am.oid = k.opcmethod
				and (am.amname = 'btree' and m.amopstrategy = 3 or am.amname = 'hash' and m.amopstrategy = 1)
			join pg_operator o on o.oid = m.amopopr join pg_namespace s on s.oid = o.oprnamespace
			where of.top = a.atttypid order by am.amname limit 1), '` + equals + `'),
		coalesce((select format('%I.%I', s.nspname, l.collname) from pg_collation l
			join pg_namespace s on s.oid = l.collnamespace where l.oid = a.attcollation), ''),
		exists (select from pg_collation l where l.oid = a.attcollation and not l.collisdeterministic),
		exists (select from pg_type t where t.oid = a.atttypid and t.typcategory = 'A')
	from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
	where ` + platform.FullNameSQL + ` = any($1) and a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p')`

func readEqualities(ctx context.Context, tx pgx.Tx, names []string, shapes map[string]*shape) error {
	rows, err := tx.Query(ctx, equalitiesSQL, names)
	if err != nil {
		return err
	}
	var table, column string
	var e equality
	_, err = pgx.ForEachRow(rows, []any{&table, &column, &e.operator, &e.collation, &e.folds, &e.array}, func() error {
		if s := shapes[table]; s != nil {
			s.equal[column] = e
		}
		return nil
	})
	return err
}

// of is how values of a column are equal. s may be nil, which knows none.
func (s *shape) of(column string) equality {
	if s != nil {
		if e, known := s.equal[column]; known {
			return e
		}
	}
	return equality{operator: equals}
}

// same is the condition that rows under two names have equal values in columns of the table.
func (s *shape) same(a, b string, columns []string) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = a + "." + quote(c) + " " + s.of(c).operator + " " + b + "." + quote(c)
	}
	return strings.Join(parts, " and ")
}

// leads is the condition that a row under the name c refers to the one under the name p. PostgreSQL compares as the
// referred column does. Periods meet, and are seldom equal.
func (l *live) leads(e Edge, c, p string) string {
	parts := make([]string, len(e.Columns))
	for i := range e.Columns {
		referring, operator := l.referring(e, i, c)
		parts[i] = referring + " " + operator + " " + p + "." + quote(e.ParentColumns[i])
	}
	return strings.Join(parts, " and ")
}

func (l *live) referring(e Edge, i int, c string) (value, operator string) {
	own, to := l.equalIn(e.Child).of(e.Columns[i]), l.equalIn(e.Parent).of(e.ParentColumns[i])
	value = c + "." + quote(e.Columns[i])
	if own.collation != to.collation && to.collation != "" && own.collation != "" {
		value += " collate " + to.collation
	}
	switch {
	case e.Period && i == len(e.Columns)-1:
		return value, "operator(pg_catalog.&&)"
	case own.operator != to.operator: // one is cast to what every database has
		return value, equals
	}
	return value, to.operator
}

// equalIn knows how values of a table are equal: the live one, or the point's where that is not there any more.
func (l *live) equalIn(table string) *shape {
	if s := l.shapes[table]; s != nil {
		return s
	}
	return l.staged[table]
}

// prune leaves of the rows of the point those that lead to the root's row as the server compares keys. Who read them
// could not always tell.
func (l *live) prune(ctx context.Context, id string) error {
	if err := l.readStaged(ctx); err != nil {
		return err
	}
	for _, t := range l.tables {
		if _, err := l.tx.Exec(ctx, "alter table "+t.point()+" add ks_led boolean not null default false"); err != nil {
			return err
		}
	}
	root := l.byName[l.plan.Root]
	tag, err := l.tx.Exec(ctx, fmt.Sprintf("update %s t set ks_led = true where %s", root.point(), l.isRoot(root, "t")),
		pgx.QueryExecModeDescribeExec, id)
	if err != nil {
		return err
	}
	if tag.RowsAffected() == 0 {
		return keepsake.Errorf(keepsake.CodeNotFound, "%s has no row %s at the recovery point: nothing can be brought back "+
			"from there; try another one", l.plan.Root, id)
	}
	for again := true; again; {
		again = false
		for i, e := range slices.Concat(l.plan.Owning, l.plan.Points) {
			child, parent := l.byName[e.Child], l.byName[e.Parent]
			backwards := i >= len(l.plan.Owning)
			if child == nil || parent == nil || !child.stored(e.Columns) || !parent.stored(e.ParentColumns) ||
				backwards && parent.Belongs != Shared {
				continue
			}
			if !child.gone && !child.has(e.Columns) || !parent.gone && !parent.has(e.ParentColumns) {
				return keepsake.Errorf(keepsake.CodeUnsupported, "which rows belong here is told by columns that were changed "+
					"since (%s), and only today's platform could compare their values: restore the recovery point into a database "+
					"of its own instead", e.text())
			}
			found, from := child.point()+" c", parent.point()+" p"
			where := "not c.ks_led and exists (select from %s where p.ks_led"
			if backwards {
				found, from = from, found
				where = "not p.ks_led and exists (select from %s where c.ks_led"
			}
			tag, err := l.tx.Exec(ctx, fmt.Sprintf("update %s set ks_led = true where "+where+" and %s)", found, from,
				l.leads(e, "c", "p")))
			if err != nil {
				return fmt.Errorf("follow %s: %w", e.text(), err)
			}
			again = again || tag.RowsAffected() > 0
		}
	}
	for _, t := range l.tables {
		if _, err := l.tx.Exec(ctx, "delete from "+t.point()+" where not ks_led"); err != nil {
			return err
		}
	}
	return nil
}

// readStaged reads how values are equal in tables that the live database does not have, from where their rows lie.
func (l *live) readStaged(ctx context.Context) error {
	l.staged = map[string]*shape{}
	shapes, names := map[string]*shape{}, []string{}
	var schema string
	if err := l.tx.QueryRow(ctx, "select pg_my_temp_schema()::regnamespace::text").Scan(&schema); err != nil {
		return err
	}
	for _, t := range l.tables {
		if l.shapes[t.Name] == nil {
			name := keepsake.TableName(schema, strings.TrimPrefix(t.point(), "pg_temp."))
			l.staged[t.Name] = &shape{equal: map[string]equality{}}
			shapes[name], names = l.staged[t.Name], append(names, name)
		}
	}
	return readEqualities(ctx, l.tx, names, shapes)
}

// isRoot is the condition that a row is the root's whose key is the statement's parameter.
func (l *live) isRoot(root *liveTable, alias string) string {
	i := slices.IndexFunc(root.Columns, func(c repository.Column) bool { return c.Name == l.plan.RootKey })
	return fmt.Sprintf("%s.%s %s $1::%s", alias, quote(l.plan.RootKey), l.equalIn(root.Name).of(l.plan.RootKey).operator,
		root.Columns[i].Type)
}

// stored reports whether the recovery point holds the columns.
func (t *liveTable) stored(columns []string) bool {
	return !slices.ContainsFunc(columns, func(name string) bool {
		return !slices.ContainsFunc(t.Columns, func(c repository.Column) bool { return c.Name == name })
	})
}

// spellings are, by the text of a key as rows that refer to one have it, the other texts that equal keys of the rows
// referred to have. child and parent are the tables of either.
func (l *live) spellings(ctx context.Context, e Edge, child, parent string) (map[string][]string, error) {
	if !l.spelled(e) {
		return nil, nil
	}
	texts := func(alias string, columns []string) string {
		parts := make([]string, len(columns))
		for i, c := range columns {
			parts[i] = textOf(alias + "." + quote(c))
		}
		return "array[" + strings.Join(parts, ", ") + "]::text[]"
	}
	of, is := texts("c", e.Columns), texts("p", e.ParentColumns)
	rows, err := l.tx.Query(ctx, fmt.Sprintf("select distinct %s, %s from %s c join %s p on %s where %[1]s <> %[2]s",
		of, is, child, parent, l.leads(e, "c", "p")))
	if err != nil {
		return nil, err
	}
	out := map[string][]string{}
	var key, other []*string
	_, err = pgx.ForEachRow(rows, []any{&key, &other}, func() error {
		out[joined(key)] = append(out[joined(key)], joined(other))
		return nil
	})
	return out, err
}

// spelled reports whether equal values of the columns may have different texts.
func (l *live) spelled(e Edge) bool {
	plain := []string{"bigint", "integer", "smallint", "uuid", "text"}
	for i := range e.Columns {
		for _, side := range []struct{ table, column string }{{e.Child, e.Columns[i]}, {e.Parent, e.ParentColumns[i]}} {
			t := l.byName[side.table]
			if t == nil || !slices.ContainsFunc(t.Columns, func(c repository.Column) bool {
				return c.Name == side.column && (slices.Contains(plain, c.Type) ||
					strings.HasPrefix(c.Type, "character varying")) && !l.equalIn(t.Name).of(c.Name).folds
			}) {
				return true
			}
		}
	}
	return false
}

// spelledIn reports whether a set has a key, or another text of it.
func spelledIn(set map[string]bool, key string, spellings map[string][]string) bool {
	return set[key] || slices.ContainsFunc(spellings[key], func(other string) bool { return set[other] })
}

// spelledPoint are the spellings of each reference between the rows of the point.
func (l *live) spelledPoint(ctx context.Context, edges []Edge) ([]map[string][]string, error) {
	out := make([]map[string][]string, len(edges))
	for i, e := range edges {
		child, parent := l.usable(e.Child), l.usable(e.Parent)
		if child == nil || parent == nil || !child.has(e.Columns) || !parent.has(e.ParentColumns) {
			continue
		}
		var err error
		if out[i], err = l.spellings(ctx, e, child.point(), parent.point()); err != nil {
			return nil, fmt.Errorf("check %s: %w", e.text(), err)
		}
	}
	return out, nil
}
