// Package web is the browser's side of Keepsake: one route table, the middleware every request goes through, one error
// handler and the server. It holds no session and no operation in memory: many processes serve the same console.
package web

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers"
	"github.com/wedsync/keepsake/handlers/api"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/static"
)

// The limits of one request.
const (
	bodyLimit   = 64 << 10         // bytes: every form here is small
	pageTimeout = 45 * time.Second // the preflight asks the platform and every provider
	wideTimeout = 10 * time.Minute // whole tables are compared
	longTimeout = 6 * time.Hour    // a download of everything, at whatever speed the browser takes it
)

// Deps is what the browser's side works with.
type Deps struct {
	Console interface {
		handlers.Console
		api.Console
		api.Answers
	}
	Auth   handlers.Auth
	Tokens handlers.Tokens
	// Requests puts refused requests on record; nil: the log has them.
	Requests requestRecorder
	Logger   *slog.Logger
	// SessionSecret encrypts the session cookie: at least 32 bytes, the same in every process of one console, used for
	// nothing else.
	SessionSecret keepsake.Secret
	// TrustedProxies may say who the browser is (X-Forwarded-For) and that it came by TLS (X-Forwarded-Proto).
	TrustedProxies []netip.Prefix
	// Ready reports what keeps the console from its whole work; nil: nothing can. It is asked anew by every GET /readyz.
	Ready func(context.Context) error
	// ByTLS says that people reach the console by https, whatever the connection here looks like.
	ByTLS   bool
	Version string
	Zone    *time.Location   // that pages write times in; nil: UTC
	Now     func() time.Time // nil: time.Now
	// Stream paces live pages; zero: handlers.DefaultStreamTiming.
	Stream handlers.StreamTiming
}

// New returns the handler of every page. It fails only on a session secret that is too short.
func New(d Deps) (*echo.Echo, error) {
	e, cookies, pages, err := base(&d)
	if err != nil {
		return nil, err
	}
	pages.Fault = func() string { return d.Console.KnownPlatform().Fault() }
	routes(e, d, cookies, pages)
	return e, nil
}

// NewStandby returns the handler of the pages that work while the console database is away. Nothing there changes
// anything.
func NewStandby(d Deps, con handlers.Standby) (*echo.Echo, error) {
	e, cookies, pages, err := base(&d)
	if err != nil {
		return nil, err
	}
	pages.Standby = true
	standbyRoutes(e, d, con, cookies, pages)
	return e, nil
}

// base makes what both have in common: middleware, assets, errors.
func base(d *Deps) (*echo.Echo, *cookies, handlers.Pages, error) {
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Zone == nil {
		d.Zone = time.UTC
	}
	if d.Stream == (handlers.StreamTiming{}) {
		d.Stream = handlers.DefaultStreamTiming()
	}
	cookies, err := newCookies(d.SessionSecret, d.TrustedProxies)
	if err != nil {
		return nil, nil, handlers.Pages{}, err
	}
	insecure := func(r *http.Request) bool { return d.ByTLS && !cookies.Secure(r) }
	pages := handlers.Pages{Version: d.Version, Zone: d.Zone, Now: d.Now, Insecure: insecure}
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.IPExtractor = addressOf(d.TrustedProxies)
	e.HTTPErrorHandler = errorHandler(pages, d.Logger)
	e.Pre(headAsGet)
	e.Use(requestID, accessLog(d.Logger), recoverPanic, securityHeaders(cookies.Secure), onRecord(d.Requests, d.Logger),
		wholeBody, warnWithoutTLS(d.Logger, insecure))
	e.GET(static.Prefix+"*", echo.WrapHandler(static.Handler()))
	e.HEAD(static.Prefix+"*", echo.WrapHandler(static.Handler()))
	e.GET("/healthz", func(c echo.Context) error { return c.String(http.StatusOK, "ok\n") })
	e.GET("/readyz", ready(d.Ready))
	return e, cookies, pages, nil
}

