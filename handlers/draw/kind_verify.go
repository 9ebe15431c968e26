package draw

import (
	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

// drawVerify is how pages show a verification.
var drawVerify = drawing{
	noun: "verification",
	title: func(o console.Operation) string {
		title := "Verification"
		if o.Deep {
			title = "Deep verification"
		}
		if o.Point == "" {
			title += " of everything"
		}
		return title
	},
	unfinished: always("Nothing was changed."),
	stopping:   []string{"Nothing is changed by stopping a verification. What it has not looked at stays unchecked."},
	result:     func(o console.Operation) *views.Result { return drawn(o.Verify, verifyResult) },
	again:      againAtPoints,
	facts:      noFacts,
	live:       liveDrawing{verb: "Read"},
	degraded:   func(o console.Operation) ui.Chip { return damageFound(o.Verify != nil && o.Verify.Damaged()) },
	stages: map[engine.Stage]stageWords{
		engine.StageChecking:  {"Asking", "Asking each provider what it holds"},
		engine.StageComparing: {"Verifying", "Verifying the copies at each provider"},
	},
}

// verifyResult draws the report of a finished verification.
func verifyResult(r engine.VerifyResult) *views.Result {
	out := &views.Result{
		Tone:  ui.ToneOK,
		Title: "Everything is as it should be",
		Text:  "Every copy that was asked for is there and whole.",
		Figures: []ui.Figure{
			{Label: "Took", Value: format.Seconds(r.Seconds)},
			{Label: "Recovery points", Value: format.Count(int64(r.Points))},
			{Label: "Objects checked", Value: format.Count(r.Objects)},
			{Label: "Read back", Value: format.Bytes(r.Bytes)},
		},
		Findings: findings(r.Findings),
	}
	switch {
	case r.Damaged():
		out.Tone, out.Title = ui.ToneBad, "Damage found"
		out.Text = "Some stored objects are missing or not what was written. Each is named below, with what to do. A " +
			"restore uses another provider's copy where there is one."
	case !r.OK:
		out.Tone, out.Title = ui.ToneWarn, "Not everything could be checked"
		out.Text = "What could be asked is whole, but a provider did not answer for all of it. Check it below and " +
			"verify again."
	}
	return out
}
