package engine_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/pgtool"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// TestAStandbyIsNoPlatformToBackUp: a standby's snapshots can miss rows, so a backup of one is refused in words, and so
// says the preflight.
func TestAStandbyIsNoPlatformToBackUp(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "platform")
	start := func() *testenv.Postgres {
		p, err := testenv.StartPostgres(t.Context(),
			testenv.PostgresOptions{Dir: dir, Settings: map[string]string{"fsync": "off"}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Stop)
		return p
	}
	primary := start()
	run(t, primary.URL("postgres"), "create table weddings (id int primary key, couple text, wedding_date date)",
		"insert into weddings values (1, 'A', null)")
	primary.Stop()
	if err := os.WriteFile(filepath.Join(dir, "standby.signal"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := primary.Give(filepath.Join(dir, "standby.signal")); err != nil {
		t.Fatal(err)
	}
	standby := start()
	e := engineWith(t, standby.URL("postgres"), providers(t), repository.NewKeyFile())
	for _, kind := range []keepsake.BackupType{keepsake.BackupFull, keepsake.BackupCritical} {
		_, err := e.Backup(t.Context(), engine.BackupInput{Type: kind}, engine.Discard)
		wantError(t, err, keepsake.CodeInvalid, "standby", "can miss rows", "primary's address")
	}
	if !slices.ContainsFunc(e.CheckPlatform(t.Context()), func(f engine.CheckFinding) bool {
		return f.Level == "error" && strings.Contains(f.Words(), "standby")
	}) {
		t.Errorf("the preflight says nothing: %+v", e.CheckPlatform(t.Context()))
	}
	if points, err := e.Points(t.Context(), ""); err != nil || len(points) != 0 {
		t.Errorf("points after the refusals: %v %+v", err, points)
	}
}

// renames changes the names that stand inside of values, and what is named comes back under its new one.
var renames = []string{
	"alter function greet(int) rename to welcome", "alter table seats rename to places",
	"alter type mood rename to feeling",
	"alter schema halls rename to rooms", "alter role \"first planner\" rename to \"second planner\"",
	"alter text search configuration plain rename to bare", "alter collation sorted rename to ordered",
	"alter domain cents rename to pence",
}

// TestNamesInsideOfValuesAreReadAgain: values that stand for an object are written as its name. After a rename an
// incremental has the new names, although no row has changed.
func TestNamesInsideOfValuesAreReadAgain(t *testing.T) {
	t.Parallel()
	for i, rename := range renames {
		t.Run(rename, func(t *testing.T) {
			t.Parallel()
			source := testenv.DB(t)
			planner, other := fmt.Sprintf("first planner %d", i), fmt.Sprintf("second planner %d", i)
			rename := strings.NewReplacer("first planner", planner, "second planner", other).Replace(rename)
			run(t, source, fmt.Sprintf("create role %q", planner))
			t.Cleanup(func() { run(t, source, fmt.Sprintf("drop role if exists %q, %q", planner, other)) })
			run(t, source, "create schema halls", "create table seats (id int primary key)",
				"create table halls.big (id int primary key)", "create type mood as enum ('calm')",
				"create domain cents as bigint",
				"create text search configuration plain (copy = simple)", `create collation sorted from "C"`,
				"create function greet(int) returns int language sql as 'select $1'",
				"create type pair as (what regclass, how regtype)", "create domain task as regproc",
				"create table named (id int primary key, f regproc, p regprocedure, c regclass, hall regclass, t regtype, "+
					"d regtype, "+
					"s regnamespace, r regrole, w regconfig, l regcollation, list regclass[], pair pair, task task, g aclitem)",
				"insert into named select i, 'greet', 'greet(int)', 'seats', 'halls.big', 'mood', 'cents', 'halls', "+
					fmt.Sprintf(`'"%s"', `, planner)+`'plain', 'sorted', '{seats,halls.big}', row('seats', 'mood')::pair, 'greet',
					makeaclitem('`+fmt.Sprintf(`"%s"`, planner)+`'::regrole, 'postgres'::regrole, 'SELECT', false)
					from generate_series(1, 3000) i`,
				"create table unnamed as select i from generate_series(1, 3000) i", "vacuum analyze")
			awaitOlder(t, source)
			e := newEngine(t, source, providers(t))
			backup(t, e, keepsake.BackupFull)
			backup(t, e, keepsake.BackupIncremental)
			run(t, source, rename)
			backup(t, e, keepsake.BackupIncremental)
			target, r := restored(t, e)
			wantWhole(t, r)
			same(t, source, target)
		})
	}
}

// typeChanges change how values are written while no row changes.
var typeChanges = map[string]string{
	"a label":                 "alter type mood rename value 'calm' to 'serene'",
	"an attribute":            "alter type addr add attribute zip text",
	"an attribute's name":     "alter type addr rename attribute city to town",
	"a column of a row type":  "alter table halls add column seats int",
	"a column that goes":      "alter table halls drop column address",
	"an attribute of a part":  "alter type part add attribute more int",
	"a type's name":           "alter type mood rename to feeling",
	"a new label in a domain": "alter type mood add value 'new' before 'calm'",
}

// madeOfTypes is a platform whose values are made of types that somebody may change.
var madeOfTypes = []string{
	"create type mood as enum ('calm', 'merry')", "create domain moods as mood", "create type part as (n int)",
	"create type addr as (street text, city text, parts part[])",
	"create table halls (name text, address text)", "create type span as range (subtype = mood)",
	"create table guests (id int primary key, m mood, d moods, ms mood[], a addr, list addr[], hall halls, s span)",
	"insert into guests select i, 'calm', 'calm', '{calm,merry}', row('Elm', 'York', array[row(1)::part])::addr, " +
		"array[row('Oak', null, null)::addr], row('Big', 'Elm')::halls, '[calm,merry]' from generate_series(1, 3000) i",
	"create table others as select i, 'row ' || i as row from generate_series(1, 3000) i", "vacuum analyze",
}

// TestTypesThatChangeBeforeAnIncremental: rows that have not changed are written anew where their type has.
func TestTypesThatChangeBeforeAnIncremental(t *testing.T) {
	t.Parallel()
	for name, change := range typeChanges {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := testenv.DB(t)
			run(t, source, madeOfTypes...)
			awaitOlder(t, source)
			e := newEngine(t, source, providers(t))
			backup(t, e, keepsake.BackupFull)
			run(t, source, change)
			backup(t, e, keepsake.BackupIncremental)
			target, r := restored(t, e)
			wantWhole(t, r)
			same(t, source, target)
		})
	}
}

