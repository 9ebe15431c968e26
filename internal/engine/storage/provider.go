// Package storage keeps sealed objects at providers: directories, S3-compatible stores and Google Cloud Storage.
// It knows names, bytes and checksums, and never what is inside: encryption happens before and decryption after it.
package storage

import (
	"context"
	"crypto/sha256"
	"errors"
)

// The errors a Provider returns for the states that callers handle. Anything else is a failure of the store or the network.
var (
	ErrNotFound = errors.New("object not found")
	ErrExists   = errors.New("object already exists")
	ErrChecksum = errors.New("the store holds other bytes than were sent")
)

// Object is what a store says about one object.
type Object struct {
	Key  string
	Size int64 // bytes
}

// Provider is one storage target. Keys are slash-separated, relative, ASCII. Implementations are safe for concurrent use,
// honour ctx, and hold no state that another process would need. storagetest.Run is the contract as a test.
type Provider interface {
	// Put stores body under key and returns nil only when the store has confirmed these very bytes: by a checksum that it
	// verified, or, where the store verifies none, by reading them back. It creates: a key that is there is ErrExists,
	// unless replace is set. A reader never sees a partial object. sum is the SHA-256 of body.
	Put(ctx context.Context, key string, body []byte, sum [sha256.Size]byte, replace bool) error
	// Get returns the whole object, at most limit bytes of it; more is an error, so that a lying store cannot fill memory.
	Get(ctx context.Context, key string, limit int64) ([]byte, error)
	// Stat returns the size of the object, or ErrNotFound.
	Stat(ctx context.Context, key string) (Object, error)
	// List calls fn for every object below prefix, in no particular order. An error from fn ends the walk and is returned.
	List(ctx context.Context, prefix string, fn func(Object) error) error
	// Delete removes the object; one that is not there is no error.
	Delete(ctx context.Context, key string) error
	// Sync returns when everything put so far survives a power loss. Remote stores are durable when Put returns.
	Sync(ctx context.Context) error
}
