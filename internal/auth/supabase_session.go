package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgerrcode"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/auth/gotrue"
	"github.com/wedsync/keepsake/internal/keepsake"
)

const (
	// renewBefore is how long before its end an access token is exchanged.
	renewBefore = time.Minute
	// renewTime bounds asking the server while other requests of the session wait. It is less than what a request waits to
	// know who is there, so that what came of it is noted in time.
	renewTime = 3 * time.Second
	// storeTime is how much longer storing what came of it may take.
	storeTime = time.Second
	// renewLook is between two looks whether another request has its answer.
	renewLook = 50 * time.Millisecond
	// renewAgain is between two tries while the server does not answer.
	renewAgain = 30 * time.Second
)

// The reasons why a session ends because of the auth server.
const (
	endRefused      = "refused_elsewhere" // signed out, banned, removed, or no super admin any more
	endNotConfirmed = "not_confirmed"     // the server did not answer for too long
)

// sealedTokens is what lies in the console database, sealed.
type sealedTokens struct {
	Access  string `json:"access"`
	Refresh string `json:"refresh"`
}

func tokensName(session string) string { return "supabase-session/" + session }

func (s *Sessions) sealTokens(ctx context.Context, session string, t gotrue.Tokens) ([]byte, error) {
	if s.vault == nil {
		return nil, keepsake.Errorf(keepsake.CodeUnavailable,
			"This process has no repository key to keep a sign-in under. Run keepsake init first; a local account "+
				"still signs in.")
	}
	plain, err := json.Marshal(sealedTokens{t.Access.Reveal(), t.Refresh.Reveal()})
	if err != nil {
		return nil, fmt.Errorf("encode the tokens: %w", err)
	}
	return s.vault.Seal(ctx, tokensName(session), plain)
}

func (s *Sessions) openTokens(ctx context.Context, session string, sealed []byte) (t gotrue.Tokens, err error) {
	if s.vault == nil {
		return t, keepsake.Errorf(keepsake.CodeUnavailable, "This process has no repository key.")
	}
	plain, err := s.vault.Open(ctx, tokensName(session), sealed)
	if err != nil {
		return t, err
	}
	var v sealedTokens
	if err := json.Unmarshal(plain, &v); err != nil {
		return t, keepsake.Errorf(keepsake.CodeDamaged, "the tokens of a session cannot be read: %w", err)
	}
	return gotrue.Tokens{Access: keepsake.Secret(v.Access), Refresh: keepsake.Secret(v.Refresh)}, nil
}

// keepTokens stores what a new session is kept alive with.
func (s *Sessions) keepTokens(ctx context.Context, tx db.Tx, session string, t gotrue.Tokens, expires time.Time) error {
	sealed, err := s.sealTokens(ctx, session, t)
	if err != nil {
		return err
	}
	return tx.InsertSupabaseSession(ctx, sqlcgen.InsertSupabaseSessionParams{
		SessionID: session,
		Tokens:    sealed,
		ExpiresAt: expires,
	})
}

// confirm asks the auth server again about a session whose access token ends. One request does it; the session's others
// wait for its answer, in every process, and hold no connection meanwhile. While the server does not answer the session
// goes on for a grace.
func (s *Sessions) confirm(ctx context.Context, actor keepsake.Actor) (keepsake.Actor, error) {
	if s.supabase == nil {
		return actor, s.endElsewhere(ctx, actor, endNotConfirmed)
	}
	why, err := s.renew(ctx, &actor)
	for db.IsState(err, pgerrcode.LockNotAvailable) {
		select {
		case <-ctx.Done():
			return actor, fmt.Errorf("wait for another request to confirm the session: %w", ctx.Err())
		case <-time.After(renewLook):
			why, err = s.renew(ctx, &actor)
		}
	}
	// its e-mail is none, or that of a local account by now, or it is about somebody else
	if keepsake.CodeOf(err) == keepsake.CodeForbidden && err != nil {
		why, err = endRefused, nil
	}
	if err != nil {
		return actor, fmt.Errorf("confirm the session: %w", err)
	}
	if why != "" {
		return actor, s.endElsewhere(context.WithoutCancel(ctx), actor, why)
	}
	return actor, nil
}