// everybody is the table of what needs no account, and the group of what does.
func everybody(e *echo.Echo, d Deps, cookies *cookies, pages handlers.Pages) (open, in *echo.Group) {
	open = e.Group("", sameOrigin(), cookies.identify(d.Auth), deadline(pageTimeout))
	open.GET("/sign-in", handlers.ShowSignIn(pages))
	open.POST("/sign-in", handlers.SignIn(pages, d.Auth, cookies))
	open.GET("/sign-in/code", handlers.ShowStep(pages, cookies))
	open.POST("/sign-in/code", handlers.ContinueSignIn(pages, d.Auth, cookies))
	open.POST("/sign-out", handlers.SignOut(d.Auth, cookies))
	open.POST("/theme", handlers.SaveTheme(cookies.Secure))
	return open, e.Group("", sameOrigin(), cookies.identify(d.Auth), signedIn, deadline(pageTimeout))
}

// readable is the table of what can be read although the console database is away. It returns the group of what takes
// long, which taking bounds.
func readable(e *echo.Echo, d Deps, cookies *cookies, in *echo.Group, pages handlers.Pages, con handlers.Standby,
	taking *concurrencyCap) (long *echo.Group) {
	in.GET("/emergency", handlers.ShowEmergency(pages, con))
	in.GET("/points", handlers.ListPoints(pages, con))
	in.GET("/points/:id", handlers.ShowPoint(pages, con))
	in.GET("/weddings", handlers.ListWeddings(pages, con))
	in.GET("/weddings/:id", handlers.ShowWedding(pages, con))
	in.GET("/weddings/:id/changes", handlers.ShowWeddingChanges(pages, con))
	in.GET("/weddings/:id/contacts", handlers.ShowWeddingContacts(pages, con))
	in.GET("/weddings/:id/contacts.csv", handlers.DownloadWeddingContacts(pages, con))
	in.GET("/weddings/:id/contacts.vcf", handlers.DownloadWeddingContacts(pages, con))
	in.GET("/weddings/:id/then", handlers.ShowWeddingThen(pages, con))
	long = e.Group("", sameOrigin(), cookies.identify(d.Auth), signedIn, taking.limit,
		cookies.whileSignedIn(d.Auth, d.Stream.Heartbeat), deadline(longTimeout), deadlinePerPiece(pieceTimeout))
	long.GET("/weddings/:id/export", handlers.ExportScope(pages, con))
	long.GET("/platform/export", handlers.ExportScope(pages, con))
	return long
}

// standbyRoutes is the table of every page while the console database is away.
func standbyRoutes(e *echo.Echo, d Deps, con handlers.Standby, cookies *cookies, pages handlers.Pages) {
	open, in := everybody(e, d, cookies, pages)
	in.GET("/", func(c echo.Context) error { return c.Redirect(http.StatusSeeOther, "/emergency") })
	readable(e, d, cookies, in, pages, con, newDownloadCap())
	open.RouteNotFound("/*", func(echo.Context) error {
		return keepsake.Errorf(keepsake.CodeUnavailable,
			"Keepsake's own database does not answer, so nothing can be started or changed here now. Weddings and their "+
				"contacts can be read under "+
				"Emergency; the command line restores with the key alone: keepsake restore --help.")
	})
}

