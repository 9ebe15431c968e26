package removal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
)

const (
	// batch is how many objects are deleted before the sweep looks again whether its list is there.
	batch = 64
	// deletesAtOnce is how many go at one provider at a time.
	deletesAtOnce = 8
)

// sweep deletes at each provider what a list there condemns and nothing needs: first the manifests of what goes, then
// chunks and index pages.
func (r *removal) sweep(ctx context.Context) error {
	lists := slices.DeleteFunc(slices.Clone(r.lists.Lists), func(l *repository.Removal) bool { return !r.due(l) })
	live := r.repo.Live()
	freed := make([]Freed, len(live))
	r.track.Update(func(s *report.Progress) {
		for _, p := range live {
			s.Providers = append(s.Providers, report.ProviderProgress{Name: p.Name, State: report.ItemRunning})
		}
	})
	if held, err := r.stillToGo(ctx); err != nil {
		return err
	} else if held != "" {
		r.result.Problem = held
		r.track.Reportedf("%s", held)
		return nil
	}
	var g sync.WaitGroup
	for i, p := range live {
		g.Go(func() {
			freed[i] = Freed{Provider: p.Name}
			if err := r.sweepAt(ctx, p, lists, &freed[i]); err != nil && ctx.Err() == nil {
				freed[i].Problem = replicas.Explain(err)
				r.track.Reportedf("Provider %s: not all of what goes went. %s", p.Name, freed[i].Problem)
			}
			r.track.Provider(p.Name, func(s *report.ProviderProgress) {
				if s.State = report.ItemDone; freed[i].Problem != "" {
					s.State, s.Error = report.ItemFailed, freed[i].Problem
				}
			})
		})
	}
	g.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r.result.Freed = freed
	left := map[string]bool{}
	for _, f := range freed {
		left[f.Provider] = f.Problem != ""
	}
	for _, id := range r.going {
		if !slices.ContainsFunc(r.points.Holders(live, id), func(p replicas.Provider) bool { return left[p.Name] }) {
			r.result.Removed = append(r.result.Removed, repository.RemovedPoint{ID: id, Why: r.why[id]})
		}
	}
	return nil
}

// stillToGo looks again at the notes on what goes: reading the repository took its time.
func (r *removal) stillToGo(ctx context.Context) (held string, err error) {
	marks := replicas.NewMarks(r.repo, r.repo.Live())
	for _, id := range r.going {
		locked, unread, err := marks.Locked(ctx, id)
		if err != nil {
			return "", err
		}
		if locked || len(unread) > 0 {
			r.spared, r.result.Spared = append(r.spared, id), append(r.result.Spared, id)
			held = sentence("Nothing was deleted, because somebody has just locked recovery point", id,
				"or a note on it cannot be read. The next retention goes on.")
		}
	}
	return held, nil
}

// sentenceError is an error in whole words.
type sentenceError string

func (e sentenceError) Error() string { return string(e) }

// sweepAt deletes manifests first, by whichever list they go: what they name may be condemned by another one.
func (r *removal) sweepAt(ctx context.Context, p replicas.Provider, lists []*repository.Removal, freed *Freed) error {
	if short := r.short(p); short != "" {
		return sentenceError(short)
	}
	sizes := map[string]int64{}
	for _, l := range lists {
		if !r.liesAt(p, l) {
			continue // whoever writes there may not know of it
		}
		size, err := r.opens(ctx, p, l)
		if err != nil {
			return err
		}
		sizes[l.ID] = size
	}
	for _, id := range r.going {
		if !r.points.At[id][p.Name] {
			continue
		}
		l := r.goesAt(p, id)
		if l == nil {
			freed.Problem = "It was not there when recovery points were marked, so its copies of them go later."
			continue
		}
		if err := r.stillMarked(ctx, p, l, sizes[l.ID]); err != nil {
			return err
		}
		if err := p.Store.Delete(ctx, repository.ManifestKey(id)); err != nil {
			return err
		}
		r.track.Infof("Provider %s: recovery point %s is deleted.", p.Name, id)
		freed.Points++
	}
	// Before anything goes that a manifest names, the manifest is gone for good.
	if err := p.Store.Sync(ctx); err != nil {
		return err
	}
	for _, l := range lists {
		if size, there := sizes[l.ID]; there {
			if err := r.sweepList(ctx, p, l, size, freed); err != nil {
				return err
			}
		}
	}
	return p.Store.Sync(ctx)
}

