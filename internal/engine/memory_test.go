package engine_test

import (
	"context"
	"errors"
	"net"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// mostHeap bounds the live heap of an operation, in bytes: less than the longest row of the test. The program's own
// promise, 256 MiB, is for the whole process.
const mostHeap = 140 << 20

// watchHeap looks at the live heap, as the garbage collector last found it, until the returned function is called,
// which returns the most that was seen.
func watchHeap() (most func() int64) {
	debug.FreeOSMemory() // what earlier tests left
	stop, result := make(chan struct{}), make(chan int64)
	go func() {
		sample, peak := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}, int64(0)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			metrics.Read(sample)
			peak = max(peak, int64(sample[0].Value.Uint64()))
			select {
			case <-tick.C:
			case <-stop:
				result <- peak
				return
			}
		}
	}()
	return func() int64 {
		runtime.GC()
		close(stop)
		return <-result
	}
}

// insert adds one row whose body is as given.
func insert(t *testing.T, url, table string, id int, body any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	if _, err := conn.Exec(t.Context(), "insert into "+table+" (id, body) values ($1, $2)", id, body); err != nil {
		t.Fatal(err)
	}
}

// TestRowsOfAnyLengthNeedBoundedMemory backs up and restores rows of 50 to 150 MB, in both of COPY's formats, and
// proves that no row is ever held whole. It does not run in parallel: the heap that it looks at is the whole process's.
func TestRowsOfAnyLengthNeedBoundedMemory(t *testing.T) {
	const mb = 1_000_000
	url := testenv.DB(t)
	run(t, url, "create table contracts (id int primary key, body bytea)",
		"create table letters (id int primary key, body text)",
		// a tsvector makes COPY write text, and a bytea twice as long
		"create table searched (id int primary key, words tsvector, body bytea)",
		"insert into letters select 1, repeat(E'50 MB: tab\\t, newline\\n, backslash \\\\, Zoë 💍; ', 1150000)",
		"insert into contracts values (2, '')")
	insert(t, url, "contracts", 1, noise(1, 150*mb))
	insert(t, url, "searched", 1, noise(2, 75*mb))
	e, target := newEngine(t, url, providers(t)), testenv.DB(t)

	heap := watchHeap()
	b := backup(t, e, keepsake.BackupFull)
	if most := heap(); most > mostHeap {
		t.Errorf("the backup held %d MB of live heap, want at most %d", most/mb, mostHeap/mb)
	} else {
		t.Logf("the backup of %d MB held %d MB of live heap", b.BytesRead/mb, most/mb)
	}
	if b.Rows != 4 || b.BytesRead < 340*mb || !b.Protected {
		t.Errorf("backup: %+v", b)
	}
	heap = watchHeap()
	r := restore(t, e, engine.RestoreInput{Scope: keepsake.Everything(), Point: b.Point, Target: keepsake.Secret(target)})
	if most := heap(); most > mostHeap {
		t.Errorf("the restore held %d MB of live heap, want at most %d", most/mb, mostHeap/mb)
	} else {
		t.Logf("the restore held %d MB of live heap", most/mb)
	}
	if r.Rows != b.Rows || !r.Verified {
		t.Errorf("restore: %+v", r)
	}
	const digest = `select string_agg(id || ' ' || length(body) || ' ' || encode(sha256(body), 'hex'), ', ' order by id)
		from
		(select id, body from contracts union all select 10 + id, convert_to(body, 'UTF8') from letters union all
			select 20 + id, body from searched) rows`
	if was, is := one[string](t, url, digest), one[string](t, target, digest); was != is {
		t.Errorf("the rows are\n%s\nthey were\n%s", is, was)
	}
}

// slowly delays writes, as a busy machine does: pgconn then begins to read in the background.
type slowly struct{ net.Conn }

func (s slowly) Write(b []byte) (int, error) {
	timer := time.NewTimer(50 * time.Millisecond)
	defer timer.Stop()
	<-timer.C
	return s.Conn.Write(b)
}

// TestReaderHasItsConnectionForItself: what pgconn reads in the background after a slow write must not be missing from
// the rows.
func TestReaderHasItsConnectionForItself(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return slowly{conn}, err
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for range 3 {
		conn, err := pgx.ConnectConfig(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), "begin"); err != nil {
			t.Fatal(err)
		}
		r, err := platform.NewReader(t.Context(), conn)
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		_, err = r.CopyOut(ctx, "copy (select i, repeat('x', 100) from generate_series(1, 20) i) to stdout", false,
			func(piece []byte, _, _ bool) error {
				got.Write(piece)
				return nil
			})
		if err := errors.Join(err, r.Close()); err != nil {
			t.Fatal(err)
		}
		if rows := strings.Count(got.String(), strings.Repeat("x", 100)+"\n"); rows != 20 {
			t.Errorf("%d of 20 rows arrived whole", rows)
		}
	}
}
