package draw

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

// Points draws a list of recovery points.
func Points(shell views.Shell, list []console.Point, clock format.Clock) views.Points {
	vm := views.Points{Shell: shell}
	for _, p := range list {
		vm.Rows = append(vm.Rows, views.PointRow{
			URL:    PointURL(p.ID),
			Name:   p.ID,
			Type:   format.Title(p.Type),
			Note:   p.Note,
			When:   clock.When(p.Time),
			State:  pointState(p),
			Lacks:  strings.TrimSpace(p.DoubtWords() + " " + format.Capital(p.Lacks)),
			Tables: format.Plural(int64(p.Tables), "table", "tables"),
			Rows:   format.Count(p.Rows),
			Size:   format.Bytes(p.BytesStored),
			New:    format.Bytes(p.BytesNew),
		})
	}
	return vm
}

// Point draws one recovery point, with the log of the backup that made it.
func Point(shell views.Shell, d console.PointDetail, lines []console.LogLine, clock format.Clock) views.Point {
	p := d.Point
	vm := views.Point{
		Shell:   shell,
		ID:      p.ID,
		Title:   clock.Exact(p.Time),
		When:    clock.When(p.Time),
		Type:    format.Title(p.Type) + " backup",
		Note:    p.Note,
		State:   pointState(p),
		Notices: pointNotices(d, clock),
		Figures: append(pointFigures(p), proofFigures(d)...),
		Copies:  copies(p.Copies),
		Repair:  slices.ContainsFunc(p.Copies, func(cp keepsake.Copy) bool { return !cp.Confirmed }),
		Lacks:   format.Capital(p.Lacks),
		Facts:   pointFacts(d),
		Tests:   pointTests(d.Tests, clock),
		Missing: d.Missing,
	}
	if d.Detail != nil {
		vm.NotCarried, vm.Tiers = notCarried(d.Detail.NotCarried), pointTiers(d.Detail.TableList, p.Proof)
	}
	if p.Operation != "" {
		vm.Log = views.Log{
			Lines: LogLines(lines, clock),
			More:  "Of the backup that made it.",
			URL:   OperationURL(p.Operation) + "/log",
		}
	}
	vm.Accept = p.Suspect() || p.Trust == keepsake.TrustDoubted
	vm.Accepted = p.Trust == keepsake.TrustAccepted && len(p.Doubts) > 0
	vm.EditNote, vm.EditLabels, vm.EditLocked = p.Note, labelsText(p.Labels), p.Locked
	vm.WasNote, vm.WasLabels, vm.WasLocked = vm.EditNote, vm.EditLabels, vm.EditLocked
	return vm
}

// pointState says how safe a recovery point is. A failed test outweighs confirmed copies.
func pointState(p console.Point) ui.Chip {
	switch {
	case p.LastTest != nil && p.LastTest.Failed():
		return ui.Chip{Tone: ui.ToneBad, Text: "Test failed"}
	case p.Suspect():
		return ui.Chip{Tone: ui.ToneBad, Text: "Suspect"}
	case !p.Protected:
		return ui.Chip{Tone: ui.ToneWarn, Text: "Not fully protected"}
	default:
		return ui.Chip{Tone: ui.ToneOK, Text: "Protected"}
	}
}

// labelsText writes labels as parseLabels reads them.
func labelsText(labels map[string]string) string {
	var parts []string
	for _, name := range sortedKeys(labels) {
		parts = append(parts, name+"="+labels[name])
	}
	return strings.Join(parts, ", ")
}

// goesNotice says that retention removes a recovery point, and how to keep it.
func goesNotice(p console.Point, clock format.Clock) []ui.Notice {
	if p.GoesAfter.IsZero() || p.Locked {
		return nil
	}
	return []ui.Notice{{
		Tone:  ui.ToneWarn,
		Title: "Retention removes this recovery point",
		Text: "It goes after " + clock.Exact(p.GoesAfter) + ", because " + p.GoesBecause + ". To keep it, tick Keep it " +
			"whatever the retention rules say below.",
		Href: "/retention",
		Link: "What stays, and why",
	}}
}

// SuspectNotice says that a recovery point may show damage; of another one it says nothing.
func SuspectNotice(p console.Point) []ui.Notice {
	if !p.Suspect() {
		return nil
	}
	return []ui.Notice{suspectPoint(p.DoubtWords())}
}

func suspectPoint(why string) ui.Notice {
	return ui.Notice{
		Tone:  ui.ToneBad,
		Title: "This recovery point may show damage",
		Text: why + " Until somebody says that it can be trusted, a restore of the latest recovery point takes " +
			"an older one, if there is one that is not suspect.",
	}
}

