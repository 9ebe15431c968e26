package replicas

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Removals are the removal lists that lie at providers. Whoever stores a recovery point reads them first, uses no name
// that they condemn, and reads them again before and after it stores the manifest.
type Removals struct {
	Lists  []*repository.Removal      // the oldest first
	At     map[string]map[string]bool // by id, the providers that have it
	Failed map[string]error           // providers that could not be asked
	Unread []string                   // in words, lists that nobody made or that are damaged everywhere

	read      time.Time       // when, by this process's clock
	seen      map[string]bool // by name, also those that do not open
	condemned map[repository.ChunkID]bool
	points    map[string][]*repository.Removal // that no later list spares
	ever      map[string]bool                  // recovery points that any list names
}

func newRemovals() *Removals {
	return &Removals{
		At:        map[string]map[string]bool{},
		seen:      map[string]bool{},
		condemned: map[repository.ChunkID]bool{},
		points:    map[string][]*repository.Removal{},
		ever:      map[string]bool{},
	}
}

// isRemoval reports whether a key is one that Keepsake gives to a removal list.
func isRemoval(key string) bool {
	id, found := strings.CutPrefix(key, repository.RemovalPrefix)
	_, err := repository.ManifestTime(id)
	return found && err == nil
}

// removalCache keeps lists that were read: they are never replaced.
type removalCache struct {
	mu    sync.Mutex
	lists map[string]*repository.Removal // by name
}

