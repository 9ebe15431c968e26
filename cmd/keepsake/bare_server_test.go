package main

import (
	"strconv"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/testenv"
)

// bareServer is a server that has never seen the platform: no role of it, nothing but what initdb makes.
func bareServer(t *testing.T) *testenv.Postgres {
	t.Helper()
	p, err := testenv.StartPostgres(t.Context(), testenv.PostgresOptions{Settings: map[string]string{"fsync": "off"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return p
}

// secretOptions are what a schema holds and no output may.
var secretOptions = []string{"mapping-hunter2", "server-hunter2", "setting-hunter2", "body-hunter2", "wrapper-hunter2",
	"comment-hunter2", "column-hunter2"}

// TestBareServerGetsEverythingBack restores a platform with roles of its own on a server that has none of them.
func TestBareServerGetsEverythingBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, "create role bare_r", "create role bare_app", "create role bare_kept",
		"create table g (id int primary key, name text)",
		"insert into g select i, 'guest ' || i from generate_series(1, 100) i",
		"create policy p on g to bare_r using (true)", "comment on policy p on g is 'comment-hunter2'",
		"alter table g enable row level security",
		"create policy everybody on g using (id > 0)", "comment on policy everybody on g is 'kept'",
		"grant select on g to bare_app", "grant select (id) on g to public", "create index g_name on g (name)",
		"comment on index g_name is 'kept'",
		"alter table g owner to bare_kept", "alter default privileges in schema public grant select on tables to "+
			"bare_app, public",
		"create extension postgres_fdw", "create foreign data wrapper loose options (a 'wrapper-hunter2')",
		"alter foreign data wrapper loose owner to postgres",
		"create server far foreign data wrapper postgres_fdw options (host 'server-hunter2')",
		"grant usage on foreign server far to bare_app",
		"create user mapping for bare_app server far options (user 'x', password 'mapping-hunter2')",
		"create foreign table remote (id int options (column_name 'column-hunter2')) server far",
		"alter foreign table remote owner to bare_kept",
		"create function dial() returns text language sql as $$select 'host=x password=body-hunter2'$$",
		"alter function dial() owner to bare_kept",
		"create function fine() returns int begin atomic select 1; select 2; end",
		"create rule quiet as on delete to g do also (select 1; select 2)",
		"create view v as select id from g", "alter view v owner to bare_kept",
		`do $$ begin execute format('alter database %I set app.token to %L', current_database(), 'setting-hunter2'); end $$`,
		`do $$ begin execute format('alter database %I set app.fine to %L', current_database(), 'setting-hunter2'); end $$`)
	w.secrets = append(w.secrets, secretOptions...)
	w.must(t, exitDone, "init", "--json")
	w.must(t, exitExceptions, "backup") // every row is saved; of weddings this platform has none
	bare := bareServer(t)
	w.env["KEEPSAKE_TARGET_URL"] = bare.URL("wedsync")
	w.hide(t, bare.URL("wedsync"))
	w.env["PLATFORM"] = "postgres://nobody@127.0.0.1:1/gone"

	r := document[engine.RestoreResult](t, w.must(t, exitExceptions, "restore", "latest", "--create", "--json"))
	if r.Outcome != engine.OutcomeExceptions || !strings.HasPrefix(r.Message, "Restored with exceptions") || !r.Verified ||
		r.Rows != 100 {
		t.Errorf("the report: %q, %q, verified %v, %d rows", r.Outcome, r.Message, r.Verified, r.Rows)
	}
	wanted := []struct{ kind, object, code, text, because, sql string }{
		{"policy", "public.g p", "42704", `role "bare_r" does not exist`, "",
			"CREATE POLICY p ON public.g TO bare_r USING (true)"},
		{"comment", "POLICY p ON g in schema public", "42704", `policy "p" for table "g" does not exist`, "policy public.g p",
			"COMMENT ON POLICY p ON public.g IS '…'"},
		{"grant", "TABLE g in schema public", "42704", `role "bare_app" does not exist`, "",
			"GRANT SELECT ON TABLE public.g TO bare_app"},
		{"owner", "public.g", "42704", `role "bare_kept" does not exist`, "", "ALTER TABLE public.g OWNER TO bare_kept"},
		{"owner", "public.v", "42704", `role "bare_kept" does not exist`, "", ""},
		{"owner", "public.dial()", "42704", `role "bare_kept" does not exist`, "",
			"ALTER FUNCTION public.dial() OWNER TO bare_kept"},
		{"default grant", "DEFAULT PRIVILEGES FOR TABLES in schema public",
			"42704", `role "bare_app" does not exist`, "", ""},
		{"grant", "SERVER far", "42704", `role "bare_app" does not exist`, "", ""},
		{"user mapping", "USER MAPPING bare_app SERVER far", "42704", `role "bare_app" does not exist`, "", ""},
	}
	for _, want := range wanted {
		found := false
		for _, e := range r.Exceptions {
			if e.Kind != want.kind || !strings.Contains(e.Object, want.object) {
				continue
			}
			found = true
			if e.Code != want.code || e.Error != want.text || e.Because != want.because || want.sql != "" && e.SQL != want.sql ||
				e.Means == "" {
				t.Errorf("the exception of %s %s: %+v", want.kind, want.object, e)
			}
		}
		if !found {
			t.Errorf("no exception names the %s %s: %+v", want.kind, want.object, r.Exceptions)
		}
	}
	target := bare.URL("wedsync")
	for q, want := range map[string]string{
		"select string_agg(polname, ',') from pg_policy":                   "everybody",
		"select obj_description((select oid from pg_policy), 'pg_policy')": "kept",
		"select obj_description('g_name'::regclass)":                       "kept",
		"select relrowsecurity::text from pg_class where relname = 'g'":    "true",
		"select string_agg(attacl::text, ',') from pg_attribute where attrelid = 'g'::regclass " +
			"and attnum > 0": "{=r/postgres}",
		"select defaclacl::text from " +
			"pg_default_acl": "{=r/postgres}",
		"select fine()::text": "2",
		"select count(*)::text from pg_rewrite where rulename = 'quiet'": "1",
		"select count(*)::text from v":                                   "100",
		"select setconfig::text from " +
			"pg_db_role_setting": "{app.token=setting-hunter2,app.fine=setting-hunter2}",
	} {
		if got := query[string](t, target, q); got != want {
			t.Errorf("%s: %s, want %s", q, got, want)
		}
	}
	aWholeStatementIsPrinted(t, w, r)
	w.env["KEEPSAKE_TARGET_URL"] = bare.URL("again")
	o := w.must(t, exitExceptions, "restore", "latest", "--create")
	for _, words := range []string{"Restored with exceptions", "policy public.g p",
		`role "bare_r" does not exist (SQLSTATE 42704)`, "CREATE POLICY p ON public.g TO bare_r",
		"because the policy public.g p could not be made"} {
		if !strings.Contains(o.out, words) {
			t.Errorf("the report in words does not say %q:\n%s", words, o.out)
		}
	}
	if strings.Contains(o.err, "Could not be made") || strings.Contains(o.err, "Restored with exceptions") {
		t.Errorf("the exceptions are printed twice:\n%s", o.err)
	}
	const roles = "\n    create role bare_app; create role bare_kept; create role bare_r;\n"
	if at := strings.Index(o.out, roles); at < 0 || at > strings.Index(o.out, "policy public.g p") {
		t.Errorf("the report does not begin with the roles to create:\n%s", o.out)
	}
	// With the roles there, the same restore is whole.
	execute(t, bare.URL("postgres"), "create role bare_r", "create role bare_app", "create role bare_kept")
	w.env["KEEPSAKE_TARGET_URL"] = bare.URL("whole")
	r = document[engine.RestoreResult](t, w.must(t, exitDone, "restore", "latest", "--create", "--json"))
	if r.Outcome != engine.OutcomeRestored || len(r.Exceptions) != 0 || !r.Verified {
		t.Errorf("with the roles there: %+v", r)
	}
}

// aWholeStatementIsPrinted follows the note of an exception whose statement is not shown.
func aWholeStatementIsPrinted(t *testing.T, w *world, r engine.RestoreResult) {
	t.Helper()
	for _, e := range r.Exceptions {
		if e.Kind != "user mapping" {
			continue
		}
		if e.SQL != "" || !strings.Contains(e.SQLNote, "keepsake schema POINT --entry "+strconv.Itoa(e.Entry)) {
			t.Errorf("the user mapping: %+v", e)
		}
		hidden := w.secrets
		w.secrets = nil // the command is for reading what is not shown elsewhere
		defer func() { w.secrets = hidden }()
		o := w.must(t, exitDone, "schema", r.Point, "--entry", strconv.Itoa(e.Entry))
		if !strings.HasPrefix(o.out, "CREATE USER MAPPING FOR bare_app SERVER far OPTIONS") ||
			!strings.Contains(o.out, "mapping-hunter2") {
			t.Errorf("the statement: %s", o.out)
		}
	}
}
