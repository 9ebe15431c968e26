// Package target writes a recovery point into a new PostgreSQL database: it makes sure that the database is empty and its
// own, loads rows by COPY, and reads them back to prove them. It never touches a database that holds anything else.
package target

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// settings of the sessions that write. Rows are loaded before triggers and constraints exist, so nothing fires.
func settings() map[string]string {
	s := platform.ReadSettings()
	s["default_transaction_read_only"] = "off"
	s["application_name"] = "keepsake restore"
	s["synchronous_commit"] = "off" // a crash during a restore starts it over anyway
	s["check_function_bodies"] = "off"
	return s
}

// SQLSTATEs that are told apart (PostgreSQL, Appendix A).
const (
	stateUndefinedObject = "42704"
	stateForeignKey      = "23503"
	statePrivilege       = "42501"
)

// lockKey is the advisory lock, in the target database, of the one restore that may run into it: "keepsake" in ASCII.
const lockKey = 0x6b65657073616b65

// Target is the database that a restore writes. Its session holds the lock that keeps a second restore out.
type Target struct {
	URL     keepsake.Secret
	Conn    *pgx.Conn
	Server  string
	Num     int      // server_version_num
	Managed []string // schemas that the hosting service made and that stay as they are
}

// Options says how to open a target.
type Options struct {
	URL     keepsake.Secret
	Create  bool
	Source  repository.Source
	Managed []string // schema names that may be there already
	Point   string
}

// Open connects to the target, creates the database if asked to, takes the lock, cleans up after a run that was killed, and
// refuses a database that is not empty before anything is written. The caller closes it.
func Open(ctx context.Context, o Options) (*Target, error) {
	created := false
	conn, err := platform.ConnectWith(ctx, o.URL, settings())
	if keepsake.CodeOf(err) == keepsake.CodeNotFound && err != nil {
		if !o.Create {
			return nil, keepsake.Errorf(keepsake.CodeNotFound, "%s; or add --create to have it created", keepsake.MessageOf(err))
		}
		if err := createDatabase(ctx, o); err != nil {
			return nil, err
		}
		created = true
		conn, err = platform.ConnectWith(ctx, o.URL, settings())
	}
	if err != nil {
		return nil, err
	}
	t := &Target{URL: o.URL, Conn: conn}
	if err := t.prepare(ctx, o, created); err != nil {
		t.Close(ctx)
		return nil, err
	}
	return t, nil
}

func (t *Target) prepare(ctx context.Context, o Options, created bool) error {
	var locked, marked bool
	err := t.Conn.QueryRow(ctx, `select current_setting('server_version'), current_setting('server_version_num')::int,
		pg_try_advisory_lock($1), to_regclass('keepsake_restore.run') is not null`, int64(lockKey)).Scan(&t.Server, &t.Num, &locked, &marked)
	if err != nil {
		return fmt.Errorf("look at the target: %w", err)
	}
	if !locked {
		return keepsake.Errorf(keepsake.CodeConflict, "another restore is running into this database: wait for it or choose another database")
	}
	if t.Num/10000 < o.Source.ServerNum/10000 {
		return keepsake.Errorf(keepsake.CodeInvalid, "the recovery point is from PostgreSQL %s, the target runs %s: an older server cannot take it; use %d or newer",
			o.Source.Server, t.Server, o.Source.ServerNum/10000)
	}
	if t.Managed, err = t.existing(ctx, o.Managed); err != nil {
		return err
	}
	if marked {
		if err := t.reset(ctx); err != nil {
			return keepsake.Errorf(keepsake.CodeConflict, "the database holds an unfinished restore that could not be cleared: drop it and start again: %w", err)
		}
	}
	if err := t.refuseContent(ctx); err != nil {
		return err
	}
	if err := t.exec(ctx, `create schema keepsake_restore`,
		`create table keepsake_restore.run (point text not null, started_at timestamptz not null default now())`,
		`comment on schema keepsake_restore is 'A restore by Keepsake is not finished: this database is incomplete. Run the restore again.'`); err != nil {
		return keepsake.Errorf(keepsake.CodeInvalid, "the target cannot be written: grant create on the database to the role: %w", err)
	}
	_, err = t.Conn.Exec(ctx, "insert into keepsake_restore.run (point) values ($1)", o.Point)
	if err == nil && created {
		err = t.applySettings(ctx, o.Source.Settings)
	}
	return err
}

