package engine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// RepairResult is the report of a repair.
type RepairResult struct {
	Points    int                        `json:"points"`
	Copied    int64                      `json:"objects_copied"` // missing or damaged copies that are sound now
	Bytes     int64                      `json:"bytes_copied"`
	Seconds   float64                    `json:"seconds"`
	Repaired  []report.VerifyFinding     `json:"repaired"`  // what was found missing or damaged, and is sound now
	Remaining []report.VerifyFinding     `json:"remaining"` // what could not be repaired, and why
	Copies    map[string][]keepsake.Copy `json:"copies"`    // by point
	Protected map[string]bool            `json:"protected"` // by point
}

// Damaged reports whether damage remains, rather than a provider that cannot be reached.
func (r RepairResult) Damaged() bool {
	return slices.ContainsFunc(r.Remaining, func(f report.VerifyFinding) bool { return f.Damage })
}

// repair is one running Repair.
type repair struct {
	e      *Engine
	track  *report.Tracker
	repo   *repo
	list   listing
	index  *index
	doubts map[string]map[repository.ChunkID]bool // by provider: the copies that did not read well
	others []*sideObjects                         // what else must be at every provider
	mu     sync.Mutex
	result RepairResult
	failed map[string]map[string]string // point → provider → why it was not completed there
	told   map[string]bool              // the objects that can be read nowhere
}

// Repair verifies recovery points and copies what a provider misses, or holds damaged, from one that has a sound copy.
func (e *Engine) Repair(ctx context.Context, in report.VerifyInput, reporter report.Reporter) (RepairResult, error) {
	started := e.opts.Now()
	in.Provider = ""
	track := report.NewTracker(reporter, e.opts.Now)
	defer track.Close()
	verified, err := e.verify(ctx, in, track, true)
	if err != nil {
		return RepairResult{}, err
	}
	r := &repair{e: e, track: track, doubts: map[string]map[repository.ChunkID]bool{}, failed: map[string]map[string]string{}, told: map[string]bool{},
		result: RepairResult{Repaired: []report.VerifyFinding{}, Remaining: []report.VerifyFinding{}, Protected: map[string]bool{}, Copies: map[string][]keepsake.Copy{}}}
	if err := r.open(ctx, verified.Findings); err != nil {
		return RepairResult{}, err
	}
	var lanes sync.WaitGroup
	for _, p := range r.repo.live() { // each for itself: a slow provider keeps no other from being completed
		lanes.Go(func() { r.lane(ctx, p, verified.Copies) })
	}
	lanes.Wait()
	if ctx.Err() != nil {
		return RepairResult{}, ctx.Err()
	}
	r.conclude(verified.Copies)
	r.settle(verified.Findings)
	track.Stage(report.StageDone)
	r.result.Points, r.result.Seconds = len(verified.Copies), e.opts.Now().Sub(started).Seconds()
	return r.result, nil
}

// lane completes one provider: the newest recovery point first, what else must outlive at the end.
func (r *repair) lane(ctx context.Context, p Provider, verified map[string][]keepsake.Copy) {
	for _, id := range slices.Backward(slices.Sorted(maps.Keys(verified))) {
		whole := slices.ContainsFunc(verified[id], func(c keepsake.Copy) bool { return c.Provider == p.Name && c.Confirmed })
		if whole {
			continue
		}
		err := r.point(ctx, p, id)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			r.fails(p, id, err)
		}
	}
	for _, o := range r.others {
		o.copyTo(ctx, r, p)
	}
}

