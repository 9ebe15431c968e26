package engine_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// wantNotCarried fails unless the report names something of that kind whose name holds every one of the words.
func wantNotCarried(t *testing.T, list []keepsake.NotCarried, kind string, words ...string) {
	t.Helper()
	for _, n := range list {
		if n.Kind == kind && n.Reason != "" &&
			!slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(n.Name, w) }) {
			return
		}
	}
	t.Errorf("the report does not name the %s %q: %+v", kind, words, list)
}

// at is the URL of another database on the same server, for another role if one is given.
func at(t *testing.T, old, database, role string) string {
	t.Helper()
	u, err := url.Parse(old)
	if err != nil {
		t.Fatal(err)
	}
	if u.Path = "/" + database; role != "" {
		u.User = url.UserPassword(role, role)
	}
	return u.String()
}

// nameIn is the name of the database in a URL, whether there is such a database or not.
func nameIn(t *testing.T, raw string) string {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(u.Path, "/")
}

// absent is the URL of a database that is still to be made. It is dropped when the test ends.
func absent(t *testing.T) string {
	t.Helper()
	near := testenv.DB(t)
	name := "to be made beside " + nameIn(t, near)
	t.Cleanup(func() {
		run(t, near, "drop database if exists "+pgx.Identifier{name}.Sanitize()+" with (force)")
	})
	return at(t, near, name, "")
}

// A server without a needed extension gets everything that does not need it; what does is named, tables before all
// else.
func TestServerWithoutTheExtensionGetsTheRest(t *testing.T) {
	t.Parallel()
	source, create := testenv.DB(t), absent(t)
	// The extension is there and works, but under a name for which no server has a package.
	run(t, source, "create extension pg_trgm", "create extension citext", "create extension hstore",
		"create table guests (id int primary key, name citext)",
		"create index guests_sound on guests using gin ((name::text) gin_trgm_ops)",
		"insert into guests values (1, 'Ada')",
		"create table seats (id int primary key, marks hstore, guest int references guests)",
		"insert into seats values (1, 'a=>1', 1), (2, null, null)", "create view seated as select id from seats",
		"comment on view seated is 'who sits'",
		"update pg_extension set extname = 'search by sound' where extname = 'pg_trgm'",
		"update pg_extension set extname = 'marks' where extname = 'hstore'")
	e := newEngine(t, source, providers(t))
	backup(t, e, keepsake.BackupFull)
	r := restore(t, e, engine.RestoreInput{
		Scope:  keepsake.Everything(),
		Point:  "latest",
		Target: keepsake.Secret(create),
		Create: true,
	})
	if r.Verified || r.Outcome != engine.OutcomeExceptions || r.Tables != 1 || r.Rows != 1 {
		t.Errorf("restored %d rows of %d tables, verified %v, %q: %s", r.Rows, r.Tables, r.Verified, r.Outcome, r.Message)
	}
	if len(r.Exceptions) == 0 || r.Exceptions[0].Kind != keepsake.LostRows ||
		!strings.Contains(r.Exceptions[0].Error, "2 rows") {
		t.Errorf("the table that is lost is not named first: %+v", r.Exceptions)
	}
	wantException(t, r, keepsake.LostRows, "public.seats")
	wantException(t, r, "extension", "search by sound")
	wantException(t, r, "extension", "marks")
	wantException(t, r, "index", "guests_sound")
	wantException(t, r, "comment", "VIEW seated")
	for _, x := range r.Exceptions {
		want := map[string]string{"table": "extension marks", "view": "table public.seats",
			"foreign key": "table public.seats", "constraint": "table public.seats",
			"index": "extension search by sound", keepsake.LostRows: "table public.seats"}[x.Kind]
		if x.Object == "VIEW seated in schema public" {
			want = "view public.seated"
		} else if x.Kind == "comment" {
			want = "extension " + strings.Trim(strings.TrimPrefix(x.Object, "EXTENSION "), `"`)
		}
		if x.Because != want {
			t.Errorf("%s %s is said to fail because of %q, want %q", x.Kind, x.Object, x.Because, want)
		}
	}
	if n := one[int](t, create, "select count(*) from guests where name = 'ADA'"); n != 1 {
		t.Error("the table that needs another extension is not as it was")
	}
}

// wantException fails unless the result names something of that kind whose object holds every one of the words.
func wantException(t *testing.T, r engine.RestoreResult, kind string, words ...string) {
	t.Helper()
	for _, x := range r.Exceptions {
		if x.Kind == kind && x.Error != "" && x.Means != "" &&
			!slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(x.Object, w) }) {
			return
		}
	}
	t.Errorf("the exceptions do not name the %s %q: %+v", kind, words, r.Exceptions)
}

