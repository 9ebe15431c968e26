package replicas

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/internal/engine/storage"
)

// What is written to every provider, and what is read from the first with a sound copy, goes through this file: none of
// them waits longer for a provider that hangs than the others' answers are worth.

// hedgeAfter is how long the first provider is waited for before the next one is asked as well, on top of three times
// what the object takes at the throughput that was measured.
const hedgeAfter = 3 * time.Second

// hedgeSpeed stands in for a throughput that was not measured yet, in bytes a second.
const hedgeSpeed = 1 << 20

// hedge is how long p may take for an object before another provider is asked as well.
func hedge(p Provider, size int64) time.Duration {
	speed := storage.Speed(p.Store)
	if speed == 0 {
		speed = hedgeSpeed
	}
	return hedgeAfter + time.Duration(3*float64(size)/speed*float64(time.Second))
}

// FirstSound is a question for one provider after the other until an answer is sound.
type FirstSound[T any] struct {
	What string // in words: "chunks"
	size int64  // of the answer, in bytes; 0: small
	Ask  func(ctx context.Context, p Provider) (T, error)
	// Sound looks at an answer and returns what is wrong with it, or nil. The caller's goroutine calls Sound and Failed,
	// one call at a time.
	Sound  func(p Provider, answer T) error
	Failed func(p Provider, err error) // nil: nobody wants to know
}

// Read asks the providers in their order. It asks the next one when an answer is bad or late, and reports whether a
// sound answer came. A provider that was late, and that another one's answer has overtaken, has failed with a
// storage.SilentError.
func (q FirstSound[T]) Read(ctx context.Context, providers []Provider) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type reply struct {
		p      Provider
		answer T
		err    error
	}
	replies := make(chan reply, len(providers))
	late := time.NewTimer(time.Hour)
	defer late.Stop()
	next, waiting := 0, map[string]time.Time{}
	ask := func() {
		if next == len(providers) {
			return
		}
		p := providers[next]
		next++
		waiting[p.Name] = time.Now()
		late.Reset(hedge(p, q.size))
		go func() {
			answer, err := q.Ask(ctx, p)
			replies <- reply{p, answer, err}
		}()
	}
	ask()
	for len(waiting) > 0 {
		select {
		case <-late.C:
			ask()
		case r := <-replies:
			delete(waiting, r.p.Name)
			err := r.err
			if err == nil {
				err = q.Sound(r.p, r.answer)
			}
			if err == nil {
				q.late(providers, waiting)
				return true
			}
			if ctx.Err() != nil {
				return false
			}
			q.fail(r.p, err)
			ask()
		case <-ctx.Done():
			return false
		}
	}
	return false
}

// late tells of those that were asked before the one whose answer came.
func (q FirstSound[T]) late(providers []Provider, waiting map[string]time.Time) {
	for _, p := range providers {
		if since, found := waiting[p.Name]; found && time.Since(since) >= hedge(p, q.size) {
			q.fail(p, &storage.SilentError{For: time.Since(since), Doing: "it was to give " + q.What})
		}
	}
}

func (q FirstSound[T]) fail(p Provider, err error) {
	if q.Failed != nil {
		q.Failed(p, err)
	}
}

// Enough is the number of providers at which an object must be durable: at two, so that it outlives the loss of one,
// or at each that takes it where those are fewer.
const Enough = 2

// stragglers is how long the other providers are waited for once enough have an object.
const stragglers = 3 * time.Second

// PutEverywhere stores an object durably at all the providers at once, and replaces one that is there. It returns
// when each provider has answered, or when enough have the object and the others have had a little longer. It returns
// the providers that have the object, and for each other one why it has not.
func PutEverywhere(ctx context.Context, providers []Provider, key string, body []byte) (at []string,
	failed map[string]error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type reply struct {
		p   Provider
		err error
	}
	sum := sha256.Sum256(body)
	replies := make(chan reply, len(providers))
	failed = map[string]error{}
	started := time.Now()
	for _, p := range providers {
		failed[p.Name] = &storage.SilentError{Doing: "it was to store " + key}
		go func() {
			err := p.Store.Put(ctx, key, body, sum, true)
			if err == nil {
				err = p.Store.Sync(ctx)
			}
			replies <- reply{p, err}
		}()
	}
	took := map[string]bool{}
	var late <-chan time.Time
	for range providers {
		select {
		case r := <-replies:
			failed[r.p.Name] = r.err
			if r.err == nil {
				delete(failed, r.p.Name)
				took[r.p.Name] = true
			}
			if len(took) >= Enough && late == nil {
				late = time.After(stragglers + time.Since(started))
			}
			continue
		case <-late:
		case <-ctx.Done():
		}
		break
	}
	for _, err := range failed {
		if silent := (*storage.SilentError)(nil); errors.As(err, &silent) && silent.For == 0 {
			silent.For = time.Since(started)
		}
	}
	for _, p := range providers {
		if took[p.Name] {
			at = append(at, p.Name)
		}
	}
	return at, failed
}

// Joined returns one error for all that kept providers from taking an object, or nil where nothing did.
func Joined(failed map[string]error) error {
	var all []error
	for name, err := range failed {
		all = append(all, fmt.Errorf("provider %s: %w", name, err))
	}
	return errors.Join(all...)
}

// ListEverywhere lists what lies below a prefix at all the providers at once. It returns which providers have each
// object that is wanted, the preferred one first, and why each other provider could not be asked.
func ListEverywhere(ctx context.Context, providers []Provider, prefix string, wanted func(key string) bool) (
	places map[string][]Provider, failed map[string]error) {
	lists := map[string][]string{}
	failed = eachListed(ctx, providers, prefix, func(p Provider, key string) {
		if wanted(key) {
			lists[p.Name] = append(lists[p.Name], key)
		}
	})
	places = map[string][]Provider{}
	for _, p := range providers {
		if failed[p.Name] != nil {
			continue
		}
		for _, key := range lists[p.Name] {
			places[key] = append(places[key], p)
		}
	}
	return places, failed
}

// eachListed lists what lies below a prefix at all the providers at once. It calls fn for each object, one call at a
// time, and returns why a provider's list could not be read to its end.
func eachListed(ctx context.Context, providers []Provider, prefix string, fn func(p Provider, key string)) (
	failed map[string]error) {
	failed = map[string]error{}
	var mu sync.Mutex
	var g errgroup.Group
	for _, p := range providers {
		g.Go(func() error {
			err := p.Store.List(ctx, prefix, func(o storage.Object) error {
				mu.Lock()
				defer mu.Unlock()
				fn(p, o.Key)
				return nil
			})
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed[p.Name] = err
			}
			return nil
		})
	}
	_ = g.Wait()
	return failed
}
