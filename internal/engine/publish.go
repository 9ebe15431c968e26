package engine

import (
	"context"
	"crypto/sha256"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// completeCopies brings every provider that answers to the whole set of chunks. A full backup first reads back the copies
// that were there before, so that everything its recovery point needs has been seen.
func (b *backup) completeCopies(ctx context.Context) error {
	b.track.stage(StageCatchingUp)
	chunks := uniqueChunks(b.manifest)
	if b.in.Type == keepsake.BackupFull {
		if err := b.readBack(ctx, chunks); err != nil {
			return err
		}
	}
	var g errgroup.Group
	for _, l := range b.lanes {
		g.Go(func() error {
			err := copyMissing(ctx, b.repo, b.index, l.Provider, chunks, func(c *repository.Chunk) {
				b.track.provider(l.Name, func(p *ProviderProgress) { p.Confirmed++; p.Bytes += c.Size })
			})
			l.mu.Lock()
			l.failed = err
			l.mu.Unlock()
			return nil
		})
	}
	_ = g.Wait()
	return ctx.Err()
}

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

// readBack reads, at every provider, the copies that this run did not upload, and distrusts those that are not what the
// manifest says.
func (b *backup) readBack(ctx context.Context, chunks []*repository.Chunk) error {
	old := b.old()
	for _, l := range b.lanes {
		var g errgroup.Group
		g.SetLimit(laneWorkers)
		for _, c := range chunks {
			if !old[c.ID] || b.index.get(c.ID).at&l.bit == 0 || ctx.Err() != nil {
				continue
			}
			g.Go(func() error {
				if _, err := b.repo.soundCopy(ctx, l.Provider, c); err != nil && ctx.Err() == nil {
					b.track.warnf("Provider %s, chunk %s: %s It is replaced.", l.Name, c.ID, keepsake.MessageOf(err))
					b.index.distrust(c.ID, l.bit)
				}
				return nil
			})
		}
		_ = g.Wait()
	}
	return ctx.Err()
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
// It stops at the first one that fails: a provider without all chunks gets no manifest.
func copyMissing(ctx context.Context, r *repo, x *index, to Provider, chunks []*repository.Chunk, done func(*repository.Chunk)) error {
	bit := providerBit(r.providers, to.Name)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(laneWorkers)
	for _, c := range chunks {
		if x.get(c.ID).at&bit != 0 {
			continue
		}
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
	e := x.get(c.ID)
	for _, set := range []uint16{e.at &^ not, e.odd &^ not} {
		for i, p := range r.providers {
			if set&(1<<i) == 0 {
				continue
			}
			body, err := r.soundCopy(ctx, p, c)
			if err == nil {
				return body, nil
			}
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if isDamage(err) {
				x.distrust(c.ID, 1<<i)
			}
		}
	}
	return nil, keepsake.Errorf(keepsake.CodeDamaged, "chunk %s has no good copy at any other provider", c.ID)
}

// publish writes the manifest to every provider that holds all chunks: that is what makes the recovery point exist there.
func (b *backup) publish(ctx context.Context) ([]keepsake.Copy, error) {
	b.index.adopt(b.manifest)
	b.countStats()
	key, body, err := b.repo.keys.SealManifest(b.manifest)
	if err != nil {
		return nil, fmt.Errorf("seal the manifest: %w", err)
	}
	b.manifestBytes = int64(len(body))
	b.bytesNew.Add(b.manifestBytes)
	copies := make([]keepsake.Copy, len(b.repo.providers))
	for i, p := range b.repo.providers {
		copies[i] = keepsake.Copy{Provider: p.Name, Medium: p.Medium, Offsite: p.Offsite}
		if err := b.repo.down[p.Name]; err != nil {
			copies[i].Error = explain(err)
		}
	}
	var g errgroup.Group
	for _, l := range b.lanes {
		g.Go(func() error {
			err := l.failed
			if err == nil {
				err = b.repo.stillThere(ctx, l.Provider)
			}
			if err == nil {
				err = putManifest(ctx, l.Store, key, body)
			}
			for i := range copies {
				if copies[i].Provider == l.Name {
					copies[i].Confirmed = err == nil
					if err != nil {
						copies[i].Error = explain(err)
					}
				}
			}
			b.track.provider(l.Name, func(p *ProviderProgress) {
				p.State = ItemDone
				if err != nil {
					p.State, p.Error = ItemFailed, explain(err)
				}
			})
			return nil
		})
	}
	_ = g.Wait()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	for _, c := range copies {
		if c.Confirmed {
			return copies, nil
		}
	}
	return nil, allFailed(b.lanes)
}

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
