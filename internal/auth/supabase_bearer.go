package auth

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/wedsync/keepsake/internal/auth/gotrue"
	"github.com/wedsync/keepsake/internal/keepsake"
)

const (
	// standingTime is how long what the server said of a bearer's token is believed: so long somebody who was signed out there goes on here.
	standingTime = time.Minute
	// mostStanding bounds what is remembered.
	mostStanding = 1000
)

// standing remembers of which tokens the server has lately said that they stand, and whether a second factor is asked for.
type standing struct {
	mu   sync.Mutex
	seen map[string]standingOf
}

type standingOf struct {
	factors []gotrue.Factor
	until   time.Time
}

func (st *standing) get(hash string, now time.Time) ([]gotrue.Factor, bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	s, ok := st.seen[hash]
	return s.factors, ok && now.Before(s.until)
}

func (st *standing) put(hash string, factors []gotrue.Factor, now time.Time) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.seen == nil || len(st.seen) >= mostStanding {
		st.seen = map[string]standingOf{}
	}
	st.seen[hash] = standingOf{factors, now.Add(standingTime)}
}

// looksLikeJWT tells a JSON Web Token from a token of Keepsake's.
func looksLikeJWT(token string) bool { return strings.Count(token, ".") == 2 }

// resolveJWT returns whom a token of the auth server is about. It is verified here, and the server is asked once a minute whether the
// sign-in that it belongs to still stands.
func (s *Sessions) resolveJWT(ctx context.Context, token keepsake.Secret, address string) (keepsake.Actor, error) {
	claims, err := s.supabase.Verifier.Verify(ctx, token)
	if err != nil {
		s.supabase.Logger.InfoContext(ctx, "a bearer token of Supabase Auth was refused", "address", address, "err", err)
		return keepsake.Actor{}, err
	}
	hash := string(tokenHash(token.Reveal()))
	factors, known := s.supabase.standing.get(hash, s.now())
	if !known {
		factors, err = s.supabase.Client.Factors(ctx, token)
		if errors.Is(err, gotrue.ErrRefused) {
			return keepsake.Actor{}, keepsake.Errorf(keepsake.CodeForbidden, "The sign-in at Supabase Auth that this token belongs to has ended.")
		}
		if err != nil {
			return keepsake.Actor{}, err
		}
		s.supabase.standing.put(hash, factors, s.now())
	}
	if len(factors) > 0 && !claims.Strong {
		return keepsake.Actor{}, keepsake.Errorf(keepsake.CodeForbidden, "Your account has a second factor, and this token was issued without it.")
	}
	if _, err := s.mayEnter(claims, factors); err != nil {
		return keepsake.Actor{}, keepsake.Errorf(keepsake.CodeForbidden, "This token is of nobody who may use Keepsake.")
	}
	account, err := s.known(ctx, claims, keepsake.Actor{Address: address})
	if err != nil {
		return keepsake.Actor{}, err
	}
	actor := actorOf(account.ID, account.Email, account.Role, account.Organization, cmp.Or(claims.Session, claims.Subject), address, "")
	actor.ProvenAt = claims.Proven
	return actor, nil
}
