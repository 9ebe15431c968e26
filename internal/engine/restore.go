package engine

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/pgtool"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/target"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// restore is one running restore.
type restore struct {
	e        *Engine
	in       RestoreInput
	track    *tracker
	started  time.Time
	tools    pgtool.Tools
	source   *source
	manifest *repository.Manifest
	target   *target.Target
	tables   []*repository.Table
	partial  bool // some tables get no rows
	archive  string
	entries  []pgtool.Entry
	missing  []string // roles the target lacks
	noOwner  bool

	mu       sync.Mutex
	result   RestoreResult
	tierLeft map[keepsake.Tier]int
	proofs   []proof
}

// Restore writes a recovery point into a new, empty database and proves it: the restore is a success only when every
// table's row count and hash equal the recovery point's. A restore that was killed leaves a marked, incomplete database; the
// next one into the same database clears it and starts over.
func (e *Engine) Restore(ctx context.Context, in RestoreInput, reporter Reporter) (RestoreResult, error) {
	r := &restore{e: e, in: in, started: e.opts.Now(), track: newTracker(reporter, e.opts.Now)}
	defer r.track.close()
	r.result.NotCarried, r.result.TierSeconds = []keepsake.NotCarried{}, map[string]float64{}
	err := r.run(ctx)
	if r.archive != "" {
		_ = os.Remove(r.archive)
	}
	if r.target != nil {
		r.target.Close(ctx)
	}
	if err != nil {
		r.track.errorf("The restore failed: %s", keepsake.MessageOf(err))
		return RestoreResult{}, err
	}
	r.result.Provider, r.result.Damaged = r.source.best(), append([]VerifyFinding{}, r.source.damaged...)
	r.result.Seconds, r.result.PeakMemory = e.opts.Now().Sub(r.started).Seconds(), peakMemory()
	r.track.stage(StageDone)
	return r.result, nil
}

func (r *restore) run(ctx context.Context) error {
	r.track.stage(StageChecking)
	if err := r.choose(ctx); err != nil {
		return err
	}
	if err := r.openTarget(ctx); err != nil {
		if r.target != nil { // nothing but the marker was written
			_ = r.target.Finish(context.WithoutCancel(ctx))
		}
		return err
	}
	steps := []struct {
		stage Stage
		run   func(context.Context) error
	}{
		{StageSchema, r.createTables},
		{StageLoading, r.loadAndFinish},
		{StageComparing, r.prove},
	}
	for _, s := range steps {
		r.track.stage(s.stage)
		if err := s.run(ctx); err != nil {
			return unfinished(err)
		}
	}
	return r.target.Finish(ctx)
}

// unfinished says what a failure means for the target.
func unfinished(err error) error {
	return keepsake.Errorf(keepsake.CodeOf(err), "%w; the target database is incomplete and marked so: run the same restore again, it starts over", err)
}

// choose finds the recovery point and the tables that get rows.
func (r *restore) choose(ctx context.Context) (err error) {
	if r.tools, err = pgtool.Find(ctx, r.e.opts.PGBin); err != nil {
		return err
	}
	repo, from, err := r.e.openFor(ctx, r.in.Provider)
	if err != nil {
		return err
	}
	m, list, damaged, err := r.e.resolve(ctx, repo, from, r.in.Point)
	if err != nil {
		return err
	}
	// Providers that hold the manifest hold every chunk; the others may still hold some.
	slices.SortStableFunc(from, func(a, b Provider) int {
		return cmp.Compare(rank(list.at[m.ID][a.Name]), rank(list.at[m.ID][b.Name]))
	})
	r.manifest, r.source = m, newSource(repo, from, r.track)
	r.source.damaged = damaged
	r.tierLeft = map[keepsake.Tier]int{}
	var skipped int
	for i := range m.Tables {
		t := &m.Tables[i]
		if len(r.in.Tiers) > 0 && !slices.Contains(r.in.Tiers, t.Tier) {
			skipped++
			continue
		}
		r.tables = append(r.tables, t)
		r.tierLeft[t.Tier]++
	}
	r.proofs = make([]proof, len(r.tables))
	if skipped > 0 {
		r.partial = true
		r.notCarried(keepsake.NotCarried{Kind: "table rows", Name: fmt.Sprintf("%d tables of other tiers", skipped), Reason: "the restore covers chosen tiers only"})
	}
	r.partial = r.partial || m.Type == keepsake.BackupCritical
	slices.SortStableFunc(r.tables, func(a, b *repository.Table) int {
		return cmp.Or(cmp.Compare(a.Tier.Rank(), b.Tier.Rank()), cmp.Compare(plainBytes(b), plainBytes(a)))
	})
	r.result.Point = m.ID
	r.notCarried(m.NotCarried...)
	r.track.update(r.begin)
	return nil
}

