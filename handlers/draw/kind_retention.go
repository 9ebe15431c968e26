package draw

import (
	"slices"

	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

// drawRetention is how pages show a retention.
var drawRetention = drawing{
	noun:       "retention",
	title:      always("Retention"),
	unfinished: always("Whatever stays is whole. What was not deleted goes with the next retention."),
	stopping: []string{"What was deleted is gone, and what stays is whole. The rest goes with the next retention, " +
		"unless somebody locks it."},
	result: func(o console.Operation) *views.Result { return drawn(o.Retention, retentionResult) },
	again: func(console.Operation) views.NextStep {
		return views.NextStep{Text: "See what stays", URL: "/retention"}
	},
	facts: noFacts,
	live:  liveDrawing{verb: ""},
	degraded: func(console.Operation) ui.Chip {
		return ui.Chip{Tone: ui.ToneWarn, Text: "Not all of it went"}
	},
	steps: []engine.Stage{engine.StageChecking, engine.StageRemoving},
	stages: map[engine.Stage]stageWords{
		engine.StageChecking: {"Reading", "Reading what each recovery point needs"},
		engine.StageRemoving: {"Removing", "Deleting what nothing needs, and marking what goes next"},
	},
}

// retentionResult draws the report of a finished retention.
func retentionResult(r console.RetentionResult) *views.Result {
	out := &views.Result{
		Tone:  ui.ToneOK,
		Title: "Nothing had to go",
		Text:  "Every recovery point stays, as the rules say.",
		Figures: []ui.Figure{
			{Label: "Took", Value: format.Seconds(r.Seconds)},
			{Label: "Recovery points", Value: format.Count(int64(r.Points))},
			{Label: "Removed", Value: format.Count(int64(len(r.Removed)))},
			{Label: "Marked", Value: format.Count(int64(len(r.Marked)))},
		},
		Next: []views.NextStep{{Text: "See what stays", URL: "/retention"}},
	}
	if len(r.Pending) > 0 {
		out.Title, out.Text = "Nothing was due", waiting(r.Pending)
	}
	if len(r.Marked) > 0 || r.Objects > 0 {
		out.Title = "Marked what goes next"
		out.Text = "It goes a day later at the earliest. Until then it restores like any other, and whoever locks it " +
			"keeps it."
		out.Figures = append(out.Figures, ui.Figure{Label: "That frees then", Value: format.Bytes(r.Bytes),
			Hint: "at each provider"})
	}
	var objects int64
	for _, f := range r.Freed {
		objects += f.Objects
		finding := views.Finding{
			Kind:     ui.Chip{Tone: ui.ToneOK, Text: "Freed"},
			Provider: f.Provider,
			Object:   format.Plural(f.Objects, "object", "objects"),
			Problem:  format.Bytes(f.Bytes) + " of " + format.Plural(int64(f.Points), "recovery point", "recovery points"),
		}
		if f.Problem != "" {
			finding.Kind = ui.Chip{Tone: ui.ToneWarn, Text: "Not all of it went"}
			finding.Problem = Sentence(f.Problem)
		}
		if f.Objects > 0 || f.Points > 0 || f.Problem != "" {
			out.Findings = append(out.Findings, finding)
		}
	}
	if len(r.Removed) > 0 || objects > 0 {
		out.Title, out.Text = "Removed what nothing keeps", "What stays needs nothing of it."
	}
	for _, f := range r.Freed {
		if f.Problem != "" {
			out.Tone, out.Title = ui.ToneWarn, "Not all of it went"
			out.Text = "What is named below is still there. The next retention tries again."
		}
	}
	if r.Problem != "" {
		out.Tone, out.Title, out.Text = ui.ToneWarn, "Not everything was marked", Sentence(r.Problem)
	}
	if r.Large != "" {
		out.Tone = ui.ToneWarn
		out.Text += " Somebody has to confirm more: " + Sentence(r.Large)
	}
	if r.Held != "" {
		out.Tone, out.Title, out.Text = ui.ToneWarn, "Nothing was removed", Sentence(r.Held)
	}
	return out
}

// waiting says how many recovery points are marked, and when the first of them goes.
func waiting(pending []engine.PendingPoint) string {
	ids := map[string]bool{} // two lists may name the same
	for _, p := range pending {
		ids[p.ID] = true
	}
	first := slices.MinFunc(pending, func(a, b engine.PendingPoint) int { return a.Due.Compare(b.Due) })
	marked := format.Plural(int64(len(ids)), "recovery point is marked, and goes",
		"recovery points are marked, and the first goes")
	return marked + " after " + format.Clock{}.Exact(first.Due) +
		". Until then whoever locks it keeps it. All others stay, as the rules say."
}
