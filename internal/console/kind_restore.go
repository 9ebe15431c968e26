package console

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/fold"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/operation"
	"github.com/wedsync/keepsake/internal/policy"
)

// targetTime bounds looking at a restore's target before anything is enqueued.
const targetTime = 10 * time.Second

// RestoreTargets returns the names of the servers that a restore of the first platform may go to. The platform's own
// server is first.
func (c *Console) RestoreTargets() []string { return c.platforms[0].targetNames() }

func (p *platform) targetNames() []string {
	names := make([]string, len(p.Targets))
	for i, t := range p.Targets {
		names[i] = t.Name
	}
	return names
}

// StartRestore enqueues a restore into a new database. The typed confirmation must be the database's name. For a
// database that is there and not empty it returns CodeConflict and enqueues nothing, unless the database holds an
// unfinished restore.
func (c *Console) StartRestore(ctx context.Context, actor keepsake.Actor, in StartRestoreInput) (Operation, error) {
	detail := map[string]any{"point": in.Point, "target": in.Target, "database": in.Database, "tiers": in.Scope.Tiers(),
		"provider": in.Provider}
	refuse := func(err error) (Operation, error) {
		return Operation{}, c.recordRefused(ctx, actor, audit.RestoreStart, in.Point, detail, err)
	}
	if err := mayActOnPlatform(actor, keepsake.MayRestore); err != nil {
		return refuse(err) // before the target is touched on their behalf
	}
	if err := c.mustBeProven(actor); err != nil {
		return refuse(err)
	}
	p, err := c.platformAt(ctx, actor, in.Point)
	if err != nil {
		return refuse(err)
	}
	target, err := c.checkRestore(ctx, p, &in)
	if err != nil {
		return refuse(err)
	}
	detail["target"] = target.Name
	p, point, err := c.pointID(ctx, actor, in.Point)
	if err != nil {
		return refuse(err)
	}
	if err := p.checkTarget(ctx, target, in.Database); err != nil {
		return refuse(err)
	}
	asked := policy.Brought{Scope: in.Scope}
	judge := c.judgeAlone(ctx, p, actor, point, &asked)
	row := newOperation(actor, p, KindRestore)
	row.PointID, row.Target, row.TargetDatabase, row.Provider = point, target.Name, in.Database, in.Provider
	suspects, err := c.suspectsOf(ctx, p, actor, point)
	if err != nil {
		return refuse(err)
	}
	row.Restore, err = json.Marshal(RestoreAsked{
		ScopedInput: ScopedInput{Scope: in.Scope},
		TargetURL:   in.TargetURL,
		Weddings:    asked.Weddings,
		Suspects:    suspects,
	})
	if err != nil {
		return refuse(fmt.Errorf("encode what is restored: %w", err))
	}
	return c.enqueueJudged(ctx, actor, audit.RestoreStart, detail, row, judge)
}

func (c *Console) checkRestore(ctx context.Context, p *platform, in *StartRestoreInput) (Target, error) {
	var none Target
	if err := in.Scope.Check(); err != nil {
		return none, err
	}
	if in.Database == "" || len(in.Database) > 63 || !plain(in.Database) {
		return none, keepsake.Errorf(keepsake.CodeInvalid, "Give the new database a name of 1 to 63 bytes.")
	}
	if !fold.SameName(in.Confirmation, in.Database) {
		return none, keepsake.Errorf(keepsake.CodeInvalid,
			"Type the name of the new database, %s, to confirm. Nothing was started.", in.Database)
	}
	if in.Provider != "" {
		providers := p.Engine.Providers()
		if !slices.ContainsFunc(providers, func(p engine.Provider) bool { return p.Name == in.Provider }) {
			return none, keepsake.Errorf(keepsake.CodeInvalid, "There is no provider %q.", in.Provider)
		}
	}
	return c.targetOf(ctx, p, in.Target, in.TargetURL)
}

