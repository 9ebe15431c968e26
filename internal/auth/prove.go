package auth

import (
	"context"
	"fmt"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Prove checks the password of the actor's own account again and notes for the session when. Wrong ones count like those of a sign-in:
// whoever found an open browser cannot guess on.
func (s *Sessions) Prove(ctx context.Context, actor keepsake.Actor, password keepsake.Secret) error {
	if actor.Permissions != nil || actor.Session == "" {
		return keepsake.Errorf(keepsake.CodeForbidden, "Only a person who is signed in can prove who they are.")
	}
	refuse := func(reason string, err error) error {
		entry := audit.Entry{Action: "session.prove", Target: actor.Name, Detail: map[string]any{"reason": reason}}
		if failed := audit.Refuse(ctx, s.db, actor, entry); failed != nil {
			return failed
		}
		return err
	}
	_, until, err := s.reserve(ctx, actor.Name, actor.Address)
	if err != nil {
		return err
	}
	if until.After(s.now()) {
		return refuse("locked", keepsake.Errorf(keepsake.CodeForbidden, "Too many wrong tries. Try again in %s.", wait(until.Sub(s.now()))))
	}
	phc := unknown
	err = s.db.InTx(ctx, system, func(tx db.Tx) error {
		hash, err := tx.GetPasswordHash(ctx, actor.ID)
		if err == nil {
			phc = hash
		}
		return err
	})
	if err != nil && !db.IsNoRows(err) {
		return fmt.Errorf("look up the account: %w", err)
	}
	ok, err := verifyPassword(ctx, password, phc)
	if err != nil {
		return fmt.Errorf("check the password: %w", err)
	}
	if !ok {
		return refuse("mismatch", keepsake.Errorf(keepsake.CodeInvalid, "That is not your password. Nothing was changed."))
	}
	now := s.now()
	return s.db.InTx(ctx, system, func(tx db.Tx) error {
		if err := tx.ProveSession(ctx, sqlcgen.ProveSessionParams{ID: actor.Session, Now: now}); err != nil {
			return err
		}
		if err := tx.ForgetSignIn(ctx, sqlcgen.ForgetSignInParams{Kind: byAccount, Subject: subject(actor.Name)}); err != nil {
			return err
		}
		if err := tx.ReturnSignIn(ctx, sqlcgen.ReturnSignInParams{Kind: byAddress, Subject: subject(network(actor.Address)), Now: now}); err != nil {
			return err
		}
		return audit.Record(ctx, tx, actor, audit.Entry{Action: "session.prove", Target: actor.Name, Outcome: audit.Allowed})
	})
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
		return nil, keepsake.Errorf(keepsake.CodeForbidden, "Sessions are shown to people who are signed in, never to a token.")
	}
	var list []OpenSession
	now := s.now()
	err := s.db.InTx(ctx, system, func(tx db.Tx) error {
		rows, err := tx.ListSessions(ctx, sqlcgen.ListSessionsParams{AccountID: actor.ID, Now: now})
		for _, r := range rows {
			if now.Sub(r.LastSeenAt) < IdleTime {
				list = append(list, OpenSession{ID: r.ID, Started: r.CreatedAt, Seen: r.LastSeenAt, Expires: r.ExpiresAt, UserAgent: r.UserAgent, Address: r.Address, Current: r.ID == actor.Session})
			}
		}
		return err
	})
	return list, err
}

// EndSession ends one of the actor's own sessions; with an empty id all but the one that asks. Their next request is refused.
func (s *Sessions) EndSession(ctx context.Context, actor keepsake.Actor, id string) error {
	if actor.Permissions != nil {
		return keepsake.Errorf(keepsake.CodeForbidden, "Sessions are ended by people who are signed in, never by a token.")
	}
	err := s.db.InTx(ctx, system, func(tx db.Tx) error {
		ended := []string{id}
		var err error
		if id == "" {
			ended, err = tx.EndOtherSessions(ctx, sqlcgen.EndOtherSessionsParams{AccountID: actor.ID, ID: actor.Session})
		} else {
			_, err = tx.EndSessionByID(ctx, sqlcgen.EndSessionByIDParams{ID: id, AccountID: actor.ID})
		}
		if err != nil {
			return err
		}
		return audit.Record(ctx, tx, actor, audit.Entry{Action: "session.end", Target: actor.Name, Outcome: audit.Allowed, Detail: map[string]any{"sessions": ended}})
	})
	if db.IsNoRows(err) || db.IsState(err, db.InvalidText) {
		return keepsake.Errorf(keepsake.CodeNotFound, "That session is over already.")
	}
	return err
}
