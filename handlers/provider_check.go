package handlers

import (
	"context"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/internal/keepsake"
)

type providerChecker interface {
	CheckProvider(ctx context.Context, actor keepsake.Actor, name string) error
}

// CheckProvider checks a provider at once and shows the result.
func CheckProvider(con providerChecker) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := con.CheckProvider(c.Request().Context(), actor(c), c.FormValue("provider")); err != nil {
			return err
		}
		return redirect(c, "/#providers")
	}
}
