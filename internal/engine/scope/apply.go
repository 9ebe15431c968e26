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
	tx    pgx.Tx
	batch int
	done  func(rows int64) // called after every batch
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

// write makes the changes that are not refused: deletions first, so that a unique value is free before it is taken
// again, then updates, then insertions.
func (w writer) write(ctx context.Context, tables []TableChanges, always map[string]map[string]bool) (Applied, error) {
	var a Applied
	for _, step := range []struct {
		op   Op
		n    *int64
		exec func(context.Context, *TableChanges, []Change, map[string]bool) (int64, error)
	}{{Delete, &a.Deleted, w.remove}, {Update, &a.Updated, w.update}, {Insert, &a.Inserted, w.insert}} {
		for i := range tables {
			t := &tables[i]
			var rows []Change
			for _, c := range t.Changes {
				if c.Op == step.op && c.Refused == "" {
					rows = append(rows, c)
				}
			}
			for batch := range slices.Chunk(rows, w.batch) {
				n, err := step.exec(ctx, t, batch, always[t.Table])
				if err != nil {
					return a, explain(err, t.Table)
				}
				if n != int64(len(batch)) {
					return a, fmt.Errorf("%s: %d of %d rows were found: %w", t.Table, n, len(batch), errMoved)
				}
				*step.n += n
				w.done(n)
			}
		}
	}
	for _, t := range tables {
		_, _, _, refused := t.Counts()
		a.Refused += refused
	}
	return a, nil
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

// values is a subquery that returns rows, given as one array of text for each column: any number of rows with as many
// parameters as columns.
func values(t *TableChanges, columns []column, rows []Change) (string, []any) {
	args := make([]any, len(columns))
	arrays, names, casts := make([]string, len(columns)), make([]string, len(columns)), make([]string, len(columns))
	for i, c := range columns {
		at := slices.IndexFunc(t.Columns, func(x repository.Column) bool { return x.Name == c.name })
		array := make([]*string, len(rows))
		for j, r := range rows {
			array[j] = c.side(r)[at]
		}
		typ := t.Columns[at].Type
		if c.text {
			typ = "text"
		}
		args[i] = array
		arrays[i] = fmt.Sprintf("$%d::text[]", i+1)
		names[i] = fmt.Sprintf("c%d", i+1)
		casts[i] = fmt.Sprintf("v.c%d::%s as %s", i+1, typ, quote(c.as))
	}
	return fmt.Sprintf("(select %s from unnest(%s) v (%s))",
		strings.Join(casts, ", "), strings.Join(arrays, ", "), strings.Join(names, ", ")), args
}

// unmoved adds what the live row must still be, and the condition that it is. A row that waited for the platform's lock
// is looked at again, as it is then.
func unmoved(t *TableChanges, list []column) ([]column, string) {
	var same []string
	for i, c := range t.Columns {
		as := fmt.Sprintf("ks_was_%d", i)
		list = append(list, column{name: c.Name, as: as, text: true, side: before})
		same = append(same, fmt.Sprintf("t.%s::text is not distinct from v.%s", quote(c.Name), as))
	}
	return list, strings.Join(same, " and ")
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

func (w writer) insert(ctx context.Context, t *TableChanges, rows []Change, _ map[string]bool) (int64, error) {
	from, args := values(t, columns(t.names(), after), rows)
	tag, err := w.tx.Exec(ctx, fmt.Sprintf("insert into %s (%s) overriding system value select %s from %s v", t.full(),
		list("", t.names()), list("v.", t.names()), from), args...)
	return tag.RowsAffected(), err
}

func (w writer) update(ctx context.Context, t *TableChanges, rows []Change, always map[string]bool) (int64, error) {
	var sets []string
	for _, c := range t.Columns {
		if !slices.Contains(t.Key, c.Name) && !always[c.Name] {
			sets = append(sets, quote(c.Name)+" = v."+quote(c.Name))
		}
	}
	if len(sets) == 0 {
		return int64(len(rows)), nil
	}
	all, condition := unmoved(t, columns(t.names(), after))
	from, args := values(t, all, rows)
	tag, err := w.tx.Exec(ctx, fmt.Sprintf("update %s t set %s from %s v where %s and %s", t.full(),
		strings.Join(sets, ", "), from, same("t", t.Key, "v", t.Key), condition), args...)
	return tag.RowsAffected(), err
}

func (w writer) remove(ctx context.Context, t *TableChanges, rows []Change, _ map[string]bool) (int64, error) {
	all, condition := unmoved(t, columns(t.Key, before))
	from, args := values(t, all, rows)
	tag, err := w.tx.Exec(ctx, fmt.Sprintf("delete from %s t using %s v where %s and %s", t.full(), from,
		same("t", t.Key, "v", t.Key), condition), args...)
	return tag.RowsAffected(), err
}

// reference is one foreign key of the live database.
type reference struct {
	Name, Child   string
	Columns       []string
	Parent        string
	ParentColumns []string
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
			on a.attrelid = k.confrelid and a.attnum = u.num order by u.i)
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
	child, parent := quoted(k.Child), quoted(k.Parent)
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
