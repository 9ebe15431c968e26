package verify

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Verifier verifies and repairs. It is safe for concurrent use.
type Verifier struct {
	Replicas *replicas.Set
	Workers  int // chunks that are looked at at once
	Now      func() time.Time
}

// verification is one running Verify.
type verification struct {
	*Verifier
	repo    *replicas.Repo
	live    []replicas.Provider
	list    replicas.Listing
	index   *replicas.Index
	track   *report.Tracker
	deep    bool
	command string // that repairs what is found
	// repairing: whoever looks repairs what is found at once.
	repairing bool
	suspects  map[repository.ChunkID]bool // index pages of which a copy was met that is not sound
	mu        sync.Mutex
	hung      map[string]bool // providers
	unasked   map[string]bool // providers that nothing of any recovery point could be asked of
	wrong     map[copyAt]bool // what was found wrong, by whoever answered
	result    report.VerifyResult
}

// copyAt is one provider's copy of an object.
type copyAt struct{ provider, object string }

// Verify checks recovery points at every provider. It checks that the manifest opens and that every chunk is there
// with its size. With deep it also checks that every chunk's bytes are the stored ones, open, and are what its id
// names. Findings name each bad copy.
func (by *Verifier) Verify(
	ctx context.Context, in report.VerifyInput, reporter report.Reporter,
) (report.VerifyResult, error) {
	track := report.NewTracker(reporter, by.Now)
	defer track.Close()
	result, err := by.verify(ctx, in, track, false)
	if err == nil {
		track.Stage(report.StageDone)
	}
	return result, err
}

// verify is Verify with the tracker of whoever looks. A repair heals what it finds, so nothing of it is a warning, or
// failed, yet.
func (by *Verifier) verify(ctx context.Context, in report.VerifyInput, track *report.Tracker, repairing bool) (
	report.VerifyResult, error) {
	started := by.Now()
	v := &verification{Verifier: by, deep: in.Deep, repairing: repairing, track: track}
	v.hung, v.unasked, v.wrong = map[string]bool{}, map[string]bool{}, map[copyAt]bool{}
	v.result.Findings, v.result.Copies = []report.VerifyFinding{}, map[string][]keepsake.Copy{}
	v.result.Proofs = map[string]report.PointProof{}
	v.track.Stage(report.StageChecking)
	if err := v.run(ctx, in); err != nil {
		v.track.Broke(ctx, "verification", err)
		return report.VerifyResult{}, err
	}
	v.result.OK = len(v.result.Findings) == 0
	v.result.Seconds = by.Now().Sub(started).Seconds()
	slices.SortFunc(v.result.Findings, func(a, b report.VerifyFinding) int {
		return strings.Compare(a.Provider+a.Object, b.Provider+b.Object)
	})
	return v.result, nil
}

func (v *verification) run(ctx context.Context, in report.VerifyInput) (err error) {
	if v.repo, v.live, err = v.Replicas.OpenFor(ctx, in.Provider); err != nil {
		return err
	}
	v.Replicas.InNoHurry(v.repo)
	v.track.Await(v.repo.Awaited())
	if v.list, err = replicas.ListManifests(ctx, v.live); err != nil {
		return err
	}
	ids := v.list.NewestFirst()
	if in.Point == "" && len(ids) == 0 {
		return replicas.NoPoint(v.repo, v.list)
	}
	v.command = replicas.RepairCommand("", v.deep)
	if in.Point != "" {
		if ids, err = v.choose(ctx, in.Point); err != nil {
			return err
		}
		if len(ids) == 1 {
			v.command = replicas.RepairCommand(ids[0], v.deep)
		}
	}
	if v.repairing {
		v.command = replicas.ThisRepair
	}
	v.headers(ctx)
	for name, err := range v.list.Failed {
		v.never(name, repository.ManifestPrefix, err)
	}
	var failed map[string]error
	if v.index, failed, err = replicas.BuildIndex(ctx, v.repo, v.live, nil); err != nil {
		return err
	}
	for name, err := range failed {
		v.never(name, replicas.ChunkPrefix, err)
	}
	v.live = slices.DeleteFunc(v.live, func(p replicas.Provider) bool {
		return v.list.Failed[p.Name] != nil ||
			failed[p.Name] != nil
	})
	if in.Point == "" {
		if ids, err = v.staying(ctx, ids); err != nil {
			return err
		}
	}
	if err := v.points(ctx, ids); err != nil {
		return err
	}
	v.beside(ctx, in.Provider == "")
	return ctx.Err()
}

