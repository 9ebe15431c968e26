package engine_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// tuples is a platform whose tables have some page ranges each.
var tuples = []string{
	"create table weddings (id int primary key, couple text)",
	"insert into weddings select i, 'Couple ' || i from generate_series(1, 100) i",
	"create table guests (id serial, wedding_id int, name text, seen int) with (fillfactor = 80)",
	"insert into guests select i, 1 + i % 100, 'Guest ' || md5(i::text), 0 from generate_series(1, 60000) i",
	"create index guests_id on guests (id)",
	"create table photos (id serial, body bytea) partition by range (id)",
	"create table photos_a partition of photos for values from (1) to (601)",
	"create table photos_b partition of photos for values from (601) to (1000000)",
	"insert into photos (body) select decode(repeat(md5(i::text), 400), 'hex') from generate_series(1, 1200) i",
	"select lo_from_bytea(0, decode(string_agg(md5(i::text || n::text), ''), 'hex')) from generate_series(1, 1500) i, " +
		"generate_series(1, 100) n group by i",
}

// deeds are what may happen to tuples, $n a number that says to which.
var deeds = map[string][]string{
	"update in place":   {"update guests set seen = seen + 1 where id % 100 = $n"},
	"update that moves": {"update guests set name = name || repeat('x', 60) where id % 100 = $n"},
	"insert":            {"insert into guests (wedding_id, name) select 1, 'new' from generate_series(1, 300)"},
	"delete":            {"delete from guests where id % 100 = $n"},
	"delete one":        {"delete from guests where id = (select min(id) + $n from guests)"},
	"freeze":            {"vacuum (freeze) guests"},
	"vacuum full":       {"vacuum full guests"},
	"cluster":           {"cluster guests using guests_id"},
	"analyze":           {"analyze guests"},
	"truncate": {"truncate photos_b",
		"insert into photos (id, body) select i, '\\x01' from generate_series(601, 1200) i"},
	"rows in the same places": {"delete from guests where id % 97 = $n", "vacuum guests",
		"insert into guests (wedding_id, name) select 2, 'again' from generate_series(1, 615)"},
	"rolled back": {"begin", "delete from guests where id % 100 = $n", "update guests set seen = 9 where id % 99 = $n",
		"insert into guests (wedding_id, name) values (3, 'never')", "rollback"},
	"savepoints": {"begin", "insert into guests (wedding_id, name) values (4, 'first')", "savepoint a",
		"update guests set seen = 8 where id % 100 = $n", "rollback to a", "savepoint b",
		"delete from guests where id % 98 = $n", "release b", "commit"},
	"locks":                {"begin", "select from guests where id % 100 = $n for update", "commit"},
	"other partition":      {"update photos set id = id + 5000 where id = 500 + $n"},
	"moves to a partition": {"update photos set id = 10000 + id where id between $n and $n + 5"},
	"column":               {"alter table guests add column if not exists extra int default 5"},
	"large objects": {"select lo_put(oid, 0, '\\xabcdef') from pg_largeobject_metadata where oid::bigint % 50 = $n % 50",
		"select lo_unlink(oid) from pg_largeobject_metadata where oid::bigint % 99 = $n"},
	"large objects move": {"select lo_unlink(min(oid)) from pg_largeobject_metadata", "vacuum full pg_largeobject"},
}

// sums are the rows and the hash of each table of a recovery point.
func sums(t *testing.T, e *engine.Engine, point string) map[string]string {
	t.Helper()
	d, err := e.Point(t.Context(), point)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, table := range d.TableList {
		out[table.Name] = fmt.Sprint(table.Rows, " rows, ", table.Hash)
	}
	return out
}

