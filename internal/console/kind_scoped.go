package console

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"strings"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/fold"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/operation"
	"github.com/wedsync/keepsake/internal/policy"
)

// Scopes is the part of *engine.Engine that the console needs to bring weddings, organizations, tiers or everything
// back into the live platform.
type Scopes interface {
	PreviewScope(ctx context.Context, in engine.ScopeInput) (*scope.Preview, error)
	ApplyScope(ctx context.Context, in engine.ScopeInput, a engine.ScopeApply, r engine.Reporter) (engine.ScopeResult,
		error)
	NewRestoreID() string
	Settle(ctx context.Context, restore string) (result engine.ScopeResult, made bool, err error)
	ReadUndo(ctx context.Context, restore string) (*scope.Undo, error)
	TakeBack(ctx context.Context, restore string, a engine.ScopeApply, r engine.Reporter) (engine.ScopeResult, error)
	Export(ctx context.Context, in engine.ScopeInput, as scope.ExportAs, w io.Writer) error
	Organizations(context.Context, engine.OrganizationQuery) ([]engine.Organization, error)
	OrganizationsAt(ctx context.Context, point string, q engine.OrganizationQuery) ([]engine.Organization, time.Time,
		error)
	WeddingAt(ctx context.Context, in engine.ScopeInput) (engine.WeddingAt, error)
	ExplainScope(ctx context.Context, root string) (*scope.Plan, error)
	Roots() (wedding, organization string)
	FindDamage(ctx context.Context, in engine.ScopeInput, points []string) (engine.Damage, bool, error)
	WeddingChanges(ctx context.Context, in engine.ScopeInput, to string) (engine.WeddingChanges, error)
}

var _ Scopes = (*engine.Engine)(nil)

// ScopedInput is a scope at a recovery point, and how far it comes back into the live platform.
type ScopedInput struct {
	Scope keepsake.Scope `json:"scope,omitzero"`
	Point string         `json:"point,omitempty"` // id or "latest"
	Mode  scope.Mode     `json:"mode,omitempty"`
}

func (in ScopedInput) scope() engine.ScopeInput {
	return engine.ScopeInput{Scope: in.Scope, Point: in.Point, Mode: in.Mode}
}

func (in ScopedInput) detail() map[string]any {
	return map[string]any{"point": in.Point, "mode": in.Mode, "wedding": in.Scope.WeddingID()}
}

// PreviewScope returns what bringing a scope back would change. It changes nothing.
func (c *Console) PreviewScope(ctx context.Context, actor keepsake.Actor, in ScopedInput) (*scope.Preview, error) {
	p, err := c.platformAt(ctx, actor, in.Point)
	if err == nil {
		err = p.finder().mayActOnScope(ctx, actor, keepsake.MayRead, in)
	}
	if err == nil {
		err = checkScoped(in)
	}
	if err != nil {
		return nil, c.recordRefused(ctx, actor, audit.ScopePreview, in.Scope.Target(), in.detail(), err)
	}
	var preview *scope.Preview
	if err = p.watch.mustBeWritable(ctx); err == nil {
		preview, err = p.Scopes.PreviewScope(ctx, in.scope())
	}
	if err == nil && in.Point != "latest" { // the engine says so of the word alone
		err = c.addPassed(ctx, p, actor, preview)
	}
	return preview, c.recordRead(ctx, actor, audit.ScopePreview, in.Scope.Target(), in.detail(), err)
}

// addPassed says in a preview of the recovery point that latest means which newer ones it passes by: whoever looks at a
// preview again names the point that the first one took.
func (c *Console) addPassed(ctx context.Context, p *platform, actor keepsake.Actor, preview *scope.Preview) error {
	suspects, err := c.suspectsOf(ctx, p, actor, preview.Point)
	if err != nil {
		return err
	}
	for _, s := range suspects {
		if s.ID != preview.Point {
			preview.Passed = append(preview.Passed, s.PassedBy())
		}
	}
	return nil
}

func checkScoped(in ScopedInput) error {
	switch err := in.Scope.Check(); {
	case err != nil:
		return err
	case !plain(in.Point):
		return keepsake.Errorf(keepsake.CodeNotFound, "There is no such recovery point.")
	case in.Mode != scope.Missing && in.Mode != scope.Rewind:
		return keepsake.Errorf(keepsake.CodeInvalid, "There is no mode %q: use missing or rewind.", in.Mode)
	}
	return nil
}

// RestoreScopeInput is a preview with the confirmation of a person.
type RestoreScopeInput struct {
	ScopedInput
	Fingerprint  string
	Confirmation string   // what was typed: the name that the preview showed
	Name         string   // that it showed; the engine looks at it again
	Skip         []string // rows ticked off, as scope.TableChanges.RowName and AllRowsName write them
}

