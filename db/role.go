package db

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// roleFacts is what the console database's server knows of the role that a URL signs in as.
type roleFacts struct {
	Name   string
	Where  string // which database of which run of which server
	Super  bool   // a superuser, or with BYPASSRLS
	Owns   bool   // something in this database, by itself or as a member of another role
	Grants bool   // may make itself a member of others (CREATEROLE)
}

// readRole asks for them, over a connection of the role's own.
func readRole(ctx context.Context, conn *pgx.Conn) (f roleFacts, err error) {
	err = conn.QueryRow(ctx, `
		select r.rolname, (select d.oid || ' ' || d.datname || ' ' || pg_postmaster_start_time() from pg_database d
			where d.datname = current_database()), r.rolsuper or r.rolbypassrls, r.rolcreaterole,
			exists (select from pg_database d where d.datname = current_database() and pg_has_role(r.oid, d.datdba, 'member'))
			or exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
				where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and pg_has_role(r.oid, c.relowner, 'member'))
			or exists (select from pg_namespace n where n.nspname !~ '^pg_' and n.nspowner = r.oid)
			or exists (select from pg_proc p where p.proowner = r.oid)
		from pg_roles r where r.rolname = current_user`).Scan(&f.Name, &f.Where, &f.Super, &f.Grants, &f.Owns)
	if err != nil {
		return f, explain(fmt.Errorf("read the console's role: %w", err))
	}
	return f, nil
}

