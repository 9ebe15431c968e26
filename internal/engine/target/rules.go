package target

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Rule is a rule about rows that was taken away so that rows which break it could come in: of a table or of a domain.
// Its fields are statements.
type Rule struct {
	Kind, Object string
	drop         string
	add          string // without looking at the rows, where it can be made so
	validate     string // looks at the rows; empty: add does
	means        string
}

func checkOf(subject, object, name, definition string) Rule {
	name = pgx.Identifier{name}.Sanitize()
	return Rule{
		Kind:     "check constraint",
		Object:   object,
		drop:     "ALTER " + subject + " DROP CONSTRAINT " + name,
		add:      "ALTER " + subject + " ADD CONSTRAINT " + name + " " + definition + " NOT VALID",
		validate: "ALTER " + subject + " VALIDATE CONSTRAINT " + name,
		means: "Every row is there, and some break it. It holds for new rows only (NOT VALID). Look for the rows that " +
			"break it, then run ALTER " + subject + " VALIDATE CONSTRAINT " + name + ".",
	}
}

func notNullOf(subject, object string) Rule {
	return Rule{
		Kind:   "not-null constraint",
		Object: object,
		drop:   "ALTER " + subject + " DROP NOT NULL",
		add:    "ALTER " + subject + " SET NOT NULL",
		means: "Every row is there, and some have no value. The database takes more of them. Give them one, then run " +
			"the statement.",
	}
}

// domainsOf are the domains that a type is made of, in an order in which each is before those that it is of.
const domainsOf = `
	with recursive inside(oid, depth) as (
		select t.oid, 0 from pg_type t where t.oid = any($1::oid[])
		union
		select x.oid, i.depth + 1 from inside i join pg_type t on t.oid = i.oid cross join lateral (
			values (t.typelem), (t.typbasetype)
			union all select r.rngsubtype from pg_range r where r.rngtypid = t.oid or r.rngmultitypid = t.oid
			union all select a.atttypid from pg_attribute a
			where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
		) x(oid) where x.oid <> 0 and i.depth < 50
	), domain as (
		select t.oid, quote_ident(n.nspname) || '.' || quote_ident(t.typname) as name, t.typnotnull, min(i.depth) as depth
		from inside i join pg_type t on t.oid = i.oid join pg_namespace n on n.oid = t.typnamespace
		where t.typtype = 'd' group by 1, 2, 3
	)`

// Lift takes away the rules of a new table that keep rows out, by what the server said of the rows: the one that it
// names, or all checks where a function of one failed. It returns none where no rule is the cause. What a partition has
// of its parent is taken from the parent.
func (l *Loader) Lift(ctx context.Context, t *repository.Table, refused error) ([]Rule, error) {
	var pg *pgconn.PgError
	if !errors.As(refused, &pg) {
		return nil, nil
	}
	var rules []Rule
	var err error
	switch {
	case pg.Code == pgerrcode.CheckViolation && pg.DataTypeName != "":
		rules, err = l.domainChecks(ctx, t, pg.ConstraintName)
	case pg.Code == pgerrcode.CheckViolation && pg.ConstraintName != "":
		rules, err = l.tableChecks(ctx, t, pg.ConstraintName)
	case pg.Code == pgerrcode.NotNullViolation && pg.DataTypeName != "":
		rules, err = l.domainNotNulls(ctx, t)
	case pg.Code == pgerrcode.NotNullViolation && pg.ColumnName != "":
		rules, err = l.columnNotNull(ctx, t, pg.ColumnName)
	case strings.Contains(pg.Where, "function "):
		if rules, err = l.tableChecks(ctx, t, ""); err == nil {
			var more []Rule
			more, err = l.domainChecks(ctx, t, "")
			rules = append(rules, more...)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("look for the rules of %s: %w", keepsake.TableName(t.Schema, t.Name.Name), err)
	}
	for i, r := range rules {
		if _, err := l.conn.Exec(ctx, r.drop); err != nil {
			if AboutServer(ctx, err) {
				return nil, err
			}
			return rules[:i], nil // the rule stays, and with it what the server said of the rows
		}
	}
	return rules, nil
}

// ancestors are a table and all that it inherits from.
const ancestors = `
	with recursive up(oid, depth) as (
		select $1::text::regclass::oid, 0 union all select i.inhparent, up.depth + 1 from up
			join pg_inherits i on i.inhrelid = up.oid
	), level as (
		select u.oid, min(u.depth) as depth, quote_ident(n.nspname) || '.' || quote_ident(c.relname) as name
		from up u join pg_class c on c.oid = u.oid join pg_namespace n on n.oid = c.relnamespace group by 1, 3
	)`

// tableChecks are the checks of a table of that name, or all; those of the parents come first, because the child's goes
// with them.
func (l *Loader) tableChecks(ctx context.Context, t *repository.Table, name string) ([]Rule, error) {
	rows, err := l.conn.Query(ctx, ancestors+`
		select level.name, k.conname, pg_get_constraintdef(k.oid), k.coninhcount > 0
		from level join pg_constraint k on k.conrelid = level.oid
		where k.contype = 'c' and k.conislocal and ($2 = '' or k.conname = $2) order by level.depth desc, 2`,
		tableName(t), name)
	if err != nil {
		return nil, err
	}
	var rules []Rule
	var table, constraint, definition string
	var inherited bool
	_, err = pgx.ForEachRow(rows, []any{&table, &constraint, &definition, &inherited}, func() error {
		if inherited { // it goes and comes with the parent's
			return nil
		}
		rules = append(rules, checkOf("TABLE "+table, table+" "+constraint, constraint,
			strings.TrimSuffix(definition, " NOT VALID")))
		return nil
	})
	return rules, err
}

func (l *Loader) types(ctx context.Context, t *repository.Table) ([]int64, error) {
	rows, err := l.conn.Query(ctx, `select distinct atttypid::int8 from pg_attribute where attrelid = $1::text::regclass
		and attnum > 0 and not attisdropped`, tableName(t))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int64])
}

