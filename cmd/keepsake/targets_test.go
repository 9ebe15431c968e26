package main

import (
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// TestSystemDatabasesAreNoTarget refuses what nobody made for a restore, in words, before anything is written.
func TestSystemDatabasesAreNoTarget(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	w.must(t, exitDone, "init", "--json")
	w.must(t, exitDone, "backup")
	bare := bareServer(t)
	w.hide(t, bare.URL("postgres"))
	refused := func(target string, create bool, words ...string) {
		t.Helper()
		args := []string{"restore", "latest", "--target", target, "--json"}
		if create {
			args = append(args, "--create")
		}
		o := w.run(t, args...)
		f := document[failure](t, o)
		if o.code == exitDone || o.code == exitExceptions || !strings.Contains(f.Error.Message, "nothing was written") {
			t.Errorf("%s as a target ended with %d: %s", target, o.code, o.out)
		}
		for _, word := range words {
			if !strings.Contains(f.Error.Message, word) {
				t.Errorf("the refusal does not say %q: %s", word, f.Error.Message)
			}
		}
	}
	execute(t, bare.URL("postgres"), "create database mine template template0 is_template true",
		"create database closed connection limit 0")
	for _, create := range []bool{false, true} {
		for _, name := range []string{"postgres", "template1", "template0", "mine"} {
			refused(bare.URL(name), create, name)
		}
		refused(strings.TrimSuffix(bare.URL("postgres"), "postgres?sslmode=disable"), create, "postgres") // the role's name
		refused(w.platform, create)
		u, err := url.Parse(w.platform)
		if err != nil {
			t.Fatal(err)
		}
		u.Host = strings.Replace(u.Host, "127.0.0.1", "localhost", 1)
		refused(u.String(), create, "platform")
	}
	for i, c := range []struct{ make, names string }{
		{"create publication news for all tables", "publication news"},
		{"create foreign data wrapper loose", "foreign data wrapper loose"},
		{"create extension citext", "extension citext"},
		{"create schema mine", "schema mine"},
		{"create function f() returns int language sql as 'select 1'", "function public.f"},
		{"create type mood as enum ('good')", "type public.mood"},
		{"create sequence s", "sequence public.s"},
		{"create collation plain from \"C\"", "collation public.plain"},
		{"create operator === (leftarg = int, rightarg = int, function = int4eq)", "operator public.==="},
		{"create text search configuration words (copy = simple)", "text search configuration public.words"},
		{"create conversion mine for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8", "conversion public.mine"},
		{"select lo_create(77)", "large object 77"},
		{"alter default privileges grant select on tables to public", "default privileges"},
		{"create cast (money as oid) with inout", "cast money as oid"},
		{"create view v as select 1", "table public.v"},
		{"create access method mine type table handler heap_tableam_handler", "access method mine"},
		{"create event trigger e on ddl_command_start execute function public.nothing()", "event trigger e"},
	} {
		name := "used_" + strconv.Itoa(i)
		execute(t, bare.URL("postgres"), "create database "+name)
		if strings.Contains(c.make, "nothing()") {
			execute(t, bare.URL(name), "create function public.nothing() returns event_trigger language plpgsql as 'begin end'")
		}
		execute(t, bare.URL(name), c.make)
		refused(bare.URL(name), false, c.names)
		refused(bare.URL(name), true)
		if n := query[int](t, bare.URL(name), "select count(*) from pg_namespace where nspname = 'keepsake_restore'"); n !=
			0 {
			t.Errorf("%s: the refused database was marked", c.make)
		}
	}
	// The console's own database, before its tables are made, by another name of the server.
	execute(t, bare.URL("postgres"), "create database console")
	w.write(t, w.config, read(t, w.config)+"console: {url: \""+bare.URL("console")+"\"}\n")
	refused(strings.Replace(bare.URL("console"), "127.0.0.1", "localhost", 1), false, "console's own database")
	// A mark that somebody else made proves nothing.
	execute(t, bare.URL("postgres"), "create database forged")
	execute(t, bare.URL("forged"), "create schema keepsake_restore", "create table keepsake_restore.run (state text)",
		"create table precious (id int)")
	refused(bare.URL("forged"), false, "precious")
	refused(bare.URL("forged"), true, "precious")
	if n := query[int](t, bare.URL("forged"), "select count(*) from pg_class where relname = 'precious'"); n != 1 {
		t.Error("the table of a database with a forged mark is gone")
	}
}