// liesAt reports whether a list lies at a provider that it names.
func (r *removal) liesAt(p replicas.Provider, l *repository.Removal) bool {
	return r.lists.At[l.ID][p.Name] && slices.Contains(l.Providers, r.repo.Identities[p.Name].Provider)
}

// goesAt returns a list by which a recovery point goes at a provider now, or nil where it stays there.
func (r *removal) goesAt(p replicas.Provider, point string) *repository.Removal {
	for _, l := range r.lists.Naming(point) {
		if r.due(l) && r.liesAt(p, l) {
			return l
		}
	}
	return nil
}

// short says that a provider lacks, or does not list, something that a recovery point there needs.
func (r *removal) short(p replicas.Provider) string {
	bit, lacking := r.bit(p), 0
	for _, x := range r.objects.all {
		if x.want&bit != 0 && x.at&bit == 0 {
			lacking++
		}
	}
	if lacking == 0 {
		return ""
	}
	return fmt.Sprintf("It does not list %s that recovery points there need, so nothing is deleted there. Repair it "+
		"first.", report.Plural(lacking, "object"))
}

// sweepList deletes what a list condemns and nothing needs.
func (r *removal) sweepList(ctx context.Context, p replicas.Provider, l *repository.Removal, size int64,
	freed *Freed) error {
	bit := r.bit(p)
	var keys []string
	var sizes []int64
	for _, ids := range []repository.IDs{l.Chunks, l.Pages} {
		for _, id := range ids {
			if x := r.objects.all[id]; x.at&bit != 0 && x.want&bit == 0 && x.is&(needed|marked) == 0 {
				keys, sizes = append(keys, keyOf(id, x)), append(sizes, x.size)
			}
		}
	}
	for len(keys) > 0 {
		n := min(batch, len(keys))
		if err := r.stillMarked(ctx, p, l, size); err != nil {
			return err
		}
		if err := deleteAll(ctx, p, keys[:n]); err != nil {
			return err
		}
		for _, size := range sizes[:n] {
			freed.Objects++
			freed.Bytes += size
		}
		keys, sizes = keys[n:], sizes[n:]
		r.track.Provider(p.Name, func(s *report.ProviderProgress) { s.Confirmed += int64(n) })
	}
	return nil
}

// opens reads a list at the provider whose objects it names, and returns its size in bytes.
func (r *removal) opens(ctx context.Context, p replicas.Provider, l *repository.Removal) (size int64, err error) {
	key := repository.RemovalKey(l.ID)
	sealed, err := p.Store.Get(ctx, key, repository.MaxRemoval)
	if err != nil {
		return 0, err
	}
	_, err = r.repo.Keys.OpenRemoval(key, sealed)
	return int64(len(sealed)), err
}

// stillMarked looks for the list where it lies. One that is gone was dropped by another sweep, and what it names may be
// used again. A list that ends soon counts no longer, however long ago the sweep began.
func (r *removal) stillMarked(ctx context.Context, p replicas.Provider, l *repository.Removal, size int64) error {
	if !r.Now().Before(l.Expires.Add(-late)) {
		return errUnmarked
	}
	there, err := p.Store.Stat(ctx, repository.RemovalKey(l.ID))
	if errors.Is(err, storage.ErrNotFound) || err == nil && there.Size != size {
		return errUnmarked
	}
	return err
}

const errUnmarked = sentenceError("The removal list does not count any more, so nothing more is deleted by it.")

func deleteAll(ctx context.Context, p replicas.Provider, keys []string) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(deletesAtOnce)
	for _, key := range keys {
		g.Go(func() error { return p.Store.Delete(ctx, key) })
	}
	return g.Wait()
}

// dropExpired takes lists away by which nobody can delete any more.
func (r *removal) dropExpired(ctx context.Context) {
	for _, l := range r.lists.Lists {
		if r.now.Before(l.Expires.Add(rests)) {
			continue
		}
		for _, p := range r.repo.Live() {
			if err := p.Store.Delete(ctx, repository.RemovalKey(l.ID)); err != nil {
				r.track.Warnf("Provider %s: the removal list %s could not be taken away. %s", p.Name, l.ID, replicas.Explain(err))
			}
		}
	}
}
