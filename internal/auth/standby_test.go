package auth

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestStandbyKnowsPeopleByTheRepository: without a database, an account is known by its verifier; tokens cannot be
// forged, run out, and mean nothing once the account is gone; guessing gets slower.
func TestStandbyKnowsPeopleByTheRepository(t *testing.T) {
	t.Parallel()
	hash, err := hashPassword(t.Context(), "a long enough passphrase")
	if err != nil {
		t.Fatal(err)
	}
	list := []Verifier{{
		Email:        "ada@example.com",
		PasswordHash: hash,
		Role:         string(keepsake.RoleSuperAdmin),
		Organization: "7",
	}}
	var away error
	read := func(context.Context) ([]byte, error) {
		if away != nil {
			return nil, away
		}
		return json.Marshal(list)
	}
	s := NewStandby("a secret of the repository, 32 bytes", read, nil, slog.New(slog.DiscardHandler))
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	s.now = func() time.Time { return now }
	in := Credentials{Email: " Ada@example.com", Password: "a long enough passphrase", Address: "192.0.2.1"}
	session, _, err := s.SignIn(t.Context(), in)
	if err != nil || session.Actor.Organization != "7" || session.Actor.Role != keepsake.RoleSuperAdmin ||
		!session.ExpiresAt.Equal(now.Add(StandbyTime)) {
		t.Fatalf("%+v, %v", session, err)
	}
	resolve := func(token string) keepsake.Code {
		a, err := s.Resolve(t.Context(), token)
		if err != nil {
			return keepsake.CodeOf(err)
		}
		if a.Name != "ada@example.com" || a.Session != session.ID {
			t.Errorf("%+v", a)
		}
		return ""
	}
	token := session.Token.Reveal()
	if code := resolve(token); code != "" {
		t.Errorf("a good token: %s", code)
	}
	other := NewStandby("another secret, of another repository", read, nil, slog.New(slog.DiscardHandler))
	if _, err := other.Resolve(t.Context(), token); keepsake.CodeOf(err) != keepsake.CodeNotFound {
		t.Errorf("under another repository's key: %v", err)
	}
	for _, forged := range []string{"", ".", "a.b", token + "x", strings.Replace(token, ".", "A.", 1),
		strings.TrimRight(token, token[len(token)-4:])} {
		if code := resolve(forged); code != keepsake.CodeNotFound {
			t.Errorf("%q: %q", forged, code)
		}
	}
	now = now.Add(StandbyTime)
	if code := resolve(token); code != keepsake.CodeNotFound {
		t.Errorf("an hour later: %q", code)
	}
	now = now.Add(-time.Minute)
	saved := list
	list = nil
	s.readAt = time.Time{}
	if code := resolve(token); code != keepsake.CodeNotFound {
		t.Errorf("of an account that is gone: %q", code)
	}
	list, s.readAt = saved, time.Time{}
	if _, _, err := s.SignIn(t.Context(), Credentials{
		Email:    "nobody@example.com",
		Password: "a long enough passphrase",
	}); keepsake.CodeOf(err) != keepsake.CodeForbidden ||
		keepsake.MessageOf(err) != refusal {
		t.Errorf("an account that does not exist: %v", err)
	}
	wrong := in
	wrong.Password = "not the right passphrase"
	for range freeByAccount {
		if _, _, err := s.SignIn(t.Context(), wrong); keepsake.CodeOf(err) != keepsake.CodeForbidden {
			t.Errorf("a wrong password: %v", err)
		}
	}
	if _, _, err := s.SignIn(t.Context(), in); keepsake.CodeOf(err) != keepsake.CodeForbidden ||
		!strings.Contains(keepsake.MessageOf(err), "Try again in") {
		t.Errorf("after %d wrong ones: %v", freeByAccount, err)
	}
	now = now.Add(longestLock)
	if _, _, err := s.SignIn(t.Context(), in); err != nil {
		t.Errorf("when the lock is over: %v", err)
	}
	// Whoever has an account of their own does not lift with it what their guesses at others have counted.
	for i := range freeByAddress {
		guess := wrong
		guess.Email = fmt.Sprintf("somebody-%d@example.com", i)
		if i == freeByAddress-2 {
			guess = in
		}
		_, _, _ = s.SignIn(t.Context(), guess)
	}
	wrong.Email = "somebody-else@example.com"
	_, _, _ = s.SignIn(t.Context(), wrong)
	if _, _, err := s.SignIn(t.Context(), in); keepsake.CodeOf(err) != keepsake.CodeForbidden {
		t.Errorf("after %d guesses from one address: %v", freeByAddress, err)
	}
	now = now.Add(longestLock)
	// A provider that goes away for a moment does not throw people out; one that never answered lets nobody in.
	now = now.Add(2 * verifiersTime)
	away = keepsake.Errorf(keepsake.CodeUnavailable, "no provider answers")
	if _, _, err := s.SignIn(t.Context(), in); err != nil {
		t.Errorf("with verifiers known already: %v", err)
	}
	for _, away = range []error{keepsake.Errorf(keepsake.CodeUnavailable, "no provider answers"),
		keepsake.Errorf(keepsake.CodeNotFound, "no note")} {
		if _, _, err := NewStandby("a secret of the repository, 32 bytes", read, nil, slog.New(slog.DiscardHandler)).SignIn(
			t.Context(), in); keepsake.CodeOf(err) != keepsake.CodeUnavailable {
			t.Errorf("%v: %v", away, err)
		}
	}
}