// checkRole refuses a role that row-level security does not bind: its transactions would see every row, whoever asks.
func checkRole(ctx context.Context, url keepsake.Secret) (roleFacts, error) {
	c, err := config(url)
	if err != nil {
		return roleFacts{}, err
	}
	conn, err := pgx.ConnectConfig(ctx, c.ConnConfig)
	if err != nil {
		return roleFacts{}, explain(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return boundRole(ctx, conn)
}

// roleOf is checkRole on a connection that stays: a command of the command line needs no other one.
func roleOf(ctx context.Context, pool *pgxpool.Pool) (f roleFacts, err error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return f, explain(err)
	}
	defer conn.Release()
	return boundRole(ctx, conn.Conn())
}

func boundRole(ctx context.Context, conn *pgx.Conn) (roleFacts, error) {
	f, err := readRole(ctx, conn)
	if err == nil && f.Super {
		err = keepsake.Errorf(keepsake.CodeInvalid,
			"console.url signs in as %q, which row-level security does not bind (superuser or BYPASSRLS), so one actor could "+
				"see another's rows. "+
				"Create roles of its own: create role keepsake_owner login password '…'; create role keepsake login password '…'; "+
				"create database keepsake owner keepsake_owner; "+
				"and put them into console.owner_url and console.url", f.Name)
	}
	return f, err
}

// Prepare brings the console database up to date as owner, the role that owns its tables, and lets server, the role
// that Open will sign in as, read and write rows and nothing more: it owns nothing and cannot come to own anything, so
// that whoever steals its password, or finds a way to run SQL in its name, cannot switch row-level security or the
// audit trail's triggers off. Without an owner (""), server does both, as in a console that was set up before there
// were two. log says what was changed.
func Prepare(ctx context.Context, owner, server keepsake.Secret, log *slog.Logger) error {
	if owner == "" {
		return Migrate(ctx, server, log)
	}
	f, err := checkRole(ctx, server)
	if err != nil {
		return err
	}
	if f.Owns || f.Grants {
		return keepsake.Errorf(keepsake.CodeInvalid,
			"console.url signs in as %[1]q, which owns something in the console database, is a member of the role that does, "+
				"or may make roles; with console.owner_url set it must do "+
				"none of that. As an administrator, connected to that database: alter role %[1]q nocreaterole; and, for a console "+
				"that had one role until now, "+
				"alter database … owner to the role of console.owner_url; reassign owned by %[1]q to that role", f.Name)
	}
	o, err := checkRole(ctx, owner)
	if err != nil {
		return err
	}
	if o.Where != f.Where {
		return keepsake.Errorf(keepsake.CodeInvalid,
			"console.owner_url leads to another database than console.url: both must name the console's own, one as its "+
				"owner, one as the role that the console works as")
	}
	if err := Migrate(ctx, owner, log); err != nil {
		return err
	}
	return grant(ctx, owner, f.Name)
}

// privileges are what the server's role may do with a table. What is not named may be read, added to, changed and
// emptied row by row, within row-level security.
var privileges = map[string][]string{
	"audit_log":        {"select", "insert"}, // and its triggers refuse the rest to the owner too
	"audit_head":       {"select", "update"},
	"slots":            {"select"}, // the database keeps them
	"goose_db_version": {"select"},
	"river_migration":  {"select"},
}

// grant gives a role what it lacks of its privileges, and takes away what it has beyond them.
func grant(ctx context.Context, owner keepsake.Secret, role string) error {
	c, err := config(owner)
	if err != nil {
		return err
	}
	conn, err := pgx.ConnectConfig(ctx, c.ConnConfig)
	if err != nil {
		return explain(err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) // and with it the lock
	if _, err := conn.Exec(ctx, "select pg_advisory_lock($1)", int64(migrateLock)); err != nil {
		return explain(fmt.Errorf("wait for another migration: %w", err))
	}
	rows, err := conn.Query(ctx, `
		select c.oid::regclass::text as name, c.relname as bare, c.relkind = 'S' as sequence, c.relispartition as partition,
			p as privilege,
			case when c.relkind = 'S' then has_sequence_privilege($1, c.oid, p) else has_table_privilege($1, c.oid, p) end as has
		from pg_class c join pg_namespace n on n.oid = c.relnamespace,
			unnest(case when c.relkind = 'S' then array['usage', 'update'] else array['select', 'insert', 'update', 'delete',
				'truncate', 'references', 'trigger'] end) p
		where c.relkind in ('r', 'p', 'S') and n.nspname in ('public', $2)
		order by 1`, role, JobSchema)
	if err != nil {
		return fmt.Errorf("read the privileges of the console's role: %w", err)
	}
	type privilege struct {
		Name, Bare string
		Sequence   bool
		Partition  bool
		Privilege  string
		Has        bool
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[privilege])
	if err != nil {
		return fmt.Errorf("read the privileges of the console's role: %w", err)
	}
	to := pgx.Identifier{role}.Sanitize()
	statements := []string{"grant usage on schema public, " + JobSchema + " to " + to}
	for _, p := range all {
		kind := "table"
		if p.Sequence {
			kind = "sequence"
		}
		// Names come quoted from regclass.
		switch may := mayHave(p.Bare, p.Privilege, p.Sequence); {
		case p.Partition && !p.Has: // it is reached by way of its table, and never by itself
		case p.Partition:
			statements = append(statements, fmt.Sprintf("revoke %s on table %s from %s", p.Privilege, p.Name, to))
		case may && !p.Has:
			statements = append(statements, fmt.Sprintf("grant %s on %s %s to %s", p.Privilege, kind, p.Name, to))
		case !may && p.Has:
			statements = append(statements, fmt.Sprintf("revoke %s on %s %s from %s", p.Privilege, kind, p.Name, to))
		}
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, s := range statements {
			if _, err := tx.Exec(ctx, s); err != nil {
				return keepsake.Errorf(keepsake.CodeInternal,
					"the console's role could not be given what it needs; the role of console.owner_url must own every table of the "+
						"console database: %w", err)
			}
		}
		return nil
	})
}

func mayHave(table, privilege string, sequence bool) bool {
	if sequence {
		return privilege == "usage"
	}
	list, named := privileges[table]
	if !named {
		list = []string{"select", "insert", "update", "delete"}
	}
	for _, p := range list {
		if p == privilege {
			return true
		}
	}
	return false
}
