package snapshot

import (
	"context"

	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/repository"
)

// A backup with a writer's key reads no recovery point and opens no chunk. It seals everything, and uploads what no provider lists.

// storeWritten is store with a writer's key. The bytes of a chunk that is there already are known without reading them: sealing gives them again.
func (b *backup) storeWritten(ctx context.Context, plain []byte) (repository.Chunk, error) {
	id, body, err := b.repo.Keys.SealWritten(plain, repository.Thorough) // always the same effort, or the chunk would be another one
	if err != nil {
		return repository.Chunk{}, err
	}
	s := replicas.NewSealed(id, body)
	b.index.Expect(id, int64(len(body)), s.Sum)
	_, mine, err := b.index.Claim(ctx, id)
	if err != nil {
		return repository.Chunk{}, err
	}
	if !mine {
		b.found.Store(id, nil)
	} else {
		b.chunksNew.Add(1)
		b.bytesNew.Add(int64(len(body)))
		b.index.Settle(id, int64(len(body)), &s.Sum)
		if err := replicas.Send(ctx, b.lanes, s, b.index.Get(id).At); err != nil {
			return repository.Chunk{}, err
		}
	}
	return repository.Chunk{ID: id, Size: int64(len(body)), SHA256: s.Sum, Plain: int64(len(plain))}, nil
}
