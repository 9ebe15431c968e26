package storage

import (
	"context"
	"crypto/sha256"
	"fmt"
)

// Check proves that a provider can be written and read now: it puts a small object, reads it back and deletes it. The right to
// delete is not needed; without it the small object stays, where List does not show it.
func Check(ctx context.Context, p Provider) error {
	body := []byte(probeBody)
	if err := p.Put(ctx, probeKey, body, sha256.Sum256(body), true); err != nil {
		return err
	}
	there, err := p.Get(ctx, probeKey, int64(len(body)))
	if err != nil {
		return err
	}
	if string(there) != probeBody {
		return fmt.Errorf("read back what was put: %w", ErrChecksum)
	}
	_ = p.Delete(ctx, probeKey) // a provider need not allow it
	return nil
}