// TestTypesThatChangeWhileTheyAreRead: the schema knows one way in which a value is written, and rows are read until
// all of them are written so.
func TestTypesThatChangeWhileTheyAreRead(t *testing.T) {
	t.Parallel()
	for name, change := range typeChanges {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := testenv.DB(t)
			run(t, source, madeOfTypes...)
			e := newEngine(t, source, providers(t))
			var once sync.Once
			heard := &watcher{}
			// Yield is called before each range: the rows of the first may be read by then, those of the last are not.
			_, err := e.Backup(t.Context(), engine.BackupInput{Type: keepsake.BackupFull, Yield: func(context.Context) error {
				if !strings.Contains(change, "table halls") { // the backup holds its table, and the change would wait
					once.Do(func() { run(t, source, change) })
				}
				return nil
			}}, heard)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(change, "table halls") {
				run(t, source, change)
				backup(t, e, keepsake.BackupFull)
			} else if !slices.ContainsFunc(heard.lines, func(l engine.LogLine) bool {
				return strings.Contains(l.Message, "read again")
			}) {
				t.Errorf("nothing says that it was read again: %+v", heard.lines)
			}
			target, r := restored(t, e)
			wantWhole(t, r)
			same(t, source, target)
			wantProtected(t, e, map[bool]int{true: 2, false: 1}[strings.Contains(change, "table halls")])
		})
	}
}

// TestWhatIsMadeMeanwhileIsInNoValue: types, tables and functions that are made while a backup reads change nothing
// that it has read.
func TestWhatIsMadeMeanwhileIsInNoValue(t *testing.T) {
	t.Parallel()
	source := testenv.DB(t)
	run(t, source, "create table named (id int primary key, c regclass)", "insert into named values (1, 'named')")
	e := newEngine(t, source, providers(t))
	var once sync.Once
	heard := &watcher{}
	r, err := e.Backup(t.Context(), engine.BackupInput{Type: keepsake.BackupFull, Yield: func(context.Context) error {
		once.Do(func() {
			run(t, source, "create type mood as enum ('calm')", "create table later (id int primary key, m mood, i inet)",
				"create function greet() returns int language sql as 'select 1'")
		})
		return nil
	}}, heard)
	if err != nil || r.Tables != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, l := range heard.lines {
		if strings.Contains(l.Message, "read again") {
			t.Error(l.Message)
		}
	}
	_, back := restored(t, e)
	wantWhole(t, back)
}

// TestTypesThatNeverRest: where types change all the time, there is no recovery point, and it is said why.
func TestTypesThatNeverRest(t *testing.T) {
	t.Parallel()
	source := testenv.DB(t)
	run(t, source, madeOfTypes...)
	e := newEngine(t, source, providers(t))
	var mu sync.Mutex
	n := 0
	_, err := e.Backup(t.Context(), engine.BackupInput{Type: keepsake.BackupFull, Yield: func(context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		n++
		run(t, source, fmt.Sprintf("alter type part add attribute a%d int", n))
		return nil
	}}, engine.Discard)
	wantError(t, err, keepsake.CodeUnavailable, "changed each time", "nothing was backed up")
	if points, err := e.Points(t.Context(), ""); err != nil || len(points) != 0 {
		t.Errorf("points after the failure: %v %+v", err, points)
	}
}

