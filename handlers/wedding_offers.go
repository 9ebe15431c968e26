package handlers

import (
	"context"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

// platformKnower says how the platform stands, and how it stood a moment ago.
type platformKnower interface {
	KnownPlatform() console.PlatformState
	Platform(ctx context.Context) console.PlatformState
}

// weddingOffers are what can be done for a wedding, as the platform stands; newest is the id of the newest recovery
// point that holds it, "" for none.
func weddingOffers(shell views.Shell, platform console.PlatformState, wedding, newest string) views.WeddingOffers {
	base := weddingURL(wedding)
	if newest == "" {
		o := views.WeddingOffers{Why: "No recovery point holds this wedding yet, so there is nothing to look at or " +
			"to bring back."}
		if shell.Whole() && platform.Readable() {
			o.BackupURL = "/backups/new"
		}
		return o
	}
	o := views.WeddingOffers{ContactsURL: base + "/contacts", ContactsText: "Vendor contacts now", ThenURL: base + "/then",
		RestoreText: "Bring this wedding back"}
	switch {
	case shell.Standby:
	case platform.Writable():
		o.RestoreURL = base + "/restore"
		return o
	case shell.Whole():
		o.ElsewhereURL = pointURL(newest) + "/restore?" + url.Values{"wedding": {wedding}}.Encode()
	}
	o.ExportURL = base + "/export?format=csv"
	o.ExportNote = "The ZIP is from the newest safe recovery point, as the look is. Its name says of when, in UTC."
	return o
}

// platformNotice says what is the matter with the platform, without naming its server: whoever reads it may stand
// anywhere. false where nothing is.
func platformNotice(kind console.PlatformKind) (n ui.Notice, known bool) {
	n, known = map[console.PlatformKind]ui.Notice{
		console.PlatformAway: {Title: "The platform does not answer",
			Text: "Nothing can be brought back into it until it does; everything else on this page works."},
		console.PlatformRefuses: {Title: "The platform does not let Keepsake in",
			Text: "Its server is there, but refuses Keepsake's role, password or database: keepsake doctor says which. " +
				"Everything else on this page works."},
		console.PlatformSlow: {Title: "The platform answers slowly",
			Text: "It takes Keepsake's connection, but does not answer in time. What comes from recovery points does " +
				"not wait for it."},
		console.PlatformReadOnly: {Title: "The platform's server is a standby",
			Text: "It can be read and backed up, but nothing can be brought back into it until it is promoted, or " +
				"platform.url names the primary."},
	}[kind]
	n.Tone = ui.ToneBad
	return n, known
}

// cannotBringBack answers for a platform that cannot be written into: with what works meanwhile.
func cannotBringBack(c echo.Context, pages Pages, con scopePreviewer, in console.ScopedInput, err error,
	skip ...string) error {
	shell := pages.Shell(c, "Bring back", "weddings")
	vm := views.CannotBringBack{Shell: shell,
		Name: "Everything that the recovery points hold can be read, and restored into a database elsewhere."}
	vm.BackURL, vm.BackText = scopeBack(in)
	vm.Notice, _ = platformNotice(con.KnownPlatform().Kind)
	vm.Notice.Text = sentence(keepsake.MessageOf(err))
	vm.Address = scopedPath(in) + scopedQuery(in)
	for _, name := range skip {
		vm.Kept = append(vm.Kept, views.Field{Name: "skip", Value: name})
	}
	if len(vm.Kept) > 0 {
		vm.Kept, vm.Again = append(fields(in), vm.Kept...), scopedPath(in)+"/review"
	}
	newest := newestPoint(c.Request().Context(), con, actor(c))
	switch {
	case newest == "":
		vm.Offers.Why = "There is no recovery point that this console knows of. On the command line, keepsake points asks " +
			"every provider."
	case in.Wedding != "":
		vm.Offers = weddingOffers(shell, con.KnownPlatform(), in.Wedding, newest)
	case shell.Whole():
		q := scopedFields(in)
		vm.Offers.ElsewhereURL = pointURL(newest) + "/restore?" + q.Encode()
		q.Set("format", "csv")
		q.Set("point", newest)
		vm.Offers.ExportURL = "/platform/export?" + q.Encode()
	}
	return Render(c, http.StatusServiceUnavailable, views.CannotBringBackPage(vm))
}

// nothingSaved answers for a console that knows no recovery point: there is nothing to compare with.
func nothingSaved(c echo.Context, pages Pages, in console.ScopedInput) error {
	vm := views.NothingSaved{Shell: pages.Shell(c, "Nothing is saved yet", "weddings")}
	vm.BackURL, vm.BackText = scopeBack(in)
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
	vm := views.NothingSaved{Shell: pages.Shell(c, "Nothing is saved yet", "weddings"), BackURL: "/weddings",
		BackText: "All weddings"}
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
