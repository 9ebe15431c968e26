package engine_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/storage/storagetest"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// stopAt ends a restore when it reaches a stage.
type stopAt struct {
	stage engine.Stage
	stop  context.CancelFunc
}

func (s stopAt) Progress(p engine.Progress) {
	if p.Stage == s.stage {
		s.stop()
	}
}

func (stopAt) Log(engine.LogLine) {}

// unfinished returns a target in which a restore was stopped after it made the tables.
func unfinished(t *testing.T, e *engine.Engine) string {
	t.Helper()
	target := testenv.DB(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	_, err := e.Restore(ctx, engine.RestoreInput{
		Scope:  keepsake.Everything(),
		Point:  "latest",
		Target: keepsake.Secret(target),
	},
		stopAt{engine.StageIndexing, stop})
	if err == nil || one[bool](t, target, "select to_regclass('keepsake_restore.run') is null") {
		t.Fatalf("the restore was not stopped in the middle: %v", err)
	}
	return target
}

// An unfinished restore is cleared and starts over only while nobody else has made anything there.
func TestUnfinishedRestoreIsClearedOnlyWhenItIsAlone(t *testing.T) {
	t.Parallel()
	source := testenv.DB(t)
	run(t, source, "create schema odd", `create table odd."a table" (id int generated always as identity primary key)`,
		"create type mood as enum ('good')",
		"create type span as range (subtype = int)",
		"create table guests (id serial primary key, feels mood default 'good', of span)", "create index on guests (feels)",
		"insert into guests (of) select span(i, i + 1) from generate_series(1, 100) i",
		"create view v as select * from guests", "create materialized view m as select * from guests",
		"create function f(int) returns int language sql as 'select $1'", "create procedure p() language sql as 'select 1'",
		"create aggregate total(int) (sfunc = int4pl, stype = int)",
		"create domain small as int check (value < 10)", "create type pair as (a int, b int)", "select lo_create(4711)",
		"create extension citext", "create publication news for table guests",
		"create operator ### (leftarg = int, rightarg = int, function = int4pl)", `create collation "my own" from "C"`,
		"create type other as enum ('o')",
		"create cast (mood as other) with inout", "create text search dictionary dict (template = simple)",
		"create text search configuration conf (copy = simple)",
		"create operator family fam using btree",
		"create operator class cls for type span using btree as operator 1 <(anyrange, anyrange), function 1 "+
			"range_cmp(anyrange, anyrange)",
		"create conversion conv for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8",
		"create function fire() returns event_trigger language plpgsql as 'begin end'",
		"create event trigger trig on ddl_command_start execute function fire()", "alter event trigger trig disable",
		"alter default privileges grant select on tables to public")
	e := newEngine(t, source, providers(t))
	backup(t, e, keepsake.BackupFull)

	target := unfinished(t, e)
	run(t, source, "insert into guests (of) values (null)")
	newer := backup(t, e, keepsake.BackupFull)
	if r := restore(t, e, engine.RestoreInput{
		Scope:  keepsake.Everything(),
		Point:  newer.Point,
		Target: keepsake.Secret(target),
	}); !r.Verified ||
		len(r.Exceptions) != 0 {
		t.Errorf("another point into the unfinished database: %+v", r)
	}
	for _, made := range []map[string]string{
		{"table": "create table precious (id int)",
			"function": "create function mine() returns int language sql as 'select 1'",
			"schema":   "create schema precious", "type": "create type rarity as enum ()"},
		{"sequence": "create sequence precious",
			"operator":  "create operator <<<>>> (leftarg = int, rightarg = int, function = int4pl)",
			"collation": `create collation "theirs" from "C"`, "cast": "create cast (mood as text) with inout"},
		{"text search dictionary": "create text search dictionary theirs (template = simple)",
			"large object":  "select lo_create(4712)",
			"event trigger": "create event trigger theirs on ddl_command_start execute function fire()"},
		{"rows of table odd.a table, table public.guests": `insert into guests (of) values (null); insert into odd."a table"
			default values`},
		{"rows of table public.guests": "update guests set feels = null where id = 7; select pg_stat_force_next_flush()"},
		{"rows of table public.guests": "delete from guests where id = 7"},
	} {
		target := unfinished(t, e)
		for _, q := range made {
			run(t, target, q)
		}
		_, err := e.Restore(t.Context(),
			engine.RestoreInput{Scope: keepsake.Everything(), Point: "latest", Target: keepsake.Secret(target)}, engine.Discard)
		for what := range made {
			wantError(t, err, keepsake.CodeConflict, what, "somebody else", "nothing was written")
		}
		if one[bool](t, target, "select to_regclass('guests') is null") {
			t.Errorf("%v: the database was cleared", made)
		}
	}
	// A mark that was made by another repository, or copied from another database, proves nothing.
	theirs, copied := unfinished(t, e), testenv.DB(t)
	stranger := newEngine(t, source, providers(t))
	backup(t, stranger, keepsake.BackupFull)
	_, err := stranger.Restore(t.Context(),
		engine.RestoreInput{Scope: keepsake.Everything(), Point: "latest", Target: keepsake.Secret(theirs)}, engine.Discard)
	wantError(t, err, keepsake.CodeConflict, "no restore from this repository", "nothing was written")
	proof := one[string](t, theirs, "select encode(proof, 'hex') from keepsake_restore.run")
	run(t, copied, "create table precious (id int)", "create schema keepsake_restore",
		"create table keepsake_restore.run (id uuid, point text, started_at timestamptz, state text, proof bytea)",
		"insert into keepsake_restore.run values (null, null, null, null, decode('"+proof+"', 'hex'))")
	_, err = e.Restore(t.Context(), engine.RestoreInput{
		Scope:  keepsake.Everything(),
		Point:  "latest",
		Target: keepsake.Secret(copied),
		Create: true,
	},
		engine.Discard)
	wantError(t, err, keepsake.CodeConflict, "precious", "nothing was written")
	if one[bool](t, copied, "select to_regclass('precious') is null") {
		t.Error("a copied mark had a database cleared")
	}
	for _, inside := range [][]string{nil, {"create table keepsake_restore.notes (id int)"},
		{"create table keepsake_restore.run (id int)"}, {"create view keepsake_restore.run as select 1 as proof"}} {
		forged := testenv.DB(t)
		run(t, forged, append([]string{"create schema keepsake_restore"}, inside...)...)
		_, err := e.Restore(t.Context(),
			engine.RestoreInput{Scope: keepsake.Everything(), Point: "latest", Target: keepsake.Secret(forged)}, engine.Discard)
		wantError(t, err, keepsake.CodeConflict,
			"it has a schema keepsake_restore that no restore from this repository made in it", "nothing was written",
			"drop it if nobody needs it")
		if strings.Contains(err.Error(), "SQLSTATE") ||
			one[bool](t, forged, "select to_regnamespace('keepsake_restore') is null") {
			t.Errorf("%v: %v", inside, err)
		}
	}
	if n := strings.Count(schemaOf(t, theirs), "CREATE TABLE"); n == 0 {
		t.Error("another repository's restore was cleared")
	}
}

// TestRestoreClearsNothingMadeMeanwhile: somebody makes a table in an unfinished database after the restore that
// is to clear it has looked there, and before it has the database for itself.
func TestRestoreClearsNothingMadeMeanwhile(t *testing.T) {
	t.Parallel()
	source := testenv.DB(t)
	run(t, source, "create table guests (id int primary key)", "insert into guests select generate_series(1, 100)")
	w := trioOf(t, storagetest.NewMem(), storagetest.NewMem(), storagetest.NewMem())
	e := newEngine(t, source, w.list)
	backup(t, e, keepsake.BackupFull)
	target := unfinished(t, e)
	var mu sync.Mutex
	reads, made := map[string]int{}, false
	w.faults["local"].FailGetOf(func(key string) error {
		mu.Lock()
		defer mu.Unlock()
		reads[key]++
		// The schema is read to judge what is there, and once more to make it.
		if strings.HasPrefix(key, "chunks/") && reads[key] == 2 && !made {
			made = true
			run(t, target, "create table precious (id int)")
		}
		return nil
	})
	_, err := e.Restore(t.Context(), engine.RestoreInput{
		Scope:  keepsake.Everything(),
		Point:  "latest",
		Target: keepsake.Secret(target),
	}, engine.Discard)
	if !made {
		t.Fatal("nothing was made")
	}
	wantError(t, err, keepsake.CodeConflict, "table public.precious", "somebody else", "nothing was written")
	if one[bool](t, target, "select to_regclass('precious') is null") {
		t.Error("the database was cleared")
	}
}
