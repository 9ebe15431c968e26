package main

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"github.com/jackc/pgerrcode"
	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/alert"
	"github.com/wedsync/keepsake/internal/auth"
	"github.com/wedsync/keepsake/internal/config"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/address"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/operation"
	"github.com/wedsync/keepsake/internal/policy"
	"github.com/wedsync/keepsake/web"
)

type serveCommand struct {
	Address  string `help:"host:port to listen on, instead of the configuration's." placeholder:"HOST:PORT"`
	NoWorker bool   `help:"Serve pages only; keepsake worker runs the operations elsewhere."`
}

func (c *serveCommand) Run(a *app) error {
	a.collectSeldom()
	if c.Address != "" {
		if problem := config.CheckAddress(c.Address); problem != "" {
			return keepsake.Errorf(keepsake.CodeInvalid, "--address: %s", problem)
		}
	}
	e, conf, err := a.engine()
	if err != nil {
		return err
	}
	if c.Address != "" {
		conf.Server.Address = c.Address
	}
	s, err := a.openConsoleOver(e, conf)
	pages := &switcher{}
	if a.isAway(e, err) {
		standby, failed := a.standby(a.ctx, e, conf)
		if failed != nil {
			return err // nothing answers: say what was asked first
		}
		a.logger(slog.LevelInfo).WarnContext(a.ctx,
			"the console database does not answer; weddings can be read straight from the providers", "err",
			keepsake.MessageOf(err))
		pages.use(standby)
	} else if err != nil {
		return err
	} else {
		defer s.db.Close()
		if err := a.normal(s, pages); err != nil {
			return err
		}
	}
	listener, where, err := a.listen(conf)
	if err != nil {
		return err
	}
	a.sayf("Console on %s", where)
	g, ctx := errgroup.WithContext(a.ctx)
	g.Go(func() error { return web.Serve(ctx, listener, pages, a.logger(slog.LevelInfo)) })
	g.Go(func() error {
		if s == nil {
			opened, err := a.awaitConsole(ctx, e, conf)
			if err != nil || opened == nil {
				return err
			}
			s = opened
			defer s.db.Close()
			//nolint:contextcheck // each request has its own context
			if err := a.normal(s, pages); err != nil {
				return err
			}
		}
		work, ctx := errgroup.WithContext(ctx)
		work.Go(func() error { return s.console.Run(ctx, !c.NoWorker) })
		work.Go(func() error { return a.watch(ctx, s, pages) })
		return work.Wait()
	})
	return g.Wait()
}

// The collector of a console runs when its memory has grown fivefold, and more often the nearer it comes to the limit:
// pages make much that is soon gone, and a worker's backups keep much less than the limit.
const (
	collectPercent = 400
	collectLimit   = 192 << 20 // bytes
)

// collectSeldom has memory collected less often than Go's default, which is made for programs that share a machine with
// many. GOGC and GOMEMLIMIT, where they are set, are what counts.
func (a *app) collectSeldom() {
	if _, set := a.env("GOGC"); !set {
		debug.SetGCPercent(collectPercent)
	}
	if _, set := a.env("GOMEMLIMIT"); !set {
		debug.SetMemoryLimit(collectLimit)
	}
}

// normal puts up the pages of a console whose database answers.
func (a *app) normal(s *services, pages *switcher) error {
	if err := s.console.RecordSettings(a.ctx, a.actor(), s.config.Settings()); err != nil {
		return err
	}
	secret, err := auth.SessionSecret(a.ctx, s.db, s.config.Server.SessionSecret)
	if err != nil {
		return err
	}
	at, err := a.supabase(s.config)
	if err != nil {
		return err
	}
	if at != nil {
		s.sessions = s.sessions.WithSupabase(at)
	}
	s.pages, err = web.New(web.Deps{
		Console:        s.console,
		Auth:           s.sessions,
		Credentials:    s.sessions,
		Requests:       s.sessions,
		Logger:         a.logger(slog.LevelInfo),
		SessionSecret:  secret,
		TrustedProxies: s.config.TrustedProxies(),
		Version:        engine.Version,
		Ready:          s.db.Ping,
		ByTLS:          s.config.ByTLS(),
	})
	if err != nil {
		return err
	}
	if n, err := auth.CountAccounts(a.ctx, s.db); err == nil && n == 0 {
		a.sayf("Nobody can sign in yet: keepsake admin create --email ADDRESS makes the first super admin.")
	}
	a.warnOfDataMap(s)
	pages.use(s.pages)
	return nil
}

