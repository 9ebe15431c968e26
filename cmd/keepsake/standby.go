package main

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgerrcode"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/auth"
	"github.com/wedsync/keepsake/internal/config"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/web"
)

const (
	// pingEvery and pingTime say how soon a console database that is away is noticed, and one that is back.
	pingEvery = 2 * time.Second
	pingTime  = 3 * time.Second
	// strikes is how often in a row it must not answer before the pages change.
	strikes = 2
)

// errStandby is why a console on standby is not ready.
var errStandby = keepsake.Errorf(keepsake.CodeUnavailable,
	"the console database does not answer; weddings can be read, nothing "+
		"can be started")

// accessTopic is the note that holds who may sign in without the console database.
const accessTopic = "access"

// accessKeeper stores in the repository who may sign in without the console database.
type accessKeeper struct {
	db       *db.DB
	engine   *engine.Engine
	platform string
	log      *slog.Logger

	mu      sync.Mutex
	missing []string // the providers that had not got it the last time
}

func (a *app) accessKeeper(d *db.DB, e *engine.Engine, platform string) *accessKeeper {
	return &accessKeeper{db: d, engine: e, platform: platform, log: a.logger(slog.LevelInfo)}
}

func (k *accessKeeper) keep(ctx context.Context) error {
	plain, err := auth.Verifiers(ctx, k.db, k.platform)
	if err != nil {
		return err
	}
	kept, err := k.engine.KeepNote(ctx, accessTopic, plain)
	if err != nil {
		return err
	}
	missing := slices.Sorted(maps.Keys(kept.Missing))
	k.mu.Lock()
	changed := !slices.Equal(missing, k.missing)
	k.missing = missing
	k.mu.Unlock()
	if changed { // said once, and not every minute: the provider's own state says what is wrong with it
		k.log.InfoContext(ctx, "who may sign in without the console database is kept in the repository",
			"where", kept.String())
	}
	return nil
}

// sessions are who may sign in: with the repository's key for the secrets of authenticators, and telling the repository
// when they change.
func (a *app) sessions(k *accessKeeper) *auth.Sessions {
	return auth.NewSessions(k.db, nil).WithVault(k.engine.Vault()).WithTelling(func(ctx context.Context) {
		if err := k.keep(ctx); err != nil {
			k.log.WarnContext(ctx, "the repository could not be told of a changed second step; the worker tries again",
				"err", err)
		}
	})
}

// switcher answers with the pages that work now.
type switcher struct{ current atomic.Pointer[http.Handler] }

func (s *switcher) use(h http.Handler) { s.current.Store(&h) }

func (s *switcher) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	(*s.current.Load()).ServeHTTP(w, r)
}

// standby makes the pages for the time while the console database is away.
func (a *app) standby(ctx context.Context, e *engine.Engine, conf *config.Config) (http.Handler, error) {
	secret, err := e.StandbySecret(ctx)
	if err != nil {
		return nil, err
	}
	log := a.logger(slog.LevelInfo)
	read := func(ctx context.Context) ([]byte, error) { return e.ReadNote(ctx, accessTopic) }
	//nolint:contextcheck // each request has its own context
	return web.NewStandby(web.Deps{
		Auth:           auth.NewStandby(secret, read, e.Vault(), log),
		Logger:         log,
		SessionSecret:  secret,
		TrustedProxies: conf.TrustedProxies(),
		Version:        engine.Version,
		Ready:          func(context.Context) error { return errStandby },
		ByTLS:          conf.ByTLS(),
	},
		console.NewStandby(e, log))
}

// watch changes between the pages as the console database comes and goes, until ctx ends.
func (a *app) watch(ctx context.Context, s *services, pages *switcher) error {
	log := a.logger(slog.LevelInfo)
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	missed, away := 0, false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		asking, cancel := context.WithTimeout(ctx, pingTime)
		err := s.db.Ping(asking)
		cancel()
		switch {
		case err == nil && away:
			pages.use(s.pages)
			missed, away = 0, false
			log.InfoContext(ctx, "the console database answers again; all pages are back")
		case err == nil:
			missed = 0
		case ctx.Err() == nil && !away:
			if missed++; missed < strikes {
				continue
			}
			standby, failed := a.standby(ctx, s.engine, s.config)
			if failed != nil {
				log.ErrorContext(ctx, "the console database does not answer, and no provider does either", "err", failed)
				continue
			}
			pages.use(standby)
			away = true
			log.WarnContext(ctx, "the console database does not answer; weddings can be read straight from the providers",
				"err", keepsake.MessageOf(err))
		}
	}
}

// isAway reports whether err says that the console database is away, or lost: it is not there, or lets nobody in,
// although people have signed in here before. What they need on such a day works without it. A console that nobody has
// used yet is being set up, and its mistakes are said at once.
func (a *app) isAway(e *engine.Engine, err error) bool {
	if err == nil || keepsake.CodeOf(err) == keepsake.CodeUnavailable {
		return err != nil
	}
	if !db.IsState(err, pgerrcode.InvalidCatalogName) && !db.IsState(err, pgerrcode.InvalidPassword) &&
		!db.IsState(err, pgerrcode.InvalidAuthorizationSpecification) {
		return false
	}
	return e.HasNote(a.ctx, accessTopic)
}

// awaitConsole opens the console as soon as that is possible. Whatever is in the way meanwhile ends no page that helps
// without it: it is logged, once.
func (a *app) awaitConsole(ctx context.Context, e *engine.Engine, conf *config.Config) (*services, error) {
	said := ""
	for {
		select {
		case <-time.After(pingEvery):
		case <-ctx.Done():
			return nil, nil //nolint:nilnil // it is over
		}
		s, err := a.openConsoleOver(e, conf)
		if err == nil {
			return s, nil
		}
		if why := keepsake.MessageOf(err); why != said && ctx.Err() == nil {
			a.logger(slog.LevelInfo).WarnContext(ctx, "the console cannot be opened yet; it is tried again", "err", why)
			said = why
		}
	}
}
