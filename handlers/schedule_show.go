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

type scheduleReader interface {
	GetSchedule(ctx context.Context, actor keepsake.Actor) (console.ScheduleState, error)
}

// ShowSchedule draws when backups begin by themselves: the next one, how often while which weddings are where, and what
// comes after.
func ShowSchedule(pages Pages, con scheduleReader) echo.HandlerFunc {
	return func(c echo.Context) error {
		s, err := con.GetSchedule(c.Request().Context(), actor(c))
		if err != nil {
			return err
		}
		vm := draw.Schedule(pages.Shell(c, "Schedule", "operations"), s, pages.clock())
		return Render(c, http.StatusOK, views.SchedulePage(vm))
	}
}
