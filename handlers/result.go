package handlers

import (
	"fmt"
	"strings"
	"time"

	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

// backupResult draws the report of a finished backup.
func backupResult(r engine.BackupResult) *views.Result {
	out := &views.Result{
		Tone: ui.ToneOK, Title: "Saved and protected",
		Text: "The recovery point is confirmed at enough places to survive the loss of any one of them.",
		Figures: []ui.Figure{
			{Label: "Took", Value: format.Seconds(r.Seconds)},
			{Label: "Tables", Value: format.Count(int64(r.Tables))},
			{Label: "Rows", Value: format.Count(r.Rows)},
			{Label: "Read", Value: format.Bytes(r.BytesRead)},
			{Label: "New", Value: format.Bytes(r.BytesNew), Hint: "the manifest, its index and " +
				format.Plural(r.ChunksNew, "piece", "pieces") + " that no provider held"},
			{Label: "Uploaded", Value: format.Bytes(r.BytesUploaded), Hint: "to all providers together"},
			{Label: "Already stored", Value: format.Percent(shared(r.ChunksNew, r.ChunksTotal)),
				Hint: piecesShared(r.ChunksNew, r.ChunksTotal)},
			{Label: "Memory", Value: format.Bytes(r.PeakMemory), Hint: "at most"},
		},
		Copies: uploadedTo(copies(r.Copies), r.Uploaded), Lacks: format.Capital(r.Lacks),
		NotCarried: notCarried(r.NotCarried),
		PointURL:   pointURL(r.Point), Next: []views.NextStep{{Text: "Open the recovery point", URL: pointURL(r.Point)}},
	}
	if !r.Protected {
		out.Tone, out.Title = ui.ToneWarn, "Saved, but not fully protected"
		out.Text = "The recovery point can be restored, but it would not survive every loss: " + r.Lacks + ". " +
			keepsake.JudgeProtection(r.Copies).Remedy()
		out.Next = append(out.Next, views.NextStep{Text: "See the providers and repair", URL: "/#providers"})
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
		figures = append(figures, ui.Figure{Label: "Vendors to call", Value: format.Count(v.Reachable),
			Hint: "of " + format.Count(v.Vendors) + ", with a telephone number or an e-mail address"})
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

// verifyResult draws the report of a finished verification.
func verifyResult(r engine.VerifyResult) *views.Result {
	out := &views.Result{
		Tone: ui.ToneOK, Title: "Everything is as it should be", Text: "Every copy that was asked for is there and whole.",
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

// repairResult draws the report of a finished repair.
func repairResult(r engine.RepairResult) *views.Result {
	text := "Every provider holds every recovery point that was looked at, and every copy was read."
	if !r.Deep {
		text = "Every provider lists every object of the recovery points that were looked at, with its size. Nothing was " +
			"read: a deep verification finds damage inside."
	}
	out := &views.Result{
		Tone: ui.ToneOK, Title: "Repaired", Text: text,
		Figures: []ui.Figure{
			{Label: "Took", Value: format.Seconds(r.Seconds)},
			{Label: "Recovery points", Value: format.Count(int64(r.Points))},
			{Label: "Objects copied", Value: format.Count(r.Copied)},
			{Label: "Copied", Value: format.Bytes(r.Bytes)},
		},
		Findings: repairFindings(r), Next: []views.NextStep{{Text: "See the providers", URL: "/#providers"}},
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

// restoreResult draws the report of a finished restore.
func restoreResult(r engine.RestoreResult) *views.Result {
	out := &views.Result{
		Tone: ui.ToneOK, Title: "Restored and proven",
		Text: "Every table has exactly the rows of the recovery point: counts and checksums are equal.",
		Figures: []ui.Figure{
			{Label: "Took", Value: format.Seconds(r.Seconds)},
			{Label: "Tables", Value: format.Count(int64(r.Tables))},
			{Label: "Rows", Value: format.Count(r.Rows)},
			{Label: "Written", Value: format.Bytes(r.Bytes)},
			{Label: "Read from", Value: orDash(r.Provider)},
		},
		Findings: findings(r.Damaged), NotCarried: notCarried(r.NotCarried),
		Next: []views.NextStep{{Text: "Open the recovery point", URL: pointURL(r.Point)}},
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
		vm := views.Exception{Kind: ui.Chip{Tone: ui.ToneWarn, Text: e.Kind}, Object: e.Object, Error: sentence(e.Error),
			Means: e.Means, SQL: e.SQL,
			Note: strings.ReplaceAll(e.SQLNote, "schema POINT", "schema "+r.Point), Because: e.Because}
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

// scopedResult draws the report of a restore into the live platform.
func scopedResult(r engine.ScopeResult) *views.Result {
	out := &views.Result{Tone: ui.ToneOK, Title: "Done",
		Text: "All of it happened at once, foreign keys hold, and it can be taken back.",
		Figures: []ui.Figure{{Label: "Took", Value: format.Seconds(r.Seconds)},
			{Label: "Inserted", Value: format.Count(r.Applied.Inserted)},
			{Label: "Updated", Value: format.Count(r.Applied.Updated)},
			{Label: "Deleted", Value: format.Count(r.Applied.Deleted)}},
		Next: []views.NextStep{{Text: "See every row, or take it back", URL: scopedURL(r.Restore)}}}
	if len(r.Refused) > 0 {
		out.Tone, out.Title = ui.ToneWarn, "Done, but for rows that changed since"
		out.Text = "The platform has changed " + format.Plural(int64(len(r.Refused)), "row", "rows") +
			" since, which stay as they are: " + firstSentence(strings.Join(r.Refused, "; ")) + "."
	}
	return out
}

// problemResult draws why an operation ended without its result.
func problemResult(o console.Operation, message string) *views.Result {
	d := drawingOf(o.Kind)
	noun, text := d.noun, strings.TrimSpace(message+" "+d.unfinished(o))
	if o.State == console.StateCancelled {
		return &views.Result{Tone: ui.ToneMute, Title: "The " + noun + " was cancelled", Text: text}
	}
	return &views.Result{Tone: ui.ToneBad, Title: "The " + noun + " failed", Text: text}
}

// wroteNothing reports whether a restore ended before it had written anything: it looks first, and an earlier attempt
// may have written.
func wroteNothing(o console.Operation) bool {
	return o.Attempt <= 1 && (o.Progress == nil || o.Progress.Stage == "" || o.Progress.Stage == engine.StageChecking)
}

func copies(list []keepsake.Copy) []views.Copy {
	out := make([]views.Copy, len(list))
	for i, c := range list {
		out[i] = views.Copy{Provider: c.Provider, Medium: c.Medium, Place: "here", Error: c.Error,
			State: ui.Chip{Tone: ui.ToneOK, Text: "Confirmed"}}
		if c.Offsite {
			out[i].Place = "away from here"
		}
		if !c.Confirmed {
			out[i].State = ui.Chip{Tone: ui.ToneBad, Text: "Not confirmed"}
		}
	}
	return out
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

func notCarried(list []keepsake.NotCarried) []views.NotCarried {
	out := make([]views.NotCarried, len(list))
	for i, n := range list {
		out[i] = views.NotCarried{Kind: n.Kind, Name: n.Name, Reason: n.Reason}
	}
	return out
}

func findings(list []engine.VerifyFinding) []views.Finding {
	out := make([]views.Finding, len(list))
	for i, f := range list {
		out[i] = views.Finding{Kind: ui.Chip{Tone: ui.ToneWarn, Text: "Not checked"}, Provider: f.Provider, Object: f.Object,
			Problem: f.Problem}
		if f.Damage {
			out[i].Kind = ui.Chip{Tone: ui.ToneBad, Text: "Damage"}
		}
	}
	return out
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

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

func pointURL(id string) string     { return "/points/" + id }
func operationURL(id string) string { return "/operations/" + id }
