package console

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/progress"
)

// finish writes down how an operation ended, with everything that follows from it, in one transaction that only the holder
// of the fence can commit.
func (c *Console) finish(ctx context.Context, row sqlcgen.BackupOperation, out outcome) error {
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
		switch {
		case out.cancelled:
			return c.endCancelled(ctx, tx, ended)
		case out.err != nil:
			err = endFailed(ctx, tx, ended)
		case out.backup != nil:
			err = endBackup(ctx, tx, ended, *out.backup, out.point)
		case out.verify != nil:
			err = endVerify(ctx, tx, ended, *out.verify)
		case out.repair != nil:
			err = endRepair(ctx, tx, ended, *out.repair)
		case out.restore != nil:
			err = endRestore(ctx, tx, ended, *out.restore)
		case out.scoped != nil:
			err = insertRecoveryEvent(ctx, tx, ended, &out.scoped.Seconds, nil)
		}
		if err != nil {
			return err
		}
		level, words := lastWords(ended)
		if out.restore != nil && len(out.restore.Exceptions) > 0 {
			words = out.restore.Message
		}
		if err := c.say(ctx, tx, ended, level, words); err != nil {
			return err
		}
		return auditEnd(ctx, tx, ended)
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

func finishParams(row sqlcgen.BackupOperation, out outcome) (sqlcgen.FinishOperationParams, error) {
	p := sqlcgen.FinishOperationParams{ID: row.ID, Fence: row.Fence, State: string(StateDone)}
	ok := true
	var result any
	switch {
	case out.cancelled:
		p.State = string(StateCancelled)
		return p, nil
	case out.err != nil:
		return failParams(row, out.err), nil
	case out.backup != nil:
		r := *out.backup
		result, p.PointID, p.RowsDone, p.BytesDone, p.Seconds, p.Protected, p.Lacks = r, r.Point, r.Rows, r.BytesRead, r.Seconds, &r.Protected, r.Lacks
	case out.verify != nil:
		r := *out.verify
		result, ok, p.BytesDone, p.Seconds = r, r.OK, r.Bytes, r.Seconds
	case out.repair != nil:
		r := *out.repair
		result, ok, p.BytesDone, p.Seconds = r, len(r.Remaining) == 0, r.Bytes, r.Seconds
	case out.restore != nil:
		r := *out.restore
		result, ok, p.PointID, p.RowsDone, p.BytesDone, p.Seconds = r, r.Outcome == engine.OutcomeRestored, r.Point, r.Rows, r.Bytes, r.Seconds
	case out.scoped != nil:
		r := *out.scoped
		result, p.PointID, p.RowsDone, p.Seconds = r, r.Point, r.Applied.Inserted+r.Applied.Updated+r.Applied.Deleted, r.Seconds
	}
	p.Ok = &ok
	var err error
	if p.Result, err = json.Marshal(result); err != nil {
		return p, fmt.Errorf("encode the report: %w", err)
	}
	p.Result = progress.CleanJSON(p.Result)
	return p, nil
}

func failParams(row sqlcgen.BackupOperation, err error) sqlcgen.FinishOperationParams {
	code := string(keepsake.CodeOf(err))
	message := progress.Clean(keepsake.MessageOf(err))
	return sqlcgen.FinishOperationParams{ID: row.ID, Fence: row.Fence, State: string(StateFailed), ErrorCode: &code, ErrorMessage: &message}
}

// lastWords closes an operation's log.
func lastWords(row sqlcgen.BackupOperation) (level, words string) {
	switch {
	case row.ErrorMessage != nil:
		return "error", *row.ErrorMessage
	case row.Protected != nil && !*row.Protected:
		return "warn", "Done, but not protected: " + row.Lacks + "."
	case row.Ok != nil && !*row.Ok && Kind(row.Kind) == KindRepair:
		return "warn", strings.TrimSpace("Done, but not everything could be repaired. " + leftBy(row))
	case row.Ok != nil && !*row.Ok && Kind(row.Kind) == KindVerify:
		return "warn", "Done. Not everything is as it should be; the findings say what."
	case row.Ok != nil && !*row.Ok:
		return "error", "Done, but the new database could not be shown to equal the recovery point."
	}
	return "info", "Done."
}

// leftBy says what a repair could not do.
func leftBy(row sqlcgen.BackupOperation) string {
	var r engine.RepairResult
	if json.Unmarshal(row.Result, &r) != nil {
		return "The report names the rest."
	}
	return r.Left()
}

// endBackup stores the new recovery point.
func endBackup(ctx context.Context, tx db.Tx, row sqlcgen.BackupOperation, r engine.BackupResult, manifest *engine.Point) error {
	p := engine.Point{ID: r.Point, Time: r.Time, Type: r.Type, Note: row.Note, Tables: r.Tables, Rows: r.Rows, BytesRead: r.BytesRead,
		BytesStored: r.BytesStored, BytesNew: r.BytesNew, Chunks: r.ChunksTotal, ChunksNew: r.ChunksNew, Seconds: r.Seconds}
	if err := json.Unmarshal(row.Labels, &p.Labels); err != nil {
		return fmt.Errorf("decode the labels: %w", err)
	}
	if err := json.Unmarshal(row.Weddings, &p.Weddings); err != nil {
		return fmt.Errorf("decode the weddings: %w", err)
	}
	if manifest != nil {
		p = *manifest // the manifest is the truth about everything but the copies, which the backup has just confirmed
	}
	p.Copies, p.Protected, p.Lacks = r.Copies, r.Protected, r.Lacks
	point, err := pointRow(p, row.ID)
	if err != nil {
		return err
	}
	if err := tx.UpsertPoint(ctx, point); err != nil {
		return fmt.Errorf("store the recovery point: %w", err)
	}
	if err := tx.SetProviderPoints(ctx); err != nil {
		return err
	}
	return seeProviders(ctx, tx, backupOf(r.Time), r.Copies)
}

// endVerify stores what the verification proved, or disproved, of each point.
func endVerify(ctx context.Context, tx db.Tx, row sqlcgen.BackupOperation, r engine.VerifyResult) error {
	silent := map[string]bool{} // providers that could not be asked: they prove nothing either way
	for _, f := range r.Findings {
		if before, seen := silent[f.Provider]; !seen || before {
			silent[f.Provider] = !f.Damage
		}
	}
	kind := "verify"
	if row.Deep {
		kind = "deep_verify"
	}
	ids := slices.Sorted(maps.Keys(r.Copies))
	known, err := lockCopies(ctx, tx, ids)
	if err != nil {
		return err
	}
	for _, k := range known {
		var before []keepsake.Copy
		if err := json.Unmarshal(k.Copies, &before); err != nil {
			return fmt.Errorf("decode the copies of recovery point %s: %w", k.ID, err)
		}
		now := r.Copies[k.ID]
		problems := 0
		for _, cp := range now {
			if !cp.Confirmed {
				problems++
			}
		}
		merged := mergeCopies(before, now, func(name string) bool { return !silent[name] })
		if k.ReadFailed && !row.Deep {
			merged = keepBad(before, merged)
		}
		if err := setCopies(ctx, tx, k.ID, merged); err != nil {
			return err
		}
		if err := insertTest(ctx, tx, row, k.ID, kind, problems, r.Seconds); err != nil {
			return err
		}
		if proof, found := r.Proofs[k.ID]; found && !anySilent(silent) {
			if err := setProof(ctx, tx, k.ID, proof); err != nil {
				return err
			}
		}
	}
	return tx.SetProviderPoints(ctx)
}

// anySilent reports whether a provider could not be asked: what is proven then is not the whole truth.
func anySilent(silent map[string]bool) bool {
	for _, is := range silent {
		if is {
			return true
		}
	}
	return false
}

// setProof stores what a verification found of a point.
func setProof(ctx context.Context, tx db.Tx, point string, proof engine.PointProof) error {
	encoded, err := json.Marshal(proof)
	if err != nil {
		return fmt.Errorf("encode what was found of recovery point %s: %w", point, err)
	}
	return tx.SetPointProof(ctx, sqlcgen.SetPointProofParams{ID: point, DataCompleteness: progress.CleanJSON(encoded), IntegrityScore: proof.Score()})
}

func insertTest(ctx context.Context, tx db.Tx, row sqlcgen.BackupOperation, point, kind string, findings int, seconds float64) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("make a test id: %w", err)
	}
	return tx.InsertTest(ctx, sqlcgen.InsertTestParams{ID: id.String(), PointID: point, OperationID: &row.ID, Kind: kind, Ok: findings == 0, Findings: int32(findings), Seconds: seconds})
}

