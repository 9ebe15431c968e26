package console

import (
	"context"
	"slices"
	"time"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// mostPages bounds how many pages of an ordered list are looked through for what a filter keeps: 10,000 rows. A page that ends there
// has a cursor to go on from, so nothing is left out.
const mostPages = 50

// filtered looks through an ordered list for limit items that keep says yes to. page returns a page and the cursor of the next, "" on
// the last; at returns an item's cursor, and whether nothing that is asked for comes after it. O(rows between the items kept).
func filtered[T any](limit int, cursor string, page func(cursor string) ([]T, string, error), keep func(T) bool, at func(T) (string, bool)) (kept []T, next string, err error) {
	for range mostPages {
		list, following, err := page(cursor)
		if err != nil {
			return nil, "", err
		}
		for _, item := range list {
			id, beyond := at(item)
			if beyond {
				return kept, "", nil
			}
			if !keep(item) {
				continue
			}
			if len(kept) == limit {
				return kept, cursor, nil
			}
			kept, cursor = append(kept, item), id
		}
		if cursor = following; cursor == "" {
			return kept, "", nil
		}
	}
	return kept, cursor, nil
}

// filter returns what the list's indexes do not order by; nil when nothing of that is asked for. theirs are the weddings of the
// organization that is asked for.
func (in ListInput) filter(theirs map[string]bool) func(Operation) bool {
	if in.Type == "" && in.Tier == "" && in.Wedding == "" && theirs == nil && in.From.IsZero() && in.To.IsZero() {
		return nil
	}
	return func(o Operation) bool {
		return (in.Type == "" || o.Type == in.Type) && (in.Tier == "" || slices.Contains(o.Tiers, in.Tier) || o.Scope != nil && slices.Contains(o.Scope.Tiers, in.Tier)) &&
			(in.Wedding == "" || o.Scope != nil && o.Scope.Wedding == in.Wedding || marks(o.Weddings, in.Wedding, "")) &&
			(theirs == nil || o.Organization == in.Organization || o.Scope != nil && (o.Scope.Organization == in.Organization || theirs[o.Scope.Wedding]) || marksOne(o.Weddings, theirs)) &&
			(in.From.IsZero() || !o.CreatedAt.Before(in.From)) && (in.To.IsZero() || o.CreatedAt.Before(in.To))
	}
}

func (in PointsInput) filter(theirs map[string]bool) func(Point) bool {
	if in.Wedding == "" && in.Milestone == "" && in.Phase == "" && in.Tier == "" && in.Protected == nil && theirs == nil && in.From.IsZero() && in.To.IsZero() {
		return nil
	}
	return func(p Point) bool {
		return (in.Wedding == "" && in.Milestone == "" && in.Phase == "" && theirs == nil || in.marked(p, theirs)) &&
			(in.Tier == "" || holds(p, in.Tier)) && (in.Protected == nil || p.Protected == *in.Protected) &&
			(in.From.IsZero() || !p.Time.Before(in.From)) && (in.To.IsZero() || p.Time.Before(in.To))
	}
}

// marked reports whether a point was made for a wedding that is all of what is asked for.
func (in PointsInput) marked(p Point, theirs map[string]bool) bool {
	return slices.ContainsFunc(p.Weddings, func(m keepsake.WeddingMark) bool {
		return marks([]keepsake.WeddingMark{m}, in.Wedding, in.Milestone) && (in.Phase == "" || PhaseAt(m, p.Time) == in.Phase) && (theirs == nil || theirs[m.Wedding])
	})
}

// holds reports whether a point holds a tier. Those of the type critical hold the critical tier alone.
func holds(p Point, t keepsake.Tier) bool {
	whole := p.Type == string(keepsake.BackupFull) || p.Type == string(keepsake.BackupIncremental)
	return whole || t == keepsake.TierCritical && p.Type == string(keepsake.BackupCritical)
}

// PhaseAt is the phase that a wedding was in at a moment.
func PhaseAt(m keepsake.WeddingMark, at time.Time) keepsake.Phase {
	date, err := time.Parse(time.DateOnly, m.Date)
	if err != nil {
		return m.Phase
	}
	return keepsake.PhaseOf(keepsake.DaysBefore(date, at))
}

// marks reports whether one of the marks is about the wedding and the milestone, of which each may be empty.
func marks(list []keepsake.WeddingMark, wedding, milestone string) bool {
	return slices.ContainsFunc(list, func(m keepsake.WeddingMark) bool {
		return (wedding == "" || m.Wedding == wedding) && (milestone == "" || m.Milestone == milestone)
	})
}

// marksOne reports whether one of the marks is about one of the weddings.
func marksOne(list []keepsake.WeddingMark, weddings map[string]bool) bool {
	return slices.ContainsFunc(list, func(m keepsake.WeddingMark) bool { return weddings[m.Wedding] })
}

// mostTheirs bounds how many weddings of an organization a filter knows: those ahead, and the newest past ones.
const mostTheirs = 10_000

// weddingsOf returns the keys of an organization's weddings, as the platform knows them now, or where it does not answer the newest
// recovery point; nil for no organization. Where neither answers, what was made for them cannot be told, and that is an error.
func (c *Console) weddingsOf(ctx context.Context, actor keepsake.Actor, organization string) (map[string]bool, error) {
	if organization == "" {
		return nil, nil //nolint:nilnil // nobody is asked for: that is an answer
	}
	if !plain(organization) {
		return nil, keepsake.Errorf(keepsake.CodeInvalid, "This cannot be looked for: it is no text.")
	}
	actor.Organization = organization
	found := c.findWeddings(ctx, actor, engine.WeddingQuery{Today: c.now(), Limit: mostTheirs})
	if found.Missing != "" && found.From.IsZero() {
		return nil, keepsake.Errorf(keepsake.CodeUnavailable, "Which weddings are this organization's cannot be told now. %s Leave the organization out, or try again later.", found.Missing)
	}
	theirs := map[string]bool{}
	for _, w := range found.Weddings {
		theirs[w.ID] = true
	}
	return theirs, nil
}
