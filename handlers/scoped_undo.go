package handlers

import (
	"context"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

type scopeUndoer interface {
	scopedRestoreReader
	scopedAwaiter
	UndoScope(ctx context.Context, actor keepsake.Actor, restore string) (console.Operation, error)
}

// ShowUndo draws the page that asks once before a restore into the live platform is undone, and says what that does
// to which rows. It changes nothing.
func ShowUndo(pages Pages, con scopedRestoreReader) echo.HandlerFunc {
	return func(c echo.Context) error {
		return askUndo(c, pages, con, http.StatusOK)
	}
}

// askUndo is the question, with what kept the last answer from being followed.
func askUndo(c echo.Context, pages Pages, con scopedRestoreReader, status int, notices ...ui.Notice) error {
	u, err := con.GetScopedRestore(c.Request().Context(), actor(c), c.Param("id"))
	if err != nil {
		return err
	}
	vm := views.UndoAsk{
		Shell:   pages.Shell(c, "Undo a restore", "weddings"),
		Name:    u.Name,
		Title:   "Undo this restore?",
		Button:  "Undo this restore",
		Keep:    "Keep it as it is",
		When:    pages.clock().When(u.Time),
		BackURL: draw.ScopedURL(u.Restore),
		Action:  draw.ScopedURL(u.Restore) + "/undo",
		Lines:   draw.UndoLines(u.Tables),
		Notices: append(notices, proofNotice(c, pages, "undoing")...),
	}
	if u.Of != "" {
		vm.Title, vm.Button = "Undo this undo?", "Undo this undo"
	}
	return Render(c, status, views.UndoAskPage(vm))
}

// UndoScope starts the undo of a restore into the live platform.
func UndoScope(pages Pages, con scopeUndoer) echo.HandlerFunc {
	return func(c echo.Context) error {
		ctx := c.Request().Context()
		o, err := con.UndoScope(ctx, actor(c), c.Param("id"))
		if keepsake.CodeOf(err) == keepsake.CodeProof && err != nil {
			return proveFirst(c, draw.ScopedURL(c.Param("id"))+"/undo")
		}
		if keepsake.CodeOf(err) == keepsake.CodeUnavailable && err != nil {
			return askUndo(c, pages, con, http.StatusServiceUnavailable,
				ui.Notice{Tone: ui.ToneBad, Title: "Nothing was undone", Text: draw.Sentence(keepsake.MessageOf(err))})
		}
		if err == nil {
			o, err = con.Await(ctx, actor(c), o.ID, awaitScoped)
		}
		if err != nil {
			return err
		}
		switch {
		case o.State == console.StateFailed && o.ErrorCode == keepsake.CodeConflict:
			u, err := con.GetScopedRestore(ctx, actor(c), c.Param("id"))
			if err != nil {
				return err
			}
			vm := scopedRestore(c, pages, u, nil)
			vm.Notices = []ui.Notice{{Tone: ui.ToneBad, Title: "Nothing was undone", Text: draw.Sentence(o.ErrorMessage)}}
			return Render(c, http.StatusConflict, views.ScopeRestorePage(vm))
		case o.State != console.StateDone || o.Scoped == nil:
			return redirect(c, draw.OperationURL(o.ID)) // which says what is known of it
		}
		return redirect(c, draw.ScopedURL(o.Scoped.Restore)+"?"+url.Values{byOperation: {o.ID}}.Encode())
	}
}
