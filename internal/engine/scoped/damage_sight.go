package scoped

import (
	"context"
	"time"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// sight is what one recovery point holds of a scope.
type sight struct {
	id   string
	time time.Time
	kind keepsake.BackupType
	at   *ScopeAt         // nil: the wedding or organization is not in it, or rows are only counted
	rows map[string]int64 // by table, where rows are only counted
}

func (s *sight) absent() bool { return s.at == nil && s.rows == nil }

// total counts all rows of the scope.
func (s *sight) total() (n int64) {
	for _, t := range s.lostWhole() {
		n += t.rows
	}
	return n
}

// lostWhole counts every row as gone.
func (s *sight) lostWhole() (losses []tableLoss) {
	if s.at != nil {
		for _, t := range s.at.in.Plan.Of(scope.Owned) {
			n := s.at.in.Rows.Count(t.Name)
			losses = append(losses, tableLoss{table: t.Name, rows: n, gone: n})
		}
	}
	for name, n := range s.rows {
		losses = append(losses, tableLoss{table: name, rows: n, gone: n})
	}
	return losses
}

// lostBefore counts what a younger recovery point has lost. Of whole tables only the numbers of rows are known.
func (s *sight) lostBefore(next *sight) (losses []tableLoss, err error) {
	switch {
	case s.absent():
		return nil, nil
	case next.absent():
		return s.lostWhole(), nil
	case s.at != nil:
		return s.at.lostBefore(next.at)
	}
	for name, then := range s.rows {
		now, there := next.rows[name]
		if !there && !wholeType(next.kind) {
			continue // it is of another tier
		}
		losses = append(losses, tableLoss{table: name, rows: then, gone: max(0, then-now), added: max(0, now-then)})
	}
	return losses, nil
}

func wholeType(kind keepsake.BackupType) bool {
	return kind == keepsake.BackupFull || kind == keepsake.BackupIncremental
}

// opening returns what reads points from a repository that is opened once, at the first of them: each opening asks
// every provider, and waits for one that hangs.
func (by *Restorer) opening(in ScopeInput) func(ctx context.Context, id string) (*sight, error) {
	var o *opened
	named := in.Point
	return func(ctx context.Context, id string) (*sight, error) {
		if o == nil {
			fresh, err := by.open(ctx, in.Provider)
			if err != nil {
				return nil, err
			}
			o = &fresh
		}
		in.Point = id
		if in.Scope.Wide() {
			return by.countRows(ctx, *o, in)
		}
		return by.sightOf(ctx, *o, in, named)
	}
}

// sightOf reads a wedding or an organization. It returns nil where nobody has the point. Of one of the critical tier
// alone that nobody named it reads the manifest only.
func (by *Restorer) sightOf(ctx context.Context, o opened, in ScopeInput, named string) (*sight, error) {
	m, list, _, err := by.Replicas.ResolveIn(ctx, o.repo, o.list, o.from, in.Point)
	if keepsake.CodeOf(err) == keepsake.CodeNotFound && err != nil {
		return nil, nil //nolint:nilnil // nobody has it
	}
	if err != nil {
		return nil, err
	}
	out := &sight{id: in.Point, time: m.Time, kind: m.Type}
	if !wholeType(m.Type) && in.Point != named {
		out.rows = map[string]int64{}
		return out, nil
	}
	out.at, err = by.readRows(ctx, o, m, list, in)
	if keepsake.CodeOf(err) == keepsake.CodeNotFound && err != nil { // it does not hold the wedding
		out.at, err = nil, nil
	}
	return out, err
}

// countRows counts the rows of whole tables. It reads none of them. Tables that nobody gave a tier and that reference
// no other table count only where no other tier is asked for: among them are queues that are emptied every day.
func (by *Restorer) countRows(ctx context.Context, o opened, in ScopeInput) (*sight, error) {
	m, _, _, err := by.Replicas.ResolveIn(ctx, o.repo, o.list, o.from, in.Point)
	if keepsake.CodeOf(err) == keepsake.CodeNotFound && err != nil {
		return nil, nil //nolint:nilnil // nobody has it
	}
	if err != nil {
		return nil, err
	}
	ordinary := !in.Scope.Holds(keepsake.TierCritical) && !in.Scope.Holds(keepsake.TierHigh)
	references := map[string]bool{}
	for _, key := range m.Facts.Keys {
		references[key.Child] = true
	}
	at := &sight{id: in.Point, time: m.Time, kind: m.Type, rows: map[string]int64{}}
	for i := range m.Tables {
		if t := &m.Tables[i]; t.Kind != repository.KindLargeObjects && in.Scope.Holds(t.Tier) &&
			(ordinary || t.Tier != keepsake.TierStandard || references[t.Whole()]) {
			at.rows[t.Whole()] += t.Rows
		}
	}
	return at, nil
}

// damageOf is the damage between two recovery points, or since then where after is nil. still is what is missed of
// the losses.
func damageOf(then, after *sight, losses, still []tableLoss) Damage {
	d := Damage{Point: then.id, From: then.time, Rows: then.total(), Lost: lostOf(still)}
	if then.at != nil {
		d.Point = then.at.in.Manifest.ID
	}
	if after != nil {
		d.To = after.time
	}
	for _, t := range losses {
		d.Gone, d.Changed = d.Gone+t.gone, d.Changed+t.changed
	}
	return d
}
