package verify

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// RepairResult is the report of a repair.
type RepairResult struct {
	Points int `json:"points"`
	// every copy was read; else a copy counts by its name and size
	Deep      bool                   `json:"deep"`
	Copied    int64                  `json:"objects_copied"` // missing or damaged copies that are sound now
	Bytes     int64                  `json:"bytes_copied"`
	Seconds   float64                `json:"seconds"`
	Repaired  []report.VerifyFinding `json:"repaired"`  // what was found missing or damaged, and is sound now
	Remaining []report.VerifyFinding `json:"remaining"` // what could not be repaired, and why
	// by point; what is confirmed was read only where the repair is deep
	Copies    map[string][]keepsake.Copy `json:"copies"`
	Protected map[string]bool            `json:"protected"` // by point, as its copies are
	// Away are, by point, the providers that could not be asked for it, which proves nothing of what they hold.
	Away map[string][]string `json:"-"`
}

// Damaged reports whether damage remains. A provider that cannot be reached is no damage.
func (r RepairResult) Damaged() bool {
	return slices.ContainsFunc(r.Remaining, func(f report.VerifyFinding) bool { return f.Damage })
}

// Left says what could not be repaired: how much at which provider, why, and what to do. It is empty when nothing is
// left.
func (r RepairResult) Left() string {
	var order []string
	first, count := map[string]report.VerifyFinding{}, map[string]int{}
	for _, f := range r.Remaining {
		if count[f.Provider]++; count[f.Provider] == 1 {
			order, first[f.Provider] = append(order, f.Provider), f
		}
	}
	var said []string
	for _, name := range order {
		who := "Provider " + name + " still lacks "
		if name == "" {
			who = "No provider has a sound copy of "
		}
		said = append(said, who+report.Plural(count[name], "object")+". "+keepsake.Sentence(first[name].Problem))
	}
	words := strings.Join(said, " ")
	if words != "" && !r.Damaged() && !strings.Contains(words, "keepsake repair") {
		words += " Then repair again."
	}
	return words
}

// repair is one running Repair.
type repair struct {
	*Verifier
	track  *report.Tracker
	repo   *replicas.Repo
	list   replicas.Listing
	index  *replicas.Index
	goes   *replicas.Removals                     // what is not brought back
	doubts map[string]map[repository.ChunkID]bool // by provider: the copies that did not read well
	others []*replicas.Objects                    // what else must be at every provider
	mu     sync.Mutex
	result RepairResult
	failed map[string]map[string]error // point → provider → why it was not completed there
	told   map[string]bool             // the objects that can be read nowhere
}

// Repair verifies recovery points, and copies what a provider lacks or holds damaged from one that has a sound copy.
func (by *Verifier) Repair(ctx context.Context, in report.VerifyInput, reporter report.Reporter) (RepairResult, error) {
	started := by.Now()
	in.Provider = ""
	track := report.NewTracker(reporter, by.Now)
	defer track.Close()
	verified, err := by.verify(ctx, in, track, true)
	if err != nil {
		return RepairResult{}, err
	}
	r := &repair{
		Verifier: by,
		track:    track,
		doubts:   map[string]map[repository.ChunkID]bool{},
		failed:   map[string]map[string]error{},
		told:     map[string]bool{},
		result: RepairResult{
			Deep:      in.Deep,
			Repaired:  []report.VerifyFinding{},
			Remaining: []report.VerifyFinding{},
			Protected: map[string]bool{},
			Copies:    map[string][]keepsake.Copy{},
			Away:      map[string][]string{},
		},
	}
	if err := r.open(ctx, verified.Findings); err != nil {
		return RepairResult{}, err
	}
	track.Stage(report.StageRepairing)
	var lanes sync.WaitGroup
	for _, p := range r.repo.Live() { // each for itself: a slow provider keeps no other from being completed
		lanes.Go(func() { r.lane(ctx, p, verified.Copies) })
	}
	lanes.Wait()
	if ctx.Err() != nil {
		return RepairResult{}, ctx.Err()
	}
	r.conclude(verified)
	r.settle(verified.Findings)
	track.Stage(report.StageDone)
	r.result.Points, r.result.Seconds = len(verified.Copies), by.Now().Sub(started).Seconds()
	return r.result, nil
}

