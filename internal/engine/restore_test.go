package engine_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// tortured returns a database that holds everything in testdata/torture.sql.
func tortured(t *testing.T) string {
	t.Helper()
	sql, err := os.ReadFile("testdata/torture.sql")
	if err != nil {
		t.Fatal(err)
	}
	url := testenv.DB(t)
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.PgConn().Exec(ctx, string(sql)).ReadAll(); err != nil {
		t.Fatal(err)
	}
	return url
}

var restrictLine = regexp.MustCompile(`(?m)^\\(un)?restrict .*$`)

// schemaOf is the database's schema as pg_dump writes it.
func schemaOf(t *testing.T, url string) string {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command(client(t, "pg_dump"), "--schema-only", "--no-subscriptions", url)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("pg_dump: %v: %s", err, errs.String())
	}
	return restrictLine.ReplaceAllString(out.String(), "")
}

// rowsOf returns, for every table and materialized view, the number of rows and a hash that does not depend on their
// order.
func rowsOf(t *testing.T, url string) map[string]string {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	rows, err := conn.Query(ctx, `select n.nspname, c.relname, c.relkind = 'S'
		from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind in ('r', 'm', 'S') and c.relpersistence = 'p' and c.relispopulated and n.nspname !~ '^pg_'
			and n.nspname <> 'information_schema'
		union all select 'pg_catalog', 'pg_largeobject', false`)
	if err != nil {
		t.Fatal(err)
	}
	sequences := map[string]bool{}
	tables, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (pgx.Identifier, error) {
		id, sequence := make(pgx.Identifier, 2), false
		err := row.Scan(&id[0], &id[1], &sequence)
		sequences[id.Sanitize()] = sequence
		return id, err
	})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, id := range tables {
		var n int64
		var hash string
		q := fmt.Sprintf("select count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text from only %s as t",
			id.Sanitize())
		if sequences[id.Sanitize()] {
			q = fmt.Sprintf("select last_value, is_called::text from %s", id.Sanitize())
		}
		if err := conn.QueryRow(ctx, q).Scan(&n, &hash); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
		found[id.Sanitize()] = fmt.Sprintf("%d rows, hash %s", n, hash)
	}
	return found
}

// same fails when the two databases differ in schema or rows.
func same(t *testing.T, source, restored string) {
	t.Helper()
	want, got := rowsOf(t, source), rowsOf(t, restored)
	for table, w := range want {
		if got[table] != w {
			t.Errorf("%s: restored %q, source %q", table, got[table], w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("restored %d tables, source has %d", len(got), len(want))
	}
	a, b := strings.Split(schemaOf(t, source), "\n"), strings.Split(schemaOf(t, restored), "\n")
	for i := range max(len(a), len(b)) {
		var x, y string
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if x != y {
			t.Fatalf("schema differs at line %d: source %q, restored %q", i+1, x, y)
		}
	}
}

func restore(t *testing.T, e *engine.Engine, in engine.RestoreInput) engine.RestoreResult {
	t.Helper()
	r, err := e.Restore(t.Context(), in, engine.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestEverythingComesBackTheSame(t *testing.T) {
	t.Parallel()
	source := tortured(t)
	e := newEngine(t, source, providers(t))
	b := backup(t, e, keepsake.BackupFull)
	if n := b.NotCarried; len(n) != 3 || n[0].Name+n[1].Name != "other.totals_of_totalspublic.totals" ||
		n[2].Name != "other.scratch" {
		t.Errorf("not carried: %+v, want only the rows of the materialized views and of the unlogged table", b.NotCarried)
	}
	target := testenv.DB(t)
	r := restore(t, e, engine.RestoreInput{Scope: keepsake.Everything(), Point: "latest", Target: keepsake.Secret(target)})
	if !r.Verified || r.Rows != b.Rows || r.Tables != b.Tables {
		t.Errorf("restore: %+v after backup %+v", r, b)
	}
	same(t, source, target)
	_, err := e.Restore(t.Context(), engine.RestoreInput{
		Scope:  keepsake.Everything(),
		Point:  "latest",
		Target: keepsake.Secret(target),
	}, engine.Discard)
	if keepsake.CodeOf(err) != keepsake.CodeConflict {
		t.Errorf("a second restore into the same database: %v, want a conflict", err)
	}
	same(t, source, target)
}
