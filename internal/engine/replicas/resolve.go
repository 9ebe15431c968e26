package replicas

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/policy"
)

// LatestWhole is the word that names the newest recovery point that covers every tier.
const LatestWhole = "latest"

// Resolve finds a recovery point by its id or by the word latest, of which policy.Latest says what it means, and loads
// it. Those that it passes by are in the listing's Passed.
func (s *Set) Resolve(ctx context.Context, r *Repo, providers []Provider, point string) (*repository.Manifest, Listing,
	[]report.VerifyFinding, error) {
	l, err := ListManifests(ctx, providers)
	if err != nil {
		return nil, l, nil, err
	}
	return s.ResolveIn(ctx, r, l, providers, point)
}

// ResolveIn is Resolve for who has listed the manifests already. It loads the index of the point that it finds alone.
func (s *Set) ResolveIn(ctx context.Context, r *Repo, l Listing, providers []Provider, point string) (
	*repository.Manifest, Listing, []report.VerifyFinding, error) {
	marks := NewMarks(r, providers)
	if point != LatestWhole && point != "" {
		m, damaged, err := s.ReadLoaded(ctx, r, l, providers, point)
		if err == nil {
			l.Suspect, l.Unread, err = marks.Suspect(ctx, m)
		}
		return m, l, damaged, err
	}
	q := &search{set: s, repo: r, list: l, from: providers, marks: marks, ids: l.NewestFirst()}
	m, err := q.latest(ctx)
	return m, q.list, q.damaged, err
}

// search looks for the recovery point that latest means.
type search struct {
	set     *Set
	repo    *Repo
	list    Listing
	from    []Provider
	marks   *Marks
	ids     []string             // newest first
	known   []candidate          // the first of them, as far as they were read
	last    *repository.Manifest // that was read
	damaged []report.VerifyFinding
}

// candidate is a recovery point that latest may mean, and why somebody's doubt about it may be unread.
type candidate struct {
	policy.Candidate
	unread []string
}

// latest loads the recovery point, another one where its index cannot be read.
func (q *search) latest(ctx context.Context) (*repository.Manifest, error) {
	for {
		taken, passed, there := policy.Latest(q.candidates(ctx))
		at := slices.Index(q.ids, taken.ID)
		q.list.Passed = nil
		for _, c := range passed {
			q.list.Passed = append(q.list.Passed, passedBy(c, there && slices.Index(q.ids, c.ID) > at))
		}
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case !there && len(passed) > 0:
			return nil, passed[0].Err
		case !there:
			return nil, NoPoint(q.repo, q.list)
		}
		m, err := q.load(ctx, taken.ID)
		if err != nil {
			q.known[at].Err = err
			continue
		}
		q.list.Unread = q.known[at].unread
		if taken.Suspect != "" {
			q.list.Suspect = taken.Suspect + " There is none that is not."
		}
		return m, nil
	}
}

// candidates reads the manifests, each once, as far as somebody asks for them.
func (q *search) candidates(ctx context.Context) iter.Seq[policy.Candidate] {
	return func(yield func(policy.Candidate) bool) {
		for i, id := range q.ids {
			if i == len(q.known) {
				q.known = append(q.known, q.read(ctx, id))
			}
			if ctx.Err() != nil || !yield(q.known[i].Candidate) {
				return
			}
		}
	}
}

func (q *search) read(ctx context.Context, id string) (c candidate) {
	m, bad, err := q.set.ReadManifest(ctx, q.repo, q.list.Holders(q.from, id), id)
	q.damaged, q.last = append(q.damaged, bad...), m
	c.ID, c.Err = id, err
	if err == nil {
		c.Type = m.Type
		c.Suspect, c.unread, c.Err = q.marks.Suspect(ctx, m)
	}
	return c
}

func (q *search) load(ctx context.Context, id string) (m *repository.Manifest, err error) {
	var bad []report.VerifyFinding
	if m = q.last; m != nil && m.ID == id {
		bad, err = q.set.load(ctx, q.repo, q.list, q.from, m)
	} else {
		m, bad, err = q.set.ReadLoaded(ctx, q.repo, q.list, q.from, id)
	}
	q.damaged = append(q.damaged, bad...)
	return m, err
}

// Passed is a recovery point that latest passed by, and why: nobody could read it, or it is suspect.
type Passed struct {
	ID      string
	Err     error
	Suspect bool
	Older   bool // than the one that is taken
}

func passedBy(c policy.Candidate, older bool) Passed {
	if c.Err != nil {
		return Passed{ID: c.ID, Err: c.Err, Older: older}
	}
	return Passed{ID: c.ID, Err: errors.New(c.Suspect), Suspect: true}
}

// Words says that another recovery point is taken instead.
func (p Passed) Words() string {
	why := keepsake.Sentence(keepsake.MessageOf(p.Err))
	switch {
	case p.Suspect:
		return keepsake.PassedBy(p.ID, keepsake.MessageOf(p.Err))
	case p.Older:
		return "The older recovery point " + p.ID + " cannot be read, so nobody knows whether it would be better. " + why
	}
	return "The newer recovery point " + p.ID + " cannot be read, so an older one is taken. " + why
}

// mostWarned is how many points that latest passed by are named.
const mostWarned = 3

// Warnings says in words what somebody has to know of the recovery point that was found.
func (l Listing) Warnings() []string {
	var words []string
	for _, p := range l.Passed[:min(len(l.Passed), mostWarned)] {
		words = append(words, p.Words())
	}
	if more := len(l.Passed) - len(words); more > 0 {
		words = append(words, fmt.Sprintf("%d more before these were passed by as well.", more))
	}
	if l.Suspect != "" {
		words = append(words, keepsake.SuspectPoint(l.Suspect))
	} else if len(l.Unread) > 0 {
		words = append(words, keepsake.DoubtUnread(l.Unread))
	}
	return words
}

// WithoutDoubts is the listing without what is wrong with suspect points, which is about everybody's tables.
// It does not say either what is wrong with a provider.
func (l Listing) WithoutDoubts() Listing {
	l.Passed = slices.Clone(l.Passed)
	for i := range l.Passed {
		if l.Passed[i].Suspect {
			l.Passed[i].Err = errors.New("Its page says why.") //nolint:revive,staticcheck // a sentence behind another one
		}
	}
	if l.Suspect != "" {
		l.Suspect = "Its page says why."
	}
	if len(l.Unread) > 0 {
		l.Unread = []string{"Its page says why."}
	}
	return l
}
