package replicas

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// LatestWhole is the word that names the newest recovery point that covers every tier.
const LatestWhole = "latest"

// Resolve finds a recovery point by its id or by the word latest, and loads it. While there is a point that covers
// every tier, latest never means one of the critical tier alone; while there is one that is not suspect, it never means
// a suspect one. Newer points that nobody can read, and suspect ones, are in the listing's Passed.
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
	var damaged []report.VerifyFinding
	found := func(id string) (*repository.Manifest, Listing, []report.VerifyFinding, error) {
		m, bad, err := s.ReadLoaded(ctx, r, l, providers, id)
		return m, l, append(damaged, bad...), err
	}
	var critical, suspect, words string // the newest of these
	for _, id := range l.NewestFirst() {
		m, bad, err := s.ReadManifest(ctx, r, l.Holders(providers, id), id)
		damaged = append(damaged, bad...)
		why, unread := "", []string(nil)
		if err == nil {
			why, unread, err = marks.Suspect(ctx, m)
		}
		whole := err == nil && (m.Type == keepsake.BackupFull || m.Type == keepsake.BackupIncremental)
		if whole && why == "" {
			var bad []report.VerifyFinding
			if bad, err = s.load(ctx, r, l, providers, m); err == nil {
				l.Unread = unread
				return m, l, append(damaged, bad...), nil
			}
			damaged = append(damaged, bad...)
		}
		switch {
		case ctx.Err() != nil:
			return nil, l, nil, ctx.Err()
		case err != nil:
			l.Passed = append(l.Passed, Passed{ID: id, Err: err})
		case whole:
			l.Passed = append(l.Passed, Passed{ID: id, Err: errors.New(why), Suspect: true})
			if suspect == "" {
				suspect, words = id, why
			}
		case critical == "" && why == "":
			critical = id
		}
	}
	switch {
	case suspect != "": // better than nothing, and said
		l.Passed = slices.DeleteFunc(l.Passed, func(p Passed) bool { return p.Suspect })
		l.Suspect = words + " There is none that is not."
		return found(suspect)
	case critical != "":
		return found(critical)
	case len(l.Passed) > 0:
		return nil, l, damaged, l.Passed[0].Err
	}
	return nil, l, nil, NoPoint(r, l)
}

// Passed is a recovery point that nobody could read, or that is suspect, and why.
type Passed struct {
	ID      string
	Err     error
	Suspect bool
}

// Words says that an older recovery point is read instead.
func (p Passed) Words() string {
	if p.Suspect {
		return keepsake.PassedBy(p.ID, keepsake.MessageOf(p.Err))
	}
	return "The newer recovery point " + p.ID + " cannot be read, so an older one is taken. " +
		keepsake.Sentence(keepsake.MessageOf(p.Err))
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
