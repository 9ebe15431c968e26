package main

import (
	"github.com/wedsync/keepsake/internal/keepsake"
)

type repoCommands struct {
	AddProvider addProviderCommand `cmd:"" help:"Begin to use a provider that the configuration names: make its place, and say there which provider it is."`
	Rebuild     rebuildCommand     `cmd:"" help:"Fill the console database from what the providers hold."`
	WriterKey   writerKeyCommand   `cmd:"" help:"Print the key of writers, with which another machine takes backups that it cannot read."`
}

type rebuildCommand struct {
	Provider string `help:"Read this provider only; otherwise every one that answers." placeholder:"NAME"`
}

// rebuildReport is what repo rebuild --json prints.
type rebuildReport struct {
	Points    int               `json:"points"` // of the provider that holds most
	Providers []rebuiltProvider `json:"providers"`
}

type rebuiltProvider struct {
	Name   string `json:"name"`
	Points int    `json:"points"`
	Error  string `json:"error,omitempty"`
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
	var failed error
	done := false
	for _, name := range names {
		points, err := s.console.RebuildFromProvider(a.ctx, a.actor(), name)
		found := rebuiltProvider{Name: name, Points: points}
		if err != nil {
			found.Error, failed = keepsake.MessageOf(err), err
		}
		done = done || err == nil
		r.Points, r.Providers = max(r.Points, points), append(r.Providers, found)
	}
	if !done {
		return failed
	}
	if a.cli.JSON {
		printJSON(a.io.out, r)
		return nil
	}
	for _, p := range r.Providers {
		if p.Error != "" {
			a.printf("Provider %s was passed by. %s\n", p.Name, p.Error)
		} else {
			a.printf("The console database knows the %s of provider %s now.\n", some(int64(p.Points), "recovery point"), p.Name)
		}
	}
	return nil
}
