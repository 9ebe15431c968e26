package handlers

import (
	"cmp"
	"context"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
)

type weddingAtReader interface {
	platformKnower
	pointLister
	FindContacts(ctx context.Context, actor keepsake.Actor, wedding, point string) (console.WeddingContacts, error)
	LookAtWedding(ctx context.Context, actor keepsake.Actor, wedding, point string) (console.WeddingLook, error)
	GetWeddingAt(ctx context.Context, actor keepsake.Actor, wedding, point string) (engine.WeddingAt, error)
}

// ShowWeddingThen shows a wedding's rows as they were.
func ShowWeddingThen(pages Pages, con weddingAtReader) echo.HandlerFunc {
	return func(c echo.Context) error {
		id := weddingParam(c)
		w, err := con.LookAtWedding(c.Request().Context(), actor(c), id, c.QueryParam("point"))
		if err != nil {
			return nothingSavedYet(c, pages, con, http.StatusOK, err)
		}
		w.Name = cmp.Or(w.Name, id)
		point := url.QueryEscape(w.Point)
		vm := views.WeddingThen{
			Shell:       pages.Shell(c, "A wedding as it was", "weddings"),
			Name:        w.Name,
			When:        pages.clock().When(w.Time),
			PointURL:    draw.PointURL(w.Point),
			BackURL:     draw.WeddingURL(id),
			BackText:    "To the wedding",
			CSV:         draw.WeddingURL(id) + "/export?format=csv&point=" + point,
			JSON:        draw.WeddingURL(id) + "/export?format=json&point=" + point,
			ContactsURL: draw.WeddingURL(id) + "/contacts?point=" + point,
			Read:        "Read " + format.Count(w.ChunksRead) + " of " + format.Count(w.ChunksTotal) + " chunks.",
		}
		if w.Platform.Writable() && !vm.Shell.Standby {
			vm.BackURL, vm.BackText = draw.WeddingURL(id)+"/restore?point="+point, "Compare with now"
		}
		vm.Notices = draw.LookNotices(w, draw.WeddingURL(id)+"/then", pages.clock())
		for _, t := range w.Tables {
			if now := w.Now[t.Table]; len(t.Rows) > 0 || now > 0 {
				table := draw.ThenTable(t)
				if w.Now != nil {
					table.Count = format.Count(now) + " now, " + format.Count(int64(len(t.Rows))) + " before"
				}
				vm.Tables = append(vm.Tables, table)
			}
		}
		return Render(c, http.StatusOK, views.WeddingThenPage(vm))
	}
}
