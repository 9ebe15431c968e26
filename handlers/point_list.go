package handlers

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/handlers/format"
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
		vm := views.Points{Shell: pages.Shell(c, "Recovery points", "points")}
		clock := pages.clock()
		for _, p := range page.Points {
			vm.Rows = append(vm.Rows, views.PointRow{
				URL: draw.PointURL(p.ID), Name: p.ID, Type: format.Title(p.Type), Note: p.Note, When: clock.When(p.Time),
				State: draw.PointState(p), Lacks: format.Capital(p.Lacks),
				Tables: format.Plural(int64(p.Tables), "table", "tables"),
				Rows:   format.Count(p.Rows), Size: format.Bytes(p.BytesStored), New: format.Bytes(p.BytesNew),
			})
		}
		vm.First, vm.Next, vm.Count = pager("/points", in.Cursor, page.Next, len(page.Points))
		return Render(c, http.StatusOK, views.PointsPage(vm))
	}
}
