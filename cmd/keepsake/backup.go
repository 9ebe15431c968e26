package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

type backupCommand struct {
	Type      *string           `help:"full reads every row again and re-reads stored copies; incremental reads only what changed; critical covers the critical tier. Without a type: incremental, or full where there is nothing to build on." enum:"full,incremental,critical" placeholder:"TYPE"`
	Note      string            `help:"A note that stays with the recovery point."`
	WeddingID string            `name:"wedding" help:"The key of a wedding that the recovery point is made for. It covers the whole platform all the same."`
	Milestone string            `help:"The milestone that the wedding has reached, such as final_payment."`
	Label     map[string]string `help:"A label that stays with it, such as app_version=4.2. May be repeated." placeholder:"NAME=VALUE"`

	result engine.BackupResult
	ended  console.EndedBackup
}

func (c *backupCommand) deed() deed {
	d := deed{
		action: audit.BackupStart,
		end:    audit.BackupEnd,
		target: c.result.Point,
		detail: map[string]any{"note": c.Note},
	}
	switch { // chosen by who asks, or by the backup itself
	case c.Type != nil:
		d.detail["type"] = *c.Type
	case c.result.Type != "":
		d.detail["type"] = c.result.Type
	}
	if c.WeddingID != "" {
		d.detail["wedding"], d.detail["milestone"] = c.WeddingID, c.Milestone
	}
	if c.result.Point != "" {
		d.detail["point"], d.detail["protected"] = c.result.Point, c.result.Protected
		if words := keepsake.DoubtWords(c.result.Doubts); words != "" {
			d.detail["doubts"] = words
		}
	}
	return d
}

