package auth

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestStandbyTakesNoOtherToken: a token says who it is for, but not how it is checked. One that lacks an expiry, is
// made for another purpose, or is signed by another method or another key of the same repository, opens nothing.
func TestStandbyTakesNoOtherToken(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	s := NewStandby("a secret of the repository, 32 bytes", func(context.Context) ([]byte, error) {
		return json.Marshal([]Verifier{{Email: "ada@example.com", Role: string(keepsake.RoleSuperAdmin)}})
	}, nil, slog.New(slog.DiscardHandler))
	s.now = func() time.Time { return now }
	key, err := s.key(nil)
	if err != nil {
		t.Fatal(err)
	}
	good := standbyToken{
		Issuer:    standbyIssuer,
		Subject:   "ada@example.com",
		ID:        "s1",
		ExpiresAt: jwt.NewNumericDate(now.Add(time.Second)),
	}
	with := func(change func(*standbyToken)) standbyToken {
		c := good
		change(&c)
		return c
	}
	for name, c := range map[string]struct {
		method jwt.SigningMethod
		claims standbyToken
		key    any
		opens  bool
	}{
		"a good one":        {jwt.SigningMethodHS256, good, key, true},
		"no signature":      {jwt.SigningMethodNone, good, jwt.UnsafeAllowNoneSignatureType, false},
		"another method":    {jwt.SigningMethodHS512, good, key, false},
		"the secret itself": {jwt.SigningMethodHS256, good, s.secret, false},
		"another purpose": {jwt.SigningMethodHS256,
			with(func(c *standbyToken) { c.Issuer = "keepsake" }), key, false},
		"no purpose": {jwt.SigningMethodHS256, with(func(c *standbyToken) { c.Issuer = "" }), key, false},
		"no expiry":  {jwt.SigningMethodHS256, with(func(c *standbyToken) { c.ExpiresAt = nil }), key, false},
		"expired now": {jwt.SigningMethodHS256,
			with(func(c *standbyToken) { c.ExpiresAt = jwt.NewNumericDate(now) }), key, false},
		"not yet": {jwt.SigningMethodHS256,
			with(func(c *standbyToken) { c.NotBefore = jwt.NewNumericDate(now.Add(time.Second)) }), key, false},
	} {
		token, err := jwt.NewWithClaims(c.method, c.claims).SignedString(c.key)
		if err != nil {
			t.Fatal(name, err)
		}
		actor, err := s.Resolve(t.Context(), token)
		if c.opens && (err != nil || actor.Name != "ada@example.com" || actor.Session != "s1") {
			t.Errorf("%s: %+v, %v", name, actor, err)
		}
		if !c.opens && keepsake.CodeOf(err) != keepsake.CodeNotFound {
			t.Errorf("%s opens: %+v, %v", name, actor, err)
		}
	}
}
