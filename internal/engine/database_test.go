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

// databaseFacts are what the server knows of a database beside what is in it.
const databaseFacts = `select string_agg(fact, e'\n') from (
	select concat_ws(' | ', datlocprovider, pg_encoding_to_char(encoding), datcollate, datctype, daticulocale,
		datconnlimit,
		datistemplate, pg_get_userbyid(datdba), (select array_agg(x::text order by x::text) from unnest(datacl) x)::text,
		shobj_description(oid, 'pg_database')) as fact from pg_database where datname = current_database()
	union all (select 'setting | ' || coalesce(r.rolname, '-') || ' | ' || s.setconfig::text
		from pg_db_role_setting s left join pg_roles r on r.oid = s.setrole
		where s.setdatabase = (select oid from pg_database where datname = current_database()) order by 1)
	union all (select concat_ws(' | ', 'schema', nspname, pg_get_userbyid(nspowner),
		(select array_agg(x::text order by x::text) from unnest(nspacl) x)::text, obj_description(oid, 'pg_namespace'))
		from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema' order by 1)
	) f`

// database makes a database on the tests' server, which is dropped when the test ends.
func database(t *testing.T, options string) (url string) {
	t.Helper()
	beside := testenv.DB(t)
	name := nameIn(t, beside) + " made"
	quoted := pgx.Identifier{name}.Sanitize()
	if options != "" {
		run(t, beside, "create database "+quoted+" template template0 "+options)
	}
	t.Cleanup(func() {
		run(t, beside, "do $$ begin if exists (select from pg_database where datname = '"+name+"' and datistemplate) then "+
			"execute 'alter database "+quoted+" is_template false'; end if; end $$",
			"drop database if exists "+quoted+" with (force)")
	})
	return at(t, beside, name, "")
}

// roles makes roles for one test.
func roles(t *testing.T, names ...string) {
	t.Helper()
	beside := testenv.DB(t)
	for _, name := range names {
		quoted := pgx.Identifier{name}.Sanitize()
		run(t, beside, "create role "+quoted)
		dropRole(t, beside, quoted)
	}
}

// TestTheDatabaseItselfComesBack with its locale, owner, rights, comment, limits and settings, and schema public too.
func TestTheDatabaseItselfComesBack(t *testing.T) {
	t.Parallel()
	roles(t, "owner of it", `app "quoted"`, "reader of it")
	for name, c := range map[string]struct {
		options string
		make    []string
	}{
		"libc": {"lc_collate 'C' lc_ctype 'C.UTF-8' encoding 'UTF8' locale_provider libc", []string{
			`alter database $db owner to "owner of it"`, `grant connect, temp on database $db to "app ""quoted"""`,
			`revoke connect on database $db from public`, `comment on database $db is 'it''s a zoo'`,
			`alter database $db connection limit 50`, `alter database $db set work_mem = '8MB'`,
			`alter database $db set app.jwt = 'x''y z'`, `alter database $db set default_transaction_read_only = on`,
			`alter role "app ""quoted""" in database $db set statement_timeout = '5s'`,
			`alter role "app ""quoted""" in database $db set search_path = "$user", 'Odd "schema', public`,
			`alter schema public owner to "owner of it"`, `revoke usage on schema public from public`,
			`grant usage on schema public to "reader of it"`, `comment on schema public is 'ours'`}},
		"icu": {"locale_provider icu icu_locale 'de-u-kn' lc_collate 'C.UTF-8' lc_ctype 'C.UTF-8' encoding 'UTF8'", []string{
			`grant create on database $db to "owner of it" with grant option`,
			`set session authorization "owner of it"`, `grant create on database $db to "reader of it"`,
			`reset session authorization`}},
		"a template without schema public": {"locale_provider libc lc_collate 'C.UTF-8' lc_ctype 'C.UTF-8'", []string{
			`drop schema public`, `alter database $db is_template true`, `revoke all on database $db from public`}},
	} {
		t.Run(name, func(t *testing.T) {
			source, target, there := database(t, c.options), database(t, ""), database(t, c.options)
			quoted := pgx.Identifier{nameIn(t, source)}.Sanitize()
			statements := []string{"create schema weddings", "create table weddings.weddings (id int primary key, name text)",
				"insert into weddings.weddings values (1, 'A'), (2, 'a'), (3, 'ä'), (4, 'a10'), (5, 'a9')"}
			for _, q := range c.make {
				statements = append(statements, strings.ReplaceAll(q, "$db", quoted))
			}
			run(t, source, statements...)
			e := newEngine(t, source, providers(t))
			backup(t, e, keepsake.BackupFull)
			for _, into := range []string{target, there} {
				r := restore(t, e, engine.RestoreInput{Scope: keepsake.Everything(), Point: "latest",
					Target: keepsake.Secret(into), Create: into == target})
				if len(r.Exceptions) > 0 || !r.Verified {
					t.Errorf("exceptions: %+v", r.Exceptions)
				}
				if was, is := one[string](t, source, databaseFacts), one[string](t, into, databaseFacts); was != is {
					t.Errorf("the platform's\n%s\nand the target's\n%s", was, is)
				}
				const order = "select string_agg(name, ' ' order by name) from weddings.weddings"
				if was, is := one[string](t, source, order), one[string](t, into, order); was != is {
					t.Errorf("the platform sorts %s and the target %s", was, is)
				}
			}
		})
	}
}