// Roles belong to the server: a restore where they are missing brings every row and names what they leave behind.
func TestRolesMissingOnTheTarget(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		role   string // dropped after the backup; always in double quotes below
		give   []string
		report map[string]string // kind of an exception: a word of its object
	}{
		"grants": {"planner north", []string{`grant select on guests to "planner north"`,
			`grant update (name) on guests to "planner north"`,
			`create policy mine on guests to "planner north" using (id < 3)`,
			`alter default privileges in schema public grant select on tables to "planner north"`},
			map[string]string{"grant": "guests", "policy": "mine", "default grant": "TABLES"}},
		"owner": {`the "old" ünit`, []string{`alter table guests owner to "the ""old"" ünit"`,
			`grant select on guests to postgres`},
			map[string]string{"owner": "guests"}},
		"grantor": {"team lead", []string{`grant select on guests to "team lead" with grant option`,
			`set session authorization "team lead"`,
			`grant select on guests to public`, `reset session authorization`},
			map[string]string{"grant": "guests", "grantor": "guests"}},
		"owner of a collation": {"linguist", []string{`create collation plain from "C"`,
			`alter collation plain owner to linguist`},
			map[string]string{"owner": "plain"}},
		"owner of a publication": {"publisher",
			[]string{`create publication news for table guests`, `alter publication news owner to publisher`},
			map[string]string{"owner": "news"}},
		"grantee of a server": {"far away", []string{`create extension postgres_fdw`,
			`create server far foreign data wrapper postgres_fdw`,
			`grant usage on foreign server far to "far away"`, `create user mapping for "far away" server far`},
			map[string]string{"grant": "far", "user mapping": "far"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source, target := testenv.DB(t), testenv.DB(t)
			role := pgx.Identifier{c.role}.Sanitize()
			keeper := "keeper of " + name
			run(t, source, "create role "+role, "create role "+pgx.Identifier{keeper}.Sanitize(),
				"create table guests (id int primary key, name text)",
				"insert into guests select i, 'guest ' || i from generate_series(1, 100) i",
				"create table kept (id int)", "alter table kept owner to "+pgx.Identifier{keeper}.Sanitize(),
				"insert into kept values (1)")
			run(t, source, c.give...)
			e := newEngine(t, source, providers(t))
			b := backup(t, e, keepsake.BackupFull)
			run(t, source, "reassign owned by "+role+" to postgres", "drop owned by "+role, "drop role "+role)

			r := restore(t, e, engine.RestoreInput{
				Scope:  keepsake.Everything(),
				Point:  "latest",
				Target: keepsake.Secret(target),
			})
			if !r.Verified || r.Rows != b.Rows {
				t.Errorf("restored %d of %d rows, verified: %v", r.Rows, b.Rows, r.Verified)
			}
			want, got := rowsOf(t, source), rowsOf(t, target)
			for table := range want {
				if want[table] != got[table] {
					t.Errorf("%s: restored %q, source %q", table, got[table], want[table])
				}
			}
			for kind, word := range c.report {
				wantException(t, r, kind, word)
			}
			if len(r.NotCarried) != 0 {
				t.Errorf("not carried: %+v", r.NotCarried)
			}
			if acl := one[string](t, target, "select coalesce(relacl::text, '') from pg_class where relname = 'guests'"); name ==
				"grantor" && !strings.Contains(acl, ",=r/postgres") {
				t.Errorf("the right that the missing role gave to everybody is not there: %s", acl)
			}
			if owner := one[string](t, target, "select tableowner::text from pg_tables where tablename = 'kept'"); owner !=
				keeper {
				t.Errorf("another role's table belongs to %q, want %q", owner, keeper)
			}
		})
	}
}