// renew confirms a session, unless another request is at it (pgerrcode.LockNotAvailable). Once begun it goes on without
// its browser: the server takes a refresh token once, and what it gives for it must not be lost.
func (s *Sessions) renew(ctx context.Context, actor *keepsake.Actor) (why string, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), renewTime+storeTime)
	defer cancel()
	err = s.db.InTx(ctx, system, func(tx db.Tx) error {
		row, err := tx.LockSupabaseSession(ctx, actor.Session)
		if db.IsNoRows(err) { // it ended while this request waited
			why = endRefused
			return nil
		}
		if err != nil {
			return err
		}
		now := s.now()
		if now.Before(row.ExpiresAt.Add(-renewBefore)) { // another request was first
			return s.reread(ctx, tx, actor)
		}
		if row.NextTryAt != nil && now.Before(*row.NextTryAt) && now.Before(row.ExpiresAt.Add(s.supabase.Grace)) {
			return nil
		}
		why, err = s.exchange(ctx, tx, row, actor)
		return err
	})
	return why, err
}

// reread takes over what another request has learned of the account.
func (s *Sessions) reread(ctx context.Context, tx db.Tx, actor *keepsake.Actor) error {
	a, err := tx.GetAccount(ctx, actor.ID)
	if err != nil {
		return err
	}
	actor.Name, actor.Role = a.Email, keepsake.Role(a.Role)
	actor.Platform, actor.Organization = deref(a.Platform), deref(a.Organization)
	return nil
}

// exchange spends the refresh token; why is why the session must end.
func (s *Sessions) exchange(ctx context.Context, tx db.Tx, row sqlcgen.LockSupabaseSessionRow, actor *keepsake.Actor) (
	why string, err error) {
	old, err := s.openTokens(ctx, row.SessionID, row.Tokens)
	if err != nil {
		s.supabase.Logger.WarnContext(ctx, "the tokens of a session cannot be opened, so it cannot be confirmed", "session",
			row.SessionID, "err", err)
		return endNotConfirmed, nil
	}
	asking, cancel := context.WithTimeout(ctx, renewTime)
	defer cancel()
	fresh, err := s.supabase.Client.Refresh(asking, old.Refresh)
	var claims gotrue.Claims
	if err == nil {
		claims, err = s.supabase.Verifier.Verify(asking, fresh.Access)
	}
	switch {
	case errors.Is(err, gotrue.ErrRefused):
		return endRefused, nil
	case errors.Is(err, gotrue.ErrNoKey): // of today, while the published keys cannot be fetched
		return s.postpone(ctx, tx, row, &fresh, err)
	case errors.Is(err, gotrue.ErrPerson):
		s.supabase.Logger.WarnContext(ctx, "a session ends, because what Supabase Auth says of its person proves "+
			"nothing any more", "session", row.SessionID, "err", err)
		return endRefused, nil
	case keepsake.CodeOf(err) == keepsake.CodeForbidden && err != nil:
		_ = s.supabase.misfit(ctx, err) // says so in the log
		return endNotConfirmed, nil
	case err != nil:
		return s.postpone(ctx, tx, row, nil, err)
	}
	if keepsake.Role(claims.Role) != keepsake.RoleSuperAdmin {
		return endRefused, nil
	}
	account, learned, err := s.supabase.knownIn(ctx, tx, claims)
	if err != nil {
		return "", err
	}
	if account.ID != row.AccountID { // whom the session was not started for, nothing is learned of here
		return "", keepsake.Errorf(keepsake.CodeForbidden, "The token is about somebody else.")
	}
	sealed, err := s.sealTokens(ctx, row.SessionID, fresh)
	if err != nil {
		return "", err
	}
	if err := tx.SaveSupabaseTokens(ctx, sqlcgen.SaveSupabaseTokensParams{
		SessionID: row.SessionID,
		Tokens:    sealed,
		ExpiresAt: claims.Expires,
	}); err != nil {
		return "", err
	}
	if err := s.reread(ctx, tx, actor); err != nil {
		return "", err
	}
	return "", recordLearned(ctx, tx, *actor, learned)
}

// postpone lets a session go on for its grace without the server's word. What it gave that cannot be believed yet is
// kept for the next try: the refresh token of before is spent.
func (s *Sessions) postpone(ctx context.Context, tx db.Tx, row sqlcgen.LockSupabaseSessionRow, fresh *gotrue.Tokens,
	cause error) (why string, err error) {
	s.supabase.Logger.WarnContext(ctx, "Supabase Auth does not answer, or its keys cannot be fetched; a session goes on "+
		"for a while without its word", "session", row.SessionID, "err", cause)
	if s.now().After(row.ExpiresAt.Add(s.supabase.Grace)) {
		return endNotConfirmed, nil
	}
	if fresh != nil {
		sealed, err := s.sealTokens(ctx, row.SessionID, *fresh)
		if err != nil {
			return "", err
		}
		if err := tx.SaveSupabaseTokens(ctx, sqlcgen.SaveSupabaseTokensParams{
			SessionID: row.SessionID,
			Tokens:    sealed,
			ExpiresAt: row.ExpiresAt,
		}); err != nil {
			return "", err
		}
	}
	next := s.now().Add(renewAgain)
	return "", tx.PostponeSupabase(ctx, sqlcgen.PostponeSupabaseParams{SessionID: row.SessionID, NextTryAt: &next})
}

