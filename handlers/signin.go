package handlers

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
)

// Credentials is what a person proves who they are with, and from where.
type Credentials struct {
	Email     string
	Password  keepsake.Secret
	Address   string
	UserAgent string
}

// Sessions is what the browser side needs to know who is there.
type Sessions interface {
	// Resolve returns who a session belongs to; CodeForbidden or CodeNotFound where it is over.
	Resolve(ctx context.Context, id string) (keepsake.Actor, error)
}

// SessionStarter checks credentials and starts a session; the one the browser had before ends.
type SessionStarter interface {
	SessionEnder
	// SignIn returns the id of a new session; CodeForbidden with words for the person where it refuses.
	SignIn(ctx context.Context, in Credentials) (id string, err error)
}

// SessionEnder ends a session.
type SessionEnder interface {
	End(ctx context.Context, id string) error
}

// SessionCookie keeps the opaque session id in the browser.
type SessionCookie interface {
	ID(r *http.Request) string
	Set(c echo.Context, id string) error
}

// ended explains why a person sees the sign-in page again.
var ended = map[string]string{
	"expired":    "Your session has ended: too long without activity, or it was ended elsewhere. Sign in to go on where you were.",
	"signed-out": "You are signed out.",
}

// ShowSignIn draws the sign-in page, or goes on for those who are signed in already.
func ShowSignIn(pages Pages) echo.HandlerFunc {
	return func(c echo.Context) error {
		next := localPath(c.QueryParam("next"))
		if _, ok := ActorOf(c); ok {
			return redirect(c, next)
		}
		return Render(c, http.StatusOK, views.SignInPage(views.SignIn{
			Shell: pages.Shell(c, "Sign in", ""), Next: next, Ended: ended[c.QueryParam("ended")],
		}))
	}
}

// SignIn checks e-mail and password and starts a session. The session id is always a new one.
func SignIn(pages Pages, auth SessionStarter, cookie SessionCookie) echo.HandlerFunc {
	return func(c echo.Context) error {
		ctx := c.Request().Context()
		in := Credentials{
			Email: c.FormValue("email"), Password: keepsake.Secret(c.FormValue("password")),
			Address: c.RealIP(), UserAgent: c.Request().UserAgent(),
		}
		next := localPath(c.FormValue("next"))
		refuse := func(message string) error {
			return Render(c, http.StatusUnprocessableEntity, views.SignInPage(views.SignIn{
				Shell: pages.Shell(c, "Sign in", ""), Email: in.Email, Next: next, Error: message,
			}))
		}
		if in.Email == "" || in.Password.Reveal() == "" {
			return refuse("Type both your e-mail and your password.")
		}
		id, err := auth.SignIn(ctx, in)
		if code := keepsake.CodeOf(err); err != nil && (code == keepsake.CodeForbidden || code == keepsake.CodeInvalid) {
			return refuse(keepsake.MessageOf(err))
		} else if err != nil {
			return err
		}
		if previous := cookie.ID(c.Request()); previous != "" && previous != id {
			if err := auth.End(ctx, previous); err != nil && keepsake.CodeOf(err) != keepsake.CodeNotFound {
				return err
			}
		}
		if err := cookie.Set(c, id); err != nil {
			return err
		}
		return redirect(c, next)
	}
}

// SignOut ends the session in the database, then takes the cookie away.
func SignOut(sessions SessionEnder, cookie SessionCookie) echo.HandlerFunc {
	return func(c echo.Context) error {
		if id := cookie.ID(c.Request()); id != "" {
			if err := sessions.End(c.Request().Context(), id); err != nil && keepsake.CodeOf(err) != keepsake.CodeNotFound {
				return err
			}
		}
		if err := cookie.Set(c, ""); err != nil {
			return err
		}
		return redirect(c, "/sign-in?ended=signed-out")
	}
}
