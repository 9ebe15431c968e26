package console

import (
	"context"
	"fmt"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// detailTime bounds reading a manifest for a page.
const detailTime = 20 * time.Second

// ListPoints returns a page of recovery points, newest first.
func (c *Console) ListPoints(ctx context.Context, actor keepsake.Actor, in PointsInput) (PointPage, error) {
	if !plain(in.Cursor) {
		return PointPage{}, keepsake.Errorf(keepsake.CodeInvalid, "this page of the list does not exist: begin with the first")
	}
	limit := limitOf(in.Limit)
	var page PointPage
	err := c.db.InTx(ctx, actor, func(tx db.Tx) error {
		rows, err := tx.ListPoints(ctx, sqlcgen.ListPointsParams{BackupType: string(in.Type), Before: in.Cursor, Most: int32(limit + 1)})
		if err != nil {
			return err
		}
		if len(rows) > limit {
			rows = rows[:limit]
			page.Next = rows[limit-1].ID
		}
		page.Points, err = withTests(ctx, tx, rows)
		return err
	})
	if err != nil {
		return page, fmt.Errorf("list recovery points: %w", err)
	}
	return page, nil
}

// withTests turns rows into points, each with its newest test.
func withTests(ctx context.Context, tx db.Tx, rows []sqlcgen.RecoveryPoint) ([]Point, error) {
	points := make([]Point, len(rows))
	ids := make([]string, len(rows))
	for i, r := range rows {
		var err error
		if points[i], err = pointOf(r); err != nil {
			return nil, err
		}
		ids[i] = r.ID
	}
	tests, err := tx.ListLastTests(ctx, ids)
	if err != nil {
		return nil, err
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
	return points, nil
}

// GetPoint opens a recovery point: what the console knows, and its tables from the manifest, read from the best provider. When
// none can show it, Missing says why and the rest is there. "latest" is the newest.
func (c *Console) GetPoint(ctx context.Context, actor keepsake.Actor, id string) (PointDetail, error) {
	var d PointDetail
	id, err := c.pointID(ctx, actor, id)
	if err != nil {
		return d, err
	}
	err = c.db.InTx(ctx, actor, func(tx db.Tx) error {
		row, err := tx.GetPoint(ctx, id)
		if err != nil {
			return err
		}
		points, err := withTests(ctx, tx, []sqlcgen.RecoveryPoint{row})
		if err != nil {
			return err
		}
		d.Point = points[0]
		tests, err := tx.ListTests(ctx, id)
		for _, t := range tests {
			d.Tests = append(d.Tests, testOf(t))
		}
		if err != nil {
			return err
		}
		speed, err := tx.GetRestoreSpeed(ctx)
		if db.IsNoRows(err) {
			return nil
		}
		if speed > 0 {
			d.RestoreSeconds = float64(d.Point.BytesRead) / speed
		}
		return err
	})
	if db.IsNoRows(err) {
		return d, keepsake.Errorf(keepsake.CodeNotFound, "There is no such recovery point.")
	}
	if err != nil {
		return d, fmt.Errorf("read recovery point %s: %w", id, err)
	}
	asking, cancel := context.WithTimeout(ctx, detailTime)
	defer cancel()
	detail, err := c.engine.Point(asking, id)
	if err != nil {
		c.log.WarnContext(ctx, "a recovery point could not be opened", "point", id, "err", err)
		d.Missing = "No provider could show what is in it." + words(err)
		return d, nil
	}
	d.Detail = &detail
	return d, nil
}
