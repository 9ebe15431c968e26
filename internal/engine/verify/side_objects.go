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
var errNoSound = keepsake.Errorf(keepsake.CodeDamaged, "no provider that answers has a sound copy")

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

// undos names what is needed to take restores back and lies at one of several providers only, and, where it is to be
// read, each copy that is not sound.
func (v *verification) undos(ctx context.Context, read bool) {
	s := replicas.ListObjects(ctx, v.repo, replicas.UndoObjects)
	for _, key := range slices.Sorted(maps.Keys(s.At)) {
		if read {
			v.side(ctx, s, key)
		}
		if len(v.live) < replicas.Enough || len(s.At[key]) >= replicas.Enough {
			continue
		}
		only := s.At[key][0].Name
		v.result.Repair = v.command
		v.add(report.VerifyFinding{
			Provider: only,
			Object:   key,
			Problem: "Of the providers that answer, this one alone holds it: if it is " +
				"lost, the restore cannot be taken back any more." + replicas.ThenRun(v.command, "it copies it to the others."),
		})
	}
}

// side opens each provider's copy of an object beside recovery points.
func (v *verification) side(ctx context.Context, s *replicas.Objects, key string) {
	for _, p := range s.At[key] {
		body, err := s.ReadAt(ctx, v.repo, p, key)
		if ctx.Err() != nil {
			return
		}
		v.count(p.Name, int64(len(body)))
		if err != nil {
			v.found(p.Name, key, err)
		}
	}
}
