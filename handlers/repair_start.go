package handlers

import (
	"context"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
)

type repairStarter interface {
	StartRepair(ctx context.Context, actor keepsake.Actor) (console.Operation, error)
}

// StartRepair starts the repair of all recovery points.
func StartRepair(con repairStarter) echo.HandlerFunc {
	return func(c echo.Context) error {
		o, err := con.StartRepair(c.Request().Context(), actor(c))
		if err != nil {
			return err
		}
		return redirect(c, draw.OperationURL(o.ID))
	}
}
