package handlers

import (
	"context"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
)

type pointSaver interface {
	pointReader
	SavePoint(ctx context.Context, actor keepsake.Actor, in console.SavePointInput) error
}

// SavePoint changes note, labels and lock of a recovery point.
func SavePoint(pages Pages, con pointSaver) echo.HandlerFunc {
	return func(c echo.Context) error {
		in := console.SavePointInput{ID: c.Param("id"), Note: strings.TrimSpace(c.FormValue("note")), Locked: c.FormValue("locked") != ""}
		labels, wrong := parseLabels(c.FormValue("labels"))
		in.Labels = labels
		err := error(nil)
		if wrong == "" {
			if err = con.SavePoint(c.Request().Context(), actor(c), in); err == nil {
				return redirect(c, pointURL(in.ID))
			}
			if keepsake.CodeOf(err) != keepsake.CodeInvalid {
				return err
			}
			wrong = sentence(keepsake.MessageOf(err))
		}
		vm, err := pointPage(c, pages, con)
		if err != nil {
			return err
		}
		vm.EditNote, vm.EditLabels, vm.EditLocked, vm.EditError = in.Note, c.FormValue("labels"), in.Locked, wrong
		return Render(c, http.StatusUnprocessableEntity, views.PointPage(vm))
	}
}

// labelsText writes labels as parseLabels reads them.
func labelsText(labels map[string]string) string {
	var parts []string
	for _, name := range sortedKeys(labels) {
		parts = append(parts, name+"="+labels[name])
	}
	return strings.Join(parts, ", ")
}
