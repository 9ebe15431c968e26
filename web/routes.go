// Package web is the browser's side of Keepsake: one route table, the middleware that every request goes through, one
// error handler, and the server. It holds no session and no operation in memory, so that many processes can serve the
// same console.
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

// Deps is what New needs.
type Deps struct {
	Console interface {
		handlers.Console
		api.Console
		api.Answers
	}
	Auth        handlers.Auth
	Credentials handlers.Credentials
	// Requests records refused requests. When it is nil, only the log has them.
	Requests requestRecorder
	Logger   *slog.Logger
	// SessionSecret encrypts the session cookie. It has at least 32 bytes, is the same in every process of one console,
	// and is used for nothing else.
	SessionSecret keepsake.Secret
	// TrustedProxies may say who the browser is (X-Forwarded-For) and that it came by TLS (X-Forwarded-Proto).
	TrustedProxies []netip.Prefix
	// Ready returns what keeps the console from its whole work. Every GET /readyz asks it. It is nil where nothing can.
	Ready func(context.Context) error
	// ByTLS says that people reach the console by https, even where the connection to this process is plain.
	ByTLS   bool
	Version string
	Zone    *time.Location   // that pages write times in; nil: UTC
	Now     func() time.Time // nil: time.Now
	// Stream paces live pages; zero: handlers.DefaultStreamTiming.
	Stream handlers.StreamTiming
}

// New returns the handler of every page and of the API. It returns an error only for a session secret that is too
// short.
func New(d Deps) (*echo.Echo, error) {
	e, cookies, pages, err := base(&d)
	if err != nil {
		return nil, err
	}
	pages.Fault = func() string { return d.Console.KnownPlatform().Fault() }
	routes(e, d, cookies, pages)
	return e, nil
}

// NewStandby returns the handler of the pages that work while the console database is away. They change nothing.
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

// groups are the ways in: what a request passes before its handler.
type groups struct {
	open     *echo.Group // for everybody
	in       *echo.Group // pages and forms of who is signed in
	download *echo.Group // what takes long, of who is signed in and stays so
}

// newGroups builds the groups that the console has with its database and without it.
func newGroups(e *echo.Echo, d Deps, cookies *cookies, downloads *concurrencyCap) groups {
	known := cookies.identify(d.Auth)
	return groups{
		open: e.Group("", sameOrigin(), known, deadline(pageTimeout)),
		in:   e.Group("", sameOrigin(), known, signedIn, deadline(pageTimeout)),
		download: e.Group("", sameOrigin(), known, signedIn, downloads.limit,
			cookies.whileSignedIn(d.Auth, d.Stream.Heartbeat), deadline(longTimeout), deadlinePerPiece(pieceTimeout)),
	}
}

// signInRoutes is the table of what needs no account.
func signInRoutes(g groups, d Deps, cookies *cookies, pages handlers.Pages) {
	g.open.GET("/sign-in", handlers.ShowSignIn(pages))
	g.open.POST("/sign-in", handlers.SignIn(pages, d.Auth, cookies))
	g.open.GET("/sign-in/code", handlers.ShowStep(pages, cookies))
	g.open.POST("/sign-in/code", handlers.ContinueSignIn(pages, d.Auth, cookies))
	g.open.POST("/sign-out", handlers.SignOut(d.Auth, cookies))
	g.open.POST("/theme", handlers.SaveTheme(cookies.Secure))
}

// readRoutes is the table of what can be read although the console database is away.
func readRoutes(g groups, pages handlers.Pages, con handlers.Standby) {
	g.in.GET("/emergency", handlers.ShowEmergency(pages, con))
	g.in.GET("/points", handlers.ListPoints(pages, con))
	g.in.GET("/points/:id", handlers.ShowPoint(pages, con))
	g.in.GET("/weddings", handlers.ListWeddings(pages, con))
	g.in.GET("/weddings/:id", handlers.ShowWedding(pages, con))
	g.in.GET("/weddings/:id/changes", handlers.ShowWeddingChanges(pages, con))
	g.in.GET("/weddings/:id/contacts", handlers.ShowWeddingContacts(pages, con))
	g.in.GET("/weddings/:id/contacts.csv", handlers.DownloadWeddingContacts(pages, con))
	g.in.GET("/weddings/:id/contacts.vcf", handlers.DownloadWeddingContacts(pages, con))
	g.in.GET("/weddings/:id/then", handlers.ShowWeddingThen(pages, con))
	g.download.GET("/weddings/:id/export", handlers.ExportScope(pages, con))
	g.download.GET("/platform/export", handlers.ExportScope(pages, con))
}

// standbyRoutes is the table of every page while the console database is away.
func standbyRoutes(e *echo.Echo, d Deps, con handlers.Standby, cookies *cookies, pages handlers.Pages) {
	g := newGroups(e, d, cookies, newDownloadCap())
	signInRoutes(g, d, cookies, pages)
	g.in.GET("/", func(c echo.Context) error { return c.Redirect(http.StatusSeeOther, "/emergency") })
	readRoutes(g, pages, con)
	g.open.RouteNotFound("/*", func(echo.Context) error {
		return keepsake.Errorf(keepsake.CodeUnavailable,
			"Keepsake's own database does not answer, so nothing can be started or changed here now. Weddings and their "+
				"contacts can be read under "+
				"Emergency; the command line restores with the key alone: keepsake restore --help.")
	})
}

