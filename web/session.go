package web

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"
	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers"
	"github.com/wedsync/keepsake/internal/auth"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// sessionCookie holds the encrypted, opaque session token and nothing else. Who it is, and until when, the database
// knows.
const sessionCookie = "keepsake_session"

// eventStream is what a browser asks for that watches an operation.
const eventStream = "text/event-stream"

// resolveTime is how long looking up a session may take before the page says that the console's database is away.
const resolveTime = 5 * time.Second

// cookies reads and writes the session cookie, and that of a sign-in that lacks its second step. It satisfies
// handlers.SignInCookie.
type cookies struct {
	store   *sessions.CookieStore
	step    *securecookie.SecureCookie
	proxies []netip.Prefix
}

// newCookies derives the cookie's keys from secret, which every process of one console shares.
func newCookies(secret keepsake.Secret, proxies []netip.Prefix) (*cookies, error) {
	if len(secret.Reveal()) < 32 {
		return nil, keepsake.Errorf(keepsake.CodeInvalid,
			"the session secret has %d bytes; it needs at least 32", len(secret.Reveal()))
	}
	key := func(purpose string) ([]byte, error) {
		return hkdf.Key(sha256.New, []byte(secret.Reveal()), nil, "keepsake web v1 "+purpose, 32)
	}
	var keys [2][]byte
	for i, purpose := range []string{"cookie mac", "cookie encryption"} {
		k, err := key(purpose)
		if err != nil {
			return nil, fmt.Errorf("derive the keys of the session cookie: %w", err)
		}
		keys[i] = k
	}
	store := sessions.NewCookieStore(keys[0], keys[1])
	store.MaxAge(0) // a cookie of the browser's session; the database row decides when it ends
	for _, codec := range store.Codecs {
		if sc, ok := codec.(*securecookie.SecureCookie); ok {
			sc.MaxAge(0)
		}
	}
	step, err := newSecondStepCodec(secret)
	return &cookies{store: store, step: step, proxies: proxies}, err
}

// Token returns the session token the browser sent, or "".
func (k *cookies) Token(r *http.Request) string {
	s, err := k.store.Get(r, sessionCookie)
	if err != nil {
		return "" // another secret, or a forged cookie: the same as none
	}
	token, _ := s.Values["token"].(string)
	return token
}

// Set gives the browser a session token; "" takes it away.
func (k *cookies) Set(c echo.Context, token string) error {
	s := sessions.NewSession(k.store, sessionCookie)
	s.Options = &sessions.Options{Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: k.Secure(c.Request())}
	s.Values["token"] = token
	if token == "" {
		s.Options.MaxAge = -1
	}
	if err := k.store.Save(c.Request(), c.Response(), s); err != nil {
		return keepsake.Errorf(keepsake.CodeInternal, "the session cookie could not be written: %w", err)
	}
	return nil
}

// Secure reports whether the browser's side of the connection is encrypted: TLS here, or at a trusted proxy that says
// so.
func (k *cookies) Secure(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	// of several proxies, the one that the browser came to
	first, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",")
	return strings.TrimSpace(first) == "https" && k.trusted(r.RemoteAddr)
}

func (k *cookies) trusted(remote string) bool {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	for _, p := range k.proxies {
		if p.Contains(addr.Unmap()) {
			return true
		}
	}
	return false
}

// identify looks up the session and sets the actor. It is the only place that does. It lets everyone through: signedIn
// stands before what needs an actor.
func (k *cookies) identify(known handlers.Sessions) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			token := k.Token(c.Request())
			if token == "" {
				return next(c)
			}
			ctx, cancel := context.WithTimeout(c.Request().Context(), resolveTime)
			if byItself(c.Request()) {
				ctx = auth.ByItself(ctx)
			}
			actor, err := known.Resolve(ctx, token)
			cancel()
			switch code := keepsake.CodeOf(err); {
			case err == nil:
				actor.Address, actor.UserAgent, actor.RequestID = c.RealIP(), c.Request().UserAgent(),
					handlers.RequestID(c.Request().Context())
				c.SetRequest(c.Request().WithContext(handlers.WithActor(c.Request().Context(), actor)))
				return next(c)
			case code == keepsake.CodeForbidden || code == keepsake.CodeNotFound:
				c.Set(endedKey, true)
				if err := k.Set(c, ""); err != nil {
					return err
				}
				return next(c)
			default:
				return &keepsake.Error{
					Code: keepsake.CodeUnavailable,
					Message: "Keepsake cannot look up who you are: its own database does not answer. Your backups are not affected; " +
						"the command line restores without it. Try again in a moment.",
					Err: err,
				}
			}
		}
	}
}

// byItself reports whether a page made the request by itself and no person did: a stream, or what views.ByItself
// marks. Without this, an overview that was left open would keep its session alive.
func byItself(r *http.Request) bool {
	return r.Header.Get(echo.HeaderAccept) == eventStream || r.Header.Get("Keepsake-By-Itself") != ""
}

// whileSignedIn breaks an answer off that takes long, a stream or a download, when its session has ended meanwhile. It
// looks so often.
func (k *cookies) whileSignedIn(known handlers.Sessions, every time.Duration) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			outer, token := c.Request(), k.Token(c.Request())
			ctx, done := handlers.While(outer.Context(), every, func(ctx context.Context) error {
				if byItself(outer) {
					ctx = auth.ByItself(ctx)
				}
				_, err := known.Resolve(ctx, token)
				return err
			})
			defer done()
			defer c.SetRequest(outer)
			c.SetRequest(outer.WithContext(ctx))
			return next(c)
		}
	}
}

// endedKey marks a request whose session was known and is over.
const endedKey = "session ended"

// signedIn sends people who are not signed in to the sign-in page, and back here afterwards. htmx gets 401, from
// which app.js does the same. A stream gets 401 too. Browsers must not keep the answer, because it depends on who is
// signed in now.
func signedIn(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
		if _, ok := handlers.ActorOf(c); ok {
			return next(c)
		}
		begins := c.Request().URL.Path == "/" && c.Request().Method == http.MethodGet
		if c.Get(endedKey) == nil && !begins { // a session that is over is on record as such
			c.Set(reasonKey, "no session")
		}
		if handlers.IsPartial(c) || c.Request().Header.Get(echo.HeaderAccept) == eventStream {
			return c.NoContent(http.StatusUnauthorized)
		}
		q := url.Values{}
		if c.Request().Method == http.MethodGet && c.Request().URL.Path != "/" {
			q.Set("next", c.Request().URL.RequestURI())
		}
		if c.Get(endedKey) != nil {
			q.Set("ended", "expired")
		}
		to := "/sign-in"
		if len(q) > 0 {
			to += "?" + q.Encode()
		}
		return c.Redirect(http.StatusSeeOther, to)
	}
}
