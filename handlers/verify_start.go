package handlers

import (
	"context"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
)

type verifyStarter interface {
	StartVerify(ctx context.Context, actor keepsake.Actor, in console.StartVerifyInput) (console.Operation, error)
}

// StartVerify starts the verification of one recovery point, or of all of them where the address names none.
func StartVerify(con verifyStarter) echo.HandlerFunc {
	return func(c echo.Context) error {
		in := console.StartVerifyInput{Point: c.Param("id"), Deep: c.FormValue("deep") == "yes"}
		o, err := con.StartVerify(c.Request().Context(), actor(c), in)
		if err != nil {
			return err
		}
		return redirect(c, draw.OperationURL(o.ID))
	}
}
