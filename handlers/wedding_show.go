package handlers

import (
	"cmp"
	"context"
	"fmt"
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

type weddingReader interface {
	GetWedding(ctx context.Context, actor keepsake.Actor, id string) (console.WeddingTimeline, error)
}

// ShowWedding draws one wedding: its time, its recovery points and what can be done.
func ShowWedding(pages Pages, con weddingReader) echo.HandlerFunc {
	return func(c echo.Context) error {
		vm, err := weddingPage(c, pages, con)
		if err != nil {
			return err
		}
		return Render(c, http.StatusOK, views.OneWeddingPage(vm))
	}
}

func weddingPage(c echo.Context, pages Pages, con weddingReader) (views.WeddingPage, error) {
	t, err := con.GetWedding(c.Request().Context(), actor(c), weddingParam(c))
	if err != nil {
		return views.WeddingPage{}, err
	}
	clock, base := pages.clock(), draw.WeddingURL(t.ID)
	vm := views.WeddingPage{
		Shell: pages.Shell(c, t.Couple, "weddings"), Wedding: draw.Wedding(t.Wedding),
		Notices: draw.WeddingNotices(t.Missing, false, ""), Timeline: draw.Timeline(t, clock),
		ChangesURL: base + "/changes", MilestonesURL: base + "/milestones",
		BackupURL: "/backups/new?" + url.Values{"type": {string(keepsake.BackupIncremental)}, "wedding": {t.ID}}.Encode(),
		Figures:   draw.WeddingFigures(t, clock),
	}
	vm.Offers = draw.WeddingOffers(vm.Shell, t.Platform, t.ID, cmp.Or(t.Newest, draw.NewestOf(t.Points)))
	vm.Offers.ContactsText, vm.Offers.RestoreText = "Vendor contacts", "Compare and bring back"
	if t.Platform.Writable() {
		vm.Moments = []views.PointOption{{Value: engine.Now, Text: "now, in the live platform"}}
	}
	for i, p := range t.Points {
		if i < draw.PointsOffered {
			option := views.PointOption{Value: p.ID, Text: draw.MomentText(p.Time, clock)}
			vm.Earlier, vm.Moments = append(vm.Earlier, option), append(vm.Moments, option)
		}
		if i < draw.PointsBeside {
			point := draw.WeddingPoint(t, p, clock)
			if i == 0 && !t.Platform.Writable() {
				point.ChangesURL = "" // nothing newer can be read
			}
			vm.Points = append(vm.Points, point)
		}
	}
	if more := len(t.Points) - draw.PointsBeside; more > 0 {
		vm.MorePoints = fmt.Sprintf("%s more on the timeline.", format.Count(int64(more)))
	}
	for _, m := range t.Milestones {
		vm.Milestones = append(vm.Milestones, views.MilestoneRow{Name: format.Title(m.Name), Value: m.Name,
			Day: format.Date(m.Day), Away: draw.Away(keepsake.DaysBefore(m.Day, t.Now)), Derived: m.Derived})
	}
	return vm, nil
}
