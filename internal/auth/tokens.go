package auth

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/keepsake"
)

const (
	// tokenPrefix is how scanners of leaked secrets know a token.
	tokenPrefix = "ks_"
	// longestToken is how long a token may live.
	longestToken     = 366 * 24 * time.Hour
	longestTokenName = 100
)

// Token is a token of the JSON API, without the token itself.
type Token struct {
	ID          string
	Name        string
	Permissions []keepsake.Permission
	Created     time.Time
	Expires     time.Time
	LastUsed    time.Time // zero: never
	LastAddress string    // where from
	Revoked     time.Time // zero: it is not
}

// TokenInput says what token is wanted.
type TokenInput struct {
	// of NewTokenID, made when somebody was asked: the same form makes one token, however often it is sent; empty: one is
	// made
	ID          string
	Name        string
	Permissions []keepsake.Permission
	Lifetime    time.Duration // up to a year
}

// NewTokenID returns the id that a token will have.
func NewTokenID() (string, error) {
	id, err := uuid.NewV7()
	return id.String(), err
}

// errTokens answers a token that asks for tokens.
var errTokens = keepsake.Errorf(keepsake.CodeForbidden,
	"Tokens are made and revoked by people who are signed in, never by another token.")

// CreateToken makes a token that acts for the actor's account. The token is returned once and stored nowhere.
func (s *Sessions) CreateToken(
	ctx context.Context, actor keepsake.Actor, in TokenInput,
) (Token, keepsake.Secret, error) {
	in.Name = strings.TrimSpace(in.Name)
	id, err := uuid.Parse(in.ID)
	if in.ID == "" {
		id, err = uuid.NewV7()
	}
	if err != nil {
		return Token{}, "", keepsake.Errorf(keepsake.CodeInvalid, "That form is none of this page's: load the page again.")
	}
	secret := keepsake.Secret(tokenPrefix + rand.Text() + rand.Text()) // 260 bits
	now := s.now()
	token := Token{
		ID:          id.String(),
		Name:        in.Name,
		Permissions: in.Permissions,
		Created:     now,
		Expires:     now.Add(in.Lifetime),
	}
	detail := map[string]any{"name": in.Name, "permissions": in.Permissions, "expires": token.Expires}
	err = checkToken(actor, in)
	if err == nil && !actor.Proven(now) { // it would outlive the session of whoever found an open browser
		err = keepsake.Errorf(keepsake.CodeProof,
			"Give your password again first: you last gave it more than %d minutes ago, and a token lives longer than a "+
				"session. Nothing was made.", int(keepsake.StepUp.Minutes()))
	}
	if err == nil {
		err = s.db.InTx(ctx, system, func(tx db.Tx) error {
			permissions := make([]string, len(in.Permissions))
			for i, p := range in.Permissions {
				permissions[i] = string(p)
			}
			err := tx.InsertToken(ctx, sqlcgen.InsertTokenParams{
				ID:          token.ID,
				TokenHash:   tokenHash(secret.Reveal()),
				AccountID:   actor.ID,
				Name:        in.Name,
				Permissions: permissions,
				Now:         now,
				ExpiresAt:   token.Expires,
			})
			if err != nil {
				return err
			}
			return audit.Record(ctx, tx, actor, audit.Entry{
				Action:  audit.TokenCreate,
				Target:  token.ID,
				Outcome: audit.Allowed,
				Detail:  detail,
			})
		})
	}
	if db.IsConstraint(err, "api_tokens_pkey") {
		err = keepsake.Errorf(keepsake.CodeConflict,
			"This form has made its token already, which is shown only once. If you have not kept it, revoke it below and "+
				"make another.")
	}
	if err != nil {
		return Token{}, "", s.recordTokenRefusal(ctx, actor, audit.TokenCreate, in.ID, detail, err)
	}
	return token, secret, nil
}

func checkToken(actor keepsake.Actor, in TokenInput) error {
	switch n := utf8.RuneCountInString(in.Name); {
	case actor.Permissions != nil:
		return errTokens
	case n == 0 || n > longestTokenName || !utf8.ValidString(in.Name) || strings.ContainsRune(in.Name, 0):
		return keepsake.Errorf(keepsake.CodeInvalid,
			"Give the token a name of 1 to %d characters, so that you know it again.", longestTokenName)
	case len(in.Permissions) == 0:
		return keepsake.Errorf(keepsake.CodeInvalid, "Choose at least one thing that the token may do.")
	case in.Lifetime <= 0 || in.Lifetime > longestToken:
		return keepsake.Errorf(keepsake.CodeInvalid, "A token lives for a day at least and a year at most.")
	}
	for _, p := range in.Permissions {
		if !slices.Contains([]keepsake.Permission{keepsake.MayRead, keepsake.MayBackup, keepsake.MayRestore}, p) {
			return keepsake.Errorf(keepsake.CodeInvalid, "There is no scope %q: use read, backup and restore.", p)
		}
	}
	return nil
}

