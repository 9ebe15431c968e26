package handlers

import (
	"context"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
)

type retentionStarter interface {
	StartRetention(ctx context.Context, actor keepsake.Actor, confirm string) (console.Operation, error)
}

// StartRetention lets a retention run now. With a fingerprint it also confirms what its page said would go.
func StartRetention(con retentionStarter) echo.HandlerFunc {
	return func(c echo.Context) error {
		o, err := con.StartRetention(c.Request().Context(), actor(c), c.FormValue("confirm"))
		if err == nil {
			return redirect(c, draw.OperationURL(o.ID))
		}
		if keepsake.CodeOf(err) == keepsake.CodeProof {
			return proveFirst(c, "/retention")
		}
		return err
	}
}
