package snapshot

import (
	"context"

	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/repository"
)

// A backup with a writer's key reads no recovery point and opens no chunk. It seals everything, and uploads
// what no provider lists.

// storeWritten is store with a writer's key. The bytes of a chunk that is there already are known without
// reading them: sealing gives them again.
func (b *backup) storeWritten(ctx context.Context, kind repository.ObjectKind, plain []byte) (repository.Ref, error) {
	// always the same effort, or it would be another object
	ref, body, err := b.repo.Keys.SealWritten(kind, plain, repository.Thorough, b.removals.Condemned)
	if err != nil {
		return ref, err
	}
	s := replicas.NewSealed(&ref, body)
	ref.SHA256 = s.Sum
	b.index.Expect(ref.ID, ref.Size, s.Sum)
	_, mine, err := b.index.Claim(ctx, ref.ID)
	if err != nil {
		return ref, err
	}
	if !mine {
		b.found.Store(ref.ID, nil)
		return ref, nil
	}
	if kind == repository.ObjectChunk {
		b.chunksNew.Add(1)
	}
	b.bytesNew.Add(ref.Size)
	b.index.Settle(ref.ID, ref.Size, &s.Sum)
	return ref, replicas.Send(ctx, b.lanes, s, b.index.Get(ref.ID).At)
}
