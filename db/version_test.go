package db_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/dbtest"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestOlderProgramRefusesNewerTables: a program that is older than the console database's tables touches nothing.
func TestOlderProgramRefusesNewerTables(t *testing.T) {
	t.Parallel()
	owner, server := dbtest.Roles(t)
	var log strings.Builder
	if err := db.Prepare(t.Context(), owner, server, slog.New(slog.NewTextHandler(&log, nil))); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "migrations have brought the console database up to date") || !strings.Contains(log.String(), "00001_actor.sql") {
		t.Errorf("the migrations are not in the log: %s", &log)
	}
	d := dbtest.Open(t, server)
	if err := d.CheckVersion(t.Context()); err != nil {
		t.Errorf("tables of this very version: %v", err)
	}
	conn, err := pgx.Connect(t.Context(), owner.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	_, err = conn.Exec(t.Context(), "select set_config('keepsake.role', 'system', false)")
	if err == nil {
		_, err = conn.Exec(t.Context(), "insert into goose_db_version (version_id, is_applied) values (99990101000000, true)")
	}
	if err != nil {
		t.Fatal(err)
	}
	log.Reset()
	for name, err := range map[string]error{
		"prepare": db.Prepare(t.Context(), owner, server, slog.New(slog.NewTextHandler(&log, nil))),
		"migrate": db.Migrate(t.Context(), owner, slog.New(slog.NewTextHandler(&log, nil))),
		"check":   d.CheckVersion(t.Context()),
	} {
		if keepsake.CodeOf(err) != keepsake.CodeInvalid || !strings.Contains(keepsake.MessageOf(err), "a newer Keepsake has set up the console database") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if log.Len() > 0 {
		t.Errorf("something was changed: %s", &log)
	}
}
