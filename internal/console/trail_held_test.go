package console_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestABackupSaysInTimeThatTheTrailIsHeld, and leaves nothing behind.
func TestABackupSaysInTimeThatTheTrailIsHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.console(newFakeEngine())
	conn, err := pgx.Connect(t.Context(), w.url.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _,
		err := conn.Exec(t.Context(), "begin; set local keepsake.role = 'system'; select from audit_head for update"); err !=
		nil {
		t.Fatal(err)
	}
	began := time.Now()
	_, err = c.StartBackup(t.Context(), admin, console.StartBackupInput{Type: keepsake.BackupIncremental})
	if took := time.Since(began); keepsake.CodeOf(err) != keepsake.CodeUnavailable || took > 5*time.Second {
		t.Errorf("%v after %s", err, took)
	}
	if n := w.count("select count(*) from backup_operations"); n != 0 {
		t.Errorf("%d operations", n)
	}
}
