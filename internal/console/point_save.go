package console

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// SavePointInput is what people write to a recovery point; all of it replaces what was there.
type SavePointInput struct {
	ID     string
	Note   string            // at most 500 characters
	Labels map[string]string // at most 20 of at most 64 and 200 characters
	Locked bool              // retention never removes it
}

// SavePoint changes note, labels and lock of a recovery point: first in the repository, which outlives this console, then here.
func (c *Console) SavePoint(ctx context.Context, actor keepsake.Actor, in SavePointInput) error {
	detail := audit.Change(nil, map[string]any{"note": in.Note, "labels": in.Labels, "locked": in.Locked})
	err := mayActOnPlatform(actor, keepsake.MayBackup)
	if err == nil {
		err = checkWritten(in.Note, in.Labels)
	}
	if err == nil {
		in.ID, err = c.pointID(ctx, actor, in.ID)
	}
	if err == nil {
		err = c.engine.MarkPoint(ctx, in.ID, engine.PointMark{Note: in.Note, Labels: in.Labels, Locked: in.Locked, By: actor.Name})
	}
	if err != nil {
		return c.refused(ctx, actor, "point.save", in.ID, detail, err)
	}
	if in.Labels == nil {
		in.Labels = map[string]string{}
	}
	labels, err := json.Marshal(in.Labels)
	if err != nil {
		return fmt.Errorf("encode the labels: %w", err)
	}
	return c.attempt(ctx, actor, keepsake.MayBackup, "point.save", detail, func(tx db.Tx) (string, error) {
		was, err := tx.GetPoint(ctx, in.ID)
		if err != nil {
			return in.ID, err
		}
		detail["before"] = map[string]any{"note": was.Note, "labels": json.RawMessage(was.Labels), "locked": was.Locked}
		_, err = tx.SetPointMark(ctx, sqlcgen.SetPointMarkParams{ID: in.ID, Note: in.Note, Labels: labels, Locked: in.Locked})
		return in.ID, err
	})
}
