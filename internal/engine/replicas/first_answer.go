package replicas

import (
	"bytes"
	"context"

	"github.com/wedsync/keepsake/internal/engine/repository"
)

// What the first answers decide waits for no provider that hangs: the key, and whether something was ever noted.

// firstAnswer asks every provider at once and returns the first answer that counts.
func firstAnswer[T any](ctx context.Context, providers []Provider,
	ask func(ctx context.Context, p Provider) (T, bool)) (found T, ok bool) {
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

// keyring unlocks the repository as soon as enough of its headers came: the rest could not change which repository it
// is. The key may open another repository's header as well, so that the first one that opens decides nothing. Where
// none does, the error is that of open.
func (s *Set) keyring(ctx context.Context) (*repository.Keyring, error) {
	if s.WritesOnly() {
		return nil, repository.ErrWritesOnly()
	}
	r := newRepo(s.attend(s.Providers))
	answers := s.askPlaces(ctx, r.Providers, true, most)
	if ctx.Err() == nil && s.judgeHeaders(r, answers) == nil && r.Keys != nil {
		return r.Keys, nil
	}
	r, err := s.Open(ctx)
	if err != nil {
		return nil, err
	}
	return r.Keys, nil
}

// most reports whether more providers gave one and the same header than all others together could give of another one.
func most(answers []answer) bool {
	for _, a := range answers {
		same, others := 0, 0
		for _, b := range answers {
			switch {
			case b.headerErr != nil: // it has no say
			case b.header != nil && bytes.Equal(a.header, b.header):
				same++
			default:
				others++
			}
		}
		if same > others {
			return true
		}
	}
	return false
}

// HasNote reports whether any provider gives a note of the topic that opens.
func (s *Set) HasNote(ctx context.Context, topic string) bool {
	keys, err := s.keyring(ctx)
	if err != nil {
		return false
	}
	r := &Repo{Keys: keys}
	_, found := firstAnswer(ctx, s.attend(s.Providers), func(ctx context.Context, p Provider) (*Note, bool) {
		note, _, err := newestAt(ctx, r, p, topic)
		return note, err == nil && note != nil
	})
	return found
}
