package console

import (
	"context"
	"strings"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Scopes is what the console needs from *engine.Engine to bring one wedding back.
type Scopes interface {
	PreviewScope(ctx context.Context, in engine.ScopeInput) (*scope.Preview, error)
	ApplyScope(ctx context.Context, in engine.ScopeInput, a engine.ScopeApply) (engine.ScopeResult, error)
	ReadUndo(ctx context.Context, restore string) (*scope.Undo, error)
	Undo(ctx context.Context, restore string) (engine.ScopeResult, error)
	WeddingAt(ctx context.Context, in engine.ScopeInput) (engine.WeddingAt, error)
	ExplainScope(ctx context.Context, root string) (*scope.Plan, error)
	Roots() (wedding, organization string)
	FindDamage(ctx context.Context, in engine.ScopeInput, points []string) (engine.Damage, bool, error)
	WeddingChanges(ctx context.Context, in engine.ScopeInput, to string) (engine.WeddingChanges, error)
}

var _ Scopes = (*engine.Engine)(nil)

// ScopedInput names a wedding at a recovery point.
type ScopedInput struct {
	Wedding string
	Point   string
	Mode    scope.Mode
}

func (in ScopedInput) scope() engine.ScopeInput {
	return engine.ScopeInput{Wedding: in.Wedding, Point: in.Point, Mode: in.Mode}
}

func (in ScopedInput) detail() map[string]any {
	return map[string]any{"point": in.Point, "mode": in.Mode}
}

// PreviewWedding shows what bringing a wedding back would change. It changes nothing.
func (c *Console) PreviewWedding(ctx context.Context, actor keepsake.Actor, in ScopedInput) (*scope.Preview, error) {
	err := mayActOnPlatform(actor, keepsake.MayRead)
	if err == nil {
		err = checkScoped(in)
	}
	if err != nil {
		return nil, c.refused(ctx, actor, "wedding.preview", in.Wedding, in.detail(), err)
	}
	return c.scopes.PreviewScope(ctx, in.scope())
}

func checkScoped(in ScopedInput) error {
	switch {
	case in.Wedding == "" || !plain(in.Wedding) || !plain(in.Point):
		return keepsake.Errorf(keepsake.CodeNotFound, "There is no such wedding.")
	case in.Mode != scope.Missing && in.Mode != scope.Rewind:
		return keepsake.Errorf(keepsake.CodeInvalid, "There is no mode %q: use missing or rewind.", in.Mode)
	}
	return nil
}

// RestoreWeddingInput is a preview that a person has confirmed.
type RestoreWeddingInput struct {
	ScopedInput
	Fingerprint  string
	Confirmation string   // what was typed
	Name         string   // of the wedding, as the preview showed it
	Skip         []string // rows ticked off, as RowName writes them
}

// RowName names one row of a preview.
func RowName(table, key string) string { return table + " " + key }

// RestoreWedding makes the changes of a preview in the live platform. When the platform has changed since, nothing is written:
// the error's code is CodeConflict and the result holds the new preview.
func (c *Console) RestoreWedding(ctx context.Context, actor keepsake.Actor, in RestoreWeddingInput) (engine.ScopeResult, error) {
	detail := in.detail()
	err := mayActOnPlatform(actor, keepsake.MayRestore)
	if err == nil {
		err = checkScoped(in.ScopedInput)
	}
	if err == nil && (in.Name == "" || strings.TrimSpace(in.Confirmation) != in.Name) {
		err = keepsake.Errorf(keepsake.CodeInvalid, "Type the name of the wedding, %s, to confirm. Nothing was changed.", in.Name)
	}
	if err != nil {
		return engine.ScopeResult{}, c.refused(ctx, actor, "wedding.restore", in.Wedding, detail, err)
	}
	skip := map[string]bool{}
	for _, name := range in.Skip {
		skip[name] = true
	}
	detail["left_out"] = len(skip)
	apply := engine.ScopeApply{Fingerprint: in.Fingerprint}
	if len(skip) > 0 {
		apply.Skip = func(t scope.TableChanges, change scope.Change) bool { return skip[RowName(t.Table, t.KeyText(change))] }
	}
	r, err := c.scopes.ApplyScope(ctx, in.scope(), apply)
	if err != nil {
		return r, c.refused(ctx, actor, "wedding.restore", in.Wedding, detail, err)
	}
	detail["restore"], detail["inserted"], detail["updated"], detail["deleted"] = r.Restore, r.Applied.Inserted, r.Applied.Updated, r.Applied.Deleted
	return r, c.recordDone(ctx, actor, "wedding.restore", in.Wedding, detail)
}

// GetWeddingRestore returns what a restore into the live platform changed.
func (c *Console) GetWeddingRestore(ctx context.Context, actor keepsake.Actor, restore string) (*scope.Undo, error) {
	if err := mayActOnPlatform(actor, keepsake.MayRead); err != nil {
		return nil, c.refused(ctx, actor, "wedding.restore.read", restore, nil, err)
	}
	return c.scopes.ReadUndo(ctx, restore)
}

// UndoWedding takes a restore into the live platform back, but for rows that the platform has changed since.
func (c *Console) UndoWedding(ctx context.Context, actor keepsake.Actor, restore string) (engine.ScopeResult, error) {
	detail := map[string]any{"undo_of": restore}
	if err := mayActOnPlatform(actor, keepsake.MayRestore); err != nil {
		return engine.ScopeResult{}, c.refused(ctx, actor, "wedding.undo", restore, detail, err)
	}
	r, err := c.scopes.Undo(ctx, restore)
	if err != nil {
		return r, c.refused(ctx, actor, "wedding.undo", restore, detail, err)
	}
	detail["restore"], detail["left_alone"] = r.Restore, len(r.Refused)
	return r, c.recordDone(ctx, actor, "wedding.undo", restore, detail)
}

// recordDone records what has been done already; whoever gives up waiting is on record all the same.
func (c *Console) recordDone(ctx context.Context, actor keepsake.Actor, action, target string, detail map[string]any) error {
	return c.db.InTx(context.WithoutCancel(ctx), actor, func(tx db.Tx) error {
		return audit.Record(ctx, tx, actor, audit.Entry{Action: action, Target: target, Outcome: audit.Allowed, Detail: detail})
	})
}

// GetWeddingAt returns a wedding as it was at a recovery point. It needs no platform: the providers are enough.
func (c *Console) GetWeddingAt(ctx context.Context, actor keepsake.Actor, wedding, point string) (engine.WeddingAt, error) {
	in := ScopedInput{Wedding: wedding, Point: point, Mode: scope.Missing}
	err := mayActOnPlatform(actor, keepsake.MayRead)
	if err == nil {
		err = checkScoped(in)
	}
	if err != nil {
		return engine.WeddingAt{}, c.refused(ctx, actor, "wedding.read", wedding, in.detail(), err)
	}
	w, err := c.scopes.WeddingAt(ctx, in.scope())
	if err != nil {
		return w, err
	}
	// Whoever reads a couple's data is on record, like whoever changes it.
	return w, c.recordDone(ctx, actor, "wedding.read", wedding, in.detail())
}

// GetWeddingChanges returns what changed in a wedding between two moments: recovery points, or engine.Now as the second.
func (c *Console) GetWeddingChanges(ctx context.Context, actor keepsake.Actor, wedding, from, to string) (engine.WeddingChanges, error) {
	in := ScopedInput{Wedding: wedding, Point: from, Mode: scope.Rewind}
	detail := in.detail()
	detail["to"] = to
	err := mayActOnPlatform(actor, keepsake.MayRead)
	if err == nil {
		err = checkScoped(in)
	}
	if err == nil && !plain(to) {
		err = keepsake.Errorf(keepsake.CodeNotFound, "There is no such recovery point.")
	}
	if err != nil {
		return engine.WeddingChanges{}, c.refused(ctx, actor, "wedding.read", wedding, detail, err)
	}
	changes, err := c.scopes.WeddingChanges(ctx, in.scope(), to)
	if err != nil {
		return changes, err
	}
	return changes, c.recordDone(ctx, actor, "wedding.read", wedding, detail)
}

// ExplainScope says which tables of the live platform belong to a wedding, or to an organization, and why.
func (c *Console) ExplainScope(ctx context.Context, actor keepsake.Actor, organization bool) (*scope.Plan, error) {
	if err := mayActOnPlatform(actor, keepsake.MayRead); err != nil {
		return nil, c.refused(ctx, actor, "scope.explain", "", nil, err)
	}
	root, of := c.scopes.Roots()
	if organization {
		root = of
	}
	return c.scopes.ExplainScope(ctx, root)
}
