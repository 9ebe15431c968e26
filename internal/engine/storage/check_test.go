package storage_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"testing"

	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/engine/storage/storagetest"
)

// twoChecks is a store on which another check is at the same place at the same moment, once.
type twoChecks struct {
	storage.Provider
	meet func(p storage.Provider, key string, body []byte) error
	met  bool
}

func (c *twoChecks) Put(ctx context.Context, key string, body []byte, sum [sha256.Size]byte, replace bool) error {
	if err := c.Provider.Put(ctx, key, body, sum, replace); err != nil || c.met {
		return err
	}
	c.met = true
	return c.meet(c.Provider, key, body)
}

// TestTwoChecksAtOnce: a healthy store is not said to hold other bytes because two people ask for its health at once.
func TestTwoChecksAtOnce(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	for what, meet := range map[string]func(p storage.Provider, key string, body []byte) error{
		"the other one writes": func(p storage.Provider, key string, body []byte) error {
			theirs := bytes.Clone(body)
			theirs[len(theirs)-1] ^= 1
			return p.Put(ctx, key, theirs, sha256.Sum256(theirs), true)
		},
		"the other one is done": func(p storage.Provider, key string, _ []byte) error { return p.Delete(ctx, key) },
	} {
		for size, check := range map[string]func(p storage.Provider) error{
			"small": func(p storage.Provider) error { return storage.Check(ctx, p) },
			"large": func(p storage.Provider) error { return storage.CheckLarge(ctx, p, 1<<20) },
		} {
			p := &twoChecks{Provider: storagetest.NewMem(), meet: meet}
			if err := check(p); err != nil || !p.met {
				t.Errorf("%s, %s: %v", size, what, err)
			}
		}
	}
}

// TestAStoreThatKeepsOtherBytesIsFoundOut: what is there is no other check's.
func TestAStoreThatKeepsOtherBytesIsFoundOut(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	p := &twoChecks{Provider: storagetest.NewMem(), meet: func(p storage.Provider, key string, body []byte) error {
		odd := bytes.Clone(body)
		slices.Reverse(odd)
		return p.Put(ctx, key, odd, sha256.Sum256(odd), true)
	}}
	if err := storage.CheckLarge(ctx, p, 1<<20); !errors.Is(err, storage.ErrChecksum) {
		t.Errorf("%v, want %v", err, storage.ErrChecksum)
	}
}
