package removal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// mark writes a list of what goes next: the recovery points that go, what they alone need, and what was left over long
// ago. What is left over now is noted, because a backup may run that needs it.
func (r *removal) mark(ctx context.Context) error {
	if err := r.addNews(ctx); err != nil {
		return err
	}
	if err := r.clockIsSound(); err != nil {
		return err
	}
	l := &repository.Removal{
		Format:     repository.FormatVersion,
		Repository: r.repo.Keys.Repository(),
		ID:         repository.NextID(r.now, r.lastList()),
		Time:       r.now.UTC(),
		Due:        r.now.UTC().Add(r.in.Grace),
		Expires:    r.now.UTC().Add(r.in.Grace + kept),
		Points:     r.removed(r.marked),
		Spared:     r.spared,
	}
	for _, p := range r.repo.Live() {
		l.Providers = append(l.Providers, r.repo.Identities[p.Name].Provider)
	}
	bytes, left := r.condemn(l)
	r.result.Marked = l.Points
	r.result.Objects, r.result.Bytes = int64(len(l.Chunks)+len(l.Pages)), bytes
	if len(l.Points) == 0 && r.result.Objects == 0 && left == 0 && len(l.Spared) == 0 || r.in.Preview {
		return nil
	}
	if err := r.store(ctx, l); err != nil {
		r.result.Marked, r.result.Objects, r.result.Bytes = []repository.RemovedPoint{}, 0, 0
		return err
	}
	r.result.List, r.result.Due = l.ID, l.Due
	r.track.Infof("%s and %s are marked and go after %s.", report.Plural(len(l.Points), "recovery point"),
		report.Plural(len(l.Chunks)+len(l.Pages), "object"), l.Due.Format("2006-01-02 15:04 MST"))
	return nil
}

// store puts a list at every provider. Each that can takes it, so that nobody uses what it condemns. Nothing goes by it
// while one lacks it.
func (r *removal) store(ctx context.Context, l *repository.Removal) error {
	key, sealed, err := r.repo.Keys.SealRemoval(l)
	if err != nil {
		return err
	}
	var g errgroup.Group
	for _, p := range r.repo.Live() {
		g.Go(func() error {
			err := p.Store.Put(ctx, key, sealed, sha256.Sum256(sealed), false)
			if err == nil {
				err = p.Store.Sync(ctx)
			}
			if err != nil {
				return keepsake.Errorf(keepsake.CodeUnavailable, "provider %s did not take the removal list, so nothing is "+
					"marked: %s", p.Name, replicas.Explain(err))
			}
			return nil
		})
	}
	return g.Wait()
}

// clockIsSound refuses to mark by a clock that is behind: the grace period would be over too soon by one that is not.
func (r *removal) clockIsSound() error {
	ids := r.points.NewestFirst()
	if len(ids) == 0 {
		return nil
	}
	newest, err := repository.ManifestTime(ids[0])
	if err != nil || !newest.After(r.now.Add(clockSlack)) {
		return err
	}
	return keepsake.Errorf(keepsake.CodeUnavailable, "this machine's clock says %s, which is before the newest recovery "+
		"point (%s), so nothing is marked: set the clock", r.now.UTC().Format(time.RFC3339), ids[0])
}

// clockSlack is by how much clocks of different machines may differ.
const clockSlack = 15 * time.Minute

// addNews notes what recovery points need that were published since the manifests were listed.
func (r *removal) addNews(ctx context.Context) error {
	now, err := replicas.ListManifests(ctx, r.repo.Live())
	if err != nil {
		return err
	}
	if held := cannotList(now.Failed); held != "" {
		return keepsake.Errorf(keepsake.CodeUnavailable, "%s", held)
	}
	for id := range now.At {
		if r.points.At[id] != nil {
			continue
		}
		m, _, err := r.Replicas.ReadManifest(ctx, r.repo, now.Holders(r.repo.Live(), id), id)
		if err != nil {
			return err
		}
		r.points.At[id] = now.At[id]
		if err := r.reachPoint(ctx, m, needed); err != nil {
			return err
		}
	}
	return nil
}

func (r *removal) lastList() (id string) {
	for _, l := range r.lists.Lists {
		id = max(id, l.ID)
	}
	return id
}

// condemn fills the list, and returns the size of what it condemns, in bytes at one provider, and how much is left
// over.
func (r *removal) condemn(l *repository.Removal) (size int64, left int) {
	leftLong := map[repository.ChunkID]bool{}
	noted := map[repository.ChunkID]bool{}
	for _, earlier := range r.lists.Lists {
		for _, ids := range []repository.IDs{earlier.LeftOver, earlier.LeftPages} {
			for _, id := range ids {
				noted[id] = true
				leftLong[id] = leftLong[id] || !r.now.Before(earlier.Time.Add(leftFor))
			}
		}
	}
	ids := slices.SortedFunc(maps.Keys(r.objects.all), func(a, b repository.ChunkID) int {
		return bytes.Compare(a[:], b[:])
	})
	for _, id := range ids {
		x := r.objects.all[id]
		switch {
		case x.at == 0 || x.is&needed != 0 || x.is&marked == 0 && r.lists.Condemned(id):
		case x.is&marked != 0 || x.is&going == 0 && leftLong[id]:
			if len(l.Chunks)+len(l.Pages) < mostObjects {
				size += x.size
				put(&l.Chunks, &l.Pages, id, x)
			}
		case x.is&going == 0 && !noted[id] && left < mostObjects:
			left++
			put(&l.LeftOver, &l.LeftPages, id, x)
		}
	}
	return size, left
}

func put(chunks, pages *repository.IDs, id repository.ChunkID, x object) {
	if x.isPage {
		*pages = append(*pages, id)
		return
	}
	*chunks = append(*chunks, id)
}
