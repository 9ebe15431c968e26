package api

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TokenResolver returns the actor of a bearer token. For a token that is not valid it returns CodeForbidden.
type TokenResolver interface {
	ResolveToken(ctx context.Context, token, address string) (keepsake.Actor, error)
}

// Bearer identifies the actor by the Authorization header and refuses everybody else. No other place of the API
// identifies actors. Cookies count for nothing here, so that no other site can act through a person's browser. An
// answer that takes long asks again from time to time, and breaks off when the token has ended.
func Bearer(tokens TokenResolver, every time.Duration, log *slog.Logger) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			scheme, token, _ := strings.Cut(c.Request().Header.Get(echo.HeaderAuthorization), " ")
			if !strings.EqualFold(scheme, "bearer") || token == "" {
				return unauthorized(c)
			}
			token, address := strings.TrimSpace(token), c.RealIP()
			actor, err := tokens.ResolveToken(c.Request().Context(), token, address)
			if keepsake.CodeOf(err) == keepsake.CodeForbidden && err != nil {
				log.InfoContext(c.Request().Context(), "a token of the API was refused", "request_id",
					handlers.RequestID(c.Request().Context()), "address", address, "err", err)
				return unauthorized(c)
			}
			if err != nil {
				return &keepsake.Error{
					Code:    keepsake.CodeUnavailable,
					Message: "Keepsake cannot look up whose token this is. Your backups are not affected. Try again in a moment.",
					Err:     err,
				}
			}
			outer := c.Request()
			ctx, done := handlers.While(outer.Context(), every, func(ctx context.Context) error {
				_, err := tokens.ResolveToken(ctx, token, address)
				return err
			})
			defer done()
			actor.Address, actor.UserAgent, actor.RequestID = address, outer.UserAgent(), handlers.RequestID(ctx)
			// With a context that is cancelled by then it would pass for a client that went away.
			defer c.SetRequest(outer.WithContext(handlers.WithActor(outer.Context(), actor)))
			c.SetRequest(outer.WithContext(handlers.WithActor(ctx, actor)))
			c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
			return next(c)
		}
	}
}

// unauthorized gives the same answer whatever is wrong with a token, and where there is none, so that the client
// learns nothing about other tokens. The log says what was wrong, and the trail whose token it was.
func unauthorized(c echo.Context) error {
	const words = "This needs a token that is valid: Authorization: Bearer ks_… Make one under Tokens in the console."
	c.Response().Header().Set(echo.HeaderWWWAuthenticate, `Bearer realm="keepsake"`)
	p := newProblem(http.StatusUnauthorized, keepsake.CodeForbidden, words)
	p.Request = handlers.RequestID(c.Request().Context())
	return p.write(c)
}