func rank(has bool) int {
	if has {
		return 0
	}
	return 1
}

func (r *restore) begin(p *Progress) {
	p.Point = r.manifest.ID
	for _, t := range r.tables {
		bytes := plainBytes(t)
		p.Tables = append(p.Tables, TableProgress{Schema: t.Schema, Name: t.Name.Name, Tier: string(t.Tier), State: ItemWaiting,
			RowsTotal: t.Rows, BytesTotal: bytes})
		p.RowsTotal += t.Rows
		p.BytesTotal += bytes
	}
	for _, prov := range r.source.providers {
		p.Providers = append(p.Providers, ProviderProgress{Name: prov.Name, State: ItemRunning})
	}
}

func plainBytes(t *repository.Table) int64 {
	var n int64
	for i := range t.Ranges {
		for j := range t.Ranges[i].Chunks {
			n += t.Ranges[i].Chunks[j].Plain
		}
	}
	return n
}

func (r *restore) notCarried(items ...keepsake.NotCarried) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.NotCarried = append(r.result.NotCarried, items...)
}

// openTarget makes sure of everything that can be known before the first write.
func (r *restore) openTarget(ctx context.Context) (err error) {
	m := r.manifest
	r.target, err = target.Open(ctx, target.Options{URL: r.in.Target, Create: r.in.Create, Source: m.Source,
		Managed: r.e.opts.ManagedSchemas, Point: m.ID})
	if err != nil {
		return err
	}
	if have := r.target.Num / 10000; r.tools.Major < m.Source.ServerNum/10000 {
		return keepsake.Errorf(keepsake.CodeInvalid, "the recovery point is from PostgreSQL %s, the installed pg_restore is version %d: install postgresql-client-%d",
			m.Source.Server, r.tools.Major, max(have, m.Source.ServerNum/10000))
	}
	missing, err := r.target.MissingExtensions(ctx, m.Extensions)
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		return keepsake.Errorf(keepsake.CodeInvalid, "the target's server lacks the extensions %s: install their packages there and start again; no table was created", strings.Join(missing, ", "))
	}
	var foreign []string
	if r.missing, foreign, err = r.target.Roles(ctx, m.Roles); err != nil {
		return err
	}
	if r.archive, err = r.source.archive(ctx, m.Schema); err != nil {
		return err
	}
	if r.entries, err = r.tools.List(ctx, r.archive); err != nil {
		return err
	}
	r.dropManaged()
	r.judgeOwners(foreign)
	return nil
}

// dropManaged leaves out what the hosting service has made on the target already: only its rows are restored.
func (r *restore) dropManaged() {
	for _, schema := range r.target.Managed {
		r.entries = slices.DeleteFunc(r.entries, func(e pgtool.Entry) bool { return e.InSchema(schema) })
		r.notCarried(keepsake.NotCarried{Kind: "definitions", Name: "schema " + schema,
			Reason: "the hosting service made it on the target; only rows are restored into it"})
	}
}

// judgeOwners gives everything to the connecting role when it cannot give it to the owners of the source.
func (r *restore) judgeOwners(foreign []string) {
	owned := map[string]int{}
	for _, e := range r.entries {
		owned[e.Owner]++
	}
	for reason, roles := range map[string][]string{"the role does not exist on the target": r.missing, "the connecting role is not a member of it": foreign} {
		for _, role := range roles {
			if n := owned[role]; n > 0 {
				r.noOwner = true
				r.notCarried(keepsake.NotCarried{Kind: "owner", Name: role,
					Reason: fmt.Sprintf("%s: the %d objects it owned, and all others, belong to the connecting role now", reason, n)})
			} else if slices.Contains(r.missing, role) {
				r.notCarried(keepsake.NotCarried{Kind: "role", Name: role, Reason: reason})
			}
		}
	}
}

