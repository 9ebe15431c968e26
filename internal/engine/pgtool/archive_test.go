package pgtool_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/pgtool"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func exec(t *testing.T, conn *pgx.Conn, statements ...string) {
	t.Helper()
	for _, q := range statements {
		if _, err := conn.Exec(t.Context(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
}

func find(t *testing.T) pgtool.Tools {
	t.Helper()
	tools, err := pgtool.Find(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return tools
}

// snapshot exports one that lasts as long as the test.
func snapshot(t *testing.T, conn *pgx.Conn) (id string) {
	t.Helper()
	exec(t, conn, "begin isolation level repeatable read read only")
	if err := conn.QueryRow(t.Context(), "select pg_export_snapshot()").Scan(&id); err != nil {
		t.Fatal(err)
	}
	return id
}

const (
	oddRole   = "the \"boss\";\n-- über 'allem' $$"
	oddSchema = "wedding planning\n/* 2026"
	oddTable  = "größe; \"$x$\" \\ -- 'é'"
)

// dumpOdd dumps a database full of names that a careless reader of lists and scripts stumbles over.
func dumpOdd(t *testing.T) (string, *pgtool.Archive) {
	t.Helper()
	url := testenv.DB(t)
	conn := connect(t, url)
	role, schema, table := pgx.Identifier{oddRole}.Sanitize(), pgx.Identifier{oddSchema}.Sanitize(),
		pgx.Identifier{oddSchema, oddTable}.Sanitize()
	exec(t, conn, "do $do$ begin create role "+role+
		"; exception when duplicate_object or unique_violation then null; end $do$", "create schema "+schema,
		"create table "+table+" (id int primary key, body text default E'a\\\\;''b')",
		"alter table "+table+" owner to "+role,
		"create table guests (id int primary key, seat int constraint \"sits; at\" references "+table+")",
		"comment on table "+table+" is E'it''s; -- a\n/* comment $$ \\\\ of\n\"lines\"'",
		"comment on column guests.seat is 'x;\n\\\\connect elsewhere'",
		"create policy \"p;\n1\" on "+table+" to "+role+" using (body <> E'\\\\;\n''--' and body <> '$$;')",
		"create function public.f() returns trigger language plpgsql as $f$ begin raise notice 'a;$$b'; return new; end $f$",
		"create trigger \"on; new\" before insert on "+table+" for each row execute function public.f('; -- x', E'\\\\')",
		"grant select, update (body) on "+table+" to public",
		"alter default privileges for role "+role+" in schema "+schema+" grant select on tables to public",
		"create extension postgres_fdw", "create server \"far; away\" foreign data wrapper postgres_fdw",
		"create user mapping for "+role+" server \"far; away\" options (password E'a;\\\\''b')")
	a, err := pgtool.NewArchive()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	if err := find(t).Dump(t.Context(), keepsake.Secret(url), snapshot(t, conn), a); err != nil {
		t.Fatal(err)
	}
	return url, a
}

func TestListTellsOddNamesApart(t *testing.T) {
	t.Parallel()
	_, a := dumpOdd(t)
	entries, err := find(t).List(t.Context(), a, []string{"postgres", "pg_database_owner", oddRole, "boss"})
	if err != nil {
		t.Fatal(err)
	}
	flat := strings.NewReplacer("\n", " ").Replace
	role, schema, table := flat(oddRole), flat(oddSchema), flat(oddTable)
	for _, want := range []pgtool.Entry{
		{Kind: "SCHEMA", Schema: "-", Name: schema, Owner: "postgres"},
		{Kind: "TABLE", Schema: schema, Name: table, Owner: role},
		{Kind: "TABLE", Schema: "public", Name: "guests", Owner: "postgres"},
		{Kind: "FK CONSTRAINT", Schema: "public", Name: "guests sits; at", Owner: "postgres"},
		{Kind: "POLICY", Schema: schema, Name: table + " p; 1", Owner: role},
		{Kind: "TRIGGER", Schema: schema, Name: table + " on; new", Owner: role},
		{Kind: "DEFAULT ACL", Schema: schema, Name: "DEFAULT PRIVILEGES FOR TABLES", Owner: role},
		{Kind: "SERVER", Schema: "-", Name: "far; away", Owner: "postgres"},
		{Kind: "EXTENSION", Schema: "-", Name: "postgres_fdw"},
	} {
		if !slices.ContainsFunc(entries, func(e pgtool.Entry) bool { e.Line = ""; return e == want }) {
			t.Errorf("the list has no %+v:\n%+v", want, entries)
		}
	}
}

// The statements of a script, run one by one in another database, make there what they made at the source.
func TestScriptsStatementsRunOneByOne(t *testing.T) {
	t.Parallel()
	source, a := dumpOdd(t)
	tools, url := find(t), testenv.DB(t)
	entries, err := tools.List(t.Context(), a, []string{"postgres", "pg_database_owner", oddRole})
	if err != nil {
		t.Fatal(err)
	}
	apart := func(e pgtool.Entry) bool {
		return slices.Contains([]string{"FK CONSTRAINT", "POLICY", "TRIGGER", "ACL", "DEFAULT ACL", "USER MAPPING"}, e.Kind)
	}
	rest := slices.DeleteFunc(slices.Clone(entries), apart)
	single := slices.DeleteFunc(slices.Clone(entries), func(e pgtool.Entry) bool { return !apart(e) })
	for _, section := range []string{"pre-data", "post-data"} {
		failed, err := tools.Restore(t.Context(), keepsake.Secret(url), a,
			pgtool.RestoreOptions{Section: section, Entries: rest})
		if err != nil || len(failed) != 0 {
			t.Fatalf("%v; failed: %+v", err, failed)
		}
	}
	scripts, err := tools.Script(t.Context(), a, single)
	if err != nil {
		t.Fatal(err)
	}
	conn := connect(t, url)
	for _, s := range scripts {
		exec(t, conn, s.Statements...)
	}
	want, got := facts(t, connect(t, source)), facts(t, conn)
	for i := range want {
		if want[i] == nil || got[i] == nil || *want[i] != *got[i] {
			t.Errorf("the other database has %q, the source %q", show(got[i]), show(want[i]))
		}
	}
}

// facts is what the statements of a script make.
func facts(t *testing.T, conn *pgx.Conn) (f []*string) {
	t.Helper()
	err := conn.QueryRow(t.Context(), `select array[
		(select conname from pg_constraint where contype = 'f'),
		(select polname || pg_get_expr(polqual, polrelid) from pg_policy),
		(select tgname || encode(tgargs, 'escape') from pg_trigger where not tgisinternal),
		(select obj_description(oid) from pg_class where relname = $1),
		(select col_description('guests'::regclass, 2)),
		(select defaclacl::text from pg_default_acl),
		(select usename || umoptions::text from pg_user_mappings),
		(select relacl::text from pg_class where relname = $1),
		(select attacl::text from pg_attribute where attacl is not null and attrelid >= 16384)]`, oddTable).Scan(&f)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func show(s *string) string {
	if s == nil {
		return "nothing"
	}
	return *s
}

// A tool's failure is told in its own words, and a password is in none of them.
func TestDumpFailsInWords(t *testing.T) {
	t.Parallel()
	url := keepsake.Secret(testenv.DB(t))
	var out bytes.Buffer
	err := find(t).Dump(t.Context(), url, "00000000-00000000-1", &out)
	var tool *pgtool.Error
	if !errors.As(err, &tool) || tool.Tool != "pg_dump" || !strings.Contains(err.Error(), "snapshot") {
		t.Errorf("a dump of no snapshot: %v", err)
	}
	config, parseErr := pgx.ParseConfig(url.Reveal())
	if parseErr != nil {
		t.Fatal(parseErr)
	}
	if err != nil && strings.Contains(err.Error(), config.Password) {
		t.Error("the error shows the password")
	}
}

// A stopped dump ends its program, which leaves the server.
func TestDumpStopsWhenAsked(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	holder, keeper := connect(t, url), connect(t, url)
	exec(t, holder, "create table held (id int)")
	id := snapshot(t, keeper)
	exec(t, holder, "begin", "lock table held in access exclusive mode")
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- find(t).Dump(ctx, keepsake.Secret(url), id, io.Discard) }()
	waiting := func() (n int) {
		t.Helper()
		err := holder.QueryRow(t.Context(), "select count(*) from pg_locks, pg_sleep(0.01) where relation = "+
			"'held'::regclass and not granted").Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for n := 0; n == 0; {
		n = waiting()
	}
	stop()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("the stopped dump: %v", err)
	}
	for range 1000 {
		if waiting() == 0 {
			return
		}
	}
	t.Error("its session still waits for the table")
}

func TestArchiveThatIsNone(t *testing.T) {
	t.Parallel()
	tools := find(t)
	for name, content := range map[string]string{"empty": "", "cut off": "PGDMP\x01\x0e",
		"text": strings.Repeat("-- a script;\n", 100)} {
		a, err := pgtool.NewArchive()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = a.Close() }()
		if _, err := io.WriteString(a, content); err != nil {
			t.Fatal(err)
		}
		var tool *pgtool.Error
		if entries, err := tools.List(t.Context(), a, nil); !errors.As(err, &tool) || len(entries) != 0 {
			t.Errorf("%s: %v, %+v", name, err, entries)
		}
	}
}

func TestFindNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	_, err := pgtool.Find(t.Context(), t.TempDir())
	if keepsake.CodeOf(err) != keepsake.CodeInvalid || !strings.Contains(err.Error(), "pg_dump") ||
		!strings.Contains(err.Error(), "pg_bin") {
		t.Errorf("%v (%s)", err, keepsake.CodeOf(err))
	}
	if _, err := os.Stat(find(t).Dir); err != nil {
		t.Error(err)
	}
}
