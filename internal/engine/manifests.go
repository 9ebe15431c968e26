package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// maxManifest bounds a manifest's object: 2 GiB of heap per MiB of manifest is a generous estimate.
const maxManifest = repository.MaxObjectPlain

// listing says which provider lists which manifest.
type listing struct {
	at     map[string]map[string]bool // manifest id → provider names
	failed map[string]error           // providers whose list could not be read
}

// listManifests asks all providers at once. It fails only when none answers.
func listManifests(ctx context.Context, providers []Provider) (listing, error) {
	l := listing{at: map[string]map[string]bool{}, failed: map[string]error{}}
	var mu sync.Mutex
	var g errgroup.Group
	for _, p := range providers {
		g.Go(func() error {
			err := p.Store.List(ctx, repository.ManifestPrefix, func(o storage.Object) error {
				id, err := repository.ParseManifestKey(o.Key)
				if err != nil {
					return nil // not ours: nothing restores from it
				}
				mu.Lock()
				defer mu.Unlock()
				if l.at[id] == nil {
					l.at[id] = map[string]bool{}
				}
				l.at[id][p.Name] = true
				return nil
			})
			if err != nil {
				mu.Lock()
				l.failed[p.Name] = err
				mu.Unlock()
			}
			return nil
		})
	}
	_ = g.Wait()
	if ctx.Err() != nil {
		return l, ctx.Err()
	}
	if len(providers) == 0 || len(l.failed) == len(providers) {
		text := "no provider can be reached."
		for name, err := range l.failed {
			text += fmt.Sprintf(" Provider %s: %s", name, explain(err))
		}
		return l, keepsake.Errorf(keepsake.CodeUnavailable, "%s", text)
	}
	return l, nil
}

