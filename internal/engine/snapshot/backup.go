package snapshot

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/internal/engine/pgtool"
	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Taker takes backups. It is safe for concurrent use.
type Taker struct {
	Replicas       *replicas.Set
	PlatformURL    keepsake.Secret
	ManagedSchemas []string // of the hosting service
	DataMap        keepsake.DataMap
	PGBin          string // directory of pg_dump; empty: the newest found
	Tool           string // the version that is written into every manifest
	Workers        int    // parallel readers
	Now            func() time.Time
}

// backup is one running backup.
type backup struct {
	*Taker
	in       report.BackupInput
	repo     *replicas.Repo
	track    *report.Tracker
	started  time.Time
	tools    pgtool.Tools
	snapshot *platform.Snapshot
	parent   *repository.Manifest
	parentAt map[string]bool      // the providers that list it, and have all of it
	was      parentIndex          // of the parent
	doubted  bool                 // a newer point than before is not trusted, so what is wrong there may be wrong still
	before   *repository.Manifest // the newest that is trusted: this one is compared with it
	index    *replicas.Index
	lanes    []*replicas.Lane
	manifest *repository.Manifest
	tables   []*tableRun
	copies   *replicas.Source // of the parent's chunks and index pages
	reading  *report.Tracker  // of these: no provider's progress
	found    sync.Map         // with a writer's key: the chunks and pages, by id, that are not this run's

	disorder sync.Once // that the server lists rows out of their order was said

	pagesMu sync.Mutex
	pages   map[repository.ChunkID]repository.Ref // slots and runs of the recovery point, and in the end its chunks
	late    []*latePage

	listing             replicas.Listing
	removals            *replicas.Removals // what nothing may be built upon
	lastID              string             // of the manifests and erasures that providers list; empty: none
	newest              uint64             // the transaction after the snapshot
	parentOldest        uint64             // the oldest transaction that ran at the parent's snapshot; 0: unknown
	chunksNew, bytesNew atomic.Int64
	manifestBytes       int64        // of the sealed manifest
	bytesRead           atomic.Int64 // from the platform, by this run

	unmapped        []string // what the data map names and the platform has not
	withoutWeddings bool
}

