package console

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// goneTime bounds looking for what is gone from the platform: no page waits longer for it.
const goneTime = 3 * time.Second

// withGone adds the weddings of today and tomorrow that recovery points know and the platform does not, before the
// others of their day: a wedding that was deleted is the very one somebody looks for.
func (f finder) withGone(ctx context.Context, actor keepsake.Actor, out FoundWeddings) FoundWeddings {
	if !out.answered() {
		return out
	}
	asking, cancel := context.WithTimeout(ctx, goneTime)
	defer cancel()
	q := engine.WeddingQuery{Today: day(f.now()), Organization: actor.Organization, Within: 1, Limit: MostAhead}
	known, _, err := f.engine.KnownWeddings(asking, q)
	if err == nil {
		known = slices.DeleteFunc(slices.Clone(known), func(w engine.Wedding) bool {
			return slices.ContainsFunc(out.Weddings, func(there Wedding) bool { return there.ID == w.ID })
		})
		known, err = f.stillGone(asking, known, out.From.IsZero())
	}
	if err != nil {
		out.GoneUnknown = keepsake.CodeOf(err) != keepsake.CodeNotFound // before the first backup nothing is known
		if out.GoneUnknown {
			f.log.WarnContext(ctx, "weddings that are gone from the platform could not be looked for", "err", err)
		}
		return out
	}
	if len(known) == 0 {
		return out
	}
	out.Weddings = slices.Concat(goneOf(known, f.now()), out.Weddings)
	slices.SortStableFunc(out.Weddings, func(a, b Wedding) int { return cmp.Compare(a.group(), b.group()) })
	return out
}

// answered reports whether somebody could say which weddings there are.
func (found FoundWeddings) answered() bool { return found.Missing == "" || !found.From.IsZero() }

// group is today, tomorrow or later.
func (w Wedding) group() int {
	if w.Date.IsZero() {
		return 2
	}
	return min(max(w.DaysLeft, 0), 2)
}

// stillGone leaves those that the platform does not know at this moment, on any day and of any organization. Where it
// does not answer, all stay.
func (f finder) stillGone(ctx context.Context, list []engine.Wedding, platform bool) ([]engine.Wedding, error) {
	if len(list) == 0 || !platform {
		return list, nil
	}
	ids := make([]string, len(list))
	for i, w := range list {
		ids[i] = w.ID
	}
	there, err := fromPlatform(ctx, f.watch, func(ctx context.Context) ([]engine.Wedding, error) {
		return f.engine.Weddings(ctx, engine.WeddingQuery{IDs: ids, Today: day(f.now()), Limit: len(ids)})
	})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list, func(w engine.Wedding) bool {
		return slices.ContainsFunc(there, func(t engine.Wedding) bool { return t.ID == w.ID })
	}), nil
}

// markGone marks those of a list that have gone since the platform's names were read, some seconds ago.
func (f finder) markGone(ctx context.Context, found FoundWeddings) error {
	if !found.From.IsZero() {
		return nil
	}
	list := make([]engine.Wedding, len(found.Weddings))
	for i, w := range found.Weddings {
		list[i] = w.Wedding
	}
	list, err := f.stillGone(ctx, list, true)
	for i, w := range found.Weddings {
		found.Weddings[i].Gone = err == nil && slices.ContainsFunc(list, func(g engine.Wedding) bool { return g.ID == w.ID })
	}
	return err
}

func goneOf(list []engine.Wedding, now time.Time) (out []Wedding) {
	for _, w := range list {
		g := judged(w, now)
		g.Gone = true
		out = append(out, g)
	}
	return out
}

// searchGone puts what a search finds among the weddings that are gone from the platform before what it finds there. A
// list of all shows of them only those ahead.
func (f finder) searchGone(ctx context.Context, actor keepsake.Actor, q engine.WeddingSearch,
	found FoundWeddings) FoundWeddings {
	if !found.answered() {
		return found
	}
	asking, cancel := context.WithTimeout(ctx, goneTime)
	defer cancel()
	q.Organization, q.Limit = actor.Organization, q.Limit-1
	if q.Text == "" {
		today := q.Today
		q.Keep = func(w engine.Wedding) bool { return !w.Date.Before(today) }
	}
	gone, from, err := f.engine.FindGone(asking, q, found.From.IsZero())
	shown := len(gone.Weddings)
	if err == nil {
		gone.Weddings, err = f.stillGone(asking, gone.Weddings, found.From.IsZero())
	}
	if err == nil {
		err = f.markGone(asking, found)
	}
	if err != nil {
		found.GoneUnknown = keepsake.CodeOf(err) != keepsake.CodeNotFound
		if found.GoneUnknown {
			f.log.WarnContext(ctx, "weddings that are gone from the platform could not be searched", "err", err)
		}
		return found
	}
	if len(gone.Weddings) == 0 {
		return found
	}
	if found.Total == 0 && found.Missing == "" {
		found.From, found.Missing = from, "No wedding in the platform fits. These are gone from it; recovery points know "+
			"them, and they can be brought back."
	}
	found.Weddings = slices.Concat(goneOf(gone.Weddings, f.now()), found.Weddings)
	found.Total += gone.Total - (shown - len(gone.Weddings))
	return found
}
