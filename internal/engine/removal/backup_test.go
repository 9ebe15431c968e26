package removal_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// tables is how many tables the platform of a history has. What each holds is one of a few contents.
const tables = 2

// contents of the platform at a snapshot.
type contents [tables]int

// snapshot is one backup. It takes the steps of package snapshot in their order, with the same calls, and reads no
// database.
type snapshot struct {
	w        *world
	a        *actor
	set      *replicas.Set
	repo     *replicas.Repo
	removals *replicas.Removals
	listing  replicas.Listing
	parent   *repository.Manifest
	was      []*repository.Ref
	ranges   map[string][]repository.Range // of the parent, by table
	index    *replicas.Index
	lanes    []*replicas.Lane
	track    *report.Tracker
	manifest *repository.Manifest
	tables   [tables][]repository.Range

	pages map[repository.ChunkID]repository.Ref
	late  []*latePage
}

func (w *world) backUp(ctx context.Context, a *actor, kind keepsake.BackupType, has contents) (err error) {
	b := &snapshot{w: w, a: a, set: w.sets[a.machine], pages: map[repository.ChunkID]repository.Ref{}}
	b.track = report.NewTracker(nil, b.set.Now)
	defer b.track.Close()
	if b.repo, err = b.set.OpenToSeal(ctx, b.set.Providers); err != nil {
		return err
	}
	b.set.InNoHurry(b.repo)
	if b.repo.Keys.WritesOnly() {
		kind = keepsake.BackupFull
	}
	if err := b.lookAtProviders(ctx); err != nil {
		return err
	}
	if b.parent == nil {
		kind = keepsake.BackupFull
	}
	taken := b.set.Now()
	b.manifest = &repository.Manifest{
		Format:     repository.FormatVersion,
		Repository: b.repo.Keys.Repository(),
		ID:         b.repo.Keys.PointID(taken, b.listing.Last()),
		Time:       taken.UTC(),
		Type:       kind,
		Tool:       "test",
		Facts:      repository.Facts{Roles: slices.Repeat([]string{"a role with a rather long name"}, 50)},
	}
	shared := &replicas.Bell{}
	for _, p := range b.repo.Live() {
		b.lanes = append(b.lanes, replicas.NewLane(ctx, p, replicas.ProviderBit(b.repo.Providers, p.Name), b.index,
			b.track, shared))
	}
	defer func() {
		for _, l := range b.lanes {
			l.Close()
		}
	}()
	if err := b.read(ctx, has); err != nil {
		return err
	}
	return b.complete(ctx)
}

func (b *snapshot) cannotList(failed map[string]error) {
	for name, err := range failed {
		b.repo.Down[name] = err
	}
}

func (b *snapshot) lookAtProviders(ctx context.Context) (err error) {
	nobody := errors.New("no provider can be written")
	if len(b.repo.Live()) == 0 {
		return nobody
	}
	if b.removals, err = b.set.ReadRemovals(ctx, b.repo, b.repo.Live()); err != nil {
		return err
	}
	b.cannotList(b.removals.Failed)
	if len(b.repo.Live()) == 0 {
		return nobody
	}
	if err := b.findParent(ctx, b.repo.Live()); err != nil {
		return err
	}
	var failed map[string]error
	b.index, failed, err = replicas.BuildIndex(ctx, b.repo, b.repo.Live(), b.was)
	b.cannotList(failed)
	if err == nil && len(b.repo.Live()) == 0 {
		return nobody
	}
	return err
}

