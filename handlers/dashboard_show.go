package handlers

import (
	"context"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
)

type dashboardReader interface {
	Dashboard(ctx context.Context, actor keepsake.Actor) (console.Dashboard, error)
}

// ShowDashboard draws the overview. It answers whether everything is safe, and if not, what is missing.
func ShowDashboard(pages Pages, con dashboardReader) echo.HandlerFunc {
	return func(c echo.Context) error {
		d, err := con.Dashboard(c.Request().Context(), actor(c))
		if err != nil {
			return err
		}
		clock := pages.clock()
		vm := views.Dashboard{
			Shell: pages.Shell(c, "Overview", "overview"), Verdict: draw.Verdict(d, clock),
			Legs: draw.Legs(d), Last: draw.LastBackup(d, clock),
			Live: len(d.Running) > 0, WeddingsNote: d.WeddingsMissing,
		}
		if banner := draw.PlatformBanner(d); banner != "" {
			vm.Shell.Banner = banner
			// the banner says the rest
			vm.WeddingsNote = strings.TrimSpace(strings.TrimPrefix(d.WeddingsMissing, d.Platform.Words))
		}
		if d.WeddingsMissing == "" && len(d.Weddings) == 0 {
			vm.WeddingsNote = "No wedding lies ahead."
		}
		if d.GoneUnknown {
			vm.WeddingsNote = strings.TrimSpace(vm.WeddingsNote + " " + draw.GoneUnknown)
		}
		if vm.Live {
			vm.Shell.Refresh = "5"
		}
		for _, o := range d.Running {
			vm.Running = append(vm.Running, draw.Strip(o, draw.Live(o, &draw.Pace{})))
		}
		for _, p := range d.Providers {
			vm.Providers = append(vm.Providers, draw.ProviderCard(p, clock))
		}
		shown := d.Weddings[:min(len(d.Weddings), draw.OverviewWeddings)]
		for _, w := range shown {
			vm.Weddings = append(vm.Weddings, draw.Wedding(w))
		}
		vm.WeddingsMore = draw.WeddingsCut(d, len(shown))
		for _, o := range d.Recent {
			vm.Recent = append(vm.Recent, draw.OperationRow(o, clock))
		}
		return Render(c, http.StatusOK, views.DashboardPage(vm))
	}
}