// RestoreAsked says what a restore was asked for, into the live platform or into a new database. The console database
// keeps it.
type RestoreAsked struct {
	ScopedInput
	Weddings int64 `json:"weddings,omitempty"` // how many the organization had when it was asked for
	// Suspects is the recovery point that is restored, where it was suspect when that was asked for, or newer ones that
	// latest passed by then. Of a restore that has not ended GetOperation says what holds now.
	Suspects []SuspectPoint `json:"suspects,omitempty"`

	// Into the live platform.
	Name        string   `json:"name,omitempty"` // of the wedding, the organization or the tiers
	Fingerprint string   `json:"fingerprint,omitempty"`
	Skip        []string `json:"skip,omitempty"`
	Restore     string   `json:"restore,omitempty"` // the id to undo it by
	// UndoOf is the restore that this takes back. Only Name and Restore count then, and the scope, which is the wedding
	// that it was of: of anything else nobody knows it any more, and it is zero.
	UndoOf string `json:"undo_of,omitempty"`
	Redo   bool   `json:"redo,omitempty"` // UndoOf took another restore back, so that this brings rows back after all

	// Into a new database on a server that no configuration names: its address, sealed.
	TargetURL string `json:"target_url,omitempty"`
}

// RestoreScope enqueues a restore into the live platform that makes the changes of a preview. When the platform has
// changed since the preview, the operation writes nothing and fails with CodeConflict.
func (c *Console) RestoreScope(ctx context.Context, actor keepsake.Actor, in RestoreScopeInput) (Operation, error) {
	detail := in.detail()
	detail["scope"], detail["left_out"] = in.Scope.Target(), len(in.Skip)
	p, err := c.platformAt(ctx, actor, in.Point)
	if err == nil {
		err = mayAct(actor, keepsake.MayRestore)
	}
	if err == nil {
		err = p.watch.mustAnswer(ctx, true)
	}
	if err == nil {
		err = p.finder().mayActOnScope(ctx, actor, keepsake.MayRestore, in.ScopedInput)
	}
	if err == nil {
		err = checkScoped(in.ScopedInput)
	}
	if err == nil {
		err = c.mustBeProven(actor)
	}
	if err == nil && !plain(in.Fingerprint+in.Name+strings.Join(in.Skip, "")) {
		err = keepsake.Errorf(keepsake.CodeInvalid,
			"The confirmation holds characters that are not text. Nothing was changed.")
	}
	if err == nil && !fold.SameName(in.Confirmation, in.Name) {
		err = keepsake.Errorf(keepsake.CodeInvalid, "Type the name, %s, to confirm. Nothing was changed.", in.Name)
	}
	if err == nil && scope.Misnamed(in.Fingerprint, in.Confirmation) {
		err = keepsake.Errorf(keepsake.CodeInvalid,
			"That is not the name. Type it as the preview shows it; nothing was changed.")
	}
	if err != nil {
		return Operation{}, c.recordRefused(ctx, actor, audit.ScopeRestore, in.Scope.Target(), detail, err)
	}
	in.Point = p.pointMeant(ctx, in.Point)
	return c.enqueueScoped(ctx, p, actor, audit.ScopeRestore, detail,
		RestoreAsked{ScopedInput: in.ScopedInput, Name: in.Name, Fingerprint: in.Fingerprint, Skip: in.Skip})
}

// pointMeant returns the id of the recovery point that "latest" means now, so that an operation names it however it
// ends. Where no provider can say, it stays what was asked for.
func (p *platform) pointMeant(ctx context.Context, point string) string {
	if point != "latest" {
		return point
	}
	reading, cancel := context.WithTimeout(ctx, weddingsAtTime)
	defer cancel()
	d, err := p.Engine.Point(reading, point)
	if err != nil {
		p.log.WarnContext(ctx, "which recovery point is the latest could not be read", "err", err)
		return point
	}
	return d.ID
}

func (c *Console) enqueueScoped(ctx context.Context, p *platform, actor keepsake.Actor, action audit.Action,
	detail map[string]any, s RestoreAsked) (Operation, error) {
	s.Restore = p.Scopes.NewRestoreID()
	row := newOperation(actor, p, KindScoped)
	row.PointID = s.Point
	var judge mayBeAlone
	if s.UndoOf == "" || s.Redo {
		asked := policy.Brought{Scope: s.Scope}
		if asked.Scope.IsZero() { // it may have been of anything
			asked.Scope = keepsake.Everything()
		}
		judge = c.judgeAlone(ctx, p, actor, s.Point, &asked)
		s.Weddings = asked.Weddings
	}
	detail["restore"] = s.Restore
	var err error
	s.Suspects, err = c.suspectsOf(ctx, p, actor, s.Point)
	if err == nil {
		row.Restore, err = json.Marshal(s)
	}
	if err != nil {
		return Operation{}, c.recordRefused(ctx, actor, action, cmp.Or(s.UndoOf, s.Scope.Target()), detail, err)
	}
	return c.enqueueJudged(ctx, actor, action, detail, row, judge)
}

