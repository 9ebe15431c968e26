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

type pointSaver interface {
	pointReader
	SavePoint(ctx context.Context, actor keepsake.Actor, in console.SavePointInput) error
}

// The parameters of a recovery point's page that hold what somebody wrote and did not save, because their password was
// asked for first.
const (
	editNote   = "note"
	editLabels = "labels"
	editLocked = "locked"
)

// SavePoint changes the note, labels and lock of a recovery point. It saves only what this person changed, so that
// what others saved since the form was drawn stays.
func SavePoint(pages Pages, con pointSaver) echo.HandlerFunc {
	return func(c echo.Context) error {
		in := console.SavePointInput{ID: c.Param("id")}
		note, text, locked := c.FormValue("note"), c.FormValue("labels"), c.FormValue("locked") != ""
		noteWas, textWas, lockedWas := c.FormValue("note_was"), c.FormValue("labels_was"), c.FormValue("locked_was") != ""
		if note != noteWas {
			in.Note = new(strings.TrimSpace(note))
		}
		if locked != lockedWas {
			in.Locked = &locked
		}
		var wrong string
		if text != textWas {
			in.Labels, wrong = parseLabels(text)
		}
		if wrong == "" {
			err := con.SavePoint(c.Request().Context(), actor(c), in)
			if err == nil {
				return redirect(c, draw.PointURL(in.ID))
			}
			if keepsake.CodeOf(err) == keepsake.CodeProof {
				return proveFirst(c, draw.PointURL(in.ID)+"?"+url.Values{
					editNote:   {note},
					editLabels: {text},
					editLocked: {c.FormValue("locked")},
				}.Encode())
			}
			if keepsake.CodeOf(err) != keepsake.CodeInvalid {
				return err
			}
			wrong = draw.Sentence(keepsake.MessageOf(err))
		}
		vm, err := pointPage(c, pages, con)
		if err != nil {
			return err
		}
		vm.EditNote, vm.EditLabels, vm.EditLocked, vm.EditError = note, text, locked, wrong
		vm.WasNote, vm.WasLabels, vm.WasLocked = noteWas, textWas, lockedWas
		return Render(c, http.StatusUnprocessableEntity, views.PointPage(vm))
	}
}