// A restore of one tier brings its rows, and names each foreign key that cannot hold without the others.
func TestOneTierNamesTheForeignKeysItBreaks(t *testing.T) {
	t.Parallel()
	source, target := testenv.DB(t), testenv.DB(t)
	run(t, source, "create table organizations (id int primary key, name text)",
		"insert into organizations values (1, 'Spring')",
		"create table weddings (id int primary key, couple text)",
		"insert into weddings select i, 'Couple' from generate_series(1, 50) i",
		"create table seasons (year int primary key) partition by range (year)",
		"create table seasons_now partition of seasons for values from (2020) to (2030)", "insert into seasons values (2026)",
		`create table clients (id int primary key, organization_id int references organizations, wedding_id int constraint
			"the client's wedding" references weddings,
			second_wedding_id int constraint never_set references weddings,
				season int constraint client_season references seasons)`,
		"insert into clients (id, organization_id, wedding_id, season) select i, 1, i, 2026 from generate_series(1, 50) i",
		"create table payments (id int primary key, client_id int constraint of_client references clients)",
		"insert into payments values (1, 1)")
	e := newEngine(t, source, providers(t))
	b := backup(t, e, keepsake.BackupFull)
	r := restore(t, e, engine.RestoreInput{
		Scope:  ofTier(keepsake.TierCritical),
		Point:  "latest",
		Target: keepsake.Secret(target),
	})
	if !r.Verified || r.Rows != 101 || r.Tables != 3 || r.Rows == b.Rows {
		t.Errorf("restored %+v, want the 101 rows of weddings, clients and organizations", r)
	}
	want, got := rowsOf(t, source), rowsOf(t, target)
	for _, table := range []string{`"public"."weddings"`, `"public"."clients"`, `"public"."organizations"`} {
		if want[table] == "" || want[table] != got[table] {
			t.Errorf("%s: restored %q, source %q", table, got[table], want[table])
		}
	}
	if n := one[int](t, target, "select (select count(*) from payments) + (select count(*) from seasons)"); n != 0 {
		t.Errorf("%d rows of other tiers were restored", n)
	}
	wantNotCarried(t, r.NotCarried, "table rows", "2 tables")
	wantNotCarried(t, r.NotCarried, "foreign key", "clients", "client_season")
	if len(r.NotCarried) != 2 {
		t.Errorf("not carried: %+v, want the other tables' rows and the season's foreign key", r.NotCarried)
	}
	state := one[string](t, target, "select string_agg(conname || ' ' || convalidated, ', ' order by conname collate "+
		"\"C\") from pg_constraint where contype = 'f'")
	if want := "clients_organization_id_fkey true, never_set true, of_client true, the client's wedding true"; state !=
		want {
		t.Errorf("foreign keys of the restored database: %s, want %s", state, want)
	}
}

// Text of other encodings comes back byte for byte, in a database that the restore makes.
func TestOtherEncodingsComeBackByteForByte(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{"LATIN1", "SQL_ASCII"} {
		t.Run(encoding, func(t *testing.T) {
			t.Parallel()
			source, target, wrong := absent(t), absent(t), testenv.DB(t)
			run(t, wrong, fmt.Sprintf("create database %s template template0 encoding '%s' lc_collate 'C' lc_ctype 'C'",
				pgx.Identifier{nameIn(t, source)}.Sanitize(), encoding))
			run(t, source, "create table notes (id int primary key, body text, parts text[], kind \"char\")",
				`insert into notes select i, chr(i) || repeat(chr(256 - i), 3), array[chr(i), 'a\b', null], chr(65)::"char"
					from generate_series(1, 255) i`,
				"insert into notes select 1000, string_agg(chr(i), '' order by i) from generate_series(1, 255) i",
				"insert into notes select i, repeat(chr(228) || chr(195) || chr(40), 1000) from generate_series(2000, 2200) i",
				`create table "gäste" ("größe" int, constraint "mehr als nötig" check ("größe" > 0))`,
				`insert into "gäste" values (7)`)
			// Also where the schema itself holds such bytes.
			run(t, source, `do $$ begin
				execute 'comment on table notes is ' || quote_literal('caf' || chr(233));
				execute 'alter table notes alter body set default ' || quote_literal(chr(233) || chr(128));
				execute 'create function f() returns text language sql as ' || quote_literal('select ' || quote_literal(chr(255)));
				execute 'create policy p on notes using (body <> ' || quote_literal(chr(255)) || ')';
			end $$`)
			e := newEngine(t, source, providers(t))
			backup(t, e, keepsake.BackupFull)
			_, err := e.Restore(t.Context(),
				engine.RestoreInput{Scope: keepsake.Everything(), Point: "latest", Target: keepsake.Secret(wrong)}, engine.Discard)
			wantError(t, err, keepsake.CodeInvalid, "UTF8", encoding)
			wantUnwritten(t, wrong)
			if r := restore(t, e, engine.RestoreInput{
				Scope:  keepsake.Everything(),
				Point:  "latest",
				Target: keepsake.Secret(target),
				Create: true,
			}); !r.Verified || len(r.NotCarried) != 0 {
				t.Errorf("restore: %+v", r)
			}
			if got := one[string](t, target, "select getdatabaseencoding()"); got != encoding {
				t.Errorf("the new database is encoded in %s", got)
			}
			bytes := "select md5(string_agg(encode(convert_to(body, getdatabaseencoding()), 'hex'), ',' order by id)) from notes"
			if a, b := one[string](t, source, bytes), one[string](t, target, bytes); a != b {
				t.Errorf("the bytes of the text differ")
			}
			if n := one[int](t, target, "select length(convert_to(body, getdatabaseencoding())) from notes "+
				"where id = 1000"); n != 255 {
				t.Errorf("the text of all 255 bytes has %d", n)
			}
			same(t, source, target)
		})
	}
}

