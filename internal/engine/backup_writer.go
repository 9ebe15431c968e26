package engine

import (
	"context"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// A backup with a writer's key reads no recovery point and opens no chunk. It seals everything, and uploads what no provider lists.

// WritesOnly reports whether the engine's key is a writer's: it takes backups and can do nothing else.
func (e *Engine) WritesOnly() bool { return e.opts.Key.WritesOnly() }

// WriterKey returns the key with which another machine backs up into the repository and reads nothing of it.
func (e *Engine) WriterKey(ctx context.Context) (keepsake.Secret, error) {
	r, err := e.open(ctx)
	if err != nil {
		return "", err
	}
	return r.keys.WriterKey()
}

// storeWritten is store with a writer's key. The bytes of a chunk that is there already are known without reading them: sealing gives them again.
func (b *backup) storeWritten(ctx context.Context, plain []byte) (repository.Chunk, error) {
	id, body, err := b.repo.keys.SealWritten(plain, repository.Thorough) // always the same effort, or the chunk would be another one
	if err != nil {
		return repository.Chunk{}, err
	}
	s := newSealed(id, body)
	b.index.expect(id, int64(len(body)), s.sum)
	_, mine, err := b.index.claim(ctx, id)
	if err != nil {
		return repository.Chunk{}, err
	}
	if !mine {
		b.found.Store(id, nil)
	} else {
		b.chunksNew.Add(1)
		b.bytesNew.Add(int64(len(body)))
		b.index.settle(id, int64(len(body)), &s.sum)
		if err := send(ctx, b.lanes, s, b.index.get(id).at); err != nil {
			return repository.Chunk{}, err
		}
	}
	return repository.Chunk{ID: id, Size: int64(len(body)), SHA256: s.sum, Plain: int64(len(plain))}, nil
}
