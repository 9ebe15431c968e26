package auth

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// plainVault seals by putting the name before it.
type plainVault struct{ away error }

func (v plainVault) Seal(_ context.Context, name string, plain []byte) ([]byte, error) {
	return append([]byte(name), plain...), v.away
}

func (v plainVault) Open(_ context.Context, name string, sealed []byte) ([]byte, error) {
	rest, ok := strings.CutPrefix(string(sealed), name)
	if !ok && v.away == nil {
		return nil, keepsake.Errorf(keepsake.CodeDamaged, "another name")
	}
	return []byte(rest), v.away
}

// TestStandbyAsksForTheSecondStep: while the console database is away, the note in the repository holds what is asked
// for as well.
func TestStandbyAsksForTheSecondStep(t *testing.T) {
	t.Parallel()
	hash, err := hashPassword(t.Context(), "a long enough passphrase")
	if err != nil {
		t.Fatal(err)
	}
	secret, vault := newSecret(), plainVault{}
	sealed, _ := vault.Seal(t.Context(), secretName("1"), secret)
	codes, hashes := newRecoveryCodes()
	ada := Verifier{
		Email:        "ada@example.com",
		PasswordHash: hash,
		Role:         string(keepsake.RoleSuperAdmin),
		Account:      "1",
		Secret:       sealed,
		Recovery:     hashes[:2],
	}
	list := []Verifier{ada}
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	standby := func(v Vault) *Standby {
		s := NewStandby("a secret of the repository, 32 bytes",
			func(context.Context) ([]byte, error) { return json.Marshal(list) }, v, slog.New(slog.DiscardHandler))
		s.now = func() time.Time { return now }
		return s
	}
	s := standby(vault)
	in := Credentials{Email: "ada@example.com", Password: "a long enough passphrase", Address: "192.0.2.1"}
	half := func(s *Standby) Step {
		t.Helper()
		session, step, err := s.SignIn(t.Context(), in)
		if err != nil || step == nil || session.Token != "" {
			t.Fatalf("the password alone gives %+v, %v, %v", session, step, err)
		}
		return *step
	}
	code := func() keepsake.Secret {
		c, err := totp.GenerateCode(codeText.EncodeToString(secret), now)
		if err != nil {
			t.Fatal(err)
		}
		return keepsake.Secret(c)
	}
	refused := func(name string, s *Standby, step Step, typed keepsake.Secret, want keepsake.Code) {
		t.Helper()
		if session, err := s.Continue(t.Context(), step, typed, in); keepsake.CodeOf(err) != want || session.Token != "" {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	refused("no code", s, half(s), "", keepsake.CodeForbidden)
	refused("a wrong code", s, half(s), "000000", keepsake.CodeForbidden)
	session, err := s.Continue(t.Context(), half(s), code(), in)
	if err != nil {
		t.Fatal(err)
	}
	if actor, err := s.Resolve(t.Context(), session.Token.Reveal()); err != nil || actor.Name != "ada@example.com" {
		t.Errorf("%+v, %v", actor, err)
	}
	refused("the same code again", s, half(s), code(), keepsake.CodeForbidden)
	if _, err := s.Continue(t.Context(), half(s), codes[0], in); err != nil {
		t.Errorf("a recovery code: %v", err)
	}
	refused("the same recovery code again", s, half(s), codes[0], keepsake.CodeForbidden)
	refused("one that was used before", s, half(s), codes[2], keepsake.CodeForbidden)
	if _, err := s.Continue(t.Context(), half(s), codes[1], in); err != nil {
		t.Errorf("the other recovery code: %v", err)
	}

	late := half(s)
	now = now.Add(StepTime)
	refused("after five minutes", s, late, code(), keepsake.CodeNotFound)
	step := half(s)
	step.Kind = "something else"
	refused("another kind", s, step, code(), keepsake.CodeNotFound)
	step = half(s)
	step.Account = "2"
	refused("another account", s, step, code(), keepsake.CodeNotFound)

	away := standby(plainVault{away: keepsake.Errorf(keepsake.CodeUnavailable, "no provider answers")})
	refused("without the key", away, half(away), code(), keepsake.CodeUnavailable)
	other := standby(nil)
	refused("without a vault", other, half(other), code(), keepsake.CodeUnavailable)

	// Guessing gets slower, and beginning again does not help.
	judged := 0
	fresh := standby(vault)
	for range 20 {
		_, step, err := fresh.SignIn(t.Context(), in)
		if err != nil {
			continue
		}
		if _, err = fresh.Continue(t.Context(), *step, "000000", in); err == nil ||
			!strings.Contains(err.Error(), "Too many") {
			judged++
		}
	}
	if judged > freeByAccount {
		t.Errorf("%d codes were judged", judged)
	}
	now = now.Add(longestLock)
	if _, err := fresh.Continue(t.Context(), half(fresh), code(), in); err != nil {
		t.Errorf("when the lock is over: %v", err)
	}

	// A note of before there were second steps.
	list = []Verifier{{Email: ada.Email, PasswordHash: hash, Role: ada.Role}}
	if session, step, err := standby(vault).SignIn(t.Context(), in); err != nil || step != nil || session.Token == "" {
		t.Errorf("an old note: %v, %v", step, err)
	}
}
