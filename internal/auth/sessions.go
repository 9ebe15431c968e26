package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// touchEvery is how exactly the last request of a session is known: one write a minute, not one per request.
const touchEvery = time.Minute

// keepIdempotent is how long the answer to a request with an Idempotency-Key can be asked for again.
const keepIdempotent = 24 * time.Hour

// keepEnded is how long ended sessions and old failures stay readable.
const keepEnded = 30 * 24 * time.Hour

// Sessions starts, resolves and ends sessions. It is safe for concurrent use and keeps nothing in memory.
type Sessions struct {
	db    *db.DB
	now   func() time.Time
	vault Vault
	// supabase is nil where only local accounts sign in.
	supabase *Supabase
	door     *admission
	tell     func(context.Context) // may be nil
}

// NewSessions returns Sessions; now may be nil for the real clock.
func NewSessions(d *db.DB, now func() time.Time) *Sessions {
	if now == nil {
		now = time.Now
	}
	return &Sessions{db: d, now: now, door: newAdmission()}
}

// Session is a session that has just begun. Token goes to the browser and nowhere else; the database has only its hash.
type Session struct {
	Token     keepsake.Secret
	ID        string // may be shown
	Actor     keepsake.Actor
	ExpiresAt time.Time // the absolute end; IdleTime without a request ends it sooner
	// Recovered says that a recovery code opened it, and CodesLeft how many there are now.
	Recovered bool
	CodesLeft int
}

// errChanged is an account that was closed, or given another password, after the one that was typed was looked at.
var errChanged = errors.New("the account has changed meanwhile")

// start makes the session of an account that has proven itself, and takes the code it gave in the same transaction.
func (s *Sessions) start(ctx context.Context, a sqlcgen.Account, in Credentials, given factor) (Session, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return Session{}, fmt.Errorf("make a session id: %w", err)
	}
	now := s.now()
	session := Session{
		Token: keepsake.Secret(rand.Text() + rand.Text()), // 260 bits
		ID:    id.String(), ExpiresAt: now.Add(AbsoluteTime),
		Actor: actorOf(a.ID, a.Email, a.Role, a.Platform, a.Organization, id.String(), in.Address, in.UserAgent),
	}
	session.Actor.ProvenAt = now
	err = s.db.InTx(ctx, system, func(tx db.Tx) error {
		hash, err := tx.HoldAccount(ctx, a.ID)
		if db.IsNoRows(err) || err == nil && hash != a.PasswordHash {
			return errChanged
		}
		if err != nil {
			return err
		}
		if given.take != nil {
			if err := given.take(tx); err != nil {
				return err
			}
		}
		err = tx.InsertSession(ctx, sqlcgen.InsertSessionParams{
			ID:        session.ID,
			TokenHash: tokenHash(session.Token.Reveal()),
			AccountID: a.ID,
			Now:       now,
			ExpiresAt: session.ExpiresAt,
			UserAgent: short(in.UserAgent),
			Address:   short(in.Address),
		})
		if err == nil && given.keep != nil {
			err = given.keep(tx, session.ID)
		}
		if err != nil {
			return err
		}
		if err := given.tried.giveBack(ctx, tx, now); err != nil {
			return err
		}
		if given.name == factorRecovery {
			if session.CodesLeft, err = recordRecovery(ctx, tx, session.Actor, a); err != nil {
				return err
			}
			session.Recovered = true
		}
		return audit.Record(ctx, tx, session.Actor,
			audit.Entry{Action: audit.SessionStart, Target: a.Email, Outcome: audit.Allowed, Detail: given.detail()})
	})
	if errors.Is(err, errChanged) {
		return Session{}, s.recordRefusedSignIn(ctx, keepsake.Actor{
			Name:      a.Email,
			Address:   in.Address,
			UserAgent: in.UserAgent,
		},
			"changed", keepsake.Errorf(keepsake.CodeForbidden, refusal))
	}
	if err != nil {
		return Session{}, fmt.Errorf("start the session: %w", err)
	}
	return session, nil
}

// byItself is the key of contexts that ByItself returns.
type byItself struct{}

// ByItself returns a context in which Resolve lets no time begin anew: that of a request that a page makes by itself,
// which says nothing of somebody being there.
func ByItself(ctx context.Context) context.Context { return context.WithValue(ctx, byItself{}, true) }

// IsByItself reports whether ByItself made ctx.
func IsByItself(ctx context.Context) bool { return ctx.Value(byItself{}) != nil }

// errOver answers a session that is not there any more.
var errOver = keepsake.Errorf(keepsake.CodeForbidden, "Your session has ended. Sign in to go on.")

