package web

import (
	"context"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/api"
	"github.com/wedsync/keepsake/static"
)

// headLimit is how much of a body is made for a HEAD request, in bytes: a page is made whole before its header is
// known, a download ends here.
const headLimit = 256 << 10

// headAsGet answers HEAD wherever a page answers GET, with the same header and no body (RFC 9110, section 9.3.2). The
// API and the static files answer it themselves.
func headAsGet(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if r.Method != http.MethodHead || strings.HasPrefix(r.URL.Path, api.Prefix+"/") ||
			strings.HasPrefix(r.URL.Path, static.Prefix) {
			return next(c)
		}
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		r.Method = http.MethodGet // the router looks at this very request
		outer := c.Response().Writer
		c.Response().Writer = &headWriter{ResponseWriter: outer, enough: cancel}
		defer func() {
			r.Method, c.Response().Writer = http.MethodHead, outer // the server writes the header now: it is to have no length
		}()
		c.SetRequest(r.WithContext(ctx))
		return next(c)
	}
}

// headWriter lets the header through and nothing else. A stream, which never ends, and a long download are told that
// nobody listens.
type headWriter struct {
	http.ResponseWriter
	enough  context.CancelFunc
	written int
}

func (w *headWriter) Write(p []byte) (int, error) {
	if w.written += len(p); w.written > headLimit {
		w.enough()
	}
	return len(p), nil
}

// Flush is called by streams only, once their header stands.
func (w *headWriter) Flush() { w.enough() }

// Unwrap lets http.ResponseController reach the connection.
func (w *headWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
