package main

import (
	"fmt"
	"strings"

	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/fold"
	"github.com/wedsync/keepsake/internal/keepsake"
)

type scopeCommands struct {
	Explain scopeExplainCommand `cmd:"" help:"Show which tables belong to a wedding or an organization, and why."`
	Preview scopePreviewCommand `cmd:"" help:"Show what bringing a wedding, an organization, tiers or everything back would change in the live platform. Changes nothing."`
	Apply   scopeApplyCommand   `cmd:"" help:"Make the changes of a preview in the live platform, in one transaction."`
	Export  scopeExportCommand  `cmd:"" help:"Write a wedding, an organization, tiers or everything as it was to standard output: a ZIP with one file a table, or a wedding's vendors."`
	Undo    scopeUndoCommand    `cmd:"" help:"Take a scoped restore back."`
	Undos   scopeUndosCommand   `cmd:"" help:"List the scoped restores that can be undone."`
}

type scopeName struct {
	WeddingID      string `name:"wedding" help:"Key of the wedding." placeholder:"ID" xor:"scope"`
	OrganizationID string `name:"organization" help:"Key of the organization." placeholder:"ID" xor:"scope"`
	Provider       string `help:"Read from this provider only." placeholder:"NAME"`
}

func (c scopeName) input(point, mode string) (engine.ScopeInput, error) {
	f := keepsake.ScopeFields{WeddingID: c.WeddingID, OrganizationID: c.OrganizationID}
	if f.Named() == 0 {
		return engine.ScopeInput{}, keepsake.Errorf(keepsake.CodeInvalid,
			"name one wedding or one organization: --wedding ID or --organization ID")
	}
	what, err := f.Scope()
	return engine.ScopeInput{Scope: what, Provider: c.Provider, Point: point, Mode: scope.Mode(mode)}, err
}

// scopeFlags name any scope, whole tables too. They convert to keepsake.ScopeFields.
type scopeFlags struct {
	WeddingID      string          `name:"wedding" help:"Key of the wedding." placeholder:"ID" xor:"scope"`
	OrganizationID string          `name:"organization" help:"Key of the organization." placeholder:"ID" xor:"scope"`
	Tiers          []keepsake.Tier `name:"tier" help:"Every table of this tier: critical, high or standard. May be repeated." enum:"critical,high,standard" xor:"scope"`
	Everything     bool            `help:"Every table." xor:"scope"`
}

// wideName is a scope, and where it is read from.
type wideName struct {
	scopeFlags `embed:""`
	Provider   string `help:"Read from this provider only." placeholder:"NAME"`
}

func (c wideName) input(point, mode string) (engine.ScopeInput, error) {
	f := keepsake.ScopeFields(c.scopeFlags)
	if f.Named() == 0 {
		return engine.ScopeInput{}, keepsake.Errorf(keepsake.CodeInvalid,
			"name a scope: --wedding ID, --organization ID, --tier TIER or --everything")
	}
	what, err := f.Scope()
	return engine.ScopeInput{Scope: what, Provider: c.Provider, Point: point, Mode: scope.Mode(mode)}, err
}

// flagsOf are the flags that name a scope again.
func flagsOf(s keepsake.Scope) string {
	switch s.Kind() {
	case keepsake.ScopeWedding:
		return "--wedding " + s.WeddingID()
	case keepsake.ScopeOrganization:
		return "--organization " + s.OrganizationID()
	case keepsake.ScopeEverything:
		return "--everything"
	}
	var flags []string
	for _, t := range s.Tiers() {
		flags = append(flags, "--tier "+string(t))
	}
	return strings.Join(flags, " ")
}

// deed is what the audit trail says of something done to the scope.
func (c wideName) deed(action, end audit.Action, point string, detail map[string]any) deed {
	what, err := keepsake.ScopeFields(c.scopeFlags).Scope()
	if err != nil { // it names none, and nothing was done
		what = keepsake.Scope{}
	}
	detail["point"], detail["wedding"] = point, what.WeddingID()
	return deed{action, end, what.Target(), detail}
}

type scopeExplainCommand struct {
	scopeName `embed:""`
	Point     string `help:"Recovery point whose rows are counted." default:"latest"`
}

// explained is the JSON form of an explanation.
type explained struct {
	*scope.Plan
	Rows        map[string]int64 `json:"rows"` // at the recovery point, by table
	ChunksRead  int64            `json:"chunks_read"`
	ChunksTotal int64            `json:"chunks_total"`
}

