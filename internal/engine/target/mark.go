package target

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// MarkSchema is the schema that marks an unfinished database.
const MarkSchema = "keepsake_restore"

// Prover seals and opens what a mark says with the repository's key. So a schema of that name that somebody else made
// has no database cleared.
type Prover interface {
	Prove(about, point string) ([]byte, error)
	// Point returns what was sealed about it. It returns an error where the seal is about something else or of another
	// key.
	Point(about string, proof []byte) (string, error)
}

// about names the database that a mark is in: copied elsewhere it proves nothing.
func (t *Target) about() string {
	return cmp.Or(t.identity.system, t.identity.started) + "/" + t.identity.oid
}

// mark writes, in one transaction, what tells a later run that this database is unfinished and what was there before.
func (t *Target) mark(ctx context.Context) error {
	own, err := identify(ctx, t.conn)
	if err != nil {
		return fmt.Errorf("ask the target who it is: %w", err)
	}
	t.identity = own
	proof, err := t.options.Prover.Prove(t.about(), t.options.Point)
	if err != nil {
		return fmt.Errorf("seal the mark of an unfinished restore: %w", err)
	}
	tx, err := t.conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if err := t.switchOff(ctx, tx); err != nil { // before the first statement that they could see
		return fmt.Errorf("switch the target's event triggers off: %w", err)
	}
	for _, q := range []string{
		"create schema keepsake_restore",
		"create table keepsake_restore.run (id uuid not null, point text not null, started_at timestamptz not null, state " +
			"text not null, proof bytea not null)",
		"create table keepsake_restore.before (kind text not null, name text not null)",
		// tables that got rows, and how many
		"create table keepsake_restore.loaded (table_schema text not null, table_name text not null, n bigint not null)",
		// tables of managed schemas that got rows
		"create table keepsake_restore.managed (table_schema text not null, table_name text not null)",
		// event triggers that were switched off, and how they were on
		"create table keepsake_restore.switched_off (name text not null, enabled text not null)",
		"comment on schema keepsake_restore is 'A restore by Keepsake is not finished: this database is incomplete. Run " +
			"the restore again.'",
		"insert into keepsake_restore.before " + globals,
	} {
		if _, err := tx.Exec(ctx, q); err != nil {
			return fmt.Errorf("mark the target as unfinished: %w", err)
		}
	}
	if _, err = tx.Exec(ctx, "insert into keepsake_restore.run values (gen_random_uuid(), $1, now(), 'running', $2)",
		t.options.Point, proof); err != nil {
		return fmt.Errorf("mark the target as unfinished: %w", err)
	}
	for _, e := range t.off {
		if _, err = tx.Exec(ctx, "insert into keepsake_restore.switched_off values ($1, $2)", e.name, e.enabled); err != nil {
			return fmt.Errorf("mark the target as unfinished: %w", err)
		}
	}
	return tx.Commit(ctx)
}

// MarkedPoint returns the recovery point of the unfinished restore that the database holds, or "" for a database
// without a mark. It returns an error for a mark that no restore of this repository made in this database.
func (t *Target) MarkedPoint(ctx context.Context) (string, error) {
	if !t.marked {
		return "", nil
	}
	var proof []byte
	err := t.conn.QueryRow(ctx, "select proof from keepsake_restore.run").Scan(&proof)
	if state(err) == "" && err != nil && ctx.Err() != nil {
		return "", err
	}
	point := ""
	if err == nil {
		point, err = t.options.Prover.Point(t.about(), proof)
	}
	if err != nil {
		found, lookErr := t.content(ctx, 4)
		if lookErr != nil {
			return "", lookErr
		}
		holds := "nothing else"
		if len(found) > 0 {
			holds = strings.Join(found, ", ")
		}
		return "", refused(t.Name, "it has a schema keepsake_restore that no restore from this repository made in "+
			"it, and holds "+holds+"; drop it if nobody needs it")
	}
	return point, nil
}

// JudgeMark refuses to clear a database in which somebody has made or written something since the unfinished restore.
// expected are the things that this restore may have made, by the names that content gives them. Begin judges once
// more, by the same things and under the lock.
func (t *Target) JudgeMark(ctx context.Context, point string, expected map[string]bool) error {
	t.judged, t.expected = point, expected
	return t.judge(ctx)
}

