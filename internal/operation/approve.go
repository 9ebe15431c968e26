package operation

import (
	"context"
	"fmt"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// ApproveWithin is how long an operation may wait for approval. A forgotten one must not begin the next day. The
// constant within says the same in words.
const (
	ApproveWithin = 4 * time.Hour
	within        = "4 hours"
)

// Propose records that the operation waits for another actor's approval, in the trail and in the operation's log.
// because follows the word "because". It writes in the caller's transaction.
func (r *Runner) Propose(ctx context.Context, tx db.Tx, actor keepsake.Actor, id, because string) error {
	entry := audit.Entry{
		Action:  audit.ApprovalAsk,
		Target:  id,
		Outcome: audit.Allowed,
		Detail:  map[string]any{"because": because},
	}
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
	return r.Say(ctx, tx, row, "info", fmt.Sprintf("%s asks for it. Another super admin has %s to approve it, because %s.",
		actor.Name, within, because))
}

// Approve puts an operation that another actor asked for into the queue, in the caller's transaction. It returns an
// error that db.IsNoRows knows when the operation does not wait for this actor's approval, or has waited longer than
// ApproveWithin.
func (r *Runner) Approve(ctx context.Context, tx db.Tx, actor keepsake.Actor, id string) (Operation, error) {
	was, err := tx.GetOperation(ctx, id)
	if err != nil {
		return was, err
	}
	row, err := tx.ApproveOperation(ctx, sqlcgen.ApproveOperationParams{
		ID:            id,
		Actor:         actor.ID,
		Name:          actor.Name,
		WithinSeconds: ApproveWithin.Seconds(),
	})
	if db.IsNoRows(err) {
		return row, err
	}
	if k := r.kind(Name(was.Kind)); k != nil && db.TakenSlot(err) != "" {
		return row, k.About().Refusal(err)
	}
	if err != nil {
		return row, fmt.Errorf("approve operation %s: %w", id, err)
	}
	if err := r.Enqueue(ctx, tx, row.ID, Name(row.Kind)); err != nil {
		return row, err
	}
	return row, r.Say(ctx, tx, row, "info", actor.Name+" approved it.")
}

// ExpireProposals ends operations that nobody has approved in time.
func (r *Runner) ExpireProposals(ctx context.Context) error {
	system := keepsake.System("approvals")
	return r.db.InTx(ctx, system, func(tx db.Tx) error {
		rows, err := tx.ExpireProposals(ctx, sqlcgen.ExpireProposalsParams{
			By: system.Name, WithinSeconds: ApproveWithin.Seconds()})
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := audit.Record(ctx, tx, system,
				audit.Entry{
					Action:  audit.ApprovalExpire,
					Target:  row.ID,
					Outcome: audit.Allowed,
					Detail:  map[string]any{"asked_by": row.RequestedName},
				}); err != nil {
				return err
			}
			if err := r.Say(ctx, tx, row, "warn", fmt.Sprintf("Nobody approved it within %s. Nothing was started.",
				within)); err != nil {
				return err
			}
		}
		return nil
	})
}