// runScoped makes the changes.
func (p *platform) runScoped(ctx context.Context, row operation.Operation, s RestoreAsked, r engine.Reporter) (
	engine.ScopeResult, error) {
	apply := engine.ScopeApply{Fingerprint: s.Fingerprint, Name: s.Name, Restore: s.Restore, Again: row.Attempt > 1}
	if s.UndoOf != "" {
		return p.Scopes.TakeBack(ctx, s.UndoOf, apply, r)
	}
	if len(s.Skip) > 0 {
		skip := map[string]bool{}
		for _, name := range s.Skip {
			skip[name] = true
		}
		apply.Skip = func(t scope.TableChanges, change scope.Change) bool {
			return skip[t.AllRowsName()] || skip[t.RowName(change)]
		}
	}
	result, err := p.Scopes.ApplyScope(ctx, s.scope(), apply, r)
	result.Preview = nil // a new one is made when somebody looks
	return result, err
}

// Await returns an operation as soon as it has ended, or as it stands when most has passed.
func (c *Console) Await(ctx context.Context, actor keepsake.Actor, id string, most time.Duration) (Operation, error) {
	waiting, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	events, err := c.Subscribe(waiting, actor, id, 0)
	if err != nil {
		return Operation{}, err
	}
	for range events { // the channel closes when it has ended, and when the time is up
	}
	return c.GetOperation(ctx, actor, id)
}

// recordRead records that an actor was shown rows of a couple, or why not. Reading such rows is recorded like
// changing them.
func (c *Console) recordRead(ctx context.Context, actor keepsake.Actor, action audit.Action, target string,
	detail map[string]any,
	err error) error {
	if err != nil {
		return c.recordRefused(ctx, actor, action, target, detail, err)
	}
	return c.recordDone(ctx, actor, action, target, detail)
}

// recordDone records what has been done already, also when the caller has stopped waiting.
func (c *Console) recordDone(ctx context.Context, actor keepsake.Actor, action audit.Action, target string,
	detail map[string]any) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
	defer cancel()
	return c.db.InTx(ctx, actor, func(tx db.Tx) error {
		return audit.Record(ctx, tx, actor, audit.Entry{
			Action:  action,
			Target:  target,
			Outcome: audit.Allowed,
			Detail:  detail,
		})
	})
}

// platformTarget is what a restore into the live platform calls its target.
const platformTarget = "platform"

// scopedRestores is the kind of operation that restores into the live platform.
type scopedRestores struct{ c *Console }

var _ operation.Settler = scopedRestores{}

func (scopedRestores) About() operation.About {
	return operation.About{
		Name:       KindScoped,
		Queue:      operation.QueueRestore,
		Permission: keepsake.MayRestore,
		Exclusive:  true,
		Cancelled:  "Cancelled. Nothing was changed in the live platform.",
	}
}

func (k scopedRestores) Run(ctx context.Context, row operation.Operation, r report.Reporter) (operation.Report, error) {
	o, err := operationOf(row)
	if err != nil {
		return operation.Report{}, err
	}
	p, err := k.c.platformNamed(row.Platform)
	if err != nil {
		return operation.Report{}, err
	}
	if err := k.c.mustBeApproved(ctx, p, row); err != nil {
		return operation.Report{}, err
	}
	result, err := p.runScoped(ctx, row, *o.Asked, r)
	if err != nil {
		return operation.Report{}, err
	}
	return scopedReport(result), nil
}

// Settle asks the platform whether the rows were changed: a worker may have been killed between its COMMIT and the end
// of the operation.
func (k scopedRestores) Settle(ctx context.Context, row operation.Operation) (
	found operation.Report, happened bool, err error) {
	o, err := operationOf(row)
	if err != nil {
		return found, false, err
	}
	p, err := k.c.platformNamed(row.Platform)
	if err != nil {
		return found, false, err
	}
	result, made, err := p.Scopes.Settle(ctx, o.Asked.Restore)
	if err != nil || !made {
		return found, false, err
	}
	return scopedReport(result), true, nil
}

func scopedReport(result engine.ScopeResult) operation.Report {
	ok := true
	return operation.Report{
		Result: result,
		Row: sqlcgen.FinishOperationParams{
			PointID:  result.Point,
			Seconds:  result.Seconds,
			Ok:       &ok,
			RowsDone: result.Applied.Inserted + result.Applied.Updated + result.Applied.Deleted,
		},
		Done: func(ctx context.Context, tx db.Tx, ended operation.Operation) error {
			return insertRecoveryEvent(ctx, tx, ended, platformTarget, &result.Seconds, nil)
		},
	}
}

// Stopped puts the restore among the recoveries, as one that took no time because it did not succeed.
func (scopedRestores) Stopped(ctx context.Context, tx db.Tx, row operation.Operation) error {
	return insertRecoveryEvent(ctx, tx, row, platformTarget, nil, nil)
}

func (scopedRestores) Describe(row operation.Operation, e *audit.Entry) { scopeEntry(row, e) }

func (scopedRestores) resultOf(o *Operation) any {
	o.Scoped = &engine.ScopeResult{}
	return o.Scoped
}
