package scope

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/internal/engine/repository"
)

// lookupsAtOnce is how many runs are asked at once: each costs a page, and a distant provider answers slowly.
const lookupsAtOnce = 16

// lookup returns which chunks of the part can hold a row with one of the keys; nil where none of the keys leads here.
func (p *partReader) lookup(
	ctx context.Context, src Chunks, fresh map[*link][]repository.KeyHash,
) (may func(repository.ChunkID) bool, err error) {
	wanted := map[int][]repository.KeyHash{} // by number of the key list
	for _, k := range p.in {
		keys := fresh[k.link]
		switch {
		case len(keys) == 0:
		case k.filter < 0:
			return func(repository.ChunkID) bool { return true }, nil
		default:
			wanted[k.filter] = append(wanted[k.filter], keys...)
		}
	}
	if len(wanted) == 0 || p.part.Chunks == 0 {
		return nil, nil
	}
	if p.runs == nil {
		if p.runs, _, err = p.part.ReadRuns(ctx, src.Page); err != nil {
			return nil, err
		}
	}
	var mu sync.Mutex
	chunks := map[repository.ChunkID]bool{} // of the runs: whether they can
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(lookupsAtOnce)
	for _, run := range p.runs {
		for _, id := range run.Chunks {
			chunks[id] = false
		}
	}
	for _, run := range p.runs {
		for list, keys := range wanted {
			g.Go(func() error {
				found, err := run.Lookup(ctx, src.Page, list, keys)
				mu.Lock()
				defer mu.Unlock()
				for _, id := range found {
					chunks[id] = true
				}
				return err
			})
		}
	}
	err = g.Wait()
	return func(id repository.ChunkID) bool {
		can, known := chunks[id]
		return can || !known // a chunk that no run names can hold any key
	}, err
}