// ListTokens returns the actor's own tokens, newest first.
func (s *Sessions) ListTokens(ctx context.Context, actor keepsake.Actor) ([]Token, error) {
	if actor.Permissions != nil {
		return nil, s.recordTokenRefusal(ctx, actor, audit.TokenList, "", map[string]any{}, errTokens)
	}
	var list []Token
	err := s.db.InTx(ctx, system, func(tx db.Tx) error {
		rows, err := tx.ListTokens(ctx, actor.ID)
		for _, r := range rows {
			t := Token{ID: r.ID, Name: r.Name, Created: r.CreatedAt, Expires: r.ExpiresAt, LastAddress: r.LastAddress}
			for _, p := range r.Permissions {
				t.Permissions = append(t.Permissions, keepsake.Permission(p))
			}
			if r.LastUsedAt != nil {
				t.LastUsed = *r.LastUsedAt
			}
			if r.RevokedAt != nil {
				t.Revoked = *r.RevokedAt
			}
			list = append(list, t)
		}
		return err
	})
	return list, err
}

// RevokeToken ends one of the actor's own tokens. It is refused from the next request on.
func (s *Sessions) RevokeToken(ctx context.Context, actor keepsake.Actor, id string) error {
	if actor.Permissions != nil {
		return s.recordTokenRefusal(ctx, actor, audit.TokenRevoke, id, map[string]any{}, errTokens)
	}
	err := s.db.InTx(ctx, system, func(tx db.Tx) error {
		name, err := tx.RevokeToken(ctx, sqlcgen.RevokeTokenParams{ID: id, AccountID: actor.ID, Now: s.now()})
		if err != nil {
			return err
		}
		return audit.Record(ctx, tx, actor, audit.Entry{
			Action:  audit.TokenRevoke,
			Target:  id,
			Outcome: audit.Allowed,
			Detail:  map[string]any{"name": name},
		})
	})
	if db.IsNoSuch(err) {
		err = keepsake.Errorf(keepsake.CodeNotFound, "You have no such token.")
	}
	if err != nil {
		return s.recordTokenRefusal(ctx, actor, audit.TokenRevoke, id, map[string]any{}, err)
	}
	return nil
}

// recordTokenRefusal records why something about a token was not done, and returns it.
func (s *Sessions) recordTokenRefusal(ctx context.Context, actor keepsake.Actor, action audit.Action, id string,
	detail map[string]any,
	err error) error {
	detail["code"] = keepsake.CodeOf(err)
	return s.recordRefusedEntry(ctx, actor, audit.Entry{Action: action, Target: id, Detail: detail}, err)
}

// ResolveToken returns who a token acts for, with what it may do. One that is unknown, revoked, over, or of a closed
// account is an Error with CodeForbidden, and all of these read alike.
func (s *Sessions) ResolveToken(ctx context.Context, token, address string) (keepsake.Actor, error) {
	actor, err := s.resolveToken(ctx, token, address)
	if keepsake.CodeOf(err) == keepsake.CodeForbidden && err != nil {
		if failed := s.recordRefusedToken(ctx, token, address); failed != nil {
			return actor, failed
		}
	}
	return actor, err
}

func (s *Sessions) resolveToken(ctx context.Context, token, address string) (keepsake.Actor, error) {
	refused := keepsake.Errorf(keepsake.CodeForbidden,
		"This token is not valid: it is unknown, revoked or has expired. Make a new one under Tokens.")
	if s.supabase != nil && looksLikeJWT(token) {
		return s.resolveJWT(ctx, keepsake.Secret(token), address)
	}
	if !strings.HasPrefix(token, tokenPrefix) {
		return keepsake.Actor{}, refused
	}
	now := s.now()
	var row sqlcgen.GetTokenRow
	err := s.db.InTx(ctx, system, func(tx db.Tx) (err error) {
		if row, err = tx.GetToken(ctx, sqlcgen.GetTokenParams{TokenHash: tokenHash(token), Now: now}); err != nil {
			return err
		}
		if row.LastUsedAt != nil && now.Sub(*row.LastUsedAt) < touchEvery && row.LastAddress == short(address) {
			return nil
		}
		if err := tx.TouchToken(ctx, sqlcgen.TouchTokenParams{ID: row.ID, Now: now, Address: short(address)}); err != nil {
			return err
		}
		return s.recordHourly(ctx, tx, "token "+row.ID+" "+network(address), tokenActor(row, address),
			audit.Entry{Action: audit.TokenUse, Target: row.ID, Outcome: audit.Allowed})
	})
	if db.IsNoRows(err) {
		return keepsake.Actor{}, refused
	}
	if err != nil {
		return keepsake.Actor{}, err
	}
	return tokenActor(row, address), nil
}

// tokenActor is the person of a token, with what it may do.
func tokenActor(row sqlcgen.GetTokenRow, address string) keepsake.Actor {
	actor := actorOf(row.AccountID, row.Email, row.Role, row.Platform, row.Organization, row.ID, address, "")
	actor.Permissions = []keepsake.Permission{}
	for _, p := range row.Permissions {
		actor.Permissions = append(actor.Permissions, keepsake.Permission(p))
	}
	return actor
}