// routes is the table of every page and action.
func routes(e *echo.Echo, d Deps, cookies *cookies, pages handlers.Pages) {
	con := d.Console
	open, in := everybody(e, d, cookies, pages)
	watching, taking := newStreamCap(), newDownloadCap()
	long := readable(e, d, cookies, in, pages, con, taking)
	in.GET("/", handlers.ShowDashboard(pages, con))
	in.GET("/backups/new", handlers.ShowBackupForm(pages, con))
	in.POST("/backups", handlers.StartBackup(pages, con))
	in.GET("/operations", handlers.ListOperations(pages, con))
	in.GET("/duties", handlers.ListDuties(pages, con))
	in.GET("/operations/:id", handlers.ShowOperation(pages, con))
	in.GET("/operations/:id/log", handlers.ShowOperationLog(pages, con))
	in.GET("/operations/:id/cancel", handlers.ShowCancel(pages, con))
	in.POST("/operations/:id/cancel", handlers.CancelOperation(con))
	in.POST("/operations/:id/approve", handlers.ApproveOperation(con))
	in.POST("/providers/check", handlers.CheckProvider(con))
	in.POST("/repairs", handlers.StartRepair(con))
	in.POST("/points/verify", handlers.StartVerify(con))
	in.POST("/points/:id", handlers.SavePoint(pages, con))
	in.POST("/points/:id/verify", handlers.StartVerify(con))
	in.GET("/points/:id/restore", handlers.ShowRestoreForm(pages, con))
	in.POST("/points/:id/restore", handlers.ConfirmRestore(pages, con))
	in.POST("/points/:id/restore/confirm", handlers.StartRestore(pages, con))
	in.GET("/weddings/scope", handlers.ShowScope(pages, con))
	in.POST("/weddings/:id/milestones", handlers.SaveMilestone(pages, con))
	in.GET("/organizations", handlers.ListOrganizations(pages, con))
	wide := e.Group("", sameOrigin(), cookies.identify(d.Auth), signedIn, deadline(wideTimeout))
	for scope, in := range map[string]*echo.Group{"/weddings/:id/restore": in, "/platform/restore": wide} {
		in.GET(scope, handlers.ShowScopePreview(pages, con))
		in.POST(scope, handlers.RestoreScope(pages, con))
		in.POST(scope+"/review", handlers.ShowScopePreview(pages, con))
		in.GET(scope+"/rows", handlers.ShowScopeRows(pages, con))
		in.POST(scope+"/rows", handlers.ShowScopeRows(pages, con))
	}
	in.GET("/restores/:id", handlers.ShowScopedRestore(pages, con))
	in.GET("/restores/:id/undo", handlers.ShowUndo(pages, con))
	in.POST("/restores/:id/undo", handlers.UndoScope(pages, con))
	in.GET("/audit", handlers.ShowAudit(pages, con))
	long.GET("/audit/export", handlers.ExportAudit(pages, con))
	long.POST("/audit/verify", handlers.VerifyAudit(con))

	in.GET("/prove", handlers.ShowProve(pages, d.Tokens))
	in.POST("/prove", handlers.Prove(pages, d.Tokens))
	in.GET("/sessions", handlers.ListSessions(pages, d.Tokens))
	in.POST("/sessions/end", handlers.EndSession(d.Tokens))
	in.GET("/second-step", handlers.ShowSecondStep(pages, d.Tokens))
	in.GET("/second-step/begin", handlers.ShowEnrolment(pages, d.Tokens))
	in.POST("/second-step/begin", handlers.BeginSecondStep(d.Tokens))
	in.POST("/second-step/confirm", handlers.ConfirmSecondStep(pages, d.Tokens))
	in.POST("/second-step/codes", handlers.RenewRecoveryCodes(pages, d.Tokens))
	in.GET("/second-step/off", handlers.ShowEndSecondStep(pages, d.Tokens))
	in.POST("/second-step/off", handlers.EndSecondStep(pages, d.Tokens))
	in.GET("/tokens", handlers.ListTokens(pages, d.Tokens))
	in.POST("/tokens", handlers.CreateToken(pages, d.Tokens))
	in.POST("/tokens/:id/revoke", handlers.RevokeToken(d.Tokens))

	// The API takes no cookies, so it needs no look at where a request comes from. Its document and reference are for
	// everybody.
	trail := []string{api.Prefix + "/audit/export", api.Prefix + "/audit/verify"}
	actions := e.Group("", api.Bearer(d.Tokens, d.Stream.Heartbeat, d.Logger),
		watching.limitAt(api.Prefix+"/backups/:id/events"), taking.limitAt(trail...), deadlineByPath(trail...))
	document := api.Mount(e, actions, api.Deps{Console: con, Answers: con, Stream: d.Stream, Logger: d.Logger})
	look := []string{http.MethodGet, http.MethodHead}
	open.Match(look, api.Prefix+"/openapi.json", api.ShowDocument(document))
	open.Match(look, api.Prefix+"/docs", api.ShowReference(pages, document))

	// A stream lives as long as its operation, so it has no deadline.
	live := e.Group("", cookies.identify(d.Auth), signedIn, watching.limit,
		cookies.whileSignedIn(d.Auth, d.Stream.Heartbeat))
	live.GET("/operations/:id/events", handlers.StreamOperation(pages, con, d.Stream))

	// Last, because every group brings one of its own: an unknown address is not found, signed in or not.
	open.RouteNotFound("/*", func(echo.Context) error { return echo.ErrNotFound })
}

// addressOf returns how the browser's address is found: from the connection, or from what trusted proxies say.
func addressOf(proxies []netip.Prefix) echo.IPExtractor {
	if len(proxies) == 0 {
		return echo.ExtractIPDirect()
	}
	options := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, p := range proxies {
		options = append(options, echo.TrustIPRange(
			&net.IPNet{IP: p.Masked().Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}))
	}
	return echo.ExtractIPFromXFFHeader(options...)
}
