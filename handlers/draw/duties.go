package draw

import (
	"time"

	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/operation"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

// Duties draws what is done without being asked for, how it last went, and when it is done next.
func Duties(shell views.Shell, list []console.DutyState, clock format.Clock) views.Duties {
	vm := views.Duties{Shell: shell}
	for _, d := range list {
		vm.Rows = append(vm.Rows, dutyRow(d, clock))
	}
	return vm
}

// lateAfter is how long after its time a duty is called late: a worker looks every few seconds.
const lateAfter = time.Minute

// dutyRow draws when a duty ran last, how that ended and when it runs next.
func dutyRow(d console.DutyState, clock format.Clock) views.DutyRow {
	row := views.DutyRow{
		Does:    format.Title(d.Does),
		Every:   format.Every(d.Every),
		Last:    clock.When(d.Ended),
		Message: d.Message,
		State:   ui.Chip{Tone: ui.ToneOK, Text: "Done"},
	}
	switch {
	case d.Running:
		row.State = ui.Chip{Tone: ui.ToneRun, Text: "Running"}
	case d.Silent:
		row.State = ui.Chip{Tone: ui.ToneWarn, Text: "Its worker stopped answering"}
	case d.Ended.IsZero():
		row.State = ui.Chip{Tone: ui.ToneMute, Text: "Not yet"}
	case d.Failed:
		row.State = ui.Chip{Tone: ui.ToneBad, Text: "Failed"}
	}
	switch {
	case d.Who == operation.EachProcess:
		row.NextText = "Each worker does it"
	case d.Running:
		row.NextText = "Now"
	case d.Silent:
		row.NextText = "When a worker runs"
	case d.Next.IsZero():
		row.NextText = "When a worker runs"
	case clock.Now.Sub(d.Next) > lateAfter:
		row.Late, row.Next = true, clock.When(d.Next)
	case !d.Next.After(clock.Now):
		row.NextText = "Due now"
	default:
		row.Next = clock.When(d.Next)
	}
	return row
}