func (c *scopeExplainCommand) Run(a *app) error {
	in, err := c.input(c.Point, "")
	if err != nil {
		return err
	}
	e, _, err := a.engine()
	if err != nil {
		return err
	}
	s, err := e.ReadScope(a.ctx, in)
	if err != nil {
		return err
	}
	out := explained{
		Plan:        s.Plan(),
		Rows:        map[string]int64{},
		ChunksRead:  s.Rows().ChunksRead,
		ChunksTotal: s.Rows().ChunksTotal,
	}
	for _, t := range s.Plan().Tables {
		out.Rows[t.Name] = s.Rows().Count(t.Name)
	}
	if a.cli.JSON {
		printJSON(a.io.out, out)
		return nil
	}
	for _, part := range []struct {
		is   scope.Belonging
		head string
	}{{scope.Owned, "Belongs to it"}, {scope.Shared, "Pointed at by its rows: restored where missing, never rewound"},
		{scope.Outside, "Not touched"}} {
		tables := s.Plan().Of(part.is)
		if len(tables) == 0 {
			continue
		}
		a.printf("%s:\n", part.head)
		for _, t := range tables {
			rows := ""
			if part.is != scope.Outside {
				rows = some(out.Rows[t.Name], "row")
			}
			a.printf("  %-32s %12s  %s\n", t.Name, rows, t.Why)
		}
	}
	a.printf("Read %d of %d chunks.\n", out.ChunksRead, out.ChunksTotal)
	return nil
}

type scopePreviewCommand struct {
	wideName `embed:""`
	Point    string `arg:"" optional:"" help:"Recovery point, or latest. Without one: of a wedding the newest safe one before its newest damage, else the latest."`
	Mode     string `help:"missing: bring back what is missing and nothing else. rewind: make it what it was." enum:"missing,rewind" default:"missing"`
	Rows     bool   `help:"Print every row."`
}

func (c *scopePreviewCommand) deed() deed {
	return c.wideName.deed(audit.ScopePreview, "", c.Point, map[string]any{"mode": c.Mode})
}

// previewed is the JSON form of a preview.
type previewed struct {
	*scope.Preview
	pointAdvised
}

func (c *scopePreviewCommand) Run(a *app) error {
	in, err := c.input(c.Point, c.Mode)
	if err != nil {
		return err
	}
	e, _, err := a.engine()
	if err != nil {
		return err
	}
	advice, stop := a.choosePoint(e, &in)
	defer stop()
	c.Point = in.Point
	s, err := e.ReadScope(a.ctx, in)
	if err != nil {
		return err
	}
	p, err := s.Preview(a.ctx)
	if err != nil {
		return err
	}
	why := advice()
	if a.cli.JSON {
		printJSON(a.io.out, previewed{p, why})
		return nil
	}
	why.say(a)
	a.printPreview(p, c.Rows)
	insert, update, remove, _ := p.Totals()
	if insert+update+remove == 0 {
		a.printf("Nothing to do.\n")
		return nil
	}
	a.printf("To do it: keepsake scope apply %s %s --mode %s --fingerprint %s --confirm %s\n", p.Point,
		flagsOf(in.Scope), p.Mode, p.Fingerprint, forShell(p.Name))
	return nil
}