// warnOfDataMap says at the start what the configuration names and the platform does not have. A platform that does not
// answer is no reason not to start.
func (a *app) warnOfDataMap(s *services) {
	state := s.console.Platform(a.ctx)
	for _, words := range state.Unmapped {
		a.logger(slog.LevelInfo).WarnContext(a.ctx, words)
	}
	if state.WithoutWeddings {
		a.logger(slog.LevelInfo).WarnContext(a.ctx,
			"single weddings and organizations can be neither listed nor brought back until data_map in keepsake.yaml is "+
				"corrected; backups and restores of everything and of tiers go on")
	}
}

// listen opens the console's socket, with TLS where a certificate is configured, and says where people find it.
func (a *app) listen(conf *config.Config) (net.Listener, string, error) {
	certificate, err := conf.Certificate()
	if err != nil {
		return nil, "", err
	}
	listener, err := (&net.ListenConfig{}).Listen(a.ctx, "tcp", conf.Server.Address)
	if err != nil {
		return nil, "", keepsake.Errorf(keepsake.CodeInvalid,
			"%s: server.address: the console cannot listen on %s: %w: free it or choose another", conf.Path(),
			conf.Server.Address, err)
	}
	where := "http://" + listener.Addr().String()
	if certificate != nil {
		where = "https://" + listener.Addr().String()
		listener = tls.NewListener(listener, &tls.Config{
			Certificates: []tls.Certificate{*certificate},
			MinVersion:   tls.VersionTLS12,
			NextProtos:   []string{"h2", "http/1.1"},
		})
	}
	if conf.Server.BaseURL != "" {
		where += ", for people " + conf.Server.BaseURL
	}
	return listener, where, nil
}

type workerCommand struct{}

func (c *workerCommand) Run(a *app) error {
	s, err := a.openConsole()
	if err != nil {
		return err
	}
	defer s.db.Close()
	if err := s.console.RecordSettings(a.ctx, a.actor(), s.config.Settings()); err != nil {
		return err
	}
	a.sayf("Worker ready.")
	return s.console.Run(a.ctx, true)
}

// services is the console side of the program.
type services struct {
	config   *config.Config
	db       *db.DB
	sessions *auth.Sessions
	console  *console.Console
	engine   *engine.Engine
	pages    http.Handler
}

// openConsole brings the console database up to date and builds the console over it. The caller closes the database.
func (a *app) openConsole() (*services, error) {
	e, conf, err := a.engine()
	if err != nil {
		return nil, err
	}
	return a.openConsoleOver(e, conf)
}

// openConsoleOver is openConsole for an engine that is there already.
func (a *app) openConsoleOver(e *engine.Engine, conf *config.Config) (*services, error) {
	if e.WritesOnly() {
		return nil, keepsake.Errorf(keepsake.CodeInvalid,
			"the key of this machine is a writer's, and a console reads the repository: run this where the repository's key "+
				"is; here keepsake backup works")
	}
	for _, f := range append(a.checkFiles(conf), checkServer(conf)...) {
		a.logger(slog.LevelInfo).WarnContext(a.ctx, f.Message+": "+f.Action)
	}
	if _, err := alert.Check(conf.Alerts.URLs); err != nil {
		return nil, keepsake.Errorf(keepsake.CodeOf(err), "%s: %w", conf.Path(), err)
	}
	d, err := a.openDatabase(conf)
	if err != nil {
		return nil, err
	}
	var targets []console.Target
	if conf.Platform.URL != "" {
		targets = append(targets, console.Target{Name: config.PlatformTarget, URL: conf.Platform.URL, Platform: true})
	}
	for _, t := range conf.Targets {
		targets = append(targets, console.Target{Name: t.Name, URL: t.URL})
	}
	if a.io.err == os.Stderr { // the process's own: what could not be put on record is said there as the rest is
		slog.SetDefault(a.logger(slog.LevelInfo))
	}
	access := a.accessKeeper(d, e, conf.Platform.Name)
	s := &services{config: conf, db: d, sessions: a.sessions(access), engine: e}
	alerts, err := a.alerts(d, conf)
	if err != nil {
		d.Close()
		return nil, err
	}
	schedule, err := scheduleOf(conf)
	var retention *console.Retention
	if err == nil {
		retention, err = retentionOf(conf)
	}
	var heartbeat func(context.Context) error
	if err == nil && conf.Alerts.Heartbeat != "" {
		heartbeat, err = alert.Heartbeat(conf.Alerts.Heartbeat)
	}
	if err != nil {
		d.Close()
		return nil, err
	}
	s.console, err = console.New(console.Deps{
		DB:             d,
		Platforms:      []console.Platform{{Name: conf.Platform.Name, Engine: e, Scopes: e, Targets: targets}},
		Typed:          address.Policy{Allow: conf.TypedTargets},
		Logger:         a.logger(slog.LevelInfo),
		Limits:         conf.Limits,
		Schedule:       schedule,
		Retention:      retention,
		Heartbeat:      heartbeat,
		SecondApprover: conf.Server.SecondApprover,
		Alone:          alone(conf.Server),
		Duties:         duties(s.sessions, access, alerts),
		Notes:          e,
		Vault:          e.Vault(),
	})
	if err != nil {
		d.Close()
		return nil, err
	}
	return s, nil
}