// endRestore counts a restore that compared everything as the best proof a point can have. Bad copies that it met on the way
// are not confirmed any more.
func endRestore(ctx context.Context, tx db.Tx, row sqlcgen.BackupOperation, r engine.RestoreResult) error {
	bad := map[string]string{}
	for _, f := range r.Damaged {
		if f.Damage {
			bad[f.Provider] = f.Problem
		}
	}
	known, err := lockCopies(ctx, tx, []string{r.Point})
	if err != nil {
		return err
	}
	for _, k := range known {
		var copies []keepsake.Copy
		if err := json.Unmarshal(k.Copies, &copies); err != nil {
			return fmt.Errorf("decode the copies of recovery point %s: %w", k.ID, err)
		}
		for i, cp := range copies {
			if problem, found := bad[cp.Provider]; found {
				copies[i].Confirmed, copies[i].Error = false, problem
			}
		}
		if err := setCopies(ctx, tx, k.ID, copies); err != nil {
			return err
		}
	}
	findings := len(r.Damaged)
	if !r.Verified {
		findings = max(findings, 1)
	}
	if err := insertTest(ctx, tx, row, r.Point, "restore", findings, r.Seconds); err != nil {
		return err
	}
	if err := tx.SetProviderPoints(ctx); err != nil {
		return fmt.Errorf("count what the providers hold: %w", err)
	}
	if !r.Verified { // what takes its time is a restore of everything
		return insertRecoveryEvent(ctx, tx, row, nil, r.TierSeconds)
	}
	return insertRecoveryEvent(ctx, tx, row, &r.Seconds, r.TierSeconds)
}

