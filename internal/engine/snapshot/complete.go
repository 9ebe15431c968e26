package snapshot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/storage"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// completion brings the finished snapshot to each provider: what its lane still holds, what it lacks of the
// rest, and then the manifest. Each goes at its own pace, so that a recovery point exists where it can as
// soon as it can, whatever the others do.
type completion struct {
	*backup
	refs   []*repository.Ref // as they were sealed: the recovery point's own may be adopted from another run
	news   *replicas.News
	copies []keepsake.Copy // in the order of the providers
	seal   func() (manifestObject, error)
}

type manifestObject struct {
	key  string
	body []byte
}

// complete returns where the recovery point is. It fails when it is nowhere.
func (b *backup) complete(ctx context.Context) ([]keepsake.Copy, error) {
	b.track.Stage(report.StageCatchingUp)
	c := &completion{
		backup: b,
		news:   replicas.NewNews(len(b.lanes)),
		copies: make([]keepsake.Copy, len(b.repo.Providers)),
		seal:   sync.OnceValues(b.sealManifest),
	}
	b.eachChunk(func(chunk *repository.Ref) { b.keepPages([]repository.Ref{*chunk}) })
	for _, ref := range b.pages {
		c.refs = append(c.refs, &ref)
	}
	places := map[string]*keepsake.Copy{}
	for i, p := range b.repo.Providers {
		c.copies[i] = keepsake.Copy{Provider: p.Name, Medium: p.Medium, Offsite: p.Offsite}
		if err := b.repo.Down[p.Name]; err != nil {
			c.copies[i].Error = replicas.Explain(err)
		}
		places[p.Name] = &c.copies[i]
	}
	var g errgroup.Group
	for _, l := range b.lanes {
		g.Go(func() error {
			c.at(ctx, l, places[l.Name])
			return nil
		})
	}
	_ = g.Wait()
	if ctx.Err() != nil {
		return nil, c.stopped(ctx)
	}
	for _, copied := range c.copies {
		if copied.Confirmed {
			return c.copies, nil
		}
	}
	return nil, replicas.AllFailed(b.lanes)
}

// stopped is the error of whoever was stopped on the way. What is at a provider already is a recovery point
// and stays one.
func (c *completion) stopped(ctx context.Context) error {
	var at []string
	for _, copied := range c.copies {
		if copied.Confirmed {
			at = append(at, copied.Provider)
		}
	}
	if len(at) == 0 {
		return ctx.Err()
	}
	return &keepsake.Error{
		Code: keepsake.CodeCancelled,
		Err:  ctx.Err(),
		Message: fmt.Sprintf("stopped before every provider had it; recovery point %s is at %s, and %s brings it "+
			"to the others",
			c.manifest.ID, strings.Join(at, " and "), replicas.RepairCommand(c.manifest.ID, false)),
	}
}

// sealManifest is called when the first provider has everything: every provider gets the same bytes.
func (b *backup) sealManifest() (m manifestObject, err error) {
	b.track.Stage(report.StagePublishing)
	b.eachChunk(b.index.Adopt)
	if err := b.writeIndex(); err != nil {
		return m, fmt.Errorf("write the index: %w", err)
	}
	b.countStats()
	b.doubt()
	if m.key, m.body, err = b.repo.Keys.SealManifest(b.manifest); err != nil {
		return m, fmt.Errorf("seal the manifest: %w", err)
	}
	b.manifestBytes = int64(len(m.body))
	b.bytesNew.Add(b.manifestBytes)
	return m, nil
}

// at completes one provider and writes down what came of it.
func (c *completion) at(ctx context.Context, l *replicas.Lane, place *keepsake.Copy) {
	l.Drain()
	c.news.Tell()
	err := c.fill(ctx, l)
	l.End(err)
	place.Confirmed = err == nil
	if err != nil {
		place.Error = replicas.Explain(err)
	}
	c.track.Provider(l.Name, func(p *report.ProviderProgress) {
		p.State = report.ItemDone
		if err != nil {
			p.State, p.Error = report.ItemFailed, place.Error
		}
	})
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		c.track.Warnf("Provider %s does not get this recovery point now. %s", l.Name, place.Error)
		return
	}
	c.track.Infof("The recovery point is at provider %s.", l.Name)
}

// fill makes a provider whole. A full backup first reads back the copies that were there before, so that
// everything its recovery point needs has been seen.
func (c *completion) fill(ctx context.Context, l *replicas.Lane) error {
	if c.in.Type == keepsake.BackupFull {
		if err := c.readBack(ctx, l, c.refs); err != nil {
			return err
		}
	}
	err := replicas.CopyMissing(ctx, c.repo, c.index, l.Provider, c.refs, c.news, func(chunk *repository.Ref) {
		c.track.Provider(l.Name, func(p *report.ProviderProgress) { p.Confirmed++; p.Bytes += chunk.Size })
	})
	if err != nil {
		return err
	}
	m, err := c.seal()
	if err != nil {
		return err
	}
	if err := c.putLate(ctx, l); err != nil {
		return err
	}
	if err := c.adopt(ctx, l); err != nil {
		return err
	}
	if err := c.repo.StillThere(ctx, l.Provider); err != nil {
		return err
	}
	return c.Replicas.Publish(ctx, c.repo, l.Provider, c.removals, c.all(), c.manifest.ID, func() error {
		return replicas.PutManifest(ctx, l.Store, m.key, m.body)
	})
}

