package auth

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// StandbyTime is how long a session without the console database lives: it cannot be ended sooner.
const StandbyTime = time.Hour

// verifiersTime is how long accounts that were read from the repository are believed.
const verifiersTime = time.Minute

// Verifier is what a local account is recognised by when the console database is away. It lies sealed in the
// repository.
type Verifier struct {
	Email        string `json:"email"`
	PasswordHash string `json:"password_hash"`
	Role         string `json:"role"`
	Organization string `json:"organization,omitempty"`
	Platform     string `json:"platform,omitempty"` // whose the organization is
	// Account, Secret and Recovery are of accounts with a second step: the id, the sealed secret of the authenticator as
	// it lies in the console database, and the hashes of the recovery codes that were not used then.
	Account  string   `json:"account,omitempty"`
	Secret   []byte   `json:"second_step,omitempty"`
	Recovery [][]byte `json:"recovery_codes,omitempty"`
}

// Verifiers are the present accounts, as the repository of a platform keeps them: those that are bound to an
// organization of another one are nobody there.
func Verifiers(ctx context.Context, d *db.DB, platform string) ([]byte, error) {
	list := []Verifier{}
	err := d.InTx(ctx, system, func(tx db.Tx) error {
		steps := map[string]sqlcgen.ListSecondStepsRow{}
		known, err := tx.ListSecondSteps(ctx)
		if err != nil {
			return err
		}
		for _, k := range known {
			steps[k.AccountID] = k
		}
		rows, err := tx.ListAccounts(ctx)
		for _, a := range rows {
			if a.Platform != nil && *a.Platform != platform {
				continue
			}
			v := Verifier{
				Email:        a.Email,
				PasswordHash: a.PasswordHash,
				Role:         a.Role,
				Organization: deref(a.Organization),
				Platform:     deref(a.Platform),
			}
			if k, ok := steps[a.ID]; ok {
				v.Account, v.Secret, v.Recovery = a.ID, k.Secret, k.Codes
			}
			list = append(list, v)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the accounts: %w", err)
	}
	return json.Marshal(list)
}

// Standby recognises people while the console database is away, by the verifiers in the repository. Sessions are signed
// tokens: every process that has the repository's key understands them. Lock-outs are this process's own, and attempts
// go to the log. It is safe for concurrent use.
type Standby struct {
	secret []byte
	read   func(context.Context) ([]byte, error) // the newest verifiers
	vault  Vault
	log    *slog.Logger
	now    func() time.Time
	door   *admission

	mu       sync.Mutex
	known    []Verifier
	readAt   time.Time
	failures map[string]int // by account and by network
	locked   map[string]time.Time
	taken    map[string]int64 // the newest time step whose code was taken, by account
	spent    map[string]bool  // recovery codes that were used here, by account and hash
}

// NewStandby returns a Standby; read returns the newest verifiers of the repository, and vault opens what is sealed in
// them.
func NewStandby(secret keepsake.Secret, read func(context.Context) ([]byte, error), vault Vault,
	log *slog.Logger) *Standby {
	return &Standby{
		secret:   []byte(secret.Reveal()),
		read:     read,
		vault:    vault,
		log:      log,
		now:      time.Now,
		door:     newAdmission(),
		failures: map[string]int{},
		locked:   map[string]time.Time{},
		taken:    map[string]int64{},
		spent:    map[string]bool{},
	}
}

// SignIn checks credentials like Sessions.SignIn, with the same refusals.
func (s *Standby) SignIn(ctx context.Context, in Credentials) (Session, *Step, error) {
	email, err := normalize(in.Email)
	if err != nil {
		email = ""
	}
	leave, err := s.door.enter(ctx, in.Address)
	if err != nil {
		return Session{}, nil, err
	}
	defer leave()
	until, counted := s.reserve(email, in.Address)
	if until.After(s.now()) {
		return Session{}, nil, s.recordRefusedSignIn(ctx, in.Email, in.Address, "locked", locked(until.Sub(s.now())))
	}
	v, err := s.account(ctx, email)
	if err != nil {
		return Session{}, nil, err
	}
	phc := unknown
	if v != nil {
		phc = v.PasswordHash
	}
	ok, err := verifyPassword(ctx, in.Password, phc)
	leave()
	if err != nil {
		return Session{}, nil, fmt.Errorf("check the password: %w", err)
	}
	if !ok || v == nil {
		return Session{}, nil, s.recordRefusedSignIn(ctx, in.Email, in.Address, "mismatch",
			keepsake.Errorf(keepsake.CodeForbidden, refusal))
	}
	if len(v.Secret) > 0 {
		s.takeBack(counted)
		return Session{}, &Step{
			Kind:    StepCode,
			Account: v.Account,
			Email:   v.Email,
			Until:   s.now().Add(StepTime),
			State:   passwordMark(v.PasswordHash),
		}, nil
	}
	session, err := s.start(ctx, v, in, "", counted)
	return session, nil, err
}

// start makes the session of an account that has proven itself.
func (s *Standby) start(ctx context.Context, v *Verifier, in Credentials, factor string, counted map[string]int) (
	Session, error) {
	s.takeBack(counted)
	s.forgive(v.Email)
	id, expires := rand.Text(), s.now().Add(StandbyTime).UTC().Truncate(jwt.TimePrecision)
	token, err := s.seal(v.Email, id, expires)
	if err != nil {
		return Session{}, err
	}
	actor := v.actor(id)
	actor.Address, actor.UserAgent = in.Address, in.UserAgent
	s.log.WarnContext(ctx, "somebody signed in without the console database", "email", v.Email, "address", in.Address,
		"session", id, "second_factor", factor)
	return Session{Token: token, ID: id, Actor: actor, ExpiresAt: expires}, nil
}

// refuse logs a refused sign-in and returns err.
func (s *Standby) recordRefusedSignIn(ctx context.Context, email, address, reason string, err error) error {
	s.log.WarnContext(ctx, "a sign-in without the console database was refused", "email", email, "address", address,
		"reason", reason)
	return err
}

func (v *Verifier) actor(session string) keepsake.Actor {
	return actorOf(v.Email, v.Email, v.Role, &v.Platform, &v.Organization, session, "", "")
}

// Resolve returns who a token belongs to. An account that is gone from the repository is nobody any more.
func (s *Standby) Resolve(ctx context.Context, token string) (keepsake.Actor, error) {
	c, ok := s.open(token)
	if !ok {
		return keepsake.Actor{}, keepsake.Errorf(keepsake.CodeNotFound, "The session has ended. Sign in again.")
	}
	v, err := s.account(ctx, c.Subject)
	if err != nil {
		return keepsake.Actor{}, err
	}
	if v == nil {
		return keepsake.Actor{}, keepsake.Errorf(keepsake.CodeNotFound, "The session has ended. Sign in again.")
	}
	return v.actor(c.ID), nil
}

// End does nothing: the browser forgets the token, and it runs out by itself.
func (*Standby) End(context.Context, string) error { return nil }

// account finds a verifier; nil when there is none.
func (s *Standby) account(ctx context.Context, email string) (*Verifier, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now().Sub(s.readAt) > verifiersTime {
		plain, err := s.read(ctx)
		var list []Verifier
		if err == nil {
			err = json.Unmarshal(plain, &list)
		}
		switch {
		case err == nil:
			s.known, s.readAt = list, s.now()
		case keepsake.CodeOf(err) == keepsake.CodeNotFound:
			return nil, keepsake.Errorf(keepsake.CodeUnavailable,
				"Keepsake's own database does not answer, and the repository does not know yet who may sign in without it. The "+
					"command line restores with the key alone.")
		case s.readAt.IsZero():
			return nil, keepsake.Errorf(keepsake.CodeUnavailable,
				"Keepsake's own database does not answer, and neither does a provider that knows who may sign in without it: %w",
				err)
		}
	}
	i := slices.IndexFunc(s.known, func(v Verifier) bool { return v.Email == email })
	if i < 0 {
		return nil, nil //nolint:nilnil // nobody is called that: an answer
	}
	v := s.known[i]
	return &v, nil
}

// reserve counts the attempt as failed, as Sessions does, and returns the lock that already holds, and what was
// counted.
func (s *Standby) reserve(email, address string) (until time.Time, counted map[string]int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	counted = map[string]int{}
	for who, free := range map[string]int{byAccount + email: freeByAccount, byAddress + network(address): freeByAddress} {
		if who == byAccount {
			continue // no address at all
		}
		if s.locked[who].After(s.now()) {
			until = s.locked[who]
			continue
		}
		if s.failures[who]++; s.failures[who] >= free {
			s.locked[who] = s.now().Add(min(longestLock, firstLock<<min(8, s.failures[who]-free)))
		}
		counted[who] = s.failures[who]
	}
	return until, counted
}

// takeBack takes back the very attempt that was counted, unless anything was since, as Sessions does for a right
// password whose code is outstanding.
func (s *Standby) takeBack(counted map[string]int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for who, n := range counted {
		if s.failures[who] == n {
			s.failures[who]--
			delete(s.locked, who)
		}
	}
}

// forgive forgets what was counted for an account that has proven itself. The address has not: whoever comes from there
// may own one account and guess at others.
func (s *Standby) forgive(email string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.failures, byAccount+email)
	delete(s.locked, byAccount+email)
}