// newestFirst returns the ids of all listed manifests; ids sort by time.
func (l listing) newestFirst() []string {
	ids := make([]string, 0, len(l.at))
	for id := range l.at {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	slices.Reverse(ids)
	return ids
}

// holders returns the providers that list the manifest, in order of preference.
func (l listing) holders(providers []Provider, id string) []Provider {
	return slices.DeleteFunc(slices.Clone(providers), func(p Provider) bool { return !l.at[id][p.Name] })
}

// readManifest reads a manifest from the first provider that has a sound copy. Bad copies that it met are returned too. What a writer sealed
// is compared with the other providers' copies.
func (e *Engine) readManifest(ctx context.Context, r *repo, from []Provider, id string) (*repository.Manifest, []report.VerifyFinding, error) {
	c, damaged, err := e.readRightful(ctx, r, from, id)
	return c.m, damaged, err
}

// readRightful is readManifest for who needs the bytes as well.
func (e *Engine) readRightful(ctx context.Context, r *repo, from []Provider, id string) (manifestCopy, []report.VerifyFinding, error) {
	var damaged []report.VerifyFinding
	var last error
	var copies []manifestCopy
	q := asked[manifestCopy]{what: "a recovery point's manifest"}
	q.ask = func(ctx context.Context, p Provider) (manifestCopy, error) {
		m, body, err := readManifestAt(ctx, r, p, id)
		return manifestCopy{p.Name, m, body}, err
	}
	q.sound = func(_ Provider, c manifestCopy) error {
		copies = append(copies, c)
		if repository.IsWritten(c.body) {
			return errWritten // all copies are compared
		}
		return nil
	}
	q.failed = func(p Provider, err error) {
		if errors.Is(err, errWritten) {
			return
		}
		last = fmt.Errorf("provider %s: %w", p.Name, err)
		damaged = append(damaged, findingOf(p.Name, repository.ManifestKey(id), err, repairCommand(id, false)))
	}
	if !q.first(ctx, from) && ctx.Err() != nil {
		return manifestCopy{}, damaged, ctx.Err()
	}
	if len(copies) > 0 {
		right, findings, sure := rightful(id, copies)
		if !sure {
			return manifestCopy{}, damaged, keepsake.Errorf(keepsake.CodeDamaged, "recovery point %s is not the same at every provider, and each copy was sealed with a writer's key: %s. Nothing was read; name the provider that you trust with --provider", id, holdersOf(copies))
		}
		return right, append(damaged, findings...), nil
	}
	if last == nil && len(r.providers) == 1 && len(e.opts.Providers) > 1 {
		return manifestCopy{}, nil, keepsake.Errorf(keepsake.CodeNotFound, "provider %s does not hold recovery point %s: leave --provider out, so that "+
			"another one's copy is read, or run keepsake repair %s, which copies it there", r.providers[0].Name, id, id)
	}
	if last == nil {
		return manifestCopy{}, nil, keepsake.Errorf(keepsake.CodeNotFound, "there is no recovery point %s at the providers asked: keepsake points lists them", id)
	}
	code := keepsake.CodeUnavailable
	for _, f := range damaged {
		if f.Damage {
			code = keepsake.CodeDamaged
		}
	}
	return manifestCopy{}, damaged, keepsake.Errorf(code, "recovery point %s cannot be read from any provider: %w", id, last)
}

// errWritten marks a manifest that a writer sealed: nobody can tell from it alone whether it is the right one.
var errWritten = errors.New("sealed with a writer's key")

// manifestCopy is a manifest as one provider has it, which opens.
type manifestCopy struct {
	provider string
	m        *repository.Manifest
	body     []byte
}

// rightful returns which of a recovery point's copies is the right one, and what is wrong with those that differ from it. Every provider was given
// the same bytes. One that was sealed with the repository's own key is right: whoever has a writer's key can put another there, and never that.
// Where all that differ were sealed with a writer's key, nobody can be sure.
func rightful(id string, copies []manifestCopy) (right manifestCopy, findings []report.VerifyFinding, sure bool) {
	right = copies[0]
	for _, c := range copies {
		if !repository.IsWritten(c.body) {
			right = c
			break
		}
	}
	sure = true
	for _, c := range copies {
		if bytes.Equal(c.body, right.body) {
			continue
		}
		if repository.IsWritten(right.body) {
			sure = false
			continue
		}
		findings = append(findings, findingOf(c.provider, repository.ManifestKey(id), keepsake.Errorf(keepsake.CodeDamaged,
			"It opens, and is another one than at provider %s: somebody with a writer's key has put it in its place.", right.provider), repairCommand(id, false)))
	}
	if !sure {
		findings = append(findings, report.VerifyFinding{Object: repository.ManifestKey(id), Damage: true, Problem: "It opens at each provider and is not the same everywhere (" + holdersOf(copies) +
			"); each was sealed with a writer's key, so nobody can tell which is right. Take the writers' credentials away, and restore this point from a provider that you trust only."})
	}
	return right, findings, sure
}

func holdersOf(copies []manifestCopy) string {
	var list []string
	for _, c := range copies {
		list = append(list, c.provider)
	}
	return strings.Join(list, ", ")
}

func readManifestAt(ctx context.Context, r *repo, p Provider, id string) (*repository.Manifest, []byte, error) {
	key := repository.ManifestKey(id)
	body, err := p.Store.Get(ctx, key, maxManifest)
	if err != nil {
		return nil, nil, err
	}
	m, err := r.keys.OpenManifest(key, body)
	return m, body, err
}

// isDamage reports whether an error says that a provider's copy is missing or not sound, rather than that it could not be read.
func isDamage(err error) bool {
	return errors.Is(err, storage.ErrNotFound) || errors.Is(err, storage.ErrTooLarge) || errors.Is(err, errWrongBytes) ||
		keepsake.CodeOf(err) == keepsake.CodeDamaged
}

//lint:ignore ST1005 it is a sentence of a finding, with another one behind it
var errWrongBytes = errors.New("the object holds other bytes than were stored.")

// latestWhole is the word for the newest recovery point that covers every tier.
const latestWhole = "latest"

// resolve finds a point by id or by the word latest, which never means a critical-only one while a whole one exists.
func (e *Engine) resolve(ctx context.Context, r *repo, providers []Provider, point string) (*repository.Manifest, listing, []report.VerifyFinding, error) {
	l, err := listManifests(ctx, providers)
	if err != nil {
		return nil, l, nil, err
	}
	if point != latestWhole && point != "" {
		m, damaged, err := e.readManifest(ctx, r, l.holders(providers, point), point)
		return m, l, damaged, err
	}
	var damaged []report.VerifyFinding
	var first *repository.Manifest
	var broken error
	for _, id := range l.newestFirst() {
		m, bad, err := e.readManifest(ctx, r, l.holders(providers, id), id)
		damaged = append(damaged, bad...)
		if err != nil {
			if ctx.Err() != nil {
				return nil, l, nil, ctx.Err()
			}
			if broken == nil {
				broken = err
			}
			continue
		}
		if m.Type == keepsake.BackupFull || m.Type == keepsake.BackupIncremental {
			return m, l, damaged, nil
		}
		if first == nil {
			first = m
		}
	}
	switch {
	case first != nil:
		return first, l, damaged, nil
	case broken != nil:
		return nil, l, damaged, broken
	}
	return nil, l, nil, errNoPoint(r, l)
}

// errNoPoint says that no provider lists a recovery point, and which were not asked: that is no proof of what they hold.
func errNoPoint(r *repo, l listing) error {
	text := "there is no recovery point yet: run keepsake backup"
	for _, u := range r.unasked(l) {
		text += "; provider " + u.Provider + " could not be asked: " + u.Why
	}
	return keepsake.Errorf(keepsake.CodeNotFound, "%s", text)
}
