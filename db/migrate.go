package db

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/migrations"
)

// JobSchema is where the job queue keeps its tables.
const JobSchema = "river"

// migrateLock keeps processes that start together from migrating together.
const migrateLock = 0x6b656570736b6d67

// Migrate brings the console database up to date: our tables, the job queue's, and row-level security on every one of them.
// It may run at every start and in several processes at once; a database that is up to date is left alone.
func Migrate(ctx context.Context, url keepsake.Secret) error {
	if _, err := checkRole(ctx, url); err != nil {
		return err
	}
	c, err := config(url)
	if err != nil {
		return err
	}
	c.ConnConfig.RuntimeParams["keepsake.role"] = string(keepsake.RoleSystem) // migrations move rows too
	lock, err := pgx.ConnectConfig(ctx, c.ConnConfig)
	if err != nil {
		return explain(err)
	}
	defer lock.Close(context.WithoutCancel(ctx)) // and with it the lock
	if _, err := lock.Exec(ctx, "select pg_advisory_lock($1)", int64(migrateLock)); err != nil {
		return explain(fmt.Errorf("wait for another migration: %w", err))
	}
	if err := migrateTables(ctx, c.ConnConfig); err != nil {
		return err
	}
	if err := migrateJobs(ctx, url); err != nil {
		return err
	}
	return bindForeignTables(ctx, lock)
}

func migrateTables(ctx context.Context, c *pgx.ConnConfig) error {
	sqldb := stdlib.OpenDB(*c)
	defer sqldb.Close()
	provider, err := goose.NewProvider(goose.DialectPostgres, sqldb, migrations.FS, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return keepsake.Errorf(keepsake.CodeInternal, "the console database could not be brought up to date; nothing of the failing step was kept. The role of console.owner_url, or of console.url where there is no other, must own the database: %w", err)
	}
	return nil
}

func migrateJobs(ctx context.Context, url keepsake.Secret) error {
	pool, err := openPool(ctx, url, true, 2)
	if err != nil {
		return err
	}
	defer pool.Close()
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: JobSchema})
	if err != nil {
		return fmt.Errorf("read the job queue's migrations: %w", err)
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return keepsake.Errorf(keepsake.CodeInternal, "the job queue's tables could not be brought up to date: %w", err)
	}
	return nil
}

// jobPolicy names the policies of the job queue's tables. A new name replaces those of an older version.
const jobPolicy = "keepsake_jobs_2"

// bindForeignTables forces row-level security on the tables that other software made here: the job queue's and the migrations'
// own. They are the system's. Whoever starts an operation puts its job into the queue, in the same transaction, so a job is
// also seen by those who see its operation; nothing but the operation's id is in it.
func bindForeignTables(ctx context.Context, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, `
		select c.oid::regclass::text, c.relname
		from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind in ('r', 'p') and (n.nspname = $1 or (n.nspname = 'public' and c.relname = 'goose_db_version'))
		  and not (c.relforcerowsecurity and exists (select from pg_policy p where p.polrelid = c.oid and p.polname = $2))
		order by 1`, JobSchema, jobPolicy)
	if err != nil {
		return fmt.Errorf("list the job queue's tables: %w", err)
	}
	type table struct{ Name, Bare string }
	tables, err := pgx.CollectRows(rows, pgx.RowToStructByPos[table])
	if err != nil {
		return fmt.Errorf("list the job queue's tables: %w", err)
	}
	for _, t := range tables {
		who := "keepsake_is_system()"
		if t.Bare == "river_job" {
			who = "keepsake_is_system() or exists (select from public.backup_operations o where o.id = (args ->> 'operation')::uuid)"
		}
		// Names come quoted from regclass. One message is one transaction: no moment is without a policy.
		_, err := conn.Exec(ctx, fmt.Sprintf(`alter table %[1]s enable row level security, force row level security;
			drop policy if exists keepsake_actor on %[1]s;
			create policy %[3]s on %[1]s using (%[2]s) with check (%[2]s)`, t.Name, who, jobPolicy))
		if err != nil {
			return fmt.Errorf("bind table %s to its actors: %w", t.Name, err)
		}
	}
	return nil
}
