package replicas

import (
	"context"
	"errors"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// errBlurred lies under the error about an identity that is damaged and still names its provider. Whoever replaced the
// place by another one would not have left that there, so a repair may make it anew.
var errBlurred = errors.New("a damaged identity")

// namedIn reports whether an identity that does not open is damaged only, and this provider's.
func (r *Repo) namedIn(identity []byte, p Provider, opening error) bool {
	if r.Keys.ProvesIdentity(identity, p.Name) {
		return true
	}
	if keepsake.CodeOf(opening) != keepsake.CodeDamaged {
		return false
	}
	own := unlike(identity, p.Name)
	for _, other := range r.Providers {
		if other.Name != p.Name && unlike(identity, other.Name) <= own {
			return false
		}
	}
	return own <= 1
}

// unlike returns in how many bytes that part of an identity that is most like a provider's name differs from it.
func unlike(identity []byte, name string) int {
	want := []byte(`"name": "` + name + `"`)
	least := len(want)
	for i := 0; i+len(want) <= len(identity); i++ {
		differ := 0
		for j := range want {
			if identity[i+j] != want[j] {
				differ++
			}
		}
		least = min(least, differ)
	}
	return least
}

// RenewIdentity gives a provider whose identity is damaged a new one.
func (s *Set) RenewIdentity(ctx context.Context, r *Repo, p Provider) error {
	made, err := r.Keys.NewIdentity(p.Name, s.Now())
	if err != nil {
		return err
	}
	if err := s.writeIdentity(ctx, p, made, true); err != nil {
		return err
	}
	body, err := p.Store.Get(ctx, storage.IdentityKey, repository.MaxIdentitySize)
	if err != nil {
		return err
	}
	found, err := r.identity(p, answer{identity: body})
	if err != nil {
		return err
	}
	r.Identities[p.Name] = found
	delete(r.Unproven, p.Name)
	delete(r.Blurred, p.Name)
	return nil
}
