package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/config"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/policy"
)

type retentionCommands struct {
	Show retentionShowCommand `cmd:"" help:"Say which recovery points stay, which go, and why. It changes nothing."`
	Run  retentionRunCommand  `cmd:"" help:"Mark the recovery points that no rule keeps, and delete those whose grace period is over."`
}

// retentionNow is what the rules say at this moment of the recovery points that the repository holds.
type retentionNow struct {
	e        *engine.Engine
	platform string
	now      time.Time
	on       bool // points go by themselves
	tried    bool // other rules than the configuration's are tried
	rules    policy.Retention
	grace    time.Duration
	pending  engine.PendingRemovals
	plan     policy.RetentionPlan
	held     string // why nothing goes now, in sentences
	// unasked says why the console's database could not be asked which points were proven; "": it was, or there is none.
	unasked string
	stay    int
	going   []policy.HeldPoint // what the rules let go, whether held or not
}

func (a *app) retentionNow(try func(*config.Retention) bool) (n retentionNow, err error) {
	conf, err := a.config()
	if err != nil {
		return n, err
	}
	n.now, n.platform = time.Now(), conf.Platform.Name
	settings := conf.Retention
	n.tried = try != nil && try(&settings)
	schedule, _, err := conf.Schedule.Read()
	if err != nil {
		return n, err
	}
	n.on = settings.On()
	if n.rules, n.grace, err = settings.Read(schedule.Zone); err != nil {
		return n, err
	}
	if n.e, _, err = a.engine(); err != nil {
		return n, err
	}
	list, err := n.e.ListPoints(a.ctx, "")
	if err != nil {
		return n, err
	}
	if n.pending, err = n.e.Removals(a.ctx); err != nil {
		return n, err
	}
	facts := engine.RetentionFacts(list, n.pending)
	proven, drilled, err := a.provenPoints(conf)
	if a.ctx.Err() != nil {
		return n, a.ctx.Err()
	}
	if err != nil {
		n.unasked = "which recovery points were proven could not be asked of the console's database: " +
			strings.TrimSuffix(keepsake.MessageOf(explainTrail(err)), ".")
	}
	for i, p := range facts.Points {
		facts.Points[i].Proven, facts.Points[i].Drilled = proven[p.ID], drilled[p.ID]
	}
	facts.Failing = cmp.Or(facts.Failing, schedule.NoRecent(facts.Points, n.now))
	n.plan = n.rules.Plan(facts, n.now)
	n.held = n.plan.Held
	for _, v := range n.plan.Verdicts {
		if v.Keep {
			n.stay++
		} else {
			n.going = append(n.going, v.Point)
		}
	}
	return n, nil
}

// provenTime bounds asking which recovery points were proven: of a hundred thousand the answer takes some seconds.
const provenTime = 30 * time.Second

// provenPoints asks the console database which recovery points were proven, and which were restored and compared. Where
// none is configured, nobody knows.
func (a *app) provenPoints(conf *config.Config) (proven, drilled map[string]bool, err error) {
	if conf.Console.URL == "" {
		return nil, nil, nil
	}
	ctx, cancel := context.WithTimeout(a.ctx, provenTime)
	defer cancel()
	d, err := db.Open(ctx, conf.Console.URL)
	if err != nil {
		return nil, nil, err
	}
	defer d.Close()
	err = d.InTx(ctx, a.actor(), func(tx db.Tx) (err error) {
		proven, drilled, err = console.ProvenPoints(ctx, tx, conf.Platform.Name)
		return err
	})
	return proven, drilled, err
}

const minuteFormat = "2 January 2006 15:04 MST"

func (n retentionNow) summary() string {
	stay, verb := some(int64(n.stay), "recovery point"), "stay"
	if n.stay == 1 {
		verb = "stays"
	}
	if len(n.going) == 0 {
		return fmt.Sprintf("%s %s, and none goes.", stay, verb)
	}
	goes := "go"
	if len(n.going) == 1 {
		goes = "goes"
	}
	return fmt.Sprintf("%s %s, and %s %s.", stay, verb, count(int64(len(n.going))), goes)
}

// printPending says what is marked and when it goes, and what of it stays after all.
func (n retentionNow) printPending(a *app) {
	goes := map[string]bool{}
	for _, p := range n.going {
		goes[p.ID] = true
	}
	var objects int64 // of lists without a recovery point
	var due time.Time
	for _, l := range n.pending.Lists {
		if len(l.Points) == 0 {
			if objects += l.Objects; due.IsZero() || l.Due.Before(due) {
				due = l.Due
			}
			continue
		}
		a.printf("%s %s: %s.", some(int64(len(l.Points)), "recovery point"), marked(int64(len(l.Points)), false),
			n.when(l.Due, "what still goes then"))
		after := 0
		for _, p := range l.Points {
			if !goes[p.ID] {
				after++
			}
		}
		if after > 0 {
			a.printf(" Of these, %s.", stayAfterAll(after))
		}
		a.printf("\n")
	}
	if objects > 0 {
		a.printf("%s %s: %s.\n", some(objects, "object"), marked(objects, false), n.when(due, "what nothing needs then"))
	}
	for _, words := range n.pending.Unread {
		a.printf("%s\n", words)
	}
}

func stayAfterAll(n int) string {
	if n == 1 {
		return "one stays after all"
	}
	return count(int64(n)) + " stay after all"
}

// when says when what of something that is marked goes.
func (n retentionNow) when(due time.Time, what string) string {
	if !due.After(n.now) {
		return "the next run deletes " + what
	}
	return fmt.Sprintf("the first run after %s, in %s, deletes %s", due.In(n.rules.Zone).Format(minuteFormat),
		about(due.Sub(n.now)), what)
}

// about writes a time ahead without what does not matter of it.
func about(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return some(int64(d/(24*time.Hour)), "day")
	case d >= time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d min", max(1, d/time.Minute))
}
