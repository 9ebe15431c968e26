package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/auth"
	"github.com/wedsync/keepsake/internal/config"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/web"
)

type serveCommand struct {
	Address  string `help:"host:port to listen on, instead of the configuration's." placeholder:"HOST:PORT"`
	NoWorker bool   `help:"Serve pages only; keepsake worker runs the operations elsewhere."`
}

func (c *serveCommand) Run(a *app) error {
	s, err := a.openConsole()
	if err != nil {
		return err
	}
	defer s.db.Close()
	address := s.config.Server.Address
	if c.Address != "" {
		address = c.Address
	}
	if problem := config.CheckAddress(address); problem != "" {
		return keepsake.Errorf(keepsake.CodeInvalid, "--address: %s", problem)
	}
	certificate, err := s.config.Certificate()
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(a.ctx, "tcp", address)
	if err != nil {
		return keepsake.Errorf(keepsake.CodeInvalid, "the console cannot listen on %s: %w: choose another server.address", address, err)
	}
	where := "http://" + listener.Addr().String()
	if certificate != nil {
		where = "https://" + listener.Addr().String()
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{*certificate}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}})
	}
	if s.config.Server.BaseURL != "" {
		where += ", for people " + s.config.Server.BaseURL
	}
	secret, err := auth.SessionSecret(a.ctx, s.db, s.config.Server.SessionSecret)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	sessions := auth.NewSessions(s.db, nil)
	handler, err := web.New(web.Deps{Console: s.console, Auth: sessions, Logger: a.logger(), SessionSecret: secret,
		TrustedProxies: s.config.TrustedProxies(), Version: engine.Version})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	if n, err := auth.CountAccounts(a.ctx, s.db); err == nil && n == 0 {
		_, _ = fmt.Fprintln(a.io.err, "Nobody can sign in yet: keepsake admin create makes the first super admin.")
	}
	_, _ = fmt.Fprintf(a.io.err, "Console on %s\n", where)
	g, ctx := errgroup.WithContext(a.ctx)
	g.Go(func() error { return s.console.Run(ctx, !c.NoWorker) })
	g.Go(func() error { return web.ServeListener(ctx, listener, handler) })
	return g.Wait()
}

type workerCommand struct{}

func (c *workerCommand) Run(a *app) error {
	s, err := a.openConsole()
	if err != nil {
		return err
	}
	defer s.db.Close()
	_, _ = fmt.Fprintln(a.io.err, "Worker ready.")
	return s.console.Run(a.ctx, true)
}

// services is the console side of the program.
type services struct {
	config  *config.Config
	db      *db.DB
	console *console.Console
}

// openConsole brings the console database up to date and builds the console over it.
func (a *app) openConsole() (*services, error) {
	e, conf, err := a.engine()
	if err != nil {
		return nil, err
	}
	d, err := a.openDatabase(conf)
	if err != nil {
		return nil, err
	}
	var targets []console.Target
	if conf.Platform.URL != "" {
		targets = append(targets, console.Target{Name: config.PlatformTarget, URL: conf.Platform.URL})
	}
	for _, t := range conf.Targets {
		targets = append(targets, console.Target{Name: t.Name, URL: t.URL})
	}
	c, err := console.New(console.Deps{DB: d, Engine: e, Targets: targets, Logger: a.logger()})
	if err != nil {
		d.Close()
		return nil, err
	}
	return &services{config: conf, db: d, console: c}, nil
}

func (a *app) openDatabase(conf *config.Config) (*db.DB, error) {
	url := conf.Console.URL
	if url == "" {
		return nil, keepsake.Errorf(keepsake.CodeInvalid, "%s: console.url: no console database is configured: set it, or KEEPSAKE_CONSOLE_URL", conf.Path())
	}
	if err := db.Migrate(a.ctx, url); err != nil {
		return nil, err
	}
	return db.Open(a.ctx, url)
}

type repoCommands struct {
	Rebuild rebuildCommand `cmd:"" help:"Fill the console database from what one provider holds."`
}

type rebuildCommand struct {
	Provider string `help:"The provider to read; otherwise all that answer." placeholder:"NAME"`
}

func (c *rebuildCommand) Run(a *app) error {
	s, err := a.openConsole()
	if err != nil {
		return err
	}
	defer s.db.Close()
	n, err := s.console.RebuildFromProvider(context.WithoutCancel(a.ctx), keepsake.System("command line"), c.Provider)
	if err != nil {
		return err
	}
	if a.cli.JSON {
		printJSON(a.io.out, map[string]int{"points": n})
	} else {
		a.printf("The console database knows %s recovery points now.\n", count(int64(n)))
	}
	return nil
}
