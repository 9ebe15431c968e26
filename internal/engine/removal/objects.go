package removal

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// object is what is known of one chunk or index page.
type object struct {
	at     uint16 // bit i: provider i lists it
	want   uint16 // bit i: provider i has a manifest that names it and stays for now
	is     standing
	isPage bool
	size   int64
}

// standing says which recovery points name an object. Of those the lowest bit weighs most.
type standing uint8

const (
	whole  standing = 1 << iota // all that it names was noted
	needed                      // by one that stays
	marked                      // by one that is marked now
	going                       // by one that goes now
)

// named are the bits of an object that some recovery point names.
const named = needed | marked | going

// objects are all chunks and index pages that providers list or recovery points name. One takes some 100 bytes here.
type objects struct {
	mu  sync.Mutex
	all map[repository.ChunkID]object
}

// list takes in what a provider lists.
func (o *objects) list(ctx context.Context, p replicas.Provider, bit uint16) error {
	for _, prefix := range []string{replicas.ChunkPrefix, replicas.PagePrefix} {
		err := p.Store.List(ctx, prefix, func(found storage.Object) error {
			ref, ok := replicas.ParseKey(found.Key)
			if !ok {
				return nil
			}
			o.mu.Lock()
			defer o.mu.Unlock()
			x := o.all[ref.ID]
			x.at |= bit
			x.size = max(x.size, found.Size)
			x.isPage = ref.Kind == repository.ObjectIndex
			o.all[ref.ID] = x
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// names records that a recovery point of some standing names an object, and that its providers must have it. It reports
// whether that is news for what lies below: of an object that was whole, all of that is known, unless the point weighs
// more than those that named it before.
func (o *objects) names(ref repository.Ref, is standing, want uint16, complete bool) (news bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	x := o.all[ref.ID]
	news = x.is&whole == 0 || x.want|want != x.want || x.is&named&(is|(is-1)) == 0
	x.is, x.want = x.is|is, x.want|want
	if complete {
		x.is |= whole
	}
	x.isPage = ref.Kind == repository.ObjectIndex
	o.all[ref.ID] = x
	return news
}

func keyOf(id repository.ChunkID, x object) string {
	ref := repository.Ref{ID: id}
	if x.isPage {
		ref.Kind = repository.ObjectIndex
	}
	return ref.Key()
}

// walk reads what every recovery point names, and returns in words why nothing may go. It lists the objects after the
// manifests: a backup that publishes meanwhile has stored its objects before.
func (r *removal) walk(ctx context.Context) (held string, err error) {
	r.objects = &objects{all: map[repository.ChunkID]object{}}
	live := r.repo.Live()
	failed := make([]error, len(live))
	var g errgroup.Group
	for i, p := range live {
		g.Go(func() error {
			failed[i] = r.objects.list(ctx, p, r.bit(p))
			return nil
		})
	}
	_ = g.Wait()
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	for i, err := range failed {
		if err != nil {
			return cannotList(map[string]error{live[i].Name: err}), nil
		}
	}
	return r.reach(ctx)
}

func (r *removal) bit(p replicas.Provider) uint16 {
	return replicas.ProviderBit(r.repo.Providers, p.Name)
}

// reach walks the recovery points, those that stay first. It holds none of them: a manifest is some KiB, and there may
// be a hundred thousand.
func (r *removal) reach(ctx context.Context) (held string, err error) {
	ids := r.points.NewestFirst()
	whole := make([]bool, len(ids))
	held, err = r.each(ctx, ids, func(_ context.Context, i int, m *repository.Manifest) error {
		whole[i] = m.Type == keepsake.BackupFull || m.Type == keepsake.BackupIncremental
		return nil
	})
	if held != "" || err != nil {
		return held, err
	}
	var all []string
	for i, id := range ids {
		if whole[i] {
			all = append(all, id)
		}
	}
	r.protect(all)
	is := map[string]standing{}
	for _, id := range r.going {
		is[id] = going
	}
	for _, id := range r.marked {
		is[id] = marked
	}
	for _, as := range []standing{needed, marked, going} {
		group := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return cmp.Or(is[id], needed) != as })
		held, err := r.each(ctx, group, func(ctx context.Context, _ int, m *repository.Manifest) error {
			return r.reachPoint(ctx, m, as)
		})
		if held != "" || err != nil {
			return held, err
		}
	}
	return "", nil
}

// each reads manifests, some at once, and returns in words which one cannot be read or judged.
func (r *removal) each(ctx context.Context, ids []string, fn func(context.Context, int, *repository.Manifest) error) (
	held string, err error) {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallelManifests)
	for i, id := range ids {
		g.Go(func() error {
			m, _, err := r.Replicas.ReadManifest(gctx, r.repo, r.points.Holders(r.repo.Live(), id), id)
			if err == nil {
				err = fn(gctx, i, m)
			}
			if err != nil {
				return fmt.Errorf("recovery point %s: %w", id, err)
			}
			return nil
		})
	}
	err = g.Wait()
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err != nil:
		return heldBy(err), nil
	}
	return "", nil
}

// parallelManifests is how many manifests are read at once.
const parallelManifests = 8

func heldBy(err error) string {
	return sentence("What is needed cannot be told, because not all of it can be read:",
		keepsake.Sentence(keepsake.MessageOf(err)),
		"keepsake repair --deep --all copies what a provider has lost from one that has it. What no provider can give is "+
			"lost: delete the object manifests/ID of that recovery point at each provider by hand.")
}

func (r *removal) reachPoint(ctx context.Context, m *repository.Manifest, as standing) error {
	track := report.NewTracker(nil, r.Now)
	defer track.Close()
	live := r.repo.Live()
	src := replicas.NewSource(r.repo, replicas.Preferring(r.points.Holders(live, m.ID), live), m.ID, track)
	if err := r.points.Load(ctx, r.repo, src, m); err != nil {
		return err
	}
	want := uint16(0)
	for _, p := range r.points.Holders(live, m.ID) {
		if as != going || r.goesAt(p, m.ID) == nil {
			want |= r.bit(p)
		}
	}
	return m.Reach(ctx, src.Page, func(ref repository.Ref, complete bool) bool {
		return r.objects.names(ref, as, want, complete)
	})
}