// existing returns those of the given schemas that the target has.
func (t *Target) existing(ctx context.Context, schemas []string) ([]string, error) {
	rows, err := t.Conn.Query(ctx, "select nspname from pg_namespace where nspname = any($1) order by 1", schemas)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// content lists what a user made in the database. Extensions' members and managed schemas do not count.
const content = `
	with ns as (select oid, nspname from pg_namespace
	            where nspname not in ('pg_catalog', 'information_schema', 'keepsake_restore') and nspname !~ '^pg_(toast|temp)'
	              and nspname <> all($1)),
	member as (select classid, objid from pg_depend where deptype = 'e')
	select kind, name from (
		select 'table' as kind, ns.nspname || '.' || c.relname as name from pg_class c join ns on ns.oid = c.relnamespace
		where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f') and not exists (select from member m where m.classid = 'pg_class'::regclass and m.objid = c.oid)
		union all
		select 'function', ns.nspname || '.' || p.proname from pg_proc p join ns on ns.oid = p.pronamespace
		where not exists (select from member m where m.classid = 'pg_proc'::regclass and m.objid = p.oid)
		union all
		select 'type', ns.nspname || '.' || t.typname from pg_type t join ns on ns.oid = t.typnamespace
		where t.typtype in ('e', 'd', 'r') and not exists (select from member m where m.classid = 'pg_type'::regclass and m.objid = t.oid)
		union all
		select 'schema', nspname from ns where nspname <> 'public' and not exists (select from member m where m.classid = 'pg_namespace'::regclass and m.objid = ns.oid)
		union all
		select 'large object', oid::text from pg_largeobject_metadata
	) found order by 1, 2 limit 4`

func (t *Target) refuseContent(ctx context.Context) error {
	rows, err := t.Conn.Query(ctx, content, t.Managed)
	if err != nil {
		return fmt.Errorf("look for content in the target: %w", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		var kind, name string
		err := row.Scan(&kind, &name)
		return kind + " " + name, err
	})
	if err != nil {
		return err
	}
	if len(found) > 0 {
		return keepsake.Errorf(keepsake.CodeConflict,
			"the target database is not empty: it holds %s; nothing was written; restore into a new database (--create makes one)", strings.Join(found, ", "))
	}
	return nil
}

// reset clears what an unfinished restore left. The marker proves that the database was empty before it.
func (t *Target) reset(ctx context.Context) error {
	rows, err := t.Conn.Query(ctx, `
		select statement from (
			select 1, 'drop event trigger ' || quote_ident(evtname) || ' cascade' from pg_event_trigger e
			where not exists (select from pg_depend d where d.classid = 'pg_event_trigger'::regclass and d.objid = e.oid and d.deptype = 'e')
			union all select 2, 'drop publication ' || quote_ident(pubname) || ' cascade' from pg_publication
			union all select 3, 'drop extension ' || quote_ident(e.extname) || ' cascade' from pg_extension e
			          join pg_namespace n on n.oid = e.extnamespace where e.extname <> 'plpgsql' and n.nspname <> all($1)
			union all select 4, 'drop schema if exists ' || quote_ident(nspname) || ' cascade' from pg_namespace
			          where nspname not in ('pg_catalog', 'information_schema', 'keepsake_restore') and nspname !~ '^pg_(toast|temp)'
			            and nspname <> all($1)
			union all select 5, 'create schema public'
			union all select 6, 'grant usage on schema public to public'
			union all select 7, 'select lo_unlink(' || oid || ')' from pg_largeobject_metadata
			union all select 8, 'drop schema keepsake_restore cascade'
		) as step(place, statement) order by place`, t.Managed)
	if err != nil {
		return err
	}
	statements, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	return t.exec(ctx, statements...)
}

// Finish takes the marker away: the database is whole.
func (t *Target) Finish(ctx context.Context) error {
	return t.exec(ctx, "drop schema keepsake_restore cascade")
}

// Close gives the lock back.
func (t *Target) Close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = t.Conn.Close(ctx)
}

func (t *Target) exec(ctx context.Context, statements ...string) error {
	for _, q := range statements {
		if _, err := t.Conn.Exec(ctx, q); err != nil {
			return fmt.Errorf("%s: %w", q, err)
		}
	}
	return nil
}

// createDatabase makes the target with the source's encoding and locale, or the server's own locale when it lacks them.
func createDatabase(ctx context.Context, o Options) error {
	config, err := pgx.ParseConfig(o.URL.Reveal())
	if err != nil {
		return keepsake.Errorf(keepsake.CodeInvalid, "the target URL cannot be read")
	}
	name := config.Database
	config.Database = "postgres"
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return keepsake.Errorf(keepsake.CodeUnavailable, "the target server's database \"postgres\" cannot be opened to create %q: create it by hand", name)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	create := "create database " + pgx.Identifier{name}.Sanitize() + " template template0 encoding " + quote(o.Source.Encoding)
	_, err = conn.Exec(ctx, create+" lc_collate "+quote(o.Source.Collate)+" lc_ctype "+quote(o.Source.CType))
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code != statePrivilege {
		_, err = conn.Exec(ctx, create)
	}
	if err != nil {
		return keepsake.Errorf(keepsake.CodeInvalid, "database %q could not be created: %w", name, err)
	}
	return nil
}

// listSettings are those whose value is a list that must not be quoted as one string (GUC_LIST_QUOTE in guc_tables.c).
var listSettings = []string{"search_path", "temp_tablespaces", "local_preload_libraries", "session_preload_libraries", "shared_preload_libraries", "unix_socket_directories"}

// applySettings repeats ALTER DATABASE … SET on a database that this restore created.
func (t *Target) applySettings(ctx context.Context, list []string) error {
	name := pgx.Identifier{t.Conn.Config().Database}.Sanitize()
	for _, s := range list {
		key, value, _ := strings.Cut(s, "=")
		if !slices.Contains(listSettings, strings.ToLower(key)) {
			value = quote(value)
		}
		var parts []string
		for _, p := range strings.Split(key, ".") {
			parts = append(parts, pgx.Identifier{p}.Sanitize())
		}
		if _, err := t.Conn.Exec(ctx, "alter database "+name+" set "+strings.Join(parts, ".")+" to "+value); err != nil {
			return fmt.Errorf("set %s on the database: %w", key, err)
		}
	}
	return nil
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
