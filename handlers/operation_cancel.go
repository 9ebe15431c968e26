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

type operationGetter interface {
	GetOperation(ctx context.Context, actor keepsake.Actor, id string) (console.Operation, error)
}

type operationCanceller interface {
	CancelOperation(ctx context.Context, actor keepsake.Actor, id string) error
}

// ShowCancel draws the page that asks a person to confirm that an operation shall stop.
func ShowCancel(pages Pages, con operationGetter) echo.HandlerFunc {
	return func(c echo.Context) error {
		o, err := con.GetOperation(c.Request().Context(), actor(c), c.Param("id"))
		if err != nil {
			return err
		}
		vm := draw.Cancel(pages.Shell(c, "Cancel", "operations"), o)
		if o.IsOthersRestore(actor(c)) {
			vm.Notices = proofNotice(c, pages, "cancelling somebody else’s restore")
		}
		return Render(c, http.StatusOK, views.CancelPage(vm))
	}
}

// CancelOperation stops an operation at its next safe place.
func CancelOperation(con operationCanceller) echo.HandlerFunc {
	return func(c echo.Context) error {
		err := con.CancelOperation(c.Request().Context(), actor(c), c.Param("id"))
		if keepsake.CodeOf(err) == keepsake.CodeProof && err != nil {
			return proveFirst(c, draw.OperationURL(c.Param("id"))+"/cancel")
		}
		if err != nil {
			return err
		}
		return redirect(c, draw.OperationURL(c.Param("id")))
	}
}