// forShell quotes a text so that a shell hands it on as it is.
func forShell(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func (a *app) printPreview(p *scope.Preview, rows bool) {
	a.printf("%s at recovery point %s (%s), compared with now:\n", p.Name, p.Point,
		p.PointTime.UTC().Format("2006-01-02 15:04:05 MST"))
	a.printf("  %-32s %8s %8s %8s %10s %8s\n", "TABLE", "INSERT", "UPDATE", "DELETE", "UNCHANGED", "REFUSED")
	for _, t := range p.Tables {
		insert, update, remove, refused := t.Counts()
		if insert+update+remove+refused+t.Unchanged == 0 && len(t.Notes) == 0 {
			continue
		}
		a.printf("  %-32s %8d %8d %8d %10d %8d\n", t.Table, insert, update, remove, t.Unchanged, refused)
		for _, n := range t.Notes {
			a.printf("    %s\n", n)
		}
		for _, c := range t.Changes {
			if rows || c.Refused != "" {
				a.printf("    %s\n", changeLine(t, c))
			}
		}
	}
	if p.Untried != "" {
		a.printf("Not tried yet: %s\n", p.Untried)
	}
	a.printf("Read %d of %d chunks; %s.\n", p.ChunksRead, p.ChunksTotal, seconds(p.Seconds))
}

// changeLine is one row in one line: its key, and the values that differ.
func changeLine(t scope.TableChanges, c scope.Change) string {
	line := fmt.Sprintf("%s %s", c.Op, t.KeyText(c))
	if c.Op == scope.Update {
		for i, col := range t.Columns {
			if was, is := text(c.Before[i]), text(c.After[i]); was != is {
				line += fmt.Sprintf("; %s: %s → %s", col.Name, was, is)
			}
		}
	}
	if c.Refused != "" {
		line += " — refused: " + c.Refused
	}
	return line
}

func text(v *string) string {
	if v == nil {
		return "null"
	}
	const most = 40
	if r := []rune(*v); len(r) > most {
		return fmt.Sprintf("%q…", string(r[:most]))
	}
	return fmt.Sprintf("%q", *v)
}

type scopeApplyCommand struct {
	wideName    `embed:""`
	Point       string `arg:"" optional:"" help:"Recovery point, or latest. Without one: of a wedding the newest safe one before its newest damage, else the latest."`
	Mode        string `help:"As in the preview." enum:"missing,rewind" default:"missing"`
	Fingerprint string `help:"Of the preview that was looked at." required:"" placeholder:"HEX"`
	Confirm     string `help:"Name of what is restored, as the preview shows it." required:"" placeholder:"NAME"`

	result engine.ScopeResult
}

func (c *scopeApplyCommand) deed() deed {
	d := c.wideName.deed(audit.ScopeRestore, audit.ScopedEnd, c.Point,
		map[string]any{"mode": c.Mode, "fingerprint": c.Fingerprint})
	if c.result.Restore != "" {
		d.detail["point"], d.detail["restore"], d.detail["applied"] = c.result.Point, c.result.Restore, c.result.Applied
	}
	return d
}

func (c *scopeApplyCommand) Run(a *app) error {
	in, err := c.input(c.Point, c.Mode)
	if err != nil {
		return err
	}
	e, _, err := a.engine()
	if err != nil {
		return err
	}
	advice, stop := a.choosePoint(e, &in)
	defer stop()
	c.Point = in.Point
	s, err := e.ReadScope(a.ctx, in)
	if err != nil {
		return err
	}
	p, err := s.Preview(a.ctx)
	if err != nil {
		return err
	}
	if !fold.SameName(c.Confirm, p.Name) {
		return keepsake.Errorf(keepsake.CodeInvalid,
			"--confirm says %q, but this is %q: nothing was changed", c.Confirm, p.Name)
	}
	r, err := s.Apply(a.ctx, engine.ScopeApply{Fingerprint: c.Fingerprint})
	why := advice() // it was asked for before, and nothing waited for it
	why.say(a)
	if err != nil {
		if r.Preview != nil && !a.cli.JSON {
			a.printPreview(r.Preview, false)
		}
		return err
	}
	c.result = r
	return a.printScopeResult("Done", r, why)
}

// scopeResult is the JSON form of what was done.
type scopeResult struct {
	engine.ScopeResult
	pointAdvised
}

func (a *app) printScopeResult(what string, r engine.ScopeResult, why pointAdvised) error {
	if a.cli.JSON {
		printJSON(a.io.out, scopeResult{r, why})
		return nil
	}
	a.printf("%s for %s: %d inserted, %d updated, %d deleted in %s.\n", what, r.Name, r.Applied.Inserted,
		r.Applied.Updated, r.Applied.Deleted, seconds(r.Seconds))
	for _, line := range r.Refused {
		a.printf("Left alone: %s\n", line)
	}
	a.printf("To take it back: keepsake scope undo %s (kept at %s)\n", r.Restore, strings.Join(r.Undo, ", "))
	return nil
}

type scopeExportCommand struct {
	wideName `embed:""`
	Point    string `arg:"" optional:"" help:"Recovery point, or latest. Without one: of a wedding the newest safe one before its newest damage, else the latest."`
	Format   string `help:"csv or json: a ZIP with a file a table. contacts or vcard: the vendors only." enum:"csv,json,contacts,vcard" default:"csv"`
}

func (c *scopeExportCommand) deed() deed {
	return c.wideName.deed(audit.ScopeExport, "", c.Point, map[string]any{"format": c.Format})
}

func (c *scopeExportCommand) Run(a *app) error {
	in, err := c.input(c.Point, "")
	if err != nil {
		return err
	}
	if _, live := terminal(a.io.out); live && (c.Format == "csv" || c.Format == "json") {
		return keepsake.Errorf(keepsake.CodeInvalid, "a ZIP is no text: send it to a file with > wedding.zip")
	}
	e, _, err := a.engine()
	if err != nil {
		return err
	}
	chosen := in.Point == "" && in.Scope.WeddingID() != ""
	advice, stop := a.choosePoint(e, &in)
	defer stop()
	c.Point = in.Point
	if c.Format == "csv" || c.Format == "json" {
		as, why := scope.ExportAs{Format: c.Format}, pointAdvised{}
		if chosen { // what is known beforehand goes along
			why = advice()
			as.Note = why.PointWhy
		}
		err := e.Export(a.ctx, in, as, a.io.out)
		if !chosen {
			why = advice()
		}
		why.say(a)
		return err
	}
	w, err := e.WeddingAt(a.ctx, in)
	if err != nil {
		return err
	}
	advice().say(a)
	for _, note := range w.Notes {
		_, _ = fmt.Fprintln(a.io.err, note+".")
	}
	contacts := w.Contacts
	if chosen && in.Point != "latest" {
		in.Point = "latest"
		newest, err := e.WeddingAt(a.ctx, in)
		if err != nil && keepsake.CodeOf(err) != keepsake.CodeNotFound { // the whole wedding may be gone there
			return err
		}
		contacts = console.WithLost(newest, w).Contacts
		_, _ = fmt.Fprintln(a.io.err, "Vendors who are not lost stand as the newest recovery point has them.")
	}
	switch c.Format {
	case "contacts":
		if a.cli.JSON {
			printJSON(a.io.out, contacts)
			return nil
		}
		return scope.ContactsCSV(a.io.out, contacts)
	default:
		return scope.ContactsVCard(a.io.out, contacts)
	}
}
