package scope

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Batch is how many rows one statement changes, unless the caller says otherwise.
const Batch = 100

// mostTries is how often a transaction is tried that the database asks to be tried again. firstPause and longestPause
// are between two tries, give or take a half: two that met should not meet again.
const (
	mostTries    = 5
	firstPause   = 50 * time.Millisecond
	longestPause = 200 * time.Millisecond
)

// errMoved says that the live rows are not those of the preview.
var errMoved = errors.New("the live rows have changed since the preview")

// Applied says what an apply did.
type Applied struct {
	Inserted int64 `json:"inserted"`
	Updated  int64 `json:"updated"`
	Deleted  int64 `json:"deleted"`
	Refused  int64 `json:"refused"`
}

// writer changes rows inside one transaction.
type writer struct {
	tx     pgx.Tx
	shapes map[string]*shape
	batch  int
	done   func(rows int64) // called after every batch
}

// silence keeps the platform's triggers from firing: no e-mail goes out because of a restore. It also switches foreign
// keys off, which is why checkKeys follows.
func silence(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, "set local session_replication_role = replica")
	if stateOf(err) == pgerrcode.InsufficientPrivilege {
		return keepsake.Errorf(keepsake.CodeForbidden,
			"the platform's role may not restore into the live database, because triggers could not be kept silent: "+
				"as a superuser, run GRANT SET ON PARAMETER session_replication_role TO the role (PostgreSQL 15 and newer), or "+
				"use a superuser's URL")
	}
	return err
}

