package engine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// restored restores everything of the latest point into a new database.
func restored(t *testing.T, e *engine.Engine) (target string, r engine.RestoreResult) {
	t.Helper()
	target = testenv.DB(t)
	return target, restore(t, e, engine.RestoreInput{
		Scope:  keepsake.Everything(),
		Point:  "latest",
		Target: keepsake.Secret(target),
	})
}

// wantWhole fails unless everything was restored, and nothing was named but that materialized views are fresh.
func wantWhole(t *testing.T, r engine.RestoreResult) {
	t.Helper()
	named := slices.DeleteFunc(slices.Clone(r.NotCarried), func(n keepsake.NotCarried) bool {
		return n.Kind == "materialized view rows"
	})
	if !r.Verified || r.Outcome != engine.OutcomeRestored || len(r.Exceptions)+len(named) > 0 {
		t.Errorf("restored: %s verified %v, exceptions %+v, not carried %+v", r.Message, r.Verified, r.Exceptions, named)
	}
}

// loud are event triggers that are always enabled: one writes a row for every statement, one raises.
var loud = []string{
	"create table statements (tag text)", "insert into statements values ('of the platform')",
	"create function note() returns event_trigger language plpgsql as $$ begin " +
		"insert into public.statements values (tg_tag); end $$",
	"create function refuse() returns event_trigger language plpgsql as $$ begin raise 'not here: %', tg_tag; end $$",
	"create table parents (id int primary key)", "create table children (id int constraint of_parent references parents)",
	"comment on constraint of_parent on children is 'of a key'",
	"create event trigger notes on ddl_command_end execute function note()", "alter event trigger notes enable always",
	"comment on event trigger notes is 'who did what'",
	"create event trigger refuses on ddl_command_start execute function refuse()",
	"create event trigger drops on sql_drop execute function refuse()",
	"alter event trigger drops enable replica", "alter event trigger refuses enable always",
	"create event trigger sleeps on table_rewrite execute function note()", "alter event trigger sleeps disable",
}

const eventTriggers = "select string_agg(concat_ws(' ', evtname, evtevent, evtenabled, evtfoid::regproc::text, " +
	"obj_description(oid, 'pg_event_trigger')), ', ' order by evtname) from pg_event_trigger"

// TestEventTriggersSeeNothingOfTheRestore: event triggers of the recovery point are made last of all, and see no
// statement of the restore, not even one of those that are always enabled.
func TestEventTriggersSeeNothingOfTheRestore(t *testing.T) {
	t.Parallel()
	source := testenv.DB(t)
	run(t, source, loud...)
	e := newEngine(t, source, providers(t))
	backup(t, e, keepsake.BackupFull)
	target, r := restored(t, e)
	wantWhole(t, r)
	same(t, source, target)
	if want, got := one[string](t, source, eventTriggers), one[string](t, target, eventTriggers); got != want {
		t.Errorf("event triggers\n%s\nrestored\n%s", want, got)
	}
	if !one[bool](t, target, "select to_regnamespace('keepsake_restore') is null") {
		t.Error("the mark is still there")
	}
}

