package handlers

import (
	"fmt"

	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/views"
)

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
