package draw

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

// ShownChoice returns a short text for the choice that a comparison was made for: what comes back, from when, how
// far, without which rows. The comparison's form carries it beside the controls. Where the controls say something
// else, the person has chosen anew and has not seen what that does.
func ShownChoice(in console.ScopedInput, skip []string) string {
	skip = slices.Clone(skip)
	slices.Sort(skip)
	b, err := json.Marshal(struct {
		In   console.ScopedInput
		Skip []string
	}{in, slices.Compact(skip)})
	if err != nil { // strings and booleans can always be written
		return ""
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// Changes says how many rows a confirmed comparison changes, and how many it does not.
type Changes struct{ insert, update, remove, refused, left int64 }

// ChangesOf counts a comparison's rows without those that were ticked off.
func ChangesOf(p *scope.Preview, left map[string]bool) (n Changes) {
	for _, t := range p.Tables {
		one := changesIn(t, left)
		n.insert, n.update, n.remove, n.refused, n.left = n.insert+one.insert, n.update+one.update, n.remove+one.remove,
			n.refused+one.refused, n.left+one.left
	}
	return n
}

// changesIn is ChangesOf for one table.
func changesIn(t scope.TableChanges, left map[string]bool) (n Changes) {
	n.insert, n.update, n.remove, n.refused = t.Counts()
	if left[t.AllRowsName()] {
		return Changes{left: n.insert + n.update + n.remove, refused: n.refused}
	}
	for _, c := range t.Changes {
		if c.Refused != "" || !left[t.RowName(c)] {
			continue
		}
		n.left++
		switch c.Op {
		case scope.Insert:
			n.insert--
		case scope.Update:
			n.update--
		default:
			n.remove--
		}
	}
	return n
}

// LeftOut reports whether a row was ticked off.
func LeftOut(left map[string]bool) func(t scope.TableChanges, c scope.Change) bool {
	return func(t scope.TableChanges, c scope.Change) bool { return left[t.AllRowsName()] || left[t.RowName(c)] }
}

// All returns how many rows the comparison changes.
func (n Changes) All() int64 { return n.insert + n.update + n.remove }

// Figures say how many rows of each sort it changes.
func (n Changes) Figures() []ui.Figure {
	out := []ui.Figure{{Label: "Brought back", Value: format.Count(n.insert)},
		{Label: "Changed back", Value: format.Count(n.update)},
		{Label: "Removed", Value: format.Count(n.remove)}, {Label: "Refused", Value: format.Count(n.refused)}}
	if n.left > 0 {
		out = append(out, ui.Figure{Label: "Left out", Value: format.Count(n.left), Hint: "ticked off by you"})
	}
	return out
}

// Button says what confirming does: "Bring back 72 rows", "Make everything as it was: 72 come back, 6 change, 3 go".
func (n Changes) Button(mode scope.Mode) string {
	if mode != scope.Rewind {
		return "Bring back " + format.Plural(n.insert, "row", "rows")
	}
	var parts []string
	for _, p := range []struct {
		n         int64
		one, many string
	}{{n.insert, "comes back", "come back"}, {n.update, "changes", "change"}, {n.remove, "goes", "go"}} {
		if p.n > 0 {
			parts = append(parts, format.Plural(p.n, p.one, p.many))
		}
	}
	return "Make everything as it was: " + strings.Join(parts, ", ")
}

// NothingWords says why there is nothing to confirm.
func (n Changes) NothingWords(in console.ScopedInput) string {
	switch noun := ScopeNoun(in.Scope); {
	case n.left > 0:
		return "Every row that could come back is left out. Take some ticks away and compare again."
	case in.Mode == scope.Missing:
		return "Nothing that this recovery point holds of this " + noun + " is missing. Rows that were changed since are " +
			"not looked at here: choose “Make everything as it was” for those."
	default:
		return "Everything of this " + noun + " is as it was at this recovery point."
	}
}

// RowsShown is how many rows of a table a page shows. The figures count all of them.
const RowsShown = 50

// changeWords say what happens, or happened, to a row, and to how many.
type changeWords struct {
	insert, update, remove string
	sum                    string // of inserted, updated, removed, unchanged and refused rows
	newer                  bool   // the live row is the newer one
}

// What a comparison says of rows: before, after it was done, and between two moments.
var (
	ComesBack = changeWords{"comes back", "changes back", "is removed",
		"%[1]s back · %[2]s changed · %[3]s removed · %[4]s unchanged · %[5]s refused", true}
	WasDone = changeWords{"brought back", "changed back", "removed",
		"%[1]s back · %[2]s changed · %[3]s removed", false}
	Happened = changeWords{"was added", "was changed", "was removed",
		"%[1]s added · %[2]s changed · %[3]s removed", false}
)

// PreviewTable draws a table of a comparison. It returns false where there is nothing to show of it.
func PreviewTable(t scope.TableChanges, left map[string]bool, words changeWords) (views.PreviewTable, bool) {
	return PreviewRows(t, left, words, 0)
}

// PreviewRows draws a table's rows, beginning with the row number from.
func PreviewRows(t scope.TableChanges, left map[string]bool, words changeWords, from int) (views.PreviewTable, bool) {
	insert, update, remove, refused := t.Counts()
	counts := []any{}
	for _, n := range []int64{insert, update, remove, t.Unchanged, refused} {
		counts = append(counts, format.Count(n))
	}
	out := views.PreviewTable{
		Name:   format.TableOf(t.Table),
		Sum:    fmt.Sprintf(words.sum, counts...),
		Shared: t.Belongs == scope.Shared && words.newer,
		Notes:  t.Notes,
	}
	out.AllValue = t.AllRowsName()
	out.AllLeftOut = left[out.AllValue]
	for i, c := range t.Changes[min(from, len(t.Changes)):] {
		if i == RowsShown {
			out.More = format.Plural(int64(len(t.Changes)-from-RowsShown), "more row", "more rows")
			break
		}
		key := t.KeyText(c)
		row := views.PreviewRow{Value: t.RowName(c), Key: key, Refused: c.Refused, LeftOut: left[t.RowName(c)]}
		switch c.Op {
		case scope.Insert:
			row.What = ui.Chip{Tone: ui.ToneOK, Text: words.insert}
		case scope.Update:
			row.What, row.Newer = ui.Chip{Tone: ui.ToneWarn, Text: words.update}, words.newer
		default:
			row.What, row.Newer = ui.Chip{Tone: ui.ToneBad, Text: words.remove}, words.newer
		}
		row.Cells = previewCells(t, c)
		out.Rows = append(out.Rows, row)
	}
	return out, len(t.Changes) > 0 || len(t.Notes) > 0
}

// previewCells are the values that differ, or all of a row that comes or goes.
func previewCells(t scope.TableChanges, c scope.Change) []views.PreviewCell {
	var out []views.PreviewCell
	for i, col := range t.Columns {
		cell := views.PreviewCell{Column: col.Name}
		if c.Before != nil {
			cell.Before = cellText(c.Before[i])
		}
		if c.After != nil {
			cell.After = cellText(c.After[i])
		}
		if c.Op == scope.Update {
			if cell.Changed = cell.Before != cell.After || !sameText(c.Before[i], c.After[i]); !cell.Changed {
				continue
			}
		}
		out = append(out, cell)
	}
	return out
}

func sameText(a, b *string) bool { return a == b || a != nil && b != nil && *a == *b }

// cellText is a value for people, short.
func cellText(v *string) string {
	if v == nil {
		return "—"
	}
	const most = 120
	if r := []rune(*v); len(r) > most {
		return string(r[:most]) + "…"
	}
	return *v
}

// ModeWords says how far a restore into the live platform goes.
func ModeWords(m scope.Mode) string {
	if m == scope.Rewind {
		return "rewind: everything as it was"
	}
	return "bring back what is missing"
}

// Impact says whom and what the changes touch, and how long they take.
func Impact(p *scope.Preview, left map[string]bool) []ui.Figure {
	var vendors, payments int64
	for _, t := range p.Tables {
		switch _, name := keepsake.SplitTableName(t.Table); {
		case strings.Contains(name, "supplier") || strings.Contains(name, "vendor"):
			vendors += changesIn(t, left).All()
		case strings.Contains(name, "payment"):
			payments += changesIn(t, left).All()
		}
	}
	return []ui.Figure{{Label: "Weddings touched", Value: format.Count(int64(len(p.Touched(LeftOut(left)))))},
		{Label: "Vendors touched", Value: format.Count(vendors)}, {Label: "Payments touched", Value: format.Count(payments)},
		{
			Label: "Takes",
			Value: "about " + format.Duration(
				max(time.Second, time.Duration(2*p.Seconds*float64(time.Second)).Round(time.Second))),
			Hint: "from what the comparison took",
		}}
}

// Set makes a set of a list.
func Set(list []string) map[string]bool {
	out := map[string]bool{}
	for _, s := range list {
		out[s] = true
	}
	return out
}

// Elsewhere returns the ticks that no checkbox of the page carries.
func Elsewhere(left map[string]bool, tables []views.PreviewTable) []string {
	here := map[string]bool{}
	for _, t := range tables {
		here[t.AllValue] = true
		for _, r := range t.Rows {
			here[r.Value] = true
		}
	}
	var out []string
	for name := range left {
		if !here[name] {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// UndoLines says table by table what an undo does to the rows that a restore wrote.
func UndoLines(tables []scope.TableChanges) (lines []string) {
	for _, t := range tables {
		insert, update, remove, _ := t.Counts()
		var parts []string
		if insert > 0 {
			parts = append(parts, rowsThat(insert, "came back", "is deleted again", "are deleted again"))
		}
		if update > 0 {
			parts = append(parts, rowsThat(update, "changed", "gets the values it had before the restore",
				"get the values they had before the restore"))
		}
		if remove > 0 {
			parts = append(parts, rowsThat(remove, "went", "comes again", "come again"))
		}
		if len(parts) > 0 {
			lines = append(lines, format.Title(format.TableOf(t.Table))+": "+strings.Join(parts, ", ")+".")
		}
	}
	return lines
}

// rowsThat says what becomes of so many rows that something happened to: "72 that came back are deleted again".
func rowsThat(n int64, happened, one, many string) string {
	if n == 1 {
		return "1 row that " + happened + " " + one
	}
	return format.Count(n) + " rows that " + happened + " " + many
}
