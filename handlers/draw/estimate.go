package draw

import (
	"cmp"

	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

// BackupChoices are the types of backup that a person can start.
func BackupChoices() []views.BackupChoice {
	return []views.BackupChoice{
		{
			Value: string(keepsake.BackupIncremental),
			Name:  "Incremental",
			Text:  "Everything, but reads only what has changed since the last recovery point.",
			Hint:  "The right one on most days: usually the fastest complete backup.",
		},
		{
			Value: string(keepsake.BackupFull),
			Name:  "Full",
			Text:  "Reads every row again and checks every copy that is stored. Takes longest.",
			Hint:  "Weekly, and before something risky.",
		},
		{
			Value: string(keepsake.BackupCritical),
			Name:  "Critical only",
			Text:  "Only the tables that no wedding can do without. Not a complete backup.",
			Hint:  "When seconds count.",
		},
	}
}

// EstimateNotices turns the preflight's findings into what a person should know before starting.
func EstimateNotices(e console.Estimate) []ui.Notice {
	var out []ui.Notice
	if e.Running != nil {
		out = append(out, ui.Notice{
			Tone:  ui.ToneRun,
			Title: "A backup is already under way",
			Text:  "Only one at a time reads the platform; the next one can start when it has ended.",
			Href:  OperationURL(e.Running.ID),
			Link:  OperationTitle(*e.Running) + ": " + OperationState(*e.Running).Text,
		})
	}
	bad := ui.Notice{Tone: ui.ToneBad, Title: "A backup started now would stop at this"}
	warn := ui.Notice{Tone: ui.ToneWarn, Title: "Good to know before you start"}
	less := ui.Notice{
		Tone:  ui.ToneWarn,
		Title: "A backup started now would not be fully protected",
		Href:  "/#providers",
		Link:  "See the providers and repair",
	}
	for _, f := range e.Findings {
		line := f.Area + ": " + f.Words()
		switch {
		case console.Stops(f):
			bad.List = append(bad.List, line)
		case console.Unprotects(f):
			less.List = append(less.List, line)
		default:
			warn.List = append(warn.List, line)
		}
	}
	for _, n := range []ui.Notice{bad, less, warn} {
		if len(n.List) > 0 {
			out = append(out, n)
		}
	}
	return out
}

// Plan draws what a backup would cover.
func Plan(e console.Estimate) views.BackupPlan {
	p := views.BackupPlan{
		Type:    format.Title(string(e.Type)),
		Known:   e.Unreachable == "" && e.Hidden == "",
		Missing: Sentence(cmp.Or(e.Unreachable, e.Hidden)),
	}
	if !p.Known {
		return p
	}
	duration := ui.Figure{Label: "Time", Value: "not known yet", Hint: "the first backup of this type measures it"}
	if e.Measured > 0 {
		duration.Value, duration.Hint = "about "+format.Seconds(e.Seconds),
			"from the last "+format.Plural(int64(e.Measured), "backup", "backups")
	}
	p.Figures = []ui.Figure{duration, {Label: "Tables", Value: format.Count(int64(e.Tables))},
		{Label: "Rows", Value: "about " + format.Count(e.Rows)}, {Label: "Data", Value: format.Bytes(e.Bytes)}}
	for _, t := range e.Tiers {
		tier := views.PlanTier{
			Name:    format.Title(string(t.Tier)),
			Tables:  format.Plural(int64(t.Tables), "table", "tables"),
			Rows:    "about " + format.Plural(t.Rows, "row", "rows"),
			Size:    format.Bytes(t.Bytes),
			Names:   format.Names(t.Largest, 5),
			Goal:    "Promised back within " + format.Duration(t.Tier.Goal()),
			Covered: ui.Chip{Tone: ui.ToneOK, Text: "Covered"},
		}
		if rest := t.Tables - len(t.Largest); rest > 0 && len(t.Largest) > 0 {
			tier.Names += " and " + format.Plural(int64(rest), "more", "more")
		}
		if !t.Covered {
			tier.Covered = ui.Chip{Tone: ui.ToneWarn, Text: "Left out"}
		}
		p.Tiers = append(p.Tiers, tier)
	}
	p.Notes = []string{"Rows and sizes are the server's own estimates; the report has the exact figures.",
		"Contracts and photos in file storage are not covered yet; the table that lists them is."}
	return p
}
