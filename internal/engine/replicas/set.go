package replicas

import (
	"context"
	"sync"
	"time"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Provider is one configured storage target with the facts that the 3-2-1 rule needs.
type Provider struct {
	Name    string
	Medium  string // "disk", "s3", "supabase", "gcs", …
	Region  string
	Offsite bool
	Store   storage.Provider
}

// Set is the configured providers and the key of the repository that they hold. It is safe for concurrent use.
// Between calls it keeps which providers hung lately, which lack a note, and removal lists, and nothing else.
type Set struct {
	Providers []Provider // in order of preference for reading
	Key       repository.KeySource
	Silence   time.Duration // how long a provider may be silent before it counts as hung; 0: storage.DefaultSilence
	Now       func() time.Time

	hungMu sync.Mutex
	hungAt map[string]time.Time // providers that hung, and when

	outagesMu sync.Mutex
	outages   map[string]outage // by topic, of the notes that some provider has not got

	removals removalCache
}

// WritesOnly reports whether the engine's key is a writer's: it takes backups and can do nothing else.
func (s *Set) WritesOnly() bool { return s.Key.WritesOnly() }

// WriterKey returns the key with which another machine backs up into the repository and reads nothing of it.
func (s *Set) WriterKey(ctx context.Context) (keepsake.Secret, error) {
	r, err := s.Open(ctx)
	if err != nil {
		return "", err
	}
	return r.Keys.WriterKey()
}
