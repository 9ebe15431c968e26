package console

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/operation"
	"github.com/wedsync/keepsake/internal/progress"
)

// StartVerify enqueues a verification of one recovery point or of all.
func (c *Console) StartVerify(ctx context.Context, actor keepsake.Actor, in StartVerifyInput) (Operation, error) {
	detail := map[string]any{"point": in.Point, "deep": in.Deep}
	p, err := c.platformOf(actor)
	if err == nil {
		err = mayActOnPlatform(actor, keepsake.MayBackup)
	}
	if err != nil {
		return Operation{}, c.recordRefused(ctx, actor, audit.VerifyStart, in.Point, detail, err)
	}
	if in.Point != "" {
		of, id, err := c.pointID(ctx, actor, in.Point)
		if err != nil {
			return Operation{}, c.recordRefused(ctx, actor, audit.VerifyStart, in.Point, detail, err)
		}
		p, in.Point = of, id
	}
	row := newOperation(actor, p, KindVerify)
	row.PointID, row.Deep = in.Point, in.Deep
	return c.enqueue(ctx, actor, audit.VerifyStart, detail, row)
}

// endVerify stores what the verification proved, or disproved, of each point.
func endVerify(ctx context.Context, tx db.Tx, row operation.Operation, r engine.VerifyResult) error {
	silent := map[string]bool{} // providers that could not be asked: they prove nothing either way
	for _, f := range r.Findings {
		if before, seen := silent[f.Provider]; !seen || before {
			silent[f.Provider] = f.Away
		}
	}
	kind := "verify"
	if row.Deep {
		kind = "deep_verify"
	}
	ids := slices.Sorted(maps.Keys(r.Copies))
	known, err := lockCopies(ctx, tx, row.Platform, ids)
	if err != nil {
		return err
	}
	for _, k := range known {
		proof, proven := r.Proofs[k.ID]
		wasAway := func(name string) bool { return silent[name] || slices.Contains(proof.Away, name) }
		var before []keepsake.Copy
		if err := json.Unmarshal(k.Copies, &before); err != nil {
			return fmt.Errorf("decode the copies of recovery point %s: %w", k.ID, err)
		}
		now := r.Copies[k.ID]
		found := outcome{}
		for _, cp := range now {
			switch {
			case !cp.Confirmed && wasAway(cp.Provider):
				found.away = append(found.away, cp.Provider)
				continue
			case !cp.Confirmed:
				found.problems++
			}
			found.asked = append(found.asked, cp.Provider)
		}
		merged := mergeCopies(before, now, func(name string) bool { return !wasAway(name) })
		if k.ReadFailed && !row.Deep {
			merged = keepBad(before, merged)
		}
		if err := setCopies(ctx, tx, k.ID, merged); err != nil {
			return err
		}
		if err := insertTest(ctx, tx, row, k.ID, kind, found, r.Seconds); err != nil {
			return err
		}
		if proven && len(found.away) == 0 { // or it would not be the whole truth
			if err := setProof(ctx, tx, k.ID, proof); err != nil {
				return err
			}
		}
	}
	return tx.SetProviderPoints(ctx, row.Platform)
}

// setProof stores what a verification found of a point.
func setProof(ctx context.Context, tx db.Tx, point string, proof engine.PointProof) error {
	encoded, err := json.Marshal(proof)
	if err != nil {
		return fmt.Errorf("encode what was found of recovery point %s: %w", point, err)
	}
	return tx.SetPointProof(ctx, sqlcgen.SetPointProofParams{
		ID:               point,
		DataCompleteness: progress.CleanJSON(encoded),
		IntegrityScore:   proof.Score(),
	})
}

// verifications is the kind of operation that proves recovery points, or finds what is wrong with them.
type verifications struct{ c *Console }

func (verifications) About() operation.About {
	return operation.About{
		Name:       KindVerify,
		Queue:      operation.QueueDefault,
		Permission: keepsake.MayBackup,
		Cancelled:  "Cancelled.",
	}
}

func (k verifications) Run(ctx context.Context, row operation.Operation, r report.Reporter) (operation.Report, error) {
	p, err := k.c.platformNamed(row.Platform)
	if err != nil {
		return operation.Report{}, err
	}
	result, err := p.Engine.Verify(ctx, engine.VerifyInput{Point: row.PointID, Deep: row.Deep}, r)
	if err != nil {
		return operation.Report{}, err
	}
	ok := result.OK
	out := operation.Report{
		Result: result,
		Row:    sqlcgen.FinishOperationParams{BytesDone: result.Bytes, Seconds: result.Seconds, Ok: &ok},
	}
	if !ok {
		out.Level, out.Left = "warn", "Done. Not everything is as it should be; the findings say what."
	}
	out.Done = func(ctx context.Context, tx db.Tx, ended operation.Operation) error {
		return endVerify(ctx, tx, ended, result)
	}
	return out, nil
}

// Stopped has nothing to write: what was looked at stands as it stood.
func (verifications) Stopped(context.Context, db.Tx, operation.Operation) error { return nil }

func (verifications) Describe(operation.Operation, *audit.Entry) {}

func (verifications) resultOf(o *Operation) any {
	o.Verify = &engine.VerifyResult{}
	return o.Verify
}