// Backup takes a snapshot of the platform and publishes it at every provider that can take it. A provider that is
// down, slow or lying never fails a backup: the result says which copies are confirmed. Backup fails when no provider
// has a whole copy.
func (t *Taker) Backup(
	ctx context.Context, in report.BackupInput, reporter report.Reporter,
) (report.BackupResult, error) {
	switch in.Type {
	case "", keepsake.BackupFull, keepsake.BackupIncremental, keepsake.BackupCritical:
	default:
		return report.BackupResult{}, keepsake.Errorf(keepsake.CodeInvalid,
			"backup type %q cannot be taken of the whole platform: use full, incremental or critical", in.Type)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b := &backup{
		Taker:   t,
		in:      in,
		started: t.Now(),
		track:   report.NewTracker(uploads{reporter}, t.Now),
		reading: report.NewTracker(nil, t.Now),
		pages:   map[repository.ChunkID]repository.Ref{},
	}
	defer b.track.Close()
	defer b.reading.Close()
	result, err := b.run(ctx)
	if err != nil {
		b.track.Broke(ctx, "backup", err)
		return report.BackupResult{}, err
	}
	b.track.Stage(report.StageDone)
	return result, nil
}

func (b *backup) run(ctx context.Context) (_ report.BackupResult, err error) {
	b.track.Stage(report.StageChecking)
	if b.tools, err = pgtool.Find(ctx, b.PGBin); err != nil {
		return report.BackupResult{}, err
	}
	if b.repo, err = b.Replicas.OpenToSeal(ctx, b.Replicas.Providers); err != nil {
		return report.BackupResult{}, err
	}
	b.Replicas.InNoHurry(b.repo)
	b.track.Await(b.repo.Awaited())
	if b.repo.Keys.WritesOnly() && b.in.Type == keepsake.BackupIncremental {
		return report.BackupResult{}, keepsake.Errorf(keepsake.CodeInvalid,
			"a writer's key cannot read the recovery point that an incremental builds upon, so nothing was backed up: take a "+
				"full backup, which uploads only what is not there yet")
	}
	if err := b.lookAtProviders(ctx); err != nil {
		return report.BackupResult{}, err
	}
	defer func() {
		if b.snapshot != nil {
			b.snapshot.Close(ctx)
		}
	}()
	defer b.closeLanes()
	if err := b.readPlatform(ctx); err != nil {
		return report.BackupResult{}, err
	}
	b.snapshot.Close(ctx) // the platform's part is over: providers may take longer
	if b.before, err = b.trusted(ctx); err != nil {
		return report.BackupResult{}, err
	}
	copies, err := b.complete(ctx)
	if err != nil {
		return report.BackupResult{}, err
	}
	return b.result(copies), nil
}

// mostReadings is how often the platform is read when its types change meanwhile.
const mostReadings = 3

// readPlatform takes a snapshot and reads all of it, again from another one when types or names changed meanwhile: a
// label that was renamed between two rows would be written in two ways, of which the schema knows one.
func (b *backup) readPlatform(ctx context.Context) error {
	for range mostReadings {
		err := b.takeSnapshot(ctx)
		if err != nil {
			return err
		}
		if b.lanes == nil {
			b.openLanes(ctx)
		}
		b.track.Stage(report.StageReading)
		err = b.read(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		moved, cannotTell := b.snapshot.Moved(ctx)
		if err = cmp.Or(err, cannotTell); !moved {
			return err
		}
		b.track.Warnf("A type or a name that stored values depend on was changed while they were read. " +
			"Everything is read again.")
		b.snapshot.Close(ctx)
	}
	return keepsake.Errorf(keepsake.CodeUnavailable,
		"types or names that stored values depend on were changed each time while the platform was read, so nothing was "+
			"backed up: try again when the migration is over")
}

// takeSnapshot takes a snapshot and plans what is read of it.
func (b *backup) takeSnapshot(ctx context.Context) (err error) {
	b.track.Stage(report.StageSnapshot)
	if b.snapshot, err = platform.TakeSnapshot(ctx, b.PlatformURL, b.ManagedSchemas); err != nil {
		return err
	}
	if err := refuse(platform.Judge(b.snapshot.Catalog, b.tools.Major)); err != nil {
		return err
	}
	if err := b.lookAtDataMap(ctx); err != nil {
		return err
	}
	if _, b.newest, err = horizons(b.snapshot.Catalog.Source.Snapshot); err != nil {
		return err
	}
	if b.parent != nil {
		b.parentOldest, _, _ = horizons(b.parent.Source.Snapshot)
	}
	if grant := platform.RunHidden(b.snapshot.Catalog); grant != "" && b.parent != nil &&
		b.in.Type == keepsake.BackupIncremental {
		b.track.Warnf("Every row is read again, because the role may not see whether the server has crashed since recovery "+
			"point %s. To spare that, %s.", b.parent.ID, grant)
	}
	b.plan()
	return nil
}

// chooseType is for who named no type: what changed since the newest recovery point, or everything where there is none.
func (b *backup) chooseType() keepsake.BackupType {
	if b.parent == nil {
		return keepsake.BackupFull
	}
	return keepsake.BackupIncremental
}

// plan decides which tables are read, in which ranges, and fills the manifest with everything but chunks.
func (b *backup) plan() {
	c := b.snapshot.Catalog
	m := &repository.Manifest{
		Format:     repository.FormatVersion,
		Repository: b.repo.Keys.Repository(),
		ID:         b.repo.Keys.PointID(b.snapshot.Time, b.lastID),
		Time:       b.snapshot.Time.UTC(),
		Type:       b.in.Type,
		Note:       b.in.Note,
		Labels:     b.in.Labels,
		Weddings:   b.in.Weddings,
		Tool:       b.Tool,
		Source:     c.Source,
		Objects:    c.Objects,
		Facts: repository.Facts{
			MatViews:    c.MatViews,
			Extensions:  c.Extensions,
			Keys:        c.ForeignKey,
			Roles:       c.Roles,
			SearchPaths: c.SearchPaths,
			NotCarried:  c.NotCarried,
		},
	}
	if b.parent != nil {
		m.Parent = b.parent.ID
	}
	b.manifest = m
	b.tables, b.pages = nil, map[repository.ChunkID]repository.Ref{} // of an earlier reading
	filterKeys := c.FilterKeys(b.DataMap)
	skipped := 0
	for _, t := range b.inOrder(c.Tables) {
		if b.in.Type == keepsake.BackupCritical && t.tier != keepsake.TierCritical {
			skipped++
			continue
		}
		b.tables = append(b.tables, b.newTableRun(t.rel, t.tier, filterKeys[t.rel.Root], c.Keys[t.rel.Root]))
	}
	if skipped > 0 {
		m.NotCarried = append(m.NotCarried, keepsake.NotCarried{
			Kind:   "table rows",
			Name:   fmt.Sprintf("%d tables of other tiers", skipped),
			Reason: "this is a backup of the critical tier; their definitions are carried",
		})
	}
	b.track.Update(func(p *report.Progress) {
		p.Point = m.ID
		p.Tables, p.RowsDone, p.RowsTotal, p.BytesDone, p.BytesTotal = nil, 0, 0, 0, 0
		p.ChunksDone, p.ChunksTotal = 0, 0
		for i, t := range b.tables {
			p.Tables = append(p.Tables, report.TableProgress{
				Schema:     t.rel.Schema,
				Name:       t.rel.Name,
				Tier:       string(t.tier),
				State:      report.ItemWaiting,
				RowsTotal:  t.rel.Rows,
				BytesTotal: t.rel.Bytes,
			})
			p.RowsTotal += t.rel.Rows
			p.BytesTotal += t.rel.Bytes
			p.ChunksTotal += int64(len(b.tables[i].ranges))
		}
		for _, prov := range b.repo.Providers[len(p.Providers):] {
			state := report.ProviderProgress{Name: prov.Name, State: report.ItemRunning}
			if err := b.repo.Down[prov.Name]; err != nil {
				state.State, state.Error = report.ItemFailed, replicas.Explain(err)
			}
			p.Providers = append(p.Providers, state)
		}
	})
	b.track.Infof("Snapshot of %s taken: %d tables, about %d rows.",
		c.Source.Database, len(b.tables), b.track.State().RowsTotal)
}

// tieredTable is a table of the platform with its tier.
type tieredTable struct {
	rel  *platform.Relation
	tier keepsake.Tier
}

// inOrder returns the tables as they are read: critical ones first, so that what matters most is at the providers
// soonest. Within a tier the catalog's order stays, which is by size, so that no worker is left alone with a large
// table.
func (b *backup) inOrder(tables []platform.Relation) []tieredTable {
	ordered := make([]tieredTable, len(tables))
	for i := range tables {
		rel := &tables[i]
		ordered[i] = tieredTable{rel, b.DataMap.TierOf(keepsake.SplitTableName(rel.Root))}
	}
	slices.SortStableFunc(ordered, func(x, y tieredTable) int { return cmp.Compare(x.tier.Rank(), y.tier.Rank()) })
	return ordered
}

func (b *backup) openLanes(ctx context.Context) {
	shared := &replicas.Bell{}
	for _, p := range b.repo.Live() {
		b.lanes = append(b.lanes, replicas.NewLane(ctx, p,
			replicas.ProviderBit(b.repo.Providers, p.Name), b.index, b.track, shared))
	}
}

// closeLanes ends what is under way, which is nothing after a backup that has come to its end.
func (b *backup) closeLanes() {
	for _, l := range b.lanes {
		l.Close()
	}
}

// spareReaders are sessions beyond one a processor: while some wait for the server, there is still work (measured: a
// tenth less time).
const spareReaders = 2

// read lets the workers take jobs, critical tables first and of those the largest, while pg_dump writes the schema of
// the same snapshot.
func (b *backup) read(ctx context.Context) error {
	jobs := b.jobs()
	var next atomic.Int64
	g, group := errgroup.WithContext(ctx)
	g.Go(func() error { return b.readSchema(group) })
	g.Go(func() error { b.readCoverage(group); return nil })
	for range max(1, min(b.Workers+spareReaders, len(jobs))) {
		g.Go(func() error {
			w, err := b.newWorker(group)
			if err != nil {
				return err
			}
			defer w.close()
			for {
				i := int(next.Add(1)) - 1
				if i >= len(jobs) || group.Err() != nil {
					return group.Err()
				}
				if err := w.do(group, jobs[i]); err != nil {
					return fmt.Errorf("table %s: %w", jobs[i].table.rel.FullName(), err)
				}
			}
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := b.snapshot.ReadSequences(ctx); err != nil {
		return fmt.Errorf("read sequences: %w", err)
	}
	if err := b.snapshot.Held(ctx); err != nil {
		return err
	}
	for _, t := range b.tables {
		b.manifest.Tables = append(b.manifest.Tables, t.finish())
	}
	return nil
}

func (b *backup) result(copies []keepsake.Copy) report.BackupResult {
	m, verdict := b.manifest, keepsake.JudgeProtection(copies)
	byProvider, uploaded := b.uploaded(copies)
	if !verdict.Protected() {
		b.track.Warnf("The recovery point is not protected: %s.", verdict.Lacks())
	}
	return report.BackupResult{
		Point:           m.ID,
		Type:            string(m.Type),
		Time:            m.Time,
		Tables:          len(m.Tables),
		Rows:            m.Stats.Rows,
		BytesRead:       b.bytesRead.Load(),
		BytesNew:        b.bytesNew.Load(),
		BytesUploaded:   uploaded,
		Uploaded:        byProvider,
		BytesStored:     m.Stats.BytesStored,
		ChunksNew:       b.chunksNew.Load(),
		ChunksTotal:     m.Stats.Chunks,
		Seconds:         b.Now().Sub(b.started).Seconds(),
		PeakMemory:      report.PeakMemory(),
		Copies:          copies,
		Protected:       verdict.Protected(),
		Lacks:           verdict.Lacks(),
		NotCarried:      append([]keepsake.NotCarried{}, m.NotCarried...),
		Unmapped:        b.unmapped,
		WithoutWeddings: b.withoutWeddings,
		Doubts:          m.Doubts,
		Covers:          m.Coverage(),
	}
}

// lookAtDataMap names what the data map names and the platform has not: the backup goes on, and what can be found in it
// is less.
func (b *backup) lookAtDataMap(ctx context.Context) error {
	found, err := b.snapshot.CheckDataMap(ctx, b.DataMap)
	if err != nil {
		return err
	}
	b.unmapped, b.withoutWeddings = platform.UnmappedWords(found)
	for _, words := range b.unmapped {
		b.track.Warnf("%s", words)
	}
	if b.withoutWeddings {
		b.track.Warnf("The recovery point holds every row, but in it %s.", platform.WithoutWeddings)
	}
	return nil
}

// refuse turns the first finding that stands in the way into an error.
func refuse(found []platform.Finding) error {
	for _, f := range found {
		if f.Error {
			return keepsake.Errorf(keepsake.CodeInvalid, "%s",
				strings.TrimSpace(keepsake.Sentence(f.Message)+" "+keepsake.Sentence(f.Action)))
		}
	}
	return nil
}
