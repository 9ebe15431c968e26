package restore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wedsync/keepsake/internal/engine/pgtool"
	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/target"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Restorer restores into new databases. It is safe for concurrent use.
type Restorer struct {
	Replicas    *replicas.Set
	PlatformURL keepsake.Secret // no restore goes there; may be empty
	ConsoleURL  keepsake.Secret // nor there; may be empty
	// those that the hosting service makes: where a target has them, only their rows are restored
	ManagedSchemas []string
	DataMap        keepsake.DataMap
	PGBin          string // directory of pg_restore; empty: the newest found
	Workers        int    // parallel writers
	Now            func() time.Time
}

// restore is one running restore.
type restore struct {
	*Restorer
	in       report.RestoreInput
	started  time.Time
	track    *report.Tracker
	tools    pgtool.Tools
	source   *replicas.Source
	manifest *repository.Manifest
	target   *target.Target
	tables   []*tableLoad // those that get rows, most urgent tier first, largest first within a tier
	archive  *pgtool.Archive
	entries  []pgtool.Entry // of the archive, without what the target has
	apart    []pgtool.Entry // in schemas that the hosting service made: tried one by one
	depends  map[int][]int  // of the archive's entries, by number; nil until something failed
	unmade   map[int]pgtool.Entry
	lacking  []string // roles that the recovery point names and the target's server lacks

	lifting sync.Mutex // one lifts rules at a time

	mu       sync.Mutex
	result   report.RestoreResult
	lifted   []target.Rule          // that kept rows out, until all rows are in
	tierLeft map[keepsake.Tier]int  // tables not proven
	tierLost map[keepsake.Tier]bool // those with a table whose rows could not be restored
}

// Restore writes a recovery point into a new, empty database and proves it. It is verified only when every table's
// row count and hash equal the recovery point's. What the target cannot make becomes an exception of the result, with
// the statement and the server's answer, and everything that does not depend on it is made. Restore checks all that
// it can before it writes anything. When it fails or is killed, it leaves a marked, incomplete database. The next
// restore into the same database clears it and starts over.
func (by *Restorer) Restore(ctx context.Context, in report.RestoreInput, reporter report.Reporter) (
	report.RestoreResult, error) {
	r := &restore{
		Restorer: by,
		in:       in,
		started:  by.Now(),
		track:    report.NewTracker(reporter, by.Now),
		tierLeft: map[keepsake.Tier]int{},
		tierLost: map[keepsake.Tier]bool{},
	}
	defer r.track.Close()
	r.result.NotCarried, r.result.Damaged, r.result.TierSeconds = []keepsake.NotCarried{}, []report.VerifyFinding{},
		map[string]float64{}
	r.result.Exceptions, r.result.MissingRoles = []keepsake.Exception{}, []string{}
	err := r.run(ctx)
	if r.archive != nil {
		_ = r.archive.Close()
	}
	if r.target != nil {
		r.target.Close(ctx)
	}
	if err != nil {
		r.track.Broke(ctx, "restore", err)
		return report.RestoreResult{}, err
	}
	r.track.Stage(report.StageDone)
	return r.result, nil
}

func (r *restore) run(ctx context.Context) error {
	r.track.Stage(report.StageChecking)
	if err := r.choose(ctx); err != nil {
		return err
	}
	if err := r.check(ctx); err != nil {
		return err
	}
	lost, err := r.target.Begin(ctx)
	r.exception(lost...)
	if err != nil {
		return err
	}
	for _, name := range r.target.Loud {
		r.notCarried(keepsake.NotCarried{
			Kind: "silence",
			Name: "event trigger " + name,
			Reason: "it is the target's own, and the role may not switch it off: it sees the statements of the restore, and " +
				"what it does is not the recovery point's",
		})
	}
	steps := []struct {
		stage report.Stage
		run   func(context.Context) error
	}{
		{report.StageSchema, r.createTables},
		{report.StageLoading, r.loadAndFinish},
		{report.StageComparing, r.prove},
	}
	for _, s := range steps {
		r.track.Stage(s.stage)
		if err := s.run(ctx); err != nil {
			return r.unfinished(ctx, err)
		}
	}
	err = r.target.Finish(ctx, func() error { return r.oneByOne(ctx, some(r.entries, last)) }, r.keep)
	if keepsake.CodeOf(err) == keepsake.CodeUnknown {
		return err
	}
	if err != nil {
		return r.unfinished(ctx, err)
	}
	return nil
}

