package handlers

import (
	"context"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
)

type pointReader interface {
	pointGetter
	platformKnower
	OperationLog(ctx context.Context, actor keepsake.Actor, id string, after int64, limit int) ([]console.LogLine, error)
}

type pointGetter interface {
	GetPoint(ctx context.Context, actor keepsake.Actor, id string) (console.PointDetail, error)
}

// ShowPoint draws one recovery point: copies, tables, sizes, checksums, schema, tests and the log of the backup that
// made it.
func ShowPoint(pages Pages, con pointReader) echo.HandlerFunc {
	return func(c echo.Context) error {
		vm, err := pointPage(c, pages, con)
		if err != nil {
			return err
		}
		return Render(c, http.StatusOK, views.PointPage(vm))
	}
}

func pointPage(c echo.Context, pages Pages, con pointReader) (views.Point, error) {
	ctx, clock := c.Request().Context(), pages.clock()
	d, err := con.GetPoint(ctx, actor(c), c.Param("id"))
	if err != nil {
		return views.Point{}, err
	}
	p := d.Point
	vm := views.Point{
		Shell: pages.Shell(c, "Recovery point", "points"), ID: p.ID, Title: clock.Exact(p.Time), When: clock.When(p.Time),
		Type: format.Title(p.Type) + " backup", Note: p.Note, State: draw.PointState(p), Notices: draw.PointNotices(d),
		Figures: append(draw.PointFigures(p), draw.ProofFigures(d)...),
		Live:    con.Platform(ctx).Writable(), Copies: draw.Copies(p.Copies),
		Repair: slices.ContainsFunc(p.Copies, func(cp keepsake.Copy) bool { return !cp.Confirmed }),
		Lacks:  format.Capital(p.Lacks), Facts: draw.PointFacts(d), Tests: draw.PointTests(d.Tests, clock),
		Missing: d.Missing,
	}
	if d.Detail != nil {
		vm.NotCarried, vm.Tiers = draw.NotCarried(d.Detail.NotCarried), draw.PointTiers(d.Detail.TableList, p.Proof)
	}
	if p.Operation != "" {
		lines, err := con.OperationLog(ctx, actor(c), p.Operation, 0, shownLines)
		if err != nil && keepsake.CodeOf(err) != keepsake.CodeNotFound {
			return views.Point{}, err
		}
		vm.Log = views.Log{Lines: draw.LogLines(lines, clock), More: "Of the backup that made it.",
			URL: draw.OperationURL(p.Operation) + "/log"}
	}
	vm.EditNote, vm.EditLabels, vm.EditLocked = p.Note, draw.LabelsText(p.Labels), p.Locked
	vm.WasNote, vm.WasLabels, vm.WasLocked = vm.EditNote, vm.EditLabels, vm.EditLocked
	return vm, nil
}