// TestAnotherOrderOfTextIsRefused for a target that was there before.
func TestAnotherOrderOfTextIsRefused(t *testing.T) {
	t.Parallel()
	source := database(t, "locale_provider icu icu_locale 'de' lc_collate 'C.UTF-8' lc_ctype 'C.UTF-8' encoding 'UTF8'")
	run(t, source, "create table weddings (id int primary key)")
	e := newEngine(t, source, providers(t))
	backup(t, e, keepsake.BackupFull)
	for _, options := range []string{
		"locale_provider icu icu_locale 'en' lc_collate 'C.UTF-8' lc_ctype 'C.UTF-8' encoding 'UTF8'",
		"locale_provider libc lc_collate 'C.UTF-8' lc_ctype 'C.UTF-8' encoding 'UTF8'",
		"locale_provider icu icu_locale 'de' lc_collate 'C' lc_ctype 'C.UTF-8' encoding 'UTF8'",
	} {
		target := database(t, options)
		_, err := e.Restore(t.Context(), engine.RestoreInput{Scope: keepsake.Everything(), Point: "latest",
			Target: keepsake.Secret(target)}, engine.Discard)
		wantError(t, err, keepsake.CodeInvalid, "icu locale 'de'", "sort in another order", "--create")
		wantUnwritten(t, target)
	}
	same := database(t, "locale_provider icu icu_locale 'de' lc_collate 'C.utf8' lc_ctype 'C.UTF-8' encoding 'UTF8'")
	restore(t, e, engine.RestoreInput{Scope: keepsake.Everything(), Point: "latest", Target: keepsake.Secret(same)})
}

// computed is a platform whose values depend on settings, by functions that say they do not.
var computed = []string{
	"create schema odd", "create table odd.rates (name text, rate int)", "insert into odd.rates values ('vat', 19)",
	`alter database $db set timezone = 'Europe/Berlin'`, `alter database $db set datestyle = 'German'`,
	`alter database $db set intervalstyle = 'sql_standard'`, `alter database $db set bytea_output = 'escape'`,
	`alter database $db set extra_float_digits = -3`, `alter database $db set search_path = odd, public`,
	`alter database $db set app.country = 'DE it''s \ "x"'`, `alter database $db set default_transaction_read_only = on`,
	`alter database $db set statement_timeout = '1h'`,
	`alter database $db set array_nulls = off`, `alter database $db set default_text_search_config = 'german'`,
}

