package auth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// SecondStep is how a person's own account stands.
type SecondStep struct {
	Local     bool      // the account is kept here; without that there is nothing to switch on
	On        bool      // a code is asked for at sign-in
	Begun     bool      // there is a secret that no code has confirmed yet
	Since     time.Time // of On
	CodesLeft int       // recovery codes that were not used
	// CodesMade is when the recovery codes were made. Whoever replaces them names it.
	CodesMade time.Time
}

// Enrolment is what an authenticator is given: Secret to type, in groups of four, Link to follow or draw.
type Enrolment struct {
	Secret, Link keepsake.Secret
}

// GetSecondStep says how the actor's own account stands.
func (s *Sessions) GetSecondStep(ctx context.Context, actor keepsake.Actor) (_ SecondStep, err error) {
	defer s.recordRefusedStep(ctx, actor, audit.SecondStepRead, &err)
	account, err := s.ownAccount(ctx, actor)
	if err != nil {
		if keepsake.CodeOf(err) == keepsake.CodeForbidden && actor.Permissions == nil {
			return SecondStep{}, nil
		}
		return SecondStep{}, err
	}
	row, err := s.secondStep(ctx, account)
	if db.IsNoRows(err) {
		return SecondStep{Local: true}, nil
	}
	if err != nil {
		return SecondStep{}, err
	}
	state := SecondStep{
		Local:     true,
		On:        row.ConfirmedAt != nil,
		Begun:     row.ConfirmedAt == nil,
		CodesLeft: int(row.CodesLeft),
		CodesMade: row.CodesMade,
	}
	if state.On {
		state.Since = *row.ConfirmedAt
	}
	return state, nil
}

// recordRefusedStep puts on record why something about a second step was not done, or that somebody may not look at it.
func (s *Sessions) recordRefusedStep(ctx context.Context, actor keepsake.Actor, action audit.Action, err *error) {
	code := keepsake.CodeOf(*err)
	if *err != nil && (action != audit.SecondStepRead || code == keepsake.CodeForbidden) {
		*err = s.recordRefusedEntry(ctx, actor, audit.Entry{
			Action: action,
			Target: actor.Name,
			Detail: map[string]any{"code": code},
		}, *err)
	}
}

// BeginSecondStep makes a secret for the actor's authenticator. It counts for nothing until ConfirmSecondStep has seen
// a code of it; made again before that, it is another one. It asks for a recent proof of who is there, like all that
// changes or shows what codes are made of.
func (s *Sessions) BeginSecondStep(ctx context.Context, actor keepsake.Actor) (err error) {
	defer s.recordRefusedStep(ctx, actor, audit.SecondStepBegin, &err)
	account, err := s.provenAccount(ctx, actor)
	if err != nil {
		return err
	}
	if s.vault == nil {
		return keepsake.Errorf(keepsake.CodeUnavailable,
			"This process has no repository key to keep the authenticator's secret under. Run keepsake init first.")
	}
	sealed, err := s.vault.Seal(ctx, secretName(account.ID), newSecret())
	if err != nil {
		return fmt.Errorf("seal the authenticator's secret: %w", err)
	}
	return s.db.InTx(ctx, system, func(tx db.Tx) error {
		n, err := tx.BeginSecondStep(ctx, sqlcgen.BeginSecondStepParams{AccountID: account.ID, Secret: sealed, Now: s.now()})
		if err == nil && n == 0 {
			err = alreadyOn()
		}
		if err != nil {
			return err
		}
		return audit.Record(ctx, tx, actor, audit.Entry{
			Action:  audit.SecondStepBegin,
			Target:  account.Email,
			Outcome: audit.Allowed,
		})
	})
}

