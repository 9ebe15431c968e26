package replicas

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// CheckHeader reads a provider's header and returns why it is not sound. A header that opens is sound although it
// differs from the others', because key slots may have changed while the provider was away.
func (s *Set) CheckHeader(ctx context.Context, r *Repo, p Provider) error {
	body, err := p.Store.Get(ctx, repository.HeaderKey, repository.MaxHeaderSize)
	if err != nil {
		return err
	}
	h, err := repository.ParseHeader(body)
	if err != nil {
		return err
	}
	if _, same := h.Written(body); !same {
		return errOddBytes
	}
	if bytes.Equal(body, r.Header) {
		return nil
	}
	if err := h.Prove(r.Keys); err != nil {
		return err
	}
	if _, err = h.Unlock(s.Key); keepsake.CodeOf(err) == keepsake.CodeWrongKey {
		return errOddHeader
	}
	return err
}

// errOddHeader is a header of the repository that the key does not open although it opens another provider's: a key
// slot is damaged, or older.
var errOddHeader = keepsake.Errorf(keepsake.CodeDamaged,
	"The header is another one than at the other providers, and the key does not open it.")

// errOddBytes is a header that can be read, and is not as it was written.
var errOddBytes = keepsake.Errorf(keepsake.CodeDamaged,
	"The header's bytes have changed since it was written. It still says the same, and another change may spoil it.")

// errForeignHeader says that a damaged header stands beside recovery points that are not of this repository.
var errForeignHeader = keepsake.Errorf(keepsake.CodeDamaged,
	"Its header is damaged, and this repository's key opens none of the recovery points there, so it was left as it is. "+
		"If they are another repository's, give this one an empty place.")

// ReplaceHeader replaces a damaged header by the repository's. It refuses where the recovery points there are another
// repository's.
func ReplaceHeader(ctx context.Context, r *Repo, p Provider) error {
	opens := errors.New("one opens")
	found := 0
	err := p.Store.List(ctx, repository.ManifestPrefix, func(o storage.Object) error {
		id, err := repository.ParseManifestKey(o.Key)
		if err != nil {
			return nil
		}
		found++
		if _, _, err := ReadManifestAt(ctx, r, p, id); err == nil {
			return opens
		}
		return nil
	})
	switch {
	case err == nil && found > 0:
		return errForeignHeader
	case err != nil && !errors.Is(err, opens):
		return err
	}
	if err := p.Store.Put(ctx, repository.HeaderKey, r.Header, sha256.Sum256(r.Header), true); err != nil {
		return err
	}
	return p.Store.Sync(ctx)
}
