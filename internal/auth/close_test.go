package auth_test

import (
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/auth"
	"github.com/wedsync/keepsake/internal/auth/gotrue/gotruetest"
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
	_, token, err := s.CreateToken(t.Context(), session.Actor, auth.TokenInput{Name: "a script", Permissions: []keepsake.Permission{keepsake.MayRestore}, Lifetime: 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := auth.CloseAccount(t.Context(), d, keepsake.System("test"), "nobody@example.org"); keepsake.CodeOf(err) != keepsake.CodeNotFound {
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
	if _, err := auth.CloseAccount(t.Context(), d, keepsake.System("test"), email); keepsake.CodeOf(err) != keepsake.CodeNotFound {
		t.Errorf("closed twice: %v", err)
	}
	if err := auth.SetPassword(t.Context(), d, keepsake.System("test"), email, password); keepsake.CodeOf(err) != keepsake.CodeNotFound {
		t.Errorf("a password for a closed account: %v", err)
	}
	if err := auth.CreateAccount(t.Context(), d, keepsake.System("test"), email, password, keepsake.RoleSuperAdmin); err != nil {
		t.Fatalf("another account of the address: %v", err)
	}
	nothing("made anew")
	if next, _, err := s.SignIn(t.Context(), try(email, password, "192.0.2.99")); err != nil || next.Actor.ID == session.Actor.ID {
		t.Errorf("%+v, %v", next.Actor, err)
	}
}

// TestSomebodyMadeAnewElsewhere: an account that was deleted and made again at Supabase Auth has the same address and another subject.
func TestSomebodyMadeAnewElsewhere(t *testing.T) {
	t.Parallel()
	e := withSupabase(t, bea)
	first := e.in(bea)
	again := bea
	again.ID = "018f0000-0000-7000-8000-0000000000aa"
	e.at = gotruetest.New(t, true, again)
	e.s = e.process(e.s, nil)
	if _, _, err := e.s.SignIn(t.Context(), try(bea.Email, theirPassword, "192.0.2.1")); keepsake.CodeOf(err) != keepsake.CodeForbidden {
		t.Errorf("two accounts of one address: %v", err)
	}
	if closed, err := auth.CloseAccount(t.Context(), e.d, keepsake.System("test"), bea.Email); err != nil || !closed.Elsewhere {
		t.Fatalf("%+v, %v", closed, err)
	}
	if next := e.in(again); next.Actor.ID == first.Actor.ID {
		t.Error("the same account")
	}
}
