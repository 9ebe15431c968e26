package main

import (
	"bufio"
	"time"

	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
)

type auditCommands struct {
	Verify auditVerifyCommand `cmd:"" help:"Read the whole audit trail, compare it with every seal in the repository, and name the first row that is not as it was written."`
	Export auditExportCommand `cmd:"" help:"Write the audit trail to standard output, newest entry first."`
	Seal   auditSealCommand   `cmd:"" help:"Put the end of the audit trail into the repository now. Workers do it every hour, and soon after a security event."`
	Begin  auditBeginCommand  `cmd:"" help:"Put on record that the console database was made anew, so that its trail stands in the place of an older one that was sealed."`
}

type auditVerifyCommand struct{}

func (c *auditVerifyCommand) Run(a *app) error {
	s, err := a.openConsole()
	if err != nil {
		return err
	}
	defer s.db.Close()
	v, err := s.console.VerifyAudit(a.ctx, a.actor())
	if err != nil {
		return err
	}
	if a.cli.JSON {
		printJSON(a.io.out, v)
	} else {
		a.printAudit(v)
	}
	switch {
	case !v.Intact:
		return errExit(exitDamage)
	case v.Unsealed != "":
		return errExit(exitFailed) // what only a seal would notice was not looked for
	}
	return nil
}

func (a *app) printAudit(v console.AuditVerdict) {
	for _, m := range v.Missing {
		a.printf("Not read: %s\n", m)
	}
	for _, s := range v.Earlier {
		a.printf("An earlier trail of this repository, %s, ended with row %d; it was last sealed on %s.\n",
			s.Trail, s.Row, s.At.Format(time.DateOnly))
	}
	switch {
	case v.Unsealed != "" && v.Intact:
		a.printf("%s follow each other, but the seals could not be read: %s\n", some(v.Rows, "row"), v.Unsealed)
	default:
		for _, line := range v.Words(time.Now()) {
			a.printf("%s\n", line)
		}
		if v.Intact && v.Sealed == nil {
			a.printf("A worker seals it within the hour; keepsake audit seal does it now.\n")
		}
	}
}

type auditSealCommand struct{}

func (c *auditSealCommand) Run(a *app) error {
	s, err := a.openConsole()
	if err != nil {
		return err
	}
	defer s.db.Close()
	v, err := s.console.SealAuditNow(a.ctx, a.actor())
	if err != nil {
		return err
	}
	if a.cli.JSON {
		printJSON(a.io.out, v)
	} else {
		a.printAudit(v)
	}
	if !v.Intact {
		return errExit(exitDamage)
	}
	return nil
}

type auditExportCommand struct {
	Format string    `help:"csv or jsonl." enum:"csv,jsonl" required:"" placeholder:"csv|jsonl"`
	From   time.Time `help:"First day, in UTC." format:"2006-01-02" placeholder:"YYYY-MM-DD"`
	To     time.Time `help:"Last day, in UTC." format:"2006-01-02" placeholder:"YYYY-MM-DD"`
}

func (c *auditExportCommand) Run(a *app) error {
	if a.cli.JSON {
		return keepsake.Errorf(keepsake.CodeInvalid, "--json: an export is no single JSON document: use --format jsonl")
	}
	f := audit.Filter{Since: c.From}
	if !c.To.IsZero() {
		f.Until = c.To.AddDate(0, 0, 1)
	}
	if !f.Since.IsZero() && !f.Until.IsZero() && !f.Since.Before(f.Until) {
		return keepsake.Errorf(keepsake.CodeInvalid, "--from is after --to: swap them")
	}
	s, err := a.openConsole()
	if err != nil {
		return err
	}
	defer s.db.Close()
	out := bufio.NewWriter(a.io.out)
	if err := s.console.ExportAudit(a.ctx, a.actor(), f, c.Format, out); err != nil {
		return err
	}
	return out.Flush()
}

type auditBeginCommand struct{}

func (c *auditBeginCommand) Run(a *app) error {
	s, err := a.openConsole()
	if err != nil {
		return err
	}
	defer s.db.Close()
	ended, err := s.console.BeginAudit(a.ctx, a.actor())
	if err != nil {
		return err
	}
	if a.cli.JSON {
		printJSON(a.io.out, map[string][]audit.Seal{"ended": ended})
		return nil
	}
	if len(ended) == 0 {
		a.printf("The repository holds seals of this trail alone; nothing was put on record.\n")
	}
	for _, e := range ended {
		a.printf("On record: trail %s ended with row %d, last sealed on %s.\n", e.Trail, e.Row, e.At.Format(time.DateOnly))
	}
	return nil
}
