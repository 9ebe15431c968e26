package draw

import (
	"strings"

	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

// drawScoped is how pages show a restore into the live platform.
var drawScoped = drawing{
	noun: "restore",
	title: func(o console.Operation) string {
		switch {
		case o.Asked == nil:
			return "Bring back"
		case o.Asked.UndoOf != "":
			return "Take back what was restored: " + o.Asked.Name // the scope may be forgotten
		}
		return "Bring back " + WithArticle(o.Asked.Scope, o.Asked.Name)
	},
	unfinished: func(o console.Operation) string {
		if mayHaveHappened(o) {
			return "Its rows became final all at once, or not at all: look whether that happened before you do it again."
		}
		return "Nothing was changed in the live platform."
	},
	stopping: []string{"Nothing is changed in the live platform: what it has written so far becomes final all at " +
		"once, at its end, or not at all."},
	result: func(o console.Operation) *views.Result { return drawn(o.Scoped, scopedResult) },
	again: func(o console.Operation) views.NextStep {
		if o.Asked.UndoOf != "" {
			return views.NextStep{Text: "Look at the restore", URL: ScopedURL(o.Asked.UndoOf)}
		}
		text := "Compare with now again"
		if mayHaveHappened(o) {
			text = "Look whether it happened"
		}
		return views.NextStep{Text: text, URL: ScopedPath(o.Asked.Scope) + ScopedQuery(o.Asked.ScopedInput)}
	},
	facts: func(o console.Operation) []ui.Fact {
		if o.Asked == nil {
			return nil
		}
		facts := []ui.Fact{{Label: "Into", Value: "the live platform"}}
		if o.Asked.UndoOf == "" {
			facts = append(facts, ui.Fact{Label: "Mode", Value: ModeWords(o.Asked.Mode)},
				ui.Fact{Label: "Left out", Value: format.Plural(int64(len(o.Asked.Skip)), "tick", "ticks")})
		}
		return facts
	},
	live:     liveDrawing{goal: true},
	degraded: problemsFound,
	proposed: "It changes rows of the running platform, and can be taken back afterwards. The log below says what it " +
		"covers and why it needs you.",
	steps: []engine.Stage{engine.StageChecking, engine.StageComparing, engine.StageWriting, engine.StageSafety},
	stages: map[engine.Stage]stageWords{
		engine.StageChecking:  {"Reading", "Reading the recovery point"},
		engine.StageComparing: {"Comparing", "Comparing with the live platform"},
	},
}

// mayHaveHappened reports whether a restore failed and nobody knows whether its rows are in the live platform: the
// engine says so, or a worker began and a fault of Keepsake's own ended it.
func mayHaveHappened(o console.Operation) bool {
	return o.State == console.StateFailed && (o.ErrorCode == keepsake.CodeUnknown ||
		o.ErrorCode == keepsake.CodeInternal && o.Attempt > 0)
}

// scopedResult draws the report of a restore into the live platform.
func scopedResult(r engine.ScopeResult) *views.Result {
	out := &views.Result{
		Tone:  ui.ToneOK,
		Title: "Done",
		Text:  "All of it happened at once, foreign keys hold, and it can be taken back.",
		Figures: []ui.Figure{{Label: "Took", Value: format.Seconds(r.Seconds)},
			{Label: "Inserted", Value: format.Count(r.Applied.Inserted)},
			{Label: "Updated", Value: format.Count(r.Applied.Updated)},
			{Label: "Deleted", Value: format.Count(r.Applied.Deleted)}},
		Next: []views.NextStep{{Text: "See every row, or take it back", URL: ScopedURL(r.Restore)}},
	}
	if len(r.Refused) > 0 {
		out.Tone, out.Title = ui.ToneWarn, "Done, but for rows that changed since"
		out.Text = "The platform has changed " + format.Plural(int64(len(r.Refused)), "row", "rows") +
			" since, which stay as they are: " + firstSentence(strings.Join(r.Refused, "; ")) + "."
	}
	return out
}
