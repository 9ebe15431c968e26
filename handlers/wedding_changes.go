package handlers

import (
	"cmp"
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

type weddingChangesReader interface {
	pointLister
	platformKnower
	GetWeddingChanges(ctx context.Context, actor keepsake.Actor, wedding, from, to string) (engine.WeddingChanges, error)
}

// ShowWeddingChanges shows what changed in a wedding between two moments.
func ShowWeddingChanges(pages Pages, con weddingChangesReader) echo.HandlerFunc {
	return func(c echo.Context) error {
		ctx, clock, id := c.Request().Context(), pages.clock(), weddingParam(c)
		from, to := cmp.Or(c.QueryParam("from"), "latest"), c.QueryParam("to")
		platform := con.Platform(ctx)
		if to == "" && platform.Writable() {
			to = engine.Now
		}
		to = cmp.Or(to, "latest")
		if from == engine.Now {
			from, to = to, from
		}
		if from == engine.Now {
			return keepsake.Errorf(keepsake.CodeInvalid, "Choose two moments that differ: nothing changes between now and now.")
		}
		w, err := con.GetWeddingChanges(ctx, actor(c), id, from, to)
		if err != nil {
			return nothingSavedYet(c, pages, con, http.StatusOK, err)
		}
		list, err := con.ListPoints(ctx, actor(c), console.PointsInput{Limit: draw.PointsOffered})
		if err != nil {
			return err
		}
		vm := views.WeddingChanges{
			Shell:    pages.Shell(c, "What changed", "weddings"),
			Name:     cmp.Or(w.Name, id),
			BackURL:  draw.WeddingURL(id),
			Action:   draw.WeddingURL(id) + "/changes",
			FromWhen: clock.When(w.From),
			ToWhen:   clock.When(w.To),
			Now:      w.ToPoint == engine.Now,
			Read:     "Read " + format.Count(w.ChunksRead) + " of " + format.Count(w.ChunksTotal) + " chunks.",
		}
		if platform.Writable() {
			vm.To = []views.PointOption{{
				Value:    engine.Now,
				Text:     "now, in the live platform",
				Selected: w.ToPoint == engine.Now,
			}}
		} else {
			n, _ := draw.PlatformNotice(platform.Kind)
			n.Tone, n.Text = ui.ToneWarn, "So what is there now cannot be compared: only recovery points can."
			vm.Notices = []ui.Notice{n}
		}
		for _, p := range list.Points {
			text := draw.MomentText(p.Time, clock)
			vm.From = append(vm.From, views.PointOption{Value: p.ID, Text: text, Selected: p.ID == w.FromPoint})
			vm.To = append(vm.To, views.PointOption{Value: p.ID, Text: text, Selected: p.ID == w.ToPoint})
		}
		var insert, update, remove int64
		for _, t := range w.Tables {
			i, u, d, _ := t.Counts()
			insert, update, remove = insert+i, update+u, remove+d
			if table, shown := draw.PreviewTable(scope.TableChanges(t), nil, draw.Happened); shown {
				vm.Tables = append(vm.Tables, table)
			}
		}
		vm.Nothing, vm.Same = insert+update+remove == 0, w.FromPoint == w.ToPoint
		vm.Figures = []ui.Figure{{Label: "Added", Value: format.Count(insert)},
			{Label: "Changed", Value: format.Count(update)}, {Label: "Removed", Value: format.Count(remove)}}
		return Render(c, http.StatusOK, views.WeddingChangesPage(vm))
	}
}
