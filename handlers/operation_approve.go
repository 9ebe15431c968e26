package handlers

import (
	"context"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
)

type operationApprover interface {
	ApproveOperation(ctx context.Context, actor keepsake.Actor, id string) error
}

// approvalOf returns who decides about a restore that waits for approval, or nil for one that does not wait.
func approvalOf(c echo.Context, pages Pages, o console.Operation) *views.Approval {
	if o.State != console.StateProposed {
		return nil
	}
	a := actor(c)
	vm := &views.Approval{ID: o.ID, By: o.RequestedBy, Until: pages.clock().When(o.CreatedAt.Add(console.ApproveWithin)),
		Own: o.RequestedByID == a.ID, May: a.Organization == ""}
	vm.Text = "It fills a new database from the recovery point. The running platform is not touched. The log below says " +
		"why it needs you."
	if o.Kind == console.KindScoped {
		vm.Text = "It changes rows of the running platform, and can be taken back afterwards. The log below says what it " +
			"covers and why it needs you."
	}
	vm.Proof = !a.Proven(pages.Now())
	return vm
}

// ApproveOperation approves a restore that somebody else asked for, and so starts it.
func ApproveOperation(con operationApprover) echo.HandlerFunc {
	return func(c echo.Context) error {
		page := draw.OperationURL(c.Param("id"))
		err := con.ApproveOperation(c.Request().Context(), actor(c), c.Param("id"))
		switch {
		case err != nil && keepsake.CodeOf(err) == keepsake.CodeProof:
			return proveFirst(c, page)
		case err != nil && keepsake.CodeOf(err) == keepsake.CodeConflict: // it was decided meanwhile; its page says how
			return redirect(c, page)
		case err != nil:
			return err
		}
		return redirect(c, page)
	}
}
