package engine

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// RepairResult is the report of a repair.
type RepairResult struct {
	Points    int                        `json:"points"`
	Copied    int64                      `json:"objects_copied"` // missing or damaged copies that are sound now
	Bytes     int64                      `json:"bytes_copied"`
	Seconds   float64                    `json:"seconds"`
	Remaining []VerifyFinding            `json:"remaining"` // what could not be repaired, and why
	Copies    map[string][]keepsake.Copy `json:"copies"`    // by point
	Protected map[string]bool            `json:"protected"` // by point
}

// Damaged reports whether damage remains, rather than a provider that cannot be reached.
func (r RepairResult) Damaged() bool {
	return slices.ContainsFunc(r.Remaining, func(f VerifyFinding) bool { return f.Damage })
}

// repair is one running Repair.
type repair struct {
	e      *Engine
	repo   *repo
	list   listing
	index  *index
	doubts map[string]map[repository.ChunkID]bool // by provider: the copies that did not read well
	result RepairResult
}

// Repair verifies recovery points and copies what a provider misses, or holds damaged, from one that has a sound copy.
func (e *Engine) Repair(ctx context.Context, in VerifyInput, reporter Reporter) (RepairResult, error) {
	started := e.opts.Now()
	in.Provider = ""
	verified, err := e.Verify(ctx, in, reporter)
	if err != nil {
		return RepairResult{}, err
	}
	r := &repair{e: e, doubts: map[string]map[repository.ChunkID]bool{}, result: RepairResult{Remaining: []VerifyFinding{}, Protected: map[string]bool{}, Copies: map[string][]keepsake.Copy{}}}
	if err := r.open(ctx, verified.Findings); err != nil {
		return RepairResult{}, err
	}
	for id := range verified.Copies {
		if err := r.point(ctx, id); err != nil {
			return RepairResult{}, err
		}
	}
	r.result.Points, r.result.Seconds = len(verified.Copies), e.opts.Now().Sub(started).Seconds()
	return r.result, nil
}

// open looks at the providers again and distrusts the copies that the verification found bad.
func (r *repair) open(ctx context.Context, findings []VerifyFinding) (err error) {
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
	for _, f := range findings {
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
func (r *repair) headers(ctx context.Context, findings []VerifyFinding) {
	damaged := map[string]bool{}
	for _, f := range findings {
		damaged[f.Provider] = damaged[f.Provider] || f.Object == repository.HeaderKey && f.Damage
	}
	for _, p := range r.repo.providers {
		err := r.repo.down[p.Name]
		switch {
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
			r.result.Remaining = append(r.result.Remaining, VerifyFinding{Provider: p.Name, Object: repository.HeaderKey,
				Problem: "The provider cannot be repaired now: " + explain(err), Damage: keepsake.CodeOf(err) == keepsake.CodeDamaged})
		}
	}
}

// point completes one recovery point at every provider that answers: chunks first, then the manifest.
func (r *repair) point(ctx context.Context, id string) error {
	var copies []manifestCopy
	sound := map[string]bool{}
	for _, p := range r.list.holders(r.repo.live(), id) {
		if found, b, err := readManifestAt(ctx, r.repo, p, id); err == nil {
			copies, sound[p.Name] = append(copies, manifestCopy{p.Name, found, b}), true
		}
	}
	if len(copies) == 0 {
		r.result.Remaining = append(r.result.Remaining, VerifyFinding{Object: repository.ManifestKey(id), Damage: true,
			Problem: "No provider has a sound copy of this recovery point's manifest."})
		return ctx.Err()
	}
	right, findings, sure := rightful(id, copies)
	if !sure { // which one to copy is not for a program to say
		r.result.Remaining = append(r.result.Remaining, findings...)
		return ctx.Err()
	}
	for _, f := range findings {
		sound[f.Provider] = false
	}
	body, chunks := right.body, uniqueChunks(right.m)
	var places []keepsake.Copy
	for _, p := range r.repo.live() {
		err := r.complete(ctx, p, id, chunks, body, sound[p.Name])
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			r.result.Remaining = append(r.result.Remaining, VerifyFinding{Provider: p.Name, Object: repository.ManifestKey(id),
				Problem: "The recovery point could not be completed there: " + explain(err), Damage: keepsake.CodeOf(err) == keepsake.CodeDamaged})
		}
		c := keepsake.Copy{Provider: p.Name, Medium: p.Medium, Offsite: p.Offsite, Confirmed: err == nil}
		if err != nil {
			c.Error = explain(err)
		}
		places = append(places, c)
	}
	for _, p := range r.repo.providers {
		if err := r.repo.down[p.Name]; err != nil {
			places = append(places, keepsake.Copy{Provider: p.Name, Medium: p.Medium, Offsite: p.Offsite, Error: explain(err)})
		}
	}
	r.result.Copies[id] = places
	r.result.Protected[id] = keepsake.JudgeProtection(places).Protected()
	return nil
}

func (r *repair) complete(ctx context.Context, p Provider, id string, chunks []*repository.Chunk, manifest []byte, sound bool) error {
	copied := make(chan int64, len(chunks))
	err := copyMissing(ctx, r.repo, r.index, p, chunks, nil, func(c *repository.Chunk) { copied <- c.Size })
	close(copied)
	for n := range copied {
		r.result.Copied++
		r.result.Bytes += n
	}
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
	r.result.Copied++
	r.result.Bytes += int64(len(manifest))
	return p.Store.Sync(ctx)
}
