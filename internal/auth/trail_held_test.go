package auth_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/db/dbtest"
	"github.com/wedsync/keepsake/internal/auth"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestSignInSaysInTimeThatTheTrailIsHeld: neither the right password nor a wrong one is a fault of the program's, or
// waits for long.
func TestSignInSaysInTimeThatTheTrailIsHeld(t *testing.T) {
	t.Parallel()
	url := dbtest.URL(t)
	s := auth.NewSessions(dbtest.Open(t, url), nil)
	if err := auth.CreateAccount(t.Context(), dbtest.Open(t, url), keepsake.System("test"),
		"amelia@example.org", password, keepsake.RoleSuperAdmin); err != nil {
		t.Fatal(err)
	}
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
	for _, p := range []keepsake.Secret{password, "a wrong password"} {
		began := time.Now()
		_, _, err := s.SignIn(from(t, "192.0.2.1", "POST /signin"), try("amelia@example.org", p, "192.0.2.1"))
		if took := time.Since(began); keepsake.CodeOf(err) != keepsake.CodeUnavailable || took > 5*time.Second {
			t.Errorf("%v after %s", err, took)
		}
	}
}