// weddings says for which wedding the point is made, if for one.
func (c *backupCommand) weddings(a *app, e *engine.Engine) ([]keepsake.WeddingMark, error) {
	switch {
	case c.WeddingID == "" && c.Milestone == "":
		return nil, nil
	case c.WeddingID == "":
		return nil, keepsake.Errorf(keepsake.CodeInvalid, "--milestone belongs to a wedding: name it with --wedding")
	case c.Type != nil && *c.Type == string(keepsake.BackupCritical):
		return nil, keepsake.Errorf(keepsake.CodeInvalid,
			"a critical backup leaves most of a wedding out: use --type incremental or full")
	}
	found, err := e.Weddings(a.ctx, engine.WeddingQuery{IDs: []string{c.WeddingID}, Today: time.Now(), Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, keepsake.Errorf(keepsake.CodeNotFound, "the platform has no wedding %q", c.WeddingID)
	}
	return []keepsake.WeddingMark{{WeddingID: c.WeddingID, Date: found[0].Day(), Milestone: c.Milestone}}, nil
}

func (c *backupCommand) Run(a *app) error {
	e, conf, err := a.engine()
	if err != nil {
		return err
	}
	if conf.Platform.URL == "" {
		return keepsake.Errorf(keepsake.CodeInvalid,
			"%s: platform.url: no platform database is configured: set it, or KEEPSAKE_PLATFORM_URL", conf.Path())
	}
	in := engine.BackupInput{Note: c.Note, Labels: c.Label}
	if c.Type != nil {
		if in.Type, err = keepsake.ParseBackupType(*c.Type); err != nil {
			return err
		}
	}
	if in.Weddings, err = c.weddings(a, e); err != nil {
		return err
	}
	bar, started := a.progress("Backup", true), time.Now()
	r, err := e.Backup(a.ctx, in, bar)
	bar.done()
	c.ended = console.EndedBackup{
		Platform:        conf.Platform.Name,
		By:              "the command line of " + a.actor().Address,
		Started:         started,
		Ended:           time.Now(),
		Type:            in.Type,
		Note:            in.Note,
		Labels:          in.Labels,
		Weddings:        in.Weddings,
		Result:          &r,
		Err:             err,
		StoppedByPerson: err != nil && a.ctx.Err() != nil,
	}
	if err != nil {
		return err
	}
	c.result = r
	if a.cli.JSON {
		printJSON(a.io.out, r)
	} else {
		a.printBackup(r)
	}
	switch {
	case !r.Protected:
		return errExit(exitUnprotected)
	case r.WithoutWeddings, len(r.Doubts) > 0:
		return errExit(exitExceptions)
	}
	return nil
}

// save puts the backup into the console's list of operations, in the transaction that puts its end on record. Where
// that cannot be reached the console finds the recovery point in the repository.
func (c *backupCommand) save(ctx context.Context, tx db.Tx) error {
	if c.ended.Started.IsZero() { // nothing was begun
		return nil
	}
	return console.SaveEndedBackup(ctx, tx, c.ended)
}

func (a *app) printBackup(r engine.BackupResult) {
	a.printf("Recovery point %s (%s): %s of %s in %s.\n", r.Point, r.Type, some(r.Rows, "row"),
		some(int64(r.Tables), "table"), seconds(r.Seconds))
	what := "the manifest and its index, and none of " + some(r.ChunksTotal, "chunk")
	if r.ChunksNew > 0 {
		what = "the manifest, its index and " + count(r.ChunksNew) + " of " + some(r.ChunksTotal, "chunk")
	}
	a.printf("Read %s; %s are new: %s; uploaded %s.\n", size(r.BytesRead), size(r.BytesNew), what, size(r.BytesUploaded))
	a.printCopies(r.Copies, r.Uploaded)
	if r.Protected {
		a.printf("Protected: three copies, two media, one offsite.\n")
	} else {
		a.printf("NOT PROTECTED: %s. %s\nThe command is: keepsake repair %s\n", r.Lacks,
			keepsake.JudgeProtection(r.Copies).Remedy(), r.Point)
	}
	if words := keepsake.DoubtWords(r.Doubts); words != "" {
		a.printf("SUSPECT: %s\nA restore of the latest recovery point takes an older one. Look at it; if it can be trusted, "+
			"say so: keepsake mark %s --accept\n", words, r.Point)
	}
	a.printNotCarried(r.NotCarried)
	for _, words := range r.Unmapped {
		a.printf("NOT FOUND: %s.\n", strings.TrimSuffix(words, "?"))
	}
	if r.WithoutWeddings {
		a.printf("Every row is saved, but single weddings and organizations can be neither listed nor brought back from " +
			"this point: correct data_map in keepsake.yaml and back up again.\n")
	}
}

// printCopies lists copies and, where it is known, how many bytes each provider received.
func (a *app) printCopies(copies []keepsake.Copy, uploaded map[string]int64) {
	for _, c := range copies {
		state := "confirmed"
		if n, known := uploaded[c.Provider]; known {
			state += ", " + size(n) + " uploaded"
		}
		if !c.Confirmed {
			state = "NO COPY: " + c.Error
			if n := uploaded[c.Provider]; n > 0 {
				state += " " + size(n) + " had been uploaded."
			}
		}
		a.printf("  %-16s %s\n", c.Provider, state)
	}
}

func (a *app) printNotCarried(items []keepsake.NotCarried) {
	for _, n := range items {
		a.printf("Not carried: %s %s: %s.\n", n.Kind, n.Name, n.Reason)
	}
}

// protectedWords says whether a recovery point is protected as far as the providers that were asked tell. What is
// unknown is not missing, and one provider's answer says nothing of the rule.
func protectedWords(p engine.Point, unasked []engine.Unasked, alone bool) string {
	switch {
	case p.Protected:
		return "yes"
	case alone && len(p.Copies) > 0:
		return p.Lacks
	case len(unasked) == 0 || len(p.Copies) == 0:
		return "no: " + p.Lacks
	}
	at := 0
	words := ""
	for _, c := range p.Copies {
		switch {
		case c.Confirmed:
			at++
		case !slices.Contains(p.Unknown, c.Provider):
			words += "; " + c.Provider + " lacks it"
		}
	}
	for _, u := range unasked {
		if u.Silent {
			words += "; " + u.Provider + " did not answer"
		} else {
			words += "; " + u.Provider + " could not be asked"
		}
	}
	return fmt.Sprintf("at %d of %s%s", at, some(int64(len(p.Copies)), "provider"), words)
}

type pointsCommand struct {
	Provider string `help:"Ask only this provider." placeholder:"NAME"`
}

func (c *pointsCommand) Run(a *app) error {
	e, _, err := a.engine()
	if err != nil {
		return err
	}
	list, err := e.ListPoints(a.ctx, c.Provider)
	if err != nil {
		return err
	}
	points := list.Points
	for _, u := range list.Unasked {
		a.sayf("Provider %s could not be asked for its recovery points. %s", u.Provider, u.Why)
	}
	if a.cli.JSON {
		printJSON(a.io.out, append([]engine.Point{}, points...)) // never null
		return nil
	}
	if unread := notesUnread(points); len(unread) > 0 {
		a.sayf("The notes on recovery points could not all be read, so somebody may have said in one that a point can, or "+
			"cannot, be trusted. %s", strings.Join(unread, " "))
	}
	if len(points) == 0 {
		a.printf("There is no recovery point yet: run keepsake backup.\n")
		return nil
	}
	w := tabwriter.NewWriter(a.io.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "POINT\tTIME\tTYPE\tROWS\tSTORED\tNEW\tPROTECTED\tNOTE")
	for _, p := range points {
		protected := protectedWords(p, list.Unasked, c.Provider != "")
		if p.Locked {
			protected += ", locked"
		}
		if p.Suspect() {
			protected += ", suspect"
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", p.ID, p.Time.Format("2006-01-02 15:04:05 MST"), p.Type,
			count(p.Rows),
			size(p.BytesStored), size(p.BytesNew), protected, strings.Join(strings.Fields(p.Note), " "))
	}
	return w.Flush()
}

// notesUnread returns why notes on any of the points could not be read, each reason once.
func notesUnread(points []engine.Point) (why []string) {
	for _, p := range points {
		for _, w := range p.NotesUnread {
			if !slices.Contains(why, w) {
				why = append(why, w)
			}
		}
	}
	return why
}
