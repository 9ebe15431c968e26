package handlers

import (
	"fmt"

	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

// rowsShown is how many rows of a table a page shows; all of them count.
const rowsShown = 50

// changeWords say what happens, or happened, to a row, and to how many.
type changeWords struct {
	insert, update, remove string
	sum                    string // of inserted, updated, removed, unchanged and refused rows
	newer                  bool   // the live row is the newer one
}

var (
	comesBack = changeWords{"comes back", "changes back", "is removed",
		"%[1]s back · %[2]s changed · %[3]s removed · %[4]s unchanged · %[5]s refused", true}
	wasDone  = changeWords{"brought back", "changed back", "removed", "%[1]s back · %[2]s changed · %[3]s removed", false}
	happened = changeWords{"was added", "was changed", "was removed", "%[1]s added · %[2]s changed · %[3]s removed",
		false}
)

func previewTable(t scope.TableChanges, left map[string]bool, words changeWords) (views.PreviewTable, bool) {
	return previewRows(t, left, words, 0)
}

// previewRows draws a table's rows from the one with the number from on.
func previewRows(t scope.TableChanges, left map[string]bool, words changeWords, from int) (views.PreviewTable, bool) {
	insert, update, remove, refused := t.Counts()
	counts := []any{}
	for _, n := range []int64{insert, update, remove, t.Unchanged, refused} {
		counts = append(counts, format.Count(n))
	}
	out := views.PreviewTable{Name: format.TableOf(t.Table), Sum: fmt.Sprintf(words.sum, counts...),
		Shared: t.Belongs == scope.Shared && words.newer, Notes: t.Notes}
	out.AllValue = t.AllRowsName()
	out.AllLeftOut = left[out.AllValue]
	for i, c := range t.Changes[min(from, len(t.Changes)):] {
		if i == rowsShown {
			out.More = format.Plural(int64(len(t.Changes)-from-rowsShown), "more row", "more rows")
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

func modeWords(m scope.Mode) string {
	if m == scope.Rewind {
		return "rewind: everything as it was"
	}
	return "bring back what is missing"
}
