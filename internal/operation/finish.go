package operation

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/progress"
)

// finish writes down how an operation ended, with everything that follows from it, in one transaction that only the
// holder of the fence can commit.
func (r *Runner) finish(ctx context.Context, row Operation, out outcome) error {
	p, err := finishParams(row, out)
	if err != nil {
		p = failParams(row, err)
		out = outcome{err: err}
	}
	if out.err != nil && !out.cancelled {
		r.log.ErrorContext(ctx, "an operation failed", "operation",
			row.ID, "kind", row.Kind, "err", keepsake.CauseOf(out.err))
	}
	return r.ending(ctx, func(ctx context.Context, tx db.Tx) error {
		ended, err := tx.FinishOperation(ctx, p)
		if err != nil {
			return err
		}
		level, words := "info", "Done."
		switch {
		case out.cancelled:
			return r.endCancelled(ctx, tx, ended, "")
		case out.err != nil:
			level, words = "error", deref(ended.ErrorMessage)
			err = r.Stopped(ctx, tx, ended)
		case out.report.Done != nil:
			err = out.report.Done(ctx, tx, ended)
		}
		if err != nil {
			return err
		}
		if out.err == nil && out.report.Left != "" {
			level, words = out.report.Level, out.report.Left
		}
		if err := r.Say(ctx, tx, ended, level, words); err != nil {
			return err
		}
		return r.auditEnd(ctx, tx, ended)
	})
}

func finishParams(row Operation, out outcome) (sqlcgen.FinishOperationParams, error) {
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

func failParams(row Operation, err error) sqlcgen.FinishOperationParams {
	code := string(keepsake.CodeOf(err))
	message := progress.Clean(keepsake.MessageOf(err))
	return sqlcgen.FinishOperationParams{
		ID:           row.ID,
		Fence:        row.Fence,
		State:        string(StateFailed),
		ErrorCode:    &code,
		ErrorMessage: &message,
	}
}

// Stopped writes what follows from an end without a report, in the caller's transaction. For a kind that this version
// does not know it writes nothing.
func (r *Runner) Stopped(ctx context.Context, tx db.Tx, row Operation) error {
	if k := r.kind(Name(row.Kind)); k != nil {
		return k.Stopped(ctx, tx, row)
	}
	return nil
}

// endCancelled writes what follows when an operation that had begun is cancelled. by, where the log does not say so
// already, is who did.
func (r *Runner) endCancelled(ctx context.Context, tx db.Tx, row Operation, by string) error {
	if err := r.Stopped(ctx, tx, row); err != nil {
		return err
	}
	words := "Cancelled."
	if k := r.kind(Name(row.Kind)); k != nil {
		words = k.About().Cancelled
	}
	if by != "" {
		words = "Cancelled" + by + strings.TrimPrefix(words, "Cancelled")
	}
	if err := r.Say(ctx, tx, row, "warn", words); err != nil {
		return err
	}
	return r.auditEnd(ctx, tx, row)
}

// auditEnd records how what was started ended.
func (r *Runner) auditEnd(ctx context.Context, tx db.Tx, row Operation) error {
	e := audit.Entry{
		Action:  audit.EndOf(row.Kind),
		Target:  row.ID,
		Outcome: audit.Allowed,
		Detail:  map[string]any{"state": row.State, "point": row.PointID, "attempt": row.Attempt},
	}
	if State(row.State) == StateFailed {
		e.Outcome = audit.Failed
		e.Detail["code"] = deref(row.ErrorCode)
	}
	if row.Ok != nil && !*row.Ok || row.Protected != nil && !*row.Protected {
		e.FellShort()
	}
	if row.StartedAt != nil && row.FinishedAt != nil {
		e.Took = row.FinishedAt.Sub(*row.StartedAt)
	}
	if k := r.kind(Name(row.Kind)); k != nil {
		k.Describe(row, &e)
	}
	actor := keepsake.System("worker")
	if row.Organization != nil {
		actor.Platform, actor.Organization = row.Platform, *row.Organization
	}
	return audit.Record(ctx, tx, actor, e)
}