// endElsewhere ends a session because of the auth server, on record, and says so. Where the server refuses the person,
// the account is closed too: what their tokens may do was theirs to give.
func (s *Sessions) endElsewhere(ctx context.Context, actor keepsake.Actor, why string) error {
	err := s.db.InTx(ctx, system, func(tx db.Tx) error {
		if err := tx.EndSessionHere(ctx, sqlcgen.EndSessionHereParams{ID: actor.Session, Reason: why}); err != nil {
			return err
		}
		if why == endRefused {
			if err := closeElsewhere(ctx, tx, actor.ID); err != nil {
				return err
			}
			closed := audit.Entry{
				Action:  audit.AccountClose,
				Target:  actor.Name,
				Outcome: audit.Allowed,
				Detail:  map[string]any{"reason": why},
			}
			if err := audit.Record(ctx, tx, system, closed); err != nil {
				return err
			}
		}
		return audit.Record(ctx, tx, actor, audit.Entry{
			Action:  audit.SessionEnd,
			Target:  actor.Name,
			Outcome: audit.Failed,
			Detail:  map[string]any{"reason": why},
		})
	})
	if err != nil {
		return err
	}
	if why == endRefused {
		return keepsake.Errorf(keepsake.CodeForbidden, "Supabase Auth has ended your sign-in. Sign in to go on.")
	}
	return keepsake.Errorf(keepsake.CodeForbidden,
		"Supabase Auth does not answer, so your session could not be confirmed and has ended. Sign in with a local "+
			"account, or try again later.")
}

// closeElsewhere closes an account of the auth server. Its sessions end, and do not come back should it be opened
// again.
func closeElsewhere(ctx context.Context, tx db.Tx, account string) error {
	if _, err := tx.EndSessionsOfAccount(ctx, account); err != nil {
		return err
	}
	return tx.CloseSupabaseAccount(ctx, account)
}

// leave tells the auth server that sessions have ended, and forgets what kept them alive.
func (s *Sessions) leave(ctx context.Context, sessions ...string) {
	if s.supabase == nil || len(sessions) == 0 {
		return
	}
	var rows []sqlcgen.TakeSupabaseSessionsRow
	err := s.db.InTx(ctx, system, func(tx db.Tx) (err error) {
		rows, err = tx.TakeSupabaseSessions(ctx, sessions)
		return err
	})
	if err != nil {
		s.supabase.Logger.WarnContext(ctx, "what kept ended sessions alive could not be removed; the sweep does it",
			"err", err)
	}
	for _, r := range rows {
		if t, err := s.openTokens(ctx, r.SessionID, r.Tokens); err == nil {
			s.signOut(ctx, t.Access)
		}
	}
}

// proveElsewhere asks the auth server for the password of an account that is kept there, and takes over what it says of
// the person now.
func (s *Sessions) proveElsewhere(ctx context.Context, actor keepsake.Actor, account sqlcgen.Account,
	password keepsake.Secret) error {
	if s.supabase == nil {
		return keepsake.Errorf(keepsake.CodeUnavailable,
			"Supabase Auth is not configured any more, so nothing can be proven there. Sign in with a local account.")
	}
	tokens, err := s.supabase.Client.SignIn(ctx, account.Email, password)
	if errors.Is(err, gotrue.ErrRefused) {
		return keepsake.Errorf(keepsake.CodeInvalid, "That is not your password. Nothing was changed.")
	}
	if err != nil {
		return err
	}
	defer s.signOut(ctx, tokens.Access)
	claims, err := s.supabase.Verifier.Verify(ctx, tokens.Access)
	if errors.Is(err, gotrue.ErrPerson) {
		return s.endElsewhere(ctx, actor, endRefused)
	}
	if err != nil {
		return s.supabase.misfit(ctx, err)
	}
	if account.Subject == nil || claims.Subject != *account.Subject { // the e-mail is somebody else's by now
		return keepsake.Errorf(keepsake.CodeInvalid, "That is not your password. Nothing was changed.")
	}
	if keepsake.Role(claims.Role) != keepsake.RoleSuperAdmin {
		return s.endElsewhere(ctx, actor, endRefused)
	}
	_, err = s.known(ctx, claims, actor)
	return err
}
