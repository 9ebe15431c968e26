package console

import (
	"context"
	"fmt"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/operation"
)

// ApproveWithin is how long a restore waits to be approved.
const ApproveWithin = operation.ApproveWithin

// ApproveOperation starts a restore that another super admin asked for. It returns CodeForbidden for the actor's own
// request, and CodeConflict for an operation that waits for no approval.
func (c *Console) ApproveOperation(ctx context.Context, actor keepsake.Actor, id string) error {
	id, err := operationID(id)
	if err == nil {
		err = mayActOnPlatform(actor, keepsake.MayRestore)
	}
	if err == nil {
		err = c.mustBeProven(actor)
	}
	detail := map[string]any{}
	return c.attemptJudged(ctx, actor, err, audit.ApprovalGive, id, detail, func(tx db.Tx) (string, error) {
		row, err := c.runner.Approve(ctx, tx, actor, id)
		if db.IsNoRows(err) {
			return id, whyNotApprove(ctx, tx, actor, id)
		}
		detail["asked_by"], detail["point"] = row.RequestedName, row.PointID
		return id, err
	})
}

func whyNotApprove(ctx context.Context, tx db.Tx, actor keepsake.Actor, id string) error {
	row, err := tx.GetOperation(ctx, id)
	switch {
	case db.IsNoRows(err):
		return keepsake.Errorf(keepsake.CodeNotFound, "There is no operation %s.", id)
	case err != nil:
		return fmt.Errorf("read operation %s: %w", id, err)
	case State(row.State) != StateProposed:
		return keepsake.Errorf(keepsake.CodeConflict,
			"It does not wait for anybody's approval (%s). Nothing was changed.", row.State)
	case row.RequestedBy == actor.ID || row.RequestedName == actor.Name:
		return keepsake.Errorf(keepsake.CodeForbidden,
			"You asked for this restore yourself: another super admin has to approve it. Nothing was started.")
	}
	return keepsake.Errorf(keepsake.CodeConflict,
		"It has waited for more than %s, so it does not start any more. Ask for it again.", hours(ApproveWithin))
}
