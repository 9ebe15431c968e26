package console

import (
	"context"
	"fmt"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// detailTime bounds reading a manifest for a page.
const detailTime = 20 * time.Second

// hiddenDetail is what an actor bound to an organization reads in the place of a recovery point's tables.
const hiddenDetail = "What is in it, table by table, concerns the whole platform, and your account is bound to one " +
	"organization. Open one of its weddings to see it as it was."

// ListPoints returns a page of recovery points, newest first.
func (c *Console) ListPoints(ctx context.Context, actor keepsake.Actor, in PointsInput) (PointPage, error) {
	if err := mayAct(actor, keepsake.MayRead); err != nil {
		return PointPage{}, c.recordRefused(ctx, actor, audit.PointsList, "", nil, err)
	}
	p, err := c.platformMeant(actor, in.Platform)
	if err == nil {
		err = p.mayFilter(ctx, actor, in)
	}
	if err != nil {
		return PointPage{}, c.recordRefused(ctx, actor, audit.PointsList, in.WeddingID, nil, err)
	}
	in.Platform = p.Name
	theirs, err := p.weddingsOf(ctx, actor, in.Organization)
	if err != nil {
		return PointPage{}, err
	}
	f, keep := in.filter(theirs)
	if keep == nil {
		return c.points(ctx, actor, in, f)
	}
	list, next, err := filtered(limitOf(in.Limit), in.Cursor, func(cursor string) ([]Point, string, error) {
		in.Cursor, in.Limit = cursor, mostLimit
		page, err := c.points(ctx, actor, in, f)
		return page.Points, page.Next, err
	}, keep, func(p Point) string { return p.ID })
	return PointPage{Points: list, Next: next}, err
}

// mayFilter refuses actors who are bound to an organization and ask what was made for whom without naming a wedding of
// theirs: the marks of others are hidden from them, so any other answer would be wrong.
func (p *platform) mayFilter(ctx context.Context, actor keepsake.Actor, in PointsInput) error {
	switch {
	case actor.Organization == "":
		return nil
	case in.WeddingID != "":
		return p.finder().mayActOnWedding(ctx, actor, keepsake.MayRead, in.WeddingID)
	case in.Organization != "" || in.Milestone != "" || in.Phase != "":
		return keepsake.Errorf(keepsake.CodeForbidden,
			"Your account is bound to one organization: name one of its weddings to see what was made for it.")
	}
	return nil
}

// points is a page of the list of the platform that in names, or of what is asked for of it.
func (c *Console) points(ctx context.Context, actor keepsake.Actor, in PointsInput, f *sqlcgen.FilterPointsParams) (
	PointPage, error) {
	if !plain(in.Cursor) {
		return PointPage{}, keepsake.Wrong("cursor", "this page of the list does not exist: begin with the first")
	}
	if !plain(string(in.Type) + in.WeddingID + in.Milestone + string(in.Phase)) {
		return PointPage{}, keepsake.Errorf(keepsake.CodeInvalid, "This cannot be looked for: it is no text.")
	}
	limit := limitOf(in.Limit)
	var page PointPage
	var err error
	page.Points, err = c.inPoints(ctx, actor, in.WeddingID, func(tx db.Tx) ([]Point, error) {
		rows, err := listPoints(ctx, tx, sqlcgen.ListPointsParams{
			Platform:   in.Platform,
			BackupType: string(in.Type),
			Before:     in.Cursor,
			Most:       int32(limit + 1),
		}, f)
		if err == nil && len(rows) == 0 && in.Cursor != "" {
			if _, err = tx.GetPoint(ctx, sqlcgen.GetPointParams{ID: in.Cursor, Platform: in.Platform}); db.IsNoRows(err) {
				err = keepsake.Wrong("cursor", "this page of the list does not exist: begin with the first")
			}
		}
		if err != nil {
			return nil, err
		}
		if len(rows) > limit {
			rows = rows[:limit]
			page.Next = rows[limit-1].ID
		}
		return withTests(ctx, tx, rows)
	})
	if err != nil {
		return page, fmt.Errorf("list recovery points: %w", err)
	}
	return page, nil
}

func listPoints(ctx context.Context, tx db.Tx, p sqlcgen.ListPointsParams, f *sqlcgen.FilterPointsParams) (
	[]sqlcgen.RecoveryPoint, error) {
	if f == nil {
		return tx.ListPoints(ctx, p)
	}
	if err := tx.PlanForValues(ctx); err != nil {
		return nil, err
	}
	what := *f
	what.Platform, what.Before, what.Most = p.Platform, p.Before, p.Most
	return tx.FilterPoints(ctx, what)
}

// withTests turns rows into points, each with its newest test.
func withTests(ctx context.Context, tx db.Tx, rows []sqlcgen.RecoveryPoint) ([]Point, error) {
	points := make([]Point, len(rows))
	for i, r := range rows {
		var err error
		if points[i], err = pointOf(r); err != nil {
			return nil, err
		}
	}
	return points, fillTests(ctx, tx, points)
}

// fillTests fills in the latest test of each point.
func fillTests(ctx context.Context, tx db.Tx, points []Point) error {
	ids := make([]string, len(points))
	for i, p := range points {
		ids[i] = p.ID
	}
	tests, err := tx.ListLastTests(ctx, ids)
	if err != nil {
		return err
	}
	last := map[string]PointTest{}
	for _, t := range tests {
		last[t.PointID] = testOf(t)
	}
	for i, id := range ids {
		if t, ok := last[id]; ok {
			points[i].LastTest = &t
		}
	}
	return nil
}

// GetPoint opens a recovery point. It returns what the console knows, and the tables from the manifest, read at the
// best provider. When no provider can show the manifest, Missing says why and the rest is there. The id "latest"
// means the newest point.
func (c *Console) GetPoint(ctx context.Context, actor keepsake.Actor, id string) (d PointDetail, err error) {
	defer func() { err = c.recordRefusedLook(ctx, actor, audit.PointRead, id, err) }()
	if err = mayAct(actor, keepsake.MayRead); err != nil {
		return d, err
	}
	p, id, err := c.pointID(ctx, actor, id)
	if err != nil {
		return d, err
	}
	var speed float64 // bytes a second
	points, err := c.inPoints(ctx, actor, "", func(tx db.Tx) ([]Point, error) {
		row, err := tx.GetPoint(ctx, sqlcgen.GetPointParams{ID: id, Platform: p.Name})
		if err != nil {
			return nil, err
		}
		tests, err := tx.ListTests(ctx, id)
		if err != nil {
			return nil, err
		}
		for _, t := range tests {
			d.Tests = append(d.Tests, testOf(t))
		}
		if speed, err = tx.GetRestoreSpeed(ctx, p.Name); err != nil && !db.IsNoRows(err) {
			return nil, err
		}
		return withTests(ctx, tx, []sqlcgen.RecoveryPoint{row})
	})
	if db.IsNoRows(err) {
		return d, keepsake.Errorf(keepsake.CodeNotFound, "There is no such recovery point.")
	}
	if err != nil {
		return d, fmt.Errorf("read recovery point %s: %w", id, err)
	}
	if d.Point = points[0]; speed > 0 {
		d.RestoreSeconds = float64(d.Point.BytesRead) / speed
	}
	if !d.Point.Suspect() {
		if d.Passed, err = c.suspectsOf(ctx, p, actor, id); err != nil {
			return d, err
		}
	}
	if actor.Organization != "" {
		d.Missing = hiddenDetail
		return d, nil
	}
	asking, cancel := context.WithTimeout(ctx, detailTime)
	defer cancel()
	detail, err := p.Engine.Point(asking, id)
	if err != nil {
		c.log.WarnContext(ctx, "a recovery point could not be opened", "point", id, "err", err)
		d.Missing = "No provider could show what is in it." + words(err)
		return d, nil
	}
	d.Detail = &detail
	return d, nil
}
