// Package auth knows who is there: local accounts with Argon2id passwords, second steps, sessions, and the lock-outs
// that make guessing slow. Everything it knows is in the console database, so that all processes agree. It never sees a
// cookie or a request.
package auth

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/mail"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// How long a session lives.
const (
	IdleTime     = 30 * time.Minute // without a request
	AbsoluteTime = 12 * time.Hour   // whatever happens
)

// system is the actor of this package: nobody is signed in yet when it works.
var system = keepsake.System("auth")

// CreateAccount makes a local account. The e-mail is unique, whatever its case; the password has 12 to 256 characters.
// The caller has made sure that whoever asks may do so: it is the command line's, never a page's that anybody can open.
func CreateAccount(ctx context.Context, d *db.DB, by keepsake.Actor, email string, password keepsake.Secret,
	role keepsake.Role) (err error) {
	defer func() { err = recordRefusedAccount(ctx, d, by, audit.AccountCreate, email, err) }()
	email, err = normalize(email)
	if err != nil {
		return err
	}
	if role != keepsake.RoleSuperAdmin {
		return keepsake.Errorf(keepsake.CodeInvalid, "unknown role %q: use super_admin", role)
	}
	if err := checkPassword(password); err != nil {
		return err
	}
	hash, err := hashPassword(ctx, password)
	if err != nil {
		return err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("make an account id: %w", err)
	}
	err = d.InTx(ctx, system, func(tx db.Tx) error {
		err := tx.InsertAccount(ctx, sqlcgen.InsertAccountParams{
			ID:           id.String(),
			Email:        email,
			PasswordHash: hash,
			Role:         string(role),
		})
		if err != nil {
			return err
		}
		return audit.Record(ctx, tx, by, audit.Entry{
			Action:  audit.AccountCreate,
			Target:  email,
			Outcome: audit.Allowed,
			Detail:  map[string]any{"role": role},
		})
	})
	if db.IsConstraint(err, "accounts_email_is_unique") {
		return keepsake.Errorf(keepsake.CodeConflict,
			"there is an account for %s already; set a new password with keepsake admin password, or close it with "+
				"keepsake admin close", email)
	}
	return err
}

// recordRefusedAccount puts on record that an account was not changed, and returns why; nil is nothing. What is no
// e-mail is not told: it may be anything.
func recordRefusedAccount(ctx context.Context, d *db.DB, by keepsake.Actor, action audit.Action, email string,
	err error) error {
	return recordRefusedEntry(ctx, d, by, audit.Entry{
		Action: action,
		Target: email,
		Detail: map[string]any{"code": keepsake.CodeOf(err)},
	}, err)
}

// SetPassword gives an account a new password, lifts its lock-out and ends all its sessions.
func SetPassword(ctx context.Context, d *db.DB, by keepsake.Actor, email string, password keepsake.Secret) (err error) {
	defer func() { err = recordRefusedAccount(ctx, d, by, audit.AccountPassword, email, err) }()
	email, err = normalize(email)
	if err != nil {
		return err
	}
	if err := checkPassword(password); err != nil {
		return err
	}
	hash, err := hashPassword(ctx, password)
	if err != nil {
		return err
	}
	err = d.InTx(ctx, system, func(tx db.Tx) error {
		id, err := tx.SetPassword(ctx, sqlcgen.SetPasswordParams{Email: email, PasswordHash: hash})
		if err != nil {
			return err
		}
		ended, err := tx.EndSessionsOfAccount(ctx, id)
		if err != nil {
			return err
		}
		if err := unlock(ctx, tx, email, proofOf(id)); err != nil {
			return err
		}
		return audit.Record(ctx, tx, by, audit.Entry{
			Action:  audit.AccountPassword,
			Target:  email,
			Outcome: audit.Allowed,
			Detail:  map[string]any{"sessions_ended": ended},
		})
	})
	if db.IsNoRows(err) {
		return keepsake.Errorf(keepsake.CodeNotFound,
			"there is no account for %s; make one with keepsake admin create", email)
	}
	return err
}

// Unlock lifts the lock-outs of an e-mail at sign-in, wherever its account is kept and whether or not there is one, and
// of its account where a proof is asked for. Those of addresses stay: they end by themselves.
func Unlock(ctx context.Context, d *db.DB, by keepsake.Actor, email string) (err error) {
	defer func() { err = recordRefusedAccount(ctx, d, by, audit.AccountUnlock, email, err) }()
	email, err = normalize(email)
	if err != nil {
		return err
	}
	return d.InTx(ctx, system, func(tx db.Tx) error {
		locked := []string{email}
		account, err := tx.GetAccountByEmail(ctx, email)
		if err == nil {
			locked = append(locked, proofOf(account.ID))
		} else if !db.IsNoRows(err) {
			return err
		}
		if err := unlock(ctx, tx, locked...); err != nil {
			return err
		}
		return audit.Record(ctx, tx, by, audit.Entry{Action: audit.AccountUnlock, Target: email, Outcome: audit.Allowed})
	})
}