// lockCopies reads what is known of the points' copies; nobody else changes it until the transaction ends.
func lockCopies(ctx context.Context, tx db.Tx, points []string) ([]sqlcgen.ListPointCopiesRow, error) {
	if err := tx.LockPoints(ctx, points); err != nil {
		return nil, fmt.Errorf("lock the recovery points: %w", err)
	}
	return tx.ListPointCopies(ctx, points)
}

// setCopies stores the copies of a point and what the 3-2-1 rule says of them.
func setCopies(ctx context.Context, tx db.Tx, point string, copies []keepsake.Copy) error {
	verdict := keepsake.JudgeProtection(copies)
	encoded, err := json.Marshal(copies)
	if err != nil {
		return fmt.Errorf("encode the copies of recovery point %s: %w", point, err)
	}
	err = tx.SetPointCopies(ctx, sqlcgen.SetPointCopiesParams{ID: point, Copies: progress.CleanJSON(encoded), Protected: verdict.Protected(), Lacks: verdict.Lacks()})
	if err != nil {
		return fmt.Errorf("store the copies of recovery point %s: %w", point, err)
	}
	return nil
}

func endFailed(ctx context.Context, tx db.Tx, row sqlcgen.BackupOperation) error {
	if k := Kind(row.Kind); k == KindRestore || k == KindScoped {
		return insertRecoveryEvent(ctx, tx, row, nil, nil)
	}
	return nil
}

func (c *Console) endCancelled(ctx context.Context, tx db.Tx, row sqlcgen.BackupOperation) error {
	words := "Cancelled. What was uploaded stays and shortens the next backup."
	switch Kind(row.Kind) {
	case KindVerify:
		words = "Cancelled."
	case KindRepair:
		words = "Cancelled. What was copied stays."
	case KindRestore:
		words = "Cancelled. The new database, if it was begun, is incomplete and marked so: run the same restore again, or drop it."
		if err := insertRecoveryEvent(ctx, tx, row, nil, nil); err != nil {
			return err
		}
	case KindScoped:
		words = "Cancelled. Nothing was changed in the live platform."
		if err := insertRecoveryEvent(ctx, tx, row, nil, nil); err != nil {
			return err
		}
	}
	if err := c.say(ctx, tx, row, "warn", words); err != nil {
		return err
	}
	return auditEnd(ctx, tx, row)
}

// platformTarget is what a restore into the live platform calls its target.
const platformTarget = "platform"

// insertRecoveryEvent records an ended restore; seconds is nil unless it succeeded.
func insertRecoveryEvent(ctx context.Context, tx db.Tx, row sqlcgen.BackupOperation, seconds *float64, tiers map[string]float64) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("make an event id: %w", err)
	}
	p := sqlcgen.InsertRecoveryEventParams{ID: id.String(), OperationID: &row.ID, Organization: row.Organization, PointID: row.PointID, Target: row.Target,
		TargetDatabase: row.TargetDatabase, StartedAt: cmp.Or(deref(row.StartedAt), row.CreatedAt), FinishedAt: *row.FinishedAt, Outcome: row.State, TierSeconds: []byte("{}")}
	if Kind(row.Kind) == KindScoped {
		p.Target = platformTarget
	}
	p.RtoSeconds = seconds
	if tiers != nil {
		if p.TierSeconds, err = json.Marshal(tiers); err != nil {
			return fmt.Errorf("encode the times of the tiers: %w", err)
		}
	}
	return tx.InsertRecoveryEvent(ctx, p)
}

// auditEnd records how what was started ended.
func auditEnd(ctx context.Context, tx db.Tx, row sqlcgen.BackupOperation) error {
	e := audit.Entry{Action: row.Kind + ".end", Target: row.ID, Outcome: audit.Allowed, Detail: map[string]any{"state": row.State, "point": row.PointID, "attempt": row.Attempt}}
	if State(row.State) == StateFailed {
		e.Outcome = audit.Failed
		e.Detail["code"] = deref(row.ErrorCode)
	}
	if row.StartedAt != nil && row.FinishedAt != nil {
		e.Took = row.FinishedAt.Sub(*row.StartedAt)
	}
	if o, err := operationOf(row); err == nil {
		switch {
		case o.Scope != nil:
			e.Wedding = o.Scope.Wedding
		case len(o.Weddings) == 1:
			e.Wedding = o.Weddings[0].Wedding
		}
		if o.Restore != nil {
			e.Detail["outcome"], e.Detail["exceptions"], e.Detail["verified"] = o.Restore.Outcome, len(o.Restore.Exceptions), o.Restore.Verified
		}
	}
	actor := keepsake.System("worker")
	actor.Organization = deref(row.Organization)
	return audit.Record(ctx, tx, actor, e)
}
