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

const (
	// ApproveWithin is how long a restore waits to be approved: one that was forgotten must not begin the next day.
	ApproveWithin = 4 * time.Hour
	// expireEvery is between two looks for those that waited too long.
	expireEvery = time.Minute
)

// propose says in the trail and in the operation's log that somebody else decides.
func (c *Console) propose(ctx context.Context, tx db.Tx, actor keepsake.Actor, id, because string) error {
	entry := audit.Entry{Action: "approval.ask", Target: id, Outcome: audit.Allowed, Detail: map[string]any{"because": because}}
	if err := audit.Record(ctx, tx, actor, entry); err != nil {
		return err
	}
	row, err := tx.GetOperation(ctx, id)
	if err != nil {
		return fmt.Errorf("read operation %s: %w", id, err)
	}
	if row.LastEventID, err = tx.NextEventID(ctx, id); err != nil {
		return fmt.Errorf("take an event of operation %s: %w", id, err)
	}
	return c.say(ctx, tx, row, "info", fmt.Sprintf("%s asks for it. Another super admin has %s to approve it, because %s.", actor.Name, hours(ApproveWithin), because))
}

// ApproveOperation starts a restore that another super admin has asked for. One's own is CodeForbidden; one that does not wait for
// anybody is CodeConflict.
func (c *Console) ApproveOperation(ctx context.Context, actor keepsake.Actor, id string) error {
	id, err := operationID(id)
	if err == nil {
		err = mayActOnPlatform(actor, keepsake.MayRestore)
	}
	if err == nil {
		err = c.mustBeProven(actor)
	}
	detail := map[string]any{}
	return c.attemptJudged(ctx, actor, err, "approval.give", id, detail, func(tx db.Tx) (string, error) {
		row, err := tx.ApproveOperation(ctx, sqlcgen.ApproveOperationParams{ID: id, Actor: actor.ID, Name: actor.Name, WithinSeconds: ApproveWithin.Seconds()})
		if db.IsNoRows(err) {
			return id, whyNotApprove(ctx, tx, actor, id)
		}
		if err != nil {
			return id, fmt.Errorf("approve operation %s: %w", id, err)
		}
		detail["asked_by"], detail["point"] = row.RequestedName, row.PointID
		if err := c.insertJob(ctx, tx, row.ID, Kind(row.Kind)); err != nil {
			return id, err
		}
		return id, c.say(ctx, tx, row, "info", actor.Name+" approved it.")
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
		return keepsake.Errorf(keepsake.CodeConflict, "It does not wait for anybody's approval (%s). Nothing was changed.", row.State)
	case row.RequestedBy == actor.ID || row.RequestedName == actor.Name:
		return keepsake.Errorf(keepsake.CodeForbidden, "You asked for this restore yourself: another super admin has to approve it. Nothing was started.")
	}
	return keepsake.Errorf(keepsake.CodeConflict, "It has waited for more than %s, so it does not start any more. Ask for it again.", hours(ApproveWithin))
}

// expireProposals ends restores that nobody has approved in time.
func (c *Console) expireProposals(ctx context.Context) error {
	system := keepsake.System("approvals")
	return c.db.InTx(ctx, system, func(tx db.Tx) error {
		rows, err := tx.ExpireProposals(ctx, sqlcgen.ExpireProposalsParams{By: system.Name, WithinSeconds: ApproveWithin.Seconds()})
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := audit.Record(ctx, tx, system, audit.Entry{Action: "approval.expire", Target: row.ID, Outcome: audit.Allowed, Detail: map[string]any{"asked_by": row.RequestedName}}); err != nil {
				return err
			}
			if err := c.say(ctx, tx, row, "warn", fmt.Sprintf("Nobody approved it within %s. Nothing was started.", hours(ApproveWithin))); err != nil {
				return err
			}
		}
		return nil
	})
}
