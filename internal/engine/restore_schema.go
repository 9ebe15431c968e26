package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/internal/engine/pgtool"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/target"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// restoreOptions are the settings of pg_restore's sessions. With as many sessions as processors, parallel workers inside one
// index build only get into each other's way (measured: 5 to 10 % more processor time).
func (r *restore) restoreOptions() []string {
	return []string{fmt.Sprintf("-c maintenance_work_mem=%dMB", r.sortMemory()), "-c max_parallel_maintenance_workers=0",
		"-c synchronous_commit=off", "-c default_transaction_read_only=off", "-c client_min_messages=warning"}
}

// sortMemory is the memory, in MiB, for sorting one index. What fits into a processor's cache sorts fastest (16 MiB measured
// 10 to 20 % below 256 MiB, in processor time), as long as one merge is enough, which a sixty-fourth of the rows ensures.
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
		r.notCarried(keepsake.NotCarried{Kind: "definitions", Name: "schema " + schema,
			Reason: "the hosting service made it on the target; only rows, triggers and policies are restored into it"})
	}
	for _, g := range there {
		if g.Kind != "SCHEMA" && g.Kind != "EXTENSION" && g.Kind != "PROCEDURAL LANGUAGE" {
			r.notCarried(keepsake.NotCarried{Kind: "definitions", Name: strings.ToLower(g.Kind) + " " + g.Name,
				Reason: "the target has one of this name already; it was left as it is"})
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

// fragile reports whether an entry is run statement by statement, because it names roles that may be missing.
func (r *restore) fragile(e pgtool.Entry) bool {
	switch e.Kind {
	case "ACL", "DEFAULT ACL", "POLICY", "USER MAPPING":
		return len(r.missing) > 0 || r.noOwner
	}
	return false
}

// last reports whether an entry has to wait until all else is done: event triggers would fire, and a comment on a foreign
// key needs the key.
func last(e pgtool.Entry) bool {
	return e.Kind == "EVENT TRIGGER" || e.Kind == "COMMENT" && (strings.HasPrefix(e.Name, "EVENT TRIGGER ") || strings.HasPrefix(e.Name, "CONSTRAINT "))
}

// some returns the entries that keep says yes to.
func some(entries []pgtool.Entry, keep func(pgtool.Entry) bool) []pgtool.Entry {
	return slices.DeleteFunc(slices.Clone(entries), func(e pgtool.Entry) bool { return !keep(e) })
}

// solid reports whether pg_restore runs the entry in the ordinary course.
func (r *restore) solid(e pgtool.Entry) bool {
	return !r.fragile(e) && !last(e) && e.Kind != "FK CONSTRAINT"
}

func (r *restore) pgRestore(ctx context.Context, section string, entries []pgtool.Entry) error {
	jobs := 1
	if section == "post-data" {
		jobs = r.e.opts.Workers
	}
	return r.tools.Restore(ctx, r.in.Target, r.archive, pgtool.RestoreOptions{Section: section, Entries: entries, Jobs: jobs,
		NoOwner: r.noOwner, Options: r.restoreOptions()})
}

func (r *restore) createTables(ctx context.Context) error {
	if err := r.leaveOut(ctx); err != nil {
		return err
	}
	r.track.infof("Creating the tables of recovery point %s in database %s.", r.manifest.ID, r.target.Name)
	if err := r.pgRestore(ctx, "pre-data", some(r.entries, r.solid)); err != nil {
		return err
	}
	return r.target.CreateObjects(ctx, r.manifest.Objects)
}

// finishSchema brings sequences, indexes, constraints, triggers, policies and grants, and refreshes materialized views.
func (r *restore) finishSchema(ctx context.Context) error {
	r.track.stage(StageIndexing)
	if err := r.setSequences(ctx); err != nil {
		return err
	}
	if err := r.pgRestore(ctx, "post-data", some(r.entries, r.solid)); err != nil {
		return err
	}
	if err := r.addForeignKeys(ctx); err != nil {
		return err
	}
	if err := r.tryFragile(ctx); err != nil {
		return err
	}
	if err := r.refresh(ctx); err != nil {
		return err
	}
	if err := r.pgRestore(ctx, "post-data", some(r.entries, last)); err != nil {
		return err
	}
	r.notCarried(r.target.ApplySettings(ctx)...)
	return nil
}

func (r *restore) setSequences(ctx context.Context) error {
	var own []repository.Sequence
	for _, s := range r.manifest.Sequences {
		switch {
		case s.Schema == target.MarkSchema:
		case r.target.Manages(s.Schema):
			if why := r.target.TrySequence(ctx, s); why != "" {
				r.notCarried(keepsake.NotCarried{Kind: "sequence value", Name: s.Schema + "." + s.Name.Name, Reason: why})
			}
		default:
			own = append(own, s)
		}
	}
	return r.target.SetSequences(ctx, own)
}

// addForeignKeys creates the foreign keys. While their rows are checked, the planner's statistics are completed.
func (r *restore) addForeignKeys(ctx context.Context) error {
	keys := some(r.entries, func(e pgtool.Entry) bool { return e.Kind == "FK CONSTRAINT" })
	statements, err := r.tools.Script(ctx, r.archive, keys)
	if err != nil {
		return err
	}
	unchecked, broken, err := r.target.AddForeignKeys(ctx, statements)
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
		more, err := r.target.CheckForeignKeys(group, unchecked, r.e.opts.Workers)
		broken = append(broken, more...)
		return err
	})
	err = g.Wait()
	for _, b := range broken {
		r.track.warnf("Foreign key %s: %s", b.Name, b.Reason)
	}
	r.notCarried(broken...)
	return err
}