// TestEventTriggersOfTheTargetAreOffMeanwhile: those that the hosting service has on the target are switched off until
// the restore is over, and are then as before.
func TestEventTriggersOfTheTargetAreOffMeanwhile(t *testing.T) {
	t.Parallel()
	source, target := testenv.DB(t), testenv.DB(t)
	run(t, source, "create table guests (id int primary key)", "insert into guests values (1)", "create schema auth")
	run(t, target, "create schema auth", "create table auth.statements (tag text)",
		"create function auth.note() returns event_trigger language plpgsql as $$ begin "+
			"insert into auth.statements values (tg_tag); end $$",
		"create function auth.refuse() returns event_trigger language plpgsql as $$ begin raise 'not here'; end $$",
		"create event trigger notes on ddl_command_end execute function auth.note()",
		"create event trigger refuses on ddl_command_start execute function auth.refuse()",
		"alter event trigger refuses enable always",
		"create event trigger sleeps on sql_drop execute function auth.refuse()", "alter event trigger sleeps disable")
	before := one[string](t, target, eventTriggers)
	e := engine.New(engine.Options{
		PlatformURL:    keepsake.Secret(source),
		Providers:      providers(t),
		DataMap:        keepsake.DefaultDataMap(),
		Key:            repository.KeySource{Key: repository.NewKeyFile()},
		ManagedSchemas: []string{"auth"},
	})
	t.Cleanup(e.Close)
	if _, err := e.Init(t.Context()); err != nil {
		t.Fatal(err)
	}
	backup(t, e, keepsake.BackupFull)
	r := restore(t, e, engine.RestoreInput{Scope: keepsake.Everything(), Point: "latest", Target: keepsake.Secret(target)})
	if !r.Verified || len(r.Exceptions) > 0 {
		t.Errorf("restored: %+v", r)
	}
	if after := one[string](t, target, eventTriggers); after != before {
		t.Errorf("event triggers of the target\n%s\nafter the restore\n%s", before, after)
	}
	if n := one[int](t, target, "select count(*) from auth.statements"); n != 0 {
		t.Errorf("an event trigger of the target saw %d statements", n)
	}
	if n := one[int](t, target, "select count(*) from guests"); n != 1 {
		t.Errorf("%d guests came back", n)
	}
}

// TestFunctionsThatOnlyASearchPathFinds: what the platform finds under its database's search path, or under that of a
// role, is found while indexes, generated columns, checks and materialized views are made.
func TestFunctionsThatOnlyASearchPathFinds(t *testing.T) {
	t.Parallel()
	source, role := testenv.DB(t), ""
	name := nameIn(t, source)
	role = "keeper of " + name
	run(t, source, `create role "`+role+`"`)
	dropRole(t, source, `"`+role+`"`)
	run(t, source, "alter database "+name+" set search_path = tools, public",
		`alter role "`+role+`" in database `+name+" set search_path = odd, public")
	run(t, source, "create schema tools", "create schema odd",
		"create function tools.plain(text) returns text language sql immutable as 'select lower($1)'",
		"create function odd.hidden(text) returns text language sql immutable as 'select upper($1)'",
		// found by the database's path, by a role's, and by the function's own
		"create function public.by_database(text) returns text language plpgsql immutable as 'begin return plain($1); end'",
		"create function public.by_role(text) returns text language plpgsql immutable as 'begin return hidden($1); end'",
		"create function public.by_itself(text) returns text language plpgsql immutable set search_path = odd as "+
			"'begin return hidden($1); end'",
		"create domain named as text check (public.by_database(value) <> '')",
		"create table guests (id int primary key, name named, check (public.by_database(name) <> 'nobody'), "+
			"sorted text generated always as (public.by_itself(public.by_database(name))) stored)",
		"insert into guests (id, name) select i, 'Guest ' || i from generate_series(1, 50) i",
		"create index by_database on guests (public.by_database(name))",
		"create index by_itself on guests (public.by_itself(name))",
		"create materialized view found as select id, public.by_database(name) as name from guests")
	run(t, source, "set search_path = odd, public; create table owned (id int primary key, name text, "+
		"big text generated always as (public.by_role(name)) stored, check (public.by_role(name) <> '')); "+
		"insert into owned (id, name) values (1, 'one'), (2, 'two'); create index by_role on owned (public.by_role(name)); "+
		"create materialized view big as select public.by_role(name) as name from owned; "+
		`alter table owned owner to "`+role+`"; grant usage on schema odd, tools to public`)
	e := newEngine(t, source, providers(t))
	backup(t, e, keepsake.BackupFull)
	target, r := restored(t, e)
	wantWhole(t, r)
	same(t, source, target)
}

