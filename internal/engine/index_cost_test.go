package engine_test

import (
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/sample"
	"github.com/wedsync/keepsake/internal/testenv"
)

// What an incremental uploads to each provider, in bytes, whatever the platform holds.
const (
	mostAfterOneRow  = 128 << 10
	mostAfterNothing = 16 << 10
)

// incrementalsByChange takes a full backup and two incrementals, one after a changed row and one after
// nothing, and returns what each provider received from these.
func incrementalsByChange(t testing.TB, e *engine.Engine, url, change string) (row, nothing int64) {
	t.Helper()
	take := func(kind keepsake.BackupType) int64 {
		r, err := e.Backup(t.Context(), engine.BackupInput{Type: kind}, engine.Discard)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d rows, %d bytes uploaded, %d chunks new, %.2f s",
			kind, r.Rows, r.Uploaded["local"], r.ChunksNew, r.Seconds)
		return r.Uploaded["local"]
	}
	take(keepsake.BackupFull)
	run(t, url, change)
	row = take(keepsake.BackupIncremental)
	return row, take(keepsake.BackupIncremental)
}

// TestIncrementalsCostByChange: a point's manifest and index do not grow with the platform.
func TestIncrementalsCostByChange(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	run(t, url, "create table weddings (id int primary key, couple text)",
		"create table guests (id bigint primary key, wedding_id int references weddings, name text)",
		"insert into weddings select i, 'Couple ' || i from generate_series(1, 20000) i",
		"insert into guests select i, 1 + (i * 7919) % 20000, repeat(md5(i::text), 4) from generate_series(1, 200000) i",
		"vacuum freeze")
	w := newDirectories(t)
	awaitOlder(t, url)
	e := engineWith(t, url, w.list, w.key)
	row, nothing := incrementalsByChange(t, e, url, "update guests set name = 'another' where id = 77777")
	if row > mostAfterOneRow || nothing > mostAfterNothing {
		t.Errorf("after one row %d bytes, want at most %d; after nothing %d, want at most %d",
			row, mostAfterOneRow, nothing, mostAfterNothing)
	}
	w2, err := e.WeddingAt(t.Context(), engine.ScopeInput{Scope: ofWedding("1"), Point: "latest"})
	if err != nil || len(w2.Tables) == 0 {
		t.Errorf("%+v, %v", w2, err)
	}
}

// BenchmarkOneChangedRow measures the same over a platform of 1.5 million rows like WedSync's.
func BenchmarkOneChangedRow(b *testing.B) {
	url := testenv.DB(b)
	if err := sample.Load(b.Context(), url, sample.Options{Weddings: 5000, Seed: 1, Today: time.Now()}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		e := engineWith(b, url, newDirectories(b).list, repository.NewKeyFile())
		row, nothing := incrementalsByChange(b, e, url,
			"update guests set name = name || 'x' where id = (select min(id) from guests)")
		b.ReportMetric(float64(row)/1024, "KiB-one-row")
		b.ReportMetric(float64(nothing)/1024, "KiB-nothing")
	}
}
