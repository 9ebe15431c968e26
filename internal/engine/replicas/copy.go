package replicas

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// UniqueRefs returns each chunk and each index page of a loaded recovery point once.
func UniqueRefs(ctx context.Context, fetch repository.Fetch, m *repository.Manifest) ([]*repository.Ref, error) {
	seen := map[repository.ChunkID]bool{}
	var refs []*repository.Ref
	err := m.Refs(ctx, fetch, func(ref repository.Ref) {
		if !seen[ref.ID] {
			seen[ref.ID] = true
			refs = append(refs, &ref)
		}
	})
	return refs, err
}

// CopyMissing copies every chunk and index page that a provider is not confirmed to hold to it, from whichever
// provider has a good copy. It stops at the first one that fails, because a provider without all chunks gets no
// manifest. For an object that no other provider holds yet it waits for news, because others may still be getting it.
func CopyMissing(ctx context.Context, r *Repo, x *Index, to Provider, chunks []*repository.Ref, news *News,
	done func(*repository.Ref)) error {
	bit := ProviderBit(r.Providers, to.Name)
	for {
		heard := news.next()
		var now, later []*repository.Ref
		for _, c := range chunks {
			switch at := x.Get(c.ID).At; {
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
func copyAll(parent context.Context, r *Repo, x *Index, to Provider, chunks []*repository.Ref,
	done func(*repository.Ref)) error {
	bit := ProviderBit(r.Providers, to.Name)
	g, ctx := errgroup.WithContext(parent)
	g.SetLimit(LaneWorkers)
	way := &flight{store: to.Store}
	for _, c := range chunks {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			if x.Get(c.ID).Odd&bit != 0 && x.look(ctx, r, to, bit, c) {
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
			if _, err := x.put(ctx, to.Store, bit, NewSealed(c, body)); err != nil {
				return err
			}
			done(c)
			return nil
		})
	}
	return cmp.Or(g.Wait(), parent.Err()) // whoever was cancelled before the first has copied nothing
}

// anyCopy reads a chunk from the first provider with a sound copy, other than those in not. One that must be
// opened to be judged is as good as any, and asked after those that are confirmed.
func anyCopy(ctx context.Context, r *Repo, x *Index, c *repository.Ref, not uint16) ([]byte, error) {
	var holders []Provider
	e := x.Get(c.ID)
	for _, set := range []uint16{e.At &^ not, e.Odd &^ not} {
		for i, p := range r.Providers {
			if set&(1<<i) != 0 {
				holders = append(holders, p)
			}
		}
	}
	var body []byte
	away := ""
	q := FirstSound[[]byte]{What: "chunks", size: c.Size}
	q.Ask = func(ctx context.Context, p Provider) ([]byte, error) { return r.SoundCopy(ctx, p, c) }
	q.Sound = func(_ Provider, sealed []byte) error { body = sealed; return nil }
	q.Failed = func(p Provider, err error) {
		if isDamage(err) {
			x.Distrust(c.ID, ProviderBit(r.Providers, p.Name))
			return
		}
		away = fmt.Sprintf("Provider %s: %s", p.Name, Explain(err))
	}
	switch found := q.Read(ctx, holders); {
	case found:
		return body, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case away != "":
		return nil, &keepsake.Error{
			Code:    keepsake.CodeUnavailable,
			Message: fmt.Sprintf("%s cannot be read now. %s", named(c), away),
			Err:     errNoCopy,
		}
	}
	return nil, &keepsake.Error{
		Code:    keepsake.CodeDamaged,
		Message: fmt.Sprintf("%s has no good copy at any other provider", named(c)),
		Err:     errNoCopy,
	}
}

// named is a chunk or an index page in words.
func named(c *repository.Ref) string {
	if c.Kind == repository.ObjectIndex {
		return "index page " + c.ID.String()
	}
	return "chunk " + c.ID.String()
}

// errNoCopy lies under the error about a chunk that no provider gave.
var errNoCopy = errors.New("no copy")

// PutManifest makes the chunks durable at the provider, and then puts the manifest there.
func PutManifest(ctx context.Context, store storage.Provider, key string, body []byte) error {
	if err := store.Sync(ctx); err != nil {
		return fmt.Errorf("make the chunks durable: %w", err)
	}
	if err := store.Put(ctx, key, body, sha256.Sum256(body), false); err != nil {
		return err
	}
	return store.Sync(ctx)
}

// News tells those who wait for chunks that one more provider has all that was given to it directly.
type News struct {
	mu   sync.Mutex
	left int // providers that have not told yet
	bell Bell
}

// NewNews returns the News of this number of providers.
func NewNews(providers int) *News { return &News{left: providers} }

// next returns a channel that is closed with the next news, nil when there will be none.
func (n *News) next() <-chan struct{} {
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

// Tell says that one more provider has all that was given to it directly.
func (n *News) Tell() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.left--
	n.bell.ring()
}
