package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// scattered is a platform of tables that are written to in every way: rows of both formats, long rows, rows that stay
// in their page when they change and rows that move.
var scattered = []string{
	"create table organizations (id int primary key, name text)",
	"create table weddings (id int primary key, couple text, wedding_date date)",
	"insert into weddings select i, 'Couple ' || i, '2026-01-01' from generate_series(1, 500) i",
	"create table guests (id int primary key, wedding_id int references weddings, name text, seen int) with " +
		"(fillfactor = 70)",
	"insert into guests select i, 1 + i % 500, 'Guest ' || md5(i::text) || md5((i * 7)::text), 0 from " +
		"generate_series(1, 60000) i",
	"create table notes (id int primary key, words tsvector, body text)", // a tsvector: text format
	"insert into notes select i, to_tsvector('simple', 'note ' || i), repeat(E'tab\\t' || i, 20) from " +
		"generate_series(1, 12000) i",
	"create table contracts (id int primary key, body bytea)",
	"insert into contracts select i, case when i % 50 = 0 then convert_to(repeat(md5(i::text), 20000), 'UTF8') else " +
		"convert_to(md5(i::text), 'UTF8') end from generate_series(1, 600) i",
	"create table logs (at timestamptz, line text)", // no key
	"insert into logs select timestamptz '2026-01-01' + i * interval '1 s', md5(i::text) from generate_series(1, 40000) i",
}

// scatter changes about share of all rows, here and there.
func scatter(r *rand.Rand, share float64) []string {
	every := int(1 / share)
	pick := func(id string) string { return fmt.Sprintf("(%s + %d) %% %d = 0", id, r.IntN(every), every) }
	return []string{
		"update guests set seen = seen + 1 where " + pick("id"), // may stay in its page
		"update guests set name = name || ' and more', seen = 1 where " + pick("id"),
		"delete from guests where " + pick("id"),
		"insert into guests select (select max(id) from guests) + i, 1, 'New', 0 from generate_series(1, 300) i",
		"update notes set body = body || 'x' where " + pick("id"),
		"delete from notes where " + pick("id"),
		"update contracts set body = body || '\\x00' where " + pick("id"),
		"delete from logs where " + pick("extract(epoch from at)::bigint"),
		"insert into logs select now(), 'new' from generate_series(1, 50)",
	}
}

// awaitOlder waits until every transaction of the server that is older than this call has ended. Those of tests beside
// this one would otherwise make the next incremental backup doubt, and store again, what was written since they began.
func awaitOlder(t *testing.T, url string) {
	t.Helper()
	now := one[string](t, url, "select pg_current_xact_id()::text")
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if one[bool](t, url, "select pg_snapshot_xmin(pg_current_snapshot()) > $1::text::xid8 from pg_sleep(0.01)", now) {
			return
		}
	}
	t.Fatal("a transaction of another test does not end")
}

// TestFewChangedRowsCostLittle makes incremental backup after incremental backup of a platform whose changes lie
// everywhere, with vacuums between them and with transactions and savepoints that are open while a backup is made, and
// proves each by a restore.
func TestFewChangedRowsCostLittle(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	run(t, url, scattered...)
	list, dir := providers(t), t.TempDir()
	var err error
	if list[0].Store, err = storage.OpenFile(dir); err != nil {
		t.Fatal(err)
	}
	e := newEngine(t, url, list)
	awaitOlder(t, url)
	full := backup(t, e, keepsake.BackupFull)
	r := rand.New(rand.NewPCG(11, 7))
	prove := func(name string) {
		t.Helper()
		target := testenv.DB(t)
		restored := restore(t, e, engine.RestoreInput{
			Scope:  keepsake.Everything(),
			Point:  "latest",
			Target: keepsake.Secret(target),
		})
		if was, is := stateOf(t, url), stateOf(t, target); !restored.Verified || was.differs(is) != "" {
			t.Fatalf("%s: %s", name, was.differs(is))
		}
	}
	for round := range 6 {
		run(t, url, scatter(r, 0.01)...)
		if round%2 == 1 {
			run(t, url, "vacuum guests", "vacuum notes", "vacuum logs") // places become free, and are taken again
		}
		awaitOlder(t, url)
		inc := backup(t, e, keepsake.BackupIncremental)
		t.Logf("round %d: %d of %d bytes, %d of %d chunks",
			round, inc.BytesNew, full.BytesNew, inc.ChunksNew, inc.ChunksTotal)
		if inc.BytesNew*4 > full.BytesNew {
			t.Errorf("round %d uploaded %d bytes, the full backup %d", round, inc.BytesNew, full.BytesNew)
		}
		prove(fmt.Sprint("round ", round))
	}
	// A transaction with savepoints is open during a backup, and what it did is there after the next one.
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
	do("begin", "savepoint a", "insert into guests select (select max(id) from guests) + i, 2, 'Late', 0 from "+
		"generate_series(1, 20) i", "savepoint b",
		"update guests set name = 'Late too' where id % 997 = 0", "release b")
	run(t, url, "update logs set line = 'x' where line like 'a1%'")
	backup(t, e, keepsake.BackupIncremental)
	prove("while a transaction is open")
	do("delete from guests where id % 991 = 0", "rollback to a",
		"insert into guests select (select max(id) from guests) + i, 2, 'Later', 0 from generate_series(1, 20) i", "commit")
	run(t, url, "vacuum guests")
	backup(t, e, keepsake.BackupIncremental)
	prove("after it was committed")

	// Copies that are gone are not needed: the platform still has the rows.
	err = filepath.WalkDir(filepath.Join(dir, "chunks"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err == nil && len(b) > 20 {
			b[len(b)-1] ^= 1
			err = os.WriteFile(path, b, 0o600)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	run(t, url, scatter(r, 0.01)...)
	backup(t, e, keepsake.BackupIncremental)
	prove("with every copy at the first provider damaged")

	// A restore through one wedding's eyes leaves dropped rows out as well.
	run(t, url, "delete from guests where wedding_id = 77 and id % 2 = 0")
	backup(t, e, keepsake.BackupIncremental)
	w, err := e.WeddingAt(t.Context(), engine.ScopeInput{Scope: ofWedding("77"), Point: "latest"})
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range w.Tables {
		if want := one[int](t, url, "select count(*) from "+table.Table+" where "+
			strings.Replace("wedding_id = 77", "wedding_id",
				map[bool]string{true: "id", false: "wedding_id"}[table.Table == "public.weddings"], 1)); len(table.Rows) != want {
			t.Errorf("%s has %d rows, want %d", table.Table, len(table.Rows), want)
		}
	}
	if v, err := e.Verify(t.Context(), engine.VerifyInput{Point: "latest", Deep: true}, engine.Discard); err != nil ||
		v.OK {
		t.Errorf("damaged copies verify: %+v, %v", v, err)
	}
}
