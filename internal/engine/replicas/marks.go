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
	k := NewMarks(r, from)
	if k.list(ctx); ctx.Err() != nil {
		return ctx.Err()
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallelManifests)
	for i := range points {
		p := &points[i]
		g.Go(func() error {
			m, unread, err := k.read(gctx, p.ID)
			if m != nil {
				p.Note, p.Locked, p.Trust = m.Note, m.Locked, m.Trust
				p.Labels = maps.Clone(m.Labels)
			}
			p.NotesUnread = unread
			return err
		})
	}
	return g.Wait()
}

// markPlaces lists the notes on recovery points, by point and note, and returns who could not be asked for theirs.
func markPlaces(ctx context.Context, from []Provider) (map[string]map[string][]Provider, map[string]error) {
	places := map[string]map[string][]Provider{}
	prefix := NotePrefix + pointTopics + "/"
	all, failed := ListEverywhere(ctx, from, prefix, func(key string) bool {
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
	return places, failed
}

// Marks are what people wrote to recovery points, listed once for all of them.
type Marks struct {
	repo   *Repo
	from   []Provider
	places map[string]map[string][]Provider // by point and note; nil: not listed yet
	failed map[string]error                 // providers whose notes could not be listed
}

// NewMarks returns the marks at these providers. It asks nothing yet.
func NewMarks(r *Repo, from []Provider) *Marks { return &Marks{repo: r, from: from} }

func (k *Marks) list(ctx context.Context) {
	if k.places == nil {
		k.places, k.failed = markPlaces(ctx, k.from)
	}
}

// read returns the newest mark of a recovery point that opens, nil where there is none, and in words why newer ones may
// be unread. What cannot be read leaves the point as it was made.
func (k *Marks) read(ctx context.Context, id string) (m *PointMark, unread []string, err error) {
	for _, u := range k.repo.Unasked(Listing{Failed: k.failed}) {
		unread = append(unread, "Provider "+u.Provider+" could not be asked. "+keepsake.Sentence(u.Why))
	}
	if len(k.places[id]) == 0 {
		return nil, unread, ctx.Err()
	}
	note, closed, err := newestThatOpens(ctx, k.repo, k.places[id])
	for _, why := range closed {
		unread = append(unread, keepsake.Sentence(why))
	}
	if err != nil || note == nil {
		return nil, unread, err
	}
	m = &PointMark{}
	if json.Unmarshal(note.Plain, m) != nil {
		return nil, append(unread, "Its newest note is of a version that is not known here."), nil
	}
	return m, unread, nil
}

// Locked reports whether somebody has said that a recovery point is never removed, and in words why that may be unread.
func (k *Marks) Locked(ctx context.Context, id string) (locked bool, unread []string, err error) {
	k.list(ctx)
	m, unread, err := k.read(ctx, id)
	return m != nil && m.Locked, unread, err
}

// Trust returns what somebody said of a recovery point, and in words why a newer word may be unread.
func (k *Marks) Trust(ctx context.Context, id string) (keepsake.Trust, []string, error) {
	k.list(ctx)
	m, unread, err := k.read(ctx, id)
	if m == nil {
		return keepsake.TrustUnsaid, unread, err
	}
	return m.Trust, unread, err
}

// Suspect says why a recovery point is suspect, "" where it is not, and why somebody's doubt may be unread.
func (k *Marks) Suspect(ctx context.Context, m *repository.Manifest) (words string, unread []string, err error) {
	trust, unread, err := k.Trust(ctx, m.ID)
	p := report.Point{Doubts: m.Doubts, Trust: trust}
	return p.DoubtWords(), unread, err
}
