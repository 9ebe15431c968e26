package replicas

import (
	"cmp"
	"time"

	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/storage"
)

// hurried is how long a provider may be silent where somebody waits for a page,
// a note or a restore into the live platform.
const hurried = 6 * time.Second

// attend puts the providers into the hands of one operation: one that hangs costs it a bounded time, once.
func (s *Set) attend(providers []Provider) []Provider {
	attended := make([]Provider, len(providers))
	for i, p := range providers {
		p.Store = storage.Attend(p.Store, min(hurried, s.silence()), func() { s.hung(p.Name) })
		attended[i] = p
	}
	return attended
}

// Awaited tells a tracker how long each provider has been waited for.
func (r *Repo) Awaited() []report.Awaited {
	var list []report.Awaited
	for _, p := range r.Providers {
		if a, ok := p.Store.(*storage.Attended); ok {
			list = append(list, report.Awaited{Provider: p.Name, Waiting: a.Waiting})
		}
	}
	return list
}

// InNoHurry lets providers be silent for as long as a backup, a verification, a repair or a restore can wait.
func (s *Set) InNoHurry(r *Repo) {
	for _, p := range r.Providers {
		if a, ok := p.Store.(*storage.Attended); ok {
			a.Allow(s.silence())
		}
	}
}

func (s *Set) silence() time.Duration { return cmp.Or(s.Silence, storage.DefaultSilence) }

func (s *Set) grace() time.Duration { return min(askGrace, s.silence()) }

// hung remembers that a provider hung, so that the next operation does not wait for it again as long.
func (s *Set) hung(provider string) {
	s.hungMu.Lock()
	defer s.hungMu.Unlock()
	if s.hungAt == nil {
		s.hungAt = map[string]time.Time{}
	}
	s.hungAt[provider] = time.Now()
}

func (s *Set) heardOf(provider string) {
	s.hungMu.Lock()
	defer s.hungMu.Unlock()
	delete(s.hungAt, provider)
}

func (s *Set) hungLately(provider string) bool {
	s.hungMu.Lock()
	defer s.hungMu.Unlock()
	at, found := s.hungAt[provider]
	return found && time.Since(at) < hungFor
}
