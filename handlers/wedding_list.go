package handlers

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
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
		vm := views.Weddings{Shell: pages.Shell(c, "Weddings", "weddings"), Search: in.Search, Searching: in.Search != "",
			Notices: draw.WeddingNotices(page.Missing, page.From.IsZero(), "")}
		vm.Explained = vm.Shell.Whole() && con.KnownPlatform().Readable()
		for _, w := range page.Weddings {
			row := views.WeddingRow{Wedding: draw.Wedding(w)}
			for _, m := range w.Matched {
				row.Matched = append(row.Matched, format.Title(string(m.Kind))+": "+m.Text)
			}
			vm.List = append(vm.List, row)
		}
		if page.Newest != nil {
			vm.Newest = views.WeddingPoint{URL: draw.PointURL(page.Newest.ID), When: pages.clock().When(page.Newest.Time),
				State: draw.PointState(*page.Newest)}
		}
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
		vm.Count = format.Plural(int64(page.Total), "wedding", "weddings")
		if len(page.Weddings) < page.Total {
			vm.Count = format.Count(int64(len(page.Weddings))) + " of " + vm.Count + " on this page"
		}
		vm.Days = page.Days
		if page.GoneUnknown {
			vm.Notices = append(vm.Notices, ui.Notice{Tone: ui.ToneWarn,
				Title: "Weddings that were deleted may be missing below", Text: draw.GoneUnknown})
		}
		if page.VendorsMissing {
			vm.Notices = append(vm.Notices, ui.Notice{Tone: ui.ToneWarn, Title: "Vendors were not searched",
				Text: "Who works at which wedding could not be read in time. Couples, organizations, places and days were."})
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
