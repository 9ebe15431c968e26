package handlers

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
)

type weddingLister interface {
	platformKnower
	ListWeddings(ctx context.Context, actor keepsake.Actor, in console.WeddingsInput) (console.WeddingPage, error)
}

// ListWeddings draws the weddings that a search finds, a page at a time, nearest first.
func ListWeddings(pages Pages, con weddingLister) echo.HandlerFunc {
	return func(c echo.Context) error {
		in := console.WeddingsInput{Search: strings.TrimSpace(c.QueryParam("search")), Cursor: c.QueryParam("from")}
		page, err := con.ListWeddings(c.Request().Context(), actor(c), in)
		if err != nil {
			return err
		}
		vm := draw.Weddings(pages.Shell(c, "Weddings", "weddings"), page, in.Search, pages.clock())
		vm.Explained = vm.Shell.Whole() && con.KnownPlatform().Readable()
		query := func(from string) string {
			q := url.Values{}
			if in.Search != "" {
				q.Set("search", in.Search)
			}
			if from != "" {
				q.Set("from", from)
			}
			if len(q) == 0 {
				return "/weddings"
			}
			return "/weddings?" + q.Encode()
		}
		if in.Cursor != "" {
			vm.First = query("")
		}
		if page.Next != "" {
			vm.Next = query(page.Next)
		}
		return Render(c, http.StatusOK, views.WeddingsPage(vm))
	}
}
