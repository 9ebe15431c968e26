package handlers

import (
	"context"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

type emergencyReader interface {
	Emergency(ctx context.Context, actor keepsake.Actor) (console.Dashboard, error)
}

// ShowEmergency is the page for somebody who needs one wedding now.
func ShowEmergency(pages Pages, con emergencyReader) echo.HandlerFunc {
	return func(c echo.Context) error {
		d, err := con.Emergency(c.Request().Context(), actor(c))
		if err != nil {
			return err
		}
		vm := views.Emergency{Shell: pages.Shell(c, "Emergency", "emergency")}
		vm.Notices, vm.Waiting = emergencyNotices(d, vm.Shell, pages.clock()), !d.Platform.Writable()
		newest := ""
		if d.Newest != nil {
			newest = d.Newest.ID
			vm.Newest, vm.NewestURL = pages.clock().When(d.Newest.Time), pointURL(d.Newest.ID)
			vm.WholeURL = pointURL(d.Newest.ID) + "/restore"
			critical := console.ScopedInput{Tiers: []keepsake.Tier{keepsake.TierCritical}, Point: d.Newest.ID,
				Mode: scope.Missing}
			if d.Platform.Writable() {
				vm.CriticalURL = scopedPath(critical) + scopedQuery(critical)
			}
		}
		for _, o := range d.Running {
			if o.Kind == console.KindRestore || o.Kind == console.KindScoped {
				vm.Running = append(vm.Running, operationRow(o, pages.clock()))
			}
		}
		listEmergency(&vm, d, newest)
		return Render(c, http.StatusOK, views.EmergencyPage(vm))
	}
}

// emergencyNotices say what keeps the platform from helping, what stands here instead, and what to do before the first
// backup.
func emergencyNotices(d console.Dashboard, shell views.Shell, clock format.Clock) (out []ui.Notice) {
	n, trouble := platformNotice(d.Platform.Kind)
	switch {
	case d.Platform.WithoutWeddings: // the banner says it
	case d.WeddingsMissing != "" && d.WeddingsFrom.IsZero():
		n = ui.Notice{Tone: ui.ToneBad, Title: "Neither the platform nor a recovery point could be read for weddings",
			Text: sentence(d.WeddingsMissing) +
				" Reload this page in a minute. Call whoever runs the servers; nothing of what is stored is lost by this."}
		out = append(out, n)
	case d.WeddingsMissing != "":
		if !trouble {
			n = ui.Notice{Tone: ui.ToneBad, Title: "The weddings could not be read from the platform",
				Text: "Contacts and everything else can be read all the same."}
		}
		n.Text += " What you see is from the recovery point of " + clock.Exact(d.WeddingsFrom) + " (" +
			clock.Relative(d.WeddingsFrom) + ")."
		out = append(out, n)
	case trouble:
		out = append(out, n)
	}
	if d.GoneUnknown {
		out = append(out, ui.Notice{Tone: ui.ToneWarn, Title: "Weddings that were deleted may be missing below",
			Text: goneUnknown})
	}
	if d.Newest == nil && shell.Whole() {
		out = append(out, ui.Notice{Tone: ui.ToneWarn, Title: "Nothing is saved yet",
			Text: "There is no recovery point, so nothing could be looked at or brought back. Take the first backup now.",
			Href: "/backups/new", Link: "Back up now"})
	}
	return out
}

const (
	// openWeddings is how many weddings of a day the emergency page shows at once; the others of that day are folded below
	// them.
	openWeddings = 24
	// manyWeddings of today and tomorrow are found by their names sooner than by looking.
	manyWeddings = 12
)

// listEmergency puts the weddings ahead in groups: today's, tomorrow's and later ones. None of today and tomorrow is
// left out.
func listEmergency(vm *views.Emergency, d console.Dashboard, newest string) {
	groups := []views.EmergencyGroup{{ID: "now", Title: "Today", Urgent: true},
		{ID: "tomorrow", Title: "Tomorrow", Urgent: true}, {ID: "later", Title: "The next ones"}}
	counts := make([]int, len(groups))
	for _, w := range d.Weddings {
		i := min(max(w.DaysLeft, 0), len(groups)-1) // of yesterday by now, where midnight came while they were looked for
		g := &groups[i]
		counts[i]++
		row := views.EmergencyWedding{Wedding: weddingOf(w)}
		if newest != "" { // the page says once, above them all, that nothing is saved yet
			row.Offers = weddingOffers(vm.Shell, d.Platform, w.ID, newest)
		}
		if len(g.First) < openWeddings {
			g.First = append(g.First, row)
		} else {
			g.Rest = append(g.Rest, row)
		}
	}
	for i := range groups {
		g := &groups[i]
		if g.Urgent && counts[i] > 0 {
			g.Title = fmt.Sprintf("%s: %s", g.Title, format.Plural(int64(counts[i]), "wedding", "weddings"))
		}
		g.RestTitle = format.Plural(int64(len(g.Rest)), "more wedding", "more weddings")
		if g.Urgent || counts[i] > 0 {
			vm.Groups = append(vm.Groups, *g)
		}
	}
	vm.Many = counts[0]+counts[1] > manyWeddings
	vm.More = weddingsCut(d, len(d.Weddings))
}

// weddingsCut says how many weddings of the next year are not among the first shown, "" where there is none.
func weddingsCut(d console.Dashboard, shown int) string {
	hidden := d.WeddingsAhead - shown
	switch {
	case hidden <= 0:
		return ""
	case d.WeddingsAhead > console.MostAhead:
		return fmt.Sprintf("More than %s other weddings lie ahead.", format.Count(int64(console.MostAhead-shown)))
	default:
		return fmt.Sprintf("%s within a year.", format.Plural(int64(hidden), "more wedding", "more weddings"))
	}
}