// ReadRemovals reads every removal list at these providers. A list that lies somewhere counts everywhere, whatever its
// dates say, because clocks differ. A provider that does not give a list that it has counts as one that could not be
// asked.
func (s *Set) ReadRemovals(ctx context.Context, r *Repo, providers []Provider) (*Removals, error) {
	places, failed := ListEverywhere(ctx, providers, repository.RemovalPrefix, isRemoval)
	x := newRemovals()
	x.Failed, x.read = failed, s.Now().Round(0)
	names := slices.Sorted(maps.Keys(places))
	lists, failures := make([]*repository.Removal, len(names)), make([]error, len(names))
	unsure := make([]map[string]error, len(names)) // by list, the providers that may have it all the same
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallelManifests)
	for i, key := range names {
		g.Go(func() error {
			lists[i], unsure[i], failures[i] = s.readRemoval(gctx, r, places[key], key)
			return gctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for i, key := range names {
		x.seen[key] = true
		if err := failures[i]; err != nil {
			maps.Copy(x.Failed, unsure[i]) // it may open there later, and then a sweep goes by it
			// A sweep goes by lists that open at the provider itself, so this one deletes nothing.
			x.Unread = append(x.Unread, keepsake.Sentence("The removal list "+key+" does not open: "+Explain(err)))
			continue
		}
		for _, p := range places[key] {
			note(x.At, lists[i].ID, p.Name)
		}
		x.add(lists[i])
	}
	s.forgetRemovals(places)
	return x, ctx.Err()
}

// add takes lists in the order of their ids.
func (x *Removals) add(list *repository.Removal) *Removals {
	x.Lists = append(x.Lists, list)
	for _, id := range list.Spared {
		delete(x.points, id)
	}
	for _, ids := range []repository.IDs{list.Chunks, list.Pages} {
		for _, id := range ids {
			x.condemned[id] = true
		}
	}
	for _, p := range list.Points {
		x.points[p.ID], x.ever[p.ID] = append(x.points[p.ID], list), true
	}
	return x
}

// Condemned reports whether a list names this id, so that nothing may be stored under it.
func (x *Removals) Condemned(id repository.ChunkID) bool { return x.condemned[id] }

// Removes returns the newest list by which a recovery point goes, or nil where it stays.
func (x *Removals) Removes(point string) *repository.Removal {
	lists := x.points[point]
	if len(lists) == 0 {
		return nil
	}
	return lists[len(lists)-1]
}

// Named reports whether any list names a recovery point, also one that stays after all.
func (x *Removals) Named(point string) bool { return x.ever[point] }

// Naming returns every list by which a recovery point goes, the oldest first: two that were made at once may both.
func (x *Removals) Naming(point string) []*repository.Removal { return x.points[point] }

// Spares reports whether no list condemns any of these.
func (x *Removals) Spares(refs []*repository.Ref) bool {
	return !slices.ContainsFunc(refs, func(r *repository.Ref) bool { return x.condemned[r.ID] })
}

// readRemoval reads a list from the first provider that has a sound copy. Where none has, unsure are the providers that
// may have one all the same.
func (s *Set) readRemoval(ctx context.Context, r *Repo, holders []Provider, key string) (list *repository.Removal,
	unsure map[string]error, err error) {
	s.removals.mu.Lock()
	list = s.removals.lists[key]
	s.removals.mu.Unlock()
	if list != nil {
		return list, nil, nil
	}
	unsure = map[string]error{}
	q := FirstSound[[]byte]{What: "removal lists"}
	q.Ask = func(ctx context.Context, p Provider) ([]byte, error) {
		return p.Store.Get(ctx, key, repository.MaxRemoval)
	}
	q.Sound = func(_ Provider, sealed []byte) (err error) {
		list, err = r.Keys.OpenRemoval(key, sealed)
		return err
	}
	q.Failed = func(p Provider, failed error) {
		if err = failed; !isDamage(failed) {
			unsure[p.Name] = failed
		}
	}
	if !q.Read(ctx, holders) {
		return nil, unsure, firstError(ctx.Err(), err, errWrongBytes)
	}
	s.removals.mu.Lock()
	defer s.removals.mu.Unlock()
	if s.removals.lists == nil {
		s.removals.lists = map[string]*repository.Removal{}
	}
	s.removals.lists[key] = list
	return list, nil, nil
}

// forgetRemovals drops lists that lie nowhere any more.
func (s *Set) forgetRemovals(there map[string][]Provider) {
	s.removals.mu.Lock()
	defer s.removals.mu.Unlock()
	maps.DeleteFunc(s.removals.lists, func(key string, list *repository.Removal) bool {
		return len(there[key]) == 0 && list.Expires.Before(s.Now())
	})
}

// Publish stores a recovery point's manifest at a provider by put. It fails when a removal list that known does not
// have condemns something that the point names: then what it names may go at any moment, and it is no copy.
func (s *Set) Publish(ctx context.Context, r *Repo, p Provider, known *Removals, refs []*repository.Ref, point string,
	put func() error) error {
	if err := s.stillSpared(ctx, r, p, known, refs); err != nil {
		return err
	}
	if err := put(); err != nil {
		return err
	}
	err := s.stillSpared(ctx, r, p, known, refs)
	if err != nil && keepsake.CodeOf(err) == keepsake.CodeConflict {
		// What it names may go, and then a manifest would keep everything from going that nobody needs. Where credentials
		// may not delete, it is found by who verifies.
		_ = p.Store.Delete(ctx, repository.ManifestKey(point))
	}
	return err
}

// longestBackup is for how long what was read of removal lists is believed: within that time none that came has gone.
const longestBackup = 7 * 24 * time.Hour

func (s *Set) stillSpared(ctx context.Context, r *Repo, p Provider, known *Removals, refs []*repository.Ref) error {
	if took := s.Now().Round(0).Sub(known.read); took > longestBackup {
		return keepsake.Errorf(keepsake.CodeConflict, "It took %d days to make the recovery point, and what it needs may "+
			"have been removed meanwhile. Take another backup.", int(took.Hours()/24))
	}
	places, failed := ListEverywhere(ctx, []Provider{p}, repository.RemovalPrefix, func(key string) bool {
		return isRemoval(key) && !known.seen[key]
	})
	if err := firstError(ctx.Err(), failed[p.Name]); err != nil {
		return err
	}
	for key, holders := range places {
		list, _, err := s.readRemoval(ctx, r, holders, key)
		if err != nil {
			return err
		}
		if fresh := newRemovals(); !fresh.add(list).Spares(refs) {
			return errCondemned(list.Time)
		}
	}
	return nil
}

func errCondemned(at time.Time) error {
	return keepsake.Errorf(keepsake.CodeConflict, "Something that the recovery point needs was marked for removal at %s, "+
		"while it was made, and may be gone there. Take another backup.", at.UTC().Format(time.RFC3339))
}
