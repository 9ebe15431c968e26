package main

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/jackc/pgerrcode"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/auth"
	"github.com/wedsync/keepsake/internal/config"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// The levels of a finding.
const (
	levelOK    = "ok"
	levelWarn  = "warn"
	levelError = "error"
)

type doctorCommand struct{}

func (c *doctorCommand) Run(a *app) error {
	e, conf, err := a.engine()
	if err != nil {
		return err
	}
	found := append([]engine.CheckFinding{}, e.CheckThoroughly(a.ctx)...)
	if err := a.ctx.Err(); err != nil {
		return err
	}
	found = append(found, a.checkFiles(conf)...)
	found = append(found, a.checkConsole(conf)...)
	found = append(found, a.checkSupabase(conf)...)
	found = append(found, a.checkAlerts(conf)...)
	failed := false
	for _, f := range found {
		failed = failed || f.Level == levelError
	}
	if a.cli.JSON {
		printJSON(a.io.out, found)
	} else {
		for _, f := range found {
			a.printFinding(f)
		}
	}
	if failed {
		return errExit(exitFailed)
	}
	return nil
}

func (a *app) printFinding(f engine.CheckFinding) {
	line := fmt.Sprintf("%-6s %-20s %s", f.Level, f.Area, f.Words())
	a.printf("%s\n", strings.Join(strings.Split(line, "\n"), " "))
}

// checkFiles warns of a key and of a configuration that other accounts of this machine can read or change. A
// configuration may be read by its group: the account that Keepsake runs as need not own it.
func (a *app) checkFiles(conf *config.Config) (found []engine.CheckFinding) {
	look := func(area, name, path string, others, want os.FileMode) {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm()&others == 0 {
			return
		}
		found = append(found, engine.CheckFinding{
			Area:    area,
			Level:   levelWarn,
			Message: fmt.Sprintf("Other accounts of this machine may read or change %s (mode %04o)", name, info.Mode().Perm()),
			Action:  fmt.Sprintf("Run chmod %o %s", want, name),
		})
	}
	if conf.Key.File != "" && !conf.HasKey() {
		look("key", conf.Key.File, conf.Resolve(conf.Key.File), 0o077, 0o600)
	}
	look("configuration", conf.Path(), conf.Path(), 0o027, 0o640)
	return found
}

// checkConsole looks at the console's side of the configuration, if there is one.
func (a *app) checkConsole(conf *config.Config) []engine.CheckFinding {
	const area = "console"
	if conf.Console.URL == "" {
		return nil
	}
	found := checkServer(conf)
	d, err := db.Open(a.ctx, conf.Console.URL)
	if err != nil {
		return append(found, engine.CheckFinding{
			Area:    area,
			Level:   levelError,
			Message: keepsake.MessageOf(explainConsole(err)),
		})
	}
	defer d.Close()
	if d.OwnsTables() {
		found = append(found, engine.CheckFinding{
			Area:  area,
			Level: levelWarn,
			Message: "The role of console.url owns the console's tables, so whoever steals its password could switch " +
				"row-level security off",
			Action: "Give the tables an owner of their own with console.owner_url, as keepsake.example.yaml shows",
		})
	}
	accounts, err := auth.CountAccounts(a.ctx, d)
	switch {
	case db.IsState(err, pgerrcode.UndefinedTable):
		return append(found, engine.CheckFinding{
			Area:    area,
			Level:   levelOK,
			Message: "Its database answers and is empty; keepsake serve sets it up",
		})
	case err != nil:
		return append(found, engine.CheckFinding{Area: area, Level: levelError, Message: "Its database cannot be read. " +
			keepsake.Sentence(keepsake.MessageOf(err))})
	case accounts == 0:
		return append(found, engine.CheckFinding{
			Area:    area,
			Level:   levelWarn,
			Message: "Nobody can sign in",
			Action:  "Run keepsake admin create --email ADDRESS",
		})
	}
	if err := d.CheckVersion(a.ctx); err != nil {
		return append(found, engine.CheckFinding{Area: area, Level: levelError, Message: keepsake.MessageOf(err)})
	}
	found = append(found, engine.CheckFinding{Area: area, Level: levelOK, Message: "Its database answers; " +
		some(accounts, "account") + " can sign in"})
	return append(found, a.checkFailing(conf, d)...)
}

// checkFailing names the configured providers that failed in what the console knows of last, such as a backup a minute
// ago: that they answer now does not bring them the copy that they lack.
func (a *app) checkFailing(conf *config.Config, d *db.DB) (found []engine.CheckFinding) {
	failing, err := console.FailingProviders(a.ctx, d, conf.Platform.Name)
	if err != nil {
		return []engine.CheckFinding{{
			Area:    "console",
			Level:   levelError,
			Message: "How the providers stood last cannot be read. " + keepsake.Sentence(keepsake.MessageOf(err)),
		}}
	}
	for _, p := range conf.Providers {
		if why := failing[p.Name]; why != "" {
			found = append(found, engine.CheckFinding{
				Area:    "provider " + p.Name,
				Level:   levelWarn,
				Message: "It failed when it was used last. " + keepsake.Sentence(why),
				Action:  "When it answers, run keepsake repair",
			})
		}
	}
	return found
}

// checkServer warns of a console that others can reach without encryption, and of one that cannot tell that they come
// by https.
func checkServer(conf *config.Config) []engine.CheckFinding {
	const area = "console"
	if conf.ByTLS() && conf.Server.TLSCertificate == "" && len(conf.Server.TrustedProxies) == 0 {
		return []engine.CheckFinding{{
			Area:  area,
			Level: levelWarn,
			Message: "server.base_url says https, and no proxy that ends TLS is " +
				"trusted, so cookies are not marked Secure and every address on record is the proxy's",
			Action: "Name the proxy's address in server.trusted_proxies, and let it send X-Forwarded-Proto and X-Forwarded-For",
		}}
	}
	host, _, _ := net.SplitHostPort(conf.Server.Address)
	addr, err := netip.ParseAddr(host)
	local := host == "localhost" || err == nil && addr.IsLoopback()
	if local || conf.Server.TLSCertificate != "" || conf.ByTLS() {
		return nil
	}
	return []engine.CheckFinding{{
		Area:    area,
		Level:   levelWarn,
		Message: "It listens on " + conf.Server.Address + " without TLS, so passwords can be read on the network",
		Action:  "Set server.tls_certificate and server.tls_key, or listen on 127.0.0.1 behind a proxy that ends TLS",
	}}
}
