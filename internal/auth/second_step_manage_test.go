package auth_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/dbtest"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/auth"
	"github.com/wedsync/keepsake/internal/keepsake"
)

func TestTheSecretIsNotInTheDatabase(t *testing.T) {
	t.Parallel()
	p := enrolled(t)
	err := p.d.InTx(t.Context(), keepsake.System("test"), func(tx db.Tx) error {
		row, err := tx.GetSecondStep(t.Context(), p.actor.ID)
		if err != nil {
			return err
		}
		plain, err := vault("the repository's key").Open(t.Context(), "second-step/"+p.actor.ID, row.Secret)
		if err != nil || len(plain) != 20 || bytes.Contains(row.Secret, plain[:8]) ||
			bytes.Contains(row.Secret, []byte(p.secret[:8])) {
			t.Errorf("the secret is not sealed: %v", err)
		}
		var dump string
		err = tx.PG.QueryRow(t.Context(), "select (select jsonb_agg(s)::text from second_steps s) || (select "+
			"jsonb_agg(r)::text from recovery_codes r) || (select jsonb_agg(a)::text from audit_log a)").Scan(&dump)
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

// TestAnotherRepositoryKey: nobody comes in with the password alone because codes cannot be checked, and whoever tries
// hears what helps.
func TestAnotherRepositoryKey(t *testing.T) {
	t.Parallel()
	p := enrolled(t)
	for name, c := range map[string]struct {
		s    *auth.Sessions
		code keepsake.Code
		says string
	}{
		"another key": {auth.NewSessions(p.d, p.clock.now).WithVault(vault("another key")), keepsake.CodeWrongKey,
			"keepsake admin second-step-off --email amelia@example.org"},
		"no key": {auth.NewSessions(p.d, p.clock.now), keepsake.CodeUnavailable, "Use a recovery code"},
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
	if err := auth.CreateAccount(t.Context(), p.d, keepsake.System("test"),
		"ben@example.org", password, keepsake.RoleSuperAdmin); err != nil {
		t.Fatal(err)
	}
	err := p.d.InTx(t.Context(), keepsake.System("test"), func(tx db.Tx) error {
		_, err := tx.PG.Exec(t.Context(), `insert into second_steps (account_id, secret, created_at, confirmed_at)
			select a.id, s.secret, now(), now() from accounts a, second_steps s where a.email = 'ben@example.org'`)
		if err != nil {
			return err
		}
		ben, err := tx.GetAccountByEmail(t.Context(), "ben@example.org")
		if err != nil {
			return err
		}
		return audit.Record(t.Context(), tx, keepsake.Actor{ID: ben.ID, Name: ben.Email},
			audit.Entry{Action: "second_step.begin", Outcome: audit.Allowed})
	})
	if err != nil {
		t.Fatal(err)
	}
	_, step, err := p.s.SignIn(t.Context(), try("ben@example.org", password, ""))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.s.Continue(t.Context(), *step, p.code(0), auth.Credentials{}); keepsake.CodeOf(
		err) != keepsake.CodeWrongKey {
		t.Errorf("a secret that was copied to another account: %v", err)
	}
	recovery, err := auth.NewSessions(p.d, p.clock.now).Continue(t.Context(),
		p.half(""), p.recovery[0], auth.Credentials{})
	if err != nil || !recovery.Recovered {
		t.Errorf("a recovery code needs no key: %v", err)
	}
}

func TestSwitchingItOff(t *testing.T) {
	t.Parallel()
	p := enrolled(t)
	wrong := []auth.Proof{{Code: p.code(0)}, {Password: password}, {Password: password, Code: p.code(9)},
		{Password: "not the password", Code: p.code(0)}}
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
	if session, step, err := p.s.SignIn(t.Context(), try("amelia@example.org", password, "")); err != nil || step != nil ||
		session.Token == "" {
		t.Errorf("afterwards the password alone gives %v, %v", step, err)
	}
	if err := p.s.EndSecondStep(t.Context(), p.actor,
		auth.Proof{Password: password, Code: p.recovery[1]}); keepsake.CodeOf(err) != keepsake.CodeConflict {
		t.Errorf("off again: %v", err)
	}
	if _, err := p.s.RenewRecoveryCodes(t.Context(), p.actor, time.Time{}); keepsake.CodeOf(err) != keepsake.CodeConflict {
		t.Errorf("recovery codes of nothing: %v", err)
	}
}

// TestAnOpenBrowserChangesNothing: what makes or shows codes asks for a recent proof, which a code of the authenticator
// is too.
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
	_, renewed := p.s.RenewRecoveryCodes(t.Context(), late, time.Time{})
	_, shown := p.s.GetEnrolment(t.Context(), late)
	_, confirmed := p.s.ConfirmSecondStep(t.Context(), late, p.code(0))
	for name, err := range map[string]error{"begin": p.s.BeginSecondStep(t.Context(), late), "show": shown,
		"confirm": confirmed, "renew": renewed} {
		if keepsake.CodeOf(err) != keepsake.CodeProof {
			t.Errorf("%s: %v", name, err)
		}
	}
	code := p.code(0)
	for name, c := range map[string]struct {
		in   auth.Proof
		want keepsake.Code
	}{"nothing": {auth.Proof{}, keepsake.CodeInvalid}, "a wrong code": {auth.Proof{Code: p.code(9)}, keepsake.CodeInvalid},
		"a recovery code": {auth.Proof{Code: p.recovery[0]}, keepsake.CodeInvalid}} {
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
	if err := auth.CreateAccount(t.Context(), d, keepsake.System("test"),
		"amelia@example.org", password, keepsake.RoleSuperAdmin); err != nil {
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
	if _, err := s.ConfirmSecondStep(t.Context(), session.Actor, keepsake.Secret(old)); keepsake.CodeOf(
		err) != keepsake.CodeInvalid {
		t.Errorf("a code of the secret before: %v", err)
	}
	if _, step, err := s.SignIn(t.Context(), try("amelia@example.org", password, "")); err != nil || step != nil {
		t.Errorf("a secret that was never confirmed is asked for: %v, %v", step, err)
	}
}

// TestTheNoteAsksForTheSecondStep: what the repository keeps of the accounts holds the sealed secret and the recovery
// codes that are left.
func TestTheNoteAsksForTheSecondStep(t *testing.T) {
	t.Parallel()
	p := enrolled(t)
	if _, err := p.next(p.half(""), p.recovery[0], ""); err != nil {
		t.Fatal(err)
	}
	note, err := auth.Verifiers(t.Context(), p.d, keepsake.DefaultPlatform)
	if err != nil {
		t.Fatal(err)
	}
	var list []auth.Verifier
	if err := json.Unmarshal(note, &list); err != nil || len(list) != 1 || list[0].Account != p.actor.ID ||
		len(list[0].Recovery) != auth.RecoveryCodes-1 {
		t.Fatalf("%s, %v", note, err)
	}
	standby := auth.NewStandby("a secret of the repository, 32 bytes",
		func(context.Context) ([]byte, error) { return note, nil }, vault("the repository's key"),
		slog.New(slog.DiscardHandler))
	for code, want := range map[keepsake.Secret]bool{p.recovery[0]: false, p.recovery[1]: true} {
		_, step, err := standby.SignIn(t.Context(), try("amelia@example.org", password, ""))
		if err != nil || step == nil {
			t.Fatalf("%v, %v", step, err)
		}
		if _, err := standby.Continue(t.Context(), *step, code, auth.Credentials{}); (err == nil) != want {
			t.Errorf("recovery code: %v, want it taken: %v", err, want)
		}
	}
	if err := auth.SwitchSecondStepOff(t.Context(), p.d,
		keepsake.System("command line"), "Amelia@example.org"); err != nil {
		t.Fatal(err)
	}
	note, err = auth.Verifiers(t.Context(), p.d, keepsake.DefaultPlatform)
	if err != nil || bytes.Contains(note, []byte("second_step")) {
		t.Errorf("after it was switched off: %s, %v", note, err)
	}
	if got := p.trail("second_step.off"); len(got) != 1 || !strings.HasPrefix(got[0], "allowed") {
		t.Errorf("the record: %q", got)
	}
	if _, err := p.s.GetSecondStep(t.Context(), p.actor); err != nil {
		t.Error(err)
	}
	for email, want := range map[string]keepsake.Code{"amelia@example.org": keepsake.CodeConflict,
		"nobody@example.org": keepsake.CodeNotFound, "nobody": keepsake.CodeInvalid} {
		if err := auth.SwitchSecondStepOff(t.Context(), p.d, keepsake.System("command line"), email); keepsake.CodeOf(
			err) != want {
			t.Errorf("%s: %v", email, err)
		}
	}
}
