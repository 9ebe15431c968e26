package removal

import (
	"context"
	"slices"
	"time"

	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Pending is what was marked and has yet to go.
type Pending struct {
	Lists []PendingList // the oldest first
	// Gone are the ids of all recovery points that a list names and that no provider lists any more. Where a provider
	// could not be asked, it is empty.
	Gone []string
	// Unread says in sentences which removal lists could not be read.
	Unread []string
}

// PendingList is a removal list that counts.
type PendingList struct {
	ID      string                    `json:"id"`
	Time    time.Time                 `json:"time"`
	Due     time.Time                 `json:"due"`     // before this time nothing of it goes
	Points  []repository.RemovedPoint `json:"points"`  // of those that it names, the ones that are still there
	Objects int64                     `json:"objects"` // chunks and index pages that it names
}

// Marked returns the list that names a recovery point.
func (p Pending) Marked(point string) (list PendingList, found bool) {
	for _, l := range p.Lists {
		if slices.ContainsFunc(l.Points, func(r repository.RemovedPoint) bool { return r.ID == point }) {
			return l, true
		}
	}
	return PendingList{}, false
}

// Pending reads the removal lists that count, and changes nothing. It leaves those out of which nothing has yet to go.
func (by *Remover) Pending(ctx context.Context) (Pending, error) {
	repo, err := by.Replicas.Open(ctx)
	if err != nil {
		return Pending{}, err
	}
	live := repo.Live()
	lists, err := by.Replicas.ReadRemovals(ctx, repo, live)
	if err != nil {
		return Pending{}, err
	}
	points, err := replicas.ListManifests(ctx, live)
	if err != nil {
		return Pending{}, err
	}
	p := Pending{Lists: []PendingList{}, Gone: []string{}, Unread: slices.Clone(lists.Unread)}
	for name, err := range lists.Failed {
		p.Unread = append(p.Unread, keepsake.Sentence("Provider "+name+" cannot list its removal lists. "+
			replicas.Explain(err)))
	}
	slices.Sort(p.Unread)
	allListed := len(lists.Failed) == 0 && len(points.Failed) == 0 && len(live) == len(repo.Providers)
	now := by.Now()
	for _, l := range lists.Lists {
		if !complete(repo, lists, l) {
			for _, point := range l.Points {
				if allListed && len(points.At[point.ID]) == 0 {
					p.Gone = append(p.Gone, point.ID)
				}
			}
			continue // nothing goes by it
		}
		pending := PendingList{
			ID:      l.ID,
			Time:    l.Time,
			Due:     l.Due,
			Points:  []repository.RemovedPoint{},
			Objects: int64(len(l.Chunks) + len(l.Pages)),
		}
		if least := l.Time.Add(LeastGrace); least.After(l.Due) {
			pending.Due = least
		}
		for _, point := range l.Points {
			switch there := len(points.At[point.ID]) > 0; {
			case there && lists.Removes(point.ID) == l: // no later list spares it
				pending.Points = append(pending.Points, point)
			case !there && allListed:
				p.Gone = append(p.Gone, point.ID)
			}
		}
		waits := pending.Objects > 0 && now.Before(pending.Due)
		if now.Before(l.Expires) && (waits || len(pending.Points) > 0) {
			p.Lists = append(p.Lists, pending)
		}
	}
	slices.Sort(p.Gone)
	p.Gone = slices.Compact(p.Gone) // two lists may name the same
	return p, nil
}
