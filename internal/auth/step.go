package auth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// StepTime is how long a person has for the second step of signing in.
const StepTime = 5 * time.Minute

// StepCode is the kind of second step of local accounts: a code of an authenticator, or a recovery code.
const StepCode = "code"

// Step is a sign-in whose password was right and that still lacks its second step. It is no session and opens nothing.
// The browser holds it, encrypted, and nobody else: State may hold secrets, and means nothing to anybody but who made
// the step.
type Step struct {
	Kind    string    `json:"kind"`
	Account string    `json:"account"` // id of whose it is
	Email   string    `json:"email"`
	Until   time.Time `json:"until"`
	State   string    `json:"state,omitempty"`
}

// Recoverable reports whether a recovery code answers it too.
func (s Step) Recoverable() bool { return s.Kind == StepCode }

// wrongCode is the same for a code that is wrong, one that was used and one that is no code at all.
const wrongCode = "That code is not right, or it was used already. Wait for the next one. After five wrong tries the " +
	"account rests for a while."

// triedStep is a refusal after which the sign-in goes on from another step.
type triedStep struct {
	error
	next Step
}

func (t triedStep) Unwrap() error { return t.error }

// NextStep returns the step that takes the place of the one that was refused, where there is one.
func NextStep(err error) (Step, bool) {
	var t triedStep
	ok := errors.As(err, &t)
	return t.next, ok
}

// stepOver sends a person back to the beginning.
func stepOver() error {
	return keepsake.Errorf(keepsake.CodeNotFound,
		"This sign-in was not finished in time, or the account has changed meanwhile. Begin again.")
}

// errSpent is a code that somebody else used first.
var errSpent = errors.New("the code was used already")

// factor is what a person gave after the password, and what makes sure that it is not given twice.
type factor struct {
	name  string
	take  func(tx db.Tx) error                 // errSpent for the second of two
	tried tries                                // the attempt that it is part of
	keep  func(tx db.Tx, session string) error // stores what belongs to the session that it opens
}

// detail is what the record of a sign-in says of it.
func (f factor) detail() map[string]any {
	if f.name == "" {
		return nil
	}
	return map[string]any{"second_factor": f.name}
}

// recordRecovery notes that a recovery code was used, as something of its own: it may be the first sign of a stolen
// one.
func recordRecovery(ctx context.Context, tx db.Tx, actor keepsake.Actor, a sqlcgen.Account) (left int, err error) {
	row, err := tx.GetSecondStep(ctx, a.ID)
	if err != nil {
		return 0, err
	}
	return int(row.CodesLeft), audit.Record(ctx, tx, actor,
		audit.Entry{
			Action:  audit.SecondStepRecoveryCode,
			Target:  a.Email,
			Outcome: audit.Allowed,
			Detail:  map[string]any{"left": row.CodesLeft},
		})
}

// pending returns the second step that an account asks for; nil for one that asks for none. What was counted before
// stays counted: whoever knows a password and no more must not be able to set the count back and guess on. Only this
// very attempt is taken back, so that the lock it may have set does not stand before its own code, and only when
// nothing was counted since.
func (s *Sessions) pending(ctx context.Context, a sqlcgen.Account, in Credentials, tried tries) (*Step, error) {
	var step *Step
	err := s.db.InTx(ctx, system, func(tx db.Tx) error {
		row, err := tx.GetSecondStep(ctx, a.ID)
		if db.IsNoRows(err) || err == nil && row.ConfirmedAt == nil {
			return nil
		}
		if err != nil {
			return err
		}
		step = &Step{
			Kind:    StepCode,
			Account: a.ID,
			Email:   a.Email,
			Until:   s.now().Add(StepTime),
			State:   passwordMark(a.PasswordHash),
		}
		for _, counted := range tried.counted {
			if err := tx.TakeBackSignIn(ctx, counted); err != nil {
				return err
			}
		}
		actor := actorOf(a.ID, a.Email, a.Role, a.Platform, a.Organization, "", in.Address, in.UserAgent)
		return audit.Record(ctx, tx, actor, audit.Entry{
			Action:  audit.SessionPassword,
			Target:  a.Email,
			Outcome: audit.Allowed,
			Detail:  map[string]any{"asked": step.Kind},
		})
	})
	if err != nil {
		return nil, fmt.Errorf("look up the second step: %w", err)
	}
	return step, nil
}