func unlock(ctx context.Context, tx db.Tx, subjects ...string) error {
	for _, who := range subjects {
		if err := tx.ForgetSignIn(ctx, sqlcgen.ForgetSignInParams{Kind: byAccount, Subject: subject(who)}); err != nil {
			return err
		}
	}
	return nil
}

// Closed is what ended with an account.
type Closed struct {
	Sessions, Tokens int64
	// Elsewhere says that the account is kept at Supabase Auth, which opens it again here as long as it lets the person in
	// as a super admin.
	Elsewhere bool
}

// CloseAccount closes an account, ends its sessions and revokes its tokens. Its e-mail may be another account's
// afterwards.
func CloseAccount(ctx context.Context, d *db.DB, by keepsake.Actor, email string) (c Closed, err error) {
	defer func() { err = recordRefusedAccount(ctx, d, by, audit.AccountClose, email, err) }()
	email, err = normalize(email)
	if err != nil {
		return c, err
	}
	err = d.InTx(ctx, system, func(tx db.Tx) error {
		account, err := tx.GetAccountByEmail(ctx, email)
		if err != nil {
			return err
		}
		c.Elsewhere = account.Kind != kindLocal
		if err := tx.CloseAccount(ctx, account.ID); err != nil {
			return err
		}
		if c.Sessions, err = tx.EndSessionsOfAccount(ctx, account.ID); err != nil {
			return err
		}
		if c.Tokens, err = tx.RevokeTokensOfAccount(ctx, account.ID); err != nil {
			return err
		}
		return audit.Record(ctx, tx, by, audit.Entry{
			Action:  audit.AccountClose,
			Target:  email,
			Outcome: audit.Allowed,
			Detail:  map[string]any{"sessions_ended": c.Sessions, "tokens_revoked": c.Tokens},
		})
	})
	if db.IsNoRows(err) {
		return c, keepsake.Errorf(keepsake.CodeNotFound, "there is no account for %s: nothing was changed", email)
	}
	return c, err
}

// CountAccounts returns how many accounts can sign in: 0 right after the first start.
func CountAccounts(ctx context.Context, d *db.DB) (n int64, err error) {
	err = d.InTx(ctx, system, func(tx db.Tx) (err error) {
		n, err = tx.CountAccounts(ctx)
		return err
	})
	return n, err
}

// sessionSecretName is the row of settings that holds the generated secret.
const sessionSecretName = "session_secret"

// SessionSecret returns what session cookies are sealed with: the configured one, or one that the first process to ask
// makes and all of them share through the console database. Whoever reads it there learns no session: the cookie holds
// only an opaque id, of which the database has no more than the hash. A configured one must have at least 32 bytes.
func SessionSecret(ctx context.Context, d *db.DB, configured keepsake.Secret) (keepsake.Secret, error) {
	if configured != "" {
		if len(configured.Reveal()) < 32 {
			return "", keepsake.Errorf(keepsake.CodeInvalid,
				"session_secret has %d bytes; it needs at least 32. Make one with: openssl rand -base64 48",
				len(configured.Reveal()))
		}
		return configured, nil
	}
	fresh := make([]byte, 48)
	_, _ = rand.Read(fresh) // never fails
	var value []byte
	err := d.InTx(ctx, system, func(tx db.Tx) (err error) {
		if err = tx.InsertSetting(ctx, sqlcgen.InsertSettingParams{Name: sessionSecretName, Value: fresh}); err != nil {
			return err
		}
		value, err = tx.GetSetting(ctx, sqlcgen.GetSettingParams{Name: sessionSecretName})
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read the session secret: %w", err)
	}
	return keepsake.Secret(base64.RawStdEncoding.EncodeToString(value)), nil
}

// normalize returns an e-mail address as it is stored.
func normalize(email string) (string, error) {
	email = strings.ToLower(strings.TrimSpace(email))
	a, err := mail.ParseAddress(email)
	if err != nil || a.Address != email || len(email) > 254 || strings.ContainsRune(email, 0) {
		return "", keepsake.Errorf(keepsake.CodeInvalid, "%q is not an e-mail address", email)
	}
	return email, nil
}