// PassedNotices says which newer recovery points latest passes by, and leads to them.
func PassedNotices(passed []console.SuspectPoint, clock format.Clock) (out []ui.Notice) {
	for _, p := range passed {
		out = append(out, ui.Notice{
			Tone:  ui.ToneWarn,
			Title: "A newer recovery point may show damage",
			Text:  keepsake.PassedBy(p.ID+" of "+clock.Exact(p.Time), p.Why),
			Href:  PointURL(p.ID),
			Link:  "Look at it, and say whether it can be trusted",
		})
	}
	return out
}

// UnreadNotice says that somebody may doubt a recovery point in a note that could not be read.
func UnreadNotice(d console.PointDetail) []ui.Notice {
	if d.Detail == nil || len(d.Detail.NotesUnread) == 0 || d.Point.Suspect() {
		return nil
	}
	return []ui.Notice{{
		Tone:  ui.ToneWarn,
		Title: "Somebody may doubt this recovery point",
		Text:  keepsake.DoubtUnread(d.Detail.NotesUnread),
	}}
}

// askedNotices says what was doubtful of a restore's recovery point, or is while the restore has not ended.
func askedNotices(o console.Operation, clock format.Clock) (out []ui.Notice) {
	if o.Asked == nil {
		return nil
	}
	for _, p := range o.Asked.Suspects {
		n := suspectPoint(p.Why)
		if p.ID != o.Point {
			n = PassedNotices([]console.SuspectPoint{p}, clock)[0]
		}
		if !o.State.Active() {
			n.Text = "When this restore was asked for: " + n.Text
		}
		out = append(out, n)
	}
	return out
}

// pointNotices says what a person must know before they rely on a recovery point.
func pointNotices(d console.PointDetail, clock format.Clock) []ui.Notice {
	var out []ui.Notice
	out = append(out, SuspectNotice(d.Point)...)
	out = append(out, goesNotice(d.Point, clock)...)
	out = append(out, PassedNotices(d.Passed, clock)...)
	out = append(out, UnreadNotice(d)...)
	if t := d.Point.LastTest; t != nil && t.Failed() {
		out = append(out, ui.Notice{
			Tone:  ui.ToneBad,
			Title: "The latest test found problems",
			Text: format.Plural(int64(t.Findings), "thing is", "things are") +
				" wrong with its copies. Open the test below; a restore uses another provider's copy where there is one.",
		})
	}
	if len(d.Tests) > 0 && d.Tests[0].Incomplete() {
		return append(out, ui.Notice{
			Tone:  ui.ToneWarn,
			Title: "The latest test could not ask every provider",
			Text: whoAnswered(d.Tests[0]) + ". What could be asked is whole; what was known of the rest stays as it was. " +
				"Verify it again once every provider answers.",
		})
	}
	if d.Point.LastTest == nil {
		out = append(out, ui.Notice{
			Tone:  ui.ToneMute,
			Title: "Never tested",
			Text: "Its copies were confirmed when they were stored. Only a verification or a restore proves that they still " +
				"are what they should be.",
		})
	}
	return out
}

// whoAnswered says whom a test could ask and whom not.
func whoAnswered(t console.PointTest) string {
	silent := format.And(t.Away) + " did not answer"
	if len(t.Asked) == 0 {
		return format.Capital(silent)
	}
	return "Checked at " + format.And(t.Asked) + "; " + silent
}

// pointFigures says how much a recovery point holds.
func pointFigures(p console.Point) []ui.Figure {
	return []ui.Figure{
		{Label: "Tables", Value: format.Count(int64(p.Tables))},
		{Label: "Rows", Value: format.Count(p.Rows)},
		{Label: "Size", Value: format.Bytes(p.BytesRead), Hint: "before compression"},
		{Label: "Stored", Value: format.Bytes(p.BytesStored), Hint: "its rows, at each provider"},
		{
			Label: "Already stored",
			Value: format.Percent(shared(p.ChunksNew, p.Chunks)),
			Hint:  piecesShared(p.ChunksNew, p.Chunks),
		},
		{Label: "Added", Value: format.Bytes(p.BytesNew), Hint: "with the index, at each provider"},
		{Label: "Took", Value: format.Seconds(p.Seconds)},
	}
}

// pointFacts says where a recovery point comes from.
func pointFacts(d console.PointDetail) []ui.Fact {
	facts := []ui.Fact{{Label: "Database", Value: OrDash(d.Point.Database)},
		{Label: "Server", Value: "PostgreSQL " + d.Point.Server}}
	if d.Detail != nil {
		facts = append(facts,
			ui.Fact{Label: "Schema", Value: format.Bytes(d.Detail.SchemaSize) + ", as a pg_dump archive"},
			ui.Fact{Label: "Log position", Value: OrDash(d.Detail.LSN), Mono: true})
	}
	for _, name := range sortedKeys(d.Point.Labels) {
		facts = append(facts, ui.Fact{Label: name, Value: d.Point.Labels[name]})
	}
	return append(facts, ui.Fact{Label: "Number", Value: d.Point.ID, Mono: true})
}

