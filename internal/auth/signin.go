package auth

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Credentials is what a person proves who they are with, and from where.
type Credentials struct {
	Email     string
	Password  keepsake.Secret
	Address   string // remote address, behind trusted proxies
	UserAgent string
}

// The kinds of sign-in throttle.
const (
	byAccount = "account"
	byAddress = "address"
)

// A lock-out begins after so many failures and doubles with each further one.
const (
	freeByAccount = 5
	freeByAddress = 20 // an office shares one
	firstLock     = 30 * time.Second
	longestLock   = 15 * time.Minute
)

// refusal is the same for every reason but the lock-out, so that nobody learns which accounts exist.
const refusal = "E-mail and password do not match an account. After five wrong tries the account rests for a while."

// SignIn checks credentials and starts a session; its token is new every time. An account that asks for a second step
// gets that instead, for Continue, and no session yet. A refusal is an Error with CodeForbidden whose message does not
// tell whether the account exists, and takes as long for one that does not. Failures are counted per account and per
// address before they are judged, so that parallel guesses count too; each further one locks for longer, and the lock
// is the same whether or not the account exists. Where too many sign in at once the error is CodeUnavailable with
// keepsake.Busy, and nothing was counted.
func (s *Sessions) SignIn(ctx context.Context, in Credentials) (Session, *Step, error) {
	actor := keepsake.Actor{Name: in.Email, Address: in.Address, UserAgent: in.UserAgent}
	email, err := normalize(in.Email)
	if err != nil {
		email = "" // still costs a hash and counts for the address
	}
	leave, err := s.door.enter(ctx, in.Address)
	if err != nil { // on record it would cost what it is to spare
		return Session{}, nil, err
	}
	defer leave()
	account, tried, err := s.reserve(ctx, email, in.Address)
	if err != nil {
		return Session{}, nil, s.recordRefusedSignIn(ctx, actor, "failed", err)
	}
	if tried.until.After(s.now()) {
		return Session{}, nil, s.recordRefusedSignIn(ctx, actor, "locked", locked(tried.until.Sub(s.now())))
	}
	local := account != nil && account.Kind == kindLocal
	phc := unknown
	if local {
		phc = account.PasswordHash
	}
	ok, err := verifyPassword(ctx, in.Password, phc)
	leave()
	if err != nil {
		return Session{}, nil, s.recordRefusedSignIn(ctx, actor, "failed", fmt.Errorf("check the password: %w", err))
	}
	if (!ok || !local) && s.supabase != nil && email != "" {
		return s.signInElsewhere(ctx, actor, email, in, tried, local)
	}
	if !ok || !local {
		return Session{}, nil, s.recordRefusedSignIn(ctx, actor, "mismatch", keepsake.Errorf(keepsake.CodeForbidden, refusal))
	}
	step, err := s.pending(ctx, *account, in, tried)
	if err != nil || step != nil {
		return Session{}, step, err
	}
	session, err := s.start(ctx, *account, in, factor{tried: tried})
	return session, nil, err
}

// locked refuses for a while.
func locked(d time.Duration) error {
	return keepsake.Errorf(keepsake.CodeForbidden,
		"Too many wrong tries. Try again in %s; nobody can sign in to this account, or from here, until then.", wait(d))
}

// tries are one attempt, as it was counted.
type tries struct {
	until   time.Time // the lock that held already
	counted []sqlcgen.TakeBackSignInParams
}