// domainChecks are those of the domains that a table's columns are made of, of that name, or all.
func (l *Loader) domainChecks(ctx context.Context, t *repository.Table, name string) ([]Rule, error) {
	types, err := l.types(ctx, t)
	if err != nil {
		return nil, err
	}
	rows, err := l.conn.Query(ctx, domainsOf+`
		select d.name, k.conname, pg_get_constraintdef(k.oid) from domain d join pg_constraint k on k.contypid = d.oid
		where k.contype = 'c' and ($2 = '' or k.conname = $2) order by d.depth, 1, 2`, types, name)
	if err != nil {
		return nil, err
	}
	var rules []Rule
	var domain, constraint, definition string
	_, err = pgx.ForEachRow(rows, []any{&domain, &constraint, &definition}, func() error {
		rules = append(rules, checkOf("DOMAIN "+domain, domain+" "+constraint, constraint,
			strings.TrimSuffix(definition, " NOT VALID")))
		return nil
	})
	return rules, err
}

func (l *Loader) domainNotNulls(ctx context.Context, t *repository.Table) ([]Rule, error) {
	types, err := l.types(ctx, t)
	if err != nil {
		return nil, err
	}
	rows, err := l.conn.Query(ctx, domainsOf+" select name from domain where typnotnull order by depth, 1", types)
	if err != nil {
		return nil, err
	}
	domains, err := pgx.CollectRows(rows, pgx.RowTo[string])
	var rules []Rule
	for _, d := range domains {
		rules = append(rules, notNullOf("DOMAIN "+d, d))
	}
	return rules, err
}

// columnNotNull is the rule that a column has a value, of the topmost table that has it.
func (l *Loader) columnNotNull(ctx context.Context, t *repository.Table, column string) ([]Rule, error) {
	rows, err := l.conn.Query(ctx, ancestors+`
		select level.name from level join pg_attribute a on a.attrelid = level.oid
		where a.attname = $2 and a.attnotnull order by level.depth desc`, tableName(t), column)
	if err != nil {
		return nil, err
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) == 0 {
		return nil, err
	}
	quoted := pgx.Identifier{column}.Sanitize()
	return []Rule{notNullOf("TABLE "+tables[0]+" ALTER COLUMN "+quoted, tables[0]+" "+column)}, nil
}

// PutBack makes rules that were lifted. Rows that break one leave it NOT VALID, or out where PostgreSQL has no such
// state, and it is returned.
func (t *Target) PutBack(ctx context.Context, rules []Rule) ([]keepsake.Exception, error) {
	var lost []keepsake.Exception
	for i := range rules {
		r := rules[len(rules)-1-i] // a child's before the parent's, which takes it for its own
		said := r.add
		err := t.find(ctx, said)
		if err == nil && r.validate != "" {
			said = r.validate
			err = t.find(ctx, said)
		}
		if err == nil {
			continue
		}
		if AboutServer(ctx, err) {
			return lost, fmt.Errorf("%s %s: %w", r.Kind, r.Object, err)
		}
		e := Failure{Kind: r.Kind, Object: r.Object, SQL: said, Err: err}.Exception()
		if said != r.add || r.validate == "" {
			e.Means = r.means
		}
		lost = append(lost, e)
	}
	return lost, nil
}
