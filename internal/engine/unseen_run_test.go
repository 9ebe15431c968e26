package engine_test

import (
	"context"
	"maps"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// TestARunThatTheRoleMayNotSeeIsNoneToBuildUpon: a role without pg_read_all_stats cannot notice that the server has
// crashed, after which the same places hold other rows. An incremental reads everything then, and says which grant
// would spare that.
func TestARunThatTheRoleMayNotSeeIsNoneToBuildUpon(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	run(t, url, "create role unseeing login password 'unseeing' bypassrls in role pg_read_all_data",
		"grant execute on function pg_control_system() to unseeing",
		"create table weddings (id int primary key, couple text)",
		"insert into weddings select i, repeat('Couple ' || i, 20) from generate_series(1, 5000) i")
	t.Cleanup(func() { run(t, url, "drop owned by unseeing", "drop role unseeing") })
	e := newEngine(t, at(t, url, nameIn(t, url), "unseeing"), providers(t))
	awaitOlder(t, url)
	full := backup(t, e, keepsake.BackupFull)
	incremental := func() (engine.BackupResult, string) {
		t.Helper()
		awaitOlder(t, url)
		w := &watcher{}
		r, err := e.Backup(t.Context(), engine.BackupInput{Type: keepsake.BackupIncremental}, w)
		if err != nil {
			t.Fatal(err)
		}
		var said strings.Builder
		for _, l := range w.lines {
			said.WriteString(l.Message + "\n")
		}
		return r, said.String()
	}
	const grant = "grant pg_read_all_stats"
	r, said := incremental()
	if r.BytesRead < full.BytesRead || !strings.Contains(said, grant) {
		t.Errorf("%d of %d bytes were read, and the log says %s", r.BytesRead, full.BytesRead, said)
	}
	found := false
	for _, f := range e.CheckPlatform(t.Context()) {
		found = found || strings.Contains(f.Action, grant) && strings.Contains(f.Message, "goes unnoticed")
	}
	if !found {
		t.Error("the preflight does not name the grant")
	}
	run(t, url, "grant pg_read_all_stats to unseeing")
	incremental() // the first that knows its run
	if r, said = incremental(); r.BytesRead >= full.BytesRead/2 || strings.Contains(said, grant) {
		t.Errorf("with the grant %d of %d bytes were read, and the log says %s", r.BytesRead, full.BytesRead, said)
	}
}

// TestLargeObjectsDoNotMoveDuringABackup: VACUUM FULL would give the places that a backup compares to other pages.
func TestLargeObjectsDoNotMoveDuringABackup(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	run(t, url, "create table weddings (id int primary key)",
		"select lo_from_bytea(i::oid, repeat(i::text || ' ', 700)::bytea) from generate_series(1, 12) i")
	chain, whole := newEngine(t, url, providers(t)), newEngine(t, url, providers(t))
	awaitOlder(t, url)
	backup(t, chain, keepsake.BackupFull)
	run(t, url, "select lo_unlink(2)", "select lo_create(2)")
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	var refused error
	w := &watcher{onProgress: func(p engine.Progress) {
		if p.Stage == engine.StageReading && refused == nil {
			_, _ = conn.Exec(context.Background(), "set lock_timeout = '100ms'")
			_, refused = conn.Exec(context.Background(), "vacuum full pg_largeobject")
		}
	}}
	awaitOlder(t, url)
	r, err := chain.Backup(t.Context(), engine.BackupInput{Type: keepsake.BackupIncremental}, w)
	if err != nil {
		t.Fatal(err)
	}
	if refused == nil || !strings.Contains(refused.Error(), "55P03") {
		t.Errorf("VACUUM FULL moved large objects while they were read: %v", refused)
	}
	run(t, url, "vacuum full pg_largeobject")
	awaitOlder(t, url)
	moved := backup(t, chain, keepsake.BackupIncremental)
	full := sums(t, whole, backup(t, whole, keepsake.BackupFull).Point)
	for _, point := range []string{r.Point, moved.Point} {
		if got := sums(t, chain, point); !maps.Equal(got, full) {
			t.Errorf("an incremental has %v\na full         %v", got, full)
		}
	}
}