// Names that are text in no encoding cannot be kept: they are refused in words, not lost.
func TestRefusesNamesThatAreNoText(t *testing.T) {
	t.Parallel()
	for name, q := range map[string]string{
		"table":  "'create table ' || quote_ident('caf' || chr(233)) || '()'",
		"column": "'create table notes (' || quote_ident('caf' || chr(233)) || ' int)'",
		"label":  "'create type mood as enum (' || quote_literal('caf' || chr(233)) || '); create table moods (mood mood)'",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := absent(t)
			run(t, testenv.DB(t), "create database "+pgx.Identifier{nameIn(t, source)}.Sanitize()+
				" template template0 encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C'")
			run(t, source, "do $$ begin execute "+q+"; end $$")
			e := newEngine(t, source, providers(t))
			_, err := e.Backup(t.Context(), engine.BackupInput{Type: keepsake.BackupFull}, engine.Discard)
			wantError(t, err, keepsake.CodeUnsupported, "SQL_ASCII", "0xe9")
			if points, err := e.Points(t.Context(), ""); err != nil || len(points) != 0 {
				t.Errorf("points after the refusal: %v %+v", err, points)
			}
		})
	}
}

// What the hosting service made on the target stays as it is: only rows, triggers and policies come into it.
func TestHostingServicesSchemaKeepsItsDefinitions(t *testing.T) {
	t.Parallel()
	source, target := testenv.DB(t), testenv.DB(t)
	run(t, source, "create schema auth", "create table auth.users (id int generated by default as identity primary "+
		"key, email text)",
		"create function auth.version() returns int language sql as 'select 1'",
		"create table auth.sessions (id int primary key)", "create table auth.retired (id int primary key)",
		"create table public.profiles (id int primary key references auth.users)",
		"insert into auth.users (email) select 'guest' || i from generate_series(1, 500) i",
		"insert into auth.sessions values (1), (2)",
		"insert into auth.retired values (1)", "insert into profiles select id from auth.users",
		"create function public.greet() returns trigger language plpgsql as 'begin insert into profiles values (-new.id); "+
			"return new; end'",
		"create trigger greet after insert on auth.users for each row execute function public.greet()",
		"create policy own on auth.users using (true)")
	run(t, target, "create schema auth", "create table auth.users (id int generated by default as identity primary key, "+
		"email text, confirmed boolean default true)",
		"create function auth.version() returns int language sql as 'select 2'",
		"create table auth.sessions (id int primary key)", "insert into auth.sessions values (99)")
	e := engine.New(engine.Options{
		PlatformURL:    keepsake.Secret(source),
		Providers:      providers(t),
		DataMap:        keepsake.DefaultDataMap(),
		Key:            repository.KeySource{Key: repository.NewKeyFile()},
		ManagedSchemas: []string{"auth", "storage"},
	})
	if _, err := e.Init(t.Context()); err != nil {
		t.Fatal(err)
	}
	backup(t, e, keepsake.BackupFull)
	r := restore(t, e, engine.RestoreInput{Scope: keepsake.Everything(), Point: "latest", Target: keepsake.Secret(target)})
	wantNotCarried(t, r.NotCarried, "definitions", "auth")
	wantException(t, r, keepsake.LostRows, "auth.sessions")
	wantException(t, r, keepsake.LostRows, "auth.retired")
	for query, want := range map[string]string{
		"select auth.version()::text": "2",
		"select count(*) || ' ' || bool_and(confirmed) || ' ' || min(email) " +
			"from auth.users": "500 true guest1",
		"select string_agg(id::text, ',') from auth.sessions":                                                        "99",
		"select coalesce(to_regclass('auth.retired')::text, 'none')":                                                 "none",
		"select count(*) || ' ' || min(id) from profiles":                                                            "500 1",
		"select string_agg(tgname, ',') from pg_trigger where tgrelid = 'auth.users'::regclass and not tgisinternal": "greet",
		"select string_agg(polname, ',') from pg_policy":                                                             "own",
		"select convalidated::text from pg_constraint where conname = 'profiles_id_fkey'":                            "true",
		"select nextval(pg_get_serial_sequence('auth.users', 'id'))::text":                                           "501",
	} {
		if got := one[string](t, target, query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}

// A role that row-level security binds would read fewer rows than there are: there is no recovery point of those.
func TestRefusesARoleThatRowSecurityBinds(t *testing.T) {
	t.Parallel()
	admin := testenv.DB(t)
	run(t, admin, "create role bound_reader login password 'bound_reader' in role pg_read_all_data",
		"create table weddings (id int primary key)", "insert into weddings select generate_series(1, 9)",
		"create table guests (id int primary key)", "insert into guests select generate_series(1, 9)",
		"create policy early on guests using (id < 5)", "alter table guests enable row level security")
	e := newEngine(t, at(t, admin, nameIn(t, admin), "bound_reader"), providers(t))
	for _, kind := range []keepsake.BackupType{keepsake.BackupFull, keepsake.BackupIncremental} {
		_, err := e.Backup(t.Context(), engine.BackupInput{Type: kind}, engine.Discard)
		wantError(t, err, keepsake.CodeInvalid, "public.guests", "row-level security", "BYPASSRLS")
		if err != nil && strings.Contains(err.Error(), "weddings") {
			t.Errorf("%v: it names a table that nothing hides", err)
		}
	}
	if points, err := e.Points(t.Context(), ""); err != nil || len(points) != 0 {
		t.Errorf("points after the refusals: %v %+v", err, points)
	}
	run(t, admin, "alter role bound_reader bypassrls")
	if r := backup(t, e, keepsake.BackupFull); r.Rows != 18 {
		t.Errorf("a role that sees everything backs up %d of 18 rows", r.Rows)
	}
}

// A backup that waits for a migration's lock can be stopped at once, and leaves neither a session nor a lock on the
// platform. It runs alone: its open transaction would make incremental backups in other databases of the server doubt
// their rows.
func TestStoppedWhileAMigrationHoldsATable(t *testing.T) {
	source := testenv.DB(t)
	run(t, source, "create table a_first (id int)", "create table migrated (id int)", "insert into migrated values (1)")
	e := newEngine(t, source, providers(t))
	migration, err := pgx.Connect(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = migration.Close(context.Background()) }()
	for _, q := range []string{"begin", "lock table migrated in access exclusive mode"} {
		if _, err := migration.Exec(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan error, 1)
	go func() {
		_, err := e.Backup(ctx, engine.BackupInput{Type: keepsake.BackupFull}, engine.Discard)
		done <- err
	}()
	// others counts the sessions of the backup and waits until they are as many as wanted.
	others := func(want, condition string) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); ; {
			var n int
			var found string
			err := migration.QueryRow(t.Context(), `select count(*), coalesce(string_agg(concat_ws(' ', application_name, state,
				wait_event_type, query), '; '), '')
				from pg_stat_activity, pg_sleep(0.01) where datname = current_database() and pid <> pg_backend_pid()
					and backend_type = 'client backend' and `+condition).Scan(&n, &found)
			switch {
			case err != nil:
				t.Fatal(err)
			case fmt.Sprint(n) == want:
				return
			case time.Now().After(deadline):
				t.Fatalf("%d sessions, want %s: %s", n, want, found)
			}
			if _, err := migration.Exec(t.Context(), "select pg_stat_clear_snapshot()"); err != nil {
				t.Fatal(err)
			}
		}
	}
	others("1", "wait_event_type = 'Lock'")
	stopped := time.Now()
	stop()
	select {
	case err := <-done:
		if err == nil || !errors.Is(err, context.Canceled) {
			t.Errorf("the stopped backup: %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the backup goes on 10 seconds after it was stopped")
	}
	if took := time.Since(stopped); took > 5*time.Second {
		t.Errorf("stopping took %v", took)
	}
	others("0", "true")
	if n := one[int](t, source, "select count(*) from pg_locks where database = (select oid from pg_database where "+
		"datname = current_database()) and relation = 'a_first'::regclass"); n != 0 {
		t.Errorf("%d locks are left on a table of the platform", n)
	}
	if points, err := e.Points(t.Context(), ""); err != nil || len(points) != 0 {
		t.Errorf("points after the stop: %v %+v", err, points)
	}
	if _, err := migration.Exec(t.Context(), "rollback"); err != nil {
		t.Fatal(err)
	}
	if r := backup(t, e, keepsake.BackupFull); r.Rows != 1 {
		t.Errorf("the next backup has %d rows, want 1", r.Rows)
	}
}