// keep completes the report, and has it kept before the restore becomes final.
func (r *restore) keep(ctx context.Context, end report.RestoreEnd) error {
	r.notCarried(r.target.Named...)
	r.conclude()
	r.result.Provider = r.source.Best()
	r.result.Damaged = append(r.result.Damaged, r.source.Damaged...)
	r.result.Seconds, r.result.PeakMemory = r.Now().Sub(r.started).Seconds(), report.PeakMemory()
	if r.in.Keep == nil {
		return nil
	}
	return r.in.Keep(ctx, r.result, end)
}

// unfinished says what a failure means for the target.
func (r *restore) unfinished(ctx context.Context, err error) error {
	code, what := keepsake.CodeOf(err), keepsake.MessageOf(err)
	if ctx.Err() != nil {
		code, what = keepsake.CodeCancelled, "the restore was stopped"
	}
	r.target.Fail(ctx, what)
	whole := keepsake.Errorf(code, "%s; database %q is incomplete and marked so: run the same restore again, it clears "+
		"the database and starts over", what, r.target.Name)
	whole.Err = err
	return whole
}

// choose finds the recovery point and the tables that get rows.
func (r *restore) choose(ctx context.Context) (err error) {
	if err = r.in.Scope.Check(); err != nil {
		return err
	}
	if r.tools, err = pgtool.Find(ctx, r.PGBin); err != nil {
		return err
	}
	repo, from, err := r.Replicas.OpenFor(ctx, r.in.Provider)
	if err != nil {
		return err
	}
	r.Replicas.InNoHurry(repo)
	r.track.Await(repo.Awaited())
	for _, p := range from {
		if repo.Unproven[p.Name] {
			r.track.Warnf("Provider %s: %s It is read all the same, because no other one is left or was asked for.", p.Name,
				replicas.Explain(repo.Down[p.Name]))
		}
	}
	m, list, damaged, err := r.Replicas.Resolve(ctx, repo, from, r.in.Point)
	if err != nil {
		return err
	}
	// Providers that hold the manifest hold every chunk; the others may still hold some.
	slices.SortStableFunc(from, func(a, b replicas.Provider) int {
		return cmp.Compare(rank(list.At[m.ID][a.Name]), rank(list.At[m.ID][b.Name]))
	})
	r.manifest, r.source = m, replicas.NewSource(repo, from, m.ID, r.track)
	r.result.Damaged = append(r.result.Damaged, damaged...)
	for _, words := range list.Warnings() {
		r.track.Warnf("%s", words)
	}
	r.result.Point = m.ID
	if r.in.Scope.Wide() {
		r.chooseTables()
	} else {
		err = r.chooseScope(ctx)
	}
	if err != nil {
		return err
	}
	slices.SortStableFunc(r.tables, func(a, b *tableLoad) int {
		return cmp.Or(cmp.Compare(a.Tier.Rank(), b.Tier.Rank()), cmp.Compare(b.bytes, a.bytes))
	})
	r.notCarried(m.NotCarried...)
	r.track.Update(r.begin)
	return nil
}

// chooseTables takes the tables that the restore covers as a whole.
func (r *restore) chooseTables() {
	skipped := 0
	for i := range r.manifest.Tables {
		t := &r.manifest.Tables[i]
		if !r.in.Scope.Holds(t.Tier) {
			skipped++
			continue
		}
		if t.Schema == target.MarkSchema { // the platform was itself being restored into
			continue
		}
		r.tables = append(r.tables, newTableLoad(t))
		r.tierLeft[t.Tier]++
	}
	if skipped > 0 {
		r.notCarried(keepsake.NotCarried{
			Kind:   "table rows",
			Name:   fmt.Sprintf("%d tables of other tiers", skipped),
			Reason: "the restore covers chosen tiers only",
		})
	}
}

func rank(has bool) int {
	if has {
		return 0
	}
	return 1
}

