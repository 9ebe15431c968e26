package restore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/internal/engine/pgtool"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/target"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// restoreOptions are the settings of pg_restore's sessions. With as many sessions as processors, parallel workers
// inside one index build only get into each other's way (measured: 5 to 10 % more processor time).
func (r *restore) restoreOptions() []string {
	return append([]string{fmt.Sprintf("-c maintenance_work_mem=%dMB", r.sortMemory()),
		"-c max_parallel_maintenance_workers=0", "-c synchronous_commit=off", "-c default_transaction_read_only=off",
		"-c client_min_messages=warning"}, r.target.ComputingOptions()...)
}

// sortMemory is the memory, in MiB, for sorting one index. What fits into a processor's cache sorts fastest (16 MiB
// measured 10 to 20 % below 256 MiB, in processor time), as long as one merge is enough, which a sixty-fourth of the
// rows ensures.
func (r *restore) sortMemory() int64 {
	const least, most = 16, 512
	var largest int64
	for _, t := range r.tables {
		largest = max(largest, t.bytes)
	}
	return min(max(largest>>20/64, least), most)
}

// leaveOut takes out of the archive's list what the target has already: the hosting service's schemas, and extensions,
// publications and the like of the same name.
func (r *restore) leaveOut(ctx context.Context) error {
	there, err := r.target.Globals(ctx)
	if err != nil {
		return err
	}
	kept := r.entries[:0]
	for _, e := range r.entries {
		switch {
		case e.Kind == "SCHEMA" && e.Name == "public" && len(r.target.Managed) == 0:
			r.apart = append(r.apart, e) // the database has it, and perhaps not its owner
		case e.InSchema(target.MarkSchema), slices.ContainsFunc(there, func(g target.Global) bool { return describes(e, g) }):
		case slices.ContainsFunc(r.target.Managed, e.InSchema):
			if e.Kind == "TRIGGER" || e.Kind == "POLICY" { // the platform may have put its own on the service's tables
				r.apart = append(r.apart, e)
			}
		default:
			kept = append(kept, e)
		}
	}
	r.entries = kept
	for _, schema := range r.target.Managed {
		r.notCarried(keepsake.NotCarried{
			Kind:   "definitions",
			Name:   "schema " + schema,
			Reason: "the hosting service made it on the target; only rows, triggers and policies are restored into it",
		})
	}
	for _, g := range there {
		if g.Kind != "SCHEMA" && g.Kind != "EXTENSION" && g.Kind != "PROCEDURAL LANGUAGE" {
			r.notCarried(keepsake.NotCarried{
				Kind:   "definitions",
				Name:   strings.ToLower(g.Kind) + " " + g.Name,
				Reason: "the target has one of this name already; it was left as it is",
			})
		}
	}
	return nil
}

// describes reports whether an entry makes, or says something about, what stands in no schema and is there already.
func describes(e pgtool.Entry, g target.Global) bool {
	if g.Kind == "SCHEMA" { // grants and comments on schema public are the archive's own
		return e.Kind == "SCHEMA" && e.Schema == "-" && e.Name == g.Name
	}
	return e.Schema == "-" && (e.Kind == g.Kind && e.Name == g.Name || e.Name == g.Kind+" "+g.Name)
}

// last reports whether an entry is about an event trigger, which would see all that is made after it.
func last(e pgtool.Entry) bool {
	return e.Kind == "EVENT TRIGGER" || e.Schema == "-" && strings.HasPrefix(e.Name, "EVENT TRIGGER ")
}

// late reports whether an entry may need a foreign key: a comment on one.
func late(e pgtool.Entry) bool {
	return e.Kind == "COMMENT" && strings.HasPrefix(e.Name, "CONSTRAINT ")
}

// some returns the entries that keep says yes to.
func some(entries []pgtool.Entry, keep func(pgtool.Entry) bool) []pgtool.Entry {
	return slices.DeleteFunc(slices.Clone(entries), func(e pgtool.Entry) bool { return !keep(e) })
}

// solid reports whether the entry is made in the ordinary course.
func solid(e pgtool.Entry) bool {
	return !last(e) && !late(e) && e.Kind != "FK CONSTRAINT"
}