// GetEnrolment returns the secret that waits for its first code; CodeNotFound where there is none. One that is in use
// is never shown again.
func (s *Sessions) GetEnrolment(ctx context.Context, actor keepsake.Actor) (_ Enrolment, err error) {
	defer s.recordRefusedStep(ctx, actor, audit.SecondStepRead, &err)
	account, err := s.provenAccount(ctx, actor)
	if err != nil {
		return Enrolment{}, err
	}
	_, secret, err := s.begun(ctx, account)
	if err != nil {
		return Enrolment{}, err
	}
	text, link, err := enrolment(account.Email, secret)
	return Enrolment{Secret: keepsake.Secret(inFours(text.Reveal(), " ")), Link: link}, err
}

// ConfirmSecondStep switches the second step on, once a code has shown that the authenticator has the secret, and
// returns the recovery codes: the only moment that they can be read.
func (s *Sessions) ConfirmSecondStep(ctx context.Context, actor keepsake.Actor, typed keepsake.Secret) (
	_ []keepsake.Secret, err error) {
	defer s.recordRefusedStep(ctx, actor, audit.SecondStepOn, &err)
	account, err := s.provenAccount(ctx, actor)
	if err != nil {
		return nil, err
	}
	sealed, secret, err := s.begun(ctx, account)
	if err != nil {
		return nil, err
	}
	_, code := readCode(typed)
	step, ok := matchStep(secret, code, s.now())
	if !ok {
		return nil, keepsake.Errorf(keepsake.CodeInvalid,
			"That is not the code that this secret gives now. Wait for the next one; if that is refused too, set the phone's "+
				"clock to automatic. Nothing was switched on.")
	}
	codes, hashes := newRecoveryCodes()
	err = s.db.InTx(ctx, system, func(tx db.Tx) error {
		n, err := tx.ConfirmSecondStep(ctx, sqlcgen.ConfirmSecondStepParams{
			AccountID: account.ID,
			Secret:    sealed,
			Step:      step,
			Now:       s.now(),
		})
		if err == nil && n == 0 {
			err = keepsake.Errorf(keepsake.CodeConflict,
				"The secret was changed on another page meanwhile. Look at the code there, or begin again.")
		}
		if err != nil {
			return err
		}
		if err := s.replaceCodes(ctx, tx, account, hashes); err != nil {
			return err
		}
		return audit.Record(ctx, tx, actor, audit.Entry{
			Action:  audit.SecondStepOn,
			Target:  account.Email,
			Outcome: audit.Allowed,
			Detail:  map[string]any{"recovery_codes": len(codes)},
		})
	})
	if err != nil {
		return nil, err
	}
	s.tellRepository(ctx)
	return codes, nil
}

// RenewRecoveryCodes makes new recovery codes; those of before open nothing any more. It replaces those that were made
// at a time, as GetSecondStep says it. Where others have replaced them since it returns CodeConflict, so that a form
// that is sent once more ends no codes that somebody has just written down.
func (s *Sessions) RenewRecoveryCodes(ctx context.Context, actor keepsake.Actor, made time.Time) (_ []keepsake.Secret,
	err error) {
	defer s.recordRefusedStep(ctx, actor, audit.SecondStepCodes, &err)
	account, err := s.provenAccount(ctx, actor)
	if err != nil {
		return nil, err
	}
	codes, hashes := newRecoveryCodes()
	err = s.db.InTx(ctx, system, func(tx db.Tx) error {
		row, err := tx.LockSecondStep(ctx, account.ID)
		if db.IsNoRows(err) || err == nil && row == nil {
			return keepsake.Errorf(keepsake.CodeConflict,
				"The second step is switched off, so there is nothing to recover. Nothing was changed.")
		}
		if err != nil {
			return err
		}
		now, err := tx.GetSecondStep(ctx, account.ID) // after the lock: another form may have held it
		if err != nil {
			return err
		}
		if !now.CodesMade.Equal(made) {
			return keepsake.Errorf(keepsake.CodeConflict,
				"Recovery codes were made since this page was loaded, and they are shown only once. Nothing was changed. If you "+
					"have not kept them, load the page again and make others.")
		}
		if err := s.replaceCodes(ctx, tx, account, hashes); err != nil {
			return err
		}
		return audit.Record(ctx, tx, actor, audit.Entry{
			Action:  audit.SecondStepCodes,
			Target:  account.Email,
			Outcome: audit.Allowed,
			Detail:  map[string]any{"recovery_codes": len(codes)},
		})
	})
	if err != nil {
		return nil, err
	}
	s.tellRepository(ctx)
	return codes, nil
}