// target returns the configured server of that name; "" is the first.
func (p *platform) target(name string) (Target, error) {
	for _, t := range p.Targets {
		if name == "" || t.Name == name {
			return t, nil
		}
	}
	if len(p.Targets) == 0 {
		return Target{}, keepsake.Errorf(keepsake.CodeInvalid,
			"No server is configured that a restore could go to. Add one to keepsake.yaml, or restore on the command line "+
				"with --target.")
	}
	return Target{}, keepsake.Errorf(keepsake.CodeInvalid,
		"There is no server %q to restore to: the configuration names %s.", name, strings.Join(p.targetNames(), ", "))
}

// checkTarget refuses a database that no restore may be written into, so that a person learns it on the form and not in
// a failed operation. The engine looks again, more closely, before it writes.
func (p *platform) checkTarget(ctx context.Context, t Target, database string) error {
	if t.Platform {
		if err := p.watch.mustAnswer(ctx, true); err != nil {
			return err
		}
	}
	dsn, err := t.databaseURL(database)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, targetTime)
	defer cancel()
	err = p.Engine.CheckTarget(ctx, dsn)
	if err != nil && keepsake.CodeOf(err) != keepsake.CodeConflict {
		return t.unreachable(err)
	}
	return err
}

// What the tests of recovery points that restores make are called. A restore of everything that a whole point holds is
// a drill; any other shows what it covered and no more.
const (
	testRestore        = "restore"
	testPartialRestore = "partial_restore"
)

// endRestore counts a restore that compared everything as the best proof a point can have. Bad copies that it met on
// the way are not confirmed any more.
func endRestore(ctx context.Context, tx db.Tx, row operation.Operation, r engine.RestoreResult) error {
	bad := map[string]string{}
	for _, f := range r.Damaged {
		if f.Damage {
			bad[f.Provider] = f.Problem
		}
	}
	known, err := lockCopies(ctx, tx, row.Platform, []string{r.Point})
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
	o, err := operationOf(row)
	if err != nil {
		return err
	}
	scope := o.Asked.Scope
	kind := testPartialRestore
	if len(known) == 1 && scope.Kind() == keepsake.ScopeEverything &&
		known[0].BackupType != string(keepsake.BackupCritical) {
		kind = testRestore
	}
	if err := insertTest(ctx, tx, row, r.Point, kind, outcome{problems: findings}, r.Seconds); err != nil {
		return err
	}
	if err := tx.SetProviderPoints(ctx, row.Platform); err != nil {
		return fmt.Errorf("count what the providers hold: %w", err)
	}
	whole := maps.Clone(r.TierSeconds) // a wedding's rows of a tier say nothing of how long the tier takes
	maps.DeleteFunc(whole, func(tier string, _ float64) bool { return !scope.Holds(keepsake.Tier(tier)) })
	if !r.Verified { // what takes its time is a restore of everything
		return insertRecoveryEvent(ctx, tx, row, row.Target, nil, whole)
	}
	return insertRecoveryEvent(ctx, tx, row, row.Target, &r.Seconds, whole)
}

// insertRecoveryEvent records an ended restore; seconds is nil unless it succeeded.
func insertRecoveryEvent(ctx context.Context, tx db.Tx, row operation.Operation, target string, seconds *float64,
	tiers map[string]float64) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("make an event id: %w", err)
	}
	p := sqlcgen.InsertRecoveryEventParams{
		ID:             id.String(),
		Platform:       row.Platform,
		OperationID:    &row.ID,
		Organization:   row.Organization,
		PointID:        row.PointID,
		Target:         target,
		TargetDatabase: row.TargetDatabase,
		StartedAt:      cmp.Or(deref(row.StartedAt), row.CreatedAt),
		FinishedAt:     *row.FinishedAt,
		Outcome:        row.State,
		TierSeconds:    []byte("{}"),
	}
	p.RtoSeconds = seconds
	if tiers != nil {
		if p.TierSeconds, err = json.Marshal(tiers); err != nil {
			return fmt.Errorf("encode the times of the tiers: %w", err)
		}
	}
	return tx.InsertRecoveryEvent(ctx, p)
}

// restores is the kind of operation that restores into a new database.
type restores struct{ c *Console }

func (restores) About() operation.About {
	return operation.About{
		Name:       KindRestore,
		Queue:      operation.QueueRestore,
		Permission: keepsake.MayRestore,
		Exclusive:  true,
		Cancelled: "Cancelled. The new database, if it was begun, is incomplete and marked so: run the same restore " +
			"again, or drop it.",
	}
}

