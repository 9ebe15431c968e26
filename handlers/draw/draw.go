// Package draw turns what the console returns into view-models. It has one file for each kind of operation, and one
// for each page that shows more. It reads no request and asks nothing: handlers and the storybook give it all that it
// draws.
package draw

import (
	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

// drawing is how pages show operations of one kind. A test holds that every kind has a whole one.
type drawing struct {
	noun       string                                // "The … failed"
	title      func(console.Operation) string        // as people say it
	unfinished func(console.Operation) string        // what it means for the data that it failed or was cancelled
	stopping   []string                              // what it means to cancel it now
	result     func(console.Operation) *views.Result // of one that is done
	again      func(console.Operation) views.NextStep
	facts      func(console.Operation) []ui.Fact // beside those that every operation has
	steps      []engine.Stage                    // the stages that a person sees
	stages     map[engine.Stage]stageWords       // words that differ from those of other kinds
	live       liveDrawing
	degraded   func(console.Operation) ui.Chip // of one that is done, and not as it should be
	proposed   string                          // what who approves it decides about
	makesPoint bool                            // its recovery point is what it makes, and not what it reads
}

// liveDrawing is what the page of a running operation shows of its kind.
type liveDrawing struct {
	verb   string // "Read": what it does with bytes; empty where they say nothing
	goal   bool   // it brings data back: its clock runs against what is promised for the critical tables
	goals  bool   // and each tier's
	copies bool   // it makes copies: each provider is shown from the start, and waited for at the end
	more   func(engine.Progress) []ui.Figure
}

// drawings are the drawings of all kinds. A file of each kind holds its own.
var drawings = map[console.Kind]drawing{
	console.KindBackup:  drawBackup,
	console.KindVerify:  drawVerify,
	console.KindRepair:  drawRepair,
	console.KindRestore: drawRestore,
	console.KindScoped:  drawScoped,

	console.KindRetention: drawRetention,
}

// drawingOf returns how a kind is shown. One that a newer version has written is shown by its name, without its report.
func drawingOf(kind console.Kind) drawing {
	if d, known := drawings[kind]; known {
		return d
	}
	return drawing{
		noun:       "operation",
		title:      always(format.Title(string(kind))),
		unfinished: always(""),
		again:      againAtPoints,
		facts:      noFacts,
		result:     func(console.Operation) *views.Result { return nil },
		live:       liveDrawing{verb: "Read"},
		degraded:   problemsFound,
	}
}

// OperationTitle returns the name of an operation as people say it.
func OperationTitle(o console.Operation) string { return drawingOf(o.Kind).title(o) }

func always(words string) func(console.Operation) string {
	return func(console.Operation) string { return words }
}

func problemsFound(console.Operation) ui.Chip {
	return ui.Chip{Tone: ui.ToneWarn, Text: "Problems found"}
}

// damageFound is the state of a look at copies, or of a repair, that leaves damage.
func damageFound(damaged bool) ui.Chip {
	if damaged {
		return ui.Chip{Tone: ui.ToneBad, Text: "Damage found"}
	}
	return ui.Chip{Tone: ui.ToneWarn, Text: "Problems found"}
}

func noFacts(console.Operation) []ui.Fact { return nil }

func againAtPoints(o console.Operation) views.NextStep {
	if o.Point == "" {
		return views.NextStep{Text: "Recovery points", URL: "/points"}
	}
	return views.NextStep{Text: "Open the recovery point", URL: PointURL(o.Point)}
}

// drawn draws a report, where there is one: lists have none.
func drawn[R any](report *R, draw func(R) *views.Result) *views.Result {
	if report == nil {
		return nil
	}
	return draw(*report)
}
