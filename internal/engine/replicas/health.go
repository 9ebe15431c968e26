package replicas

import (
	"context"
	"sync"

	"github.com/wedsync/keepsake/internal/engine/storage"
)

// ProviderHealth says how one provider answered just now.
type ProviderHealth struct {
	Name    string
	Error   string // why it is not used, in words; "" where it is the provider that is meant and does what was asked of it
	Written bool   // something was written there, read back and compared
}

// Health asks every provider at once who it is. Where write returns true for a provider, it also puts a small object
// there, reads it back, compares it, and removes it where the credentials allow that. It returns an error when there
// is no repository to compare with.
func (s *Set) Health(ctx context.Context, write func(provider string) bool) ([]ProviderHealth, error) {
	r, err := s.OpenToSeal(ctx, s.Providers)
	if err != nil {
		return nil, err
	}
	return r.Health(ctx, write), ctx.Err()
}

// Health looks at every provider. write says at which ones it also writes an object and reads it back.
func (r *Repo) Health(ctx context.Context, write func(provider string) bool) []ProviderHealth {
	found := make([]ProviderHealth, len(r.Providers))
	var wg sync.WaitGroup
	for i, p := range r.Providers {
		found[i].Name = p.Name
		err := r.Down[p.Name]
		if err == nil && !write(p.Name) {
			continue
		}
		wg.Go(func() {
			if err == nil {
				probe, cancel := context.WithTimeout(ctx, askTimeout)
				defer cancel()
				err = storage.Check(probe, p.Store)
				found[i].Written = err == nil
			}
			if err != nil {
				found[i].Error = Explain(err)
			}
		})
	}
	wg.Wait()
	return found
}