// TestFunctionsThatLookAtOtherRows: checks, generated columns and materialized views whose functions look at tables
// that come in later come back as they were.
func TestFunctionsThatLookAtOtherRows(t *testing.T) {
	t.Parallel()
	source := testenv.DB(t)
	run(t, source, "create table weddings (id int primary key, couple text, wedding_date date)",
		"insert into weddings select i, 'Couple ' || i, null from generate_series(1, 20) i",
		"create table rates (kind text primary key, price int)", "insert into rates values ('adult', 50), ('child', 20)",
		"create function price_of(k text) returns int language sql immutable as "+
			"'select price from public.rates where kind = k'",
		"create function known(k text) returns boolean language plpgsql immutable as "+
			"'begin return public.price_of(k) is not null; end'",
		"create function wrapped(k text) returns int language plpgsql immutable as "+
			"'declare p int; begin p := public.price_of(k); if p is null then raise ''no price''; end if; return p; end'",
		"create domain kind as text check (public.known(value))",
		"create table guests (id int, wedding_id int, kind text check (public.known(kind)), k kind, "+
			"price int generated always as (public.price_of(kind)) stored, "+
			"wrapped int generated always as (public.wrapped(kind)) stored, filler text) partition by range (id)",
		"create table guests_1 partition of guests for values from (0) to (1000)",
		"create table guests_2 partition of guests for values from (1000) to (2000)",
		"insert into guests (id, wedding_id, kind, k, filler) select i, 1 + i % 20, (array['adult', 'child'])[1 + i % 2], "+
			"'adult', repeat('x', 200) from generate_series(1, 1999) i",
		"create table seats (id int primary key, kind text check (public.known(kind)), filler text)",
		"insert into seats select i, 'child', repeat('x', 500) from generate_series(1, 3000) i",
		"create materialized view z_first as select count(*) as n from guests",
		"create function n_of() returns bigint language sql stable as 'select n from public.z_first'",
		"create materialized view a_second as select public.n_of() as n")
	e := newEngine(t, source, providers(t))
	backup(t, e, keepsake.BackupFull)
	target, r := restored(t, e)
	wantWhole(t, r)
	same(t, source, target)
}

