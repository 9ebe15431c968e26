package draw

import (
	"fmt"
	"slices"
	"time"

	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

// mostTables is how many tables of a tier a live page shows; the rest is counted in words, so that a platform with
// thousands of tables does not send megabytes every second.
const mostTables = 40

type stageWords struct{ step, headline string }

var stages = map[engine.Stage]stageWords{
	engine.StageChecking:   {"Checking", "Checking that everything is ready"},
	engine.StageSnapshot:   {"Snapshot", "Fixing one moment of the platform"},
	engine.StageReading:    {"Reading", "Reading rows and sending them to every provider"},
	engine.StageCatchingUp: {"Catching up", "Completing the copies at slower providers"},
	engine.StagePublishing: {"Publishing", "Making the recovery point final"},
	engine.StageSchema:     {"Tables", "Creating tables"},
	engine.StageLoading:    {"Rows", "Loading rows"},
	engine.StageIndexing:   {"Indexes", "Building indexes and rules"},
	engine.StageComparing:  {"Comparing", "Comparing counts and checksums"},
	engine.StageWriting:    {"Writing", "Writing rows into the live platform"},
	engine.StageSafety:     {"Safety copy", "Storing what an undo needs, before anything becomes final"},
	engine.StageRepairing:  {"Repairing", "Copying to each provider what it lacks"},
	engine.StageDone:       {"Done", "Done"},
}

func wordsOf(kind console.Kind, s engine.Stage) stageWords {
	if w, special := drawingOf(kind).stages[s]; special {
		return w
	}
	return stages[s]
}

// buildLive draws progress. tone is run while the operation moves, else that of its end; p may be nil before it starts.
func buildLive(kind console.Kind, p *engine.Progress, tone ui.Tone, pc *Pace) views.Live {
	if p == nil || p.StartedAt.IsZero() {
		return views.Live{
			Tone:     tone,
			Headline: "Waiting for its turn",
			Sub:      "It starts by itself, usually within a few seconds.",
			Bar:      ui.Bar{Label: "Not started yet", Tone: tone, Size: "big"},
			Status:   "Waiting for its turn",
		}
	}
	pc.add(*p)
	running := tone == ui.ToneRun
	bytesRate, rowsRate := pc.speed(*p)
	left := ""
	if running && p.BytesTotal > p.BytesDone {
		left = format.Left(timeLeft(p.BytesTotal-p.BytesDone, bytesRate))
	}
	known := p.BytesTotal > 0 || p.RowsTotal > 0 || p.Stage == engine.StageDone
	live := views.Live{
		Tone:     tone,
		Known:    true,
		Headline: wordsOf(kind, p.Stage).headline,
		Sub:      left,
		Bar: ui.Bar{
			Label:   "Whole operation",
			Percent: format.PercentOf(p.Fraction()),
			Known:   known || !running,
			Tone:    tone,
			Size:    "big",
		},
		Figures: liveFigures(kind, *p, left, bytesRate, rowsRate, running),
		Steps:   liveSteps(kind, p.Stage, tone),
		Tiers:   liveTiers(kind, *p, pc, running),
	}
	if left != "" {
		live.Sub = left + " left"
	}
	if words := waitingFor(kind, *p); running && words != "" {
		live.Sub = words
	}
	if known {
		live.Percent = format.Percent(p.Fraction())
	}
	live.ProvidersTitle, live.ProvidersText, live.Moved = "Providers", "Where the pieces are", "Read"
	copies := drawingOf(kind).live.copies
	if copies {
		live.ProvidersTitle, live.ProvidersText, live.Moved = "Copies",
			"New pieces are confirmed by checksum; those that are there already, by name and size", "Sent"
	}
	for _, pr := range p.Providers {
		if !copies && pr.Confirmed == 0 && pr.Bytes == 0 && pr.Error == "" {
			continue // a restore reads and sends nothing: a row of zeros would only frighten
		}
		live.Providers = append(live.Providers, views.LiveProvider{
			Name:      pr.Name,
			State:     providerState(pr, running, tone),
			Confirmed: format.Count(pr.Confirmed),
			Lag:       format.Count(pr.Lag),
			Bytes:     format.Bytes(pr.Bytes),
			Error:     pr.Error,
		})
	}
	live.Status = spoken(*p, live.Headline, left)
	return live
}

// waitingFor says which providers keep an operation that makes copies from ending, once its rows are read, and where
// the recovery point is already. Elsewhere it says which provider does not answer.
func waitingFor(kind console.Kind, p engine.Progress) string {
	var have, silent, busy []string
	for _, pr := range p.Providers {
		switch {
		case pr.State == engine.ItemDone:
			have = append(have, pr.Name)
		case pr.State == engine.ItemFailed:
		case pr.Silent > 0:
			silent = append(silent, fmt.Sprintf("%s, which has not answered for %s", pr.Name,
				format.Duration(time.Duration(pr.Silent)*time.Second)))
		default:
			busy = append(busy, pr.Name)
		}
	}
	if !drawingOf(kind).live.copies || p.Stage != engine.StageCatchingUp && p.Stage != engine.StagePublishing {
		if len(silent) == 0 {
			return ""
		}
		return "Waiting for " + format.And(silent) + "."
	}
	if len(silent)+len(busy) == 0 {
		return ""
	}
	words := "Waiting for " + format.And(append(busy, silent...)) + "."
	if len(have) > 0 {
		words = "The recovery point is at " + format.And(have) + ". " + words
	}
	return words
}

// spoken is the sentence read aloud; it changes with the stage and every ten percent, not with every row.
func spoken(p engine.Progress, headline, left string) string {
	if p.BytesTotal <= 0 || p.Stage == engine.StageDone {
		return headline
	}
	tenth := format.PercentOf(p.Fraction()) / 10 * 10
	if tenth == 0 || left == "" {
		return headline
	}
	return fmt.Sprintf("%s, %d %% done", headline, tenth)
}

func liveFigures(kind console.Kind, p engine.Progress, left string, bytesRate, rowsRate float64,
	running bool) []ui.Figure {
	d := drawingOf(kind).live
	moved := "of about " + format.Bytes(p.BytesTotal)
	if p.BytesTotal <= 0 {
		moved = ""
	}
	rows := ""
	if p.RowsTotal > p.RowsDone {
		rows = "of about " + format.Count(p.RowsTotal)
	}
	figures := []ui.Figure{{Label: "Running for", Value: format.Duration(p.UpdatedAt.Sub(p.StartedAt))}}
	if d.goal { // the clock that people in a hurry look at
		goal := keepsake.TierCritical.Goal()
		figures[0].Hint = "of " + format.Duration(goal) + " promised for the critical tables"
		if p.UpdatedAt.Sub(p.StartedAt) > goal {
			figures[0].Hint = "longer than the " + format.Duration(goal) + " promised for the critical tables"
		}
	}
	if !running {
		figures[0].Label = "Ran for"
	} else if left != "" {
		figures = append(figures, ui.Figure{Label: "Time left", Value: left})
	}
	figures = append(figures, ui.Figure{Label: "Rows", Value: format.Count(p.RowsDone), Hint: rows})
	if d.verb == "" {
		return figures
	}
	figures = append(figures, ui.Figure{Label: d.verb, Value: format.Bytes(p.BytesDone), Hint: moved})
	if rate := format.Rate(bytesRate); rate != "" {
		figures = append(figures, ui.Figure{Label: "Speed", Value: rate, Hint: format.RowRate(rowsRate)})
	}
	if d.more != nil {
		figures = append(figures, d.more(p)...)
	}
	return figures
}

func liveSteps(kind console.Kind, now engine.Stage, tone ui.Tone) []views.Step {
	order := drawingOf(kind).steps
	at := slices.Index(order, now)
	if now == engine.StageDone {
		at = len(order)
	}
	out := make([]views.Step, len(order))
	for i, s := range order {
		out[i].Name = wordsOf(kind, s).step
		switch {
		case i < at:
			out[i].State = "done"
		case i == at && tone == ui.ToneRun:
			out[i].State = "now"
		case i == at:
			out[i].State = "failed"
		}
	}
	return out
}

func liveTiers(kind console.Kind, p engine.Progress, pc *Pace, running bool) []views.LiveTier {
	var out []views.LiveTier
	for _, tier := range keepsake.Tiers() {
		var tables []engine.TableProgress
		for _, t := range p.Tables {
			if t.Tier == string(tier) {
				tables = append(tables, t)
			}
		}
		if len(tables) > 0 {
			t := liveTier(tier, tables, pc, running)
			if drawingOf(kind).live.goals {
				t.Goal = "promised within " + format.Duration(tier.Goal())
			}
			out = append(out, t)
		}
	}
	return out
}

func liveTier(tier keepsake.Tier, tables []engine.TableProgress, pc *Pace, running bool) views.LiveTier {
	var sum engine.TableProgress
	var rate float64
	done, failed, moving := 0, 0, 0
	for _, t := range tables {
		sum.RowsDone, sum.RowsTotal = sum.RowsDone+t.RowsDone, sum.RowsTotal+t.RowsTotal
		sum.BytesDone, sum.BytesTotal = sum.BytesDone+t.BytesDone, sum.BytesTotal+t.BytesTotal
		rate += pc.tableSpeed(t)
		switch t.State {
		case engine.ItemDone:
			done++
		case engine.ItemFailed:
			failed++
		case engine.ItemRunning, engine.ItemLagging:
			moving++
		}
	}
	out := views.LiveTier{ID: "tier-" + string(tier), Name: format.Title(string(tier))}
	share, tone := fraction(sum), ui.ToneRun
	switch {
	case failed > 0:
		tone = ui.ToneBad
	case done == len(tables):
		share, tone = 1, ui.ToneOK
	case !running:
		tone = ui.ToneMute
	}
	out.Bar = ui.Bar{Label: out.Name + " tier", Percent: format.PercentOf(share), Known: true, Tone: tone}
	out.Sum = fmt.Sprintf("%d of %s · %s · %s",
		done, format.Plural(int64(len(tables)), "table", "tables"), rowsOf(sum), bytesOf(sum))
	if running && done < len(tables) {
		if r := format.Rate(rate); r != "" {
			out.Sum += " · " + r
			if left := format.Left(timeLeft(sum.BytesTotal-sum.BytesDone, rate)); left != "" {
				out.Sum += " · " + left + " left"
			}
		}
	}
	out.Open = failed > 0 || (running && moving > 0)
	shown := tables
	if len(tables) > mostTables {
		shown = slices.SortedStableFunc(slices.Values(tables),
			func(a, b engine.TableProgress) int { return interest(a.State) - interest(b.State) })[:mostTables]
		out.More = "and " + format.Plural(int64(len(tables)-mostTables), "more table", "more tables")
	}
	for _, t := range shown {
		out.Tables = append(out.Tables, liveTable(t, pc, running))
	}
	return out
}

func liveTable(t engine.TableProgress, pc *Pace, running bool) views.LiveTable {
	out := views.LiveTable{
		Name:  format.Table(t.Schema, t.Name),
		State: itemState(t.State, running),
		Rows:  format.Count(t.RowsDone),
		Bytes: format.Bytes(t.BytesDone),
	}
	if t.State != engine.ItemDone {
		if t.RowsTotal > t.RowsDone {
			out.RowsOf = "of about " + format.Count(t.RowsTotal)
		}
		if t.BytesTotal > t.BytesDone {
			out.BytesOf = "of " + format.Bytes(t.BytesTotal)
		}
	}
	share := fraction(t)
	if t.State == engine.ItemDone {
		share = 1
	}
	out.Bar = ui.Bar{Label: out.Name, Percent: format.PercentOf(share), Known: true, Tone: out.State.Tone, Size: "thin"}
	if running && t.State == engine.ItemRunning {
		rate := pc.tableSpeed(t)
		out.Rate = format.Rate(rate)
		out.Left = format.Left(timeLeft(t.BytesTotal-t.BytesDone, rate))
	}
	return out
}

func itemState(s engine.ItemState, running bool) ui.Chip {
	switch {
	case s == engine.ItemDone:
		return ui.Chip{Tone: ui.ToneOK, Text: "Done"}
	case s == engine.ItemFailed:
		return ui.Chip{Tone: ui.ToneBad, Text: "Failed"}
	case s == engine.ItemRunning && running:
		return ui.Chip{Tone: ui.ToneRun, Text: "Running"}
	case s == engine.ItemLagging && running:
		return ui.Chip{Tone: ui.ToneWarn, Text: "Lagging"}
	case s == engine.ItemWaiting && running:
		return ui.Chip{Tone: ui.ToneMute, Text: "Waiting"}
	default:
		return ui.Chip{Tone: ui.ToneMute, Text: "Not finished"}
	}
}

func providerState(p engine.ProviderProgress, running bool, tone ui.Tone) ui.Chip {
	switch {
	case running && p.Silent > 0 && (p.State == engine.ItemRunning || p.State == engine.ItemLagging):
		return ui.Chip{Tone: ui.ToneWarn, Text: "No answer for " + format.Duration(time.Duration(p.Silent)*time.Second)}
	case p.State == engine.ItemRunning && running:
		return ui.Chip{Tone: ui.ToneRun, Text: "Keeping up"}
	case p.State == engine.ItemRunning && tone == ui.ToneOK:
		return ui.Chip{Tone: ui.ToneOK, Text: "Done"}
	}
	return itemState(p.State, running)
}

// interest orders states by how much a person wants to see them.
func interest(s engine.ItemState) int {
	return slices.Index([]engine.ItemState{engine.ItemFailed, engine.ItemRunning,
		engine.ItemLagging, engine.ItemWaiting, engine.ItemDone}, s)
}

func fraction(t engine.TableProgress) float64 {
	if t.BytesTotal <= 0 {
		return 0
	}
	return min(0.99, float64(t.BytesDone)/float64(t.BytesTotal))
}

func rowsOf(t engine.TableProgress) string {
	if t.State == engine.ItemDone || t.RowsTotal <= t.RowsDone {
		return format.Plural(t.RowsDone, "row", "rows")
	}
	return format.Count(t.RowsDone) + " of about " + format.Plural(t.RowsTotal, "row", "rows")
}

func bytesOf(t engine.TableProgress) string {
	if t.State == engine.ItemDone || t.BytesTotal <= t.BytesDone {
		return format.Bytes(t.BytesDone)
	}
	return format.Bytes(t.BytesDone) + " of " + format.Bytes(t.BytesTotal)
}

func timeLeft(bytes int64, perSecond float64) time.Duration {
	if bytes <= 0 || perSecond < 1 {
		return 0
	}
	return time.Duration(float64(bytes) / perSecond * float64(time.Second))
}
