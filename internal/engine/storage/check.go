package storage

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"strings"
)

const (
	// probeSlots is how many names a check chooses from: few, so that a store without the right to delete keeps little, and
	// enough that two checks seldom meet.
	probeSlots = 8
	// probeText begins every object of a check.
	probeText = "Keepsake checks that this store takes and keeps objects. This one may be removed.\n"
	// probeTries is how often a check starts over because another one wrote under the same name.
	probeTries = 3
	// LargeProbeKey is where CheckLarge puts its object.
	LargeProbeKey = probeKey + "-large"
)

// Check proves that a provider can be written and read now: it puts a small object of random content, makes it durable, reads it back, compares
// it and deletes it. The right to delete is not needed; without it at most eight small objects stay, where List does not show
// them.
func Check(ctx context.Context, p Provider) error {
	for try := 1; ; try++ {
		body := []byte(probeText + rand.Text() + "\n")
		key := fmt.Sprintf("%s-%d", probeKey, int(body[len(body)-2])%probeSlots)
		there, err := putAndRead(ctx, p, key, body)
		switch {
		case err != nil:
			return err
		case bytes.Equal(there, body):
			_ = p.Delete(ctx, key) // a provider need not allow it
			return nil
		case try == probeTries || !strings.HasPrefix(string(there), probeText):
			return fmt.Errorf("read back what was put: %w", ErrChecksum)
		}
	}
}

// CheckLarge proves that a provider takes an object of that size, with content that cannot be compressed, and removes it where
// it may. A store may limit the size of objects far below what a backup writes.
func CheckLarge(ctx context.Context, p Provider, size int64) error {
	body := make([]byte, size)
	_, _ = rand.Read(body) // documented never to fail
	there, err := putAndRead(ctx, p, LargeProbeKey, body)
	if err != nil {
		return err
	}
	_ = p.Delete(ctx, LargeProbeKey)
	if !bytes.Equal(there, body) {
		return fmt.Errorf("read back what was put: %w", ErrChecksum)
	}
	return nil
}

func putAndRead(ctx context.Context, p Provider, key string, body []byte) ([]byte, error) {
	if err := p.Put(ctx, key, body, sha256.Sum256(body), true); err != nil {
		return nil, err
	}
	if err := p.Sync(ctx); err != nil { // a disk may take what it cannot keep
		return nil, err
	}
	return p.Get(ctx, key, int64(len(body))+int64(len(probeText)))
}