// fragile reports whether an entry is run statement by statement, because it may name a role or rows that are not there.
func (r *restore) fragile(e pgtool.Entry) bool {
	switch e.Kind {
	case "ACL", "DEFAULT ACL", "POLICY":
		return len(r.missing) > 0
	case "FK CONSTRAINT":
		return r.partial
	}
	return false
}

func (r *restore) solid() []pgtool.Entry {
	return slices.DeleteFunc(slices.Clone(r.entries), r.fragile)
}

func (r *restore) createTables(ctx context.Context) error {
	r.track.infof("Creating the tables of recovery point %s.", r.manifest.ID)
	err := r.tools.Restore(ctx, r.in.Target, r.archive, pgtool.RestoreOptions{Section: "pre-data", Entries: r.solid(), NoOwner: r.noOwner})
	if err != nil {
		return err
	}
	lost, err := r.target.CreateObjects(ctx, r.manifest.Objects)
	r.notCarried(lost...)
	return err
}

// postOptions let index builds use memory instead of disk.
var postOptions = []string{"-c maintenance_work_mem=256MB", "-c max_parallel_maintenance_workers=0", "-c synchronous_commit=off"}

// finishSchema brings sequences, indexes, constraints, triggers, policies and grants, then refreshes and analyses.
func (r *restore) finishSchema(ctx context.Context) error {
	if err := r.target.SetSequences(ctx, r.manifest.Sequences); err != nil {
		return err
	}
	err := r.tools.Restore(ctx, r.in.Target, r.archive, pgtool.RestoreOptions{Section: "post-data", Entries: r.solid(),
		Jobs: r.e.opts.Workers, NoOwner: r.noOwner, Options: postOptions})
	if err != nil {
		return err
	}
	for _, kind := range []struct{ entry, name string }{{"FK CONSTRAINT", "foreign key"}, {"POLICY", "policy"}, {"ACL", "grant"}, {"DEFAULT ACL", "default grant"}} {
		entries := slices.DeleteFunc(slices.Clone(r.entries), func(e pgtool.Entry) bool { return e.Kind != kind.entry || !r.fragile(e) })
		statements, err := r.tools.Script(ctx, r.archive, entries)
		if err != nil {
			return err
		}
		lost, err := r.target.Try(ctx, kind.name, statements)
		r.notCarried(lost...)
		if err != nil {
			return err
		}
	}
	return r.refresh(ctx)
}

// refresh fills materialized views, in order, and gives the planner statistics for every table.
func (r *restore) refresh(ctx context.Context) error {
	l, err := r.target.NewLoader(ctx)
	if err != nil {
		return err
	}
	defer l.Close(ctx)
	for _, v := range r.manifest.MatViews {
		if slices.Contains(r.target.Managed, v.Schema) {
			continue
		}
		if err := l.Statement(ctx, "refresh materialized view "+pgx.Identifier{v.Schema, v.Name}.Sanitize()); err != nil {
			return fmt.Errorf("refresh %s.%s: %w", v.Schema, v.Name, err)
		}
	}
	return r.analyze(ctx)
}

func (r *restore) analyze(ctx context.Context) error {
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range max(1, min(r.e.opts.Workers, len(r.tables))) {
		g.Go(func() error {
			l, err := r.target.NewLoader(ctx)
			if err != nil {
				return err
			}
			defer l.Close(ctx)
			for i := int(next.Add(1)) - 1; i < len(r.tables); i = int(next.Add(1)) - 1 {
				t := r.tables[i]
				if t.Kind == repository.KindLargeObjects {
					continue
				}
				if err := l.Statement(ctx, "analyze "+pgx.Identifier{t.Schema, t.Name.Name}.Sanitize()); err != nil {
					return fmt.Errorf("analyze %s.%s: %w", t.Schema, t.Name.Name, err)
				}
			}
			return nil
		})
	}
	return g.Wait()
}
