package auth_test

import (
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/auth"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestAnAccountIsClosed ends everything that its person has, and leaves the address to whoever has it next.
func TestAnAccountIsClosed(t *testing.T) {
	t.Parallel()
	d, s, _ := setup(t)
	const email = "amelia@example.org"
	session, step, err := s.SignIn(t.Context(), try(email, password, ""))
	if err != nil || step != nil {
		t.Fatal(step, err)
	}
	_, token, err := s.CreateToken(t.Context(), session.Actor,
		auth.TokenInput{Name: "a script", Permissions: []keepsake.Permission{keepsake.MayRestore}, Lifetime: 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := auth.CloseAccount(t.Context(), d, keepsake.System("test"), "nobody@example.org"); keepsake.CodeOf(
		err) != keepsake.CodeNotFound {
		t.Errorf("an account that is not there: %v", err)
	}
	closed, err := auth.CloseAccount(t.Context(), d, keepsake.System("test"), " Amelia@Example.org")
	if err != nil || closed.Sessions != 1 || closed.Tokens != 1 || closed.Elsewhere {
		t.Errorf("%+v, %v", closed, err)
	}
	nothing := func(when string) {
		t.Helper()
		if _, err := s.Resolve(t.Context(), session.Token.Reveal()); keepsake.CodeOf(err) != keepsake.CodeForbidden {
			t.Errorf("%s: the session: %v", when, err)
		}
		if _, err := s.ResolveToken(t.Context(), token.Reveal(), ""); keepsake.CodeOf(err) != keepsake.CodeForbidden {
			t.Errorf("%s: the token: %v", when, err)
		}
	}
	nothing("closed")
	if _, _, err := s.SignIn(t.Context(), try(email, password, "")); keepsake.CodeOf(err) != keepsake.CodeForbidden {
		t.Errorf("signs in to a closed account: %v", err)
	}
	if _, err := auth.CloseAccount(t.Context(), d, keepsake.System("test"), email); keepsake.CodeOf(
		err) != keepsake.CodeNotFound {
		t.Errorf("closed twice: %v", err)
	}
	if err := auth.SetPassword(t.Context(), d, keepsake.System("test"), email, password); keepsake.CodeOf(
		err) != keepsake.CodeNotFound {
		t.Errorf("a password for a closed account: %v", err)
	}
	if err := auth.CreateAccount(t.Context(), d, keepsake.System("test"), email, password, keepsake.RoleSuperAdmin); err !=
		nil {
		t.Fatalf("another account of the address: %v", err)
	}
	nothing("made anew")
	if next, _, err := s.SignIn(t.Context(), try(email, password, "192.0.2.99")); err != nil ||
		next.Actor.ID == session.Actor.ID {
		t.Errorf("%+v, %v", next.Actor, err)
	}
}

// TestUnlock: the lock-out is lifted without a new password.
func TestUnlock(t *testing.T) {
	t.Parallel()
	d, s, _ := setup(t)
	session, _, err := s.SignIn(t.Context(), try("amelia@example.org", password, ""))
	if err != nil {
		t.Fatal(err)
	}
	for range 6 {
		_, _, _ = s.SignIn(t.Context(), try("amelia@example.org", "wrong password 1", ""))
		_ = s.Prove(t.Context(), session.Actor, auth.Proof{Password: "wrong password 1"})
	}
	if _, _, err := s.SignIn(t.Context(), try("amelia@example.org", password, "")); keepsake.CodeOf(
		err) != keepsake.CodeForbidden {
		t.Fatalf("before: %v", err)
	}
	for _, email := range []string{"amelia@example.org", "nobody@example.org"} {
		if err := auth.Unlock(t.Context(), d, keepsake.System("test"), email); err != nil {
			t.Errorf("%s: %v", email, err)
		}
	}
	if _, _, err := s.SignIn(t.Context(), try("amelia@example.org", password, "")); err != nil {
		t.Errorf("signing in: %v", err)
	}
	if err := s.Prove(t.Context(), session.Actor, auth.Proof{Password: password}); err != nil {
		t.Errorf("proving: %v", err)
	}
}
