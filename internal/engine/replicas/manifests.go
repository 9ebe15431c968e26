package replicas

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// maxManifest bounds a manifest's object: 2 GiB of heap per MiB of manifest is a generous estimate.
const maxManifest = repository.MaxObjectPlain

// Listing says which provider lists which manifest and which erasure.
type Listing struct {
	At     map[string]map[string]bool // manifest id → provider names
	Failed map[string]error           // providers whose list could not be read

	// Passed are recovery points that latest passed by, newest first: see Resolve.
	Passed []Passed
	// Suspect says in words that the point which was asked for by its id is suspect; "" where it is not.
	Suspect string
	// Unread says in words why somebody may have said of the point that was found that it cannot be trusted, and nobody
	// could read that.
	Unread []string

	erasures map[string]map[string]bool // object → provider names
}

// ListManifests asks all providers at once. It fails only when none answers.
func ListManifests(ctx context.Context, providers []Provider) (Listing, error) {
	l := Listing{At: map[string]map[string]bool{}, erasures: map[string]map[string]bool{}}
	l.Failed = eachListed(ctx, providers, repository.ManifestPrefix, func(p Provider, key string) {
		if id, err := repository.ParseManifestKey(key); err == nil { // from another one nothing restores
			note(l.At, id, p.Name)
		}
	})
	answering := slices.DeleteFunc(slices.Clone(providers), func(p Provider) bool { return l.Failed[p.Name] != nil })
	maps.Copy(l.Failed, eachListed(ctx, answering, repository.ErasurePrefix, func(p Provider, key string) {
		if ErasureObjects.Named(key) {
			note(l.erasures, key, p.Name)
		}
	}))
	if ctx.Err() != nil {
		return l, ctx.Err()
	}
	if len(providers) == 0 || len(l.Failed) == len(providers) {
		text := "no provider can be reached."
		for name, err := range l.Failed {
			text += fmt.Sprintf(" Provider %s: %s", name, Explain(err))
		}
		return l, keepsake.Errorf(keepsake.CodeUnavailable, "%s", text)
	}
	return l, nil
}

func note(at map[string]map[string]bool, name, provider string) {
	if at[name] == nil {
		at[name] = map[string]bool{}
	}
	at[name][provider] = true
}