// EndSecondStep switches the second step off. It asks for password and code at once, and counts wrong ones like those
// of a sign-in. A recovery code is a code.
func (s *Sessions) EndSecondStep(ctx context.Context, actor keepsake.Actor, in Proof) error {
	refuse := func(reason string, err error) error {
		return s.recordRefused(ctx, actor, audit.SecondStepOff, reason, err)
	}
	if actor.Permissions != nil || actor.Session == "" {
		return refuse("token", keepsake.Errorf(keepsake.CodeForbidden,
			"The second step is switched off by people who are signed in, never by a token."))
	}
	account, tried, err := s.attempt(ctx, actor, audit.SecondStepOff)
	if err == nil && account.Kind != kindLocal {
		err = refuse("elsewhere", errElsewhere)
	}
	if err != nil {
		return err
	}
	if err := s.checkOwn(ctx, account, in.Password); err != nil {
		return refuse("mismatch", err)
	}
	given, err := s.judge(ctx, account, in.Code)
	wrong := keepsake.Errorf(keepsake.CodeInvalid,
		"That code is not right, or it was used already. Wait for the next one. Nothing was changed.")
	switch {
	case err != nil && keepsake.CodeOf(err) == keepsake.CodeNotFound:
		return refuse("off", keepsake.Errorf(keepsake.CodeConflict, "The second step is switched off already."))
	case err != nil:
		return refuse(string(keepsake.CodeOf(err)), err)
	case given.take == nil:
		return refuse("wrong_"+given.name, wrong)
	}
	err = s.db.InTx(ctx, system, func(tx db.Tx) error {
		if err := given.take(tx); err != nil {
			return err
		}
		if _, err := tx.DeleteSecondStep(ctx, account.ID); err != nil {
			return err
		}
		if err := tx.DeleteRecoveryCodes(ctx, account.ID); err != nil {
			return err
		}
		if err := tried.giveBack(ctx, tx, s.now()); err != nil {
			return err
		}
		return audit.Record(ctx, tx, actor, audit.Entry{
			Action:  audit.SecondStepOff,
			Target:  account.Email,
			Outcome: audit.Allowed,
			Detail:  given.detail(),
		})
	})
	if errors.Is(err, errSpent) {
		return refuse("spent_"+given.name, wrong)
	}
	if err != nil {
		return refuse("failed", err)
	}
	s.tellRepository(ctx)
	return nil
}

