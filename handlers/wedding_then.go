package handlers

import (
	"cmp"
	"context"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

type weddingAtReader interface {
	platformKnower
	pointLister
	FindContacts(ctx context.Context, actor keepsake.Actor, wedding, point string) (console.WeddingContacts, error)
	LookAtWedding(ctx context.Context, actor keepsake.Actor, wedding, point string) (console.WeddingLook, error)
	GetWeddingAt(ctx context.Context, actor keepsake.Actor, wedding, point string) (engine.WeddingAt, error)
}

// ShowWeddingThen shows a wedding's rows as they were.
func ShowWeddingThen(pages Pages, con weddingAtReader) echo.HandlerFunc {
	return func(c echo.Context) error {
		id := weddingParam(c)
		w, err := con.LookAtWedding(c.Request().Context(), actor(c), id, c.QueryParam("point"))
		if err != nil {
			return nothingSavedYet(c, pages, con, http.StatusOK, err)
		}
		w.Name = cmp.Or(w.Name, id)
		point := url.QueryEscape(w.Point)
		vm := views.WeddingThen{Shell: pages.Shell(c, "A wedding as it was", "weddings"), Name: w.Name,
			When: pages.clock().When(w.Time), PointURL: pointURL(w.Point),
			BackURL: weddingURL(id), BackText: "To the wedding", CSV: weddingURL(id) + "/export?format=csv&point=" + point,
			JSON:        weddingURL(id) + "/export?format=json&point=" + point,
			ContactsURL: weddingURL(id) + "/contacts?point=" + point, Read: "Read " + format.Count(w.ChunksRead) + " of " +
				format.Count(w.ChunksTotal) + " chunks."}
		if w.Platform.Writable() && !vm.Shell.Standby {
			vm.BackURL, vm.BackText = weddingURL(id)+"/restore?point="+point, "Compare with now"
		}
		vm.Notices = lookNotices(w, weddingURL(id)+"/then", pages.clock())
		for _, t := range w.Tables {
			if now := w.Now[t.Table]; len(t.Rows) > 0 || now > 0 {
				table := thenTable(t)
				if w.Now != nil {
					table.Count = format.Count(now) + " now, " + format.Count(int64(len(t.Rows))) + " before"
				}
				vm.Tables = append(vm.Tables, table)
			}
		}
		return Render(c, http.StatusOK, views.WeddingThenPage(vm))
	}
}

func thenTable(t scope.TableRows) views.ThenTable {
	out := views.ThenTable{Name: format.Title(format.TableOf(t.Table)),
		Count: format.Plural(int64(len(t.Rows)), "row", "rows"), Shared: t.Belongs == scope.Shared}
	for _, c := range t.Columns {
		out.Columns = append(out.Columns, c.Name)
	}
	for i, row := range t.Rows {
		if i == rowsShown {
			out.More = format.Plural(int64(len(t.Rows)-rowsShown), "more row", "more rows")
			break
		}
		cells := make([]string, len(row))
		for j, v := range row {
			cells[j] = cellText(v)
		}
		out.Rows = append(out.Rows, cells)
	}
	return out
}

// lookNotices say where the damage lies, on which side of it the wedding is shown, and whether the platform could be
// asked.
func lookNotices(w console.WeddingLook, page string, clock format.Clock) (out []ui.Notice) {
	if d := w.Damage; d != nil {
		n := ui.Notice{Tone: ui.ToneWarn, Title: "You see the wedding from before the damage", Text: DamageWords(d, clock) +
			" This is the " + newestBefore(d) + " recovery point before that, " + clock.Second(w.Time) + "." + unsafeWords(d)}
		switch {
		case w.Time.After(d.From):
			n.Title, n.Text = "This recovery point is from after the damage", DamageWords(d, clock)+
				" What vanished is not in it."
			n.Href, n.Link = page+"?point="+url.QueryEscape(d.Point), "Look at the "+beforeIt(d)
		case w.Time.Before(d.From):
			n.Title, n.Text = "An older recovery point than the "+newestBefore(d)+" one before the damage", DamageWords(d, clock)
			n.Href, n.Link = page+"?point="+url.QueryEscape(d.Point), "Look at the "+newestBefore(d)+" one"
		}
		out = append(out, n)
	}
	if w.Unsure != nil {
		out = append(out, ui.Notice{Tone: ui.ToneWarn, Title: "Nobody looked for missing rows",
			Text: "This recovery point may be from after a damage: if something is missing, look at an older one." +
				hintFailed(w.Unsure)})
	}
	if w.Now == nil {
		n, trouble := platformNotice(w.Platform.Kind)
		if !trouble {
			n = ui.Notice{Title: "The platform could not be compared"}
		}
		n.Tone, n.Text = ui.ToneMute, "So this page shows what was, and cannot say what is there now."
		out = append(out, n)
	}
	return out
}
