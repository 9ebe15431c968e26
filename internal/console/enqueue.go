package console

import (
	"context"

	"github.com/google/uuid"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// newOperation is an operation of a platform. One that could not be found is none: err says so.
func newOperation(actor keepsake.Actor, p *platform, kind Kind) sqlcgen.InsertOperationParams {
	id, err := uuid.NewV7()
	if err != nil {
		panic(err) // the system's random source is documented never to fail
	}
	return sqlcgen.InsertOperationParams{
		ID:            id.String(),
		Kind:          string(kind),
		Platform:      p.Name,
		Labels:        []byte("{}"),
		Weddings:      []byte("[]"),
		Slots:         aboutKind(kind).SlotNames(),
		State:         string(StateQueued),
		Organization:  orNil(actor.Organization),
		RequestedBy:   actor.ID,
		RequestedName: actor.Name,
	}
}

// enqueue writes operation, job and audit row in one transaction. That the actor may has been judged before.
func (c *Console) enqueue(ctx context.Context, actor keepsake.Actor, action audit.Action, detail map[string]any,
	row sqlcgen.InsertOperationParams) (Operation, error) {
	return c.enqueueJudged(ctx, actor, action, detail, row, nil)
}

// enqueueJudged is enqueue for what another super admin may have to approve first.
func (c *Console) enqueueJudged(ctx context.Context, actor keepsake.Actor, action audit.Action, detail map[string]any,
	row sqlcgen.InsertOperationParams, judge mayBeAlone) (Operation, error) {
	var o Operation
	err := c.mustStay(ctx, row) // before the transaction, which has a connection of its own
	err = c.attemptJudged(ctx, actor, err, action, row.ID, detail, func(tx db.Tx) (string, error) {
		quota, err := c.useLimit(ctx, tx, actor, row)
		if err != nil {
			return row.ID, err
		}
		because := ""
		if judge != nil {
			if because, err = judge(ctx, tx); err != nil {
				return row.ID, err
			}
		}
		if because != "" {
			row.State = string(StateProposed)
		}
		if err := tx.InsertOperation(ctx, row); err != nil {
			return row.ID, aboutKind(Kind(row.Kind)).Refusal(err)
		}
		if because != "" {
			err = c.runner.Propose(ctx, tx, actor, row.ID, because)
		} else {
			err = c.runner.Enqueue(ctx, tx, row.ID, Kind(row.Kind))
		}
		if err != nil {
			return row.ID, err
		}
		if err := startFor(ctx, tx, actor, row.ID); err != nil {
			return row.ID, err
		}
		inserted, err := tx.GetOperation(ctx, row.ID)
		if err != nil {
			return row.ID, err
		}
		o, err = operationOf(inserted)
		o.Quota = quota
		return row.ID, err
	})
	return o, err
}

// pointID returns the id of a point that the console knows, and its platform; "latest" is the newest of the platform
// that the actor means.
func (c *Console) pointID(ctx context.Context, actor keepsake.Actor, id string) (*platform, string, error) {
	if !plain(id) {
		return nil, "", keepsake.Errorf(keepsake.CodeNotFound, "There is no such recovery point.")
	}
	meant, err := c.platformOf(actor)
	if err != nil {
		return nil, "", err
	}
	var found sqlcgen.RecoveryPoint
	look := func() error {
		return c.db.InTx(ctx, pointReader(actor), func(tx db.Tx) (err error) {
			if id == "latest" {
				found, err = latest(ctx, tx, meant.Name)
			} else {
				found, err = tx.GetPoint(ctx, sqlcgen.GetPointParams{ID: id, Platform: actor.Platform})
			}
			return err
		})
	}
	err = look()
	if db.IsNoRows(err) { // perhaps the command line has just made it
		if failed := c.noticePoints(ctx); failed != nil {
			c.log.WarnContext(ctx, "could not look for recovery points that others made", "err", failed)
		}
		err = look()
	}
	if db.IsNoRows(err) {
		return nil, "", keepsake.Errorf(keepsake.CodeNotFound,
			"There is no such recovery point. If the command line made it, it appears here within minutes, or retention has "+
				"removed it.")
	}
	if err != nil {
		return nil, "", err
	}
	p, err := c.platformNamed(found.Platform)
	return p, found.ID, err
}
