package verify

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// copySide copies to a provider what it lacks, or holds damaged, as it was sealed. Names prove nothing: only what opens
// is copied.
func (r *repair) copySide(ctx context.Context, s *replicas.Objects, p replicas.Provider) {
	if err := s.Failed[p.Name]; err != nil {
		r.remains(p, s.Prefix, err)
		return
	}
	g, copying := errgroup.WithContext(ctx)
	g.SetLimit(s.AtOnce)
	for _, key := range slices.Sorted(maps.Keys(s.At)) {
		bad := s.Bad[key][p.Name]
		if !bad && slices.ContainsFunc(s.At[key], func(has replicas.Provider) bool { return has.Name == p.Name }) {
			continue
		}
		g.Go(func() error {
			body, err := s.Read(copying, r.repo, key)
			if err == nil && body != nil {
				err = p.Store.Put(copying, key, body, sha256.Sum256(body), bad)
			}
			if bad && err == nil && body != nil {
				if _, err = s.ReadAt(copying, r.repo, p, key); err != nil {
					r.remains(p, key, unreliable("copy", err))
					return nil
				}
			}
			switch {
			case bad && err == nil && body == nil:
				r.remains(p, key, errNoSound)
				return nil
			case errors.Is(err, storage.ErrExists), err == nil && body == nil:
				return nil
			case err != nil:
				return fmt.Errorf("%s: %w", key, err)
			}
			r.copied(int64(len(body)))
			return nil
		})
	}
	err := g.Wait()
	if err == nil {
		err = p.Store.Sync(ctx)
	}
	if err != nil && ctx.Err() == nil {
		r.remains(p, s.Prefix, err)
	}
}

// errNoSound is what keeps a damaged copy as it is.
var errNoSound = keepsake.Errorf(keepsake.CodeDamaged,
	"no provider that answers has a sound copy. It is lost, or this repository never made it. It keeps nothing else "+
		"from being read. Remove it at the provider, and nobody names it any more")

// remains names what a provider did not take.
func (r *repair) remains(p replicas.Provider, object string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.Remaining = append(r.result.Remaining, report.VerifyFinding{
		Provider: p.Name,
		Object:   object,
		Problem:  "What it lacks there could not be copied. " + replicas.Explain(err),
		Damage:   keepsake.CodeOf(err) == keepsake.CodeDamaged,
	})
}

// beside checks what lies beside recovery points, whichever of them are verified: what is needed to take restores back,
// notes and seals, erasures, change segments. Deep, each copy of each kind is opened. Where all providers were asked,
// what lies at one of several only is named: undo objects at every look, the others at a deep one.
func (v *verification) beside(ctx context.Context, all bool) {
	for _, k := range replicas.ObjectKinds() {
		if !v.deep && (!all || k.Prefix != replicas.UndoPrefix) {
			continue
		}
		s := replicas.ListObjects(ctx, v.repo, k)
		if v.deep {
			for name, err := range s.Failed {
				v.away(name, s.Prefix, err)
			}
			v.sides(ctx, s)
		}
		if all && len(v.live) >= replicas.Enough {
			v.alone(s)
		}
	}
}

// alone names what one provider holds and no other.
func (v *verification) alone(s *replicas.Objects) {
	for _, key := range slices.Sorted(maps.Keys(s.At)) {
		if len(s.At[key]) >= replicas.Enough {
			continue
		}
		v.result.Repair = v.command
		v.add(report.VerifyFinding{
			Provider: s.At[key][0].Name,
			Object:   key,
			Problem: "Of the providers that answer, this one alone holds it: if it is lost, " + s.Alone + "." +
				replicas.ThenRun(v.command, "it copies it to the others."),
		})
	}
}

// sides opens each provider's copy of each object of a kind.
func (v *verification) sides(ctx context.Context, s *replicas.Objects) {
	var g errgroup.Group
	g.SetLimit(s.AtOnce)
	for _, key := range slices.Sorted(maps.Keys(s.At)) {
		g.Go(func() error {
			for _, p := range s.At[key] {
				body, err := s.ReadAt(ctx, v.repo, p, key)
				if ctx.Err() != nil {
					return nil
				}
				v.count(p.Name, int64(len(body)))
				if err != nil {
					v.found(p.Name, key, err)
				}
			}
			return nil
		})
	}
	_ = g.Wait()
}
