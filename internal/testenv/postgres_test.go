package testenv_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

func query[T any](t *testing.T, url, sql string) T {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var v T
	if err := conn.QueryRow(t.Context(), sql).Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// t.TempDir is closed to other accounts, so this also proves that the server passes through closed folders.
func TestPostgresContinuesAKilledServersFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "pg")
	if err := os.Chmod(filepath.Dir(dir), 0o700); err != nil {
		t.Fatal(err)
	}
	first, err := testenv.StartPostgres(t.Context(),
		testenv.PostgresOptions{Dir: dir, Settings: map[string]string{"wal_level": "logical"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := first.CreateDatabase(t.Context(), `odd "name"`); err != nil {
		t.Fatal(err)
	}
	if got := query[string](t, first.URL("postgres"), "show wal_level"); got != "logical" {
		t.Errorf("wal_level is %q, want logical", got)
	}
	first.Signal(t, syscall.SIGKILL)

	second, err := testenv.StartPostgres(t.Context(), testenv.PostgresOptions{Dir: dir})
	if err != nil {
		t.Fatalf("start after kill -9: %v", err)
	}
	defer second.Stop()
	if got := query[string](t, second.URL(`odd "name"`), "select current_database()"); got != `odd "name"` {
		t.Errorf("the database is gone: %q", got)
	}
}

func TestPostgresTakesOverAPidFileOfAnotherProcess(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "pg")
	first, err := testenv.StartPostgres(t.Context(), testenv.PostgresOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	first.Stop()
	if err := os.WriteFile(filepath.Join(dir, "postmaster.pid"), []byte("1\n"+dir+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	second, err := testenv.StartPostgres(t.Context(), testenv.PostgresOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	second.Stop()
}

func TestPostgresRefusesAForeignFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if p, err := testenv.StartPostgres(t.Context(), testenv.PostgresOptions{Dir: dir}); err == nil {
		p.Stop()
		t.Fatal("a folder with other people's files was taken")
	}
	if _, err := os.Stat(filepath.Join(dir, "mine")); err != nil {
		t.Errorf("the file is gone: %v", err)
	}
}

func TestPostgresFailsWithItsOwnWords(t *testing.T) {
	t.Parallel()
	start := time.Now()
	p, err := testenv.StartPostgres(t.Context(),
		testenv.PostgresOptions{Settings: map[string]string{"no_such_setting": "1"}})
	if err == nil {
		p.Stop()
		t.Fatal("a wrong setting was accepted")
	}
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("took %s to notice that the server had ended", took)
	}
	t.Log(err)
}

func TestDBIsFreshAndItsOwn(t *testing.T) {
	t.Parallel()
	a, b := testenv.DB(t), testenv.DB(t)
	if a == b {
		t.Fatal("two tests share a database")
	}
	query[int](t, a, "with made as (select 1) select * from made")
	conn, err := pgx.Connect(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), "create table only_in_a ()"); err != nil {
		t.Fatal(err)
	}
	// A slot that is left behind must not keep the database from being dropped.
	if _, err := conn.Exec(t.Context(), "select pg_create_logical_replication_slot('left_behind', 'pgoutput')"); err !=
		nil {
		t.Fatal(err)
	}
	if n := query[int](t, b, "select count(*) from pg_class where relname = 'only_in_a'"); n != 0 {
		t.Error("the other database has the table too")
	}
}