// giveBack takes back what was counted for an attempt that gave the right answer. The account has proven itself. The
// address has not: an attacker may own one account and guess at others.
func (t tries) giveBack(ctx context.Context, tx db.Tx, now time.Time) error {
	for _, c := range t.counted {
		var err error
		if c.Kind == byAccount {
			err = tx.ForgetSignIn(ctx, sqlcgen.ForgetSignInParams{Kind: c.Kind, Subject: c.Subject})
		} else {
			err = tx.ReturnSignIn(ctx, sqlcgen.ReturnSignInParams{
				Kind:      c.Kind,
				Subject:   c.Subject,
				Counted:   c.Failures,
				CountedAt: c.Now,
				Now:       now,
			})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// proofOf is what the attempts of somebody who is signed in are counted under. It is not what those at sign-in are:
// otherwise anybody who knows an e-mail could keep its owner from restoring, with wrong passwords from anywhere.
func proofOf(account string) string { return "proof of " + account }

// reserve counts the attempt as failed and returns the account, nil when there is none, and until when the attempt is
// locked out. A successful one is given back by start.
func (s *Sessions) reserve(ctx context.Context, email, address string) (*sqlcgen.Account, tries, error) {
	var account *sqlcgen.Account
	var tried tries
	err := s.db.InTx(ctx, system, func(tx db.Tx) error {
		if err := s.countBoth(ctx, tx, &tried, email, address); err != nil {
			return err
		}
		if email == "" {
			return nil
		}
		a, err := tx.GetAccountByEmail(ctx, email)
		if db.IsNoRows(err) {
			return nil
		}
		account = &a
		return err
	})
	if err != nil {
		return nil, tried, fmt.Errorf("look up the account: %w", err)
	}
	return account, tried, nil
}

// countBoth counts one attempt for who is tried, and for where it comes from; empty: that is not known.
func (s *Sessions) countBoth(ctx context.Context, tx db.Tx, tried *tries, who, address string) error {
	throttles := []struct {
		kind, subject string
		free          int32
	}{{byAccount, who, freeByAccount}, {byAddress, network(address), freeByAddress}}
	for _, t := range throttles {
		if t.subject == "" {
			continue
		}
		if err := s.count(ctx, tx, tried, t.kind, t.subject, t.free); err != nil {
			return err
		}
	}
	return nil
}

// count counts one attempt, sets the lock that its failure would bring, and notes the lock that already holds.
func (s *Sessions) count(ctx context.Context, tx db.Tx, tried *tries, kind, who string, free int32) error {
	now := s.now()
	row, err := tx.ReserveSignIn(ctx, sqlcgen.ReserveSignInParams{Kind: kind, Subject: subject(who), Now: now})
	if err != nil {
		return fmt.Errorf("count the attempt: %w", err)
	}
	if row.LockedUntil.After(now) {
		if row.LockedUntil.After(tried.until) {
			tried.until = row.LockedUntil
		}
		return nil
	}
	tried.counted = append(tried.counted, sqlcgen.TakeBackSignInParams{
		Kind:     kind,
		Subject:  subject(who),
		Failures: row.Failures,
		Now:      now,
	})
	if row.Failures < free {
		return nil
	}
	lock := longestLock
	if over := row.Failures - free; over < 8 {
		lock = min(longestLock, firstLock<<over)
	}
	return tx.LockSignIn(ctx, sqlcgen.LockSignInParams{Kind: kind, Subject: subject(who), LockedUntil: now.Add(lock)})
}

// recordRefusedSignIn records a refused sign-in and returns err.
func (s *Sessions) recordRefusedSignIn(ctx context.Context, actor keepsake.Actor, reason string, err error) error {
	return s.recordRefused(ctx, actor, audit.SessionStart, reason, err)
}

// recordRefused records that an attempt at an action was refused, or broke, and returns err.
func (s *Sessions) recordRefused(ctx context.Context, actor keepsake.Actor, action audit.Action, reason string,
	err error) error {
	return s.recordRefusedEntry(ctx, actor, audit.Entry{
		Action: action,
		Target: actor.Name,
		Detail: map[string]any{"reason": reason},
	}, err)
}

// recordRefusedEntry records why something was not done, and returns it; nil is nothing. What cannot be put on record
// is answered as a fault, not as a refusal.
func (s *Sessions) recordRefusedEntry(ctx context.Context, actor keepsake.Actor, e audit.Entry, err error) error {
	return recordRefusedEntry(ctx, s.db, actor, e, err)
}

func recordRefusedEntry(ctx context.Context, d *db.DB, actor keepsake.Actor, e audit.Entry, err error) error {
	if err == nil {
		return nil
	}
	switch keepsake.CodeOf(err) {
	case keepsake.CodeInternal, keepsake.CodeUnavailable:
		e.Outcome = audit.Failed
	}
	if failed := audit.RecordRefused(ctx, d, actor, e); failed != nil && e.Outcome != audit.Failed {
		return failed
	}
	return err
}

// subject hashes what a throttle is about: people type passwords into the wrong field.
func subject(s string) []byte {
	sum := sha256.Sum256([]byte("keepsake sign-in v1\x00" + strings.ToLower(s)))
	return sum[:]
}

// network is what counts as one address: an IPv6 customer has a whole /64.
func network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	if a = a.Unmap(); a.Is6() {
		if p, err := a.WithZone("").Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

// wait says a duration in words that fit a sentence.
func wait(d time.Duration) string {
	if d <= time.Minute {
		return "a minute"
	}
	return fmt.Sprintf("%d minutes", int((d+time.Minute-1)/time.Minute))
}
