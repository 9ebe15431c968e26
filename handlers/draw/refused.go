package draw

import (
	"cmp"
	"slices"
	"strings"

	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/views/ui"
)

// reasonsShown is how many reasons a notice gives. Each row gives its own.
const reasonsShown = 3

// RefusedNotices say above a comparison which rows would not be written and why: they may lie deep in a long table.
func RefusedNotices(p *scope.Preview) []ui.Notice {
	type reason struct {
		table, why string
		rows       int64
	}
	var reasons []reason
	var all int64
	for _, t := range p.Tables {
		for _, c := range t.Changes {
			if c.Refused == "" {
				continue
			}
			all++
			i := slices.IndexFunc(reasons, func(r reason) bool { return r.table == t.Table && r.why == c.Refused })
			if i < 0 {
				i, reasons = len(reasons), append(reasons, reason{table: t.Table, why: c.Refused})
			}
			reasons[i].rows++
		}
	}
	if all == 0 {
		return nil
	}
	slices.SortStableFunc(reasons, func(a, b reason) int { return cmp.Compare(b.rows, a.rows) })
	var text []string
	for _, r := range reasons[:min(reasonsShown, len(reasons))] {
		text = append(text, format.Plural(r.rows, "row", "rows")+" of "+format.TableOf(r.table)+": "+r.why+".")
	}
	if more := len(reasons) - reasonsShown; more > 0 {
		text = append(text, "There "+map[bool]string{true: "is ", false: "are "}[more == 1]+
			format.Plural(int64(more), "more reason", "more reasons")+": each row gives its own.")
	}
	return []ui.Notice{{
		Tone:  ui.ToneWarn,
		Title: format.Plural(all, "row cannot be restored", "rows cannot be restored"),
		Text:  strings.Join(text, " "),
	}}
}