// TestRowsThatBreakTheirOwnRules: a platform may hold rows that its rules would not take today. The rows come in, and
// the rules are NOT VALID, or left out, and named.
func TestRowsThatBreakTheirOwnRules(t *testing.T) {
	t.Parallel()
	source := testenv.DB(t)
	run(t, source, "create function fine(int) returns boolean language sql immutable as 'select true'",
		"create domain count as int constraint counted check (public.fine(value))", "create domain named as text",
		"create type pair as (n count, name named)",
		"create table halls (id int primary key, seats int constraint enough check (public.fine(seats)), "+
			"constraint kept check (id > 0), name text)",
		"create table guests (id int, n int constraint few check (public.fine(n)), name text) partition by list (id)",
		"create table guests_1 partition of guests for values in (1)",
		"create table guests_2 partition of guests for values in (2)",
		"create table heirs (more int) inherits (halls)",
		"create table counts (id int primary key, c count, list count[], pair pair, name named)",
		"create table codes (id int, code text constraint code_once unique)",
		"create table others (id int primary key references halls)",
		"insert into halls select i, i, 'hall' from generate_series(1, 9) i", "insert into heirs values (20, 5, 'heir', 1)",
		"insert into guests values (1, 5, 'a'), (2, 6, 'b')",
		"insert into counts values (1, 5, '{5,6}', row(7, 'x'), 'a'), (2, null, null, null, null)",
		"insert into codes values (1, 'a'), (2, 'b')", "insert into others values (1)",
		"insert into halls values (30, 1, null)",
		"create or replace function fine(int) returns boolean language sql immutable as 'select $1 < 3'",
		// what only a superuser, or a corrupted index, brings about
		"update pg_attribute set attnotnull = true where attname = 'name' "+
			"and attrelid in ('halls'::regclass, 'heirs'::regclass)",
		"update pg_type set typnotnull = true where typname = 'named'",
		"update pg_index set indisready = false, indisvalid = false where indexrelid = 'code_once'::regclass",
		"insert into codes values (3, 'a')",
		"update pg_index set indisready = true, indisvalid = true where indexrelid = 'code_once'::regclass")
	e := newEngine(t, source, providers(t))
	b := backup(t, e, keepsake.BackupFull)
	target, r := restored(t, e)
	if !r.Verified || r.Rows != b.Rows || r.Outcome != engine.OutcomeExceptions {
		t.Errorf("restored %d of %d rows, verified %v: %s %+v", r.Rows, b.Rows, r.Verified, r.Message, r.Exceptions)
	}
	for object, kind := range map[string]string{"public.halls enough": "check constraint",
		"public.guests few":    "check constraint",
		"public.count counted": "check constraint", "public.halls name": "not-null constraint",
		"public.named": "not-null constraint", "public.codes code_once": "constraint"} {
		wantException(t, r, kind, object)
	}
	if len(r.Exceptions) != 6 {
		t.Errorf("%d exceptions, want 6: %+v", len(r.Exceptions), r.Exceptions)
	}
	want, got := rowsOf(t, source), rowsOf(t, target)
	for table := range want {
		if want[table] != got[table] {
			t.Errorf("%s: restored %q, source %q", table, got[table], want[table])
		}
	}
	rules := one[string](t, target, `select string_agg(coalesce(conrelid::regclass::text, '') || ' ' || conname || ' ' ||
		convalidated, ', ' order by conname collate "C", conrelid) from pg_constraint where contype = 'c'
		and connamespace = 'public'::regnamespace and contypid = 0`)
	if want := "halls enough false, heirs enough false, guests few false, guests_1 few false, guests_2 few false, " +
		"halls kept true, heirs kept true"; rules != want {
		t.Errorf("rules of the restored database: %s, want %s", rules, want)
	}
	if !one[bool](t, target, "select not convalidated from pg_constraint where conname = 'counted'") {
		t.Error("the domain's check is taken for true")
	}
}

// TestARoleThatIsNoSuperuser: what only a superuser may make is named before the first row, and is in nothing's way.
func TestARoleThatIsNoSuperuser(t *testing.T) {
	t.Parallel()
	source, target := testenv.DB(t), absent(t)
	run(t, source, "create table guests (id int primary key, name text, loud text)",
		"insert into guests values (1, 'a', 'A')",
		"create function loudly(text) returns text language sql immutable leakproof as 'select upper($1)'",
		"create table seats (id int primary key, label text, upper text generated always as (loudly(label)) stored)",
		"insert into seats (id, label) values (1, 'one')", "create index on guests (loudly(name))",
		"create function f() returns event_trigger language plpgsql as 'begin end'",
		"create event trigger on_change on ddl_command_end execute function f()",
		"create publication all_of_it for all tables", "create foreign data wrapper far",
		"create operator class odd for type int using btree as operator 1 <, operator 3 =, function 1 btint4cmp(int, int)",
		"create index odd_index on guests (id odd)",
		"alter database "+nameIn(t, source)+" set session_preload_libraries = 'auto_explain'")
	role := "builder of " + nameIn(t, source)
	run(t, source, `create role "`+role+`" login createdb password '`+role+`'`)
	t.Cleanup(func() {
		run(t, source, `reassign owned by "`+role+`" to postgres`, `drop owned by "`+role+`"`)
	})
	e := newEngine(t, source, providers(t))
	b := backup(t, e, keepsake.BackupFull)
	heard := &watcher{}
	r, err := e.Restore(t.Context(), engine.RestoreInput{
		Scope:  keepsake.Everything(),
		Point:  "latest",
		Target: keepsake.Secret(at(t, target, nameIn(t, target), role)),
		Create: true,
	}, heard)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Verified || r.Rows != b.Rows {
		t.Errorf("restored %d of %d rows, verified %v: %+v", r.Rows, b.Rows, r.Verified, r.Exceptions)
	}
	warned := -1
	for i, l := range heard.lines {
		if strings.Contains(l.Message, "is no superuser") {
			warned = i
			for _, what := range []string{"event trigger on_change", "publication all_of_it", "foreign data wrapper far",
				"operator class public.odd", "function public.loudly(text)", "database setting session_preload_libraries"} {
				if !strings.Contains(l.Message, what) {
					t.Errorf("it does not name %s before: %s", what, l.Message)
				}
			}
		}
		if strings.Contains(l.Message, "Creating the tables") && warned < 0 {
			t.Error("nothing was named before the first table")
		}
	}
	for kind, object := range map[string]string{"event trigger": "on_change", "publication": "all_of_it",
		"foreign data wrapper": "far", "operator class": "odd", "leakproof": "loudly", "index": "odd_index",
		"database setting": "session_preload_libraries"} {
		wantException(t, r, kind, object)
	}
	if got := one[string](t, at(t, target, nameIn(t, target), ""), "select upper from seats"); got != "ONE" {
		t.Errorf("the generated column holds %q", got)
	}
}

