package handlers

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
)

type milestoneSaver interface {
	weddingReader
	SaveMilestone(ctx context.Context, actor keepsake.Actor, in console.SaveMilestoneInput) error
}

// SaveMilestone sets or forgets a milestone of a wedding.
func SaveMilestone(pages Pages, con milestoneSaver) echo.HandlerFunc {
	return func(c echo.Context) error {
		in := console.SaveMilestoneInput{WeddingID: weddingParam(c), Name: c.FormValue("name")}
		var err error
		if c.FormValue("forget") == "" {
			if in.Day, err = time.Parse(time.DateOnly, c.FormValue("day")); err != nil {
				err = keepsake.Errorf(keepsake.CodeInvalid, "A milestone needs a day: write it like 2026-12-24.")
			}
		}
		if err == nil {
			err = con.SaveMilestone(c.Request().Context(), actor(c), in)
		}
		if err == nil {
			return redirect(c, draw.WeddingURL(in.WeddingID))
		}
		if keepsake.CodeOf(err) != keepsake.CodeInvalid {
			return err
		}
		vm, failed := weddingPage(c, pages, con)
		if failed != nil {
			return failed
		}
		vm.MilestoneError, vm.MilestoneName, vm.MilestoneDay = draw.Sentence(keepsake.MessageOf(err)), c.FormValue("name"),
			c.FormValue("day")
		return Render(c, http.StatusUnprocessableEntity, views.OneWeddingPage(vm))
	}
}
