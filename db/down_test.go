package db_test

import (
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/dbtest"
	"github.com/wedsync/keepsake/migrations"
)

// guards are what the database consists of: its columns, constraints, indexes, policies, and the triggers and functions
// with what they do.
const guards = `
	select c.oid::regclass || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull
		from pg_class c join pg_attribute a on a.attrelid = c.oid
		where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
			and c.relname <> 'goose_db_version'
	union all select conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) from pg_constraint
		where connamespace = 'public'::regnamespace and conrelid <> 0
	union all select indexdef from pg_indexes where schemaname = 'public'
	union all select pg_get_triggerdef(g.oid) from pg_trigger g where not g.tgisinternal
	union all select pg_get_functiondef(p.oid) from pg_proc p join pg_namespace n on n.oid = p.pronamespace
		where n.nspname = 'public' and p.prokind = 'f'
	union all select tablename || ' ' || policyname from pg_policies where schemaname = 'public'
	order by 1`

// retained is what a retention leaves in the database: itself, what was proved of a recovery point that is gone, and
// one that is to go.
const retained = `
	insert into backup_operations (platform, id, kind, requested_by, requested_name, confirmed)
		values ('main', '018f0000-0000-7000-8000-000000000001', 'retention', '1', 'x', '["p"]');
	insert into backup_tests (platform, id, point_id, kind, tested_at, ok, findings, seconds)
		values ('main', '018f0000-0000-7000-8000-000000000002', 'gone', 'deep_verify', now(), true, 0, 1);
	insert into recovery_points (platform, id, taken_at, backup_type, source_database, source_server, tables, rows,
		bytes_read, bytes_stored, bytes_new, chunks, chunks_new, seconds, copies, protected, goes_after, goes_because)
		values ('main', 'p', now(), 'full', 'x', '15', 1, 1, 1, 1, 1, 1, 1, 1, '[]', true, now(), 'no rule keeps it')`

// TestEveryMigrationGoesAndComesBack: the way down from each migration leads to what was there before it, and up again.
func TestEveryMigrationGoesAndComesBack(t *testing.T) {
	t.Parallel()
	owner, server := dbtest.Roles(t)
	c, err := pgx.ParseConfig(owner.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	c.RuntimeParams["keepsake.role"] = "system"
	conn, err := pgx.ConnectConfig(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	sqldb := stdlib.OpenDB(*c)
	defer sqldb.Close()
	provider, err := goose.NewProvider(goose.DialectPostgres, sqldb, migrations.FS, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	to := func(version int64) []string {
		t.Helper()
		there, err := provider.GetDBVersion(t.Context())
		if err == nil && there > version {
			_, err = provider.DownTo(t.Context(), version)
		} else if err == nil && there < version {
			_, err = provider.UpTo(t.Context(), version)
		}
		if err != nil {
			t.Fatal(err)
		}
		rows, _ := conn.Query(t.Context(), guards)
		list, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	versions := []int64{0}
	for _, m := range provider.ListSources() {
		versions = append(versions, m.Version)
	}
	var stages [][]string
	for _, v := range versions {
		stages = append(stages, to(v))
	}
	if _, err := conn.Exec(t.Context(), retained); err != nil {
		t.Fatal(err)
	}
	for i := len(versions) - 2; i >= 0; i-- {
		if again := to(versions[i]); !slices.Equal(again, stages[i]) {
			t.Errorf("down to %d leads to\n%s\nand not to\n%s", versions[i], lacks(again, stages[i]), lacks(stages[i], again))
		}
	}
	newest := len(versions) - 1
	if again := to(versions[newest]); !slices.Equal(again, stages[newest]) {
		t.Errorf("up again leads to\n%s\nand not to\n%s", lacks(again, stages[newest]), lacks(stages[newest], again))
	}
	if err := db.Prepare(t.Context(), owner, server, quiet); err != nil {
		t.Error(err)
	}
}

// lacks is what one has and another has not.
func lacks(one, another []string) []string {
	return slices.DeleteFunc(slices.Clone(one), func(s string) bool { return slices.Contains(another, s) })
}