// all returns references to everything that the recovery point names.
func (c *completion) all() []*repository.Ref {
	refs := slices.Clip(c.refs)
	for i := range c.late {
		refs = append(refs, &c.late[i].Ref)
	}
	return refs
}

// adopt makes durable what a run that was killed has left at a provider. What a recovery point of the provider names is
// durable: its manifest came after.
func (c *completion) adopt(ctx context.Context, l *replicas.Lane) error {
	if storage.AdopterOf(l.Store) == nil {
		return nil
	}
	durable := map[repository.ChunkID]bool{}
	if c.parentAt[l.Name] {
		for _, ref := range c.was.refs {
			durable[ref.ID] = true
		}
	}
	return replicas.Adopt(ctx, c.repo, c.index, l.Provider, c.all(),
		func(id repository.ChunkID) bool { return durable[id] })
}

// readBack reads, at one provider, the copies that this run did not upload, and distrusts those that are not what the
// manifest says.
func (b *backup) readBack(parent context.Context, l *replicas.Lane, chunks []*repository.Ref) error {
	old := b.old()
	g, ctx := errgroup.WithContext(parent)
	g.SetLimit(replicas.LaneWorkers)
	for _, c := range chunks {
		if !old[c.ID] || b.index.Get(c.ID).At&l.Bit == 0 {
			continue
		}
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			_, err := b.repo.SoundCopy(ctx, l.Provider, c)
			if errors.Is(err, storage.ErrTimeout) {
				return err
			}
			if err != nil && ctx.Err() == nil {
				b.track.Warnf("Provider %s, chunk %s: %s It is replaced.", l.Name, c.ID, keepsake.MessageOf(err))
				b.index.Distrust(c.ID, l.Bit)
			}
			return nil
		})
	}
	return cmp.Or(g.Wait(), parent.Err())
}

// old returns the chunks that were there before this run.
func (b *backup) old() map[repository.ChunkID]bool {
	old := map[repository.ChunkID]bool{}
	for _, ref := range b.was.refs {
		old[ref.ID] = true
	}
	b.found.Range(func(id, _ any) bool { old[id.(repository.ChunkID)] = true; return true })
	return old
}

// eachChunk calls fn for every chunk of the recovery point. One that several ranges share comes several times.
func (b *backup) eachChunk(fn func(*repository.Ref)) {
	for i := range b.manifest.Schema {
		fn(&b.manifest.Schema[i].Ref)
	}
	for _, t := range b.tables {
		for i := range t.ranges {
			for j := range t.ranges[i].Chunks {
				fn(&t.ranges[i].Chunks[j].Ref)
			}
		}
	}
}

// writeIndex makes the index pages that name chunks, and those above them.
func (b *backup) writeIndex() error {
	ctx, m := context.Background(), b.manifest // nothing is waited for
	for i, t := range b.tables {
		w := repository.NewRangeWriter(b.storeLate)
		for j := range t.ranges {
			if err := w.Add(ctx, &t.ranges[j]); err != nil {
				return fmt.Errorf("table %s: %w", t.rel.FullName(), err)
			}
		}
		if err := w.Close(ctx, &m.Tables[i]); err != nil {
			return fmt.Errorf("table %s: %w", t.rel.FullName(), err)
		}
	}
	m.Sequences = b.snapshot.Catalog.Sequences
	return m.Keep(ctx, b.storeLate)
}

// putLate stores the pages at a provider that were made when the first was whole.
func (c *completion) putLate(ctx context.Context, l *replicas.Lane) error {
	if c.in.Type == keepsake.BackupFull {
		refs := make([]*repository.Ref, len(c.late))
		for i := range c.late {
			refs[i] = &c.late[i].Ref
		}
		if err := c.readBack(ctx, l, refs); err != nil {
			return err
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(replicas.LaneWorkers)
	for _, p := range c.late {
		g.Go(func() error { return p.putAt(ctx, c.backup, l) })
	}
	return g.Wait()
}

func (b *backup) countStats() {
	s := &b.manifest.Stats
	for i := range b.manifest.Tables {
		s.Rows += b.manifest.Tables[i].Rows
	}
	seen := map[repository.ChunkID]bool{}
	b.eachChunk(func(c *repository.Ref) {
		s.BytesRead += c.Plain
		if !seen[c.ID] {
			seen[c.ID] = true
			s.BytesStored += c.Size
			s.Chunks++
		}
	})
	s.BytesNew, s.ChunksNew = b.bytesNew.Load(), b.chunksNew.Load()
	s.Seconds = b.Now().Sub(b.started).Seconds()
}
