package engine

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// uniqueChunks returns each chunk of a manifest once.
func uniqueChunks(m *repository.Manifest) []*repository.Chunk {
	seen := map[repository.ChunkID]bool{}
	var chunks []*repository.Chunk
	_ = m.EachChunk(func(c *repository.Chunk) error {
		if !seen[c.ID] {
			seen[c.ID] = true
			chunks = append(chunks, c)
		}
		return nil
	})
	return chunks
}

// readBack reads, at one provider, the copies that this run did not upload, and distrusts those that are not what the
// manifest says.
func (b *backup) readBack(ctx context.Context, l *lane, chunks []*repository.Chunk) error {
	old := b.old()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(laneWorkers)
	for _, c := range chunks {
		if !old[c.ID] || b.index.get(c.ID).at&l.bit == 0 {
			continue
		}
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			_, err := b.repo.soundCopy(ctx, l.Provider, c)
			if errors.Is(err, storage.ErrTimeout) {
				return err
			}
			if err != nil && ctx.Err() == nil {
				b.track.Warnf("Provider %s, chunk %s: %s It is replaced.", l.Name, c.ID, keepsake.MessageOf(err))
				b.index.distrust(c.ID, l.bit)
			}
			return nil
		})
	}
	return g.Wait()
}

// old returns the chunks that were there before this run.
func (b *backup) old() map[repository.ChunkID]bool {
	old := map[repository.ChunkID]bool{}
	if b.parent != nil {
		_ = b.parent.EachChunk(func(c *repository.Chunk) error { old[c.ID] = true; return nil })
	}
	b.found.Range(func(id, _ any) bool { old[id.(repository.ChunkID)] = true; return true })
	return old
}

// copyMissing copies to one provider every chunk that it is not confirmed to hold, from whichever provider has a good copy.
// It stops at the first one that fails: a provider without all chunks gets no manifest. Of those that no other provider holds yet,
// it waits for news: others may still be getting them.
func copyMissing(ctx context.Context, r *repo, x *index, to Provider, chunks []*repository.Chunk, news *news, done func(*repository.Chunk)) error {
	bit := providerBit(r.providers, to.Name)
	for {
		heard := news.next()
		var now, later []*repository.Chunk
		for _, c := range chunks {
			switch at := x.get(c.ID).at; {
			case at&bit != 0:
			case at == 0 && heard != nil:
				later = append(later, c)
			default:
				now = append(now, c)
			}
		}
		err := copyAll(ctx, r, x, to, now, done)
		lost := errors.Is(err, errNoCopy) && heard != nil // by the one that had it first: another may be getting it
		if err != nil && !lost || err == nil && len(later) == 0 {
			return err
		}
		select {
		case <-heard:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// copyAll copies chunks to one provider.
func copyAll(ctx context.Context, r *repo, x *index, to Provider, chunks []*repository.Chunk, done func(*repository.Chunk)) error {
	bit := providerBit(r.providers, to.Name)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(laneWorkers)
	way := &flight{store: to.Store}
	for _, c := range chunks {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			if x.get(c.ID).odd&bit != 0 && x.look(ctx, r, to, bit, c) {
				return nil
			}
			body, err := anyCopy(ctx, r, x, c, bit)
			if err != nil {
				return err
			}
			size := int64(len(body))
			if err := way.start(ctx, size); err != nil {
				return err
			}
			defer way.end(size)
			if _, err := x.put(ctx, to.Store, bit, newSealed(c.ID, body)); err != nil {
				return err
			}
			done(c)
			return nil
		})
	}
	return g.Wait()
}

// anyCopy reads a chunk from the first provider with a sound copy, other than those in not. One that must be opened to be judged
// is as good as any, and asked after those that are confirmed.
func anyCopy(ctx context.Context, r *repo, x *index, c *repository.Chunk, not uint16) ([]byte, error) {
	var holders []Provider
	e := x.get(c.ID)
	for _, set := range []uint16{e.at &^ not, e.odd &^ not} {
		for i, p := range r.providers {
			if set&(1<<i) != 0 {
				holders = append(holders, p)
			}
		}
	}
	var body []byte
	away := ""
	q := asked[[]byte]{what: "chunks", size: c.Size}
	q.ask = func(ctx context.Context, p Provider) ([]byte, error) { return r.soundCopy(ctx, p, c) }
	q.sound = func(_ Provider, sealed []byte) error { body = sealed; return nil }
	q.failed = func(p Provider, err error) {
		if isDamage(err) {
			x.distrust(c.ID, providerBit(r.providers, p.Name))
			return
		}
		away = fmt.Sprintf("Provider %s: %s", p.Name, explain(err))
	}
	switch found := q.first(ctx, holders); {
	case found:
		return body, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case away != "":
		return nil, &keepsake.Error{Code: keepsake.CodeUnavailable, Message: fmt.Sprintf("chunk %s cannot be read now. %s", c.ID, away), Err: errNoCopy}
	}
	return nil, &keepsake.Error{Code: keepsake.CodeDamaged, Message: fmt.Sprintf("chunk %s has no good copy at any other provider", c.ID), Err: errNoCopy}
}

// errNoCopy lies under the error about a chunk that no provider gave.
var errNoCopy = errors.New("no copy")

// putManifest makes the chunks durable, then the manifest.
func putManifest(ctx context.Context, store storage.Provider, key string, body []byte) error {
	if err := store.Sync(ctx); err != nil {
		return fmt.Errorf("make the chunks durable: %w", err)
	}
	if err := store.Put(ctx, key, body, sha256.Sum256(body), false); err != nil {
		return err
	}
	return store.Sync(ctx)
}

func (b *backup) countStats() {
	s := &b.manifest.Stats
	for _, t := range b.manifest.Tables {
		s.Rows += t.Rows
	}
	for _, c := range uniqueChunks(b.manifest) {
		s.BytesStored += c.Size
		s.Chunks++
	}
	_ = b.manifest.EachChunk(func(c *repository.Chunk) error { s.BytesRead += c.Plain; return nil })
	b.manifest.Sequences = b.snapshot.Catalog.Sequences
	s.BytesNew, s.ChunksNew = b.bytesNew.Load(), b.chunksNew.Load()
	s.Seconds = b.e.opts.Now().Sub(b.started).Seconds()
}
