package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

type backupCommand struct {
	Type  string            `help:"full reads every row again and re-reads stored copies; incremental reads only what changed; critical covers the critical tier." enum:"full,incremental,critical" default:"full"`
	Note  string            `help:"A note that stays with the recovery point."`
	Label map[string]string `help:"A label that stays with it, such as app_version=4.2. May be repeated." placeholder:"NAME=VALUE"`
}

func (c *backupCommand) Run(a *app) error {
	e, conf, err := a.engine()
	if err != nil {
		return err
	}
	if conf.Platform.URL == "" {
		return keepsake.Errorf(keepsake.CodeInvalid, "%s: platform.url: no platform database is configured: set it, or KEEPSAKE_PLATFORM_URL", conf.Path())
	}
	kind, err := keepsake.ParseBackupType(c.Type)
	if err != nil {
		return err
	}
	bar := a.progress("Backup")
	r, err := e.Backup(a.ctx, engine.BackupInput{Type: kind, Note: c.Note, Labels: c.Label}, bar)
	bar.done()
	if err != nil {
		return err
	}
	if a.cli.JSON {
		printJSON(a.io.out, r)
	} else {
		a.printBackup(r)
	}
	if !r.Protected {
		return errExit(exitUnprotected)
	}
	return nil
}

func (a *app) printBackup(r engine.BackupResult) {
	a.printf("Recovery point %s: %s rows of %s tables in %s.\n", r.Point, count(r.Rows), count(int64(r.Tables)), seconds(r.Seconds))
	a.printf("Read %s, uploaded %s in %s of %s chunks.\n", size(r.BytesRead), size(r.BytesUploaded), count(r.ChunksNew), count(r.ChunksTotal))
	a.printCopies(r.Copies)
	if r.Protected {
		a.printf("Protected: three copies, two media, one offsite.\n")
	} else {
		a.printf("NOT PROTECTED: %s. Run keepsake repair when the provider is back.\n", r.Lacks)
	}
	a.printNotCarried(r.NotCarried)
}

func (a *app) printCopies(copies []keepsake.Copy) {
	for _, c := range copies {
		state := "confirmed"
		if !c.Confirmed {
			state = "NO COPY: " + c.Error
		}
		a.printf("  %-16s %s\n", c.Provider, state)
	}
}

func (a *app) printNotCarried(items []keepsake.NotCarried) {
	for _, n := range items {
		a.printf("Not carried: %s %s: %s.\n", n.Kind, n.Name, n.Reason)
	}
}

type pointsCommand struct {
	Provider string `help:"Ask only this provider." placeholder:"NAME"`
}

func (c *pointsCommand) Run(a *app) error {
	e, _, err := a.engine()
	if err != nil {
		return err
	}
	points, err := e.Points(a.ctx, c.Provider)
	if err != nil {
		return err
	}
	if a.cli.JSON {
		if points == nil {
			points = []engine.Point{}
		}
		printJSON(a.io.out, points)
		return nil
	}
	if len(points) == 0 {
		a.printf("There is no recovery point yet: run keepsake backup.\n")
		return nil
	}
	w := tabwriter.NewWriter(a.io.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "POINT\tTIME\tTYPE\tROWS\tSTORED\tNEW\tPROTECTED\tNOTE")
	for _, p := range points {
		protected := "yes"
		if !p.Protected {
			protected = "no: " + p.Lacks
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", p.ID, p.Time.Format("2006-01-02 15:04:05 MST"), p.Type, count(p.Rows),
			size(p.BytesStored), size(p.BytesNew), protected, strings.Join(strings.Fields(p.Note), " "))
	}
	return w.Flush()
}

type verifyCommand struct {
	Point    string `arg:"" optional:"" help:"Recovery point, or latest (the default)."`
	All      bool   `help:"Verify every recovery point."`
	Deep     bool   `help:"Read, decrypt and check every chunk, not only its presence and size."`
	Provider string `help:"Verify only this provider." placeholder:"NAME"`
}

// input is what a person asked to look at: one point, or all.
func (c *verifyCommand) input() (engine.VerifyInput, error) {
	in := engine.VerifyInput{Point: c.Point, Deep: c.Deep, Provider: c.Provider}
	switch {
	case c.All && c.Point != "":
		return in, keepsake.Errorf(keepsake.CodeInvalid, "name a recovery point or give --all, not both")
	case !c.All && c.Point == "":
		in.Point = "latest"
	}
	return in, nil
}

