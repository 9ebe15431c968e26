// Package engine takes snapshots of a platform database into a repository and restores them. It is the facade of the
// rooms below it, which know PostgreSQL, the repository format and storage providers. None of them touches the
// console database, HTTP or a terminal. A running operation tells its progress to a Reporter.
package engine

import (
	"runtime"
	"time"

	"github.com/wedsync/keepsake/internal/engine/check"
	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/engine/removal"
	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/restore"
	"github.com/wedsync/keepsake/internal/engine/scoped"
	"github.com/wedsync/keepsake/internal/engine/snapshot"
	"github.com/wedsync/keepsake/internal/engine/verify"
	"github.com/wedsync/keepsake/internal/engine/weddings"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Version is written into every manifest.
var Version = "1.0.0-dev"

// Options is what New needs to make an Engine. URLs are libpq connection strings and are never logged.
type Options struct {
	PlatformURL keepsake.Secret     // may be empty for verify, points and restore
	ConsoleURL  keepsake.Secret     // the console's own database: no restore goes there; may be empty
	Providers   []replicas.Provider // in order of preference for reading
	Key         repository.KeySource
	DataMap     keepsake.DataMap
	PGBin       string // directory of pg_dump and pg_restore; empty: the newest found
	// ManagedSchemas are created by the hosting service (Supabase: auth, storage and others). On a target that has them,
	// a restore brings only their rows.
	ManagedSchemas []string
	Silence        time.Duration // how long a provider may be silent before it counts as hung; 0: storage.DefaultSilence
	Workers        int           // parallel readers and writers; 0: one per core
	Now            func() time.Time
}

// Engine runs operations. It is safe for concurrent use. Between calls it keeps a few sessions for questions of
// pages, the names that were searched last, which providers hung lately, and nothing else.
type Engine struct {
	opts      Options
	replicas  *replicas.Set
	snapshots *snapshot.Taker
	verifier  *verify.Verifier
	restorer  *restore.Restorer
	scopes    *scoped.Restorer
	questions *platform.Questions
	weddings  *weddings.Finder
	checker   *check.Checker
	remover   *removal.Remover
}

// New returns an Engine. It opens nothing. Close ends what later calls open.
func New(opts Options) *Engine {
	if opts.Workers <= 0 {
		opts.Workers = max(2, runtime.GOMAXPROCS(0))
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	set := &replicas.Set{Providers: opts.Providers, Key: opts.Key, Silence: opts.Silence, Now: opts.Now}
	questions := platform.NewQuestions(opts.PlatformURL)
	return &Engine{
		opts:      opts,
		replicas:  set,
		questions: questions,
		weddings:  weddings.NewFinder(set, opts.DataMap, questions, opts.Now),
		snapshots: &snapshot.Taker{
			Replicas:       set,
			PlatformURL:    opts.PlatformURL,
			ManagedSchemas: opts.ManagedSchemas,
			DataMap:        opts.DataMap,
			PGBin:          opts.PGBin,
			Tool:           Version,
			Workers:        opts.Workers,
			Now:            opts.Now,
		},
		remover:  &removal.Remover{Replicas: set, Now: opts.Now},
		verifier: &verify.Verifier{Replicas: set, Workers: opts.Workers, Now: opts.Now},
		restorer: &restore.Restorer{
			Replicas:       set,
			PlatformURL:    opts.PlatformURL,
			ConsoleURL:     opts.ConsoleURL,
			ManagedSchemas: opts.ManagedSchemas,
			DataMap:        opts.DataMap,
			PGBin:          opts.PGBin,
			Workers:        opts.Workers,
			Now:            opts.Now,
		},
		checker: &check.Checker{
			Replicas:       set,
			PlatformURL:    opts.PlatformURL,
			ManagedSchemas: opts.ManagedSchemas,
			DataMap:        opts.DataMap,
			PGBin:          opts.PGBin,
			Questions:      questions,
			Now:            opts.Now,
		},
		scopes: &scoped.Restorer{
			Replicas:       set,
			PlatformURL:    opts.PlatformURL,
			ManagedSchemas: opts.ManagedSchemas,
			DataMap:        opts.DataMap,
			Now:            opts.Now,
		},
	}
}

// Close ends the sessions that are kept for questions. The engine must not be used afterwards.
func (e *Engine) Close() {
	e.weddings.Close()
	e.questions.Close()
}

// Providers returns the configured providers, the one to read from first.
func (e *Engine) Providers() []replicas.Provider { return e.opts.Providers }
