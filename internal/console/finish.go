package console

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/operation"
	"github.com/wedsync/keepsake/internal/progress"
)

// finish writes down how an operation ended, with everything that follows from it, in one transaction that only the holder
// of the fence can commit.
func (c *Console) finish(ctx context.Context, row operation.Operation, out outcome) error {
	p, err := finishParams(row, out)
	if err != nil {
		p = failParams(row, err)
		out = outcome{err: err}
	}
	if out.err != nil && !out.cancelled {
		c.log.ErrorContext(ctx, "an operation failed", "operation", row.ID, "kind", row.Kind, "err", cause(out.err))
	}
	return c.ending(ctx, func(ctx context.Context, tx db.Tx) error {
		ended, err := tx.FinishOperation(ctx, p)
		if err != nil {
			return err
		}
		level, words := "info", "Done."
		switch {
		case out.cancelled:
			return c.endCancelled(ctx, tx, ended)
		case out.err != nil:
			level, words = "error", deref(ended.ErrorMessage)
			err = c.stopped(ctx, tx, ended)
		case out.report.Done != nil:
			err = out.report.Done(ctx, tx, ended)
		}
		if err != nil {
			return err
		}
		if out.err == nil && out.report.Left != "" {
			level, words = out.report.Level, out.report.Left
		}
		if err := c.say(ctx, tx, ended, level, words); err != nil {
			return err
		}
		return c.auditEnd(ctx, tx, ended)
	})
}

// cause is what a log tells of an error: its sentence and what lies under it.
func cause(err error) string {
	var e *keepsake.Error
	if errors.As(err, &e) && e.Err != nil {
		return e.Message + ": " + e.Err.Error()
	}
	return err.Error()
}

func finishParams(row operation.Operation, out outcome) (sqlcgen.FinishOperationParams, error) {
	switch {
	case out.cancelled:
		return sqlcgen.FinishOperationParams{ID: row.ID, Fence: row.Fence, State: string(StateCancelled)}, nil
	case out.err != nil:
		return failParams(row, out.err), nil
	}
	p := out.report.Row
	p.ID, p.Fence, p.State = row.ID, row.Fence, string(StateDone)
	var err error
	if p.Result, err = json.Marshal(out.report.Result); err != nil {
		return p, fmt.Errorf("encode the report: %w", err)
	}
	p.Result = progress.CleanJSON(p.Result)
	return p, nil
}

func failParams(row operation.Operation, err error) sqlcgen.FinishOperationParams {
	code := string(keepsake.CodeOf(err))
	message := progress.Clean(keepsake.MessageOf(err))
	return sqlcgen.FinishOperationParams{ID: row.ID, Fence: row.Fence, State: string(StateFailed), ErrorCode: &code, ErrorMessage: &message}
}

// stopped writes what follows from an end without a report.
func (c *Console) stopped(ctx context.Context, tx db.Tx, row operation.Operation) error {
	k, err := kindNamed(c.kinds, Kind(row.Kind))
	if err != nil {
		return nil //nolint:nilerr // nobody knows what follows from it: that it ended is written all the same
	}
	return k.Stopped(ctx, tx, row)
}

func (c *Console) endCancelled(ctx context.Context, tx db.Tx, row operation.Operation) error {
	if err := c.stopped(ctx, tx, row); err != nil {
		return err
	}
	if err := c.say(ctx, tx, row, "warn", cmp.Or(aboutKind(Kind(row.Kind)).Cancelled, "Cancelled.")); err != nil {
		return err
	}
	return c.auditEnd(ctx, tx, row)
}

// auditEnd records how what was started ended.
func (c *Console) auditEnd(ctx context.Context, tx db.Tx, row operation.Operation) error {
	e := audit.Entry{Action: row.Kind + ".end", Target: row.ID, Outcome: audit.Allowed, Detail: map[string]any{"state": row.State, "point": row.PointID, "attempt": row.Attempt}}
	if State(row.State) == StateFailed {
		e.Outcome = audit.Failed
		e.Detail["code"] = deref(row.ErrorCode)
	}
	if row.StartedAt != nil && row.FinishedAt != nil {
		e.Took = row.FinishedAt.Sub(*row.StartedAt)
	}
	if k, err := kindNamed(c.kinds, Kind(row.Kind)); err == nil {
		k.Describe(row, &e)
	}
	actor := keepsake.System("worker")
	actor.Organization = deref(row.Organization)
	return audit.Record(ctx, tx, actor, e)
}