// tryFragile runs what may name roles that are missing, statement by statement, and reports what the target refused.
func (r *restore) tryFragile(ctx context.Context) error {
	r.apart = append(r.apart, some(r.entries, r.fragile)...)
	for _, kind := range []struct{ entry, name string }{{"USER MAPPING", "user mapping"}, {"TRIGGER", "trigger"}, {"POLICY", "policy"},
		{"ACL", "grant"}, {"DEFAULT ACL", "default grant"}} {
		statements, err := r.tools.Script(ctx, r.archive, some(r.apart, func(e pgtool.Entry) bool { return e.Kind == kind.entry }))
		if err != nil {
			return err
		}
		lost, err := r.target.Try(ctx, kind.name, statements)
		r.notCarried(lost...)
		if err != nil {
			return err
		}
	}
	lost, err := r.target.GrantObjects(ctx, r.manifest.Objects, !r.noOwner)
	r.notCarried(lost...)
	return err
}

// refresh fills materialized views, in order.
func (r *restore) refresh(ctx context.Context) error {
	l, err := r.target.NewLoader(ctx)
	if err != nil {
		return err
	}
	defer l.Close(ctx)
	for _, v := range r.manifest.MatViews {
		if r.target.Manages(v.Schema) {
			continue
		}
		why, err := l.Refresh(ctx, v)
		if err != nil {
			return fmt.Errorf("refresh %s.%s: %w", v.Schema, v.Name, err)
		}
		if why != "" {
			r.track.warnf("Materialized view %s.%s could not be filled: %s", v.Schema, v.Name, why)
			r.notCarried(keepsake.NotCarried{Kind: "materialized view", Name: v.Schema + "." + v.Name, Reason: "it is there but empty; refreshing it failed: " + why})
		}
	}
	return nil
}

// analyze makes the statistics that the server does not make by itself.
func (r *restore) analyze(ctx context.Context, names []repository.Name) error {
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range min(r.e.opts.Workers, len(names)) {
		g.Go(func() error {
			l, err := r.target.NewLoader(ctx)
			if err != nil {
				return err
			}
			defer l.Close(ctx)
			for i := int(next.Add(1)) - 1; i < len(names); i = int(next.Add(1)) - 1 {
				if err := l.Analyze(ctx, names[i]); err != nil {
					return fmt.Errorf("analyze %s.%s: %w", names[i].Schema, names[i].Name, err)
				}
			}
			return nil
		})
	}
	return g.Wait()
}
