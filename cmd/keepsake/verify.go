package main

import (
	"cmp"
	"context"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// latest is the recovery point that is meant where none is named.
const latest = "latest"

type verifyCommand struct {
	Point    string `arg:"" optional:"" help:"Recovery point, or latest (the default)."`
	All      bool   `help:"Verify every recovery point."`
	Deep     bool   `help:"Read, decrypt and check every object of every kind, not only its presence and size."`
	Provider string `help:"Verify only this provider." placeholder:"NAME"`
}

func (c *verifyCommand) deed() deed {
	return deed{action: audit.VerifyStart, end: audit.VerifyEnd, target: c.Point, detail: checked(c.Point, c.All, c.Deep)}
}

// checked is what the audit trail says of what is verified or repaired.
func checked(point string, all, deep bool) map[string]any {
	if !all {
		point = cmp.Or(point, latest)
	}
	return map[string]any{"point": point, "all": all, "deep": deep}
}

func (c *verifyCommand) Run(a *app) error {
	point, err := choosePoint(c.Point, c.All)
	if err != nil {
		return err
	}
	e, _, err := a.engine()
	if err != nil {
		return err
	}
	bar := a.progress("Verify", false)
	r, err := e.Verify(a.ctx, engine.VerifyInput{Point: point, Deep: c.Deep, Provider: c.Provider}, bar)
	bar.done()
	if err != nil {
		return err
	}
	if a.cli.JSON {
		printJSON(a.io.out, r)
	} else {
		a.printVerify(r)
	}
	switch {
	case r.Damaged():
		return errExit(exitDamage)
	case !r.OK:
		return errExit(exitUnprotected)
	}
	return nil
}

func (a *app) printVerify(r engine.VerifyResult) {
	a.printFindings("", r.Findings)
	a.printf("%s, %s checked, %s read, in %s: ", some(int64(r.Points), "recovery point"),
		count(r.Objects)+" copies of objects", size(r.Bytes), seconds(r.Seconds))
	if r.OK {
		a.printf("all sound.\n")
		return
	}
	next := "Run keepsake verify again when every provider answers"
	switch {
	case r.Repair != "":
		next = "Run " + r.Repair
	case r.Damaged():
		next = "No repair can tell what is right"
	}
	a.printf("%s. %s.\n", some(int64(len(r.Findings)), "finding"), next)
}

// choosePoint returns what a person asked to look at: one point, or "" for all.
func choosePoint(point string, all bool) (string, error) {
	switch {
	case all && point != "":
		return "", keepsake.Errorf(keepsake.CodeInvalid, "a recovery point and --all: give one of them, not both")
	case !all && point == "":
		return latest, nil
	}
	return point, nil
}

func (a *app) printFindings(prefix string, findings []engine.VerifyFinding) {
	for _, f := range findings {
		where := f.Object
		if prefix != "" {
			where = "every provider, " + f.Object
		}
		if f.Provider != "" {
			where = f.Provider + ", " + f.Object
		}
		a.printf("%s%s: %s\n", prefix, where, f.Problem)
	}
}

type repairCommand struct {
	Point string `arg:"" optional:"" help:"Recovery point, or latest (the default)."`
	All   bool   `help:"Repair every recovery point."`
	Deep  bool   `help:"Read every copy to find damage, not only what is missing."`

	platform string
	result   *engine.RepairResult // of a repair that ended
}

// save tells the console what each provider has now, in the transaction that puts the repair's end on record: what it
// says of a provider that failed in a backup goes with the copy that it lacked.
func (c *repairCommand) save(ctx context.Context, tx db.Tx) error {
	if c.result == nil {
		return nil
	}
	return console.SaveEndedRepair(ctx, tx, c.platform, c.Deep, *c.result)
}

func (c *repairCommand) deed() deed {
	return deed{action: audit.RepairStart, end: audit.RepairEnd, target: c.Point, detail: checked(c.Point, c.All, c.Deep)}
}

func (c *repairCommand) Run(a *app) error {
	point, err := choosePoint(c.Point, c.All)
	if err != nil {
		return err
	}
	e, conf, err := a.engine()
	if err != nil {
		return err
	}
	bar := a.progress("Repair", false)
	r, err := e.Repair(a.ctx, engine.VerifyInput{Point: point, Deep: c.Deep}, bar)
	bar.done()
	if err != nil {
		return err
	}
	c.platform, c.result = conf.Platform.Name, &r
	if a.cli.JSON {
		printJSON(a.io.out, r)
	} else {
		a.printf("%s looked at, %s (%s) copied in %s.\n", some(int64(r.Points), "recovery point"), some(r.Copied, "object"),
			size(r.Bytes), seconds(r.Seconds))
		const shown = 20
		a.printFindings("repaired at ", r.Repaired[:min(shown, len(r.Repaired))])
		if more := len(r.Repaired) - shown; more > 0 {
			a.printf("repaired %s more, which --json lists\n", count(int64(more)))
		}
		a.printFindings("remains at ", r.Remaining)
		switch {
		case r.Damaged():
			a.printf("%s could not be repaired: what to do stands beside each.\n", some(int64(len(r.Remaining)), "finding"))
		case len(r.Remaining) > 0:
			a.printf("%s left. Run keepsake repair again when every provider answers.\n",
				some(int64(len(r.Remaining)), "finding"))
		case !c.Deep:
			a.printf("Names and sizes were looked at, nothing was read: --deep finds damage inside.\n")
		}
	}
	switch {
	case r.Damaged():
		return errExit(exitDamage)
	case len(r.Remaining) > 0:
		return errExit(exitUnprotected)
	}
	return nil
}
