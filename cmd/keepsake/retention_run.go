package main

import (
	"context"
	"slices"
	"strings"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/policy"
)

type retentionRunCommand struct {
	Yes    bool `help:"Go on where so much would go at once that a person has to confirm it, and where the console's database cannot say which points were proven." env:"-"`
	DryRun bool `help:"Say what would be marked, and change nothing." env:"-"`

	platform string
	result   *removalResult // of a run that ended
}

// Help is what keepsake retention run --help says besides the flags.
func (*retentionRunCommand) Help() string {
	return "It does once what the console does by itself. What no rule keeps is marked; a run after the grace period " +
		"(retention.grace) deletes it, unless it stays after all by then. Where a console database is configured, it " +
		"says which recovery points were proven, or restored and compared, and the newest of those stay. Where none is, " +
		"only the repository is asked, and no recovery point counts as proven."
}

// removalResult is the JSON form of a run.
type removalResult struct {
	engine.RemovalResult
	Preview bool `json:"preview,omitempty"` // nothing was changed
}

func (c *retentionRunCommand) deed() deed {
	if c.DryRun { // it changes nothing
		return deed{}
	}
	d := deed{action: audit.RetentionStart, end: audit.RetentionEnd, detail: map[string]any{"confirmed": c.Yes}}
	if r := c.result; r != nil {
		d.detail["marked"], d.detail["removed"], d.detail["stay_after_all"] = len(r.Marked), len(r.Removed), len(r.Spared)
		if r.Held != "" {
			d.detail["held"] = r.Held
		}
	}
	return d
}

// save tells the console what goes now, and when, as a retention that it runs itself would.
func (c *retentionRunCommand) save(ctx context.Context, tx db.Tx) error {
	if c.result == nil {
		return nil
	}
	return console.SaveEndedRetention(ctx, tx, c.platform, c.result.RemovalResult)
}

func (c *retentionRunCommand) Run(a *app) error {
	n, err := a.retentionNow(nil)
	if err != nil {
		return err
	}
	if n.held == "" && n.plan.Large != "" && !c.Yes && !c.DryRun {
		text := n.plan.Large
		if n.unasked != "" { // --yes goes on without that, too
			text += " And " + keepsake.Sentence(n.unasked)
		}
		return keepsake.Errorf(keepsake.CodeConflict, "%s Look at it with keepsake retention show, and confirm it with "+
			"keepsake retention run --yes: nothing was changed", text)
	}
	if n.unasked != "" {
		if n.held == "" && !c.Yes && !c.DryRun {
			return keepsake.Errorf(keepsake.CodeUnavailable, "%s; --yes goes on without: nothing was changed", n.unasked)
		}
		a.sayf("%s", keepsake.Sentence(n.unasked))
	}
	r := engine.RemovalResult{
		Held:    n.held,
		Marked:  []engine.RemovedPoint{},
		Removed: []engine.RemovedPoint{},
		Spared:  []string{},
		Freed:   []engine.RemovalFreed{},
	}
	if n.held == "" {
		bar := a.progress("Retention", true)
		r, err = n.e.Remove(a.ctx, engine.RemovalInput{Points: n.removals(), Grace: n.grace, Preview: c.DryRun}, bar)
		bar.done()
		if err != nil {
			return err
		}
	}
	c.result, c.platform = &removalResult{r, c.DryRun}, n.platform
	if a.cli.JSON {
		printJSON(a.io.out, c.result)
	} else {
		n.printRemoval(a, *c.result)
	}
	if fellShort(r) {
		return errExit(exitExceptions)
	}
	return nil
}

// removals is what the plan lets go, with the reasons.
func (n retentionNow) removals() (points []engine.RemovedPoint) {
	for _, v := range n.plan.Verdicts {
		if !v.Keep {
			points = append(points, engine.RemovedPoint{ID: v.Point.ID, Why: strings.Join(v.Why, "; ")})
		}
	}
	return points
}

// fellShort reports whether something kept a removal from doing all of it.
func fellShort(r engine.RemovalResult) bool {
	short := r.Held != "" || r.Problem != ""
	for _, f := range r.Freed {
		short = short || f.Problem != ""
	}
	return short
}

func (n retentionNow) printRemoval(a *app, r removalResult) {
	if r.Held != "" {
		a.printf("Nothing was removed, and nothing was marked. %s\n", r.Held)
		return
	}
	if r.Preview {
		a.printf("Nothing was changed.\n")
	}
	n.printMarked(a, r)
	if r.Preview {
		n.printPending(a)
		if n.plan.Large != "" {
			a.printf("%s A person has to confirm it: keepsake retention run --yes\n", n.plan.Large)
		}
	}
	if n := len(r.Removed); n > 0 {
		gone := "are"
		if n == 1 {
			gone = "is"
		}
		a.printf("%s %s gone: %s.\n", some(int64(n), "recovery point"), gone, firstOf(r.Removed))
	}
	for _, f := range r.Freed {
		if f.Points > 0 || f.Objects > 0 {
			a.printf("  %-16s %s and %s deleted, %s\n", f.Provider, some(int64(f.Points), "recovery point"),
				some(f.Objects, "object"), size(f.Bytes))
		}
		if f.Problem != "" {
			a.printf("  %-16s NOT ALL WENT: %s\n", f.Provider, f.Problem)
		}
	}
	if len(r.Spared) > 0 {
		a.printf("Of what was marked, %s: %s.\n", stayAfterAll(len(r.Spared)), keepsake.FirstFew(r.Spared, mostNamed))
	}
	if r.Problem != "" {
		a.printf("NOT DONE: %s\n", r.Problem)
	}
	n.going = slices.DeleteFunc(n.going, func(p policy.HeldPoint) bool {
		return slices.ContainsFunc(r.Removed, func(gone engine.RemovedPoint) bool { return gone.ID == p.ID })
	})
	a.printf("%s\n", n.summary())
}

// printMarked says what was marked, or what would be.
func (n retentionNow) printMarked(a *app, r removalResult) {
	points, due := int64(len(r.Marked)), r.Due
	if r.Preview {
		due = n.now.Add(n.grace)
	}
	switch {
	case points == 0 && r.Objects == 0:
		again := "is marked anew"
		if r.Preview {
			again = "would be marked"
		}
		a.printf("No recovery point %s.\n", again)
		return
	case points == 0:
		a.printf("%s (%s at each provider) that no recovery point needs %s.\n", some(r.Objects, "object"), size(r.Bytes),
			marked(r.Objects, r.Preview))
	default:
		a.printf("%s %s, with %s (%s at each provider) that nothing else needs.\n", some(points, "recovery point"),
			marked(points, r.Preview), some(r.Objects, "object"), size(r.Bytes))
	}
	if !due.IsZero() { // the list is stored
		a.printf("%s\n", keepsake.Sentence(n.when(due, "what still goes then")))
	}
}

func marked(n int64, preview bool) string {
	switch {
	case preview:
		return "would be marked"
	case n == 1:
		return "is marked"
	}
	return "are marked"
}

// mostNamed is how many recovery points a line names.
const mostNamed = 10

func firstOf(points []engine.RemovedPoint) string {
	var ids []string
	for _, p := range points {
		ids = append(ids, p.ID)
	}
	return keepsake.FirstFew(ids, mostNamed)
}
