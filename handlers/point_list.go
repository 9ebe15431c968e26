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

type pointLister interface {
	ListPoints(ctx context.Context, actor keepsake.Actor, in console.PointsInput) (console.PointPage, error)
}

// ListPoints draws the list of recovery points, a page at a time.
func ListPoints(pages Pages, con pointLister) echo.HandlerFunc {
	return func(c echo.Context) error {
		in := console.PointsInput{Cursor: c.QueryParam("cursor")}
		page, err := con.ListPoints(c.Request().Context(), actor(c), in)
		if err != nil {
			return err
		}
		vm := draw.Points(pages.Shell(c, "Recovery points", "points"), page.Points, pages.clock())
		if vm.Shell.Whole() && actor(c).Organization == "" {
			vm.RetentionURL = "/retention"
		}
		vm.First, vm.Next, vm.Count = pager("/points", in.Cursor, page.Next, len(page.Points))
		return Render(c, http.StatusOK, views.PointsPage(vm))
	}
}