// TestOnlyRolesAreSaidToBeMissingRoles: on a server that lacks roles and makes no foreign server, the roles are named
// as they are, double quotes in them included, and nothing else is taken for one.
func TestOnlyRolesAreSaidToBeMissingRoles(t *testing.T) {
	t.Parallel()
	source, target := testenv.DB(t), testenv.DB(t)
	name := nameIn(t, source)
	keeper, weird, mapped := "keeper of "+name, `weird "role of `+name, "mapped_of_"+name
	quoted := func(role string) string { return pgx.Identifier{role}.Sanitize() }
	run(t, source, "create role "+quoted(keeper)+" login createdb password "+quoteText(keeper), "create role "+
		quoted(weird), "create role "+quoted(mapped),
		"create table guests (id int primary key)", "insert into guests values (1)", "create view v as select 1 as one",
		"grant select on v to "+quoted(weird), "create foreign data wrapper loose",
		"create server fs foreign data wrapper loose", "grant usage on foreign server fs to "+quoted(weird),
		"create user mapping for "+quoted(keeper)+" server fs", "create foreign table far (id int) server fs",
		"grant select on guests to "+quoted(mapped))
	e := newEngine(t, source, providers(t))
	backup(t, e, keepsake.BackupFull)
	run(t, source, "drop owned by "+quoted(weird), "drop role "+quoted(weird), "drop owned by "+quoted(mapped),
		"drop role "+quoted(mapped))
	t.Cleanup(func() {
		run(t, source, "reassign owned by "+quoted(keeper)+" to postgres", "drop owned by "+quoted(keeper)+" cascade")
	})
	r := restore(t, e, engine.RestoreInput{
		Scope:  keepsake.Everything(),
		Point:  "latest",
		Target: keepsake.Secret(at(t, target, nameIn(t, target)+"_new", keeper)),
		Create: true,
	})
	if !slices.ContainsFunc(r.Exceptions, func(x keepsake.Exception) bool {
		return strings.Contains(x.Error, `server "fs" does not exist`)
	}) {
		t.Fatalf("nothing lacks the foreign server: %+v", r.Exceptions)
	}
	want := []string{mapped, weird}
	slices.Sort(want)
	if !slices.Equal(r.MissingRoles, want) {
		t.Errorf("roles said to be missing: %q, want %q: %+v", r.MissingRoles, want, r.Exceptions)
	}
	for _, create := range strings.SplitAfter(r.CreateRoles(), ";") {
		if create != "" {
			run(t, source, create)
		}
	}
	for _, role := range want {
		if !one[bool](t, source, "select exists (select from pg_roles where rolname = "+quoteText(role)+")") {
			t.Errorf("%s makes no role %s", r.CreateRoles(), role)
		}
		run(t, source, "drop role "+quoted(role))
	}
}

func quoteText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
