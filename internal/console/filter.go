package console

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// mostPages bounds how many pages of a list are looked through for what a filter keeps of what the database found:
// 10,000 rows. A page that ends there has a cursor to go on from, so nothing is left out.
const mostPages = 50

// filtered looks through an ordered list for limit items that keep says yes to. page returns a page and the cursor of
// the next, "" on the last; at returns an item's cursor.
func filtered[T any](limit int, cursor string, page func(cursor string) ([]T, string, error), keep func(T) bool,
	at func(T) string) (kept []T, next string, err error) {
	for range mostPages {
		list, following, err := page(cursor)
		if err != nil {
			return nil, "", err
		}
		for _, item := range list {
			if !keep(item) {
				continue
			}
			if len(kept) == limit {
				return kept, cursor, nil
			}
			kept, cursor = append(kept, item), at(item)
		}
		if cursor = following; cursor == "" {
			return kept, "", nil
		}
	}
	return kept, cursor, nil
}

// filter returns what the database is asked for; nil when nothing that is not ordered by already is asked for. theirs
// are the weddings of the organization that is.
func (in ListInput) filter(p sqlcgen.ListOperationsParams, theirs map[string]bool) *sqlcgen.FilterOperationsParams {
	if in.Type == "" && in.Tier == "" && in.WeddingID == "" && theirs == nil && in.From.IsZero() && in.To.IsZero() &&
		!in.aboutCoverage() && in.Milestone == "" {
		return nil
	}
	f := &sqlcgen.FilterOperationsParams{
		Platform:      p.Platform,
		Kind:          p.Kind,
		State:         p.State,
		Active:        p.Active,
		Before:        p.Before,
		BoundTo:       p.Organization,
		Most:          p.Most,
		BackupType:    string(in.Type),
		Tier:          string(in.Tier),
		Wedding:       in.WeddingID,
		Organization:  in.Organization,
		Theirs:        slices.Collect(maps.Keys(theirs)),
		AboutSome:     in.Tier != "" || in.WeddingID != "" || theirs != nil,
		Since:         orNil(in.From),
		FirstID:       firstIDOf(in.From.AddDate(0, 0, -1)),
		Until:         orNil(in.To),
		LastID:        firstIDOf(in.To.AddDate(0, 0, 1)),
		Covers:        orNil(in.Covers),
		CoversTier:    string(in.CoversTier),
		CoversVendors: in.Contacts,
		Milestone:     in.Milestone,
	}
	if theirs == nil {
		f.Theirs = []string{}
	}
	return f
}

// aboutCoverage reports whether what backups of the whole platform cover is asked for.
func (in ListInput) aboutCoverage() bool {
	return !in.Covers.IsZero() || in.CoversTier != "" || in.Contacts
}

// firstIDOf returns the smallest id that an operation of a moment can have.
func firstIDOf(at time.Time) string {
	var id uuid.UUID
	ms := max(at.UnixMilli(), 0)
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	return id.String()
}

// filter returns what the database is asked for, nil when that is the plain list; and what of it is looked at again,
// nil for nothing.
func (in PointsInput) filter(theirs map[string]bool) (f *sqlcgen.FilterPointsParams, keep func(Point) bool) {
	marked := in.WeddingID != "" || in.Milestone != "" || in.Phase != "" || theirs != nil
	if !marked && in.Tier == "" && in.Protected == nil && in.From.IsZero() && in.To.IsZero() {
		return nil, nil
	}
	f = &sqlcgen.FilterPointsParams{
		BackupType: string(in.Type),
		Types:      typesWith(in.Tier),
		Marked:     marked,
		Wedding:    in.WeddingID,
		Milestone:  in.Milestone,
		Phase:      string(in.Phase),
		Since:      orNil(in.From),
		Until:      orNil(in.To),
	}
	if in.Protected != nil {
		f.Protected, f.Unprotected = *in.Protected, !*in.Protected
	}
	if theirs != nil {
		f.Theirs = append([]string{}, slices.Collect(maps.Keys(theirs))...)
	}
	if in.Phase != "" {
		f.LeastDays, f.MostDays = daysOf(in.Phase)
		keep = func(p Point) bool { return in.marked(p, theirs) }
	}
	return f, keep
}

// daysOf returns how many days before the wedding a phase begins and ends, with one more at both ends.
func daysOf(p keepsake.Phase) (least, most int32) {
	const always = 100 * 366
	switch p {
	case keepsake.PhasePlanning:
		return 30, always
	case keepsake.PhasePreparation:
		return 1, 31
	case keepsake.PhaseExecution:
		return -1, 2
	}
	return -always, 0
}

// marked reports whether a point was made for a wedding that is all of what is asked for.
func (in PointsInput) marked(p Point, theirs map[string]bool) bool {
	return slices.ContainsFunc(p.Weddings, func(m keepsake.WeddingMark) bool {
		return marks([]keepsake.WeddingMark{m}, in.WeddingID, in.Milestone) &&
			(in.Phase == "" || PhaseAt(m, p.Time) == in.Phase) && (theirs == nil || theirs[m.WeddingID])
	})
}

// typesWith returns the types of the points that hold a tier; none for no tier. Those of the type critical hold the
// critical tier alone.
func typesWith(t keepsake.Tier) []string {
	switch t {
	case "":
		return []string{}
	case keepsake.TierCritical:
		return []string{string(keepsake.BackupFull), string(keepsake.BackupIncremental), string(keepsake.BackupCritical)}
	}
	return []string{string(keepsake.BackupFull), string(keepsake.BackupIncremental)}
}

// PhaseAt returns the phase that a wedding was in at a moment.
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
		return (wedding == "" || m.WeddingID == wedding) && (milestone == "" || m.Milestone == milestone)
	})
}

// mostTheirs bounds how many weddings of an organization a filter knows: those ahead, and the newest past ones.
const mostTheirs = 10_000

// weddingsOf returns the keys of an organization's weddings, as the platform knows them now, or where it does not
// answer the newest recovery point; nil for no organization. Where neither answers, what was made for them cannot be
// told, and that is an error.
func (p *platform) weddingsOf(ctx context.Context, actor keepsake.Actor, organization string) (map[string]bool, error) {
	if organization == "" {
		return nil, nil //nolint:nilnil // nobody is asked for: that is an answer
	}
	if !plain(organization) {
		return nil, keepsake.Errorf(keepsake.CodeInvalid, "This cannot be looked for: it is no text.")
	}
	actor.Platform, actor.Organization = p.Name, organization
	found := p.finder().find(ctx, actor, engine.WeddingQuery{Today: p.now(), Limit: mostTheirs})
	if found.Missing != "" && found.From.IsZero() {
		return nil, keepsake.Errorf(keepsake.CodeUnavailable,
			"Which weddings are this organization's cannot be told now. %s Leave the organization out, or try again later.",
			found.Missing)
	}
	theirs := map[string]bool{}
	for _, w := range found.Weddings {
		theirs[w.ID] = true
	}
	return theirs, nil
}
