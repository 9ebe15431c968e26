package sample_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/wedsync/keepsake/internal/sample"
	"github.com/wedsync/keepsake/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

func one[T any](t *testing.T, url, sql string) T {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	var v T
	if err := conn.QueryRow(t.Context(), sql).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

func load(t *testing.T, seed uint64) string {
	t.Helper()
	url := testenv.DB(t)
	var most, steps atomic.Int64
	o := sample.Options{Weddings: 60, Organizations: 5, Seed: seed, Today: time.Date(2026, 6, 20, 0, 0, 0, 0, time.UTC)}
	o.Progress = func(done, total int, _ string) {
		steps.Store(int64(total))
		if int64(done) > most.Load() {
			most.Store(int64(done))
		}
	}
	if err := sample.Load(t.Context(), url, o); err != nil {
		t.Fatal(err)
	}
	if most.Load() != steps.Load() {
		t.Fatalf("the progress ended at %d of %d", most.Load(), steps.Load())
	}
	return url
}

// digest is the same for the same rows, in any order.
const digest = `select string_agg(x, ',' order by x) from (
	select 'w' || md5(string_agg(w::text, '' order by id)) as x from weddings w
	union all select 'g' || md5(string_agg(g::text, '' order by id)) from guests g
	union all select 'e' || md5(string_agg(e::text, '' order by id)) from event_logs e
	union all select 'f' || md5(string_agg(f::text, '' order by id)) from files f) t`

func TestTheSameSeedMakesTheSamePlatform(t *testing.T) {
	t.Parallel()
	first := one[string](t, load(t, 1), digest)
	if again := one[string](t, load(t, 1), digest); again != first {
		t.Errorf("the same seed made other rows:\n%s\n%s", first, again)
	}
	if other := one[string](t, load(t, 2), digest); other == first {
		t.Error("another seed made the same rows")
	}
}

func TestTheSeasonIsWhole(t *testing.T) {
	t.Parallel()
	url := load(t, 1)
	for sql, want := range map[string]int64{
		"select count(*) from weddings":                                              60,
		"select count(*) from organizations":                                         5,
		"select count(*) from event_logs_other /* every event belongs to a month */": 0,
		"select count(*) from pg_namespace where nspname = 'sample_words'":           0,
		"select count(*) from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace and not " +
			"relispartition and reltuples <= 0 /* every table is filled */": 0,
	} {
		if got := one[int64](t, url, sql); got != want {
			t.Errorf("%s: %d, want %d", sql, got, want)
		}
	}
	for _, days := range []string{"= 0", "= 1", "between 2 and 7", "between 8 and 30", "> 30", "< 0"} {
		if one[int64](t, url, "select count(*) from weddings where wedding_date - date '2026-06-20' "+days) == 0 {
			t.Errorf("no wedding has days left %s", days)
		}
	}
}

func TestChangesTouchTheShareAskedFor(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(context.Context, string, float64, uint64) (int64, error){
		"season": sample.ChangeSeason, "scattered": sample.ChangeScattered,
	} {
		url := load(t, 1)
		rows := one[int64](t, url, "select sum(reltuples)::bigint from pg_class where relkind = 'r' and relnamespace = "+
			"'public'::regnamespace")
		before := one[string](t, url, digest)
		touched, err := change(t.Context(), url, 1, 3)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if share := float64(touched) / float64(rows); share < 0.006 || share > 0.014 {
			t.Errorf("%s: %d of %d rows were touched", name, touched, rows)
		}
		if one[string](t, url, digest) == before {
			t.Errorf("%s: nothing changed", name)
		}
	}
	if _, err := sample.ChangeSeason(t.Context(), "postgres://nowhere", 0, 1); err == nil {
		t.Error("zero per cent was accepted")
	}
}
