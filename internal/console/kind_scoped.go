package console

import (
	"context"
	"encoding/json"
	"fmt"
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
)

// Scopes is the part of *engine.Engine that the console needs to bring weddings, organizations, tiers or everything
// back into the live platform.
type Scopes interface {
	PreviewScope(ctx context.Context, in engine.ScopeInput) (*scope.Preview, error)
	ApplyScope(ctx context.Context, in engine.ScopeInput, a engine.ScopeApply, r engine.Reporter) (engine.ScopeResult,
		error)
	NewRestoreID() string
	ReadUndo(ctx context.Context, restore string) (*scope.Undo, error)
	TakeBack(ctx context.Context, restore string, a engine.ScopeApply, r engine.Reporter) (engine.ScopeResult, error)
	Export(ctx context.Context, in engine.ScopeInput, format string, w io.Writer) error
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

// ScopedInput names what comes back into the live platform, and the recovery point that it comes from. Exactly one of
// a wedding, an organization, tiers and everything is set.
type ScopedInput struct {
	Wedding      string
	Organization string
	Tiers        []keepsake.Tier
	Everything   bool
	Point        string // id or "latest"
	Mode         scope.Mode
}

func (in ScopedInput) scope() engine.ScopeInput {
	return engine.ScopeInput{Scope: in.what(), Point: in.Point, Mode: in.Mode}
}

// what is what the fields name; nothing, which the engine refuses, where they name no scope.
func (in ScopedInput) what() keepsake.Scope {
	s, err := keepsake.ScopeFields{WeddingID: in.Wedding, OrganizationID: in.Organization, Tiers: in.Tiers,
		Everything: in.Everything}.Scope()
	if err != nil {
		return keepsake.Scope{}
	}
	return s
}

// target is what the audit trail calls the scope.
func (in ScopedInput) target() string {
	switch {
	case in.Organization != "":
		return "organization " + in.Organization
	case in.Everything:
		return "everything"
	case len(in.Tiers) > 0:
		return fmt.Sprintf("tiers %v", in.Tiers)
	}
	return in.Wedding
}

func (in ScopedInput) detail() map[string]any {
	return map[string]any{"point": in.Point, "mode": in.Mode, "wedding": in.Wedding}
}

// PreviewScope returns what bringing a scope back would change. It changes nothing.
func (c *Console) PreviewScope(ctx context.Context, actor keepsake.Actor, in ScopedInput) (*scope.Preview, error) {
	err := c.finder().mayActOnScope(ctx, actor, keepsake.MayRead, in)
	if err == nil {
		err = checkScoped(in)
	}
	if err != nil {
		return nil, c.recordRefused(ctx, actor, audit.ScopePreview, in.target(), in.detail(), err)
	}
	var p *scope.Preview
	if err = c.watch.mustBeWritable(ctx); err == nil {
		p, err = c.scopes.PreviewScope(ctx, in.scope())
	}
	return p, c.recordRead(ctx, actor, audit.ScopePreview, in.target(), in.detail(), err)
}

func checkScoped(in ScopedInput) error {
	for _, t := range in.Tiers {
		if _, err := keepsake.ParseTier(string(t)); err != nil {
			return err
		}
	}
	switch {
	case in.Wedding == "" && in.Organization == "" && len(in.Tiers) == 0 && !in.Everything, !plain(in.Wedding) ||
		!plain(in.Organization) || !plain(in.Point):
		return keepsake.Errorf(keepsake.CodeNotFound, "There is no such wedding.")
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

// ScopedOperation says what an operation of KindScoped does in the live platform.
type ScopedOperation struct {
	ScopedInput
	Name        string // of the wedding, the organization or the tiers
	Fingerprint string
	Skip        []string
	Restore     string // the id to undo it by
	// set: the restore that this takes back; of the above Wedding says whose it was, and only Name and Restore count
	UndoOf    string
	TargetURL string // sealed: of a restore into a new database on a server that no configuration names
	Redo      bool   // UndoOf took another restore back, so that this brings rows back after all
	Weddings  int64  // how many the organization had when it was asked for
}

// RestoreScope enqueues a restore into the live platform that makes the changes of a preview. When the platform has
// changed since the preview, the operation writes nothing and fails with CodeConflict.
func (c *Console) RestoreScope(ctx context.Context, actor keepsake.Actor, in RestoreScopeInput) (Operation, error) {
	detail := in.detail()
	detail["scope"], detail["left_out"] = in.target(), len(in.Skip)
	err := mayAct(actor, keepsake.MayRestore)
	if err == nil {
		err = c.watch.mustAnswer(ctx, true)
	}
	if err == nil {
		err = c.finder().mayActOnScope(ctx, actor, keepsake.MayRestore, in.ScopedInput)
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
		return Operation{}, c.recordRefused(ctx, actor, audit.ScopeRestore, in.target(), detail, err)
	}
	return c.enqueueScoped(ctx, actor, audit.ScopeRestore, detail,
		ScopedOperation{ScopedInput: in.ScopedInput, Name: in.Name, Fingerprint: in.Fingerprint, Skip: in.Skip})
}

func (c *Console) enqueueScoped(ctx context.Context, actor keepsake.Actor, action audit.Action, detail map[string]any,
	s ScopedOperation) (Operation, error) {
	s.Restore = c.scopes.NewRestoreID()
	row := newOperation(actor, KindScoped)
	row.PointID = s.Point
	var judge mayBeAlone
	if s.UndoOf == "" || s.Redo {
		asked := s.brought()
		if asked.Everything = asked.Everything || s.Redo && s.Wedding == ""; asked.Everything {
			asked.Organization, asked.Tiers = "", nil
		}
		judge = c.judgeAlone(ctx, actor, s.Point, &asked)
		s.Weddings = asked.Weddings
	}
	detail["restore"] = s.Restore
	var err error
	if row.Scope, err = json.Marshal(s); err != nil {
		return Operation{}, fmt.Errorf("encode what is restored: %w", err)
	}
	return c.enqueueJudged(ctx, actor, action, detail, row, judge)
}

// GetScopedRestore returns what a restore into the live platform changed.
func (c *Console) GetScopedRestore(ctx context.Context, actor keepsake.Actor, restore string) (*scope.Undo, error) {
	u, err := c.readRestore(ctx, actor, keepsake.MayRead, restore)
	return u, c.recordRead(ctx, actor, audit.ScopeRestoreRead, restore, undoDetail(u, map[string]any{}), err)
}

// undoDetail says in the trail what a restore into the live platform was about; nil: nobody may know.
func undoDetail(u *scope.Undo, detail map[string]any) map[string]any {
	if u == nil {
		return detail
	}
	detail["point"] = u.Point
	if u.Wedding {
		detail["wedding"] = u.ID
	}
	return detail
}

// UndoScope enqueues taking a restore into the live platform back. It leaves rows alone that the platform has changed
// since.
func (c *Console) UndoScope(ctx context.Context, actor keepsake.Actor, restore string) (Operation, error) {
	detail := map[string]any{"undo_of": restore}
	var u *scope.Undo
	err := mayAct(actor, keepsake.MayRestore)
	if err == nil {
		err = c.watch.mustAnswer(ctx, true)
	}
	if err == nil {
		u, err = c.readRestore(ctx, actor, keepsake.MayRestore, restore)
	}
	detail = undoDetail(u, detail)
	if err == nil {
		err = c.mustBeProven(actor)
	}
	if err != nil {
		return Operation{}, c.recordRefused(ctx, actor, audit.ScopeUndo, restore, detail, err)
	}
	of := ScopedInput{Point: u.Point}
	if u.Wedding {
		of.Wedding = u.ID
	}
	return c.enqueueScoped(ctx, actor, audit.ScopeUndo, detail,
		ScopedOperation{Name: u.Name, UndoOf: restore, Redo: u.Of != "", ScopedInput: of})
}

// runScoped makes the changes.
func (c *Console) runScoped(ctx context.Context, row operation.Operation, s ScopedOperation, r engine.Reporter) (
	engine.ScopeResult, error) {
	apply := engine.ScopeApply{Fingerprint: s.Fingerprint, Name: s.Name, Restore: s.Restore, Again: row.Attempt > 1}
	if s.UndoOf != "" {
		return c.scopes.TakeBack(ctx, s.UndoOf, apply, r)
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
	result, err := c.scopes.ApplyScope(ctx, s.scope(), apply, r)
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
		return audit.Record(ctx, tx, actor, audit.Entry{Action: action, Target: target, Outcome: audit.Allowed,
			Detail: detail})
	})
}

// platformTarget is what a restore into the live platform calls its target.
const platformTarget = "platform"

// scopedRestores is the kind of operation that restores into the live platform.
type scopedRestores struct{ c *Console }

func (scopedRestores) About() operation.About {
	return operation.About{Name: KindScoped, Queue: operation.QueueRestore, Permission: keepsake.MayRestore,
		Cancelled: "Cancelled. Nothing was changed in the live platform."}
}

func (k scopedRestores) Run(ctx context.Context, row operation.Operation, r report.Reporter) (operation.Report, error) {
	o, err := operationOf(row)
	if err != nil {
		return operation.Report{}, err
	}
	result, err := k.c.runScoped(ctx, row, *o.Scope, r)
	if err != nil {
		return operation.Report{}, err
	}
	ok := true
	return operation.Report{Result: result,
		Row: sqlcgen.FinishOperationParams{PointID: result.Point, Seconds: result.Seconds, Ok: &ok,
			RowsDone: result.Applied.Inserted + result.Applied.Updated + result.Applied.Deleted},
		Done: func(ctx context.Context, tx db.Tx, ended operation.Operation) error {
			return insertRecoveryEvent(ctx, tx, ended, platformTarget, &result.Seconds, nil)
		}}, nil
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
