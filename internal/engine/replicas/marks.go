package replicas

import (
	"context"
	"encoding/json"
	"maps"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// PointMark is what people wrote to a recovery point after it was made. The repository holds it, so that it outlives
// the console.
type PointMark struct {
	Note   string            `json:"note"`
	Labels map[string]string `json:"labels,omitempty"`
	Locked bool              `json:"locked,omitempty"` // retention never removes it
	Trust  keepsake.Trust    `json:"trust,omitempty"`
	By     string            `json:"by,omitempty"`
	At     time.Time         `json:"at"`
}

// pointTopics is the topic of the notes on recovery points: pointTopics/<id>.
const pointTopics = "points"

// MarkPoint replaces what people wrote to a recovery point. It returns an error only when no provider holds that
// afterwards.
func (s *Set) MarkPoint(ctx context.Context, id string, m PointMark) (Kept, error) {
	r, from, err := s.OpenFor(ctx, "")
	if err != nil {
		return Kept{}, err
	}
	l, err := ListManifests(ctx, from)
	if err != nil {
		return Kept{}, err
	}
	if len(l.At[id]) == 0 {
		return Kept{}, keepsake.Errorf(keepsake.CodeNotFound,
			"there is no recovery point %s at the providers asked: keepsake points lists them", id)
	}
	m.At = s.Now().UTC()
	plain, err := json.Marshal(m)
	if err != nil {
		return Kept{}, err
	}
	return s.keepNote(ctx, r, pointTopics+"/"+id, plain)
}

// mark puts what people wrote to the points: one question to each provider, and one to a holder of each marked point
// where its newest note is sound.
func mark(ctx context.Context, r *Repo, from []Provider, points []report.Point) error {
	places := markPlaces(ctx, from)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallelManifests)
	for i := range points {
		p := &points[i]
		if len(places[p.ID]) == 0 {
			continue
		}
		g.Go(func() error {
			note, _, err := newestThatOpens(gctx, r, places[p.ID])
			var m PointMark
			// notes that cannot be read leave the point as it was made
			if err == nil && note != nil && json.Unmarshal(note.Plain, &m) == nil {
				p.Note, p.Locked, p.Trust = m.Note, m.Locked, m.Trust
				p.Labels = maps.Clone(m.Labels)
			}
			return err
		})
	}
	return g.Wait()
}

// markPlaces lists the notes on recovery points, by point and note.
func markPlaces(ctx context.Context, from []Provider) map[string]map[string][]Provider {
	places := map[string]map[string][]Provider{}
	prefix := NotePrefix + pointTopics + "/"
	// of one that does not list its notes, the others have them
	all, _ := ListEverywhere(ctx, from, prefix, func(key string) bool {
		id, _, found := strings.Cut(strings.TrimPrefix(key, prefix), "/")
		return found && isNote(prefix+id+"/", key)
	})
	for key, holders := range all {
		id, _, _ := strings.Cut(strings.TrimPrefix(key, prefix), "/")
		if places[id] == nil {
			places[id] = map[string][]Provider{}
		}
		places[id][key] = holders
	}
	return places
}

// Marks are what people wrote to recovery points, listed once for all of them.
type Marks struct {
	repo   *Repo
	from   []Provider
	places map[string]map[string][]Provider // by point and note; nil: not listed yet
}

// NewMarks returns the marks at these providers. It asks nothing yet.
func NewMarks(r *Repo, from []Provider) *Marks { return &Marks{repo: r, from: from} }

// Trust returns what somebody said of a recovery point.
func (k *Marks) Trust(ctx context.Context, id string) (keepsake.Trust, error) {
	if k.places == nil {
		k.places = markPlaces(ctx, k.from)
	}
	if len(k.places[id]) == 0 {
		return keepsake.TrustUnsaid, ctx.Err()
	}
	note, _, err := newestThatOpens(ctx, k.repo, k.places[id])
	if err != nil || note == nil {
		return keepsake.TrustUnsaid, err
	}
	var said PointMark
	if json.Unmarshal(note.Plain, &said) != nil { // what cannot be read leaves the point as it was made
		return keepsake.TrustUnsaid, nil
	}
	return said.Trust, nil
}

// Suspect says why a recovery point is suspect, "" where it is not.
func (k *Marks) Suspect(ctx context.Context, m *repository.Manifest) (string, error) {
	trust, err := k.Trust(ctx, m.ID)
	p := report.Point{Doubts: m.Doubts, Trust: trust}
	return p.DoubtWords(), err
}
