package auth_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/wedsync/keepsake/db"
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
	if !strings.Contains(e.Link.Reveal(), "otpauth://totp/Keepsake:amelia@example.org?") ||
		!strings.Contains(e.Link.Reveal(), "secret="+p.secret) {
		t.Errorf("the link is %s", e.Link.Reveal())
	}
	if p.recovery, err = s.ConfirmSecondStep(t.Context(), p.actor, p.code(0)); err != nil ||
		len(p.recovery) != auth.RecoveryCodes {
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
		rows, err := tx.PG.Query(p.t.Context(),
			"select outcome || ' ' || detail::text from audit_log where action = $1 order by id", action)
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
