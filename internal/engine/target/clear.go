package target

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/pgtool"
)

// clear takes away what an unfinished restore left: with the database as a whole where this run may make it anew, else
// piece by piece. The mark proves that the database was empty before.
func (t *Target) clear(ctx context.Context) error {
	if t.options.Create {
		if err := t.recreate(ctx); err == nil || state(err) != pgerrcode.InsufficientPrivilege {
			return err
		}
	}
	before, err := t.before(ctx)
	if err != nil {
		return fmt.Errorf("read the mark: %w", err)
	}
	t.silence(ctx)
	// What a killed restore had running on the server may still hold locks.
	_, err = t.conn.Exec(ctx, `select pg_terminate_backend(pid, 10000) from pg_stat_activity
		where datname = current_database() and application_name = $1 and usename = current_user and pid <> pg_backend_pid()`,
		pgtool.Application)
	if err != nil {
		return fmt.Errorf("end the sessions of the killed restore: %w", err)
	}
	if err := t.clearManaged(ctx); err != nil {
		return err
	}
	if err := t.clearContent(ctx, before); err != nil {
		return err
	}
	return t.exec(ctx, "drop schema keepsake_restore cascade", "set session_replication_role = default")
}

// renewPublic brings schema public back to the state it has in a new database (initdb.c, setup_schema and PostgreSQL
// 15's release notes).
func (t *Target) renewPublic(ctx context.Context) error {
	if err := t.exec(ctx, "drop schema if exists public cascade", "create schema public",
		"comment on schema public is 'standard public schema'"); err != nil {
		return err
	}
	if t.Num < 150000 {
		return t.exec(ctx, "grant all on schema public to public")
	}
	return t.exec(ctx, "alter schema public owner to pg_database_owner", "grant usage on schema public to public")
}

// clearManaged takes the restored rows out of the hosting service's tables, which had none before.
func (t *Target) clearManaged(ctx context.Context) error {
	rows, err := t.conn.Query(ctx, "select table_schema, table_name from keepsake_restore.managed")
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (pgx.Identifier, error) {
		id := make(pgx.Identifier, 2)
		return id, row.Scan(&id[0], &id[1])
	})
	if err != nil {
		return err
	}
	for _, id := range names {
		if err := t.exec(ctx, "delete from only "+id.Sanitize()); err != nil {
			return err
		}
	}
	return nil
}

// before returns what stood in no schema when the killed restore began.
func (t *Target) before(ctx context.Context) ([]Global, error) {
	rows, err := t.conn.Query(ctx, "select kind, name from keepsake_restore.before")
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Global])
}

// dropOrder is the order in which kinds of globals are dropped, with the words of DROP. Tables go after the first two.
var dropOrder = []struct{ kind, statement string }{
	{"EVENT TRIGGER", "drop event trigger if exists %s cascade"},
	{"PUBLICATION", "drop publication if exists %s"},
	{"EXTENSION", "drop extension if exists %s cascade"},
	{"SERVER", "drop server if exists %s cascade"},
	{"FOREIGN DATA WRAPPER", "drop foreign data wrapper if exists %s cascade"},
	{"SCHEMA", "drop schema if exists %s cascade"},
	{"CAST", "drop cast if exists %s"},
	{"PROCEDURAL LANGUAGE", "drop language if exists %s cascade"},
	{"ACCESS METHOD", "drop access method if exists %s cascade"},
}

// Tables and large objects are dropped a hundred at a time: each needs locks, of which a server has a few thousand.
const (
	someTables = `select 'drop table if exists ' || string_agg(name, ', ') || ' cascade' from (
		select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind in ('r', 'p') and not c.relispartition and n.nspname !~ '^pg_'
			and n.nspname not in ('information_schema', 'keepsake_restore')
		  and (n.nspname = 'public' or not exists (select from keepsake_restore.before b where b.kind = 'SCHEMA'
			and b.name = n.nspname))
		  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid
			and d.deptype = 'e')
		limit 100) batch having count(*) > 0`
	someObjects = `select 'select lo_unlink(o) from unnest(' || quote_literal(array_agg(oid)::text) || '::oid[]) as o'
		from (
		select oid from pg_largeobject_metadata limit 100) batch having count(*) > 0`
)

// clearContent drops everything that was not there before the killed restore.
func (t *Target) clearContent(ctx context.Context, before []Global) error {
	now, err := t.Globals(ctx)
	if err != nil {
		return err
	}
	for i, d := range dropOrder {
		if i == 2 {
			if err := t.repeat(ctx, someTables); err != nil {
				return err
			}
		}
		for _, g := range now {
			if g.Kind != d.kind || slices.Contains(before, g) {
				continue
			}
			name := strings.TrimPrefix(g.Name, "CAST ")
			if g.Kind != "CAST" {
				name = pgx.Identifier{g.Name}.Sanitize()
			}
			if err := t.exec(ctx, fmt.Sprintf(d.statement, name)); err != nil {
				return err
			}
		}
	}
	if slices.Contains(before, Global{"SCHEMA", "public"}) {
		if err := t.renewPublic(ctx); err != nil {
			return err
		}
	}
	return t.repeat(ctx, someObjects)
}

// repeat runs the statement that a query yields until it yields none.
func (t *Target) repeat(ctx context.Context, query string) error {
	for {
		rows, err := t.conn.Query(ctx, query)
		if err != nil {
			return fmt.Errorf("look for what the killed restore left: %w", err)
		}
		statements, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return fmt.Errorf("look for what the killed restore left: %w", err)
		}
		if len(statements) == 0 {
			return nil
		}
		if err := t.exec(ctx, statements...); err != nil {
			return err
		}
	}
}
