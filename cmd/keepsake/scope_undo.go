package main

import (
	"cmp"

	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

type scopeUndoCommand struct {
	Restore string `arg:"" help:"The restore, as apply printed it and undos lists it."`

	result engine.ScopeResult
}

func (c *scopeUndoCommand) deed() deed {
	d := deed{audit.ScopeUndo, audit.ScopedEnd, c.Restore, map[string]any{"of": c.Restore}}
	if c.result.Restore != "" {
		d.detail["restore"], d.detail["applied"] = c.result.Restore, c.result.Applied
	}
	return d
}

func (c *scopeUndoCommand) Run(a *app) error {
	e, _, err := a.engine()
	if err != nil {
		return err
	}
	r, err := e.Undo(a.ctx, c.Restore)
	if err != nil {
		return err
	}
	c.result = r
	return a.printScopeResult("Taken back", r, pointAdvised{})
}

type scopeUndosCommand struct{}

// undoLine is the JSON form of one restore that can be undone.
type undoLine struct {
	Restore string `json:"restore"`
	Time    string `json:"time"`
	Point   string `json:"point"`
	Name    string `json:"name"`
	Mode    string `json:"mode"`
	Of      string `json:"of,omitempty"`
	Rows    int64  `json:"rows"`
}

func (c *scopeUndosCommand) Run(a *app) error {
	e, _, err := a.engine()
	if err != nil {
		return err
	}
	ids, err := e.Undos(a.ctx)
	if err != nil {
		return err
	}
	list := []undoLine{}
	var unread error // one that cannot be read keeps no other from being named
	for _, id := range ids {
		u, err := e.ReadUndo(a.ctx, id)
		if a.ctx.Err() != nil {
			return a.ctx.Err()
		}
		if err != nil {
			unread = cmp.Or(unread,
				error(keepsake.Errorf(keepsake.CodeOf(err), "what undoing restore %s needs cannot be read: %w", id, err)))
			continue
		}
		list = append(list, undoLine{id, u.Time.UTC().Format("2006-01-02 15:04:05 MST"), u.Point, u.Name, string(u.Mode),
			u.Of, u.Rows()})
	}
	if a.cli.JSON {
		printJSON(a.io.out, list)
		return unread
	}
	if len(ids) == 0 {
		a.printf("Nothing was restored into the live platform yet.\n")
	}
	for _, u := range list {
		what := string(u.Mode) + " from " + u.Point
		if u.Of != "" {
			what = "undo of " + u.Of
		}
		a.printf("%s  %s  %-12s  %s (%s)\n", u.Restore, u.Time, some(u.Rows, "row"), u.Name, what)
	}
	return unread
}
