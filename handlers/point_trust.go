package handlers

import (
	"context"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
)

type pointTruster interface {
	SavePoint(ctx context.Context, actor keepsake.Actor, in console.SavePointInput) error
}

// TrustPoint says of a recovery point that it can be trusted, or that it cannot.
func TrustPoint(con pointTruster) echo.HandlerFunc {
	return func(c echo.Context) error {
		trust := keepsake.Trust(c.FormValue("trust"))
		if trust == keepsake.TrustUnsaid {
			return keepsake.Wrong("trust", "Say whether the recovery point can be trusted.")
		}
		if err := con.SavePoint(c.Request().Context(), actor(c),
			console.SavePointInput{ID: c.Param("id"), Trust: &trust}); err != nil {
			return err
		}
		return redirect(c, draw.PointURL(c.Param("id")))
	}
}
