package auth_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/auth"
	"github.com/wedsync/keepsake/internal/keepsake"
)

func TestSecondStep(t *testing.T) {
	t.Parallel()
	p := enrolled(t)
	state, err := p.s.GetSecondStep(t.Context(), p.actor)
	if err != nil || !state.On || !state.Local || state.CodesLeft != auth.RecoveryCodes || state.Since.IsZero() {
		t.Errorf("%+v, %v", state, err)
	}
	if _, err := p.s.GetEnrolment(t.Context(), p.actor); keepsake.CodeOf(err) != keepsake.CodeConflict {
		t.Errorf("a secret in use is shown again: %v", err)
	}
	if err := p.s.BeginSecondStep(t.Context(), p.actor); keepsake.CodeOf(err) != keepsake.CodeConflict {
		t.Errorf("a secret in use is replaced: %v", err)
	}
	step := p.half("192.0.2.1")
	if step.Kind != auth.StepCode || step.Email != "amelia@example.org" ||
		!step.Until.Equal(p.clock.now().Add(auth.StepTime)) || !step.Recoverable() {
		t.Errorf("%+v", step)
	}
	if _, err := p.s.Resolve(t.Context(), step.State); keepsake.CodeOf(err) != keepsake.CodeForbidden {
		t.Errorf("a step opens something: %v", err)
	}
	if _, err := p.next(step, p.code(10), "192.0.2.1"); keepsake.CodeOf(err) != keepsake.CodeForbidden {
		t.Errorf("a wrong code: %v", err)
	}
	session, err := p.next(step, p.code(0), "192.0.2.1")
	if err != nil || session.Recovered {
		t.Fatal(err)
	}
	if actor, err := p.s.Resolve(t.Context(), session.Token.Reveal()); err != nil || actor.Name != "amelia@example.org" ||
		!actor.Proven(p.clock.now()) {
		t.Errorf("%+v, %v", actor, err)
	}
	if got := p.trail("session.start"); !slices.Equal(got,
		[]string{`allowed {"new_device":true}`, `refused {"reason":"wrong_totp"}`, `allowed {"second_factor":"totp"}`}) {
		t.Errorf("the record of sign-ins: %q", got)
	}
	if got := p.trail("session.password"); !slices.Equal(got, []string{`allowed {"asked":"code"}`}) {
		t.Errorf("the record of right passwords: %q", got)
	}
	if r, err := audit.Verify(t.Context(), p.d); err != nil || !r.Intact {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestACodeWorksOnce: a code that somebody saw over a shoulder is worth nothing once it was used, also at another
// process and also at the very same time; and so is every one that is older.
func TestACodeWorksOnce(t *testing.T) {
	t.Parallel()
	p := enrolled(t)
	for name, code := range map[string]keepsake.Secret{"an authenticator's": p.code(0), "a recovery": p.recovery[3]} {
		step := p.half("192.0.2.1")
		other := auth.NewSessions(p.d, p.clock.now).WithVault(vault("the repository's key"))
		var wg sync.WaitGroup
		won := make(chan auth.Session, 4)
		for i := range cap(won) {
			wg.Go(func() {
				s := []*auth.Sessions{p.s, other}[i%2]
				session, err := s.Continue(t.Context(), step, code, auth.Credentials{UserAgent: "test"})
				if err == nil {
					won <- session
				} else if keepsake.CodeOf(err) != keepsake.CodeForbidden {
					t.Errorf("%s code, at the same time: %v", name, err)
				}
			})
		}
		wg.Wait()
		if len(won) != 1 {
			t.Errorf("%s code opened %d sessions at once, want 1", name, len(won))
		}
		if err := p.s.Prove(t.Context(), p.actor, auth.Proof{Password: password}); err != nil { // sets the count back
			t.Fatal(err)
		}
		if _, err := p.next(p.half("192.0.2.1"), code, ""); keepsake.CodeOf(err) != keepsake.CodeForbidden {
			t.Errorf("%s code again: %v", name, err)
		}
		if err := p.s.Prove(t.Context(), p.actor, auth.Proof{Password: password}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.next(p.half("192.0.2.1"), p.code(-1), ""); keepsake.CodeOf(err) != keepsake.CodeForbidden {
		t.Errorf("the code of before the one that was used: %v", err)
	}
	p.clock.add(30 * time.Second)
	if _, err := p.next(p.half("192.0.2.1"), p.code(0), ""); err != nil {
		t.Errorf("the next code: %v", err)
	}
}

func TestRecoveryCodes(t *testing.T) {
	t.Parallel()
	p := enrolled(t)
	told := 0
	p.s = p.s.WithTelling(func(context.Context) { told++ })
	session, err := p.next(p.half(""), keepsake.Secret(strings.ToUpper(p.recovery[0].Reveal())), "")
	if err != nil || !session.Recovered || session.CodesLeft != auth.RecoveryCodes-1 {
		t.Fatalf("%+v, %v", session, err)
	}
	if got := p.trail("second_step.recovery_code"); !slices.Equal(got, []string{`allowed {"left":9}`}) {
		t.Errorf("the record of recovery codes: %q", got)
	}
	before, err := p.s.GetSecondStep(t.Context(), session.Actor)
	if err != nil {
		t.Fatal(err)
	}
	p.clock.add(time.Second)
	codes, err := p.s.RenewRecoveryCodes(t.Context(), session.Actor, before.CodesMade)
	if err != nil || len(codes) != auth.RecoveryCodes {
		t.Fatalf("%d, %v", len(codes), err)
	}
	if _, err := p.s.RenewRecoveryCodes(t.Context(), session.Actor, before.CodesMade); keepsake.CodeOf(err) !=
		keepsake.CodeConflict {
		t.Errorf("the same form once more: %v", err)
	}
	if told != 1 {
		t.Errorf("the repository was told %d times of the new ones", told)
	}
	if _, err := p.next(p.half(""), p.recovery[1], ""); keepsake.CodeOf(err) != keepsake.CodeForbidden {
		t.Errorf("a code of before the new ones: %v", err)
	}
	if _, err := p.next(p.half(""), codes[1], ""); err != nil {
		t.Errorf("a new code: %v", err)
	}
}

// TestGuessingCodesLocks: who knows the password and no more is locked out like somebody who guesses at passwords, and
// beginning again with the right password does not set the count back.
func TestGuessingCodesLocks(t *testing.T) {
	t.Parallel()
	p := enrolled(t)
	judged := 0
	for i := range 20 {
		_, step, err := p.s.SignIn(t.Context(), try("amelia@example.org", password, fmt.Sprintf("192.0.2.%d", i)))
		if err != nil {
			if !strings.Contains(err.Error(), "Too many") {
				t.Fatal(err)
			}
			continue
		}
		_, err = p.next(*step, p.code(20+i), fmt.Sprintf("192.0.2.%d", i))
		if err == nil {
			t.Fatal("a wrong code was taken")
		}
		if !strings.Contains(err.Error(), "Too many") {
			judged++
		}
	}
	if judged > 5 {
		t.Errorf("%d codes were judged at twenty sign-ins, want 5 at most", judged)
	}
	p.clock.add(31 * time.Second)
	if _, err := p.next(p.half("198.51.100.1"), p.code(9), "198.51.100.1"); err == nil ||
		strings.Contains(err.Error(), "Too many") {
		t.Errorf("after the first lock: %v, want another try", err)
	}
	p.clock.add(31 * time.Second)
	if _, _, err := p.s.SignIn(t.Context(), try("amelia@example.org", password, "")); err == nil {
		t.Error("the second lock is not longer than the first")
	}
	// A person who is right at last has nothing counted against them.
	p.clock.add(30 * time.Second)
	if _, err := p.next(p.half("198.51.100.1"), p.code(0), "198.51.100.1"); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		_, _, _ = p.s.SignIn(t.Context(), try("amelia@example.org", "wrong password 1", "198.51.100.1"))
	}
	p.half("198.51.100.1")
}

// TestAForgedStepLacksItsCode: whoever has read the console database, with the secret of its cookies and the verifiers
// of its passwords, can forge a sign-in whose password was right. Its code they cannot, and where none is asked for it
// opens nothing.
func TestAForgedStepLacksItsCode(t *testing.T) {
	t.Parallel()
	p := enrolled(t)
	if err := auth.CreateAccount(t.Context(), p.d, keepsake.System("test"),
		"ben@example.org", password, keepsake.RoleSuperAdmin); err != nil {
		t.Fatal(err)
	}
	forged := func(email string) (step auth.Step) {
		t.Helper()
		err := p.d.InTx(t.Context(), keepsake.System("test"), func(tx db.Tx) error {
			a, err := tx.GetAccountByEmail(t.Context(), email)
			mark := sha256.Sum256([]byte("keepsake second step v1\x00" + a.PasswordHash))
			step = auth.Step{
				Kind:    auth.StepCode,
				Account: a.ID,
				Email:   email,
				Until:   p.clock.now().Add(time.Hour),
				State:   base64.RawURLEncoding.EncodeToString(mark[:12]),
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return step
	}
	for _, code := range []keepsake.Secret{"", p.code(9), "aaaa-aaaa-aaaa-aaaa"} {
		if _, err := p.next(forged("amelia@example.org"), code, ""); keepsake.CodeOf(err) != keepsake.CodeForbidden {
			t.Errorf("without the code: %v", err)
		}
		if _, err := p.next(forged("ben@example.org"), code, ""); keepsake.CodeOf(err) != keepsake.CodeNotFound {
			t.Errorf("an account that has no second step: %v", err)
		}
	}
	if _, err := p.next(forged("amelia@example.org"), p.code(0), ""); err != nil {
		t.Errorf("the forgery is none, so the test proves nothing: %v", err)
	}
}

func TestAStepIsOver(t *testing.T) {
	t.Parallel()
	p := enrolled(t)
	over := func(name string, step auth.Step) {
		t.Helper()
		if _, err := p.next(step, p.code(0), ""); keepsake.CodeOf(err) != keepsake.CodeNotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	step := p.half("")
	other := step
	other.Kind = "something else"
	over("of an unknown kind", other)
	other = step
	other.Account = "018f0000-0000-7000-8000-000000000001"
	over("of another account", other)
	p.clock.add(auth.StepTime)
	over("after five minutes", step)
	step = p.half("")
	if err := auth.SetPassword(t.Context(), p.d, keepsake.System("test"),
		"amelia@example.org", "another long password"); err != nil {
		t.Fatal(err)
	}
	over("after a new password", step)
	if err := auth.SetPassword(t.Context(), p.d, keepsake.System("test"), "amelia@example.org", password); err != nil {
		t.Fatal(err)
	}
	step = p.half("")
	if err := auth.SwitchSecondStepOff(t.Context(), p.d, keepsake.System("test"), "amelia@example.org"); err != nil {
		t.Fatal(err)
	}
	over("after it was switched off", step)
}

// TestAnAttemptIsTakenBackOnlyWhenItWasTheLast: many right passwords at once must not lift the locks of wrong codes
// between them.
func TestAnAttemptIsTakenBackOnlyWhenItWasTheLast(t *testing.T) {
	t.Parallel()
	d, _, c := setup(t)
	who := []byte("who")
	at := c.now()
	reserve := func(tx db.Tx, now time.Time) sqlcgen.TakeBackSignInParams {
		t.Helper()
		row, err := tx.ReserveSignIn(t.Context(), sqlcgen.ReserveSignInParams{Kind: "account", Subject: who, Now: now})
		if err != nil {
			t.Fatal(err)
		}
		return sqlcgen.TakeBackSignInParams{Kind: "account", Subject: who, Failures: row.Failures, Now: now}
	}
	err := d.InTx(t.Context(), keepsake.System("test"), func(tx db.Tx) error {
		_ = reserve(tx, at)
		right := reserve(tx, at.Add(time.Second))
		code := reserve(tx, at.Add(2*time.Second))
		for _, c := range []struct {
			name string
			back sqlcgen.TakeBackSignInParams
			want int32
		}{{"the second of three", right, 4}, {"the third of four", code, 5}} {
			if err := tx.TakeBackSignIn(t.Context(), c.back); err != nil {
				return err
			}
			if again := reserve(tx, at.Add(time.Duration(c.want)*time.Second)); again.Failures != c.want {
				t.Errorf("%s was taken back: the next is number %d, want %d", c.name, again.Failures, c.want)
			}
		}
		last := reserve(tx, at.Add(time.Minute))
		if err := tx.TakeBackSignIn(t.Context(), last); err != nil {
			return err
		}
		if again := reserve(tx, at.Add(2*time.Minute)); again.Failures != last.Failures {
			t.Errorf("the last was not taken back: the next is number %d, want %d", again.Failures, last.Failures)
		}
		return audit.Record(t.Context(), tx, keepsake.System("test"),
			audit.Entry{Action: "session.start", Outcome: audit.Allowed})
	})
	if err != nil {
		t.Fatal(err)
	}
}