// choose finds the points to verify. One that cannot be read is one to verify as well: of latest, each that is newer
// than the newest that can be.
func (v *verification) choose(ctx context.Context, point string) (ids []string, err error) {
	if point != replicas.LatestWhole {
		if len(v.list.At[point]) == 0 { // it says who was not asked
			_, _, err = v.Replicas.ReadManifest(ctx, v.repo, nil, point)
		}
		return []string{point}, err
	}
	m, list, _, err := v.Replicas.Resolve(ctx, v.repo, v.live, point)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	for _, p := range list.Passed {
		ids = append(ids, p.ID)
	}
	if m != nil {
		ids = append(ids, m.ID)
	}
	if len(ids) > 0 {
		return ids, nil
	}
	return nil, err
}

// headers checks each provider's copy of the header.
func (v *verification) headers(ctx context.Context) {
	for _, p := range v.repo.Providers {
		switch err := v.repo.Down[p.Name]; {
		case v.repo.Blurred[p.Name]:
			v.found(p.Name, storage.IdentityKey, err)
		case v.repo.Elsewhere(p):
			v.never(p.Name, repository.HeaderKey, err)
		case v.repo.Lacking[p.Name]:
			v.found(p.Name, repository.HeaderKey, storage.ErrNotFound)
		case keepsake.CodeOf(err) == keepsake.CodeDamaged:
			v.found(p.Name, repository.HeaderKey, err)
		case err != nil:
			v.never(p.Name, repository.HeaderKey, err)
		default:
			if err := v.Replicas.CheckHeader(ctx, v.repo, p); err != nil {
				v.found(p.Name, repository.HeaderKey, err)
			}
		}
	}
}

// points checks the manifests one after the other and every chunk once, whatever the number of points that need it.
func (v *verification) points(ctx context.Context, ids []string) error {
	v.track.Stage(report.StageComparing)
	v.track.Update(func(p *report.Progress) {
		for _, prov := range v.live {
			p.Providers = append(p.Providers, report.ProviderProgress{Name: prov.Name, State: report.ItemRunning})
		}
	})
	bad := map[repository.ChunkID]uint16{} // providers without a good copy, by chunk
	seen := map[repository.ChunkID]bool{}
	for _, id := range ids {
		m, sound := v.manifest(ctx, id)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if m == nil { // nothing of it is proven, its number of rows included
			v.result.Points++
			v.result.Copies[id] = v.copies(nil, sound, nil)
			v.result.Proofs[id] = report.PointProof{Integrity: map[string]float64{}, Away: v.awayFrom(id, nil)}
			continue
		}
		holders := slices.DeleteFunc(slices.Clone(v.live), func(p replicas.Provider) bool { return !sound[p.Name] })
		refs, met, err := v.Replicas.Refs(ctx, v.repo, v.list, replicas.Preferring(holders, v.live), m)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		v.result.Points++
		if err != nil {
			v.unread(m, met, err)
			continue
		}
		v.suspect(met)
		fresh := slices.DeleteFunc(slices.Clone(refs), func(c *repository.Ref) bool { return seen[c.ID] })
		for _, c := range fresh {
			seen[c.ID] = true
		}
		if err := v.objects(ctx, fresh, bad); err != nil {
			return err
		}
		v.result.Copies[id] = v.copies(refs, sound, bad)
		if v.result.Proofs[id], err = v.proof(ctx, m, refs, sound, bad); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// manifest opens a point's manifest at every provider. A provider that does not list it is named when another does.
func (v *verification) manifest(ctx context.Context, id string) (*repository.Manifest, map[string]bool) {
	var copies []replicas.ManifestCopy
	sound := map[string]bool{}
	for _, p := range v.live {
		m, body, err := replicas.ReadManifestAt(ctx, v.repo, p, id)
		v.count(p.Name, int64(len(body)))
		if err != nil {
			v.found(p.Name, repository.ManifestKey(id), err)
			continue
		}
		sound[p.Name] = true
		copies = append(copies, replicas.ManifestCopy{Provider: p.Name, Manifest: m, Body: body})
	}
	if len(copies) == 0 {
		return nil, sound
	}
	right, findings, sure := replicas.Rightful(id, copies)
	if !sure { // each may be the wrong one
		sound = map[string]bool{}
	}
	for _, f := range findings {
		sound[f.Provider] = false
		if f.Provider != "" {
			v.result.Repair = v.command
		}
		v.add(f)
	}
	return right.Manifest, sound
}

// objects checks each chunk and each index page at each provider.
func (v *verification) objects(parent context.Context, refs []*repository.Ref,
	bad map[repository.ChunkID]uint16) error {
	v.track.Update(func(p *report.Progress) {
		p.ChunksTotal += int64(len(refs))
		for _, c := range refs {
			p.BytesTotal += c.Size
		}
	})
	g, ctx := errgroup.WithContext(parent)
	g.SetLimit(max(replicas.LaneWorkers, v.Workers))
	for _, c := range refs {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			for _, p := range v.live {
				bit := replicas.ProviderBit(v.repo.Providers, p.Name)
				if err := v.object(ctx, p, bit, c); err != nil {
					if ctx.Err() != nil {
						return ctx.Err()
					}
					v.found(p.Name, c.Key(), err)
					v.mu.Lock()
					bad[c.ID] |= bit
					v.mu.Unlock()
				}
			}
			v.track.Update(func(p *report.Progress) { p.ChunksDone++; p.BytesDone += c.Size })
			return nil
		})
	}
	return cmp.Or(g.Wait(), parent.Err())
}

