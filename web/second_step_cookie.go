package web

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"net/http"

	"github.com/gorilla/securecookie"
	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/internal/auth"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// secondStepCookie holds a sign-in that lacks its second step, encrypted. It is no session: identify does not look at
// it, its keys are others than the session cookie's, and only the pages of signing in are sent it.
const (
	secondStepCookie = "keepsake_step"
	signInPath       = "/sign-in"
)

// newSecondStepCodec derives the keys of the step cookie from the secret of the session cookie.
func newSecondStepCodec(secret keepsake.Secret) (*securecookie.SecureCookie, error) {
	var keys [2][]byte
	for i, purpose := range []string{"step mac", "step encryption"} {
		k, err := hkdf.Key(sha256.New, []byte(secret.Reveal()), nil, "keepsake web v1 "+purpose, 32)
		if err != nil {
			return nil, fmt.Errorf("derive the keys of the step cookie: %w", err)
		}
		keys[i] = k
	}
	return securecookie.New(keys[0], keys[1]).SetSerializer(securecookie.JSONEncoder{}).MaxAge(
		int(auth.StepTime.Seconds())), nil
}

// Step returns the sign-in that the browser has begun and not finished; false where there is none, or it is forged or
// too old.
func (k *cookies) Step(r *http.Request) (step auth.Step, ok bool) {
	cookie, err := r.Cookie(secondStepCookie)
	if err != nil {
		return step, false
	}
	err = k.step.Decode(secondStepCookie, cookie.Value, &step)
	return step, err == nil
}

// SetStep lets the browser keep a sign-in that it has to finish; nil takes it away.
func (k *cookies) SetStep(c echo.Context, step *auth.Step) error {
	cookie := &http.Cookie{
		Name:     secondStepCookie,
		Path:     signInPath,
		HttpOnly: true,
		SameSite: http.SameSiteStrictMode,
		Secure:   k.Secure(c.Request()),
		MaxAge:   -1,
	}
	if step != nil {
		value, err := k.step.Encode(secondStepCookie, step)
		if err != nil { // the error may quote what was not written
			return keepsake.Errorf(keepsake.CodeInternal,
				"the second step of signing in could not be written into a cookie: it is too large")
		}
		cookie.Value, cookie.MaxAge = value, int(auth.StepTime.Seconds())
	} else if _, err := c.Request().Cookie(secondStepCookie); err != nil {
		return nil // there is nothing to take away
	}
	c.SetCookie(cookie)
	return nil
}
