package replicas

import (
	"context"

	"github.com/wedsync/keepsake/internal/engine/repository"
)

// What the first answer of any provider decides waits for no provider that hangs: the key, and whether something was ever noted.

// firstAnswer asks every provider at once and returns the first answer that counts.
func firstAnswer[T any](ctx context.Context, providers []Provider, ask func(ctx context.Context, p Provider) (T, bool)) (found T, ok bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type reply struct {
		answer T
		counts bool
	}
	replies := make(chan reply, len(providers))
	for _, p := range providers {
		go func() {
			answer, counts := ask(ctx, p)
			replies <- reply{answer, counts}
		}()
	}
	for range providers {
		select {
		case r := <-replies:
			if r.counts {
				return r.answer, true
			}
		case <-ctx.Done():
			return found, false
		}
	}
	return found, false
}

// keyring unlocks the repository with the first header that opens. Where none does, the error is that of open.
func (s *Set) keyring(ctx context.Context) (*repository.Keyring, error) {
	if s.WritesOnly() {
		return nil, repository.ErrWritesOnly()
	}
	unlocking := make(chan struct{}, 1) // one at a time: a passphrase takes memory
	keys, found := firstAnswer(ctx, s.attend(s.Providers), func(ctx context.Context, p Provider) (*repository.Keyring, bool) {
		raw, err := p.Store.Get(ctx, repository.HeaderKey, repository.MaxHeaderSize)
		if err != nil {
			return nil, false
		}
		h, err := repository.ParseHeader(raw)
		if err != nil {
			return nil, false
		}
		unlocking <- struct{}{}
		defer func() { <-unlocking }()
		if ctx.Err() != nil { // another one was faster
			return nil, false
		}
		k, err := h.Unlock(s.Key)
		return k, err == nil
	})
	if found {
		return keys, nil
	}
	r, err := s.Open(ctx)
	if err != nil {
		return nil, err
	}
	return r.Keys, nil
}

// HasNote reports whether any provider gives a note of the topic that opens.
func (s *Set) HasNote(ctx context.Context, topic string) bool {
	keys, err := s.keyring(ctx)
	if err != nil {
		return false
	}
	r := &Repo{Keys: keys}
	_, found := firstAnswer(ctx, s.attend(s.Providers), func(ctx context.Context, p Provider) (*Note, bool) {
		note, err := newestAt(ctx, r, p, topic)
		return note, err == nil && note != nil
	})
	return found
}
