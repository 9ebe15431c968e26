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

// guards are the database's triggers and functions, with what they do.
const guards = `
	select pg_get_triggerdef(g.oid) from pg_trigger g where not g.tgisinternal
	union all select pg_get_functiondef(p.oid) from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = 'public' and p.prokind = 'f'
	union all select tablename || ' ' || policyname from pg_policies where schemaname = 'public'
	order by 1`

// TestTheGuardsGoAndComeBack: the way down from the migration that guards what the working role writes leads to what was there before, and up again.
func TestTheGuardsGoAndComeBack(t *testing.T) {
	t.Parallel()
	const before, guarded = 35, 36
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
		} else if err == nil {
			_, err = provider.UpTo(t.Context(), version)
		}
		if err != nil {
			t.Fatal(err)
		}
		rows, _ := conn.Query(t.Context(), guards)
		list, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil || len(list) == 0 {
			t.Fatal(err)
		}
		return list
	}
	unguarded := to(before)
	with := to(guarded)
	if again := to(before); !slices.Equal(again, unguarded) {
		t.Errorf("down leads to\n%s\nand not to\n%s", lacks(again, unguarded), lacks(unguarded, again))
	}
	if again := to(guarded); !slices.Equal(again, with) {
		t.Errorf("up again leads to\n%s\nand not to\n%s", lacks(again, with), lacks(with, again))
	}
	if err := db.Prepare(t.Context(), owner, server, quiet); err != nil {
		t.Error(err)
	}
}

// lacks is what one has and another has not.
func lacks(one, another []string) []string {
	return slices.DeleteFunc(slices.Clone(one), func(s string) bool { return slices.Contains(another, s) })
}
