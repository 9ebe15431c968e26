package main

import (
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine"
)

type addProviderCommand struct {
	Name string `arg:"" help:"Provider, as the configuration calls it."`
}

func (c *addProviderCommand) deed() deed {
	return deed{action: audit.RepositoryAddProvider, target: c.Name, detail: map[string]any{}}
}

func (c *addProviderCommand) Run(a *app) error {
	e, _, err := a.engine()
	if err != nil {
		return err
	}
	r, err := e.AddProvider(a.ctx, c.Name)
	if err != nil {
		return err
	}
	if a.cli.JSON {
		printJSON(a.io.out, r)
		return nil
	}
	switch {
	case !r.Added:
		a.printf("Provider %s belongs to repository %s already.\n", r.Provider, r.Repository)
	case r.Renamed != "":
		a.printf("The place of provider %s is that of provider %s now.\n", r.Renamed, r.Provider)
	default:
		a.printf("Provider %s belongs to repository %s now.\n", r.Provider, r.Repository)
	}
	a.printLacking(r.Provider, r.Missing, r.Unasked)
	return nil
}

// printLacking says how many recovery points a provider lacks, what brings them there, and of whose points nobody
// knows.
func (a *app) printLacking(provider string, points int, unasked []engine.Unasked) {
	if points > 0 {
		a.printf("It lacks %s: keepsake repair --all copies what it lacks from the others.\n",
			some(int64(points), "recovery point"))
	}
	for _, u := range unasked {
		if u.Provider == provider {
			a.printf("Which recovery points it lacks is not known, because its own could not be listed. %s\n", u.Why)
		} else {
			a.printf("It may lack recovery points of provider %s, which could not be asked for them. %s\n", u.Provider, u.Why)
		}
	}
}
