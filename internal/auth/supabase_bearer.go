package auth

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/auth/gotrue"
	"github.com/wedsync/keepsake/internal/keepsake"
)

const (
	// standingTime is how long what the server said of a bearer's token is believed: so long somebody who was signed out
	// there goes on here.
	standingTime = time.Minute
	// mostStanding bounds what is remembered.
	mostStanding = 1000
)

// standing remembers what the server has lately said of those who have tokens that stand.
type standing struct {
	mu   sync.Mutex
	seen map[string]standingOf
}

type standingOf struct {
	user  gotrue.User
	until time.Time
}

func (st *standing) get(hash string, now time.Time) (gotrue.User, bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	s, ok := st.seen[hash]
	return s.user, ok && now.Before(s.until)
}

func (st *standing) put(hash string, user gotrue.User, now time.Time) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.seen == nil || len(st.seen) >= mostStanding {
		st.seen = map[string]standingOf{}
	}
	st.seen[hash] = standingOf{user, now.Add(standingTime)}
}

// looksLikeJWT tells a JSON Web Token from a token of Keepsake's.
func looksLikeJWT(token string) bool { return strings.Count(token, ".") == 2 }

// resolveJWT returns whom a token of the auth server is about. It is verified here, and the server is asked once a
// minute whether the sign-in that it belongs to still stands.
func (s *Sessions) resolveJWT(ctx context.Context, token keepsake.Secret, address string) (keepsake.Actor, error) {
	var nobody error = keepsake.Errorf(keepsake.CodeForbidden, "This token is of nobody who may use Keepsake.")
	claims, err := s.supabase.Verifier.Verify(ctx, token)
	if errors.Is(err, gotrue.ErrPerson) { // what it says was so when it was issued: it closes no account
		return keepsake.Actor{}, s.bearsNothing(ctx, address, "", err, nobody)
	}
	if err != nil {
		s.supabase.Logger.InfoContext(ctx, "a bearer token of Supabase Auth was refused", "address", address, "err", err)
		return keepsake.Actor{}, err
	}
	// everybody of the platform has a token: theirs are no reason to ask the server
	if keepsake.Role(claims.Role) != keepsake.RoleSuperAdmin {
		return keepsake.Actor{}, nobody
	}
	hash := string(tokenHash(token.Reveal()))
	user, known := s.supabase.standing.get(hash, s.now())
	if known { // what is remembered opens no account that was closed meanwhile
		if known, err = s.isOpen(ctx, claims.Subject); err != nil {
			return keepsake.Actor{}, err
		}
	}
	asked := !known
	if asked {
		user, err = s.supabase.Client.User(ctx, token)
		if errors.Is(err, gotrue.ErrRefused) {
			return keepsake.Actor{}, keepsake.Errorf(keepsake.CodeForbidden,
				"The sign-in at Supabase Auth that this token belongs to has ended.")
		}
		if errors.Is(err, gotrue.ErrPerson) {
			return keepsake.Actor{}, s.bearsNothing(ctx, address, claims.Subject, err, nobody)
		}
		if err != nil {
			return keepsake.Actor{}, err
		}
		s.supabase.standing.put(hash, user, s.now())
	}
	now, err := s.supabase.Verifier.Now(claims, user)
	if err != nil {
		return keepsake.Actor{}, s.bearsNothing(ctx, address, claims.Subject, err, nobody)
	}
	claims = now
	if len(user.Factors) > 0 && !claims.Strong {
		return keepsake.Actor{}, keepsake.Errorf(keepsake.CodeForbidden,
			"Your account has a second factor, and this token was issued without it.")
	}
	if reason, err := s.mayEnter(claims, user); reason == reasonRole {
		return keepsake.Actor{}, cmp.Or(s.closeAccount(ctx, address, claims.Subject), nobody)
	} else if err != nil {
		return keepsake.Actor{}, nobody
	}
	account, err := s.known(ctx, claims, keepsake.Actor{Address: address})
	if err != nil {
		return keepsake.Actor{}, err
	}
	actor := actorOf(account.ID, account.Email, account.Role, account.Platform, account.Organization,
		cmp.Or(claims.Session, claims.Subject), address, "")
	actor.ProvenAt = claims.Proven
	if asked {
		err = s.db.InTx(ctx, system, func(tx db.Tx) error {
			return s.recordHourly(ctx, tx, "bearer "+actor.Session+" "+network(address), actor,
				audit.Entry{Action: audit.TokenUse, Target: actor.Session, Outcome: audit.Allowed})
		})
	}
	return actor, err
}

// bearsNothing closes the account of somebody of whom the auth server says nothing any more that proves who they are
// here, and refuses the token.
func (s *Sessions) bearsNothing(ctx context.Context, address, subject string, cause, refusal error) error {
	s.supabase.Logger.WarnContext(ctx, "a bearer token is refused, because what Supabase Auth says of its bearer "+
		"proves nothing", "subject", subject, "address", address, "err", cause)
	if subject == "" {
		return refusal
	}
	return cmp.Or(s.closeAccount(ctx, address, subject), refusal)
}
