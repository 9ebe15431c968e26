package engine_test

import (
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// TestATableOfAnotherAccessMethodIsReadWhole: nobody knows what a place means where the table is no heap, so nothing of
// such a table is taken over from an earlier recovery point, and the preflight names it.
func TestATableOfAnotherAccessMethodIsReadWhole(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	run(t, url, "create access method columns type table handler heap_tableam_handler",
		"create table guests (id int primary key, name text) using columns",
		"insert into guests select i, repeat('guest ' || i, 40) from generate_series(1, 60000) i",
		"create table vows (id int primary key, name text)",
		"insert into vows select i, repeat('vow ' || i, 40) from generate_series(1, 20000) i")
	e := newEngine(t, url, providers(t))
	awaitOlder(t, url)
	full := backup(t, e, keepsake.BackupFull)
	run(t, url, "update guests set name = 'Zoe' where id = 7")
	next := backup(t, e, keepsake.BackupIncremental)
	size := one[int64](t, url, "select sum(length(name))::int8 from guests")
	if next.BytesRead < size || next.BytesRead > full.BytesRead {
		t.Errorf("the incremental read %d bytes, want the %d of the table that is no heap, and less than the full one's %d",
			next.BytesRead, size, full.BytesRead)
	}
	for _, p := range []engine.BackupResult{full, next} {
		target := testenv.DB(t)
		if r := restore(t, e, engine.RestoreInput{
			Scope:  keepsake.Everything(),
			Point:  p.Point,
			Target: keepsake.Secret(target),
		}); !r.Verified || r.Rows != 80000 {
			t.Errorf("restored %+v", r)
		}
		if p.Point == next.Point {
			same(t, url, target)
		}
	}
	named := false
	for _, f := range e.Check(t.Context()) {
		named = named || f.Level == report.LevelWarn && strings.Contains(f.Message, "public.guests (columns)") &&
			!strings.Contains(f.Message, "vows")
	}
	if !named {
		t.Errorf("the preflight does not name the table: %+v", e.Check(t.Context()))
	}
}
