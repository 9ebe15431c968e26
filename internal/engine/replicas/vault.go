package replicas

import (
	"context"
	"sync"

	"github.com/wedsync/keepsake/internal/engine/repository"
)

// Vault seals small secrets that lie outside of the repository, such as in the console database, with the
// repository's key. It opens the repository when it is first needed and keeps the key from then on, so that nobody
// waits for providers that are away or slow. It is safe for concurrent use.
type Vault struct {
	set  *Set
	mu   sync.Mutex
	keys *repository.Keyring
}

// Vault returns a vault under the repository's key.
func (s *Set) Vault() *Vault { return &Vault{set: s} }

// vaultPrefix keeps the names of a vault apart from those of notes. Nothing of it is ever stored at a provider.
const vaultPrefix = NotePrefix + "vault/"

// Seal seals plain under a name. It opens under no other name.
func (v *Vault) Seal(ctx context.Context, name string, plain []byte) ([]byte, error) {
	keys, err := v.open(ctx, false)
	if err != nil {
		return nil, err
	}
	return keys.SealObject(repository.ObjectNote, vaultPrefix+name, plain)
}

// Open opens what Seal sealed. It returns CodeDamaged where that was under another name or key.
func (v *Vault) Open(ctx context.Context, name string, sealed []byte) ([]byte, error) {
	keys, err := v.open(ctx, false)
	if err != nil {
		return nil, err
	}
	plain, err := keys.OpenObject(repository.ObjectNote, vaultPrefix+name, sealed, MaxNote)
	if err == nil {
		return plain, nil
	}
	// Another process may have sealed it under a key of the repository that this one has not seen yet.
	if newer, failed := v.open(ctx, true); failed == nil {
		return newer.OpenObject(repository.ObjectNote, vaultPrefix+name, sealed, MaxNote)
	}
	return nil, err
}

func (v *Vault) open(ctx context.Context, again bool) (*repository.Keyring, error) {
	v.mu.Lock()
	keys := v.keys
	v.mu.Unlock()
	if keys != nil && !again {
		return keys, nil
	}
	keys, err := v.newest(ctx, again)
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.keys = keys
	return keys, nil
}

// newest unlocks the repository: with the first header that comes, or again, with that of those that every provider was
// asked for.
func (v *Vault) newest(ctx context.Context, again bool) (*repository.Keyring, error) {
	if !again {
		return v.set.keyring(ctx)
	}
	r, err := v.set.Open(ctx)
	if err != nil {
		return nil, err
	}
	return r.Keys, nil
}