func (b *snapshot) findParent(ctx context.Context, live []replicas.Provider) (err error) {
	if b.listing, err = replicas.ListManifests(ctx, live); err != nil {
		return err
	}
	if b.repo.Keys.WritesOnly() {
		return nil
	}
	for _, id := range b.listing.NewestFirst() {
		m, _, err := b.set.ReadManifest(ctx, b.repo, b.listing.Holders(live, id), id)
		if err == nil {
			err = b.readParent(ctx, m)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil && b.removals.Removes(id) == nil && b.removals.Spares(b.was) {
			b.parent = m
			return nil
		}
		b.was, b.ranges = nil, nil
	}
	return nil
}

func (b *snapshot) readParent(ctx context.Context, m *repository.Manifest) error {
	copies := replicas.NewSource(b.repo, b.repo.Live(), m.ID, b.track)
	if err := b.listing.Load(ctx, b.repo, copies, m); err != nil {
		return err
	}
	var err error
	if b.was, err = replicas.UniqueRefs(ctx, copies.Page, m); err != nil {
		return err
	}
	b.ranges = map[string][]repository.Range{}
	for i := range m.Tables {
		t := &m.Tables[i]
		for r, err := range t.EachRange(ctx, copies.Page) {
			if err != nil {
				return err
			}
			b.ranges[t.Name.Name+t.Layout] = append(b.ranges[t.Name.Name+t.Layout], *r)
		}
	}
	return nil
}

// read stores what the tables hold. An incremental backup takes a table over that is as it was.
func (b *snapshot) read(ctx context.Context, has contents) error {
	schema, err := b.store(ctx, repository.ObjectChunk, []byte("the schema"))
	if err != nil {
		return err
	}
	b.manifest.Schema = []repository.Chunk{{Ref: schema}}
	for i, value := range has {
		t := repository.Table{
			Name:   repository.Name{Schema: "public", Name: fmt.Sprintf("t%d", i)},
			Kind:   repository.KindTable,
			Tier:   keepsake.TierCritical,
			Format: repository.FormatText,
			Layout: fmt.Sprint(value), // so that one can tell whether it is as it was
		}
		b.tables[i] = b.ranges[t.Name.Name+t.Layout]
		if b.manifest.Type != keepsake.BackupIncremental || !b.stored(b.tables[i]) {
			if b.tables[i], err = b.readTable(ctx, i, value); err != nil {
				return err
			}
		}
		b.manifest.Tables = append(b.manifest.Tables, t)
	}
	return nil
}

// readTable makes one range of many chunks, so that its page stands alone. Tables with the same contents share chunks.
func (b *snapshot) readTable(ctx context.Context, table, value int) ([]repository.Range, error) {
	ref, err := b.store(ctx, repository.ObjectChunk, fmt.Appendf(nil, "contents %d", value))
	if err != nil {
		return nil, err
	}
	return []repository.Range{{Chunks: slices.Repeat([]repository.Chunk{{Ref: ref}}, 20+table)}}, nil
}

func (b *snapshot) stored(ranges []repository.Range) bool {
	for i := range ranges {
		for _, c := range ranges[i].Chunks {
			if e := b.index.Get(c.ID); e.At == 0 || e.Sum != c.SHA256 {
				return false
			}
		}
	}
	return len(ranges) > 0
}

// complete brings what was read to each provider, and then the manifest.
func (b *snapshot) complete(ctx context.Context) error {
	keep := func(c *repository.Chunk) { b.pages[c.ID] = c.Ref }
	b.eachChunk(keep)
	var refs []*repository.Ref
	for _, ref := range b.pages {
		refs = append(refs, &ref)
	}
	news := replicas.NewNews(len(b.lanes))
	seal := sync.OnceValues(b.seal)
	failed := make([]error, len(b.lanes))
	var g errgroup.Group
	for i, l := range b.lanes {
		g.Go(func() error {
			l.Drain()
			news.Tell()
			failed[i] = b.fill(ctx, l, refs, news, seal)
			l.End(failed[i])
			return nil
		})
	}
	_ = g.Wait()
	return errors.Join(failed...)
}

func (b *snapshot) eachChunk(fn func(*repository.Chunk)) {
	fn(&b.manifest.Schema[0])
	for i := range b.tables {
		for j := range b.tables[i] {
			for k := range b.tables[i][j].Chunks {
				fn(&b.tables[i][j].Chunks[k])
			}
		}
	}
}

type sealed struct {
	key  string
	body []byte
	all  []*repository.Ref // what it names of pages that are made late
}

// seal makes the index and the manifest.
func (b *snapshot) seal() (s sealed, err error) {
	ctx := context.Background()
	b.eachChunk(func(c *repository.Chunk) { b.index.Adopt(&c.Ref) })
	for i := range b.tables {
		w := repository.NewRangeWriter(b.storeLate)
		for j := range b.tables[i] {
			if err := w.Add(ctx, &b.tables[i][j]); err != nil {
				return s, err
			}
		}
		if err := w.Close(ctx, &b.manifest.Tables[i]); err != nil {
			return s, err
		}
	}
	if err := b.manifest.Keep(ctx, b.storeLate); err != nil {
		return s, err
	}
	for _, p := range b.late {
		s.all = append(s.all, &p.Ref)
	}
	s.key, s.body, err = b.repo.Keys.SealManifest(b.manifest)
	return s, err
}

// fill makes one provider whole.
func (b *snapshot) fill(ctx context.Context, l *replicas.Lane, refs []*repository.Ref, news *replicas.News,
	seal func() (sealed, error)) error {
	if b.manifest.Type == keepsake.BackupFull {
		b.readBack(ctx, l, refs)
	}
	err := replicas.CopyMissing(ctx, b.repo, b.index, l.Provider, refs, news, func(*repository.Ref) {})
	if err != nil {
		return err
	}
	m, err := seal()
	if err != nil {
		return err
	}
	if b.manifest.Type == keepsake.BackupFull {
		b.readBack(ctx, l, m.all)
	}
	for _, p := range b.late {
		if err := p.putAt(ctx, b, l); err != nil {
			return err
		}
	}
	if err := b.repo.StillThere(ctx, l.Provider); err != nil {
		return err
	}
	all := slices.Concat(refs, m.all)
	b.w.names(b.manifest.ID, all)
	err = b.set.Publish(ctx, b.repo, l.Provider, b.removals, all, b.manifest.ID, func() error {
		return replicas.PutManifest(ctx, l.Store, m.key, m.body)
	})
	if err == nil {
		b.w.published(b.a, b.manifest.ID, b.w.place(l.Name), all)
	}
	return err
}

// readBack distrusts what was there before and is not sound.
func (b *snapshot) readBack(ctx context.Context, l *replicas.Lane, refs []*repository.Ref) {
	for _, c := range refs {
		old := slices.ContainsFunc(b.was, func(r *repository.Ref) bool { return r.ID == c.ID })
		if !old || b.index.Get(c.ID).At&l.Bit == 0 {
			continue
		}
		if _, err := b.repo.SoundCopy(ctx, l.Provider, c); err != nil && ctx.Err() == nil {
			b.index.Distrust(c.ID, l.Bit)
		}
	}
}

func (w *world) place(name string) *place {
	return w.places[slices.IndexFunc(w.places, func(p *place) bool { return p.name == name })]
}

// names notes what a recovery point names.
func (w *world) names(point string, refs []*repository.Ref) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.namers[point] = nil
	for _, r := range refs {
		w.namers[point] = append(w.namers[point], r.Key())
	}
}

func put(p *place, key string, body []byte) {
	_ = p.mem.Put(context.Background(), key, body, sha256.Sum256(body), true)
}
