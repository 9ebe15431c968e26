package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/operation"
	"github.com/wedsync/keepsake/internal/progress"
)

// errRetentionRuns refuses a second retention of a platform.
var errRetentionRuns = keepsake.Errorf(keepsake.CodeConflict,
	"A retention of this platform is waiting or running already. Wait until it is done.")

const retentionSlot = "retention"

// StartRetention enqueues a retention. Where a person has to confirm how much goes, confirm is the fingerprint of what
// they were shown; without it, only what was marked before goes.
func (c *Console) StartRetention(ctx context.Context, actor keepsake.Actor, confirm string) (Operation, error) {
	p, err := c.platformOf(actor)
	if err == nil {
		err = mayActOnPlatform(actor, keepsake.MayDelete)
	}
	if err == nil {
		err = c.mustBeProven(actor)
	}
	if err != nil {
		return Operation{}, c.recordRefused(ctx, actor, audit.RetentionStart, "", nil, err)
	}
	return c.startRetention(ctx, actor, p, confirm)
}

func (c *Console) startRetention(ctx context.Context, actor keepsake.Actor, p *platform, confirm string) (
	Operation, error) {
	row, confirmed := newOperation(actor, p, KindRetention), []string{}
	err := func() error {
		if c.retention == nil {
			return keepsake.Errorf(keepsake.CodeUnsupported, "This console was told of no rules by which recovery points go.")
		}
		if confirm == "" {
			return nil
		}
		h, err := c.heldPoints(ctx, p)
		if err != nil {
			return err
		}
		plan := c.retention.Plan(h.facts, c.now())
		if fingerprintOf(plan) != confirm {
			return keepsake.Errorf(keepsake.CodeConflict,
				"What would go has changed since this page was loaded, so nothing was started. Look at it again, and confirm that.")
		}
		for _, v := range plan.Going() {
			confirmed = append(confirmed, v.Point.ID)
		}
		return nil
	}()
	detail := map[string]any{"confirmed": len(confirmed)}
	if err == nil {
		row.Confirmed, err = json.Marshal(confirmed)
	}
	if err != nil {
		return Operation{}, c.recordRefused(ctx, actor, audit.RetentionStart, "", detail, err)
	}
	return c.enqueue(ctx, actor, audit.RetentionStart, detail, row)
}

// mustStay refuses a restore from a recovery point that is due while a retention runs. One that is marked and not due
// yet stays during this run; a retention that begins later finds the restore, and leaves its point alone.
func (c *Console) mustStay(ctx context.Context, row sqlcgen.InsertOperationParams) error {
	if kind := Kind(row.Kind); kind != KindRestore && kind != KindScoped || row.PointID == "" {
		return nil
	}
	goes := false
	// Whoever sees one organization sees neither the point nor who has the slot.
	err := c.db.InTx(ctx, keepsake.System("retention"), func(tx db.Tx) error {
		point, err := tx.GetPoint(ctx, sqlcgen.GetPointParams{ID: row.PointID, Platform: row.Platform})
		if err == nil && point.GoesAfter != nil && !c.now().Before(*point.GoesAfter) {
			_, err = tx.GetSlotHolder(ctx, sqlcgen.GetSlotHolderParams{Platform: row.Platform, Name: retentionSlot})
			goes = err == nil
		}
		if db.IsNoRows(err) {
			return nil // one that the console does not know is judged by whoever reads it
		}
		return err
	})
	if err != nil || !goes {
		return err
	}
	return keepsake.Errorf(keepsake.CodeConflict, "Retention runs and may be removing recovery point %s, so nothing was "+
		"started. Wait until it is done, or take another recovery point.", row.PointID)
}

// RetentionResult is the report of a retention.
type RetentionResult struct {
	engine.RemovalResult

	Points int    `json:"points"`          // recovery points that were judged
	Large  string `json:"large,omitempty"` // why a person has to confirm the rest, a sentence
}

// left says in words what was not marked, or did not go, although it was to.
func (r RetentionResult) left() string {
	words := r.Problem
	for _, f := range r.Freed {
		if f.Problem != "" {
			words += " Provider " + f.Provider + ": " + f.Problem
		}
	}
	return strings.TrimSpace(words)
}

// retentions is the kind of operation that takes recovery points away which no rule keeps.
type retentions struct{ c *Console }

func (retentions) About() operation.About {
	return operation.About{
		Name:       KindRetention,
		Queue:      operation.QueueDefault,
		Permission: keepsake.MayDelete,
		Slots:      []operation.Slot{{Name: retentionSlot, Refused: errRetentionRuns}},
		// Two at once would do no harm, and twice the work.
		Exclusive: true,
		Cancelled: "Cancelled. What is marked goes with the next retention; what is deleted is gone.",
	}
}

