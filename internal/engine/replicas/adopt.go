package replicas

import (
	"context"
	"fmt"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
)

// adoptStep is how many objects are made durable at once.
const adoptStep = 4096

// Adopt makes durable, at one provider, the chunks and pages of a recovery point that were there when the operation
// began. A run that was killed may have stored them without making them durable. skip tells which of them are known to
// be durable; nil: none.
func Adopt(ctx context.Context, r *Repo, x *Index, p Provider, refs []*repository.Ref,
	skip func(repository.ChunkID) bool) error {
	to := storage.AdopterOf(p.Store)
	if to == nil {
		return nil
	}
	bit, told := ProviderBit(r.Providers, p.Name), 0
	for _, c := range refs {
		if x.Get(c.ID).seen&bit == 0 || skip != nil && skip(c.ID) {
			continue
		}
		to.Adopt(c.Key())
		if told++; told%adoptStep == 0 {
			if err := p.Store.Sync(ctx); err != nil {
				return fmt.Errorf("make durable what was there: %w", err)
			}
		}
	}
	return nil
}
