package handlers

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/fold"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

// awaitScoped is how long a form waits for its restore before it shows the live page: most have ended by then.
const awaitScoped = 2500 * time.Millisecond

type scopedAwaiter interface {
	Await(ctx context.Context, actor keepsake.Actor, operation string, most time.Duration) (console.Operation, error)
}

type scopeRestorer interface {
	scopePreviewer
	scopedAwaiter
	RestoreScope(ctx context.Context, actor keepsake.Actor, in console.RestoreScopeInput) (console.Operation, error)
}

type scopedRestoreReader interface {
	GetScopedRestore(ctx context.Context, actor keepsake.Actor, restore string) (*scope.Undo, error)
}

// RestoreScope starts a restore that makes the changes of a preview, when the person typed its name and the preview
// is still true.
func RestoreScope(pages Pages, con scopeRestorer) echo.HandlerFunc {
	return func(c echo.Context) error {
		scope, err := scoped(c)
		if err != nil {
			return err
		}
		form := c.Request().Form
		in := console.RestoreScopeInput{
			ScopedInput:  scope,
			Fingerprint:  form.Get("fingerprint"),
			Name:         form.Get("name"),
			Confirmation: form.Get("confirm"),
			Skip:         form["skip"],
		}
		if form.Get("shown") != draw.ShownChoice(scope, in.Skip) {
			return previewAgain(c, pages, con, in, http.StatusConflict, func(vm *views.ScopePreview) {
				vm.Notices = append(vm.Notices, ui.Notice{
					Tone:  ui.ToneWarn,
					Title: "Nothing was changed",
					Text: "What you chose was not what the page had compared. This is what your choice does now: look at it, " +
						"then confirm it.",
				})
			})
		}
		o, err := con.RestoreScope(c.Request().Context(), actor(c), in)
		if keepsake.CodeOf(err) == keepsake.CodeProof && err != nil {
			return proveFirst(c, draw.ScopedPath(scope.Scope)+draw.ScopedQuery(scope))
		}
		if keepsake.CodeOf(err) == keepsake.CodeUnavailable && err != nil && !con.KnownPlatform().Writable() {
			return cannotBringBack(c, pages, con, scope, err, in.Skip...)
		}
		if keepsake.CodeOf(err) == keepsake.CodeInvalid && err != nil && !fold.SameName(in.Confirmation, in.Name) {
			return previewAgain(c, pages, con, in, http.StatusUnprocessableEntity, func(vm *views.ScopePreview) {
				vm.Error = "That is not the name. Type it as it stands above; nothing was changed."
			})
		}
		if err != nil {
			return err
		}
		if o, err = con.Await(c.Request().Context(), actor(c), o.ID, awaitScoped); err != nil {
			return err
		}
		switch {
		case o.State == console.StateDone && o.Scoped != nil:
			return redirect(c, draw.ScopedURL(o.Scoped.Restore))
		case o.State == console.StateFailed && o.ErrorCode == keepsake.CodeConflict:
			return previewAgain(c, pages, con, in, http.StatusConflict, func(vm *views.ScopePreview) {
				vm.Notices = append(vm.Notices, ui.Notice{
					Tone:  ui.ToneWarn,
					Title: "Nothing was changed",
					Text:  draw.Sentence(o.ErrorMessage),
				})
			})
		default:
			return redirect(c, draw.OperationURL(o.ID))
		}
	}
}

// previewAgain shows the comparison as it is now, with what was ticked off.
func previewAgain(c echo.Context, pages Pages, con scopePreviewer, in console.RestoreScopeInput, status int,
	change func(*views.ScopePreview)) error {
	p, err := con.PreviewScope(c.Request().Context(), actor(c), in.ScopedInput)
	if err != nil {
		return err
	}
	vm, err := scopePreview(c, pages, con, in.ScopedInput, p, in.Skip)
	if err != nil {
		return err
	}
	change(&vm)
	return Render(c, status, views.ScopePreviewPage(vm))
}

// byOperation is the parameter that names the operation which made a restore or took one back.
const byOperation = "by"

// ShowScopedRestore draws what a restore into the live platform changed, with a link to its undo. Where the address
// names the operation that made it, it says what that left alone.
func ShowScopedRestore(pages Pages, con interface {
	scopedRestoreReader
	operationGetter
}) echo.HandlerFunc {
	return func(c echo.Context) error {
		ctx := c.Request().Context()
		u, err := con.GetScopedRestore(ctx, actor(c), c.Param("id"))
		if err != nil {
			return err
		}
		var leftAlone []string
		if by := c.QueryParam(byOperation); by != "" {
			o, err := con.GetOperation(ctx, actor(c), by)
			if err != nil && keepsake.CodeOf(err) != keepsake.CodeNotFound {
				return err
			}
			if o.Scoped != nil && o.Scoped.Restore == u.Restore {
				leftAlone = o.Scoped.Refused
			}
		}
		return Render(c, http.StatusOK, views.ScopeRestorePage(scopedRestore(c, pages, u, leftAlone)))
	}
}

func scopedRestore(c echo.Context, pages Pages, u *scope.Undo, refused []string) views.ScopeRestore {
	vm := views.ScopeRestore{
		Shell:     pages.Shell(c, "Restore into the platform", "weddings"),
		ID:        u.Restore,
		Name:      u.Name,
		BackURL:   "/operations",
		BackText:  "All operations",
		UndoURL:   draw.ScopedURL(u.Restore) + "/undo",
		UndoText:  "Undo this restore…",
		When:      pages.clock().When(u.Time),
		LeftAlone: refused,
		Title:     "Brought back",
		Undo:      u.Of != "",
	}
	if u.OfWedding {
		vm.BackURL, vm.BackText = draw.WeddingURL(u.ID), "To the wedding"
	}
	if u.Of != "" {
		vm.Title, vm.OfURL, vm.UndoText = "Undone", draw.ScopedURL(u.Of), "Undo this undo…"
	}
	var insert, update, remove int64
	for _, t := range u.Tables {
		table, _ := draw.PreviewTable(t, nil, draw.WasDone)
		i, up, d, _ := t.Counts()
		insert, update, remove = insert+i, update+up, remove+d
		vm.Tables = append(vm.Tables, table)
	}
	vm.Figures = []ui.Figure{{Label: "Inserted", Value: format.Count(insert)},
		{Label: "Updated", Value: format.Count(update)}, {Label: "Deleted", Value: format.Count(remove)}}
	vm.Facts = []ui.Fact{{Label: "Recovery point", Value: u.Point}, {Label: "Restore", Value: u.Restore},
		{Label: "Mode", Value: draw.ModeWords(u.Mode)}}
	return vm
}
