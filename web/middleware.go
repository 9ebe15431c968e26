package web

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// statusGone is logged when the browser went away before the answer. It is no one's error.
const statusGone = 499

// requestID numbers every request; a number that came from outside is not believed.
func requestID(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		id := rand.Text()[:16]
		c.Response().Header().Set(echo.HeaderXRequestID, id)
		ctx := keepsake.WithRequest(c.Request().Context(),
			keepsake.Request{
				ID:        id,
				Started:   time.Now(),
				UserAgent: c.Request().UserAgent(),
				Address:   c.RealIP(),
				What:      c.Request().Method + " " + c.Request().URL.Path,
			})
		c.SetRequest(c.Request().WithContext(handlers.WithRequestID(ctx, id)))
		return next(c)
	}
}

// accessLog writes one line per request: method, path, status, time. Never a query, a cookie, a body or a header, which
// may hold secrets. It settles errors first, so that the status is the one the browser saw.
func accessLog(log *slog.Logger) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			start := time.Now()
			if err := next(c); err != nil {
				c.Error(err)
			}
			r := c.Request()
			status := c.Response().Status
			// what is answered although reading it was given up has a context that is not
			if errors.Is(r.Context().Err(), context.Canceled) {
				status = statusGone
			}
			level := slog.LevelInfo
			if strings.HasPrefix(r.URL.Path, "/static/") || r.URL.Path == "/healthz" {
				level = slog.LevelDebug
			}
			log.LogAttrs(r.Context(), level, "request",
				slog.String("request_id", handlers.RequestID(r.Context())), slog.String("method", r.Method),
				slog.String("path", r.URL.Path), slog.Int("status", status), slog.Int64("bytes", c.Response().Size),
				slog.Duration("took", time.Since(start)), slog.String("address", c.RealIP()))
			return nil
		}
	}
}

// recoverPanic turns a panic into an internal error with its stack in the log.
func recoverPanic(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			switch p := recover(); p {
			case nil:
			case http.ErrAbortHandler:
				panic(p)
			default:
				err = &keepsake.Error{
					Code:    keepsake.CodeInternal,
					Message: "a fault inside Keepsake",
					Err:     fmt.Errorf("panic: %v\n%s", p, debug.Stack()),
				}
			}
		}()
		return next(c)
	}
}

// deadline ends a request that takes too long, so that a stuck database never holds a page for ever. Streams go
// without.
func deadline(d time.Duration) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			ctx, cancel := context.WithTimeout(c.Request().Context(), d)
			defer cancel()
			if d > pageTimeout { // the server's own deadline is for pages
				_ = http.NewResponseController(c.Response()).SetWriteDeadline(time.Now().Add(d + pageTimeout))
			}
			outer := c.Request()
			// after a panic too: with this context, cancelled by then, it would pass for a browser that went away
			defer c.SetRequest(outer)
			c.SetRequest(outer.WithContext(ctx))
			err := next(c)
			if errors.Is(ctx.Err(), context.DeadlineExceeded) && err != nil {
				return &keepsake.Error{
					Code: keepsake.CodeUnavailable,
					Message: fmt.Sprintf("The answer took longer than %s and was given up; nothing was lost. Reload the "+
						"page in a moment.", d),
					Err: err,
				}
			}
			return err
		}
	}
}

// sameOrigin refuses requests that change something and come from another site (CSRF), by what the browser itself says.
func sameOrigin() echo.MiddlewareFunc {
	protection := http.NewCrossOriginProtection()
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if err := protection.Check(c.Request()); err != nil {
				c.Set(reasonKey, "another site")
				return &keepsake.Error{
					Code:    keepsake.CodeForbidden,
					Message: "This request came from another site and was refused. Open Keepsake itself and try again.",
					Err:     err,
				}
			}
			return next(c)
		}
	}
}
