package platform_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// TestNoTimeOutEndsALongRead: whatever time-outs the database has, a session for reading has none.
func TestNoTimeOutEndsALongRead(t *testing.T) {
	t.Parallel()
	ctx, url := t.Context(), testenv.DB(t)
	admin, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close(ctx) }()
	rows, err := admin.Query(ctx, "select name from pg_settings where name ~ '_timeout$' and context = 'user' and "+
		"name !~ '^(tcp|wal)_'")
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(names) < 4 {
		t.Fatalf("time-outs: %v, %v", names, err)
	}
	for _, n := range names {
		if _, err := admin.Exec(ctx, "do $$ begin execute format('alter database %I set "+n+
			" = ''3h''', current_database()); end $$"); err != nil {
			t.Fatal(err)
		}
	}
	conn, err := platform.Connect(ctx, keepsake.Secret(url))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, n := range names {
		var is string
		if err := conn.QueryRow(ctx, "show "+n).Scan(&is); err != nil || strings.Trim(is, "0ms") != "" {
			t.Errorf("%s is %s, %v", n, is, err)
		}
	}
}