func (t *Target) judge(ctx context.Context) error {
	expected := maps.Clone(t.expected)
	found, err := t.content(ctx, 0)
	if err != nil {
		return err
	}
	before, err := t.before(ctx)
	if err != nil {
		return fmt.Errorf("read the mark: %w", err)
	}
	for _, g := range before {
		expected[ContentKind(g.Kind)+" "+ContentName(g.Kind, g.Name)] = true
	}
	strange := slices.DeleteFunc(found, func(f string) bool { return expected[flat(f)] })
	if len(strange) > 0 {
		return t.notAlone("made since by somebody else, " + strings.Join(strange[:min(len(strange), 4)], ", "))
	}
	changed, err := t.changedTables(ctx)
	if err != nil {
		return err
	}
	if len(changed) > 0 {
		return t.notAlone("written since by somebody else, rows of " + strings.Join(changed[:min(len(changed), 4)], ", "))
	}
	return nil
}

func (t *Target) notAlone(what string) error {
	return keepsake.Errorf(keepsake.CodeConflict,
		"the database %q holds an unfinished restore and, %s: it is not cleared, nothing was written; save what is needed "+
			"and drop the database, or restore into a new one",
		t.Name, what)
}

// changedTables returns the tables that hold another number of rows than the restore put there, or of which the server
// has counted updates or deletions since: a restore makes none.
// A mark of an earlier version does not say what was put there.
func (t *Target) changedTables(ctx context.Context) ([]string, error) {
	var says bool
	if err := t.conn.QueryRow(ctx, "select to_regclass('keepsake_restore.loaded') is not null").Scan(&says); err != nil ||
		!says {
		return nil, err
	}
	rows, err := t.conn.Query(ctx, `
		select n.nspname, c.relname, coalesce(l.n, 0), coalesce(s.n_tup_upd + s.n_tup_del, 0) > 0
		from pg_class c join pg_namespace n on n.oid = c.relnamespace left join pg_stat_all_tables s on s.relid = c.oid
		left join keepsake_restore.loaded l on l.table_schema = n.nspname and l.table_name = c.relname
		where c.relkind = 'r' and not row_security_active(c.oid) and n.nspname !~ '^pg_'
			and n.nspname not in ('information_schema', 'keepsake_restore') and n.nspname <> all($1)
		  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid
			and d.deptype = 'e')
		order by 1, 2`, t.Managed)
	if err != nil {
		return nil, err
	}
	type table struct {
		Schema, Name string
		Loaded       int64
		Changed      bool
	}
	tables, err := pgx.CollectRows(rows, pgx.RowToStructByPos[table])
	if err != nil {
		return nil, err
	}
	var changed []string
	for _, c := range tables {
		n := c.Loaded
		if !c.Changed {
			q := "select count(*) from only " + pgx.Identifier{c.Schema, c.Name}.Sanitize()
			if err := t.conn.QueryRow(ctx, q).Scan(&n); err != nil {
				return nil, fmt.Errorf("count the rows of an unfinished restore: %w", err)
			}
		}
		if c.Changed || n != c.Loaded {
			changed = append(changed, "table "+keepsake.TableName(c.Schema, c.Name))
		}
	}
	return changed, nil
}

// contentKinds are pg_restore's names of kinds where content has another one.
var contentKinds = map[string]string{"VIEW": "table", "MATERIALIZED VIEW": "table", "FOREIGN TABLE": "table",
	"PROCEDURE": "function",
	"AGGREGATE": "function", "DOMAIN": "type", "SHELL TYPE": "type", "PROCEDURAL LANGUAGE": "language",
	"SERVER":      "foreign server",
	"DEFAULT ACL": "default privileges"}

// ContentKind returns the name that content has for a kind of pg_restore's list.
func ContentKind(kind string) string { return cmp.Or(contentKinds[kind], strings.ToLower(kind)) }

// ContentName returns the name that content has for something in no schema, from its name in pg_restore's list.
func ContentName(kind, name string) string {
	switch kind {
	case "CAST":
		return strings.Replace(strings.TrimSuffix(strings.TrimPrefix(name, "CAST ("), ")"), " AS ", " as ", 1)
	case "TRANSFORM":
		name, _, _ = strings.Cut(strings.TrimPrefix(name, "TRANSFORM FOR "), " LANGUAGE ")
	}
	return name
}

// flat is a name as pg_restore's list writes it.
func flat(s string) string { return strings.NewReplacer("\n", " ", "\r", " ").Replace(s) }