var _ operation.Settler = restores{}

func (k restores) Run(ctx context.Context, row operation.Operation, r report.Reporter) (operation.Report, error) {
	var none operation.Report
	before, made, err := k.settled(ctx, row)
	if err != nil {
		return none, err
	}
	if made {
		r.Log(report.LogLine{
			Time:    k.c.now(),
			Level:   "info",
			Message: "An earlier attempt had finished the restore. What it found is recorded now.",
		})
		return before, nil
	}
	o, p, url, err := k.targetOf(ctx, row)
	if err != nil {
		return none, err
	}
	if err := k.c.mustBeApproved(ctx, p, row); err != nil {
		return none, err
	}
	result, err := p.Engine.Restore(ctx, engine.RestoreInput{
		Point:    o.Point,
		Target:   url,
		Create:   true,
		Provider: row.Provider,
		Scope:    o.Asked.Scope,
		Again:    row.Attempt > 1,
		Keep: func(ctx context.Context, result engine.RestoreResult, end engine.RestoreEnd) error {
			return k.c.keepEnding(ctx, row, restoreEnding{End: end, Result: result})
		},
	}, r)
	if err != nil {
		return none, err
	}
	return restoreReport(result), nil
}

// Settle asks the target whether the restore was finished: a worker may have been killed between its last COMMIT and
// the end of the operation, or its COMMIT got no answer. What an attempt kept it kept after the row was claimed.
func (k restores) Settle(ctx context.Context, row operation.Operation) (
	found operation.Report, happened bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	err = k.c.db.InTx(ctx, keepsake.System("worker"), func(tx db.Tx) error {
		now, err := tx.GetOperation(ctx, row.ID)
		row.Ending = now.Ending
		return err
	})
	if err != nil {
		return found, false, notAsked(err)
	}
	return k.settled(ctx, row)
}

// targetOf returns an operation with its platform and the address of its new database.
func (k restores) targetOf(ctx context.Context, row operation.Operation) (
	o Operation, p *platform, url keepsake.Secret, err error) {
	if o, err = operationOf(row); err != nil {
		return o, nil, "", err
	}
	if p, err = k.c.platformNamed(row.Platform); err != nil {
		return o, nil, "", err
	}
	target, err := k.c.targetOf(ctx, p, o.Target, o.Asked.TargetURL)
	if err != nil {
		return o, nil, "", err
	}
	url, err = target.databaseURL(o.Database)
	return o, p, url, err
}

func restoreReport(result engine.RestoreResult) operation.Report {
	ok := result.Outcome == engine.OutcomeRestored
	out := operation.Report{
		Result: result,
		Row: sqlcgen.FinishOperationParams{
			PointID:   result.Point,
			RowsDone:  result.Rows,
			BytesDone: result.Bytes,
			Seconds:   result.Seconds,
			Ok:        &ok,
		},
	}
	if !ok {
		out.Level, out.Left = "error", "Done, but the new database could not be shown to equal the recovery point."
	}
	if len(result.Exceptions) > 0 {
		out.Level, out.Left = cmp.Or(out.Level, "info"), result.Message
	}
	out.Done = func(ctx context.Context, tx db.Tx, ended operation.Operation) error {
		return endRestore(ctx, tx, ended, result)
	}
	return out
}

// Stopped puts the restore among the recoveries, as one that took no time because it did not succeed.
func (restores) Stopped(ctx context.Context, tx db.Tx, row operation.Operation) error {
	return insertRecoveryEvent(ctx, tx, row, row.Target, nil, nil)
}

func (restores) Describe(row operation.Operation, e *audit.Entry) {
	scopeEntry(row, e)
	if o, err := operationOf(row); err == nil && o.Restore != nil {
		e.Detail["outcome"], e.Detail["exceptions"], e.Detail["verified"] = o.Restore.Outcome, len(o.Restore.Exceptions),
			o.Restore.Verified
	}
}

func (restores) resultOf(o *Operation) any {
	o.Restore = &engine.RestoreResult{}
	return o.Restore
}