func (v *verification) object(ctx context.Context, p replicas.Provider, bit uint16, c *repository.Ref) error {
	e := v.index.Get(c.ID)
	if (e.At|e.Odd)&bit == 0 {
		return storage.ErrNotFound
	}
	if !v.deep && !v.suspects[c.ID] {
		return v.size(ctx, p, e.At&bit != 0 && e.Size == c.Size, c)
	}
	body, err := replicas.GetSealed(ctx, p, c)
	v.count(p.Name, int64(len(body)))
	if err != nil {
		return err
	}
	return v.repo.Opens(c, body)
}

// size checks a listed copy without reading it, unless its size is not the manifest's. Then only its content tells
// whether another run sealed it at the same time, with another compression, or whether it is damaged.
func (v *verification) size(ctx context.Context, p replicas.Provider, right bool, c *repository.Ref) error {
	if !right {
		o, err := p.Store.Stat(ctx, c.Key())
		if err != nil {
			return err
		}
		if o.Size != c.Size {
			body, err := v.repo.SoundCopy(ctx, p, c)
			v.count(p.Name, int64(len(body)))
			return err
		}
	}
	v.count(p.Name, 0)
	return nil
}

func (v *verification) add(f report.VerifyFinding) {
	v.mu.Lock()
	v.result.Findings = append(v.result.Findings, f)
	if !f.Away {
		v.wrong[copyAt{f.Provider, f.Object}] = true
	}
	v.mu.Unlock()
	if v.repairing {
		v.track.Infof("Found to repair at provider %s, %s: %s", f.Provider, f.Object, f.Problem)
		return
	}
	v.track.Warnf("Provider %s, %s: %s", f.Provider, f.Object, f.Problem)
	v.track.Provider(f.Provider, func(p *report.ProviderProgress) { p.State, p.Error = report.ItemFailed, f.Problem })
}

func (v *verification) count(provider string, bytes int64) {
	v.mu.Lock()
	v.result.Objects++
	v.result.Bytes += bytes
	v.mu.Unlock()
	v.track.Provider(provider, func(p *report.ProviderProgress) { p.Confirmed++; p.Bytes += bytes })
}

// noManifest says that a provider does not hold a recovery point.
const noManifest = "no sound manifest"

// copies judges one point at each provider by what was found.
func (v *verification) copies(refs []*repository.Ref, sound map[string]bool,
	bad map[repository.ChunkID]uint16) []keepsake.Copy {
	var copies []keepsake.Copy
	for _, p := range v.repo.Providers {
		c := keepsake.Copy{Provider: p.Name, Medium: p.Medium, Offsite: p.Offsite, Confirmed: sound[p.Name]}
		bit := replicas.ProviderBit(v.repo.Providers, p.Name)
		missing := 0
		for _, c := range refs {
			if bad[c.ID]&bit != 0 {
				missing++
			}
		}
		switch {
		case v.repo.Down[p.Name] != nil:
			c.Error = replicas.Explain(v.repo.Down[p.Name])
		case v.hung[p.Name]:
			c.Confirmed, c.Error = false, "it hung while it was being verified"
		case !c.Confirmed:
			c.Error = noManifest
		case missing > 0:
			c.Confirmed, c.Error = false, fmt.Sprintf(
				"%d of %d chunks and index pages are missing, damaged or not given", missing, len(refs))
		}
		copies = append(copies, c)
	}
	return copies
}
