// Package storage keeps sealed objects at providers: directories, S3-compatible stores and Google Cloud Storage.
// It knows names, bytes and checksums, and never what is inside: encryption happens before and decryption after it.
//
// What is promised when:
//
//   - Put returned nil, S3: the store compared the body's SHA-256 (each part's, above 16 MiB) with what arrived; or,
//     where a trial showed that it compares nothing, the object was read back and compared byte by byte. It is
//     durable as the store defines it.
//   - Put returned nil, GCS: the store compared the CRC32C. It is durable.
//   - Put returned nil, directory: every byte was handed to the kernel and the object has its name. A crash of
//     Keepsake loses nothing; a power loss may, until Sync: the object can then be missing or too short under its
//     name, so a caller that is told ErrExists compares the size before it believes the object. The sum is not
//     compared with the body: hashing it once more for each directory would cost more than writing it, and there is
//     no wire on which it could change.
//   - Sync returned nil: all of it survives a power loss. A directory whose Sync failed fails every later one of the
//     same operation, because the kernel reports a lost write only once. For the next one (Attend) what may be
//     lost is missing, until it is stored again. Nothing is removed.
//   - Two Puts create one key at once: exactly one wins. S3 stores that ignore If-None-Match (found by the trial) are
//     asked whether the object is there and read back, which is less: both may be told that they won if one started
//     after the other was read back. Callers choose keys that nobody else creates, or that mean the same bytes.
//
// No provider retries or has deadlines of its own: wrap it in Retry.
package storage

import (
	"context"
	"crypto/sha256"
	"errors"
)

// The errors a Provider returns for the states that callers handle.
// Anything else is a failure of the store or the network.
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

// Provider is one storage target. Keys are slash-separated, relative, printable ASCII without backslash, at most 900
// bytes, and their parts are 1 to 200 bytes long and begin with no dot. Implementations are safe for concurrent use,
// honour ctx, and hold no state that another process would need. storagetest.Run is the contract as a test.
type Provider interface {
	// Put stores body under key. It returns nil only when the store has confirmed these very bytes: by a checksum that
	// the store verified, or where it verifies none, by reading them back. Put creates: for a key that is there it
	// returns ErrExists, unless replace is set. When an answer was lost and these very bytes are found under key, that
	// is success. A reader never sees a partial object. sum is the SHA-256 of body. Put does not use body after it has
	// returned.
	Put(ctx context.Context, key string, body []byte, sum [sha256.Size]byte, replace bool) error
	// Get returns the whole object. For an object of more than limit bytes it returns ErrTooLarge, so that a lying store
	// cannot fill memory.
	Get(ctx context.Context, key string, limit int64) ([]byte, error)
	// Stat returns the size of the object, or ErrNotFound.
	Stat(ctx context.Context, key string) (Object, error)
	// List calls fn for every object whose key begins with prefix, in no particular order. End prefix with a slash to
	// mean a folder. List holds no more than a page in memory. An error from fn ends the walk, and List returns it.
	List(ctx context.Context, prefix string, fn func(Object) error) error
	// Delete removes the object. A missing object is no error.
	Delete(ctx context.Context, key string) error
	// Sync returns when everything put so far survives a power loss. Remote stores are durable when Put returns.
	Sync(ctx context.Context) error
}