// wrapped is a directory with a pg_dump that does something else around the real one, and a real pg_restore.
func wrapped(t *testing.T, script string) string {
	t.Helper()
	tools, err := pgtool.Find(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(tools.Dir, "pg_restore"), filepath.Join(dir, "pg_restore")); err != nil {
		t.Fatal(err)
	}
	script = "#!/bin/sh\nreal=" + filepath.Join(tools.Dir, "pg_dump") +
		"\n[ \"$1\" = --version ] && exec $real --version\n" + script + "\nexit 0\n"
	if err := os.WriteFile(filepath.Join(dir, "pg_dump"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestASchemaThatIsCutShortIsNoRecoveryPoint: a pg_dump that ends without an error and has not written everything fails
// the backup.
func TestASchemaThatIsCutShortIsNoRecoveryPoint(t *testing.T) {
	t.Parallel()
	source := testenv.DB(t)
	run(t, source, "create extension citext", "create table weddings (id int primary key, couple citext)",
		"create table guests (id int primary key, wedding_id int references weddings)",
		`create table "a b" (id int, "c ""d" text unique)`, "create index on guests (wedding_id)",
		"create function f(int, text) returns int language sql as 'select $1'", "create view v as select 1 as one")
	for name, c := range map[string]struct{ script, words string }{
		"nothing":          {"", "0 bytes"},
		"cut short":        {"$real \"$@\" | head -c 3000", "cannot be read"},
		"cut at the end":   {"$real \"$@\" | head -c -40", "cannot be read"},
		"without a table":  {"$real \"$@\" --exclude-table=guests", "guests"},
		"before the rules": {"$real \"$@\" --section=pre-data", "constraint public.weddings weddings_pkey"},
		"another database": {"PGDATABASE=postgres; export PGDATABASE; " +
			"$real $(for a in \"$@\"; do case $a in --snapshot*) ;; *) echo $a;; esac; done)", "lacks"},
		"of one schema": {"$real \"$@\" --schema=nowhere --schema=public", "extension citext"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := engine.New(engine.Options{
				PlatformURL: keepsake.Secret(source),
				Providers:   providers(t),
				DataMap:     keepsake.DefaultDataMap(),
				Key:         repository.KeySource{Key: repository.NewKeyFile()},
				PGBin:       wrapped(t, c.script),
			})
			t.Cleanup(e.Close)
			if _, err := e.Init(t.Context()); err != nil {
				t.Fatal(err)
			}
			_, err := e.Backup(t.Context(), engine.BackupInput{Type: keepsake.BackupFull}, engine.Discard)
			wantError(t, err, keepsake.CodeUnavailable, "pg_dump ended without an error", "nothing was backed up", c.words)
			if points, err := e.Points(t.Context(), ""); err != nil || len(points) != 0 {
				t.Errorf("points after the failure: %v %+v", err, points)
			}
		})
	}
}

// TestMembersOfExtensionsThatNoExtensionBrings: what somebody made a member of an extension is in nobody's schema. It
// is named before anything is restored, and what the extension itself brings is not.
func TestMembersOfExtensionsThatNoExtensionBrings(t *testing.T) {
	t.Parallel()
	source := testenv.DB(t)
	run(t, source, "create table before (id int primary key)", "insert into before values (1)",
		"create extension citext", "create extension hstore", "create extension tablefunc", // with composite types
		"create table q (id int primary key, name citext)", "insert into q values (1, 'one')",
		"create sequence numbers", "create view seen as select 1 as one", "create type mood as enum ('calm')",
		"create function greet() returns int language sql as 'select 1'",
		"alter extension citext add table q", "alter extension citext add table before",
		"alter extension citext add sequence numbers", "alter extension citext add view seen",
		"alter extension citext add type mood", "alter extension hstore add function greet()",
		"create table guests (id int primary key, q int references q)", "insert into guests values (1, 1)")
	e := newEngine(t, source, providers(t))
	b := backup(t, e, keepsake.BackupFull)
	for kind, name := range map[string]string{"table q": "definitions and rows", "table before": "definitions and rows",
		"sequence numbers": "definitions and values", "view seen": "definitions", "type mood": "definitions",
		"function greet()": "definitions"} {
		what, word, _ := strings.Cut(kind, " ")
		wantNotCarried(t, b.NotCarried, name, what+" public."+word)
	}
	if len(b.NotCarried) != 6 {
		t.Errorf("not carried: %+v, want the six members that somebody added", b.NotCarried)
	}
	if !slices.ContainsFunc(e.CheckPlatform(t.Context()), func(f engine.CheckFinding) bool {
		return strings.Contains(f.Words(), "table public.q") && strings.Contains(f.Words(), "alter extension citext drop")
	}) {
		t.Errorf("the preflight does not name it: %+v", e.CheckPlatform(t.Context()))
	}
	_, r := restored(t, e)
	wantException(t, r, "foreign key", "guests_q_fkey")
	wantNotCarried(t, r.NotCarried, "definitions and rows", "table public.q")
}