func (k retentions) Run(ctx context.Context, row operation.Operation, r report.Reporter) (operation.Report, error) {
	p, err := k.c.platformNamed(row.Platform)
	if err != nil {
		return operation.Report{}, err
	}
	if k.c.retention == nil {
		return operation.Report{}, errors.New("this process was told of no rules by which recovery points go")
	}
	var confirmed []string
	if err := json.Unmarshal(row.Confirmed, &confirmed); err != nil {
		return operation.Report{}, fmt.Errorf("decode what was confirmed: %w", err)
	}
	h, err := k.c.heldPoints(ctx, p)
	if err != nil {
		return operation.Report{}, err
	}
	plan := k.c.retention.Plan(h.facts, k.c.now())
	result := RetentionResult{Points: len(h.facts.Points), Large: plan.Large}
	in := engine.RemovalInput{Known: h.known, Grace: k.c.retention.Grace}
	named, used := setOf(confirmed), setOf(h.inUse)
	for _, v := range plan.Removals(func(id string) bool { return named[id] }) {
		if !used[v.Point.ID] {
			in.Points = append(in.Points, engine.RemovedPoint{ID: v.Point.ID, Why: v.Why[0]})
		}
	}
	if len(confirmed) > 0 {
		result.Large = ""
	}
	if result.Held = plan.Held; plan.Held == "" {
		if result.RemovalResult, err = p.Engine.Remove(ctx, in, r); err != nil {
			return operation.Report{}, err
		}
	}
	return k.report(result), nil
}

func setOf(ids []string) map[string]bool {
	set := make(map[string]bool, len(ids))
	for _, id := range ids {
		set[id] = true
	}
	return set
}

func (retentions) report(result RetentionResult) operation.Report {
	var bytes int64
	words := result.left()
	for _, f := range result.Freed {
		bytes += f.Bytes
	}
	ok := result.Held == "" && words == ""
	out := operation.Report{
		Result: result,
		Row:    sqlcgen.FinishOperationParams{BytesDone: bytes, Seconds: result.Seconds, Ok: &ok},
	}
	switch {
	case result.Held != "":
		out.Level, out.Left = "warn", "Nothing was removed. "+result.Held
	case words != "":
		out.Level, out.Left = "warn", "Done, but not all that is to go went. "+words
	case result.Large != "":
		out.Level, out.Left = "warn", "Done. Somebody has to confirm the rest. "+result.Large
	}
	out.Done = func(ctx context.Context, tx db.Tx, ended operation.Operation) error {
		return SaveEndedRetention(ctx, tx, ended.Platform, result.RemovalResult)
	}
	return out
}

// SaveEndedRetention forgets what is gone, and notes what is to go. Where a retention was held nobody could tell what
// is to go, so what is known of that stands.
func SaveEndedRetention(ctx context.Context, tx db.Tx, platform string, r engine.RemovalResult) error {
	_, err := tx.DeletePoints(ctx, sqlcgen.DeletePointsParams{Platform: platform, Ids: append([]string{}, r.Gone...)})
	if err != nil {
		return fmt.Errorf("forget recovery points that are gone: %w", err)
	}
	if r.Held != "" {
		return tx.SetProviderPoints(ctx, platform)
	}
	pending, err := json.Marshal(r.Pending)
	if err != nil {
		return fmt.Errorf("encode what is to go: %w", err)
	}
	err = tx.SetPointsToGo(ctx, sqlcgen.SetPointsToGoParams{Platform: platform, Pending: progress.CleanJSON(pending)})
	if err != nil {
		return fmt.Errorf("note which recovery points are to go: %w", err)
	}
	return tx.SetProviderPoints(ctx, platform)
}

// Stopped has nothing to write: the next retention goes on where this one stopped.
func (retentions) Stopped(context.Context, db.Tx, operation.Operation) error { return nil }

// mostNamed is how many recovery points of a kind the trail names of one retention. Beyond, it has their number: an
// entry holds a megabyte.
const mostNamed = 5000

// Describe says what went where, and what goes next.
func (retentions) Describe(row operation.Operation, e *audit.Entry) {
	o, err := operationOf(row)
	if err != nil || o.Retention == nil {
		return
	}
	r := *o.Retention
	for name, ids := range map[string][]string{
		"removed": idsOf(r.Removed), "marked": idsOf(r.Marked), "gone": append([]string{}, r.Gone...),
	} {
		e.Detail[name] = ids[:min(len(ids), mostNamed)]
		if len(ids) > mostNamed {
			e.Detail[name+"_in_all"] = len(ids)
		}
	}
	e.Detail["freed"] = r.Freed
	if o.Retention.Held != "" {
		e.Detail["held"] = o.Retention.Held
	}
	// That backups fail, or that a person is needed, others say; that a provider keeps what is to go nobody else does.
	if words := o.Retention.left(); words != "" {
		e.Detail["left"] = words
		e.FellShort()
	}
}

func idsOf(points []engine.RemovedPoint) []string {
	ids := []string{}
	for _, p := range points {
		ids = append(ids, p.ID)
	}
	return ids
}

func (retentions) resultOf(o *Operation) any {
	o.Retention = &RetentionResult{}
	return o.Retention
}