// pointTests draws the tests of a recovery point.
func pointTests(tests []console.PointTest, clock format.Clock) []views.PointTest {
	names := map[string]string{"verify": "Verification", "deep_verify": "Deep verification",
		"restore": "Restore, compared row by row", "partial_restore": "Restore of a part, compared row by row"}
	out := make([]views.PointTest, len(tests))
	for i, t := range tests {
		out[i] = views.PointTest{
			Name:  names[t.Kind],
			URL:   OperationURL(t.Operation),
			When:  clock.When(t.At),
			State: ui.Chip{Tone: ui.ToneOK, Text: "Passed"},
			Text:  " · took " + format.Seconds(t.Seconds),
		}
		if out[i].Name == "" {
			out[i].Name = format.Title(t.Kind)
		}
		if t.Incomplete() {
			out[i].State = ui.Chip{Tone: ui.ToneWarn, Text: "Incomplete"}
			out[i].Text = " · " + whoAnswered(t) + out[i].Text
		}
		if t.Failed() {
			out[i].State = ui.Chip{Tone: ui.ToneBad, Text: format.Plural(int64(t.Findings), "problem", "problems")}
		}
	}
	return out
}

// proofFigures says how complete and how sound a recovery point is, and how long its restore would take.
func proofFigures(d console.PointDetail) []ui.Figure {
	out := []ui.Figure{{Label: "Rows found", Value: "–", Hint: "no verification has counted them yet"},
		{Label: "Integrity", Value: "–", Hint: "verify it to know"}}
	if p := d.Point.Proof; p != nil {
		out[0] = ui.Figure{Label: "Rows found", Value: format.Count(p.RowsFound), Hint: "of " +
			format.Count(max(p.RowsExpected, d.Point.Rows)) + " expected"} // a manifest that opens nowhere tells no number
		out[1] = ui.Figure{
			Label: "Integrity",
			Value: format.Percent(p.Score()),
			Hint:  "of its objects, at the providers asked",
		}
	}
	if d.RestoreSeconds > 0 {
		return append(out, ui.Figure{
			Label: "Restoring takes",
			Value: "about " + format.Seconds(d.RestoreSeconds),
			Hint:  "at the speed of the latest whole restore",
		})
	}
	return append(out, ui.Figure{Label: "Restoring takes", Value: "–", Hint: "no whole restore has been measured yet"})
}

// pointTiers draws the tables of a recovery point, tier by tier.
func pointTiers(tables []engine.PointTable, proof *engine.PointProof) []views.PointTier {
	var out []views.PointTier
	for _, tier := range keepsake.Tiers() {
		vm := views.PointTier{
			ID:   "point-" + string(tier),
			Name: format.Title(string(tier)),
			Open: tier == keepsake.TierCritical,
		}
		var rows, bytes int64
		for _, t := range tables {
			if t.Tier != string(tier) {
				continue
			}
			rows, bytes = rows+t.Rows, bytes+t.Bytes
			table := pointTable(t)
			if short, missing := lost(proof, t); missing {
				table.Lost, vm.Open = "only "+format.Count(short.RowsFound)+" found", true
			}
			vm.Tables = append(vm.Tables, table)
		}
		if len(vm.Tables) > 0 {
			vm.Sum = fmt.Sprintf("%s · %s · %s", format.Plural(int64(len(vm.Tables)), "table", "tables"),
				format.Plural(rows, "row", "rows"), format.Bytes(bytes))
			out = append(out, vm)
		}
	}
	return out
}

// lost returns what a verification found of a table that is not complete any more.
func lost(proof *engine.PointProof, t engine.PointTable) (engine.TableProof, bool) {
	if proof == nil {
		return engine.TableProof{}, false
	}
	i := slices.IndexFunc(proof.Tables, func(x engine.TableProof) bool {
		return keepsake.TableName(keepsake.SplitTableName(x.Table)) == keepsake.TableName(t.Schema, t.Name)
	})
	if i < 0 {
		return engine.TableProof{}, false
	}
	return proof.Tables[i], true
}

func pointTable(t engine.PointTable) views.PointTable {
	out := views.PointTable{
		Name:      format.Table(t.Schema, t.Name),
		Rows:      format.Count(t.Rows),
		Size:      format.Bytes(t.Bytes),
		Stored:    format.Bytes(t.BytesStored),
		Hash:      t.Hash,
		HashShort: format.Short(t.Hash),
	}
	if t.Kind != "table" {
		out.Kind = t.Kind
	}
	if t.Chunks > 0 {
		out.Shared, out.Chunks = format.Percent(shared(int64(t.ChunksNew), int64(t.Chunks))),
			piecesShared(int64(t.ChunksNew), int64(t.Chunks))
	}
	return out
}
