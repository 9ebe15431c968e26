package storagetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"

	"github.com/wedsync/keepsake/internal/engine/storage"
)

// ErrDown is what every operation of a provider that is down returns.
var ErrDown = errors.New("the provider is down (made so by a test)")

// FaultyProvider is a provider that fails on demand. Its setters may be called at any time.
type FaultyProvider struct {
	p storage.Provider

	mu      sync.Mutex
	down    bool
	failPut func(key string) error
	failGet func(key string) error
	corrupt func(key string, body []byte) []byte
	gate    <-chan struct{}
	puts    map[string]int
}

// Faulty wraps p. Until a setter is called, it behaves like p.
func Faulty(p storage.Provider) *FaultyProvider {
	return &FaultyProvider{p: p, puts: map[string]int{}}
}

// FailPut makes every Put return err without storing anything; nil ends it.
func (f *FaultyProvider) FailPut(err error) { f.FailPutOf(always(err)) }

// FailPutOf makes a Put return what fn returns for its key, unless that is nil.
func (f *FaultyProvider) FailPutOf(fn func(key string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failPut = fn
}

// FailGet makes every Get return err; nil ends it.
func (f *FaultyProvider) FailGet(err error) { f.FailGetOf(always(err)) }

// FailGetOf makes a Get return what fn returns for its key, unless that is nil.
func (f *FaultyProvider) FailGetOf(fn func(key string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failGet = fn
}

func always(err error) func(string) error {
	if err == nil {
		return nil
	}
	return func(string) error { return err }
}

// CorruptGet passes what Get read through fn, which may change, cut or replace it; nil ends it. Stat and List still
// tell the truth.
func (f *FaultyProvider) CorruptGet(fn func(key string, body []byte) []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.corrupt = fn
}

// Down makes every operation fail with ErrDown.
func (f *FaultyProvider) Down(down bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = down
}

// Delay makes every operation wait until it can receive from gate or its context ends; nil ends it. A value on gate
// lets one operation go on, and closing gate lets all go on.
func (f *FaultyProvider) Delay(gate <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gate = gate
}

// Puts returns how many Puts of key reached the provider behind, or with "" those of all keys.
func (f *FaultyProvider) Puts(key string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if key != "" {
		return f.puts[key]
	}
	sum := 0
	for _, n := range f.puts {
		sum += n
	}
	return sum
}

// enter is what every operation passes first.
func (f *FaultyProvider) enter(ctx context.Context) error {
	f.mu.Lock()
	gate := f.gate
	f.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return ErrDown
	}
	return nil
}

// Put implements storage.Provider.
func (f *FaultyProvider) Put(ctx context.Context, key string, body []byte, sum [sha256.Size]byte, replace bool) error {
	if err := f.enter(ctx); err != nil {
		return err
	}
	f.mu.Lock()
	fail := f.failPut
	f.mu.Unlock()
	if fail != nil {
		if err := fail(key); err != nil {
			return err
		}
	}
	f.mu.Lock()
	f.puts[key]++
	f.mu.Unlock()
	return f.p.Put(ctx, key, body, sum, replace)
}

// Get implements storage.Provider.
func (f *FaultyProvider) Get(ctx context.Context, key string, limit int64) ([]byte, error) {
	if err := f.enter(ctx); err != nil {
		return nil, err
	}
	f.mu.Lock()
	fail, corrupt := f.failGet, f.corrupt
	f.mu.Unlock()
	if fail != nil {
		if err := fail(key); err != nil {
			return nil, err
		}
	}
	body, err := f.p.Get(ctx, key, limit)
	if err == nil && corrupt != nil {
		body = corrupt(key, body)
	}
	return body, err
}

// Stat implements storage.Provider.
func (f *FaultyProvider) Stat(ctx context.Context, key string) (storage.Object, error) {
	if err := f.enter(ctx); err != nil {
		return storage.Object{}, err
	}
	return f.p.Stat(ctx, key)
}

// List implements storage.Provider.
func (f *FaultyProvider) List(ctx context.Context, prefix string, fn func(storage.Object) error) error {
	if err := f.enter(ctx); err != nil {
		return err
	}
	return f.p.List(ctx, prefix, fn)
}

// Delete implements storage.Provider.
func (f *FaultyProvider) Delete(ctx context.Context, key string) error {
	if err := f.enter(ctx); err != nil {
		return err
	}
	return f.p.Delete(ctx, key)
}

// Sync implements storage.Provider.
func (f *FaultyProvider) Sync(ctx context.Context) error {
	if err := f.enter(ctx); err != nil {
		return err
	}
	return f.p.Sync(ctx)
}

// MakePlace makes the place of the provider behind.
func (f *FaultyProvider) MakePlace(ctx context.Context) error {
	if err := f.enter(ctx); err != nil {
		return err
	}
	return storage.MakePlace(ctx, f.p)
}