// Continue finishes a sign-in with the code that its second step asks for. A wrong one is an Error with CodeForbidden
// and counts like a wrong password; CodeNotFound means that it must begin again. Of in, address and browser count.
// Where the next try needs another step, NextStep finds it in the error.
func (s *Sessions) Continue(ctx context.Context, step Step, code keepsake.Secret, in Credentials) (Session, error) {
	actor := keepsake.Actor{ID: step.Account, Name: step.Email, Address: in.Address, UserAgent: in.UserAgent}
	if !s.now().Before(step.Until) {
		return Session{}, s.recordRefusedSignIn(ctx, actor, "step_over", stepOver())
	}
	switch step.Kind {
	case StepCode:
		return s.continueCode(ctx, step, code, in, actor)
	case StepSupabase:
		return s.continueSupabase(ctx, step, code, in, actor)
	default:
		return Session{}, s.recordRefusedSignIn(ctx, actor, "step_unknown", stepOver())
	}
}

func (s *Sessions) continueCode(ctx context.Context, step Step, code keepsake.Secret, in Credentials,
	actor keepsake.Actor) (Session, error) {
	account, tried, err := s.reserve(ctx, step.Email, in.Address)
	if err != nil {
		return Session{}, err
	}
	if tried.until.After(s.now()) {
		return Session{}, s.recordRefusedSignIn(ctx, actor, "locked", locked(tried.until.Sub(s.now())))
	}
	if account == nil || account.ID != step.Account || passwordMark(account.PasswordHash) != step.State {
		return Session{}, s.recordRefusedSignIn(ctx, actor, "step_over", stepOver())
	}
	given, err := s.judge(ctx, *account, code)
	if err == nil && given.take == nil {
		return Session{}, s.recordRefusedSignIn(ctx, actor, "wrong_"+given.name,
			keepsake.Errorf(keepsake.CodeForbidden, wrongCode))
	}
	if err != nil {
		return Session{}, s.recordRefusedSignIn(ctx, actor, string(keepsake.CodeOf(err)), err)
	}
	given.tried = tried
	session, err := s.start(ctx, *account, in, given)
	if errors.Is(err, errSpent) {
		return Session{}, s.recordRefusedSignIn(ctx, actor, "spent_"+given.name,
			keepsake.Errorf(keepsake.CodeForbidden, wrongCode))
	}
	return session, err
}

// judge looks at a code of an account. Where it may be right, take takes it, in the transaction that it opens something
// in; take is nil for one that is wrong. CodeNotFound: nobody is asked for one.
func (s *Sessions) judge(ctx context.Context, a sqlcgen.Account, typed keepsake.Secret) (factor, error) {
	kind, code := readCode(typed)
	row, err := s.secondStep(ctx, a)
	if db.IsNoRows(err) || err == nil && row.ConfirmedAt == nil {
		return factor{}, stepOver()
	}
	if err != nil {
		return factor{}, fmt.Errorf("look up the second step: %w", err)
	}
	switch kind {
	case factorTOTP:
		secret, err := s.openSecret(ctx, a, row.Secret)
		if err != nil {
			return factor{}, err
		}
		step, ok := matchStep(secret, code, s.now())
		if !ok {
			return factor{name: kind}, nil
		}
		return factor{name: kind, take: func(tx db.Tx) error {
			return once(tx.TakeCode(ctx, sqlcgen.TakeCodeParams{AccountID: a.ID, Step: step, Secret: row.Secret}))
		}}, nil
	case factorRecovery:
		return factor{name: kind, take: func(tx db.Tx) error {
			return once(tx.TakeRecoveryCode(ctx, sqlcgen.TakeRecoveryCodeParams{
				AccountID: a.ID,
				CodeHash:  recoveryHash(code),
				Now:       s.now(),
			}))
		}}, nil
	}
	return factor{name: "code"}, nil
}

// once turns the number of rows that took a code into an error where another was first.
func once(rows int64, err error) error {
	if err == nil && rows != 1 {
		return errSpent
	}
	return err
}

// passwordMark changes with the password: a second step of before is over.
func passwordMark(phc string) string {
	sum := sha256.Sum256([]byte("keepsake second step v1\x00" + phc))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}