func (c *verifyCommand) Run(a *app) error {
	in, err := c.input()
	if err != nil {
		return err
	}
	e, _, err := a.engine()
	if err != nil {
		return err
	}
	bar := a.progress("Verify")
	r, err := e.Verify(a.ctx, in, bar)
	bar.done()
	if err != nil {
		return err
	}
	if a.cli.JSON {
		printJSON(a.io.out, r)
	} else {
		a.printFindings(r.Findings)
		a.printf("%s recovery points, %s object copies checked, %s read, in %s: ", count(int64(r.Points)), count(r.Objects), size(r.Bytes), seconds(r.Seconds))
		if r.OK {
			a.printf("all sound.\n")
		} else {
			a.printf("%s findings.\n", count(int64(len(r.Findings))))
		}
	}
	switch {
	case r.Damaged():
		return errExit(exitDamage)
	case !r.OK:
		return errExit(exitUnprotected)
	}
	return nil
}

func (a *app) printFindings(findings []engine.VerifyFinding) {
	for _, f := range findings {
		a.printf("%s, %s: %s\n", f.Provider, f.Object, f.Problem)
	}
}

type repairCommand struct {
	Point string `arg:"" optional:"" help:"Recovery point, or latest (the default)."`
	All   bool   `help:"Repair every recovery point."`
	Deep  bool   `help:"Read every copy to find damage, not only what is missing."`
}

func (c *repairCommand) Run(a *app) error {
	in, err := (&verifyCommand{Point: c.Point, All: c.All, Deep: c.Deep}).input()
	if err != nil {
		return err
	}
	e, _, err := a.engine()
	if err != nil {
		return err
	}
	bar := a.progress("Repair")
	r, err := e.Repair(a.ctx, in, bar)
	bar.done()
	if err != nil {
		return err
	}
	if a.cli.JSON {
		printJSON(a.io.out, r)
	} else {
		a.printf("%s recovery points looked at, %s objects (%s) copied in %s.\n", count(int64(r.Points)), count(r.Copied), size(r.Bytes), seconds(r.Seconds))
		a.printFindings(r.Remaining)
	}
	switch {
	case r.Damaged():
		return errExit(exitDamage)
	case len(r.Remaining) > 0:
		return errExit(exitUnprotected)
	}
	return nil
}

type restoreCommand struct {
	Point    string   `arg:"" help:"Recovery point, or latest."`
	Target   string   `help:"URL of a new, empty database. Better given as KEEPSAKE_TARGET_URL: other users of this machine can read arguments." env:"KEEPSAKE_TARGET_URL" required:"" placeholder:"URL"`
	Create   bool     `help:"Create the target database first."`
	Provider string   `help:"Read from this provider only. Otherwise from each in turn, so that a bad copy at one is replaced by another's." placeholder:"NAME"`
	Tier     []string `help:"Restore the rows of this tier only: critical, high or standard. May be repeated." enum:"critical,high,standard"`
}

func (c *restoreCommand) Run(a *app) error {
	in := engine.RestoreInput{Point: c.Point, Target: keepsake.Secret(c.Target), Create: c.Create, Provider: c.Provider}
	for _, t := range c.Tier {
		tier, err := keepsake.ParseTier(t)
		if err != nil {
			return err
		}
		in.Tiers = append(in.Tiers, tier)
	}
	e, _, err := a.engine()
	if err != nil {
		return err
	}
	bar := a.progress("Restore")
	r, err := e.Restore(a.ctx, in, bar)
	bar.done()
	if err != nil {
		return err
	}
	if a.cli.JSON {
		printJSON(a.io.out, r)
		return nil
	}
	a.printf("Restored %s rows of %s tables from recovery point %s at provider %s in %s.\n", count(r.Rows), count(int64(r.Tables)), r.Point, r.Provider, seconds(r.Seconds))
	a.printf("Verified: every table's row count and hash equal the recovery point's.\n")
	for _, f := range r.Damaged {
		a.printf("Bad copy met on the way, another was used: %s, %s: %s\n", f.Provider, f.Object, f.Problem)
	}
	a.printNotCarried(r.NotCarried)
	return nil
}

type doctorCommand struct{}

func (c *doctorCommand) Run(a *app) error {
	e, _, err := a.engine()
	if err != nil {
		return err
	}
	found := e.Check(a.ctx)
	if err := a.ctx.Err(); err != nil {
		return err
	}
	if a.cli.JSON {
		printJSON(a.io.out, found)
	}
	failed := false
	for _, f := range found {
		failed = failed || f.Level == "error"
		if a.cli.JSON {
			continue
		}
		line := fmt.Sprintf("%-6s %-20s %s", f.Level, f.Area, f.Message)
		if f.Action != "" {
			line += ": " + f.Action
		}
		a.printf("%s\n", line)
	}
	if failed {
		return errExit(exitFailed)
	}
	return nil
}

type versionCommand struct{}

func (versionCommand) Run(a *app) error {
	if a.cli.JSON {
		printJSON(a.io.out, map[string]string{"version": engine.Version})
		return nil
	}
	a.printf("keepsake %s\n", engine.Version)
	return nil
}

func seconds(s float64) string {
	d := time.Duration(s * float64(time.Second))
	if d < time.Minute {
		return fmt.Sprintf("%.1f s", s)
	}
	return d.Round(time.Second).String()
}
