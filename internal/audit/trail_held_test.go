package audit_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/dbtest"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// logged keeps what is logged.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// TestWhoHoldsTheTrailHidesNothing: while somebody holds its end, what must be on record is refused in words within
// seconds, and what was refused is in the log with all that its entry would say. It is not parallel: the log is the
// process's.
func TestWhoHoldsTheTrailHidesNothing(t *testing.T) { //nolint:paralleltest // the default log is one for all
	url := dbtest.Tables(t)
	d := dbtest.Open(t, url)
	var l logged
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&l, nil)))
	defer slog.SetDefault(before)
	conn, err := pgx.Connect(t.Context(), url.Reveal())
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
	ctx := keepsake.WithRequest(t.Context(), keepsake.Request{ID: "REQ7", UserAgent: "a browser", Address: "203.0.113.9"})
	err = d.InTx(ctx, system, func(tx db.Tx) error {
		return audit.Record(ctx, tx, someone, audit.Entry{Action: "backup.start", Outcome: audit.Allowed})
	})
	if keepsake.CodeOf(err) != keepsake.CodeUnavailable || !strings.Contains(keepsake.MessageOf(err), "nothing was done") {
		t.Errorf("%v", err)
	}
	err = audit.RecordRefused(ctx, d, someone, audit.Entry{
		Action: "session.start",
		Target: "amelia@example.org",
		Detail: map[string]any{"reason": "mismatch"},
	})
	if keepsake.CodeOf(err) != keepsake.CodeUnavailable {
		t.Errorf("%v", err)
	}
	if took := time.Since(began); took > 10*time.Second { // two of them, on any machine
		t.Errorf("it took %s", took)
	}
	if !keepsake.RequestOf(ctx).Settled() {
		t.Error("the request would wait for the trail once more")
	}
	for _, want := range []string{"action=session.start", "target=amelia@example.org", "outcome=refused", "security=true",
		"actor=" + someone.Name, "request=REQ7", "mismatch", "user_agent=" + someone.UserAgent} {
		if !strings.Contains(l.b.String(), want) {
			t.Errorf("the log does not say %s: %s", want, l.b.String())
		}
	}
	err = d.InTx(ctx, system, func(tx db.Tx) error { // nor does the database wait longer for what it says itself
		_, err := tx.PG.Exec(ctx, "insert into accounts (id, email, password_hash, role) values (gen_random_uuid(), "+
			"'mallory@example.org', '$argon2id$hidden', 'super_admin')")
		return err
	})
	if keepsake.CodeOf(err) != keepsake.CodeUnavailable {
		t.Errorf("%v", err)
	}
}
