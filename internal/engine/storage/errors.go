package storage

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
)

// ErrTooLarge is what Get returns, wrapped, for an object that is larger than its limit.
var ErrTooLarge = errors.New("the object is larger than it may be")

// errBadKey marks a key that checkKey refuses.
var errBadKey = errors.New("not an object key")

// probeKey is where this package tries out what a store does. List never shows it; a store without the right to delete
// keeps it.
const probeKey = "keepsake-probe"

// IsProbe reports whether this package uses the key to try what a store does.
func IsProbe(key string) bool { return key == probeKey || strings.HasPrefix(key, probeKey+"-") }

// probeBody is always the same, so that two processes that try a store at once do not disturb each other.
const probeBody = "Keepsake tries what this store does. This object may be removed.\n"

const (
	maxKey     = 900 // bytes; S3 and GCS allow 1,024, a prefix may come before it
	maxSegment = 200 // bytes; file systems allow 255, and stores on top of them need some for themselves
)

// checkKey refuses keys that some provider could not keep exactly: they are slash-separated, relative, printable ASCII,
// and no segment is empty or begins with a dot.
func checkKey(key string) error {
	if key == "" || len(key) > maxKey {
		return fmt.Errorf("%w: %q is not 1 to %d bytes long", errBadKey, key, maxKey)
	}
	for i := range len(key) {
		if c := key[i]; c < ' ' || c > '~' || c == '\\' {
			return fmt.Errorf("%w: %q holds a character other than printable ASCII, or a backslash", errBadKey, key)
		}
	}
	for segment := range strings.SplitSeq(key, "/") {
		if segment == "" || segment[0] == '.' || len(segment) > maxSegment {
			return fmt.Errorf("%w: each part of %q between slashes must be 1 to %d bytes long and begin with no dot", errBadKey,
				key, maxSegment)
		}
	}
	return nil
}

// CheckPut returns an error for a Put that no remote store may get: with a context that has ended, a key that not
// every provider keeps, or a body that does not have its sum.
func CheckPut(ctx context.Context, key string, body []byte, sum [sha256.Size]byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := checkKey(key); err != nil {
		return err
	}
	if sha256.Sum256(body) != sum {
		return fmt.Errorf("put %s: the bytes to send do not have their checksum: %w", key, ErrChecksum)
	}
	return nil
}

func tooLarge(key string, limit int64) error {
	return fmt.Errorf("read %s: more than the expected %d bytes: %w", key, limit, ErrTooLarge)
}
