package handlers

import (
	"context"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/internal/keepsake"
)

type operationApprover interface {
	ApproveOperation(ctx context.Context, actor keepsake.Actor, id string) error
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
