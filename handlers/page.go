// Package handlers holds one file for each action of a person: the form that it reads, the small interface that it
// needs from the console, and the handler. Handlers turn what the console returns into view-models. They decide
// nothing about backups.
package handlers

import (
	"context"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
)

// ThemeCookie is the name of the cookie that keeps the colours a person chose.
const ThemeCookie = "keepsake_theme"

// Pages is what every handler needs to draw a page.
type Pages struct {
	Version string
	Zone    *time.Location // that times are written in
	Now     func() time.Time
	// Fault says what keepsake.yaml gets wrong about the platform, and "" where nothing is wrong. It is nil where
	// nothing knows that.
	Fault   func() string
	Standby bool // the console database is away: pages only show, and say so
	// Insecure reports whether a request seems not to be encrypted although people are meant to come by https. It is nil
	// where that never is a fault.
	Insecure func(*http.Request) bool
}

func (p Pages) clock() format.Clock { return format.Clock{Now: p.Now(), Zone: p.Zone} }

// insecureWords stand above every page where cookies go out without Secure against the configuration's word.
const insecureWords = "Keepsake cannot tell that you came by https, though server.base_url says so: its cookies " +
	"are not marked " +
	"Secure. Name the proxy that ends TLS in server.trusted_proxies, and let it send X-Forwarded-Proto."

// Shell returns the frame of the page that answers c.
func (p Pages) Shell(c echo.Context, title, section string) views.Shell {
	s := views.Shell{Title: title, Section: section, Version: p.Version, Path: c.Request().URL.RequestURI(), Theme: "auto"}
	if p.Fault != nil {
		s.Banner = p.Fault()
	}
	if p.Standby {
		s.Standby = true
		s.Banner = "Keepsake's own database does not answer. Weddings and recovery points can be read straight from the " +
			"providers; nothing can be started here until it is back."
	}
	if actor, ok := ActorOf(c); ok {
		s.User, s.Bound = actor.Name, actor.Organization != ""
		if s.Banner == "" && p.Insecure != nil && p.Insecure(c.Request()) {
			s.Banner = insecureWords
		}
	}
	if cookie, err := c.Cookie(ThemeCookie); err == nil && validTheme(cookie.Value) {
		s.Theme = cookie.Value
	}
	return s
}

type contextKey int

const (
	actorKey contextKey = iota
	requestIDKey
	stoppingKey
)

// WithActor returns ctx carrying the actor of the request. Only the session middleware calls it.
func WithActor(ctx context.Context, a keepsake.Actor) context.Context {
	return context.WithValue(ctx, actorKey, a)
}

// ActorOf returns the actor of the request, and false where nobody is signed in.
func ActorOf(c echo.Context) (keepsake.Actor, bool) {
	a, ok := c.Request().Context().Value(actorKey).(keepsake.Actor)
	return a, ok
}

// ActorFrom returns the actor of the request that ctx belongs to. Where nobody is signed in, it returns the zero
// Actor, which may do nothing.
func ActorFrom(ctx context.Context) keepsake.Actor {
	a, _ := ctx.Value(actorKey).(keepsake.Actor)
	return a
}

// actor returns who makes the request. The session middleware stands before every handler that calls it; the zero
// Actor, which may do nothing, is what a routing mistake would give.
func actor(c echo.Context) keepsake.Actor {
	a, _ := ActorOf(c)
	return a
}

// WithRequestID returns ctx carrying the number of the request.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey, id)
}

// RequestID returns the number of the request. Logs have it, and people who ask for help can name it.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey).(string)
	return id
}

// WithStopping returns ctx carrying a channel that is closed when the server begins to stop.
func WithStopping(ctx context.Context, stop <-chan struct{}) context.Context {
	return context.WithValue(ctx, stoppingKey, stop)
}

// Stopping returns a channel that is closed when the server begins to stop, or nil where WithStopping was not called.
func Stopping(ctx context.Context) <-chan struct{} {
	stop, _ := ctx.Value(stoppingKey).(<-chan struct{})
	return stop
}

// IsPartial reports whether htmx made the request and will put the answer into a page.
func IsPartial(c echo.Context) bool {
	return c.Request().Header.Get("HX-Request") == "true" && c.Request().Header.Get("HX-Boosted") != "true"
}

// Render answers with a component. Browsers must not keep pages of the console, because a page holds what only this
// person may see.
func Render(c echo.Context, status int, component templ.Component) error {
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, "text/html; charset=utf-8")
	h.Set(echo.HeaderCacheControl, "no-store")
	h.Add(echo.HeaderVary, "HX-Request, Cookie")
	var buf strings.Builder
	if err := component.Render(c.Request().Context(), &buf); err != nil {
		return keepsake.Errorf(keepsake.CodeInternal, "the page could not be drawn: %w", err)
	}
	return c.HTML(status, buf.String())
}

// redirect sends the browser to a page of this console after a form was accepted.
func redirect(c echo.Context, to string) error {
	if IsPartial(c) {
		c.Response().Header().Set("HX-Redirect", to)
		return c.NoContent(http.StatusNoContent)
	}
	return c.Redirect(http.StatusSeeOther, to)
}

// LocalPath returns to where it is a path of this console, and otherwise "/", so that nobody is sent to another site.
func LocalPath(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(to, "//") ||
		strings.ContainsAny(to, "\\\r\n\t") {
		return "/"
	}
	if strings.HasPrefix(path.Clean(u.Path), "/sign-") || strings.HasPrefix(u.Path, "//") {
		return "/"
	}
	if to = u.RequestURI(); !strings.HasPrefix(to, "/") { // its first slash was percent-encoded
		return "/"
	}
	return to
}

func validTheme(s string) bool { return s == "auto" || s == "light" || s == "dark" }