func stateOf(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// step is the changes of one kind of one table.
type step struct {
	table  *TableChanges
	rows   []Change
	places []spot // of the rows that are there
	done   *int64
	exec   func(context.Context, *TableChanges, []Change, []spot) (int64, error)
}

// steps are the changes that are not refused: deletions first, so that a unique value is free before it is taken again,
// then updates, then insertions.
func (w writer) steps(tables []TableChanges, a *Applied) (out []step) {
	for op, s := range []step{{done: &a.Deleted, exec: w.remove}, {done: &a.Updated, exec: w.update},
		{done: &a.Inserted, exec: w.insert}} {
		for i := range tables {
			s.table, s.rows = &tables[i], nil
			for _, c := range tables[i].Changes {
				if c.Op == []Op{Delete, Update, Insert}[op] && c.Refused == "" {
					s.rows = append(s.rows, c)
				}
			}
			if len(s.rows) > 0 {
				out = append(out, s)
			}
		}
	}
	return out
}

// write finds and locks the rows, and then makes the changes that are not refused.
func (w writer) write(ctx context.Context, tables []TableChanges) (a Applied, err error) {
	steps := w.steps(tables, &a)
	for i, s := range steps {
		if s.rows[0].Before == nil {
			continue
		}
		if steps[i].places, err = w.hold(ctx, s.table, s.rows); err != nil {
			return a, explain(err, s.table.Table)
		}
	}
	if err := computeAs(ctx, w.tx, true); err != nil {
		return a, err
	}
	for _, s := range steps {
		for from := 0; from < len(s.rows); from += w.batch {
			to := min(from+w.batch, len(s.rows))
			var places []spot
			if s.places != nil {
				places = s.places[from:to]
			}
			n, err := s.exec(ctx, s.table, s.rows[from:to], places)
			if err != nil {
				return a, explain(err, s.table.Table)
			}
			if n != int64(to-from) {
				return a, fmt.Errorf("%s: %d of %d rows were found: %w", s.table.Table, n, to-from, errMoved)
			}
			*s.done += n
			w.done(n)
		}
	}
	for _, t := range tables {
		_, _, _, refused := t.Counts()
		a.Refused += refused
	}
	return a, computeAs(ctx, w.tx, false)
}

func explain(err error, table string) error {
	if stateOf(err) == pgerrcode.UniqueViolation {
		return keepsake.Errorf(keepsake.CodeConflict,
			"a row of %s would collide with another one, so nothing was changed: %w", table, err)
	}
	return fmt.Errorf("%s: %w", table, err)
}

// column is one column of a list of rows that a statement is given.
type column struct {
	name string // of the table
	as   string // in the statement
	text bool   // as text, not as the column's type
	side func(Change) []*string
}

func after(c Change) []*string  { return c.After }
func before(c Change) []*string { return c.Before }

// columns are the named columns of one side.
func columns(names []string, side func(Change) []*string) []column {
	out := make([]column, len(names))
	for i, n := range names {
		out[i] = column{name: n, as: n, side: side}
	}
	return out
}

// values is a subquery that returns rows, given as one document: any number of rows with one parameter. ks_n numbers
// them from 1. PostgreSQL reads the text of each value by its type's own input function, because a cast from text may
// be a function that somebody made. No function or operator in it is looked for by search_path, which may be the
// platform's own.
func values(t *TableChanges, columns []column, rows []Change) (string, []any) {
	return valuesAt(t, columns, rows, nil)
}

// valuesAt is values with the place of each row's live one, as ks_table and ks_ctid.
func valuesAt(t *TableChanges, columns []column, rows []Change, places []spot) (string, []any) {
	var types, names, picked []string
	give := func(typ, value, as string) {
		name := fmt.Sprintf("c%d", len(names)+1)
		names, types = append(names, name), append(types, name+" "+typ)
		picked = append(picked, "v."+name+value+" as "+as)
	}
	at := make([]int, len(columns))
	for i, c := range columns {
		at[i] = slices.IndexFunc(t.Columns, func(x repository.Column) bool { return x.Name == c.name })
		switch typ := t.Columns[at[i]].Type; {
		case c.text:
			give("pg_catalog.text", "", quote(c.as))
		case isArray(typ):
			give(typ, "", quote(c.as))
		default:
			give(typ+"[]", "[1]", quote(c.as))
		}
	}
	if places != nil {
		give("pg_catalog.oid", "", "ks_table")
		give("pg_catalog.tid", "", "ks_ctid")
	}
	var b strings.Builder
	b.WriteByte('[')
	for i, r := range rows {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"":null`)
		for j, c := range columns {
			value := c.side(r)[at[j]]
			if value == nil {
				continue
			}
			fmt.Fprintf(&b, `,"c%d":`, j+1)
			if c.text || isArray(t.Columns[at[j]].Type) {
				writeJSON(&b, *value)
			} else {
				writeJSON(&b, `{"`+inArray.Replace(*value)+`"}`)
			}
		}
		if places != nil {
			fmt.Fprintf(&b, `,"c%d":"%s","c%d":"%s"`, len(columns)+1, places[i].table, len(columns)+2, places[i].ctid)
		}
		b.WriteByte('}')
	}
	b.WriteByte(']')
	return fmt.Sprintf("(select %s, v.ks_n from rows from (pg_catalog.json_to_recordset($1) as (%s)) with ordinality v "+
			"(%s, ks_n))", strings.Join(picked, ", "), strings.Join(types, ", "), strings.Join(names, ", ")),
		[]any{pgx.QueryExecModeDescribeExec, b.String()}
}

// isArray reports whether a type, as format_type() prints it, is an array. Every other value travels as the only
// element of one, because a JSON string would stay a string where the type is json itself.
func isArray(typ string) bool { return strings.HasSuffix(typ, "[]") }

// inArray escapes an element of an array's text between double quotes.
var inArray = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// writeJSON writes a string of JSON and leaves every byte above the control characters as it is: a database of
// encoding SQL_ASCII may hold what is no UTF-8.
func writeJSON(b *strings.Builder, s string) {
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ':
			fmt.Fprintf(b, `\u%04x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
}

// unmoved adds what the live row must still be, and the condition that it is. A row that waited for the platform's lock
// is looked at again, as it is then.
func unmoved(t *TableChanges, list []column) ([]column, string) {
	var same []string
	for i, c := range t.Columns {
		as := fmt.Sprintf("ks_was_%d", i)
		list = append(list, column{name: c.Name, as: as, text: true, side: before})
		same = append(same, fmt.Sprintf("%s is not distinct from v.%s", textOf("t."+quote(c.Name)), as))
	}
	return list, strings.Join(same, " and ")
}

// spot is where a live row lies: its table or partition, and its tuple there.
type spot struct{ table, ctid string }

// hold locks the live rows that are to be changed and returns where they lie. It returns errMoved unless each is as the
// preview showed it.
func (w writer) hold(ctx context.Context, t *TableChanges, rows []Change) ([]spot, error) {
	places := make([]spot, 0, len(rows))
	for batch := range slices.Chunk(rows, w.batch) {
		all, condition := unmoved(t, columns(t.Key, before))
		from, args := values(t, all, batch)
		found, err := w.tx.Query(ctx, fmt.Sprintf("select v.ks_n, t.tableoid::oid::text, t.ctid::text from %s t join %s v "+
			"on %s and %s for update of t", w.shapes[t.Table].rows(), from, w.shapes[t.Table].same("t", "v", t.Key),
			condition), args...)
		if err != nil {
			return nil, err
		}
		held := make([]spot, len(batch))
		var n, count int64
		var p spot
		if _, err := pgx.ForEachRow(found, []any{&n, &p.table, &p.ctid}, func() error {
			held[n-1] = p
			count++
			return nil
		}); err != nil {
			return nil, err
		}
		if count != int64(len(batch)) {
			return nil, fmt.Errorf("%s: %d of %d rows were found: %w", t.Table, count, len(batch), errMoved)
		}
		places = append(places, held...)
	}
	return places, nil
}

// atPlace is the condition that a row t is the one whose place v names. Nothing else than a place decides: which rows
// they are was settled by hold, under settings that are not the platform's.
const atPlace = "t.ctid operator(pg_catalog.=) v.ks_ctid and t.tableoid operator(pg_catalog.=) v.ks_table"

// computeAs sets, until the transaction ends, the settings by which the platform computes values: generated columns,
// defaults, checks, expressions of indexes and the partition of a row must come out as for the platform's own sessions,
// and rows are compared under settings that never differ.
func computeAs(ctx context.Context, tx pgx.Tx, platforms bool) error {
	own := platform.ReadSettings()
	var b strings.Builder
	for _, name := range platform.ComputingSettings {
		value := "default"
		if !platforms {
			value = "'" + own[name] + "'"
		}
		fmt.Fprintf(&b, "set local %s to %s; ", name, value)
	}
	_, err := tx.Conn().PgConn().Exec(ctx, b.String()).ReadAll()
	return err
}

func (t *TableChanges) full() string {
	return quoted(t.Table)
}

func (t *TableChanges) names() []string {
	out := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		out[i] = c.Name
	}
	return out
}

func (w writer) insert(ctx context.Context, t *TableChanges, rows []Change, _ []spot) (int64, error) {
	from, args := values(t, columns(t.names(), after), rows)
	tag, err := w.tx.Exec(ctx, fmt.Sprintf("insert into %s (%s) overriding system value select %s from %s v", t.full(),
		list("", t.names()), list("v.", t.names()), from), args...)
	return tag.RowsAffected(), err
}

func (w writer) update(ctx context.Context, t *TableChanges, rows []Change, places []spot) (int64, error) {
	s := w.shapes[t.Table]
	written := t.written(s)
	if len(written) == 0 {
		return int64(len(rows)), nil
	}
	sets := make([]string, len(written))
	for i, c := range written {
		sets[i] = quote(c) + " = v." + quote(c)
	}
	from, args := valuesAt(t, columns(written, after), rows, places)
	tag, err := w.tx.Exec(ctx, fmt.Sprintf("update %s t set %s from %s v where %s", s.rows(),
		strings.Join(sets, ", "), from, atPlace), args...)
	return tag.RowsAffected(), err
}

func (w writer) remove(ctx context.Context, t *TableChanges, rows []Change, places []spot) (int64, error) {
	from, args := valuesAt(t, nil, rows, places)
	tag, err := w.tx.Exec(ctx, fmt.Sprintf("delete from %s t using %s v where %s", w.shapes[t.Table].rows(), from,
		atPlace), args...)
	return tag.RowsAffected(), err
}

// reference is one foreign key of the live database.
type reference struct {
	Name, Child   string
	Columns       []string
	Parent        string
	ParentColumns []string
	Whole         bool // the child is partitioned
	ParentWhole   bool // so is the parent
	operators
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
			on a.attrelid = k.confrelid and a.attnum = u.num order by u.i), c.relkind = 'p', p.relkind = 'p',
		       `+operatorsSQL+`
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
	ofChild := t.Table == k.Child && slices.Equal(names, k.Columns) // a table may refer to itself
	for batch := range slices.Chunk(rows, 1000) {
		from, args := values(t, columns(names, side), batch)
		if ofChild {
			if _, err := w.tx.Exec(ctx, fmt.Sprintf("select from %s v join %s p on %s for key share of p", from, parent,
				k.leads("v", names, "p", k.ParentColumns)), args...); err != nil {
				return err
			}
		}
		var n int64
		err := w.tx.QueryRow(ctx, k.orphansSQL(from, child, parent, ofChild), args...).Scan(&n)
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

// retry runs do again when the database asks for it: a serialization failure, a deadlock.
func retry(ctx context.Context, do func() error) error {
	var last error
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		last = do()
		if s := stateOf(last); last != nil && s != pgerrcode.SerializationFailure && s != pgerrcode.DeadlockDetected {
			return struct{}{}, backoff.Permanent(last)
		}
		return struct{}{}, last
	}, backoff.WithBackOff(&backoff.ExponentialBackOff{
		InitialInterval:     firstPause,
		RandomizationFactor: backoff.DefaultRandomizationFactor,
		Multiplier:          2,
		MaxInterval:         longestPause,
	}),
		backoff.WithMaxTries(mostTries), backoff.WithMaxElapsedTime(0))
	if stateOf(last) == pgerrcode.LockNotAvailable {
		return keepsake.Errorf(keepsake.CodeUnavailable,
			"the platform is using these rows just now, so nothing was changed: try again in a moment: %w", last)
	}
	return err
}
