package testenv

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
)

var (
	sharedPostgres shared[*Postgres]
	databases      atomic.Int64
	dropping       sync.WaitGroup // no test waits for the server to end its sessions and remove its files
)

// settings are those of every server here.
var settings = map[string]string{
	"wal_level":                 "logical",
	"max_connections":           "200",
	"max_wal_senders":           "40",
	"max_replication_slots":     "40",
	"max_prepared_transactions": "10",
	"fsync":                     "off",
	"synchronous_commit":        "off",
	"full_page_writes":          "off",
	"max_wal_size":              "256MB",
	// Loading the compiler costs a session more than what it saves here.
	"jit":                "off",
	"autovacuum_naptime": "1h", // an autovacuum in the middle of a test is noise; tests that want ANALYZE say so
}

// DB returns the URL of a fresh, empty database for the superuser, on one server per test binary (wal_level logical,
// 200 connections, no fsync). The database is dropped when the test ends.
func DB(t testing.TB) string {
	t.Helper()
	return fresh(t, "")
}

// Copy is DB with what another database of the same server holds, which takes a fraction of making it anew. Nobody may
// be connected to that one.
func Copy(t testing.TB, original string) string {
	t.Helper()
	return fresh(t, " template "+pgx.Identifier{original}.Sanitize()+" strategy file_copy")
}

// Original returns the URL of an empty database of that name, which stays until the test binary ends: to be filled and
// copied.
func Original(t testing.TB, name string) string {
	t.Helper()
	p := sharedServer(t)
	if err := p.CreateDatabase(t.Context(), name); err != nil {
		t.Fatalf("create the database to copy: %v", err)
	}
	return p.URL(name)
}

func fresh(t testing.TB, options string) string {
	t.Helper()
	p := sharedServer(t)
	name := fmt.Sprintf("test_%d", databases.Add(1))
	if err := p.exec(t.Context(), "create database "+pgx.Identifier{name}.Sanitize()+options); err != nil {
		t.Fatalf("create the test's database: %v", err)
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		dropping.Go(func() {
			// The test and its log have ended. Nothing fails because of it: the whole server is thrown away at the end.
			if err := p.dropDatabase(ctx, name); err != nil {
				_, _ = fmt.Fprintf(os.Stderr, "drop database %s of %s: %v\n", name, t.Name(), err)
			}
		})
	})
	return p.URL(name)
}

// sharedServer is the one server of the test binary.
func sharedServer(t testing.TB) *Postgres {
	t.Helper()
	return sharedPostgres.get(t, func(ctx context.Context) (*Postgres, error) {
		p, err := StartPostgres(ctx, PostgresOptions{Settings: settings})
		if err == nil {
			atExit(func() {
				dropping.Wait()
				p.Stop()
			})
		}
		return p, err
	})
}

// dropDatabase drops a database with whatever still hangs on it.
func (p *Postgres) dropDatabase(ctx context.Context, name string) error {
	// DROP … FORCE ends sessions but not walsenders that hold a logical slot of the database.
	err := p.exec(ctx, "select pg_terminate_backend(active_pid) from pg_replication_slots where database = $1 and "+
		"active_pid is not null", name)
	if err != nil {
		return err
	}
	return p.exec(ctx, "drop database if exists "+pgx.Identifier{name}.Sanitize()+" with (force)")
}

// olderRoot names the variable with the root of a Debian that has an older PostgreSQL. scripts/test-versions.sh sets
// it.
const olderRoot = "KEEPSAKE_OLDER_ROOT"

// Older returns an empty server of an older version of PostgreSQL, which is stopped when the test ends. It skips the
// test where there is none.
func Older(t testing.TB) *Postgres {
	t.Helper()
	root := os.Getenv(olderRoot)
	if root == "" {
		t.Skip(olderRoot + " names no root with an older PostgreSQL: make test-versions does")
	}
	p, err := StartPostgres(t.Context(), PostgresOptions{Root: root, Settings: settings})
	if err != nil {
		t.Fatalf("start the older PostgreSQL: %v", err)
	}
	t.Cleanup(p.Stop)
	return p
}

// Server returns an empty server of the test's own, for what would disturb others: roles, settings of the server.
func Server(t testing.TB) *Postgres {
	t.Helper()
	p, err := StartPostgres(t.Context(), PostgresOptions{Settings: settings})
	if err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	t.Cleanup(p.Stop)
	return p
}
