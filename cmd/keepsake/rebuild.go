package main

import (
	"github.com/wedsync/keepsake/internal/keepsake"
)

type repoCommands struct {
	Rebuild rebuildCommand `cmd:"" help:"Fill the console database from what one provider holds."`
}

type rebuildCommand struct {
	Provider string `help:"The provider to read; otherwise the first configured one that can be read." placeholder:"NAME"`
}

// rebuildReport is what repo rebuild --json prints.
type rebuildReport struct {
	Provider string `json:"provider"`
	Points   int    `json:"points"`
}

func (c *rebuildCommand) Run(a *app) error {
	s, err := a.openConsole()
	if err != nil {
		return err
	}
	defer s.db.Close()
	names := []string{c.Provider}
	if c.Provider == "" {
		names = names[:0]
		for _, p := range s.config.Providers {
			names = append(names, p.Name)
		}
	}
	var r rebuildReport
	for _, r.Provider = range names {
		r.Points, err = s.console.RebuildFromProvider(a.ctx, commandLine, r.Provider)
		if code := keepsake.CodeOf(err); err == nil || code != keepsake.CodeUnavailable && code != keepsake.CodeNotFound {
			break
		}
	}
	if err != nil {
		return err
	}
	if a.cli.JSON {
		printJSON(a.io.out, r)
	} else {
		a.printf("The console database knows the %s of provider %s now.\n", some(int64(r.Points), "recovery point"), r.Provider)
	}
	return nil
}