// TestIncrementalsHoldWhatFullsHold takes incremental backups upon one another while anything happens to tuples, and
// compares each with a full backup into another repository.
func TestIncrementalsHoldWhatFullsHold(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	run(t, url, tuples...)
	run(t, url, "vacuum analyze")
	chain, whole := newEngine(t, url, providers(t)), newEngine(t, url, providers(t)[:1])
	known := sums(t, chain, backup(t, chain, keepsake.BackupFull).Point)
	compare := func(what any, inc engine.BackupResult) {
		t.Helper()
		if got := sums(t, chain, inc.Point); !maps.Equal(got, known) {
			t.Fatalf("after %v\nan incremental has %v\na full         %v", what, got, known)
		}
	}
	// What is compared with full backups shows something only where two of them are the same as long as nothing happens.
	if again := sums(t, whole, backup(t, whole, keepsake.BackupFull).Point); !maps.Equal(again, known) {
		t.Fatalf("after nothing a full backup has %v\nand the one before       %v", again, known)
	}
	same := func(what any) engine.BackupResult {
		t.Helper()
		inc := backup(t, chain, keepsake.BackupIncremental)
		known = sums(t, whole, backup(t, whole, keepsake.BackupFull).Point)
		compare(what, inc)
		return inc
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	do := func(statements ...string) {
		t.Helper()
		for _, q := range statements {
			if _, err := conn.Exec(t.Context(), q); err != nil {
				t.Fatalf("%s: %v", q, err)
			}
		}
	}
	r := rand.New(rand.NewPCG(5, 15))
	names := slices.Sorted(maps.Keys(deeds))
	happen := func(name string) {
		t.Helper()
		for _, q := range deeds[name] {
			do(strings.ReplaceAll(q, "$n", strconv.Itoa(r.IntN(95))))
		}
	}
	for _, name := range names { // each alone, upon a backup that no transaction makes doubtful
		awaitOlder(t, url)
		compare("nothing", backup(t, chain, keepsake.BackupIncremental))
		happen(name)
		same(name)
	}
	for range 6 {
		var done []string
		for range 1 + r.IntN(4) {
			name := names[r.IntN(len(names))]
			happen(name)
			done = append(done, name)
		}
		same(done)
	}
	// A transaction is open while the backup that is built upon is taken.
	other, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close(context.Background()) }()
	for _, end := range []string{"commit", "rollback"} {
		if _, err := other.Exec(t.Context(), "begin; insert into guests (wedding_id, name) values (5, 'open');"+
			"delete from guests where id % 95 = 1"); err != nil {
			t.Fatal(err)
		}
		do("insert into guests (wedding_id, name) values (6, 'during')")
		same("what is not committed")
		same("nothing but an open transaction")
		if _, err := other.Exec(t.Context(), end); err != nil {
			t.Fatal(err)
		}
		same(end)
	}
}

// TestUnchangedTuplesAreCounted: where nothing happened, the server sends a line for each page range, and nothing for a
// row.
func TestUnchangedTuplesAreCounted(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	run(t, url, tuples...)
	e := newEngine(t, url, providers(t))
	awaitOlder(t, url)
	full := backup(t, e, keepsake.BackupFull)
	awaitOlder(t, url)
	nothing := backup(t, e, keepsake.BackupIncremental)
	if nothing.BytesRead > 1000 || nothing.Rows != full.Rows {
		t.Errorf("after nothing happened, %d bytes of %d rows were read", nothing.BytesRead, nothing.Rows)
	}
	run(t, url, "update guests set seen = 7 where id = 40000")
	if one := backup(t, e, keepsake.BackupIncremental); one.BytesRead < 1000 || one.BytesRead > full.BytesRead/4 {
		t.Errorf("after one row changed, %d bytes were read, by the full backup %d", one.BytesRead, full.BytesRead)
	}
}

// TestErasedRangesAreReadAgain: where an erasure took as many rows of a range as the platform has lost since, but
// others, the range is not taken over.
func TestErasedRangesAreReadAgain(t *testing.T) {
	t.Parallel()
	url, w := testenv.DB(t), newDirectories(t)
	run(t, url, "create table weddings (id int primary key, couple text)", "create table guests (id int, name text)",
		"insert into guests select i, 'Guest ' || i from generate_series(1, 2000) i")
	e, whole := engineWith(t, url, w.list, w.key), newEngine(t, url, providers(t))
	awaitOlder(t, url)
	point := backup(t, e, keepsake.BackupFull)
	er := erasing{t, w, repositoryOf(t, w.dirs[0], w.key)}
	erasure, gone := er.everyOther(point.Point, "guests") // those with even ids
	key, sealed, err := er.keys.SealErasure(erasure)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range w.list {
		er.put(p, key, sealed)
	}
	run(t, url, "delete from guests where id % 2 = 1")
	if left := one[int64](t, url, "select count(*) from guests"); left != gone {
		t.Fatalf("%d rows are left and %d were erased: the test proves nothing", left, gone)
	}
	awaitOlder(t, url)
	got := sums(t, e, backup(t, e, keepsake.BackupIncremental).Point)
	if want := sums(t, whole, backup(t, whole, keepsake.BackupFull).Point); !maps.Equal(got, want) {
		t.Errorf("an incremental has %v\na full         %v", got, want)
	}
}
