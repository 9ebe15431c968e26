package engine

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// completion brings the finished snapshot to each provider: what its lane still holds, what it lacks of the rest, and then the
// manifest. Each goes at its own pace, so that a recovery point exists where it can as soon as it can, whatever the others do.
type completion struct {
	*backup
	chunks []*repository.Chunk // as they were sealed: the manifest's own may be adopted from another run
	news   *news
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
	c := &completion{backup: b, news: newNews(len(b.lanes)), copies: make([]keepsake.Copy, len(b.repo.providers)), seal: sync.OnceValues(b.sealManifest)}
	for _, chunk := range uniqueChunks(b.manifest) {
		own := *chunk
		c.chunks = append(c.chunks, &own)
	}
	places := map[string]*keepsake.Copy{}
	for i, p := range b.repo.providers {
		c.copies[i] = keepsake.Copy{Provider: p.Name, Medium: p.Medium, Offsite: p.Offsite}
		if err := b.repo.down[p.Name]; err != nil {
			c.copies[i].Error = explain(err)
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
	return nil, allFailed(b.lanes)
}

// stopped is the error of whoever was stopped on the way. What is at a provider already is a recovery point and stays one.
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
	return &keepsake.Error{Code: keepsake.CodeCancelled, Err: ctx.Err(), Message: fmt.Sprintf("stopped before every provider had it; recovery point %s is at %s, and %s brings it to the others",
		c.manifest.ID, strings.Join(at, " and "), repairCommand(c.manifest.ID, false))}
}

// sealManifest is called when the first provider has everything: every provider gets the same bytes.
func (b *backup) sealManifest() (m manifestObject, err error) {
	b.track.Stage(report.StagePublishing)
	b.index.adopt(b.manifest)
	b.countStats()
	if m.key, m.body, err = b.repo.keys.SealManifest(b.manifest); err != nil {
		return m, fmt.Errorf("seal the manifest: %w", err)
	}
	b.manifestBytes = int64(len(m.body))
	b.bytesNew.Add(b.manifestBytes)
	return m, nil
}

// at completes one provider and writes down what came of it.
func (c *completion) at(ctx context.Context, l *lane, place *keepsake.Copy) {
	l.drain()
	c.news.tell()
	err := c.fill(ctx, l)
	l.mu.Lock()
	l.failed = err
	l.mu.Unlock()
	place.Confirmed = err == nil
	if err != nil {
		place.Error = explain(err)
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

// fill makes a provider whole. A full backup first reads back the copies that were there before, so that everything its recovery
// point needs has been seen.
func (c *completion) fill(ctx context.Context, l *lane) error {
	if c.in.Type == keepsake.BackupFull {
		if err := c.readBack(ctx, l, c.chunks); err != nil {
			return err
		}
	}
	err := copyMissing(ctx, c.repo, c.index, l.Provider, c.chunks, c.news, func(chunk *repository.Chunk) {
		c.track.Provider(l.Name, func(p *report.ProviderProgress) { p.Confirmed++; p.Bytes += chunk.Size })
	})
	if err != nil {
		return err
	}
	m, err := c.seal()
	if err != nil {
		return err
	}
	if err := c.repo.stillThere(ctx, l.Provider); err != nil {
		return err
	}
	return putManifest(ctx, l.Store, m.key, m.body)
}

// news tells those who wait for chunks that one more provider has all that it was given directly.
type news struct {
	mu   sync.Mutex
	left int // providers that have not told yet
	bell bell
}

func newNews(providers int) *news { return &news{left: providers} }

// next returns a channel that is closed with the next news, nil when there will be none.
func (n *news) next() <-chan struct{} {
	if n == nil {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.left == 0 {
		return nil
	}
	return n.bell.next()
}

func (n *news) tell() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.left--
	n.bell.ring()
}