// fails names a recovery point that could not be completed at a provider, or once, that nobody can.
func (r *repair) fails(p Provider, id string, err error) {
	key := repository.ManifestKey(id)
	f := report.VerifyFinding{Provider: p.Name, Object: key, Problem: "The recovery point could not be completed there. " + explain(err),
		Damage: keepsake.CodeOf(err) == keepsake.CodeDamaged}
	var nowhere errNowhere
	if errors.As(err, &nowhere) {
		f.Provider, f.Problem = "", nowhere.Error()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed[id] == nil {
		r.failed[id] = map[string]string{}
	}
	r.failed[id][p.Name] = explain(err)
	if f.Provider == "" && r.told[key] {
		return
	}
	r.told[key] = r.told[key] || f.Provider == ""
	r.result.Remaining = append(r.result.Remaining, f)
}

// conclude judges what each recovery point has now at each provider.
func (r *repair) conclude(verified map[string][]keepsake.Copy) {
	for id := range verified {
		var places []keepsake.Copy
		for _, p := range r.repo.providers {
			c := keepsake.Copy{Provider: p.Name, Medium: p.Medium, Offsite: p.Offsite, Error: r.failed[id][p.Name]}
			if err := r.repo.down[p.Name]; err != nil {
				c.Error = explain(err)
			}
			c.Confirmed = c.Error == ""
			places = append(places, c)
		}
		r.result.Copies[id] = places
		r.result.Protected[id] = keepsake.JudgeProtection(places).Protected()
	}
	slices.SortFunc(r.result.Remaining, func(a, b report.VerifyFinding) int { return strings.Compare(a.Provider+a.Object, b.Provider+b.Object) })
}

func (r *repair) copied(bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.Copied++
	r.result.Bytes += bytes
}

// open looks at the providers again and distrusts the copies that the verification found bad.
func (r *repair) open(ctx context.Context, findings []report.VerifyFinding) (err error) {
	if r.repo, err = r.e.open(ctx); err != nil {
		return err
	}
	r.e.inNoHurry(r.repo)
	r.headers(ctx, findings)
	if r.list, err = listManifests(ctx, r.repo.live()); err != nil {
		return err
	}
	if r.index, _, err = buildIndex(ctx, r.repo, r.repo.live()); err != nil {
		return err
	}
	undos := listSide(ctx, r.repo, undoObjects)
	r.others = []*sideObjects{undos, listSide(ctx, r.repo, noteObjects)}
	for _, f := range findings {
		if f.Damage && strings.HasPrefix(f.Object, undoPrefix) {
			undos.distrust(f.Provider, f.Object)
		}
		if id, ok := parseChunkKey(f.Object); ok {
			r.index.distrust(id, providerBit(r.repo.providers, f.Provider))
			if r.doubts[f.Provider] == nil {
				r.doubts[f.Provider] = map[repository.ChunkID]bool{}
			}
			r.doubts[f.Provider][id] = true
		}
	}
	return nil
}

// headers writes the header to the providers that lack it or hold it damaged.
func (r *repair) headers(ctx context.Context, findings []report.VerifyFinding) {
	damaged := map[string]bool{}
	for _, f := range findings {
		damaged[f.Provider] = damaged[f.Provider] || f.Object == repository.HeaderKey && f.Damage
	}
	for _, p := range r.repo.providers {
		err := r.repo.down[p.Name]
		switch {
		case r.repo.blurred[p.Name]:
			if err = r.e.renewIdentity(ctx, r.repo, p); err == nil {
				r.copied(int64(len(r.repo.identities[p.Name].body)))
			}
		case r.repo.elsewhere(p): // it is for a person to say that the place is the right one
		case r.repo.lacking[p.Name]:
			err = putHeader(ctx, p, r.repo.header)
			delete(r.repo.lacking, p.Name)
		case damaged[p.Name] && (err == nil || keepsake.CodeOf(err) == keepsake.CodeDamaged):
			if err = replaceHeader(ctx, r.repo, p); err == nil {
				r.result.Copied++
				r.result.Bytes += int64(len(r.repo.header))
			}
		}
		delete(r.repo.down, p.Name)
		if err != nil {
			r.repo.down[p.Name] = err
			r.result.Remaining = append(r.result.Remaining, report.VerifyFinding{Provider: p.Name, Object: repository.HeaderKey,
				Problem: "The provider cannot be repaired now. " + explain(err), Damage: keepsake.CodeOf(err) == keepsake.CodeDamaged})
		}
	}
}

// errNowhere is an object that cannot be copied, because no provider has a sound one.
type errNowhere struct{ error }

// Unwrap returns what was found instead.
func (e errNowhere) Unwrap() error { return e.error }

// point completes one recovery point at one provider: chunks first, then the manifest.
func (r *repair) point(ctx context.Context, p Provider, id string) error {
	holders := r.list.holders(r.repo.live(), id)
	right, _, err := r.e.readRightful(ctx, r.repo, holders, id)
	if err != nil {
		return errNowhere{err}
	}
	sound := right.provider == p.Name
	if !sound && r.list.at[id][p.Name] {
		_, own, err := readManifestAt(ctx, r.repo, p, id)
		sound = err == nil && bytes.Equal(own, right.body)
	}
	return r.complete(ctx, p, id, uniqueChunks(right.m), right.body, sound)
}

func (r *repair) complete(ctx context.Context, p Provider, id string, chunks []*repository.Chunk, manifest []byte, sound bool) error {
	err := copyMissing(ctx, r.repo, r.index, p, chunks, nil, func(c *repository.Chunk) { r.copied(c.Size) })
	if err != nil {
		return err
	}
	for _, c := range chunks {
		if !r.doubts[p.Name][c.ID] {
			continue
		}
		if _, err := r.repo.soundCopy(ctx, p, c); err != nil {
			return fmt.Errorf("chunk %s was stored there anew and still does not read well: %w", c.ID, err)
		}
		delete(r.doubts[p.Name], c.ID)
	}
	if err := p.Store.Sync(ctx); err != nil {
		return fmt.Errorf("make the chunks durable: %w", err)
	}
	if sound {
		return nil
	}
	if err := r.repo.stillThere(ctx, p); err != nil {
		return err
	}
	if err := p.Store.Put(ctx, repository.ManifestKey(id), manifest, sha256.Sum256(manifest), true); err != nil {
		return err
	}
	if _, _, err := readManifestAt(ctx, r.repo, p, id); err != nil {
		return fmt.Errorf("the manifest was stored there anew and still does not read well: %w", err)
	}
	r.copied(int64(len(manifest)))
	return p.Store.Sync(ctx)
}
