package main

import (
	"cmp"
	"context"
	"errors"
	"os"
	"os/user"
	"time"

	"github.com/jackc/pgerrcode"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// recordTime bounds every attempt to reach the audit trail: the command line works without it, on the worst day too.
const recordTime = 10 * time.Second

// deed is what the audit trail says of a command.
type deed struct {
	action audit.Action // before it begins, so that a command that is killed is on record too
	end    audit.Action // the action that says how it ended; empty: the same, whose first entry says that it was begun
	target string
	detail map[string]any // anything more; no secrets
}

// recorded is a command that is on record wherever a console database is configured. The others show no row of the
// platform and change nothing, or record themselves in the transaction that makes the change.
type recorded interface {
	// deed is asked for before the command runs and after it, when it may have learned more. Without an action this run
	// is not on record.
	deed() deed
}

// saved is a command whose end is more than an entry: save writes the rest, in the same transaction.
type saved interface {
	save(ctx context.Context, tx db.Tx) error
}

// recordCommand runs a command. Where a console database is configured the attempt is in its audit trail before
// anything is done, and how it ended afterwards. A trail that cannot be reached stops nobody: standard error says that
// the attempt is not on record. When it is back by the end, what is put on record there says that the beginning is
// missing.
func (a *app) recordCommand(command any, run func() error) error {
	r, ok := command.(recorded)
	if !ok || r.deed().action == "" {
		return run()
	}
	conf, err := a.config()
	if err != nil || conf.Console.URL == "" {
		return run() // which says what is wrong with the configuration
	}
	// whoever interrupts it is on record all the same
	trail := trail{ctx: context.WithoutCancel(a.ctx), url: conf.Console.URL, actor: a.actor()}
	d, started := r.deed(), time.Now()
	if d.end == "" {
		d.detail["begun"] = true
	}
	late := trail.append(audit.Entry{Action: d.action, Target: d.target, Outcome: audit.Allowed, Detail: d.detail}, nil)
	if late != nil {
		a.sayf("Not in the audit trail: %s", keepsake.MessageOf(explainTrail(late)))
	}
	err = run()
	d = r.deed()
	e := audit.Entry{
		Action:  cmp.Or(d.end, d.action),
		Target:  d.target,
		Outcome: outcome(err),
		Took:    time.Since(started),
		Detail:  d.detail,
	}
	var found errExit
	if errors.As(err, &found) {
		e.FellShort()
	}
	if e.Outcome != audit.Allowed {
		e.Detail["code"] = keepsake.CodeOf(err)
	}
	if late != nil {
		e.Detail["beginning"] = "not on record: the trail could not be reached"
	}
	if failed := trail.append(e, command); failed != nil && late == nil { // which has been said
		a.sayf("How it ended is not in the audit trail: %s", keepsake.MessageOf(explainTrail(failed)))
	}
	return err
}

// outcome of a command that ended with err. An exit code of its own is what it found, not that it failed.
func outcome(err error) audit.Outcome {
	var exit errExit
	if err == nil || errors.As(err, &exit) {
		return audit.Allowed
	}
	switch keepsake.CodeOf(err) {
	case keepsake.CodeUnavailable, keepsake.CodeInternal, keepsake.CodeCancelled:
		return audit.Failed
	}
	return audit.Refused
}

// trail is the audit trail of one command.
type trail struct {
	ctx   context.Context
	url   keepsake.Secret
	actor keepsake.Actor
}

// append opens the console database for one entry, and for what an ended command saves with it: a backup of hours holds
// no connection there. It migrates nothing.
func (t trail) append(e audit.Entry, ended any) error {
	ctx, cancel := context.WithTimeout(t.ctx, recordTime)
	defer cancel()
	d, err := db.Open(ctx, t.url)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.InTx(ctx, t.actor, func(tx db.Tx) error {
		if s, ok := ended.(saved); ok {
			if err := s.save(ctx, tx); err != nil {
				return err
			}
		}
		return audit.Record(ctx, tx, t.actor, e)
	})
}

// explainTrail says in words why nothing could be put on record.
func explainTrail(err error) error {
	if db.IsState(err, pgerrcode.UndefinedTable) || db.IsState(err, pgerrcode.UndefinedColumn) ||
		db.IsState(err, pgerrcode.UndefinedFunction) {
		return keepsake.Errorf(keepsake.CodeInvalid,
			"the console database is not set up for this version yet: keepsake serve does that at its start")
	}
	return explainConsole(err)
}

// commandLine is what the audit trail calls whoever works here: anybody who can read the configuration.
const commandLine = "command line"

// actor is whoever runs this command: the person's name on this machine and the machine's are what the trail says of
// where from. All entries of one command carry one request.
func (a *app) actor() keepsake.Actor {
	actor := keepsake.System(commandLine)
	who := "somebody"
	if u, err := user.Current(); err == nil {
		who = u.Username
	}
	if by, ok := a.env("SUDO_USER"); ok && by != "" && by != who {
		who = by + " as " + who
	}
	actor.UserAgent = "keepsake " + engine.Version + ", run by " + who
	actor.Address, _ = os.Hostname()
	actor.RequestID = a.request
	return actor
}