// routes is the table of every page and action.
func routes(e *echo.Echo, d Deps, cookies *cookies, pages handlers.Pages) {
	con, credentials := d.Console, d.Credentials
	downloads, streams := newDownloadCap(), newStreamCap()
	g := newGroups(e, d, cookies, downloads)
	open, in, download := g.open, g.in, g.download
	// Whole tables are compared.
	wide := e.Group("", sameOrigin(), cookies.identify(d.Auth), signedIn, deadline(wideTimeout))
	// The API takes no cookies, so it needs no look at where a request comes from.
	trail := []string{api.Prefix + "/audit/export", api.Prefix + "/audit/verify"}
	bearer := e.Group("", api.Bearer(credentials, d.Stream.Heartbeat, d.Logger),
		streams.limitAt(api.Prefix+"/backups/:id/events"), downloads.limitAt(trail...), deadlineByPath(trail...))
	// A stream lives as long as its operation, so it has no deadline.
	live := e.Group("", cookies.identify(d.Auth), signedIn, streams.limit,
		cookies.whileSignedIn(d.Auth, d.Stream.Heartbeat))

	signInRoutes(g, d, cookies, pages)
	readRoutes(g, pages, con)
	in.GET("/", handlers.ShowDashboard(pages, con))
	in.GET("/backups/new", handlers.ShowBackupForm(pages, con))
	in.POST("/backups", handlers.StartBackup(pages, con))
	in.GET("/operations", handlers.ListOperations(pages, con))
	in.GET("/duties", handlers.ListDuties(pages, con))
	in.GET("/schedule", handlers.ShowSchedule(pages, con))
	in.GET("/retention", handlers.ShowRetention(pages, con))
	in.POST("/retention", handlers.StartRetention(con))
	in.GET("/operations/:id", handlers.ShowOperation(pages, con))
	live.GET("/operations/:id/events", handlers.StreamOperation(pages, con, d.Stream))
	in.GET("/operations/:id/log", handlers.ShowOperationLog(pages, con))
	in.GET("/operations/:id/cancel", handlers.ShowCancel(pages, con))
	in.POST("/operations/:id/cancel", handlers.CancelOperation(con))
	in.POST("/operations/:id/approve", handlers.ApproveOperation(con))
	in.POST("/providers/check", handlers.CheckProvider(con))
	in.POST("/repairs", handlers.StartRepair(con))
	in.POST("/points/verify", handlers.StartVerify(con))
	in.POST("/points/:id", handlers.SavePoint(pages, con))
	in.POST("/points/:id/trust", handlers.TrustPoint(con))
	in.POST("/points/:id/verify", handlers.StartVerify(con))
	in.GET("/points/:id/restore", handlers.ShowRestoreForm(pages, con))
	in.POST("/points/:id/restore", handlers.ConfirmRestore(pages, con))
	in.POST("/points/:id/restore/confirm", handlers.StartRestore(pages, con))
	in.GET("/weddings/scope", handlers.ShowScope(pages, con))
	in.POST("/weddings/:id/milestones", handlers.SaveMilestone(pages, con))
	in.GET("/organizations", handlers.ListOrganizations(pages, con))
	in.GET("/weddings/:id/restore", handlers.ShowScopePreview(pages, con))
	in.POST("/weddings/:id/restore", handlers.RestoreScope(pages, con))
	in.POST("/weddings/:id/restore/review", handlers.ShowScopePreview(pages, con))
	in.GET("/weddings/:id/restore/rows", handlers.ShowScopeRows(pages, con))
	in.POST("/weddings/:id/restore/rows", handlers.ShowScopeRows(pages, con))
	wide.GET("/platform/restore", handlers.ShowScopePreview(pages, con))
	wide.POST("/platform/restore", handlers.RestoreScope(pages, con))
	wide.POST("/platform/restore/review", handlers.ShowScopePreview(pages, con))
	wide.GET("/platform/restore/rows", handlers.ShowScopeRows(pages, con))
	wide.POST("/platform/restore/rows", handlers.ShowScopeRows(pages, con))
	in.GET("/restores/:id", handlers.ShowScopedRestore(pages, con))
	in.GET("/restores/:id/undo", handlers.ShowUndo(pages, con))
	in.POST("/restores/:id/undo", handlers.UndoScope(pages, con))
	in.GET("/audit", handlers.ShowAudit(pages, con))
	download.GET("/audit/export", handlers.ExportAudit(pages, con))
	download.POST("/audit/verify", handlers.VerifyAudit(con))

	in.GET("/prove", handlers.ShowProve(pages, credentials))
	in.POST("/prove", handlers.Prove(pages, credentials))
	in.GET("/sessions", handlers.ListSessions(pages, credentials))
	in.POST("/sessions/end", handlers.EndSession(credentials))
	in.GET("/second-step", handlers.ShowSecondStep(pages, credentials))
	in.GET("/second-step/begin", handlers.ShowEnrolment(pages, credentials))
	in.POST("/second-step/begin", handlers.BeginSecondStep(credentials))
	in.POST("/second-step/confirm", handlers.ConfirmSecondStep(pages, credentials))
	in.POST("/second-step/codes", handlers.RenewRecoveryCodes(pages, credentials))
	in.GET("/second-step/off", handlers.ShowEndSecondStep(pages, credentials))
	in.POST("/second-step/off", handlers.EndSecondStep(pages, credentials))
	in.GET("/tokens", handlers.ListTokens(pages, credentials))
	in.POST("/tokens", handlers.CreateToken(pages, credentials))
	in.POST("/tokens/:id/revoke", handlers.RevokeToken(credentials))

	// The actions of the API stand in handlers/api. Its document and reference are for everybody.
	document := api.Mount(e, bearer, api.Deps{Console: con, Answers: con, Stream: d.Stream, Logger: d.Logger})
	open.GET(api.Prefix+"/openapi.json", api.ShowDocument(document))
	open.HEAD(api.Prefix+"/openapi.json", api.ShowDocument(document))
	open.GET(api.Prefix+"/docs", api.ShowReference(pages, document))
	open.HEAD(api.Prefix+"/docs", api.ShowReference(pages, document))

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