// Resolve returns who a token belongs to, and counts as a request. A session that is unknown, over or idle for too
// long, or whose account was closed, is an Error with CodeForbidden, and on record.
func (s *Sessions) Resolve(ctx context.Context, token string) (keepsake.Actor, error) {
	if token == "" {
		return keepsake.Actor{}, errOver
	}
	row, err := s.present(ctx, token)
	if errors.Is(err, errOver) {
		if failed := s.recordRefusedSession(ctx, token); failed != nil {
			return keepsake.Actor{}, failed
		}
	}
	if err != nil {
		return keepsake.Actor{}, err
	}
	actor := actorOf(row.AccountID, row.Email, row.Role, row.Platform,
		row.Organization, row.ID, row.Address, row.UserAgent)
	actor.ProvenAt = row.ProvenAt
	if row.TokensExpireAt != nil && !s.now().Before(row.TokensExpireAt.Add(-renewBefore)) {
		return s.confirm(ctx, actor)
	}
	return actor, nil
}

// idle reports whether a session that was used last at a time was left alone for too long, or for nobody knows how
// long: the clock was ahead when it was used.
func idle(seen, now time.Time) bool {
	age := now.Sub(seen)
	return age >= IdleTime || age < -keepsake.ClockSlack
}

// present returns a session that is not over, and notes that it is used, and from where. Where that is another address
// than before, it is on record: what looks at the console without changing anything leaves no other entry.
func (s *Sessions) present(ctx context.Context, token string) (sqlcgen.GetSessionRow, error) {
	now := s.now()
	var row sqlcgen.GetSessionRow
	err := s.db.InTx(ctx, system, func(tx db.Tx) (err error) {
		if row, err = tx.GetSession(ctx, tokenHash(token)); err != nil {
			return err
		}
		if !now.Before(row.ExpiresAt) || idle(row.LastSeenAt, now) {
			return errOver
		}
		request := keepsake.RequestOf(ctx)
		moved := request.Address != "" && short(request.Address) != row.LastAddress
		seen := sqlcgen.TouchSessionParams{ID: row.ID, Now: now, Address: row.LastAddress}
		if IsByItself(ctx) {
			seen.Now = row.LastSeenAt
		}
		if moved {
			seen.Address = short(request.Address)
		} else if seen.Now.Sub(row.LastSeenAt) < touchEvery {
			return nil
		}
		if err := tx.TouchSession(ctx, seen); err != nil || !moved {
			return err
		}
		actor := actorOf(row.AccountID, row.Email, row.Role, row.Platform,
			row.Organization, row.ID, request.Address, request.UserAgent)
		return s.recordHourly(ctx, tx, "session "+row.ID+" "+network(request.Address), actor,
			audit.Entry{
				Action:  audit.SessionUse,
				Target:  request.What,
				Outcome: audit.Allowed,
				Detail:  audit.Change(row.LastAddress, request.Address),
			})
	})
	if db.IsNoRows(err) {
		err = errOver
	}
	return row, err
}

// End ends the session of a token because its owner signed out. One that is over already is an Error with CodeNotFound.
func (s *Sessions) End(ctx context.Context, token string) error {
	actor, resolved := s.Resolve(ByItself(ctx), token) // leaving is no use of it
	err := s.db.InTx(ctx, system, func(tx db.Tx) error {
		row, err := tx.EndSession(ctx, sqlcgen.EndSessionParams{TokenHash: tokenHash(token), Reason: "signed_out"})
		if err != nil {
			return err
		}
		if resolved != nil {
			actor = keepsake.Actor{ID: row.AccountID, Session: row.ID}
		}
		return audit.Record(ctx, tx, actor, audit.Entry{Action: audit.SessionEnd, Target: row.ID, Outcome: audit.Allowed})
	})
	if db.IsNoRows(err) {
		return keepsake.Errorf(keepsake.CodeNotFound, "that session is over already")
	}
	if err == nil {
		s.leave(ctx, actor.Session)
	}
	return err
}

// Sweep removes sessions and failures that ended long ago. Workers call it now and then.
func (s *Sessions) Sweep(ctx context.Context) error {
	before := s.now().Add(-keepEnded)
	return s.db.InTx(ctx, system, func(tx db.Tx) error {
		if _, err := tx.DeleteOldSessions(ctx, before); err != nil {
			return err
		}
		if _, err := tx.DeleteOldThrottles(ctx, before); err != nil {
			return err
		}
		if _, err := tx.DeleteOldSupabaseSessions(ctx, s.now()); err != nil {
			return err
		}
		if _, err := tx.DeleteUsedCodes(ctx, s.now().Add(-spentTime)); err != nil {
			return err
		}
		if _, err := tx.DeleteOldTokens(ctx, before); err != nil {
			return err
		}
		_, err := tx.DeleteOldIdempotent(ctx, s.now().Add(-keepIdempotent))
		return err
	})
}

func actorOf(
	account, email, role string, platform, organization *string, session, address, agent string,
) keepsake.Actor {
	a := keepsake.Actor{
		ID:           account,
		Name:         email,
		Role:         keepsake.Role(role),
		Session:      session,
		Address:      address,
		UserAgent:    agent,
		Platform:     deref(platform),
		Organization: deref(organization),
	}
	return a
}

func tokenHash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// short keeps what a browser says of itself to a size and to text that PostgreSQL takes.
func short(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "?"), "\x00", "?")
	if len(s) > 512 {
		s = strings.ToValidUTF8(s[:512], "")
	}
	return s
}
