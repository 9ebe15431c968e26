package operation

import (
	"sync"
	"time"
)

// Standing remembers for how long leases have not been renewed, by the clock of this process, which only runs forward.
// A lease is any text that is another one after each renewal. It is safe for concurrent use.
type Standing struct {
	// Most is how much of the time between two looks counts; 0: all. Whoever could not look cannot tell whether others
	// could renew.
	Most time.Duration
	// Now is the clock.
	Now func() time.Duration

	mu   sync.Mutex
	seen map[string]stand
}

type stand struct {
	lease  string
	still  time.Duration
	looked time.Duration
}

// NewStanding returns a Standing that has seen nothing.
func NewStanding(most time.Duration) *Standing {
	began := time.Now()
	return &Standing{Most: most, Now: func() time.Duration { return time.Since(began) }, seen: map[string]stand{}}
}

// Look takes note of a lease, and returns for how long it has been seen to stand still.
func (s *Standing) Look(name, lease string) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, now := s.seen[name], s.Now()
	next := stand{lease: lease, looked: now}
	if before.lease == lease {
		passed := now - before.looked
		if s.Most > 0 {
			passed = min(passed, s.Most)
		}
		next.still = before.still + passed
	}
	s.seen[name] = next
	return next.still
}

// Drop forgets a lease that has ended.
func (s *Standing) Drop(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.seen, name)
}

// Keep forgets all leases but those named.
func (s *Standing) Keep(names map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.seen {
		if !names[name] {
			delete(s.seen, name)
		}
	}
}