// make has pg_restore make the entries of one section, many at once, and gives those that failed a second chance,
// statement by statement.
func (r *restore) make(ctx context.Context, section string, entries []pgtool.Entry) error {
	jobs := 1
	if section == "post-data" {
		jobs = r.Workers
	}
	failed, err := r.tools.Restore(ctx, r.in.Target, r.archive,
		pgtool.RestoreOptions{
			Section: section,
			Entries: entries,
			Jobs:    jobs,
			Options: r.restoreOptions(),
		})
	if err != nil {
		return err
	}
	return r.oneByOne(ctx, failed)
}

func (r *restore) createTables(ctx context.Context) error {
	if err := r.leaveOut(ctx); err != nil {
		return err
	}
	r.track.Infof("Creating the tables of recovery point %s in database %s.", r.manifest.ID, r.target.Name)
	if err := r.make(ctx, "pre-data", some(r.entries, solid)); err != nil {
		return err
	}
	if err := r.loseTables(ctx); err != nil {
		return err
	}
	if err := r.compareExtensions(ctx); err != nil {
		return err
	}
	return r.target.CreateObjects(ctx, r.manifest.Objects)
}

// compareExtensions names the extensions whose version is another one than on the platform: a server makes its own.
func (r *restore) compareExtensions(ctx context.Context) error {
	versions, err := r.target.Extensions(ctx)
	if err != nil {
		return fmt.Errorf("look at the extensions: %w", err)
	}
	for _, e := range r.manifest.Extensions {
		if has, there := versions[e.Name]; there && has != e.Version {
			r.notCarried(keepsake.NotCarried{
				Kind:   "extension version",
				Name:   e.Name,
				Reason: fmt.Sprintf("the platform had version %s, the target's server makes %s", e.Version, has),
			})
		}
	}
	return nil
}

// finishSchema brings sequences, indexes, constraints, triggers, policies and grants, and refreshes materialized views.
func (r *restore) finishSchema(ctx context.Context) error {
	r.track.Stage(report.StageIndexing)
	if err := r.setSequences(ctx); err != nil {
		return err
	}
	if err := r.make(ctx, "post-data", some(r.entries, solid)); err != nil {
		return err
	}
	if err := r.addForeignKeys(ctx); err != nil {
		return err
	}
	if err := r.putBack(ctx); err != nil {
		return err
	}
	if err := r.oneByOne(ctx, r.apart); err != nil {
		return err
	}
	lost, err := r.target.GrantObjects(ctx, r.manifest.Objects)
	r.exception(lost...)
	if err != nil {
		return err
	}
	if err := r.refresh(ctx); err != nil {
		return err
	}
	if err := r.make(ctx, "post-data", some(r.entries, late)); err != nil {
		return err
	}
	lost, err = r.target.ApplyDatabase(ctx)
	r.exception(lost...)
	return err
}

func (r *restore) setSequences(ctx context.Context) error {
	lost, err := r.target.SetSequences(ctx,
		slices.DeleteFunc(slices.Clone(r.manifest.Sequences), func(s repository.Sequence) bool {
			return s.Schema == target.MarkSchema
		}))
	for i, e := range lost {
		schema, name := keepsake.SplitTableName(e.Object)
		lost[i].Because = r.becauseOf("SEQUENCE", schema, name)
	}
	r.exception(lost...)
	return err
}

// addForeignKeys creates the foreign keys. While their rows are checked, the planner's statistics are completed.
func (r *restore) addForeignKeys(ctx context.Context) error {
	scripts, err := r.tools.Script(ctx, r.archive,
		some(r.entries, func(e pgtool.Entry) bool { return e.Kind == "FK CONSTRAINT" }))
	if err != nil {
		return err
	}
	unchecked, broken, err := r.target.AddForeignKeys(ctx, scripts)
	if err != nil {
		return err
	}
	names, err := r.target.Unanalyzed(ctx)
	if err != nil {
		return fmt.Errorf("look for tables to analyze: %w", err)
	}
	g, group := errgroup.WithContext(ctx)
	g.Go(func() error { return r.analyze(group, names) })
	g.Go(func() error {
		more, err := r.target.CheckForeignKeys(group, unchecked, r.Workers)
		broken = append(broken, more...)
		return err
	})
	if err = g.Wait(); err != nil {
		return err
	}
	return r.judgeKeys(ctx, broken)
}

