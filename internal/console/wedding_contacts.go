package console

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/fold"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// WeddingContacts holds the vendors of a wedding as a recovery point knows them.
type WeddingContacts struct {
	engine.WeddingAt
	// Lost are those of them that the newest recovery point does not have; they are as the point of LostFrom knew them.
	Lost     []scope.Contact
	LostFrom time.Time
	// Unsure says why vendors that a damage has removed could not be looked for. Some may be missing then.
	Unsure error
}

// FindContacts returns the vendors of a wedding at a recovery point. Where the caller names no point, it takes the
// newest. It then adds vendors that a damage has removed, or all of them where the newest point has none, from the
// newest point that has them, because the caller needs a telephone number. A vendor that both points know is
// described as in the newest.
func (c *Console) FindContacts(
	ctx context.Context, actor keepsake.Actor, wedding, point string,
) (WeddingContacts, error) {
	p, err := c.platformOf(actor)
	if err != nil {
		return WeddingContacts{}, c.recordRefused(ctx, actor, audit.WeddingRead, wedding, nil, err)
	}
	return findContacts(ctx, point, func(point string) (engine.WeddingAt,
		error) {
		return c.GetWeddingAt(ctx, actor, wedding, point)
	},
		func(ctx context.Context) (*engine.Damage, error) {
			return c.FindDamage(ctx, actor, weddingDamage(wedding))
		},
		func(ctx context.Context) ([]Point, error) { return c.pointsOf(ctx, p, actor, wedding) })
}

// FindContacts does the same as Console.FindContacts from the providers alone.
func (s *Standby) FindContacts(
	ctx context.Context, actor keepsake.Actor, wedding, point string,
) (WeddingContacts, error) {
	return findContacts(ctx, point, func(point string) (engine.WeddingAt,
		error) {
		return s.GetWeddingAt(ctx, actor, wedding, point)
	},
		func(ctx context.Context) (*engine.Damage, error) {
			return s.FindDamage(ctx, actor, weddingDamage(wedding))
		}, s.whole)
}

func findContacts(ctx context.Context, point string, read func(point string) (engine.WeddingAt, error),
	damage func(context.Context) (*engine.Damage, error),
	points func(context.Context) ([]Point, error)) (WeddingContacts, error) {
	if point != "" {
		w, err := read(point)
		return WeddingContacts{WeddingAt: w}, err
	}
	newest, err := read("latest")
	if err != nil && keepsake.CodeOf(err) != keepsake.CodeNotFound {
		return WeddingContacts{}, err
	}
	looking, cancel := context.WithTimeout(ctx, LookTime)
	defer cancel()
	var candidates []string
	d, unsure := damage(looking)
	if d != nil {
		candidates = append(candidates, d.Point)
	}
	if len(newest.Contacts) == 0 {
		older, failed := points(looking)
		unsure = cmp.Or(unsure, failed)
		for _, p := range older[:min(len(older), damagePoints)] {
			candidates = append(candidates, p.ID)
		}
	}
	for _, id := range candidates {
		if id == newest.Point || looking.Err() != nil {
			continue
		}
		then, failed := read(id)
		if failed != nil {
			unsure = cmp.Or(unsure, failed)
			continue
		}
		if w := WithLost(newest, then); len(w.Lost) > 0 {
			return w, nil
		}
	}
	return WeddingContacts{WeddingAt: newest, Unsure: cmp.Or(unsure, looking.Err())}, err
}

// WithLost returns the vendors of the newest recovery point and those that only an earlier one has. A vendor that
// both know is described as in the newest.
func WithLost(newest, then engine.WeddingAt) WeddingContacts {
	lost := slices.DeleteFunc(slices.Clone(then.Contacts), func(c scope.Contact) bool {
		return slices.ContainsFunc(newest.Contacts, func(n scope.Contact) bool { return sameVendor(c, n) })
	})
	if len(lost) == 0 {
		return WeddingContacts{WeddingAt: newest}
	}
	w := WeddingContacts{WeddingAt: then, Lost: lost, LostFrom: then.Time}
	if len(newest.Contacts) > 0 {
		w.WeddingAt = newest
		w.Contacts = slices.SortedFunc(slices.Values(slices.Concat(newest.Contacts, lost)), scope.CompareContacts)
	}
	return w
}

// sameVendor tells a vendor by its kind and name: who answers there, and at which number, changes.
func sameVendor(a, b scope.Contact) bool {
	if a.Name == "" && b.Name == "" {
		return a == b
	}
	return a.Kind == b.Kind && fold.Name(a.Name) == fold.Name(b.Name)
}