// NewestFirst returns the ids of all listed manifests; ids sort as they were written, whatever clocks did meanwhile.
func (l Listing) NewestFirst() []string {
	ids := make([]string, 0, len(l.At))
	for id := range l.At {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	slices.Reverse(ids)
	return ids
}

// Last returns the last id of a manifest or an erasure that any provider lists, or "". The next of either comes after
// it (repository.NextID), so that ids tell which erasures a recovery point was written before.
func (l Listing) Last() (id string) {
	for point := range l.At {
		id = max(id, point)
	}
	for key := range l.erasures {
		id = max(id, strings.TrimPrefix(key, repository.ErasurePrefix))
	}
	return id
}

// Holders returns the providers that list the manifest, in order of preference.
func (l Listing) Holders(providers []Provider, id string) []Provider {
	return slices.DeleteFunc(slices.Clone(providers), func(p Provider) bool { return !l.At[id][p.Name] })
}

// ReadManifest reads a manifest from the first provider that has a sound copy. It also returns the bad copies that it
// met. A manifest that a writer sealed is compared with the other providers' copies.
func (s *Set) ReadManifest(ctx context.Context, r *Repo, from []Provider, id string) (*repository.Manifest,
	[]report.VerifyFinding, error) {
	c, damaged, err := s.ReadRightful(ctx, r, from, id)
	return c.Manifest, damaged, err
}

// ReadRightful does the same as ReadManifest and also returns the bytes.
func (s *Set) ReadRightful(ctx context.Context, r *Repo, from []Provider, id string) (ManifestCopy,
	[]report.VerifyFinding, error) {
	var damaged []report.VerifyFinding
	var last error
	var copies []ManifestCopy
	q := FirstSound[ManifestCopy]{What: "a recovery point's manifest"}
	q.Ask = func(ctx context.Context, p Provider) (ManifestCopy, error) {
		m, body, err := ReadManifestAt(ctx, r, p, id)
		return ManifestCopy{p.Name, m, body}, err
	}
	q.Sound = func(_ Provider, c ManifestCopy) error {
		copies = append(copies, c)
		if repository.IsWritten(c.Body) {
			return errWritten // all copies are compared
		}
		return nil
	}
	q.Failed = func(p Provider, err error) {
		if errors.Is(err, errWritten) {
			return
		}
		last = fmt.Errorf("provider %s: %w", p.Name, err)
		damaged = append(damaged, FindingOf(p.Name, repository.ManifestKey(id), err, RepairCommand(id, false)))
	}
	if !q.Read(ctx, from) && ctx.Err() != nil {
		return ManifestCopy{}, damaged, ctx.Err()
	}
	if len(copies) > 0 {
		right, findings, sure := Rightful(id, copies)
		if !sure {
			return ManifestCopy{}, damaged, keepsake.Errorf(keepsake.CodeDamaged,
				"recovery point %s is not the same at every provider, and each copy was sealed with a writer's key: %s. Nothing "+
					"was read; name the provider that you trust with --provider", id, holdersOf(copies))
		}
		return right, append(damaged, findings...), nil
	}
	if last == nil && len(r.Providers) == 1 && len(s.Providers) > 1 {
		return ManifestCopy{}, nil, keepsake.Errorf(keepsake.CodeNotFound,
			"provider %s does not hold recovery point %s: leave --provider out, so that "+
				"another one's copy is read, or run keepsake repair %s, which copies it there", r.Providers[0].Name, id, id)
	}
	if last == nil {
		return ManifestCopy{}, nil, keepsake.Errorf(keepsake.CodeNotFound,
			"there is no recovery point %s at the providers asked: keepsake points lists them", id)
	}
	code := keepsake.CodeUnavailable
	for _, f := range damaged {
		if f.Damage {
			code = keepsake.CodeDamaged
		}
	}
	return ManifestCopy{}, damaged, keepsake.Errorf(code,
		"recovery point %s cannot be read from any provider: %w", id, last)
}

// errWritten marks a manifest that a writer sealed: nobody can tell from it alone whether it is the right one.
var errWritten = errors.New("sealed with a writer's key")

// ManifestCopy is one provider's copy of a manifest that opens.
type ManifestCopy struct {
	Provider string
	Manifest *repository.Manifest
	Body     []byte
}

// Rightful returns the right one of a recovery point's copies, and what is wrong with copies that differ from it.
// Every provider was given the same bytes. A copy that the repository's own key sealed is right, because whoever has
// a writer's key cannot make one. Where the copies differ and writers sealed all of them, sure is false, because
// nobody can tell which is right.
func Rightful(id string, copies []ManifestCopy) (right ManifestCopy, findings []report.VerifyFinding, sure bool) {
	right = copies[0]
	for _, c := range copies {
		if !repository.IsWritten(c.Body) {
			right = c
			break
		}
	}
	sure = true
	for _, c := range copies {
		if bytes.Equal(c.Body, right.Body) {
			continue
		}
		if repository.IsWritten(right.Body) {
			sure = false
			continue
		}
		findings = append(findings, FindingOf(c.Provider, repository.ManifestKey(id), keepsake.Errorf(keepsake.CodeDamaged,
			"It opens, and is another one than at provider %s: somebody with a writer's key has put it in its place.",
			right.Provider), RepairCommand(id, false)))
	}
	if !sure {
		findings = append(findings, report.VerifyFinding{
			Object: repository.ManifestKey(id),
			Damage: true,
			Problem: "It opens at each provider and is not the same everywhere (" + holdersOf(copies) +
				"); each was sealed with a writer's key, so nobody can tell which is right. Take the writers' credentials away, " +
				"and restore this point from a provider that you trust only.",
		})
	}
	return right, findings, sure
}

func holdersOf(copies []ManifestCopy) string {
	var list []string
	for _, c := range copies {
		list = append(list, c.Provider)
	}
	return strings.Join(list, ", ")
}

// ReadManifestAt reads and opens one provider's copy of a manifest. It also returns the bytes of the sealed object.
func ReadManifestAt(ctx context.Context, r *Repo, p Provider, id string) (*repository.Manifest, []byte, error) {
	key := repository.ManifestKey(id)
	body, err := p.Store.Get(ctx, key, maxManifest)
	if err != nil {
		return nil, nil, err
	}
	m, err := r.Keys.OpenManifest(key, body)
	return m, body, err
}

// isDamage reports whether an error says that a provider's copy is missing or not sound, rather than that it
// could not be read.
func isDamage(err error) bool {
	return errors.Is(err, storage.ErrNotFound) || errors.Is(err, storage.ErrTooLarge) || errors.Is(err, errWrongBytes) ||
		keepsake.CodeOf(err) == keepsake.CodeDamaged
}

//nolint:revive,staticcheck // it is a sentence of a finding, with another one behind it
var errWrongBytes = errors.New("the object holds other bytes than were stored.")

// ReadLoaded reads a manifest from the providers that hold it and loads its index from all of them: ReadManifest and
// Listing.Load. It also returns the bad copies that it met.
func (s *Set) ReadLoaded(ctx context.Context, r *Repo, l Listing, all []Provider, id string) (*repository.Manifest,
	[]report.VerifyFinding, error) {
	m, damaged, err := s.ReadManifest(ctx, r, l.Holders(all, id), id)
	if err != nil {
		return nil, damaged, err
	}
	bad, err := s.load(ctx, r, l, all, m)
	if err != nil {
		return nil, append(damaged, bad...), err
	}
	return m, append(damaged, bad...), nil
}

// load loads a manifest's index, and returns the bad copies that it met.
func (s *Set) load(ctx context.Context, r *Repo, l Listing, all []Provider, m *repository.Manifest) (
	[]report.VerifyFinding, error) {
	track := report.NewTracker(nil, s.Now)
	defer track.Close()
	src := NewSource(r, Preferring(l.Holders(all, m.ID), all), m.ID, track)
	err := l.Load(ctx, r, src, m)
	return src.Damaged, err
}

// Preferring returns all providers, those that hold a recovery point's manifest first. They hold all of the point;
// the others may still hold some.
func Preferring(first, all []Provider) []Provider {
	out := slices.Clone(first)
	for _, p := range all {
		if !slices.ContainsFunc(first, func(f Provider) bool { return f.Name == p.Name }) {
			out = append(out, p)
		}
	}
	return out
}

// NoPoint returns the error that no provider lists a recovery point. It names the providers that were not asked,
// because nothing is known of what they hold.
func NoPoint(r *Repo, l Listing) error {
	text := "there is no recovery point yet: run keepsake backup"
	for _, u := range r.Unasked(l) {
		text += "; provider " + u.Provider + " could not be asked: " + u.Why
	}
	return keepsake.Errorf(keepsake.CodeNotFound, "%s", text)
}

// Refs loads a recovery point and returns each of its chunks and index pages once. It also returns the bad copies of
// pages that it met.
func (s *Set) Refs(ctx context.Context, r *Repo, l Listing, from []Provider, m *repository.Manifest) ([]*repository.Ref,
	[]report.VerifyFinding, error) {
	track := report.NewTracker(nil, s.Now)
	defer track.Close()
	src := NewSource(r, from, m.ID, track)
	if err := l.Load(ctx, r, src, m); err != nil {
		return nil, src.Damaged, err
	}
	refs, err := UniqueRefs(ctx, src.Page, m)
	return refs, src.Damaged, err
}
