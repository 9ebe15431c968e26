package console

import (
	"slices"

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

// filter returns what the list's indexes do not order by; nil when nothing of that is asked for.
func (in ListInput) filter() func(Operation) bool {
	if in.Type == "" && in.Tier == "" && in.Wedding == "" && in.From.IsZero() && in.To.IsZero() {
		return nil
	}
	return func(o Operation) bool {
		return (in.Type == "" || o.Type == in.Type) && (in.Tier == "" || slices.Contains(o.Tiers, in.Tier) || o.Scope != nil && slices.Contains(o.Scope.Tiers, in.Tier)) &&
			(in.Wedding == "" || o.Scope != nil && o.Scope.Wedding == in.Wedding || marks(o.Weddings, in.Wedding, "", "")) &&
			(in.From.IsZero() || !o.CreatedAt.Before(in.From)) && (in.To.IsZero() || o.CreatedAt.Before(in.To))
	}
}

func (in PointsInput) filter() func(Point) bool {
	if in.Wedding == "" && in.Milestone == "" && in.Phase == "" && in.From.IsZero() && in.To.IsZero() {
		return nil
	}
	return func(p Point) bool {
		return (in.Wedding == "" && in.Milestone == "" && in.Phase == "" || marks(p.Weddings, in.Wedding, in.Milestone, in.Phase)) &&
			(in.From.IsZero() || !p.Time.Before(in.From)) && (in.To.IsZero() || p.Time.Before(in.To))
	}
}

// marks reports whether one of the marks is about the wedding, the milestone and the phase, of which each may be empty.
func marks(list []keepsake.WeddingMark, wedding, milestone string, phase keepsake.Phase) bool {
	return slices.ContainsFunc(list, func(m keepsake.WeddingMark) bool {
		return (wedding == "" || m.Wedding == wedding) && (milestone == "" || m.Milestone == milestone) && (phase == "" || m.Phase == phase)
	})
}
