package main

import "github.com/wedsync/keepsake/internal/audit"

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
	if r.Missing > 0 {
		a.printLacking(r.Missing)
	}
	return nil
}

// printLacking says how many recovery points a provider lacks, and what brings them there.
func (a *app) printLacking(points int) {
	a.printf("It lacks %s: keepsake repair --all copies what it lacks from the others.\n",
		some(int64(points), "recovery point"))
}