// computedTables use them: a generated column, a check, an index, partitions and materialized views.
var computedTables = []string{
	"set default_transaction_read_only = off",
	"create function public.of_day(timestamptz) returns text immutable language plpgsql as $$ begin return " +
		"($1::date)::text || " +
		"current_setting('app.country') || coalesce(to_regclass('rates')::text, 'unseen') || " +
		"(interval '-1 day -2 hours')::text || " +
		"'\\x41ff'::bytea::text || (0.1::float8 + 0.2)::text || plainto_tsquery('Häuser')::text; end $$",
	"create function public.day_of(timestamptz) returns text immutable language sql as $$ select to_char($1, 'DD') $$",
	"create table public.weddings (id int primary key, couple text not null, wedding_date date)",
	"insert into weddings values (1, 'A', '2026-05-01'), (2, 'B', '2026-06-01')",
	"create table public.guests (id int primary key, wedding_id int references weddings, at timestamptz, day text " +
		"generated always as (of_day(at)) stored, check (of_day(at) like '%DE%rates%'), span interval, price money, " +
		"nulls int[])",
	"create function public.of_time(timestamptz) returns text immutable language sql as $$ select $1::text $$",
	"create index guests_time on guests (of_time(at))",
	"create table public.events (id int, wedding_id int references weddings, at timestamptz) partition by list " +
		"(day_of(at))",
	"create table public.events_1 partition of events for values in ('01')",
	"create table public.events_x partition of events default",
	"insert into guests values (1, 1, '2026-04-30 22:30+00', default, '-1 day -2 hours', 12.5, array[1, null]), " +
		"(2, 1, '2026-12-31 23:30+00', default, '1 year -3 days', -7, null)",
	"insert into events values (1, 1, '2026-04-30 22:30+00'), (2, 1, '2026-04-30 12:00+00')",
	"create materialized view public.days as select of_day(at), date_trunc('day', at) as day, count(*) from guests " +
		"group by 1, 2",
}

// seen is what the platform's own sessions see of it.
func seen(t *testing.T, url string) string {
	t.Helper()
	run(t, url, "set default_transaction_read_only = off; set enable_seqscan = off")
	return one[string](t, url, `select concat_ws(e'\n', (select string_agg(g::text, ' ' order by id) from guests g),
		(select string_agg(d::text, ' ' order by d::text) from days d),
		(select string_agg(e.tableoid::regclass || e::text, ' ' order by id) from events e))`) +
		one[string](t, url, `select coalesce(string_agg(id::text, ' ' order by id), 'the index does not have them')
			from guests g
			where of_time(at) in (select at::text from guests)`)
}

// TestValuesAreComputedAsOnThePlatform: what depends on settings comes out as under the platform's own, in a restore
// into a new database and in one into the live one.
func TestValuesAreComputedAsOnThePlatform(t *testing.T) {
	t.Parallel()
	source := database(t, "encoding 'UTF8' lc_collate 'C.UTF-8' lc_ctype 'C.UTF-8' locale_provider libc")
	quoted := pgx.Identifier{nameIn(t, source)}.Sanitize()
	settings := slices.Clone(computed)
	for i := range settings {
		settings[i] = strings.ReplaceAll(settings[i], "$db", quoted)
	}
	run(t, source, settings...)
	run(t, source, computedTables...)
	e := engineWith(t, source, providers(t), repository.NewKeyFile())
	backup(t, e, keepsake.BackupFull)
	before := seen(t, source)
	target := database(t, "")
	r := restore(t, e, engine.RestoreInput{Scope: keepsake.Everything(), Point: "latest", Target: keepsake.Secret(target),
		Create: true})
	if len(r.Exceptions) > 0 || !r.Verified {
		t.Fatalf("exceptions: %+v", r.Exceptions)
	}
	if is := seen(t, target); is != before {
		t.Errorf("the platform had\n%s\nthe restored database has\n%s", before, is)
	}
	run(t, source, "set default_transaction_read_only = off", "delete from guests where id = 1",
		"update guests set at = '2027-06-01 00:00+00' where id = 2")
	rewind(t, e)
	if is := seen(t, source); is != before {
		t.Errorf("the platform had\n%s\nand after a rewind\n%s", before, is)
	}
}