// SwitchSecondStepOff takes the second step from an account whose person lost phone and codes, and ends its sessions:
// one may be on that phone. The caller has made sure that whoever asks may do so: it is the command line's, never a
// page's.
func SwitchSecondStepOff(ctx context.Context, d *db.DB, by keepsake.Actor, email string) (err error) {
	defer func() { err = recordRefusedAccount(ctx, d, by, audit.SecondStepOff, email, err) }()
	email, err = normalize(email)
	if err != nil {
		return err
	}
	err = d.InTx(ctx, system, func(tx db.Tx) error {
		account, err := tx.GetAccountByEmail(ctx, email)
		if err != nil {
			return err
		}
		if account.Kind != kindLocal {
			return keepsake.Errorf(keepsake.CodeConflict,
				"%s signs in through Supabase Auth: its second step is switched off there", email)
		}
		n, err := tx.DeleteSecondStep(ctx, account.ID)
		if err == nil && n == 0 {
			err = keepsake.Errorf(keepsake.CodeConflict, "%s has no second step: nothing was changed", email)
		}
		if err != nil {
			return err
		}
		if err := tx.DeleteRecoveryCodes(ctx, account.ID); err != nil {
			return err
		}
		ended, err := tx.EndSessionsOfAccount(ctx, account.ID)
		if err != nil {
			return err
		}
		return audit.Record(ctx, tx, by, audit.Entry{
			Action:  audit.SecondStepOff,
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

func alreadyOn() error {
	return keepsake.Errorf(keepsake.CodeConflict,
		"The second step is switched on already. For a new phone, switch it off first.")
}

// errElsewhere answers people whose account is not kept here.
var errElsewhere = keepsake.Errorf(keepsake.CodeForbidden,
	"Your account is not kept here: its password and its second step are changed where it is.")

// ownAccount returns the local account of a person who is signed in.
func (s *Sessions) ownAccount(ctx context.Context, actor keepsake.Actor) (sqlcgen.Account, error) {
	account, err := s.anyAccount(ctx, actor)
	if err == nil && account.Kind != kindLocal {
		err = errElsewhere
	}
	return account, err
}

// anyAccount returns the account of a person who is signed in, wherever it is kept.
func (s *Sessions) anyAccount(ctx context.Context, actor keepsake.Actor) (account sqlcgen.Account, err error) {
	if actor.Permissions != nil || actor.Session == "" {
		return account, keepsake.Errorf(keepsake.CodeForbidden,
			"The second step is for people who are signed in, never for a token.")
	}
	err = s.db.InTx(ctx, system, func(tx db.Tx) (err error) {
		account, err = tx.GetAccount(ctx, actor.ID)
		return err
	})
	if db.IsNoSuch(err) {
		return account, errElsewhere
	}
	if err != nil {
		return account, fmt.Errorf("look up the account: %w", err)
	}
	return account, nil
}

// provenAccount is ownAccount of somebody who said recently who they are.
func (s *Sessions) provenAccount(ctx context.Context, actor keepsake.Actor) (sqlcgen.Account, error) {
	account, err := s.ownAccount(ctx, actor)
	if err == nil && !actor.Proven(s.now()) {
		err = keepsake.Errorf(keepsake.CodeProof,
			"Give your password again first: you last gave it more than %d minutes ago. Nothing was changed.",
			int(keepsake.StepUp.Minutes()))
	}
	return account, err
}

func (s *Sessions) secondStep(ctx context.Context, account sqlcgen.Account) (row sqlcgen.GetSecondStepRow, err error) {
	err = s.db.InTx(ctx, system, func(tx db.Tx) (err error) {
		row, err = tx.GetSecondStep(ctx, account.ID)
		return err
	})
	return row, err
}

// begun returns the secret that waits for its first code, sealed and open.
func (s *Sessions) begun(ctx context.Context, account sqlcgen.Account) (sealed, secret []byte, err error) {
	row, err := s.secondStep(ctx, account)
	switch {
	case db.IsNoRows(err):
		return nil, nil, keepsake.Errorf(keepsake.CodeNotFound, "Nothing was begun that a code could confirm. Begin again.")
	case err != nil:
		return nil, nil, err
	case row.ConfirmedAt != nil:
		return nil, nil, alreadyOn()
	}
	secret, err = s.openSecret(ctx, account, row.Secret)
	return row.Secret, secret, err
}

// replaceCodes replaces all recovery codes of an account.
func (s *Sessions) replaceCodes(ctx context.Context, tx db.Tx, account sqlcgen.Account, hashes [][]byte) error {
	if err := tx.DeleteRecoveryCodes(ctx, account.ID); err != nil {
		return err
	}
	return tx.InsertRecoveryCodes(ctx, sqlcgen.InsertRecoveryCodesParams{
		AccountID: account.ID,
		Hashes:    hashes,
		Now:       s.now(),
	})
}
