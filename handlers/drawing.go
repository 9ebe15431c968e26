package handlers

import (
	"net/url"

	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
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
}

var drawings = map[console.Kind]drawing{
	console.KindBackup: {
		noun:  "backup",
		title: func(o console.Operation) string { return format.Title(string(o.Type)) + " backup" },
		unfinished: always("No recovery point was made; earlier ones are untouched. What was uploaded already is used by " +
			"the next backup."),
		stopping: []string{"No recovery point will be made. Earlier recovery points stay as they are.",
			"What was uploaded already is used by the next backup, so little is lost."},
		result: func(o console.Operation) *views.Result {
			r := drawn(o.Backup, backupResult)
			if r != nil {
				r.Figures = append(r.Figures, coverageFigures(o.Covers)...)
			}
			return r
		},
		again: func(o console.Operation) views.NextStep {
			q := url.Values{"type": {string(o.Type)}}
			if len(o.Weddings) == 1 { // it was made for one
				q.Set("wedding", o.Weddings[0].Wedding)
			}
			return views.NextStep{Text: "Try again", URL: "/backups/new?" + q.Encode()}
		},
		facts: noFacts,
	},
	console.KindVerify: {
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
	},
	console.KindRepair: {
		noun:       "repair",
		title:      always("Repair"),
		unfinished: always("What was copied stays; nothing else was changed."),
		stopping: []string{"What was copied stays. What a provider lacks beyond that, it goes on lacking until " +
			"the next repair."},
		result: func(o console.Operation) *views.Result { return drawn(o.Repair, repairResult) },
		again:  againAtPoints,
		facts:  noFacts,
	},
	console.KindRestore: {
		noun:  "restore",
		title: func(o console.Operation) string { return "Restore to " + o.Database },
		unfinished: func(o console.Operation) string {
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
			return views.NextStep{Text: "Try again", URL: pointURL(o.Point) + "/restore"}
		},
		facts: func(o console.Operation) []ui.Fact {
			return []ui.Fact{{Label: "Into", Value: o.Database + " on " + orDash(o.Target)},
				{Label: "Tiers", Value: tierNames(o.Tiers)}}
		},
	},
	console.KindScoped: {
		noun: "restore",
		title: func(o console.Operation) string {
			switch {
			case o.Scope == nil:
				return "Bring back"
			case o.Scope.UndoOf != "":
				return "Take back what was restored of " + o.Scope.Name
			}
			return "Bring back " + o.Scope.Name
		},
		unfinished: always("Nothing was changed in the live platform."),
		stopping: []string{"Nothing is changed in the live platform: what it has written so far becomes final all at " +
			"once, at its end, or not at all."},
		result: func(o console.Operation) *views.Result { return drawn(o.Scoped, scopedResult) },
		again: func(o console.Operation) views.NextStep {
			if o.Scope.UndoOf != "" {
				return views.NextStep{Text: "Look at the restore", URL: scopedURL(o.Scope.UndoOf)}
			}
			return views.NextStep{Text: "Compare with now again", URL: scopedPath(o.Scope.ScopedInput) +
				scopedQuery(o.Scope.ScopedInput)}
		},
		facts: func(o console.Operation) []ui.Fact {
			if o.Scope == nil {
				return nil
			}
			facts := []ui.Fact{{Label: "Into", Value: "the live platform"}}
			if o.Scope.UndoOf == "" {
				facts = append(facts, ui.Fact{Label: "Mode", Value: modeWords(o.Scope.Mode)},
					ui.Fact{Label: "Left out", Value: format.Plural(int64(len(o.Scope.Skip)), "tick", "ticks")})
			}
			return facts
		},
	},
}

// drawingOf returns how a kind is shown. One that a newer version has written is shown by its name, without its report.
func drawingOf(kind console.Kind) drawing {
	if d, known := drawings[kind]; known {
		return d
	}
	return drawing{noun: "operation", title: always(format.Title(string(kind))), unfinished: always(""),
		again: againAtPoints, facts: noFacts,
		result: func(console.Operation) *views.Result { return nil }}
}

// operationTitle names an operation as people say it.
func operationTitle(o console.Operation) string { return drawingOf(o.Kind).title(o) }

func always(words string) func(console.Operation) string {
	return func(console.Operation) string { return words }
}

func noFacts(console.Operation) []ui.Fact { return nil }

func againAtPoints(o console.Operation) views.NextStep {
	if o.Point == "" {
		return views.NextStep{Text: "Recovery points", URL: "/points"}
	}
	return views.NextStep{Text: "Open the recovery point", URL: pointURL(o.Point)}
}

// drawn draws a report, where there is one: lists have none.
func drawn[R any](report *R, draw func(R) *views.Result) *views.Result {
	if report == nil {
		return nil
	}
	return draw(*report)
}
