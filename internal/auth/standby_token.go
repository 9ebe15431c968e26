package auth

import (
	"crypto/hkdf"
	"crypto/sha256"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// standbyIssuer is who made a token of standby. The key is derived for it, so that nothing else that the repository's
// secret signs can be taken for such a token.
const standbyIssuer = "keepsake standby v1"

// standbyToken is what the browser of a person holds who signed in without the console database. Subject is the e-mail
// address, and ID is the session's.
type standbyToken = jwt.RegisteredClaims

// seal signs a token.
func (s *Standby) seal(email, session string, expires time.Time) (keepsake.Secret, error) {
	key, err := s.key(nil)
	if err != nil {
		return "", err
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, standbyToken{
		Issuer:    standbyIssuer,
		Subject:   email,
		ID:        session,
		ExpiresAt: jwt.NewNumericDate(expires),
	}).SignedString(key)
	return keepsake.Secret(token), err
}

// open returns what a token says; false when it was not made here, or has run out. How it is signed is this code's to
// say and never the token's.
func (s *Standby) open(token string) (claims standbyToken, ok bool) {
	_, err := jwt.ParseWithClaims(token, &claims, s.key, jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithIssuer(standbyIssuer), jwt.WithExpirationRequired(), jwt.WithTimeFunc(s.now), jwt.WithStrictDecoding())
	return claims, err == nil
}

// key derives the key of the tokens from the secret of the repository.
func (s *Standby) key(*jwt.Token) (any, error) {
	return hkdf.Key(sha256.New, s.secret, nil, standbyIssuer, sha256.Size)
}