// judgeKeys tells the foreign keys that cannot hold because rows were left out on purpose from those that are
// exceptions.
func (r *restore) judgeKeys(ctx context.Context, broken []target.BrokenKey) error {
	if len(broken) == 0 {
		return nil
	}
	if err := r.learnDependencies(ctx); err != nil {
		return err
	}
	byID := map[int]pgtool.Entry{}
	for _, e := range r.entries {
		byID[e.ID()] = e
	}
	for _, k := range broken {
		if k.Broken && r.leftOut(k.Referenced) {
			reason := "it was not created, because rows that it refers to are left out"
			if k.Made {
				reason = "it holds for new rows only (NOT VALID), because rows that it refers to are left out"
			}
			r.notCarried(keepsake.NotCarried{Kind: "foreign key", Name: k.Object, Reason: reason})
			continue
		}
		if !k.Made {
			r.unmade[k.Entry] = byID[k.Entry]
		}
		k.Because = r.because(byID[k.Entry])
		r.exception(k.Exception)
	}
	return nil
}

// leftOut reports whether rows of a table, named as pg_dump writes it, were not to be restored.
func (r *restore) leftOut(table string) bool {
	switch r.in.Scope.Kind() {
	case keepsake.ScopeEverything:
		return false
	case keepsake.ScopeWedding, keepsake.ScopeOrganization:
		return true
	}
	for _, t := range r.tables {
		if t.Kind == repository.KindTable && target.SameName(table, t.Table.Name) {
			return false
		}
	}
	return true
}

// refresh fills materialized views, in order. Functions may read others, which no catalog knows: what cannot be filled
// is tried again after the others, as long as one more can be.
func (r *restore) refresh(ctx context.Context) error {
	l, err := r.target.NewLoader(ctx)
	if err != nil {
		return err
	}
	defer l.Close(ctx)
	left := slices.DeleteFunc(slices.Clone(r.manifest.MatViews), func(v repository.Name) bool {
		return r.target.Manages(v.Schema) || r.becauseOf("MATERIALIZED VIEW", v.Schema, v.Name) != ""
	})
	for {
		var failed []repository.Name
		var lost []keepsake.Exception
		for _, v := range left {
			err := l.Find(ctx, func() error { return l.Refresh(ctx, v) })
			if err != nil && target.AboutServer(ctx, err) {
				return fmt.Errorf("refresh %s.%s: %w", v.Schema, v.Name, err)
			}
			if err != nil {
				failed = append(failed, v)
				lost = append(lost, target.Failure{
					Kind:   "materialized view",
					Object: keepsake.TableName(v.Schema, v.Name),
					Err:    err,
					SQL:    "REFRESH MATERIALIZED VIEW " + pgx.Identifier{v.Schema, v.Name}.Sanitize(),
				}.Exception())
			}
		}
		if len(failed) == len(left) {
			r.exception(lost...)
			return nil
		}
		left = failed
	}
}

// analyze makes the statistics that the server does not make by itself.
func (r *restore) analyze(ctx context.Context, names []repository.Name) error {
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range min(r.Workers, len(names)) {
		g.Go(func() error {
			l, err := r.target.NewLoader(ctx)
			if err != nil {
				return err
			}
			defer l.Close(ctx)
			for i := int(next.Add(1)) - 1; i < len(names); i = int(next.Add(1)) - 1 {
				err := l.Analyze(ctx, names[i])
				switch {
				case err == nil:
				case target.AboutServer(ctx, err):
					return fmt.Errorf("analyze %s.%s: %w", names[i].Schema, names[i].Name, err)
				default:
					r.exception(target.Failure{
						Kind:   "planner statistics",
						Object: keepsake.TableName(names[i].Schema, names[i].Name),
						Err:    err,
					}.Exception())
				}
			}
			return nil
		})
	}
	return g.Wait()
}
