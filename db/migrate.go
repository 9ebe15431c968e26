package db

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"

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

// Migrate brings the console database up to date: our tables, the job queue's, and row-level security on every one of
// them. It may run at every start and in several processes at once; a database that is up to date is left alone, and
// one that a newer program has set up is refused. log says which migrations ran.
func Migrate(ctx context.Context, url keepsake.Secret, log *slog.Logger) error {
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
	if err := migrateTables(ctx, c.ConnConfig, log); err != nil {
		return err
	}
	if err := migrateJobs(ctx, url, log); err != nil {
		return err
	}
	return bindForeignTables(ctx, lock)
}

func migrateTables(ctx context.Context, c *pgx.ConnConfig, log *slog.Logger) error {
	sqldb := stdlib.OpenDB(*c)
	defer sqldb.Close()
	provider, err := goose.NewProvider(goose.DialectPostgres, sqldb, migrations.FS, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	there, known, err := provider.GetVersions(ctx)
	if err != nil {
		return explain(fmt.Errorf("read the console database's version: %w", err))
	}
	if there > known {
		return tooOld(there, known)
	}
	if first := provider.ListSources()[0].Version; there > 0 && there < first {
		return unreleased(there)
	}
	applied, err := provider.Up(ctx)
	if len(applied) > 0 {
		var names []string
		for _, m := range applied {
			names = append(names, m.Source.Path)
		}
		log.InfoContext(ctx, "migrations have brought the console database up to date", "from", there,
			"to", applied[len(applied)-1].Source.Version, "migrations", names)
	}
	if err != nil {
		return keepsake.Errorf(keepsake.CodeInternal, "the console database could not be brought up to date; nothing of "+
			"the failing step was kept. The role of console.owner_url, or of console.url where there is no other, must own "+
			"the database: %w", err)
	}
	return nil
}

// tooOld refuses to work on tables that this program does not know.
func tooOld(there, known int64) error {
	return keepsake.Errorf(keepsake.CodeInvalid,
		"a newer Keepsake has set up the console database: its tables are of version "+
			"%d, and this program knows them up to %d. Nothing was changed: start the newer program, or give this "+
			"one the console "+
			"database as it was before the update", there, known)
}

// unreleased refuses the tables of a program that was never released, whose migrations were made anew.
func unreleased(there int64) error {
	return keepsake.Errorf(keepsake.CodeInvalid,
		"the console database was set up by a Keepsake from before the first release: its "+
			"tables are of version %d, and no program brings those up to date. Nothing was changed, and your recovery "+
			"points are not in "+
			"it: give Keepsake a new, empty console database, then run keepsake repo rebuild", there)
}

// CheckVersion refuses a console database that a newer program has set up, as Migrate does. It changes nothing.
func (d *DB) CheckVersion(ctx context.Context) error {
	var there int64
	err := d.InTx(ctx, keepsake.System("version check"), func(tx Tx) error {
		return tx.PG.QueryRow(ctx, "select coalesce(max(version_id), 0) from goose_db_version where is_applied").Scan(&there)
	})
	if err != nil {
		return err
	}
	known, err := newestMigration()
	if err == nil && there > known {
		err = tooOld(there, known)
	}
	return err
}

// newestMigration returns the number of the last migration that this program brings.
func newestMigration() (newest int64, err error) {
	files, err := fs.Glob(migrations.FS, "*.sql")
	if err != nil {
		return 0, fmt.Errorf("list the migrations: %w", err)
	}
	for _, name := range files {
		n, err := goose.NumericComponent(name)
		if err != nil {
			return 0, fmt.Errorf("read the migrations: %w", err)
		}
		newest = max(newest, n)
	}
	return newest, nil
}

func migrateJobs(ctx context.Context, url keepsake.Secret, log *slog.Logger) error {
	pool, err := openPool(ctx, url, true, 2)
	if err != nil {
		return err
	}
	defer pool.Close()
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: JobSchema})
	if err != nil {
		return fmt.Errorf("read the job queue's migrations: %w", err)
	}
	done, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	if err != nil {
		return keepsake.Errorf(keepsake.CodeInternal, "the job queue's tables could not be brought up to date: %w", err)
	}
	if n := len(done.Versions); n > 0 {
		log.InfoContext(ctx, "migrations have brought the job queue's tables up to date", "to", done.Versions[n-1].Version)
	}
	return nil
}

// jobPolicy names the policies of the job queue's tables. A new name replaces those of an older version.
const jobPolicy = "keepsake_jobs_2"

// bindForeignTables forces row-level security on the tables that other software made here: the job queue's and the
// migrations' own. They are the system's. Whoever starts an operation puts its job into the queue, in the same
// transaction, so a job is also seen by those who see its operation; nothing but the operation's id is in it.
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
			who = "keepsake_is_system() or exists (select from public.backup_operations o where o.id = (args ->> " +
				"'operation')::uuid)"
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
