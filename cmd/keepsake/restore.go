package main

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

type restoreCommand struct {
	Point    string          `arg:"" help:"Recovery point, or latest."`
	Target   string          `help:"URL of a new, empty database. Better given as KEEPSAKE_TARGET_URL: other users of this machine can read arguments." env:"KEEPSAKE_TARGET_URL" placeholder:"URL"`
	Create   bool            `help:"Create the target database first."`
	Provider string          `help:"Read from this provider only. Otherwise from each in turn, so that a bad copy at one is replaced by another's." placeholder:"NAME"`
	Tier     []keepsake.Tier `help:"Restore the rows of this tier only: critical, high or standard. May be repeated." enum:"critical,high,standard"`

	WeddingID      string `name:"wedding" help:"Restore the rows of one wedding only, with the shared ones that they point at." placeholder:"ID" xor:"scope"`
	OrganizationID string `name:"organization" help:"Restore the rows of one organization only." placeholder:"ID" xor:"scope"`

	result engine.RestoreResult
}

// deed names the target by server and database alone: its URL holds a password.
func (c *restoreCommand) deed() deed {
	detail := map[string]any{"point": c.Point, "provider": c.Provider, "tiers": c.Tier, "wedding": c.WeddingID,
		"organization": c.OrganizationID}
	if target, err := pgx.ParseConfig(c.Target); err == nil {
		detail["target"], detail["database"] = target.Host, target.Database
	}
	if c.result.Point != "" {
		detail["point"], detail["verified"], detail["outcome"] = c.result.Point, c.result.Verified, c.result.Outcome
		detail["exceptions"] = len(c.result.Exceptions)
	}
	return deed{action: audit.RestoreStart, end: audit.RestoreEnd, target: c.Point, detail: detail}
}

// Validate refuses a restore to nowhere.
func (c *restoreCommand) Validate() error {
	if c.Target == "" {
		return errors.New("a target is missing: set KEEPSAKE_TARGET_URL to the URL of a new, empty database, or give " +
			"--target=URL, " +
			"which other users of this machine can read")
	}
	return nil
}

// scope is what the flags name; without any it is everything.
func (c *restoreCommand) scope() (keepsake.Scope, error) {
	f := keepsake.ScopeFields{WeddingID: c.WeddingID, OrganizationID: c.OrganizationID, Tiers: c.Tier}
	f.Everything = f.Named() == 0
	return f.Scope()
}

func (c *restoreCommand) Run(a *app) error {
	what, err := c.scope()
	if err != nil {
		return err
	}
	in := engine.RestoreInput{
		Point:    c.Point,
		Target:   keepsake.Secret(c.Target),
		Create:   c.Create,
		Provider: c.Provider,
		Scope:    what,
	}
	e, _, err := a.engine()
	if err != nil {
		return err
	}
	advice, stop := a.lookBeside(e, engine.ScopeInput{Scope: in.Scope, Point: c.Point})
	defer stop()
	bar := a.progress("Restore", true)
	r, err := e.Restore(a.ctx, in, bar)
	bar.done()
	why := advice() // it was asked for before, and nothing waited for it
	why.say(a)
	if err != nil {
		return err
	}
	c.result = r
	if a.cli.JSON {
		printJSON(a.io.out, restored{r, why})
	} else {
		a.printRestored(r)
	}
	if r.Outcome != engine.OutcomeRestored {
		return errExit(exitExceptions)
	}
	return nil
}

// restored is the JSON form of a restore.
type restored struct {
	engine.RestoreResult
	pointAdvised
}

func (a *app) printRestored(r engine.RestoreResult) {
	if len(r.Exceptions) > 0 {
		a.printf("%s\n", r.Message)
		if roles := r.CreateRoles(); roles != "" {
			a.printf("The target's server lacks roles. Create them first, then run the statements below:\n    %s\n", roles)
		}
		for _, e := range r.Exceptions {
			a.printException(e, r.Point)
		}
		a.printf("\n")
	}
	a.printf("Restored %s of %s from recovery point %s at provider %s in %s.\n", some(r.Rows, "row"),
		some(int64(r.Tables), "table"), r.Point, r.Provider, seconds(r.Seconds))
	if r.Verified {
		a.printf("Verified: every table's row count and hash equal the recovery point's.\n")
	} else {
		a.printf("Not verified: tables without their rows are named above. The others' row counts and hashes equal the " +
			"recovery point's.\n")
	}
	for _, f := range r.Damaged {
		what := "Bad copy met on the way, another was used"
		if !f.Damage {
			what = "Passed by on the way, another copy was used"
		}
		a.printf("%s. %s, %s: %s\n", what, f.Provider, f.Object, f.Problem)
	}
	a.printNotCarried(r.NotCarried)
}

// printException says what could not be made, why, what it means, and the statement as far as it can be shown.
func (a *app) printException(e keepsake.Exception, point string) {
	a.printf("\n%s %s: %s", e.Kind, e.Object, e.Error)
	if e.Code != "" {
		a.printf(" (SQLSTATE %s)", e.Code)
	}
	if e.Because != "" {
		a.printf("; because the %s could not be made", e.Because)
	}
	a.printf("\n    %s\n", e.Means)
	if e.SQL != "" {
		a.printf("    %s;\n", e.SQL)
	}
	if e.SQLNote != "" {
		a.printf("    %s\n", strings.ReplaceAll(e.SQLNote, "schema POINT", "schema "+point))
	}
}
