package handlers

import (
	"context"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
)

type operationLister interface {
	ListOperations(ctx context.Context, actor keepsake.Actor, in console.ListInput) (console.OperationPage, error)
}

// ListOperations draws the list of operations, a page at a time.
func ListOperations(pages Pages, con operationLister) echo.HandlerFunc {
	return func(c echo.Context) error {
		in := console.ListInput{Cursor: c.QueryParam("cursor")}
		page, err := con.ListOperations(c.Request().Context(), actor(c), in)
		if err != nil {
			return err
		}
		vm := draw.Operations(pages.Shell(c, "Operations", "operations"), page.Operations, pages.clock())
		if actor(c).Organization == "" {
			vm.DutiesURL, vm.ScheduleURL = "/duties", "/schedule"
		}
		vm.First, vm.Next, vm.Count = pager("/operations", in.Cursor, page.Next, len(page.Operations))
		return Render(c, http.StatusOK, views.OperationsPage(vm))
	}
}

// pager returns the addresses of the newest and the next page of a list, and words about this one.
func pager(path, cursor, following string, shown int) (first, next, words string) {
	if cursor != "" {
		first = path
	}
	if following != "" {
		next = path + "?" + url.Values{"cursor": {following}}.Encode()
	}
	if cursor == "" {
		return first, next, "The newest " + format.Count(int64(shown))
	}
	return first, next, format.Count(int64(shown)) + " on this page"
}
