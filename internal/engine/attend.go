package engine

import (
	"cmp"
	"time"

	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/storage"
)

// hurried is how long a provider may be silent where somebody waits for a page, a note or a restore into the live platform.
const hurried = 6 * time.Second

// attend puts the providers into the hands of one operation: one that hangs costs it a bounded time, once.
func (e *Engine) attend(providers []Provider) []Provider {
	attended := make([]Provider, len(providers))
	for i, p := range providers {
		p.Store = storage.Attend(p.Store, min(hurried, e.silence()), func() { e.hung(p.Name) })
		attended[i] = p
	}
	return attended
}

// awaited tells a tracker how long each provider has been waited for.
func (r *repo) awaited() []report.Awaited {
	var list []report.Awaited
	for _, p := range r.providers {
		if a, ok := p.Store.(*storage.Attended); ok {
			list = append(list, report.Awaited{Provider: p.Name, Waiting: a.Waiting})
		}
	}
	return list
}

// inNoHurry allows the providers the silence that a backup, a verification, a repair or a restore has time for.
func (e *Engine) inNoHurry(r *repo) {
	for _, p := range r.providers {
		if a, ok := p.Store.(*storage.Attended); ok {
			a.Allow(e.silence())
		}
	}
}

func (e *Engine) silence() time.Duration { return cmp.Or(e.opts.Silence, storage.DefaultSilence) }

func (e *Engine) grace() time.Duration { return min(askGrace, e.silence()) }

// hung remembers that a provider hung, so that the next operation does not wait for it again as long.
func (e *Engine) hung(provider string) {
	e.hungMu.Lock()
	defer e.hungMu.Unlock()
	if e.hungAt == nil {
		e.hungAt = map[string]time.Time{}
	}
	e.hungAt[provider] = time.Now()
}

func (e *Engine) heardOf(provider string) {
	e.hungMu.Lock()
	defer e.hungMu.Unlock()
	delete(e.hungAt, provider)
}

func (e *Engine) hungLately(provider string) bool {
	e.hungMu.Lock()
	defer e.hungMu.Unlock()
	at, found := e.hungAt[provider]
	return found && time.Since(at) < hungFor
}
