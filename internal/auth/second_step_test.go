package auth_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/dbtest"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/auth"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// vault seals like the repository's, under a key that is the text itself.
type vault string

func (v vault) aead() cipher.AEAD {
	key := sha256.Sum256([]byte(v))
	block, _ := aes.NewCipher(key[:])
	aead, _ := cipher.NewGCMWithRandomNonce(block)
	return aead
}

func (v vault) Seal(_ context.Context, name string, plain []byte) ([]byte, error) {
	return v.aead().Seal(nil, nil, plain, []byte(name)), nil
}

func (v vault) Open(_ context.Context, name string, sealed []byte) ([]byte, error) {
	plain, err := v.aead().Open(nil, nil, sealed, []byte(name))
	if err != nil {
		return nil, keepsake.Errorf(keepsake.CodeDamaged, "damaged: %w", err)
	}
	return plain, nil
}

// phone is an account with a second step, and what its person holds.
type phone struct {
	t        *testing.T
	d        *db.DB
	s        *auth.Sessions
	clock    *clock
	actor    keepsake.Actor // as enrolled
	secret   string
	recovery []keepsake.Secret
}

// code is what the authenticator shows so many steps from now.
func (p *phone) code(steps int) keepsake.Secret {
	p.t.Helper()
	code, err := totp.GenerateCode(p.secret, p.clock.now().Add(time.Duration(steps)*30*time.Second))
	if err != nil {
		p.t.Fatal(err)
	}
	return keepsake.Secret(code)
}

// enrolled switches the second step on for the account of setup, a minute ago: the next code is a fresh one.
func enrolled(t *testing.T) *phone {
	t.Helper()
	d, s, c := setup(t)
	s = s.WithVault(vault("the repository's key"))
	session, _, err := s.SignIn(t.Context(), try("amelia@example.org", password, "192.0.2.1"))
	if err != nil {
		t.Fatal(err)
	}
	p := &phone{t: t, d: d, s: s, clock: c, actor: session.Actor}
	if err := s.BeginSecondStep(t.Context(), p.actor); err != nil {
		t.Fatal(err)
	}
	e, err := s.GetEnrolment(t.Context(), p.actor)
	if err != nil {
		t.Fatal(err)
	}
	p.secret = strings.ReplaceAll(e.Secret.Reveal(), " ", "")
	if !strings.Contains(e.Link.Reveal(), "otpauth://totp/Keepsake:amelia@example.org?") || !strings.Contains(e.Link.Reveal(), "secret="+p.secret) {
		t.Errorf("the link is %s", e.Link.Reveal())
	}
	if p.recovery, err = s.ConfirmSecondStep(t.Context(), p.actor, p.code(0)); err != nil || len(p.recovery) != auth.RecoveryCodes {
		t.Fatalf("%d codes, %v", len(p.recovery), err)
	}
	c.add(time.Minute)
	return p
}

// half signs in with the password and returns what is still asked for.
func (p *phone) half(address string) auth.Step {
	p.t.Helper()
	session, step, err := p.s.SignIn(p.t.Context(), try("amelia@example.org", password, address))
	if err != nil || step == nil || session.Token != "" {
		p.t.Fatalf("a right password gave %v, %v", step, err)
	}
	return *step
}

func (p *phone) next(step auth.Step, code keepsake.Secret, address string) (auth.Session, error) {
	return p.s.Continue(p.t.Context(), step, code, auth.Credentials{Address: address, UserAgent: "test"})
}

