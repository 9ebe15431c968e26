package storagetest

import (
	"context"
	"crypto/sha256"
	"sync"

	"github.com/wedsync/keepsake/internal/engine/storage"
)

// HangingProvider is a provider that hangs on demand. A hanging call waits until its context ends or LetGo is called.
type HangingProvider struct {
	p storage.Provider

	mu    sync.Mutex
	rule  func(verb, key string) bool
	after bool // the call is made, and its answer never comes
	freed chan struct{}
	hung  int
	over  int // of them, those that ended with their context
}

// Hanging wraps p. Until Hang is called, it behaves like p.
func Hanging(p storage.Provider) *HangingProvider {
	return &HangingProvider{p: p, freed: make(chan struct{})}
}

// Hang makes the calls hang that rule picks: before they reach the provider, or with afterwards once the provider has
// done them.
func (h *HangingProvider) Hang(afterwards bool, rule func(verb, key string) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rule, h.after = rule, afterwards
}

// LetGo lets all hanging calls go on, and ends the hanging.
func (h *HangingProvider) LetGo() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rule = nil
	close(h.freed)
	h.freed = make(chan struct{})
}

// Hung returns how many calls hung, and how many of them are over.
func (h *HangingProvider) Hung() (hung, over int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.hung, h.over
}

func (h *HangingProvider) do(ctx context.Context, verb, key string, op func() error) error {
	h.mu.Lock()
	hangs, after, freed := h.rule != nil && h.rule(verb, key), h.after, h.freed
	if hangs {
		h.hung++
	}
	h.mu.Unlock()
	if !hangs {
		return op()
	}
	var err error
	if after {
		err = op()
	}
	defer func() {
		h.mu.Lock()
		h.over++
		h.mu.Unlock()
	}()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-freed:
	}
	if after {
		return err
	}
	return op()
}

// Put implements storage.Provider.
func (h *HangingProvider) Put(ctx context.Context, key string, body []byte, sum [sha256.Size]byte, replace bool) error {
	return h.do(ctx, "put", key, func() error { return h.p.Put(ctx, key, body, sum, replace) })
}

// Get implements storage.Provider.
func (h *HangingProvider) Get(ctx context.Context, key string, limit int64) (body []byte, err error) {
	err = h.do(ctx, "get", key, func() (err error) { body, err = h.p.Get(ctx, key, limit); return err })
	return body, err
}

// Stat implements storage.Provider.
func (h *HangingProvider) Stat(ctx context.Context, key string) (o storage.Object, err error) {
	err = h.do(ctx, "stat", key, func() (err error) { o, err = h.p.Stat(ctx, key); return err })
	return o, err
}

// List implements storage.Provider.
func (h *HangingProvider) List(ctx context.Context, prefix string, fn func(storage.Object) error) error {
	return h.do(ctx, "list", prefix, func() error { return h.p.List(ctx, prefix, fn) })
}

// Delete implements storage.Provider.
func (h *HangingProvider) Delete(ctx context.Context, key string) error {
	return h.do(ctx, "delete", key, func() error { return h.p.Delete(ctx, key) })
}

// Sync implements storage.Provider.
func (h *HangingProvider) Sync(ctx context.Context) error {
	return h.do(ctx, "sync", "", func() error { return h.p.Sync(ctx) })
}

// MakePlace makes the place of the provider behind.
func (h *HangingProvider) MakePlace(ctx context.Context) error {
	return h.do(ctx, "make", "", func() error { return storage.MakePlace(ctx, h.p) })
}