// lane completes one provider: the newest recovery point first, what else must outlive at the end.
func (r *repair) lane(ctx context.Context, p replicas.Provider, verified map[string][]keepsake.Copy) {
	for _, id := range slices.Backward(slices.Sorted(maps.Keys(verified))) {
		if isWhole(verified[id], p.Name) {
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
		r.copySide(ctx, o, p)
	}
}

// fails names a recovery point that could not be completed at a provider, or once, that nobody can.
func (r *repair) fails(p replicas.Provider, id string, err error) {
	key := repository.ManifestKey(id)
	f := report.VerifyFinding{
		Provider: p.Name,
		Object:   key,
		Problem:  "The recovery point could not be completed there. " + replicas.Explain(err),
		Damage:   keepsake.CodeOf(err) == keepsake.CodeDamaged,
	}
	var nowhere errNowhere
	if errors.As(err, &nowhere) {
		f.Provider, f.Problem = "", nowhere.Error()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed[id] == nil {
		r.failed[id] = map[string]error{}
	}
	r.failed[id][p.Name] = err
	if f.Provider == "" && r.told[key] {
		return
	}
	r.told[key] = r.told[key] || f.Provider == ""
	r.result.Remaining = append(r.result.Remaining, f)
}

// conclude judges what each recovery point has now at each provider.
func (r *repair) conclude(verified report.VerifyResult) {
	for id := range verified.Copies {
		var places []keepsake.Copy
		for _, p := range r.repo.Providers {
			c := keepsake.Copy{Provider: p.Name, Medium: p.Medium, Offsite: p.Offsite, Confirmed: true}
			if err := cmp.Or(r.repo.Down[p.Name], r.failed[id][p.Name]); err != nil {
				c.Confirmed, c.Error = false, replicas.Explain(err)
			}
			if !c.Confirmed && r.away(id, p.Name, verified) {
				r.result.Away[id] = append(r.result.Away[id], p.Name)
			}
			places = append(places, c)
		}
		r.result.Copies[id] = places
		r.result.Protected[id] = keepsake.JudgeProtection(places).Protected()
	}
	slices.SortFunc(r.result.Remaining, func(a, b report.VerifyFinding) int {
		return strings.Compare(a.Provider+a.Object,
			b.Provider+b.Object)
	})
}

// away reports whether a provider could not be asked for a recovery point that was not completed there: neither by the
// verification, unless that found the copy whole, nor by what came after it.
func (r *repair) away(id, provider string, verified report.VerifyResult) bool {
	unasked := slices.Contains(verified.Proofs[id].Away, provider)
	if err := r.repo.Down[provider]; err != nil {
		return unasked || isWhole(verified.Copies[id], provider) && keepsake.CodeOf(err) != keepsake.CodeDamaged
	}
	listed := r.list.Failed[provider] != nil || r.list.At[id][provider]
	return unasked && listed && errors.Is(r.failed[id][provider], storage.ErrTimeout)
}

func isWhole(copies []keepsake.Copy, provider string) bool {
	return slices.ContainsFunc(copies, func(c keepsake.Copy) bool { return c.Provider == provider && c.Confirmed })
}

func (r *repair) copied(bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.Copied++
	r.result.Bytes += bytes
}

// open looks at the providers again and distrusts the copies that the verification found bad.
func (r *repair) open(ctx context.Context, findings []report.VerifyFinding) (err error) {
	if r.repo, err = r.Replicas.Open(ctx); err != nil {
		return err
	}
	r.Replicas.InNoHurry(r.repo)
	r.headers(ctx, findings)
	if r.goes, err = r.Replicas.ReadRemovals(ctx, r.repo, r.repo.Live()); err != nil {
		return err
	}
	for name, err := range r.goes.Failed {
		r.repo.Down[name] = err
	}
	if r.list, err = replicas.ListManifests(ctx, r.repo.Live()); err != nil {
		return err
	}
	if r.index, _, err = replicas.BuildIndex(ctx, r.repo, r.repo.Live(), nil); err != nil {
		return err
	}
	for _, k := range replicas.ObjectKinds() {
		r.others = append(r.others, replicas.ListObjects(ctx, r.repo, k))
	}
	for _, f := range findings {
		for _, o := range r.others {
			if f.Damage && strings.HasPrefix(f.Object, o.Prefix) {
				o.Distrust(f.Provider, f.Object)
			}
		}
		if ref, ok := replicas.ParseKey(f.Object); ok {
			r.index.Distrust(ref.ID, replicas.ProviderBit(r.repo.Providers, f.Provider))
			if r.doubts[f.Provider] == nil {
				r.doubts[f.Provider] = map[repository.ChunkID]bool{}
			}
			r.doubts[f.Provider][ref.ID] = true
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
	for _, p := range r.repo.Providers {
		err := r.repo.Down[p.Name]
		switch {
		case r.repo.Blurred[p.Name]:
			if err = r.Replicas.RenewIdentity(ctx, r.repo, p); err == nil {
				r.copied(int64(len(r.repo.Identities[p.Name].Body)))
			}
		case r.repo.Elsewhere(p): // it is for a person to say that the place is the right one
		case r.repo.Lacking[p.Name]:
			err = replicas.PutHeader(ctx, p, r.repo.Header)
			delete(r.repo.Lacking, p.Name)
		case damaged[p.Name] && (err == nil || keepsake.CodeOf(err) == keepsake.CodeDamaged):
			if err = replicas.ReplaceHeader(ctx, r.repo, p); err == nil {
				r.result.Copied++
				r.result.Bytes += int64(len(r.repo.Header))
			}
		}
		delete(r.repo.Down, p.Name)
		if err != nil {
			r.repo.Down[p.Name] = err
			r.result.Remaining = append(r.result.Remaining, report.VerifyFinding{
				Provider: p.Name,
				Object:   repository.HeaderKey,
				Problem:  "The provider cannot be repaired now. " + replicas.Explain(err),
				Damage:   keepsake.CodeOf(err) == keepsake.CodeDamaged,
			})
		}
	}
}

// errNowhere is an object that cannot be copied, because no provider has a sound one.
type errNowhere struct{ error }

// Unwrap returns what was found instead.
func (e errNowhere) Unwrap() error { return e.error }

// point completes one recovery point at one provider: chunks first, then the manifest.
func (r *repair) point(ctx context.Context, p replicas.Provider, id string) error {
	if list := r.goes.Removes(id); list != nil {
		return errGoes(list)
	}
	holders := r.list.Holders(r.repo.Live(), id)
	right, _, err := r.Replicas.ReadRightful(ctx, r.repo, holders, id)
	if err != nil {
		return errNowhere{err}
	}
	sound := right.Provider == p.Name
	if !sound && r.list.At[id][p.Name] {
		_, own, err := replicas.ReadManifestAt(ctx, r.repo, p, id)
		sound = err == nil && bytes.Equal(own, right.Body)
	}
	refs, _, err := r.Replicas.Refs(ctx, r.repo, r.list, replicas.Preferring(holders, r.repo.Live()), right.Manifest)
	if err != nil {
		return errNowhere{err}
	}
	for _, c := range refs {
		if r.goes.Condemned(c.ID) {
			return errShared
		}
	}
	return r.complete(ctx, p, id, refs, right.Body, sound)
}

// errGoes is a recovery point that is about to go, or has gone at the other providers.
func errGoes(list *repository.Removal) error {
	return keepsake.Errorf(keepsake.CodeConflict, "It is marked to go after %s, so nothing is copied for it. To keep it, "+
		"lock it: when the next retention has run, it can be repaired.", list.Due.UTC().Format(time.RFC3339))
}

// errShared is a recovery point that needs something that goes with another one.
var errShared = keepsake.Errorf(keepsake.CodeConflict, "It needs something that goes with recovery points that "+
	"retention removes, so nothing is copied for it. Take a full backup.")

// unreliable says that a store took an object and does not give it back as it was.
func unreliable(object string, err error) error {
	return &keepsake.Error{
		Code: keepsake.CodeOf(err),
		Err:  err,
		Message: "A " + object + " was stored there anew and still does not read well, so this store does not keep " +
			"what it takes. " +
			replicas.Explain(err),
	}
}

func (r *repair) complete(ctx context.Context, p replicas.Provider, id string, refs []*repository.Ref, manifest []byte,
	sound bool) error {
	err := replicas.CopyMissing(ctx, r.repo, r.index, p, refs, nil, func(c *repository.Ref) { r.copied(c.Size) })
	if err != nil {
		return err
	}
	for _, c := range refs {
		if !r.doubts[p.Name][c.ID] {
			continue
		}
		if _, err := r.repo.SoundCopy(ctx, p, c); err != nil {
			return unreliable("chunk or index page", err)
		}
		delete(r.doubts[p.Name], c.ID)
	}
	if !sound {
		if err := replicas.Adopt(ctx, r.repo, r.index, p, refs, nil); err != nil {
			return err
		}
	}
	if err := p.Store.Sync(ctx); err != nil {
		return fmt.Errorf("make the chunks durable: %w", err)
	}
	if sound {
		return nil
	}
	if err := r.repo.StillThere(ctx, p); err != nil {
		return err
	}
	err = r.Replicas.Publish(ctx, r.repo, p, r.goes, refs, id, func() error {
		return p.Store.Put(ctx, repository.ManifestKey(id), manifest, sha256.Sum256(manifest), true)
	})
	if err != nil {
		return err
	}
	if _, _, err := replicas.ReadManifestAt(ctx, r.repo, p, id); err != nil {
		return unreliable("manifest", err)
	}
	r.copied(int64(len(manifest)))
	return p.Store.Sync(ctx)
}
