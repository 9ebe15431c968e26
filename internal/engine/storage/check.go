package storage

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
)

const (
	// probeSlots is how many names a check chooses from: few, so that a store without the right to delete keeps little,
	// and enough that two checks seldom meet.
	probeSlots = 8
	// probeText begins every object of a check.
	probeText = "Keepsake checks that this store takes and keeps objects. This one may be removed.\n"
	// probeTries is how often a check starts over because another one wrote under the same name.
	probeTries = 5
	// largeProbeKey begins the names of what CheckLarge puts, and largeProbeSlots is how many there are.
	largeProbeKey   = probeKey + "-large"
	largeProbeSlots = 4
)

// Check proves that a provider can be written and read now. It puts a small object of random content, makes it
// durable, reads it back, compares it and deletes it. It needs no right to delete. Without that right at most eight
// small objects stay, and List does not show them.
func Check(ctx context.Context, p Provider) error { return check(ctx, p, probeKey, probeSlots, 0) }

// CheckLarge proves that a provider takes an object of that size, with content that cannot be compressed, because a
// store may limit the size of objects far below what a backup writes. It removes the object. Without the right to
// delete at most four such objects stay.
func CheckLarge(ctx context.Context, p Provider, size int64) error {
	return check(ctx, p, largeProbeKey, largeProbeSlots, size)
}

// check puts an object of at least that size and starts over where another check wrote or removed one under the same
// name meanwhile.
func check(ctx context.Context, p Provider, name string, slots int, size int64) error {
	for try := 1; ; try++ {
		body := []byte(probeText + rand.Text() + "\n")
		slot := int(body[len(body)-2]) % slots
		if missing := size - int64(len(body)); missing > 0 {
			random := make([]byte, missing)
			_, _ = rand.Read(random) // documented never to fail
			body = append(body, random...)
		}
		key := fmt.Sprintf("%s-%d", name, slot)
		there, err := putAndRead(ctx, p, key, body)
		switch {
		case errors.Is(err, ErrNotFound) && try < probeTries:
		case err != nil:
			return err
		case bytes.Equal(there, body):
			_ = p.Delete(ctx, key) // a provider need not allow it
			return nil
		case try == probeTries || !bytes.HasPrefix(there, []byte(probeText)):
			return fmt.Errorf("read back what was put: %w", ErrChecksum)
		}
	}
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
