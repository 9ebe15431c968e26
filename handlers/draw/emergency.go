package draw

import (
	"fmt"

	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

// Emergency draws the page for somebody who needs one wedding now.
func Emergency(shell views.Shell, d console.Dashboard, clock format.Clock) views.Emergency {
	vm := views.Emergency{Shell: shell}
	vm.Notices, vm.Waiting = emergencyNotices(d, vm.Shell, clock), !d.Platform.Writable()
	newest := ""
	if d.Newest != nil {
		newest = d.Newest.ID
		vm.Newest, vm.NewestURL = clock.When(d.Newest.Time), PointURL(d.Newest.ID)
		vm.WholeURL = PointURL(d.Newest.ID) + "/restore"
		critical := console.ScopedInput{
			Scope: keepsake.MustScope(keepsake.TierScope(keepsake.TierCritical)),
			Mode:  scope.Missing, // the page it leads to chooses the newest safe point
		}
		if d.Platform.Writable() {
			vm.CriticalURL = ScopedPath(critical.Scope) + ScopedQuery(critical)
		}
	}
	for _, o := range d.Running {
		if drawingOf(o.Kind).live.goal {
			vm.Running = append(vm.Running, operationRow(o, clock))
		}
	}
	listEmergency(&vm, d, newest)
	return vm
}

// emergencyNotices says what keeps the platform from helping, what the page shows instead, and what to do before the
// first backup.
func emergencyNotices(d console.Dashboard, shell views.Shell, clock format.Clock) (out []ui.Notice) {
	n, trouble := PlatformNotice(d.Platform.Kind)
	switch {
	case d.Platform.WithoutWeddings: // the banner says it
	case d.WeddingsMissing != "" && d.WeddingsFrom.IsZero():
		n = ui.Notice{
			Tone:  ui.ToneBad,
			Title: "Neither the platform nor a recovery point could be read for weddings",
			Text: Sentence(d.WeddingsMissing) +
				" Reload this page in a minute. Call whoever runs the servers; nothing of what is stored is lost by this.",
		}
		out = append(out, n)
	case d.WeddingsMissing != "":
		if !trouble {
			n = ui.Notice{
				Tone:  ui.ToneBad,
				Title: "The weddings could not be read from the platform",
				Text:  "Contacts and everything else can be read all the same.",
			}
		}
		n.Text += " What you see is from the recovery point of " + clock.Exact(d.WeddingsFrom) + " (" +
			clock.Relative(d.WeddingsFrom) + ")."
		out = append(out, n)
	case trouble:
		out = append(out, n)
	}
	if d.GoneUnknown {
		out = append(out, ui.Notice{
			Tone:  ui.ToneWarn,
			Title: "Weddings that were deleted may be missing below",
			Text:  goneUnknown,
		})
	}
	if len(d.Suspects) > 0 {
		out = append(out, suspectNotice(d, clock))
	}
	if d.Newest == nil && len(d.Suspects) == 0 && shell.Whole() {
		out = append(out, ui.Notice{
			Tone:  ui.ToneWarn,
			Title: "Nothing is saved yet",
			Text:  "There is no recovery point, so nothing could be looked at or brought back. Take the first backup now.",
			Href:  "/backups/new",
			Link:  "Back up now",
		})
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

// listEmergency groups the weddings ahead: today's, tomorrow's and later ones. It leaves out none of today and
// tomorrow.
func listEmergency(vm *views.Emergency, d console.Dashboard, newest string) {
	groups := []views.EmergencyGroup{{ID: "now", Title: "Today", Urgent: true},
		{ID: "tomorrow", Title: "Tomorrow", Urgent: true}, {ID: "later", Title: "The next ones"}}
	counts := make([]int, len(groups))
	for _, w := range d.Weddings {
		i := min(max(w.DaysLeft, 0), len(groups)-1) // of yesterday by now, where midnight came while they were looked for
		g := &groups[i]
		counts[i]++
		row := views.EmergencyWedding{Wedding: Wedding(w)}
		if newest != "" { // the page says once, above them all, that nothing is saved yet
			row.Offers = WeddingOffers(vm.Shell, d.Platform, w.ID, newest)
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
