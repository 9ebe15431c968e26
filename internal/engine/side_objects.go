package engine

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Beside recovery points, a repository holds what restores need to be taken back, and notes: seals of the audit trail, who may
// sign in, what people wrote to recovery points. They are durable at two providers when they are made; a repair brings them to every one.

// sideKind is one kind of object beside recovery points.
type sideKind struct {
	prefix string
	kind   repository.ObjectKind
	most   int64 // bytes, sealed
	plain  int64 // bytes, opened
	atOnce int
	what   string
}

var (
	undoObjects = sideKind{undoPrefix, repository.ObjectUndo, maxUndo, repository.MaxObjectPlain, 1, "what an undo needs"}
	noteObjects = sideKind{notePrefix, repository.ObjectNote, maxNote, maxNote, notesAtOnce, "notes"}
)

// named reports whether a key is one that Keepsake gives to such an object.
func (k sideKind) named(key string) bool {
	_, err := repository.ManifestTime(key[strings.LastIndexByte(key, '/')+1:])
	return err == nil
}

// sideObjects are all objects of one kind, and who has which.
type sideObjects struct {
	sideKind
	at     map[string][]Provider
	failed map[string]error           // providers that could not be asked
	bad    map[string]map[string]bool // by key, the providers whose copy was read and is not sound
}

// distrust says that a provider's copy was read and is not sound.
func (s *sideObjects) distrust(provider, key string) {
	if s.bad == nil {
		s.bad = map[string]map[string]bool{}
	}
	if s.bad[key] == nil {
		s.bad[key] = map[string]bool{}
	}
	s.bad[key][provider] = true
}

func listSide(ctx context.Context, r *repo, k sideKind) *sideObjects {
	s := &sideObjects{sideKind: k}
	s.at, s.failed = listEverywhere(ctx, r.live(), k.prefix, k.named)
	return s
}

// copyTo copies to a provider what it lacks, or holds damaged, as it was sealed. Names prove nothing: only what opens is copied.
func (s *sideObjects) copyTo(ctx context.Context, r *repair, p Provider) {
	if err := s.failed[p.Name]; err != nil {
		r.remains(p, s.prefix, err)
		return
	}
	g, copying := errgroup.WithContext(ctx)
	g.SetLimit(s.atOnce)
	for _, key := range slices.Sorted(maps.Keys(s.at)) {
		bad := s.bad[key][p.Name]
		if !bad && slices.ContainsFunc(s.at[key], func(has Provider) bool { return has.Name == p.Name }) {
			continue
		}
		g.Go(func() error {
			body, err := s.read(copying, r.repo, key)
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
		r.remains(p, s.prefix, err)
	}
}

// errNoSound is what keeps a damaged copy as it is.
var errNoSound = keepsake.Errorf(keepsake.CodeDamaged, "no provider that answers has a sound copy")

// read returns the first sound copy; nil where none opens, which then was not made by this repository, or is lost.
func (s *sideObjects) read(ctx context.Context, r *repo, key string) (body []byte, err error) {
	q := asked[[]byte]{what: s.what}
	q.ask = func(ctx context.Context, p Provider) ([]byte, error) { return p.Store.Get(ctx, key, s.most) }
	q.sound = func(_ Provider, found []byte) error {
		if _, err := r.keys.OpenObject(s.kind, key, found, int(s.plain)); err != nil {
			return err
		}
		body = found
		return nil
	}
	q.failed = func(_ Provider, failed error) {
		if !isDamage(failed) {
			err = failed
		}
	}
	if q.first(ctx, s.at[key]) {
		return body, nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, err
}

// remains names what a provider did not take.
func (r *repair) remains(p Provider, object string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.Remaining = append(r.result.Remaining, report.VerifyFinding{Provider: p.Name, Object: object,
		Problem: "What it lacks there could not be copied. " + explain(err), Damage: keepsake.CodeOf(err) == keepsake.CodeDamaged})
}

// undos names what is needed to take restores back and lies at one of several providers only, and, where it is to be read, each copy that
// is not sound.
func (v *verification) undos(ctx context.Context, read bool) {
	s := listSide(ctx, v.repo, undoObjects)
	for _, key := range slices.Sorted(maps.Keys(s.at)) {
		if read {
			v.side(ctx, s, key)
		}
		if len(v.live) < enough || len(s.at[key]) >= enough {
			continue
		}
		only := s.at[key][0].Name
		v.result.Repair = v.command
		v.add(report.VerifyFinding{Provider: only, Object: key, Problem: "Of the providers that answer, this one alone holds it: if it is " +
			"lost, the restore cannot be taken back any more." + then(v.command, "it copies it to the others.")})
	}
}

// side opens each provider's copy of an object beside recovery points.
func (v *verification) side(ctx context.Context, s *sideObjects, key string) {
	for _, p := range s.at[key] {
		body, err := p.Store.Get(ctx, key, s.most)
		if err == nil {
			_, err = v.repo.keys.OpenObject(s.kind, key, body, int(s.plain))
		}
		if ctx.Err() != nil {
			return
		}
		v.count(p.Name, int64(len(body)))
		if err != nil {
			v.found(p.Name, key, err)
		}
	}
}
