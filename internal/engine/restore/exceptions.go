package restore

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/wedsync/keepsake/internal/engine/pgtool"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/target"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// exception keeps what could not be made. Each is said in the log as well, as far as the log is still read.
func (r *restore) exception(list ...keepsake.Exception) {
	const said = 50
	r.mu.Lock()
	before := len(r.result.Exceptions)
	r.result.Exceptions = append(r.result.Exceptions, list...)
	r.mu.Unlock()
	for i, e := range list {
		switch n := before + i; {
		case n < said:
			r.track.Reportedf("%s %s could not be made: %s", e.Kind, e.Object, e.Error)
		case n == said:
			r.track.Reportedf("More could not be made; the report names all of it.")
		}
	}
}

// oneByOne runs entries that failed as wholes statement by statement, so that each statement stands alone.
func (r *restore) oneByOne(ctx context.Context, entries []pgtool.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	scripts, err := r.tools.Script(ctx, r.archive, entries)
	if err != nil {
		return err
	}
	if err := r.learnDependencies(ctx); err != nil {
		return err
	}
	for _, s := range scripts {
		lost, made, err := r.target.Apply(ctx, s)
		if !made {
			r.unmade[s.ID()] = s.Entry
		}
		for i := range lost {
			lost[i].Because = r.because(s.Entry)
		}
		r.exception(lost...)
		if err != nil {
			return fmt.Errorf("%s: %w", target.LabelOf(s.Entry), err)
		}
	}
	return nil
}

func (r *restore) learnDependencies(ctx context.Context) (err error) {
	if r.depends == nil {
		r.unmade = map[int]pgtool.Entry{}
		r.depends, err = r.tools.Dependencies(ctx, r.archive)
	}
	return err
}

// because names what an entry depends on and could not be made.
func (r *restore) because(e pgtool.Entry) string {
	for _, id := range r.depends[e.ID()] {
		if on, found := r.unmade[id]; found {
			return target.LabelOf(on)
		}
	}
	return ""
}

// becauseOf names the entry of that kind and name if it could not be made.
func (r *restore) becauseOf(kind, schema, name string) string {
	for _, e := range r.unmade {
		if e.Kind == kind && e.Schema == schema && e.Name == name {
			return target.LabelOf(e)
		}
	}
	return ""
}

// loseTables gives up the tables that could not be made. They are named before anything else.
func (r *restore) loseTables(ctx context.Context) error {
	if len(r.unmade) == 0 {
		return nil
	}
	there, err := r.target.Tables(ctx)
	if err != nil {
		return fmt.Errorf("look for the tables: %w", err)
	}
	for _, t := range r.tables {
		if t.Kind == repository.KindLargeObjects || there[t.Table.Name] || r.target.Manages(t.Schema) {
			continue
		}
		r.lose(t, keepsake.Exception{
			Error:   "the table could not be made",
			Because: r.becauseOf("TABLE", t.Schema, t.Table.Name.Name),
		})
	}
	return nil
}

// lose gives up the rows of one table.
func (r *restore) lose(t *tableLoad, e keepsake.Exception) {
	e.Kind, e.Object = keepsake.LostRows, t.label()
	if t.Rows == 0 {
		e.Error += "; it had no rows"
	} else {
		e.Error += fmt.Sprintf("; %s not in the new database", rowsAre(t.Rows))
	}
	if e.Means == "" {
		e.Means = target.Meaning(keepsake.LostRows)
	}
	r.exception(e)
	r.mu.Lock()
	t.skipped = true
	r.tierLost[t.Tier] = true
	r.mu.Unlock()
	r.track.Update(func(p *report.Progress) { p.Tables[t.index].State = report.ItemFailed })
	r.settle(t)
}

func rowsAre(n int64) string {
	if n == 1 {
		return "its one row is"
	}
	return fmt.Sprintf("its %d rows are", n)
}

// refused makes an exception of what the server said of a table's rows. It reports false for what is no refusal: the
// rows could not be read, or the server is gone.
func (r *restore) refused(ctx context.Context, t *tableLoad, err error) bool {
	if target.AboutServer(ctx, err) {
		return false
	}
	r.lose(t, target.Failure{Kind: keepsake.LostRows, Err: err}.Exception())
	return true
}

// conclude sorts the exceptions, the worst first, and says how the restore ended.
func (r *restore) conclude() {
	res := &r.result
	slices.SortStableFunc(res.Exceptions, func(a, b keepsake.Exception) int {
		return rank(a.Kind == keepsake.LostRows) - rank(b.Kind == keepsake.LostRows)
	})
	for _, role := range r.lacking {
		if slices.ContainsFunc(res.Exceptions, func(e keepsake.Exception) bool { return target.NamesRole(e, role) }) {
			res.MissingRoles = append(res.MissingRoles, role)
		}
	}
	res.Outcome, res.Message = report.OutcomeRestored,
		"Restored: everything that the recovery point holds for this restore is in the new database."
	if len(res.Exceptions) == 0 {
		return
	}
	res.Outcome = report.OutcomeExceptions
	lost := 0
	for _, e := range res.Exceptions {
		if e.Kind == keepsake.LostRows {
			lost++
		}
	}
	var missing []string
	if lost > 0 {
		missing = append(missing, "the rows of "+report.Plural(lost, "table")+" could not be restored")
	}
	if others := len(res.Exceptions) - lost; others > 0 {
		missing = append(missing, report.Plural(others, "thing")+" could not be made")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Restored with exceptions: %s. Each is named, with what it means. ", strings.Join(missing, ", and "))
	if lost == 0 {
		b.WriteString("Every row is there.")
	} else {
		b.WriteString("Do not take this database for whole.")
	}
	res.Message = b.String()
	r.track.Reportedf("%s", res.Message)
}