const (
	keepEvery  = 10 * time.Minute
	sweepEvery = time.Hour
	// alertEvery is how soon an alert follows what it tells of.
	alertEvery = 5 * time.Second
)

// duties are what is done without being asked and is not the console's own. alert is nil where nobody is to be told.
func duties(sessions *auth.Sessions, access *accessKeeper, alert func(context.Context) error) []operation.Duty {
	list := []operation.Duty{
		{
			Name:  "keep_access",
			Does:  "store in the repository who may sign in without the console database",
			Every: keepEvery,
			Who:   operation.OneHolder,
			Run:   access.keep,
		},
		{
			Name:  "remove_sessions",
			Does:  "remove ended sessions",
			Every: sweepEvery,
			Who:   operation.OneHolder,
			Run:   sessions.Sweep,
		},
	}
	if alert != nil {
		list = append(list, operation.Duty{
			Name:  "send_alerts",
			Does:  "send alerts",
			Every: alertEvery,
			Who:   operation.EachProcess,
			Run:   alert,
		})
	}
	return list
}

// alone is how much may be brought back within a day without a second approver.
func alone(s config.Server) *policy.Alone {
	a := policy.DefaultAlone()
	if s.AloneWeddings != nil {
		a.Weddings = *s.AloneWeddings
	}
	if s.AloneShare != nil {
		a.Share = *s.AloneShare
	}
	return &a
}

// openDatabase migrates and opens the console database. Processes that start together take turns.
func (a *app) openDatabase(conf *config.Config) (*db.DB, error) {
	if conf.Console.URL == "" {
		return nil, keepsake.Errorf(keepsake.CodeInvalid,
			"%s: console.url: no console database is configured: set it, or KEEPSAKE_CONSOLE_URL", conf.Path())
	}
	if err := db.Prepare(a.ctx, conf.Console.OwnerURL, conf.Console.URL, a.logger(slog.LevelInfo)); err != nil {
		return nil, explainConsole(err)
	}
	d, err := db.Open(a.ctx, conf.Console.URL)
	if err == nil && d.OwnsTables() {
		a.logger(slog.LevelInfo).WarnContext(a.ctx,
			"console.url signs in as the role that owns the console's tables: row-level security binds it, but whoever steals "+
				"its password could switch that off. "+
				"Give the tables an owner of their own: console.owner_url in keepsake.example.yaml")
	}
	return d, explainConsole(err)
}

// explainConsole says in words what keeps the console database from being used on a first start.
func explainConsole(err error) error {
	switch {
	case db.IsState(err, pgerrcode.InvalidCatalogName):
		return &keepsake.Error{
			Code: keepsake.CodeInvalid,
			Message: "console.url: the console database does not exist: create role keepsake_owner login password '…'; " +
				"create role keepsake login password '…'; " +
				"create database keepsake owner keepsake_owner; the first belongs into console.owner_url, the second " +
				"into console.url",
			Err: err,
		}
	case db.IsState(err, pgerrcode.InvalidPassword), db.IsState(err, pgerrcode.InvalidAuthorizationSpecification):
		return &keepsake.Error{
			Code: keepsake.CodeInvalid,
			Message: "console.url: the console database's server refused the role or its password: correct console.url or " +
				"KEEPSAKE_CONSOLE_URL",
			Err: err,
		}
	}
	return err
}
