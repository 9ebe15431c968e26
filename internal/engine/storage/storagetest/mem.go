package storagetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/wedsync/keepsake/internal/engine/storage"
)

// Mem keeps objects in memory.
type Mem struct {
	mu      sync.RWMutex
	objects map[string][]byte
}

// NewMem returns an empty store.
func NewMem() *Mem { return &Mem{objects: map[string][]byte{}} }

// Put implements Provider.
func (m *Mem) Put(ctx context.Context, key string, body []byte, sum [sha256.Size]byte, replace bool) error {
	if err := storage.CheckPut(ctx, key, body, sum); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, there := m.objects[key]; there && !replace {
		return fmt.Errorf("put %s: %w", key, storage.ErrExists)
	}
	m.objects[key] = bytes.Clone(body)
	return nil
}

// Get implements Provider.
func (m *Mem) Get(ctx context.Context, key string, limit int64) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	body, there := m.objects[key]
	if !there {
		return nil, fmt.Errorf("read %s: %w", key, storage.ErrNotFound)
	}
	if int64(len(body)) > limit {
		return nil, fmt.Errorf("read %s: more than the expected %d bytes: %w", key, limit, storage.ErrTooLarge)
	}
	return append([]byte{}, body...), nil
}

// Stat implements Provider.
func (m *Mem) Stat(ctx context.Context, key string) (storage.Object, error) {
	if err := ctx.Err(); err != nil {
		return storage.Object{}, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	body, there := m.objects[key]
	if !there {
		return storage.Object{}, fmt.Errorf("look up %s: %w", key, storage.ErrNotFound)
	}
	return storage.Object{Key: key, Size: int64(len(body))}, nil
}

// List implements Provider.
func (m *Mem) List(ctx context.Context, prefix string, fn func(storage.Object) error) error {
	m.mu.RLock()
	var found []storage.Object
	for _, key := range slices.Sorted(maps.Keys(m.objects)) {
		if strings.HasPrefix(key, prefix) && !storage.IsProbe(key) {
			found = append(found, storage.Object{Key: key, Size: int64(len(m.objects[key]))})
		}
	}
	m.mu.RUnlock() // fn may call back
	for _, o := range found {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fn(o); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Delete implements Provider.
func (m *Mem) Delete(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, key)
	return nil
}

// Sync implements Provider. Memory survives nothing, so it does nothing.
func (m *Mem) Sync(ctx context.Context) error { return ctx.Err() }
