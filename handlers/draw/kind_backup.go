package draw

import (
	"net/url"
	"time"

	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

// drawBackup is how pages show a backup.
var drawBackup = drawing{
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
			q.Set("wedding", o.Weddings[0].WeddingID)
		}
		return views.NextStep{Text: "Try again", URL: "/backups/new?" + q.Encode()}
	},
	facts: noFacts,
	live: liveDrawing{verb: "Read", copies: true, more: func(p engine.Progress) []ui.Figure {
		return []ui.Figure{{
			Label: "Uploaded",
			Value: format.Bytes(p.BytesUploaded),
			Hint: "to all providers; " + format.Count(p.ChunksNew) + " of " +
				format.Plural(max(p.ChunksDone, p.ChunksNew), "piece", "pieces") + " new",
		}}
	}},
	degraded: func(console.Operation) ui.Chip {
		return ui.Chip{Tone: ui.ToneWarn, Text: "Not fully protected"}
	},
	makesPoint: true,
	steps: []engine.Stage{engine.StageChecking, engine.StageSnapshot,
		engine.StageReading, engine.StageCatchingUp, engine.StagePublishing},
}

// backupResult draws the report of a finished backup.
func backupResult(r engine.BackupResult) *views.Result {
	out := &views.Result{
		Tone:  ui.ToneOK,
		Title: "Saved and protected",
		Text:  "The recovery point is confirmed at enough places to survive the loss of any one of them.",
		Figures: []ui.Figure{
			{Label: "Took", Value: format.Seconds(r.Seconds)},
			{Label: "Tables", Value: format.Count(int64(r.Tables))},
			{Label: "Rows", Value: format.Count(r.Rows)},
			{Label: "Read", Value: format.Bytes(r.BytesRead)},
			{Label: "New", Value: format.Bytes(r.BytesNew), Hint: "the manifest, its index and " +
				format.Plural(r.ChunksNew, "piece", "pieces") + " that no provider held"},
			{Label: "Uploaded", Value: format.Bytes(r.BytesUploaded), Hint: "to all providers together"},
			{
				Label: "Already stored",
				Value: format.Percent(shared(r.ChunksNew, r.ChunksTotal)),
				Hint:  piecesShared(r.ChunksNew, r.ChunksTotal),
			},
			{Label: "Memory", Value: format.Bytes(r.PeakMemory), Hint: "at most"},
		},
		Copies:     uploadedTo(copies(r.Copies), r.Uploaded),
		Lacks:      format.Capital(r.Lacks),
		NotCarried: notCarried(r.NotCarried),
		PointURL:   PointURL(r.Point),
		Next:       []views.NextStep{{Text: "Open the recovery point", URL: PointURL(r.Point)}},
	}
	if !r.Protected {
		out.Tone, out.Title = ui.ToneWarn, "Saved, but not fully protected"
		out.Text = "The recovery point can be restored, but it would not survive every loss: " + r.Lacks + ". " +
			keepsake.JudgeProtection(r.Copies).Remedy()
		out.Next = append(out.Next, views.NextStep{Text: "See the providers and repair", URL: "/#providers"})
	}
	if words := keepsake.DoubtWords(r.Doubts); words != "" {
		also := ""
		if !r.Protected {
			also = " It is not fully protected either. " + out.Text
		}
		out.Tone, out.Title = ui.ToneBad, "Saved, but it may show damage"
		out.Text = words + " A restore of the latest recovery point takes an older one. Open this one, and say whether it " +
			"can be trusted." + also
	}
	return out
}

// coverageFigures say for which days and vendors a backup is of use; none where that is not known.
func coverageFigures(c *console.BackupCoverage) (figures []ui.Figure) {
	if c == nil {
		return nil
	}
	if n := len(c.Days); n > 0 {
		first, last := day(c.Days[0].From), day(c.Days[n-1].To)
		figures = append(figures, ui.Figure{Label: "Weddings from", Value: first, Hint: "the first day of a wedding in it"},
			ui.Figure{Label: "Weddings to", Value: last, Hint: "the last"})
	}
	if v := c.Vendors; v != nil {
		figures = append(figures, ui.Figure{
			Label: "Vendors to call",
			Value: format.Count(v.Reachable),
			Hint:  "of " + format.Count(v.Vendors) + ", with a telephone number or an e-mail address",
		})
	}
	return figures
}

// day draws a day that is written as YYYY-MM-DD.
func day(text string) string {
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return text
	}
	return format.Date(at)
}

// uploadedTo says of each copy how much its provider received.
func uploadedTo(list []views.Copy, uploaded map[string]int64) []views.Copy {
	for i := range list {
		if n, known := uploaded[list[i].Provider]; known {
			list[i].Uploaded = format.Bytes(n)
		}
	}
	return list
}

// shared is the share of chunks that were stored already.
func shared(added, total int64) float64 {
	if total <= 0 {
		return 0
	}
	return 1 - float64(added)/float64(total)
}

func piecesShared(added, total int64) string {
	return format.Count(total-added) + " of " + format.Plural(total, "piece", "pieces")
}