// trail are the outcomes and details of an action, in order.
func (p *phone) trail(action string) (found []string) {
	p.t.Helper()
	err := p.d.InTx(p.t.Context(), keepsake.System("test"), func(tx db.Tx) error {
		rows, err := tx.PG.Query(p.t.Context(), "select outcome || ' ' || detail::text from audit_log where action = $1 order by id", action)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var s string
			if err := rows.Scan(&s); err != nil {
				return err
			}
			found = append(found, s)
		}
		return rows.Err()
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return found
}

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
	if step.Kind != auth.StepCode || step.Email != "amelia@example.org" || !step.Until.Equal(p.clock.now().Add(auth.StepTime)) || !step.Recoverable() {
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
	if actor, err := p.s.Resolve(t.Context(), session.Token.Reveal()); err != nil || actor.Name != "amelia@example.org" || !actor.Proven(p.clock.now()) {
		t.Errorf("%+v, %v", actor, err)
	}
	if got := p.trail("session.start"); !slices.Equal(got, []string{`allowed {"new_device":true}`, `refused {"reason":"wrong_totp"}`, `allowed {"second_factor":"totp"}`}) {
		t.Errorf("the record of sign-ins: %q", got)
	}
	if got := p.trail("session.password"); !slices.Equal(got, []string{`allowed {"asked":"code"}`}) {
		t.Errorf("the record of right passwords: %q", got)
	}
	if r, err := audit.Verify(t.Context(), p.d); err != nil || !r.Intact {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestACodeWorksOnce: a code that somebody saw over a shoulder is worth nothing once it was used, also at another process and also at the
// very same time; and so is every one that is older.
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
	session, err := p.next(p.half(""), keepsake.Secret(strings.ToUpper(p.recovery[0].Reveal())), "")
	if err != nil || !session.Recovered || session.CodesLeft != auth.RecoveryCodes-1 {
		t.Fatalf("%+v, %v", session, err)
	}
	if got := p.trail("second_step.recovery_code"); !slices.Equal(got, []string{`allowed {"left":9}`}) {
		t.Errorf("the record of recovery codes: %q", got)
	}
	codes, err := p.s.RenewRecoveryCodes(t.Context(), session.Actor)
	if err != nil || len(codes) != auth.RecoveryCodes {
		t.Fatalf("%d, %v", len(codes), err)
	}
	if _, err := p.next(p.half(""), p.recovery[1], ""); keepsake.CodeOf(err) != keepsake.CodeForbidden {
		t.Errorf("a code of before the new ones: %v", err)
	}
	if _, err := p.next(p.half(""), codes[1], ""); err != nil {
		t.Errorf("a new code: %v", err)
	}
}

// TestGuessingCodesLocks: who knows the password and no more is locked out like somebody who guesses at passwords, and beginning again
// with the right password does not set the count back.
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
	if _, err := p.next(p.half("198.51.100.1"), p.code(9), "198.51.100.1"); err == nil || strings.Contains(err.Error(), "Too many") {
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
	if err := auth.SetPassword(t.Context(), p.d, keepsake.System("test"), "amelia@example.org", "another long password"); err != nil {
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

func TestTheSecretIsNotInTheDatabase(t *testing.T) {
	t.Parallel()
	p := enrolled(t)
	err := p.d.InTx(t.Context(), keepsake.System("test"), func(tx db.Tx) error {
		row, err := tx.GetSecondStep(t.Context(), p.actor.ID)
		if err != nil {
			return err
		}
		plain, err := vault("the repository's key").Open(t.Context(), "second-step/"+p.actor.ID, row.Secret)
		if err != nil || len(plain) != 20 || bytes.Contains(row.Secret, plain[:8]) || bytes.Contains(row.Secret, []byte(p.secret[:8])) {
			t.Errorf("the secret is not sealed: %v", err)
		}
		var dump string
		err = tx.PG.QueryRow(t.Context(), "select (select jsonb_agg(s)::text from second_steps s) || (select jsonb_agg(r)::text from recovery_codes r) || (select jsonb_agg(a)::text from audit_log a)").Scan(&dump)
		for _, secret := range append(p.recovery, keepsake.Secret(p.secret), keepsake.Secret(fmt.Sprintf("%x", plain))) {
			if strings.Contains(dump, secret.Reveal()) || strings.Contains(dump, strings.ReplaceAll(secret.Reveal(), "-", "")) {
				t.Error("a code or secret is in the database in the clear")
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestAnotherRepositoryKey: nobody comes in with the password alone because codes cannot be checked, and whoever tries hears what helps.
func TestAnotherRepositoryKey(t *testing.T) {
	t.Parallel()
	p := enrolled(t)
	for name, c := range map[string]struct {
		s    *auth.Sessions
		code keepsake.Code
		says string
	}{
		"another key": {auth.NewSessions(p.d, p.clock.now).WithVault(vault("another key")), keepsake.CodeWrongKey, "keepsake admin second-step-off --email amelia@example.org"},
		"no key":      {auth.NewSessions(p.d, p.clock.now), keepsake.CodeUnavailable, "Use a recovery code"},
	} {
		_, step, err := c.s.SignIn(t.Context(), try("amelia@example.org", password, ""))
		if err != nil || step == nil {
			t.Fatalf("%s: %v, %v", name, step, err)
		}
		_, err = c.s.Continue(t.Context(), *step, p.code(0), auth.Credentials{})
		if keepsake.CodeOf(err) != c.code || !strings.Contains(keepsake.MessageOf(err), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A sealed secret is of one account: in another's row it is worth nothing.
	if err := auth.CreateAccount(t.Context(), p.d, keepsake.System("test"), "ben@example.org", password, keepsake.RoleSuperAdmin); err != nil {
		t.Fatal(err)
	}
	err := p.d.InTx(t.Context(), keepsake.System("test"), func(tx db.Tx) error {
		_, err := tx.PG.Exec(t.Context(), `insert into second_steps (account_id, secret, created_at, confirmed_at)
			select a.id, s.secret, now(), now() from accounts a, second_steps s where a.email = 'ben@example.org'`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	_, step, err := p.s.SignIn(t.Context(), try("ben@example.org", password, ""))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.s.Continue(t.Context(), *step, p.code(0), auth.Credentials{}); keepsake.CodeOf(err) != keepsake.CodeWrongKey {
		t.Errorf("a secret that was copied to another account: %v", err)
	}
	recovery, err := auth.NewSessions(p.d, p.clock.now).Continue(t.Context(), p.half(""), p.recovery[0], auth.Credentials{})
	if err != nil || !recovery.Recovered {
		t.Errorf("a recovery code needs no key: %v", err)
	}
}

func TestSwitchingItOff(t *testing.T) {
	t.Parallel()
	p := enrolled(t)
	wrong := []auth.Proof{{Code: p.code(0)}, {Password: password}, {Password: password, Code: p.code(9)}, {Password: "not the password", Code: p.code(0)}}
	for _, in := range wrong {
		if err := p.s.EndSecondStep(t.Context(), p.actor, in); keepsake.CodeOf(err) != keepsake.CodeInvalid {
			t.Errorf("%v: %v", in, err)
		}
	}
	if got := p.trail("second_step.off"); len(got) != len(wrong) || !strings.HasPrefix(got[0], "refused") {
		t.Errorf("the record: %q", got)
	}
	if err := p.s.EndSecondStep(t.Context(), p.actor, auth.Proof{Password: password, Code: p.recovery[0]}); err != nil {
		t.Fatal(err)
	}
	if session, step, err := p.s.SignIn(t.Context(), try("amelia@example.org", password, "")); err != nil || step != nil || session.Token == "" {
		t.Errorf("afterwards the password alone gives %v, %v", step, err)
	}
	if err := p.s.EndSecondStep(t.Context(), p.actor, auth.Proof{Password: password, Code: p.recovery[1]}); keepsake.CodeOf(err) != keepsake.CodeConflict {
		t.Errorf("off again: %v", err)
	}
	if _, err := p.s.RenewRecoveryCodes(t.Context(), p.actor); keepsake.CodeOf(err) != keepsake.CodeConflict {
		t.Errorf("recovery codes of nothing: %v", err)
	}
}

// TestAnOpenBrowserChangesNothing: what makes or shows codes asks for a recent proof, which a code of the authenticator is too.
func TestAnOpenBrowserChangesNothing(t *testing.T) {
	t.Parallel()
	p := enrolled(t)
	session, err := p.next(p.half(""), p.code(0), "")
	if err != nil {
		t.Fatal(err)
	}
	p.clock.add(10 * time.Minute)
	resolve := func() keepsake.Actor {
		t.Helper()
		a, err := p.s.Resolve(t.Context(), session.Token.Reveal())
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	late := resolve()
	_, renewed := p.s.RenewRecoveryCodes(t.Context(), late)
	_, shown := p.s.GetEnrolment(t.Context(), late)
	_, confirmed := p.s.ConfirmSecondStep(t.Context(), late, p.code(0))
	for name, err := range map[string]error{"begin": p.s.BeginSecondStep(t.Context(), late), "show": shown, "confirm": confirmed, "renew": renewed} {
		if keepsake.CodeOf(err) != keepsake.CodeProof {
			t.Errorf("%s: %v", name, err)
		}
	}
	code := p.code(0)
	for name, c := range map[string]struct {
		in   auth.Proof
		want keepsake.Code
	}{"nothing": {auth.Proof{}, keepsake.CodeInvalid}, "a wrong code": {auth.Proof{Code: p.code(9)}, keepsake.CodeInvalid}, "a recovery code": {auth.Proof{Code: p.recovery[0]}, keepsake.CodeInvalid}} {
		if err := p.s.Prove(t.Context(), resolve(), c.in); keepsake.CodeOf(err) != c.want {
			t.Errorf("proof by %s: %v", name, err)
		}
	}
	if err := p.s.Prove(t.Context(), resolve(), auth.Proof{Code: code}); err != nil {
		t.Fatal(err)
	}
	if !resolve().Proven(p.clock.now()) {
		t.Error("a code proves nothing")
	}
	if err := p.s.Prove(t.Context(), resolve(), auth.Proof{Code: code}); keepsake.CodeOf(err) != keepsake.CodeInvalid {
		t.Errorf("the same code again: %v", err)
	}
	token := keepsake.Actor{ID: p.actor.ID, Session: "x", Permissions: []keepsake.Permission{keepsake.MayRestore}}
	if err := p.s.BeginSecondStep(t.Context(), token); keepsake.CodeOf(err) != keepsake.CodeForbidden {
		t.Errorf("a token: %v", err)
	}
	elsewhere := keepsake.Actor{ID: "not an id of ours", Session: "x", Name: "who@example.org", ProvenAt: p.clock.now()}
	if state, err := p.s.GetSecondStep(t.Context(), elsewhere); err != nil || state.Local {
		t.Errorf("an account that is kept elsewhere: %+v, %v", state, err)
	}
}

// TestASecretIsConfirmedByItsOwnCode: another page may have begun anew meanwhile.
func TestASecretIsConfirmedByItsOwnCode(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, dbtest.URL(t))
	s := auth.NewSessions(d, nil).WithVault(vault("key"))
	if err := auth.CreateAccount(t.Context(), d, keepsake.System("test"), "amelia@example.org", password, keepsake.RoleSuperAdmin); err != nil {
		t.Fatal(err)
	}
	session, _, err := s.SignIn(t.Context(), try("amelia@example.org", password, ""))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.ConfirmSecondStep(t.Context(), session.Actor, "123456"); keepsake.CodeOf(err) != keepsake.CodeNotFound {
		t.Errorf("nothing was begun: %v", err)
	}
	var secrets []string
	for range 2 {
		if err := s.BeginSecondStep(t.Context(), session.Actor); err != nil {
			t.Fatal(err)
		}
		e, err := s.GetEnrolment(t.Context(), session.Actor)
		if err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, strings.ReplaceAll(e.Secret.Reveal(), " ", ""))
	}
	if secrets[0] == secrets[1] {
		t.Error("the secret is the same again")
	}
	old, err := totp.GenerateCode(secrets[0], time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.ConfirmSecondStep(t.Context(), session.Actor, keepsake.Secret(old)); keepsake.CodeOf(err) != keepsake.CodeInvalid {
		t.Errorf("a code of the secret before: %v", err)
	}
	if _, step, err := s.SignIn(t.Context(), try("amelia@example.org", password, "")); err != nil || step != nil {
		t.Errorf("a secret that was never confirmed is asked for: %v, %v", step, err)
	}
}

// TestTheNoteAsksForTheSecondStep: what the repository keeps of the accounts holds the sealed secret and the recovery codes that are left.
func TestTheNoteAsksForTheSecondStep(t *testing.T) {
	t.Parallel()
	p := enrolled(t)
	if _, err := p.next(p.half(""), p.recovery[0], ""); err != nil {
		t.Fatal(err)
	}
	note, err := auth.Verifiers(t.Context(), p.d)
	if err != nil {
		t.Fatal(err)
	}
	var list []auth.Verifier
	if err := json.Unmarshal(note, &list); err != nil || len(list) != 1 || list[0].Account != p.actor.ID || len(list[0].Recovery) != auth.RecoveryCodes-1 {
		t.Fatalf("%s, %v", note, err)
	}
	standby := auth.NewStandby("a secret of the repository, 32 bytes", func(context.Context) ([]byte, error) { return note, nil }, vault("the repository's key"), slog.New(slog.DiscardHandler))
	for code, want := range map[keepsake.Secret]bool{p.recovery[0]: false, p.recovery[1]: true} {
		_, step, err := standby.SignIn(t.Context(), try("amelia@example.org", password, ""))
		if err != nil || step == nil {
			t.Fatalf("%v, %v", step, err)
		}
		if _, err := standby.Continue(t.Context(), *step, code, auth.Credentials{}); (err == nil) != want {
			t.Errorf("recovery code: %v, want it taken: %v", err, want)
		}
	}
	if err := auth.SwitchSecondStepOff(t.Context(), p.d, keepsake.System("command line"), "Amelia@example.org"); err != nil {
		t.Fatal(err)
	}
	if note, err = auth.Verifiers(t.Context(), p.d); err != nil || bytes.Contains(note, []byte("second_step")) {
		t.Errorf("after it was switched off: %s, %v", note, err)
	}
	if got := p.trail("second_step.off"); len(got) != 1 || !strings.HasPrefix(got[0], "allowed") {
		t.Errorf("the record: %q", got)
	}
	if _, err := p.s.GetSecondStep(t.Context(), p.actor); err != nil {
		t.Error(err)
	}
	for email, want := range map[string]keepsake.Code{"amelia@example.org": keepsake.CodeConflict, "nobody@example.org": keepsake.CodeNotFound, "nobody": keepsake.CodeInvalid} {
		if err := auth.SwitchSecondStepOff(t.Context(), p.d, keepsake.System("command line"), email); keepsake.CodeOf(err) != want {
			t.Errorf("%s: %v", email, err)
		}
	}
}

// TestAnAttemptIsTakenBackOnlyWhenItWasTheLast: many right passwords at once must not lift the locks of wrong codes between them.
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
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
