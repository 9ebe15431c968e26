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

type dashboardReader interface {
	Dashboard(ctx context.Context, actor keepsake.Actor) (console.Dashboard, error)
}

// ShowDashboard draws the overview. It answers whether everything is safe, and if not, what is missing.
func ShowDashboard(pages Pages, con dashboardReader) echo.HandlerFunc {
	return func(c echo.Context) error {
		d, err := con.Dashboard(c.Request().Context(), actor(c))
		if err != nil {
			return err
		}
		vm := draw.Dashboard(pages.Shell(c, "Overview", "overview"), d, pages.clock())
		return Render(c, http.StatusOK, views.DashboardPage(vm))
	}
}
