package draw

import (
	"fmt"
	"strings"

	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

// drawRestore is how pages show a restore into a new database.
var drawRestore = drawing{
	noun:  "restore",
	title: func(o console.Operation) string { return "Restore to " + o.Database },
	unfinished: func(o console.Operation) string {
		if o.ErrorCode == keepsake.CodeUnknown {
			return "Whether the new database is whole is not known. As long as it has a schema keepsake_restore it is not: " +
				"start the same restore again then, which clears it first, or remove it. The platform and the recovery point " +
				"are untouched."
		}
		if wroteNothing(o) {
			return "Nothing was restored. The platform and the recovery point are untouched."
		}
		return "The new database is incomplete: start the same restore again, which clears it first, or remove it. The " +
			"platform and the recovery point are untouched."
	},
	stopping: []string{"The new database stays incomplete: the same restore started again clears it first, or remove it.",
		"The platform and the recovery point are not touched."},
	result: func(o console.Operation) *views.Result { return drawn(o.Restore, restoreResult) },
	again: func(o console.Operation) views.NextStep {
		return views.NextStep{Text: "Try again", URL: PointURL(o.Point) + "/restore"}
	},
	facts: func(o console.Operation) []ui.Fact {
		facts := []ui.Fact{{Label: "Into", Value: o.Database + " on " + OrDash(o.Target)}}
		if o.Asked != nil {
			facts = append(facts, ui.Fact{Label: "What", Value: o.Asked.Scope.Words("")})
		}
		return facts
	},
	live: liveDrawing{verb: "Written", goal: true, goals: true},
	degraded: func(o console.Operation) ui.Chip {
		if o.Restore != nil && o.Restore.Outcome == engine.OutcomeExceptions {
			return ui.Chip{Tone: exceptionTone(*o.Restore), Text: "Restored with exceptions"}
		}
		return ui.Chip{Tone: ui.ToneBad, Text: "Not proven"}
	},
	proposed: "It fills a new database from the recovery point. The running platform is not touched. The log below says " +
		"why it needs you.",
	steps: []engine.Stage{engine.StageChecking, engine.StageSchema,
		engine.StageLoading, engine.StageIndexing, engine.StageComparing},
}

// restoreResult draws the report of a finished restore.
func restoreResult(r engine.RestoreResult) *views.Result {
	out := &views.Result{
		Tone:  ui.ToneOK,
		Title: "Restored and proven",
		Text:  "Every table has exactly the rows of the recovery point: counts and checksums are equal.",
		Figures: []ui.Figure{
			{Label: "Took", Value: format.Seconds(r.Seconds)},
			{Label: "Tables", Value: format.Count(int64(r.Tables))},
			{Label: "Rows", Value: format.Count(r.Rows)},
			{Label: "Written", Value: format.Bytes(r.Bytes)},
			{Label: "Read from", Value: OrDash(r.Provider)},
		},
		Findings:   findings(r.Damaged),
		NotCarried: notCarried(r.NotCarried),
		Next:       []views.NextStep{{Text: "Open the recovery point", URL: PointURL(r.Point)}},
	}
	for _, tier := range keepsake.Tiers() {
		if s, ok := r.TierSeconds[string(tier)]; ok {
			out.TierTimes = append(out.TierTimes, ui.Fact{
				Label: format.Title(string(tier)),
				Value: fmt.Sprintf("%s (promised within %s)", format.Seconds(s), format.Duration(tier.Goal())),
			})
		}
	}
	switch {
	case len(r.Exceptions) > 0:
		out.Tone, out.Title, out.Exceptions = exceptionTone(r), "Restored with exceptions", exceptions(r)
		out.Text = format.Capital(strings.TrimPrefix(r.Message, "Restored with exceptions: "))
		if roles := r.CreateRoles(); roles != "" {
			out.Text += " The target's server lacks roles. Create them first, then run the statements below: " + roles
		}
		if r.Verified {
			out.Text += " Every table has exactly the rows of the recovery point."
		}
	case !r.Verified:
		out.Tone, out.Title = ui.ToneBad, "Restored, but not proven"
		out.Text = "The rows in the new database could not be shown to equal the recovery point. Do not use it before the " +
			"log below explains why."
	}
	if len(r.Damaged) > 0 && r.Verified {
		out.Tone = ui.ToneWarn
		out.Text += " Some copies were bad on the way; good ones from other providers were used. Verify the recovery point."
	}
	return out
}

// exceptionTone is red where rows are missing.
func exceptionTone(r engine.RestoreResult) ui.Tone {
	if !r.Verified {
		return ui.ToneBad
	}
	return ui.ToneWarn
}

// exceptions draws what a restore could not make: the first ones at once, the others folded.
func exceptions(r engine.RestoreResult) *views.Exceptions {
	const first, most = 10, 500
	out := &views.Exceptions{Count: format.Plural(int64(len(r.Exceptions)), "thing", "things")}
	for i, e := range r.Exceptions {
		vm := views.Exception{
			Kind:    ui.Chip{Tone: ui.ToneWarn, Text: e.Kind},
			Object:  e.Object,
			Error:   Sentence(e.Error),
			Means:   e.Means,
			SQL:     e.SQL,
			Note:    strings.ReplaceAll(e.SQLNote, "schema POINT", "schema "+r.Point),
			Because: e.Because,
		}
		if e.Kind == keepsake.LostRows {
			vm.Kind.Tone = ui.ToneBad
		}
		if e.Code != "" {
			vm.Code = "SQLSTATE " + e.Code
		}
		switch {
		case i < first:
			out.First = append(out.First, vm)
		case i < most:
			out.More = append(out.More, vm)
		}
	}
	if n := len(out.More); n > 0 {
		out.Fold = "The other " + format.Count(int64(n))
	}
	if n := len(r.Exceptions) - most; n > 0 {
		out.Rest = "And " + format.Count(int64(n)) + " more, which the API’s answer about this operation names."
	}
	return out
}

// wroteNothing reports whether a restore ended before it had written anything: it looks first, and an earlier attempt
// may have written.
func wroteNothing(o console.Operation) bool {
	return o.Attempt <= 1 && (o.Progress == nil || o.Progress.Stage == "" || o.Progress.Stage == engine.StageChecking)
}
