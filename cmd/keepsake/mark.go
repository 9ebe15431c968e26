package main

import (
	"cmp"
	"maps"

	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

type markCommand struct {
	Point  string            `arg:"" help:"Recovery point, or latest."`
	Note   *string           `help:"The new note; an empty one removes it."`
	Label  map[string]string `help:"A label to set, such as deploy=blue; an empty value removes it. May be repeated." placeholder:"NAME=VALUE"`
	Lock   bool              `help:"Keep it whatever the retention rules say." xor:"lock"`
	Unlock bool              `help:"Leave it to the retention rules." xor:"lock"`
	Accept bool              `help:"Say that it can be trusted: latest may mean it, whatever the backup found." xor:"trust"`
	Doubt  bool              `help:"Say that it cannot be trusted: latest passes it by, and backups after it are suspect, too." xor:"trust"`

	point  string         // the id, where latest was asked for
	change map[string]any // what it was and what it is
}

func (c *markCommand) deed() deed {
	detail := map[string]any{"labels": c.Label, "lock": c.Lock, "unlock": c.Unlock,
		"accept": c.Accept, "doubt": c.Doubt}
	if c.Note != nil {
		detail["note"] = *c.Note
	}
	maps.Copy(detail, c.change)
	return deed{action: audit.PointSave, target: cmp.Or(c.point, c.Point), detail: detail}
}

func (c *markCommand) Run(a *app) error {
	if c.Note == nil && len(c.Label) == 0 && !c.Lock && !c.Unlock && !c.Accept && !c.Doubt {
		return keepsake.Errorf(keepsake.CodeInvalid,
			"say what to change: --note, --label, --lock, --unlock, --accept or --doubt")
	}
	e, _, err := a.engine()
	if err != nil {
		return err
	}
	p, err := e.Point(a.ctx, c.Point)
	if err != nil {
		return err
	}
	c.point = p.ID
	m := engine.PointMark{
		Note:   p.Note,
		Labels: map[string]string{},
		Locked: (p.Locked || c.Lock) && !c.Unlock,
		Trust:  p.Trust,
		By:     commandLine,
	}
	if c.Note != nil {
		m.Note = *c.Note
	}
	switch {
	case c.Accept:
		m.Trust = keepsake.TrustAccepted
	case c.Doubt:
		m.Trust = keepsake.TrustDoubted
	}
	for _, labels := range []map[string]string{p.Labels, c.Label} {
		for name, value := range labels {
			m.Labels[name] = value
			if value == "" {
				delete(m.Labels, name)
			}
		}
	}
	kept, err := e.MarkPoint(a.ctx, p.ID, m)
	if err != nil {
		return err
	}
	c.change = audit.Change(map[string]any{"note": p.Note, "labels": p.Labels, "locked": p.Locked,
		"trust": p.Trust}, map[string]any{"note": m.Note, "labels": m.Labels, "locked": m.Locked, "trust": m.Trust})
	for _, why := range p.NotesUnread {
		a.sayf("What was said of this point before could not all be read, and this mark takes its place: look at the "+
			"point again when it can. %s", why)
	}
	p.Note, p.Labels, p.Locked, p.Trust = m.Note, m.Labels, m.Locked, m.Trust
	if len(kept.Missing) > 0 {
		a.sayf("The mark is %s. keepsake repair copies it.", kept)
	}
	if a.cli.JSON {
		printJSON(a.io.out, p.Point)
		return nil
	}
	a.printf("Recovery point %s: saved.\n", p.ID)
	return nil
}
