package handlers

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
)

// platformKnower says how the platform stands, and how it stood a moment ago.
type platformKnower interface {
	KnownPlatform() console.PlatformState
	Platform(ctx context.Context) console.PlatformState
}

// cannotBringBack answers for a platform that cannot be written into: with what works meanwhile.
func cannotBringBack(c echo.Context, pages Pages, con scopePreviewer, in console.ScopedInput, err error,
	skip ...string) error {
	shell := pages.Shell(c, "Bring back", "weddings")
	vm := views.CannotBringBack{
		Shell: shell,
		Name:  "Everything that the recovery points hold can be read, and restored into a database elsewhere.",
	}
	vm.BackURL, vm.BackText = draw.ScopeBack(in)
	vm.Notice, _ = draw.PlatformNotice(con.KnownPlatform().Kind)
	vm.Notice.Text = draw.Sentence(keepsake.MessageOf(err))
	vm.Address = draw.ScopedPath(in.Scope) + draw.ScopedQuery(in)
	for _, name := range skip {
		vm.Kept = append(vm.Kept, views.Field{Name: "skip", Value: name})
	}
	if len(vm.Kept) > 0 {
		vm.Kept, vm.Again = append(draw.ScopedInputFields(in), vm.Kept...), draw.ScopedPath(in.Scope)+"/review"
	}
	newest := newestPoint(c.Request().Context(), con, actor(c))
	switch {
	case newest == "":
		vm.Offers.Why = "There is no recovery point that this console knows of. On the command line, keepsake points asks " +
			"every provider."
	case in.Scope.WeddingID() != "":
		vm.Offers = draw.WeddingOffers(shell, con.KnownPlatform(), in.Scope.WeddingID(), newest)
	case shell.Whole():
		q := draw.ScopedFields(in.Scope)
		vm.Offers.ElsewhereURL = draw.PointURL(newest) + "/restore?" + q.Encode()
		q.Set("format", "csv")
		q.Set("point", newest)
		vm.Offers.ExportURL = "/platform/export?" + q.Encode()
	}
	return Render(c, http.StatusServiceUnavailable, views.CannotBringBackPage(vm))
}

// nothingSaved answers for a console that knows no recovery point: there is nothing to compare with.
func nothingSaved(c echo.Context, pages Pages, in console.ScopedInput) error {
	vm := views.NothingSaved{Shell: pages.Shell(c, "Nothing is saved yet", "weddings")}
	vm.BackURL, vm.BackText = draw.ScopeBack(in)
	return Render(c, http.StatusOK, views.NothingSavedPage(vm))
}

// nothingSavedYet answers with what to do first, where err only says that something is not there and the console knows
// no recovery point at all; any other error it returns. A download is not found, so that no script takes the page for
// it.
func nothingSavedYet(c echo.Context, pages Pages, con pointLister, status int, err error) error {
	if keepsake.CodeOf(err) != keepsake.CodeNotFound || err == nil ||
		newestPoint(c.Request().Context(), con, actor(c)) != "" {
		return err
	}
	vm := views.NothingSaved{
		Shell:    pages.Shell(c, "Nothing is saved yet", "weddings"),
		BackURL:  "/weddings",
		BackText: "All weddings",
	}
	return Render(c, status, views.NothingSavedPage(vm))
}

// newestPoint is the id of the newest recovery point; "" where there is none, or none can be asked for.
func newestPoint(ctx context.Context, con pointLister, actor keepsake.Actor) string {
	points, err := con.ListPoints(ctx, actor, console.PointsInput{Limit: 1})
	if err != nil || len(points.Points) == 0 {
		return ""
	}
	return points.Points[0].ID
}
