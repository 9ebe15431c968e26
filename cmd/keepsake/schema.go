package main

import "github.com/wedsync/keepsake/internal/audit"

type schemaCommand struct {
	Point    string `arg:"" help:"Recovery point, or latest."`
	Entry    []int  `help:"Print this entry only, as the report of a restore numbers it. May be repeated." placeholder:"NUMBER"`
	Provider string `help:"Read from this provider only." placeholder:"NAME"`
}

func (c *schemaCommand) deed() deed {
	return deed{
		action: audit.SchemaRead,
		target: c.Point,
		detail: map[string]any{"entries": c.Entry, "provider": c.Provider},
	}
}

func (c *schemaCommand) Run(a *app) error {
	e, _, err := a.engine()
	if err != nil {
		return err
	}
	script, err := e.Schema(a.ctx, c.Point, c.Provider, c.Entry)
	if err != nil {
		return err
	}
	if a.cli.JSON {
		printJSON(a.io.out, map[string]string{"sql": script})
		return nil
	}
	a.printf("%s", script)
	return nil
}