func (r *restore) begin(p *report.Progress) {
	p.Point = r.manifest.ID
	for i, t := range r.tables {
		t.index = i
		p.Tables = append(p.Tables, report.TableProgress{
			Schema:     t.Schema,
			Name:       t.Table.Name.Name,
			Tier:       string(t.Tier),
			State:      report.ItemWaiting,
			RowsTotal:  t.Rows,
			BytesTotal: t.bytes,
		})
		p.RowsTotal += t.Rows
		p.BytesTotal += t.bytes
		p.ChunksTotal += t.chunks
	}
	for _, prov := range r.source.Providers {
		p.Providers = append(p.Providers, report.ProviderProgress{Name: prov.Name, State: report.ItemRunning})
	}
}

func (r *restore) notCarried(items ...keepsake.NotCarried) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.NotCarried = append(r.result.NotCarried, items...)
}

// check finds out everything that can be known before the first write.
func (r *restore) check(ctx context.Context) (err error) {
	m := r.manifest
	o := r.targetOptions(r.in.Target)
	o.Create, o.Source, o.Point, o.Prover = r.in.Create, m.Source, m.ID, markProver{r.source.Repo}
	o.SearchPaths = m.SearchPaths
	if r.in.Again {
		o.Waits = func() {
			r.track.Warnf("A session of the attempt before this one is still in the database. The restore begins when it " +
				"has ended.")
		}
	}
	if r.target, err = target.Open(ctx, o); err != nil {
		return err
	}
	if err := r.judgeMark(ctx); err != nil {
		return err
	}
	if source := m.Source.ServerNum / 10000; r.tools.Major < source {
		return keepsake.Errorf(keepsake.CodeInvalid,
			"the recovery point is from PostgreSQL %s, the installed pg_restore is version %d: install "+
				"postgresql-client-%d or newer",
			m.Source.Server, r.tools.Major, source)
	}
	if r.lacking, err = r.target.MissingRoles(ctx, m.Roles); err != nil {
		return fmt.Errorf("ask the target for its roles: %w", err)
	}
	missing, err := r.target.MissingExtensions(ctx, m.Extensions)
	if err != nil {
		return fmt.Errorf("ask the target for its extensions: %w", err)
	}
	if len(missing) > 0 {
		r.track.Warnf("The target's server lacks extensions that the recovery point needs: %s. What depends on them cannot "+
			"be made and will be named.",
			strings.Join(missing, ", "))
	}
	if r.archive, r.entries, err = r.readArchive(ctx, m); err != nil {
		return err
	}
	return r.judgeRights(ctx, m)
}

// readArchive reads a recovery point's schema. The caller closes the archive, where there is one.
func (r *restore) readArchive(ctx context.Context, m *repository.Manifest) (*pgtool.Archive, []pgtool.Entry, error) {
	archive, err := pgtool.NewArchive()
	if err != nil {
		return nil, nil, err
	}
	if err := r.source.Copy(ctx, archive, m.Schema); err != nil {
		return archive, nil, fmt.Errorf("the schema: %w", err)
	}
	entries, err := r.tools.List(ctx, archive, append(slices.Clone(m.Roles), "pg_database_owner"))
	if err != nil {
		return archive, nil, keepsake.Errorf(keepsake.CodeInvalid,
			"the installed pg_restore, version %d, cannot read the schema: install the newest postgresql-client: %w",
			r.tools.Major, err)
	}
	return archive, entries, nil
}

// prove gives the verdict on what was read back.
func (r *restore) prove(context.Context) error {
	var differ []string
	for _, t := range r.tables {
		if !t.skipped && (t.count != t.Rows || t.hash != t.Hash) {
			differ = append(differ, fmt.Sprintf("%s (%d of %d rows read back)", t.label(), t.count, t.Rows))
		}
	}
	if len(differ) > 0 {
		slices.Sort(differ)
		return keepsake.Errorf(keepsake.CodeDamaged,
			"the restored rows are not those of the recovery point in %s", strings.Join(differ, ", "))
	}
	r.result.Verified = len(r.tierLost) == 0
	if r.result.Verified {
		r.track.Infof("%d tables with %d rows are equal to the recovery point.", r.result.Tables, r.result.Rows)
	} else {
		r.track.Warnf("%d tables with %d rows are equal to the recovery point; the others are not in the new database.",
			r.result.Tables, r.result.Rows)
	}
	return nil
}
