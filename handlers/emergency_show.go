package handlers

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine/scope"
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
		vm := views.Emergency{Shell: pages.Shell(c, "Emergency", "emergency")}
		vm.Notices, vm.Waiting = draw.EmergencyNotices(d, vm.Shell, pages.clock()), !d.Platform.Writable()
		newest := ""
		if d.Newest != nil {
			newest = d.Newest.ID
			vm.Newest, vm.NewestURL = pages.clock().When(d.Newest.Time), draw.PointURL(d.Newest.ID)
			vm.WholeURL = draw.PointURL(d.Newest.ID) + "/restore"
			critical := console.ScopedInput{Scope: keepsake.MustScope(keepsake.TierScope(keepsake.TierCritical)),
				Point: d.Newest.ID, Mode: scope.Missing}
			if d.Platform.Writable() {
				vm.CriticalURL = draw.ScopedPath(critical.Scope) + draw.ScopedQuery(critical)
			}
		}
		for _, o := range d.Running {
			if o.Kind == console.KindRestore || o.Kind == console.KindScoped {
				vm.Running = append(vm.Running, draw.OperationRow(o, pages.clock()))
			}
		}
		draw.ListEmergency(&vm, d, newest)
		return Render(c, http.StatusOK, views.EmergencyPage(vm))
	}
}
