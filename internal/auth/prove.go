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

// Proof is what a person gives to say again who they are: the password, or a code of the authenticator.
type Proof struct {
	Password, Code keepsake.Secret
}

// Prove checks the password of the actor's own account again, or a code where the account asks for one at sign-in, and
// notes for the session when. Wrong ones count like those of a sign-in: whoever found an open browser cannot guess on.
func (s *Sessions) Prove(ctx context.Context, actor keepsake.Actor, in Proof) error {
	refuse := func(reason string, err error) error {
		return s.recordRefused(ctx, actor, audit.SessionProve, reason, err)
	}
	if actor.Permissions != nil || actor.Session == "" {
		return refuse("token", keepsake.Errorf(keepsake.CodeForbidden,
			"Only a person who is signed in can prove who they are."))
	}
	account, tried, err := s.attempt(ctx, actor, audit.SessionProve)
	if err != nil {
		return err
	}
	given := factor{}
	if account.Kind != kindLocal {
		if err := s.proveElsewhere(ctx, actor, account, in.Password); err != nil {
			return refuse(string(keepsake.CodeOf(err)), err)
		}
	} else if in.Code != "" && in.Password == "" {
		given, err = s.judge(ctx, account, in.Code)
		switch {
		case keepsake.CodeOf(err) == keepsake.CodeNotFound && err != nil:
			return refuse("no_second_step", keepsake.Errorf(keepsake.CodeInvalid,
				"Your account has no authenticator: give your password. Nothing was changed."))
		case err != nil:
			return refuse(string(keepsake.CodeOf(err)), err)
		case given.take == nil || given.name != factorTOTP: // a recovery code is for the day that the phone is lost
			return refuse("wrong_"+given.name, keepsake.Errorf(keepsake.CodeInvalid,
				"That is not the code of your authenticator, or it was used already. Wait for the next one, or give your "+
					"password. Nothing was changed."))
		}
	} else if err := s.checkOwn(ctx, account, in.Password); err != nil {
		return refuse("mismatch", err)
	}
	err = s.db.InTx(ctx, system, func(tx db.Tx) error {
		if given.take != nil {
			if err := given.take(tx); err != nil {
				return err
			}
		}
		if err := tx.ProveSession(ctx, sqlcgen.ProveSessionParams{ID: actor.Session, Now: s.now()}); err != nil {
			return err
		}
		if err := tried.giveBack(ctx, tx, s.now()); err != nil {
			return err
		}
		return audit.Record(ctx, tx, actor, audit.Entry{
			Action:  audit.SessionProve,
			Target:  actor.Name,
			Outcome: audit.Allowed,
			Detail:  given.detail(),
		})
	})
	if errors.Is(err, errSpent) {
		return refuse("spent_"+given.name, keepsake.Errorf(keepsake.CodeInvalid,
			"That code was used already. Wait for the next one, or give your password. Nothing was changed."))
	}
	if err != nil {
		return refuse("failed", err)
	}
	return nil
}

// attempt counts a try of a person who is signed in, and returns their account.
func (s *Sessions) attempt(ctx context.Context, actor keepsake.Actor, action audit.Action) (account sqlcgen.Account,
	tried tries, err error) {
	err = s.db.InTx(ctx, system, func(tx db.Tx) error {
		return s.countBoth(ctx, tx, &tried,
			proofOf(actor.ID), actor.Address)
	})
	if err != nil {
		return account, tried, s.recordRefused(ctx, actor, action, "failed", fmt.Errorf("count the attempt: %w", err))
	}
	if tried.until.After(s.now()) {
		return account, tried, s.recordRefused(ctx, actor, action, "locked",
			keepsake.Errorf(keepsake.CodeForbidden, "Too many wrong tries. Try again in %s.", wait(tried.until.Sub(s.now()))))
	}
	account, err = s.anyAccount(ctx, actor)
	if err != nil {
		err = s.recordRefused(ctx, actor, action, "no_account", err)
	}
	return account, tried, err
}

// checkOwn checks the password of a person who is signed in.
func (s *Sessions) checkOwn(ctx context.Context, account sqlcgen.Account, password keepsake.Secret) error {
	ok, err := verifyPassword(ctx, password, account.PasswordHash)
	if err != nil {
		return fmt.Errorf("check the password: %w", err)
	}
	if !ok {
		return keepsake.Errorf(keepsake.CodeInvalid, "That is not your password. Nothing was changed.")
	}
	return nil
}

// OpenSession is one session that has not ended.
type OpenSession struct {
	ID                     string
	Started, Seen, Expires time.Time
	UserAgent, Address     string
	Current                bool // the one that asks
}

// ListSessions returns the actor's own sessions, newest first.
func (s *Sessions) ListSessions(ctx context.Context, actor keepsake.Actor) ([]OpenSession, error) {
	if actor.Permissions != nil {
		return nil, s.recordRefused(ctx, actor, audit.SessionList, "token",
			keepsake.Errorf(keepsake.CodeForbidden, "Sessions are shown to people who are signed in, never to a token."))
	}
	var list []OpenSession
	now := s.now()
	err := s.db.InTx(ctx, system, func(tx db.Tx) error {
		rows, err := tx.ListSessions(ctx, sqlcgen.ListSessionsParams{AccountID: actor.ID, Now: now})
		for _, r := range rows {
			if !idle(r.LastSeenAt, now) {
				list = append(list, OpenSession{
					ID:        r.ID,
					Started:   r.CreatedAt,
					Seen:      r.LastSeenAt,
					Expires:   r.ExpiresAt,
					UserAgent: r.UserAgent,
					Address:   r.Address,
					Current:   r.ID == actor.Session,
				})
			}
		}
		return err
	})
	return list, err
}

// EndSession ends one of the actor's own sessions; with an empty id all but the one that asks. Their next request is
// refused.
func (s *Sessions) EndSession(ctx context.Context, actor keepsake.Actor, id string) error {
	if actor.Permissions != nil {
		return s.recordRefused(ctx, actor, audit.SessionEnd, "token",
			keepsake.Errorf(keepsake.CodeForbidden, "Sessions are ended by people who are signed in, never by a token."))
	}
	ended := []string{id}
	err := s.db.InTx(ctx, system, func(tx db.Tx) error {
		var err error
		if id == "" {
			ended, err = tx.EndOtherSessions(ctx, sqlcgen.EndOtherSessionsParams{AccountID: actor.ID, ID: actor.Session})
		} else {
			_, err = tx.EndSessionByID(ctx, sqlcgen.EndSessionByIDParams{ID: id, AccountID: actor.ID})
		}
		if err != nil {
			return err
		}
		return audit.Record(ctx, tx, actor, audit.Entry{
			Action:  audit.SessionEnd,
			Target:  actor.Name,
			Outcome: audit.Allowed,
			Detail:  map[string]any{"sessions": ended},
		})
	})
	if db.IsNoSuch(err) {
		return s.recordRefused(ctx, actor, audit.SessionEnd, "no_such_session",
			keepsake.Errorf(keepsake.CodeNotFound, "That session is over already."))
	}
	if err != nil {
		return s.recordRefused(ctx, actor, audit.SessionEnd, "failed", err)
	}
	s.leave(ctx, ended...)
	return nil
}
