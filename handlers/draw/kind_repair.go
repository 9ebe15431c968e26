package draw

import (
	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

// drawRepair is how pages show a repair.
var drawRepair = drawing{
	noun:       "repair",
	title:      always("Repair"),
	unfinished: always("What was copied stays; nothing else was changed."),
	stopping: []string{"What was copied stays. What a provider lacks beyond that, it goes on lacking until " +
		"the next repair."},
	result: func(o console.Operation) *views.Result { return drawn(o.Repair, repairResult) },
	again:  againAtPoints,
	facts:  noFacts,
	live:   liveDrawing{verb: "Read"},
	degraded: func(o console.Operation) ui.Chip {
		return damageFound(o.Repair != nil && o.Repair.Damaged())
	},
	steps: []engine.Stage{engine.StageChecking, engine.StageComparing, engine.StageRepairing},
	stages: map[engine.Stage]stageWords{
		engine.StageChecking:  {"Asking", "Asking each provider what it holds"},
		engine.StageComparing: {"Verifying", "Looking for copies that are missing or damaged"},
		engine.StageRepairing: {"Repairing", "Copying to each provider what it lacks"},
	},
}

// repairResult draws the report of a finished repair.
func repairResult(r engine.RepairResult) *views.Result {
	text := "Every provider holds every recovery point that was looked at, and every copy was read."
	if !r.Deep {
		text = "Every provider lists every object of the recovery points that were looked at, with its size. Nothing was " +
			"read: a deep verification finds damage inside."
	}
	out := &views.Result{
		Tone:  ui.ToneOK,
		Title: "Repaired",
		Text:  text,
		Figures: []ui.Figure{
			{Label: "Took", Value: format.Seconds(r.Seconds)},
			{Label: "Recovery points", Value: format.Count(int64(r.Points))},
			{Label: "Objects copied", Value: format.Count(r.Copied)},
			{Label: "Copied", Value: format.Bytes(r.Bytes)},
		},
		Findings: repairFindings(r),
		Next:     []views.NextStep{{Text: "See the providers", URL: "/#providers"}},
	}
	switch {
	case r.Damaged():
		out.Tone, out.Title = ui.ToneBad, "Some damage could not be repaired"
		out.Text = "What could be copied was. " + r.Left()
	case len(r.Remaining) > 0:
		out.Tone, out.Title = ui.ToneWarn, "Not everything could be repaired"
		out.Text = "What could be copied was. " + r.Left()
	}
	return out
}

// repairFindings are what remains, and then what was repaired: all of the former, the first of the latter.
func repairFindings(r engine.RepairResult) []views.Finding {
	const most = 100
	out := findings(r.Remaining)
	for i := range out {
		out[i].Kind.Text = "Remains"
	}
	for _, f := range findings(r.Repaired[:min(most, len(r.Repaired))]) {
		f.Kind = ui.Chip{Tone: ui.ToneOK, Text: "Repaired"}
		out = append(out, f)
	}
	return out
}
