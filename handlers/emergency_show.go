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

type emergencyReader interface {
	Emergency(ctx context.Context, actor keepsake.Actor) (console.Dashboard, error)
}

// ShowEmergency draws the page for somebody who needs one wedding now.
func ShowEmergency(pages Pages, con emergencyReader) echo.HandlerFunc {
	return func(c echo.Context) error {
		d, err := con.Emergency(c.Request().Context(), actor(c))
		if err != nil {
			return err
		}
		vm := draw.Emergency(pages.Shell(c, "Emergency", "emergency"), d, pages.clock())
		return Render(c, http.StatusOK, views.EmergencyPage(vm))
	}
}
