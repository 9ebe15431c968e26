package console

import (
	"context"

	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// GetScopedRestore returns what a restore into the live platform changed.
func (c *Console) GetScopedRestore(ctx context.Context, actor keepsake.Actor, restore string) (*scope.Undo, error) {
	_, u, err := c.readRestore(ctx, actor, keepsake.MayRead, restore)
	return u, c.recordRead(ctx, actor, audit.ScopeRestoreRead, restore, undoDetail(u, map[string]any{}), err)
}

// undoDetail says in the trail what a restore into the live platform was about; nil: nobody may know.
func undoDetail(u *scope.Undo, detail map[string]any) map[string]any {
	if u == nil {
		return detail
	}
	detail["point"] = u.Point
	if u.OfWedding {
		detail["wedding"] = u.ID
	}
	return detail
}

// undoneScope returns the wedding that a restore was of. Of anything else the repository keeps no scope, and it returns
// the zero Scope.
func undoneScope(u *scope.Undo) (keepsake.Scope, error) {
	if !u.OfWedding {
		return keepsake.Scope{}, nil
	}
	return keepsake.WeddingScope(u.ID)
}

// UndoScope enqueues taking a restore into the live platform back. It leaves rows alone that the platform has changed
// since.
func (c *Console) UndoScope(ctx context.Context, actor keepsake.Actor, restore string) (Operation, error) {
	detail := map[string]any{"undo_of": restore}
	var u *scope.Undo
	p, err := c.platformOf(actor)
	if err == nil {
		err = mayAct(actor, keepsake.MayRestore)
	}
	if err == nil && len(c.platforms) == 1 { // before its repository is read
		err = p.watch.mustAnswer(ctx, true)
	}
	if err == nil {
		p, u, err = c.readRestore(ctx, actor, keepsake.MayRestore, restore)
	}
	if err == nil && len(c.platforms) > 1 {
		err = p.watch.mustAnswer(ctx, true)
	}
	detail = undoDetail(u, detail)
	if err == nil {
		err = c.mustBeProven(actor)
	}
	if err != nil {
		return Operation{}, c.recordRefused(ctx, actor, audit.ScopeUndo, restore, detail, err)
	}
	of, err := undoneScope(u)
	if err != nil {
		return Operation{}, err
	}
	return c.enqueueScoped(ctx, p, actor, audit.ScopeUndo, detail, RestoreAsked{
		Name:        u.Name,
		UndoOf:      restore,
		Redo:        u.Of != "",
		ScopedInput: ScopedInput{Scope: of, Point: u.Point},
	})
}
