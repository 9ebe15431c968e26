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

type pointReader interface {
	pointGetter
	platformKnower
	OperationLog(ctx context.Context, actor keepsake.Actor, id string, after int64, limit int) ([]console.LogLine, error)
}

type pointGetter interface {
	GetPoint(ctx context.Context, actor keepsake.Actor, id string) (console.PointDetail, error)
}

// ShowPoint draws one recovery point: copies, tables, sizes, checksums, schema, tests and the log of the backup that
// made it.
func ShowPoint(pages Pages, con pointReader) echo.HandlerFunc {
	return func(c echo.Context) error {
		vm, err := pointPage(c, pages, con)
		if err != nil {
			return err
		}
		if q := c.QueryParams(); q.Has(editNote) {
			vm.EditNote, vm.EditLabels, vm.EditLocked = q.Get(editNote), q.Get(editLabels), q.Get(editLocked) != ""
			vm.EditError = "This is not saved yet: press Save again."
		}
		return Render(c, http.StatusOK, views.PointPage(vm))
	}
}

func pointPage(c echo.Context, pages Pages, con pointReader) (views.Point, error) {
	ctx := c.Request().Context()
	d, err := con.GetPoint(ctx, actor(c), c.Param("id"))
	if err != nil {
		return views.Point{}, err
	}
	var lines []console.LogLine // of the backup that made it
	if d.Point.Operation != "" {
		lines, err = con.OperationLog(ctx, actor(c), d.Point.Operation, 0, shownLines)
		if err != nil && keepsake.CodeOf(err) != keepsake.CodeNotFound {
			return views.Point{}, err
		}
	}
	vm := draw.Point(pages.Shell(c, "Recovery point", "points"), d, lines, pages.clock())
	vm.Live = con.Platform(ctx).Writable()
	return vm, nil
}
