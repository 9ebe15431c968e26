package handlers

import (
	"context"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/internal/auth"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
)

// Sessions is what the browser side needs to know who is signed in.
type Sessions interface {
	// Resolve returns the actor of the session with this token. It returns CodeForbidden where the session is over.
	Resolve(ctx context.Context, token string) (keepsake.Actor, error)
}

// SessionStarter checks credentials and starts a session. The session that the browser had before ends.
type SessionStarter interface {
	SessionEnder
	// SignIn starts a new session, or returns the step that it lacks. When it refuses, it returns CodeForbidden with
	// words for the person.
	SignIn(ctx context.Context, in auth.Credentials) (auth.Session, *auth.Step, error)
	// Continue starts the session of a step. It returns CodeForbidden, with words for the person, where the code is
	// wrong, and CodeNotFound where the sign-in must begin again.
	Continue(ctx context.Context, step auth.Step, code keepsake.Secret, in auth.Credentials) (auth.Session, error)
}

// SessionEnder ends a session.
type SessionEnder interface {
	End(ctx context.Context, token string) error
}

// SessionCookie keeps the session's token in the browser.
type SessionCookie interface {
	Token(r *http.Request) string
	Set(c echo.Context, token string) error
}

// SignInCookie also keeps a sign-in that still lacks its second step.
type SignInCookie interface {
	SessionCookie
	Step(r *http.Request) (auth.Step, bool)
	SetStep(c echo.Context, step *auth.Step) error
}

// ended explains why a person sees the sign-in page again.
var ended = map[string]string{
	"expired": "Your session has ended: too long without activity, or it was ended elsewhere. Sign in to go on " +
		"where you were.",
	"signed-out": "You are signed out.",
	"step":       "That sign-in was not finished in time, or the account has changed meanwhile. Begin again.",
}

// ShowSignIn draws the sign-in page. People who are signed in already go on to their page.
func ShowSignIn(pages Pages) echo.HandlerFunc {
	return func(c echo.Context) error {
		next := LocalPath(c.QueryParam("next"))
		if _, ok := ActorOf(c); ok {
			return redirect(c, next)
		}
		return Render(c, http.StatusOK, views.SignInPage(views.SignIn{
			Shell: pages.Shell(c, "Sign in", ""), Next: next, Ended: ended[c.QueryParam("ended")],
		}))
	}
}

// SignIn checks e-mail and password and starts a session, or asks for its second step. The session's token is always a
// new one.
func SignIn(pages Pages, sessions SessionStarter, cookie SignInCookie) echo.HandlerFunc {
	return func(c echo.Context) error {
		ctx := c.Request().Context()
		in := auth.Credentials{
			Email:     c.FormValue("email"),
			Password:  keepsake.Secret(c.FormValue("password")),
			Address:   c.RealIP(),
			UserAgent: c.Request().UserAgent(),
		}
		next := LocalPath(c.FormValue("next"))
		refuseAs := func(status int, message string) error {
			return Render(c, status, views.SignInPage(views.SignIn{
				Shell: pages.Shell(c, "Sign in", ""), Email: in.Email, Next: next, Error: message,
			}))
		}
		refuse := func(message string) error { return refuseAs(http.StatusUnprocessableEntity, message) }
		if err := cookie.SetStep(c, nil); err != nil { // whatever was begun before is over
			return err
		}
		if in.Email == "" || in.Password.Reveal() == "" {
			return refuse("Type both your e-mail and your password.")
		}
		session, step, err := sessions.SignIn(ctx, in)
		if code := keepsake.CodeOf(err); err != nil && (code == keepsake.CodeForbidden || code == keepsake.CodeInvalid) {
			return refuse(keepsake.MessageOf(err))
		} else if busy := (keepsake.Busy{}); errors.As(err, &busy) {
			SetRateLimit(c.Response().Header(), err)
			return refuseAs(http.StatusServiceUnavailable, keepsake.MessageOf(err))
		} else if err != nil {
			return err
		}
		if step != nil {
			if err := cookie.SetStep(c, step); err != nil {
				return err
			}
			return redirect(c, stepPath(next, false))
		}
		return enter(c, sessions, cookie, session, next)
	}
}

// enter gives the browser its session and goes on; the one it had before ends.
func enter(c echo.Context, sessions SessionEnder, cookie SessionCookie, session auth.Session, next string) error {
	if previous := cookie.Token(c.Request()); previous != "" {
		if err := sessions.End(c.Request().Context(), previous); err != nil && keepsake.CodeOf(err) != keepsake.CodeNotFound {
			return err
		}
	}
	if err := cookie.Set(c, session.Token.Reveal()); err != nil {
		return err
	}
	return redirect(c, next)
}

// SignOut ends the session in the database, then takes the cookie away.
func SignOut(sessions SessionEnder, cookie SessionCookie) echo.HandlerFunc {
	return func(c echo.Context) error {
		if token := cookie.Token(c.Request()); token != "" {
			if err := sessions.End(c.Request().Context(), token); err != nil && keepsake.CodeOf(err) != keepsake.CodeNotFound {
				return err
			}
		}
		if err := cookie.Set(c, ""); err != nil {
			return err
		}
		return redirect(c, "/sign-in?ended=signed-out")
	}
}
