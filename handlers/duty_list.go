package handlers

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
)

type dutyLister interface {
	ListDuties(ctx context.Context, actor keepsake.Actor) ([]console.DutyState, error)
}

// ListDuties draws the duties: what each does, how its last run went, and when the next is.
func ListDuties(pages Pages, con dutyLister) echo.HandlerFunc {
	return func(c echo.Context) error {
		list, err := con.ListDuties(c.Request().Context(), actor(c))
		if err != nil {
			return err
		}
		vm := draw.Duties(pages.Shell(c, "Duties", "operations"), list, pages.clock())
		return Render(c, http.StatusOK, views.DutiesPage(vm))
	}
}
