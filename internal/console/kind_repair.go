package console

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/operation"
)

// StartRepair enqueues a repair of every recovery point, which copies what a provider lacks from one that has it. The
// repair reads every byte where something may be bad in a way that names and sizes do not show: a copy of a point, or
// what the last verification that read everything found.
func (c *Console) StartRepair(ctx context.Context, actor keepsake.Actor) (Operation, error) {
	var row sqlcgen.InsertOperationParams
	p, err := c.platformOf(actor)
	if err == nil {
		row = newOperation(actor, p, KindRepair)
		err = mayActOnPlatform(actor, keepsake.MayBackup)
	}
	if err == nil {
		err = c.db.InTx(ctx, actor, func(tx db.Tx) (err error) {
			row.Deep, err = tx.NeedsDeepRepair(ctx, p.Name)
			return err
		})
	}
	detail := map[string]any{"deep": row.Deep}
	if err != nil {
		return Operation{}, c.recordRefused(ctx, actor, audit.RepairStart, "", detail, err)
	}
	return c.enqueue(ctx, actor, audit.RepairStart, detail, row)
}

// endRepair stores what the points have now at each provider, and of one that could not be asked what was known before.
// A repair that looked at names and sizes heals nothing that only reading finds.
func endRepair(ctx context.Context, tx db.Tx, row operation.Operation, r engine.RepairResult) error {
	var ids []string
	for id := range r.Copies {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	known, err := lockCopies(ctx, tx, row.Platform, ids)
	if err != nil {
		return err
	}
	for _, k := range known {
		var before []keepsake.Copy
		if err := json.Unmarshal(k.Copies, &before); err != nil {
			return fmt.Errorf("decode the copies of recovery point %s: %w", k.ID, err)
		}
		asked := func(provider string) bool { return !slices.Contains(r.Away[k.ID], provider) }
		now := mergeCopies(before, r.Copies[k.ID], asked)
		if k.ReadFailed && !row.Deep {
			now = keepBad(before, now)
		}
		if err := setCopies(ctx, tx, k.ID, now); err != nil {
			return err
		}
	}
	if err := tx.SetProviderPoints(ctx, row.Platform); err != nil || len(ids) == 0 {
		return err
	}
	return seeProviders(ctx, tx, row.Platform, "the last repair", r.Copies[ids[len(ids)-1]])
}

// SaveEndedRepair stores what a repair of the command line has left at each provider, of the points that this console
// knows.
func SaveEndedRepair(ctx context.Context, tx db.Tx, platform string, deep bool, r engine.RepairResult) error {
	return endRepair(ctx, tx, operation.Operation{Platform: platform, Deep: deep}, r)
}

// repairs is the kind of operation that copies what a provider lacks from one that has it.
type repairs struct{ c *Console }

func (repairs) About() operation.About {
	return operation.About{
		Name:       KindRepair,
		Queue:      operation.QueueDefault,
		Permission: keepsake.MayBackup,
		Cancelled:  "Cancelled. What was copied stays.",
	}
}

func (k repairs) Run(ctx context.Context, row operation.Operation, r report.Reporter) (operation.Report, error) {
	p, err := k.c.platformNamed(row.Platform)
	if err != nil {
		return operation.Report{}, err
	}
	result, err := p.Engine.Repair(ctx, engine.VerifyInput{Point: row.PointID, Deep: row.Deep}, r)
	if err != nil {
		return operation.Report{}, err
	}
	ok := len(result.Remaining) == 0
	out := operation.Report{
		Result: result,
		Row:    sqlcgen.FinishOperationParams{BytesDone: result.Bytes, Seconds: result.Seconds, Ok: &ok},
	}
	if !ok {
		out.Level, out.Left = "warn", strings.TrimSpace("Done, but not everything could be repaired. "+result.Left())
	}
	out.Done = func(ctx context.Context, tx db.Tx, ended operation.Operation) error {
		return endRepair(ctx, tx, ended, result)
	}
	return out, nil
}

// Stopped has nothing to write: what was looked at stands as it stood.
func (repairs) Stopped(context.Context, db.Tx, operation.Operation) error { return nil }

func (repairs) Describe(operation.Operation, *audit.Entry) {}

func (repairs) resultOf(o *Operation) any {
	o.Repair = &engine.RepairResult{}
	return o.Repair
}
