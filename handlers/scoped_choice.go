package handlers

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/views/ui"
)

// shownChoice says in short which choice a comparison is of: what comes back, from when, how far, without which rows.
// The comparison's form carries it beside the controls: where they say something else, the person has chosen anew and
// not seen what that does.
func shownChoice(in console.ScopedInput, skip []string) string {
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

// changes is how many rows a confirmed comparison changes, and how many it does not.
type changes struct{ insert, update, remove, refused, left int64 }

// changesOf counts a comparison's rows but for those that were ticked off.
func changesOf(p *scope.Preview, left map[string]bool) (n changes) {
	for _, t := range p.Tables {
		one := changesIn(t, left)
		n.insert, n.update, n.remove, n.refused, n.left = n.insert+one.insert, n.update+one.update, n.remove+one.remove,
			n.refused+one.refused, n.left+one.left
	}
	return n
}

// changesIn is changesOf for one table.
func changesIn(t scope.TableChanges, left map[string]bool) (n changes) {
	n.insert, n.update, n.remove, n.refused = t.Counts()
	if left[t.AllRowsName()] {
		return changes{left: n.insert + n.update + n.remove, refused: n.refused}
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

// leftOut reports whether a row was ticked off.
func leftOut(left map[string]bool) func(t scope.TableChanges, c scope.Change) bool {
	return func(t scope.TableChanges, c scope.Change) bool { return left[t.AllRowsName()] || left[t.RowName(c)] }
}

func (n changes) all() int64 { return n.insert + n.update + n.remove }

func (n changes) figures() []ui.Figure {
	out := []ui.Figure{{Label: "Brought back", Value: format.Count(n.insert)},
		{Label: "Changed back", Value: format.Count(n.update)},
		{Label: "Removed", Value: format.Count(n.remove)}, {Label: "Refused", Value: format.Count(n.refused)}}
	if n.left > 0 {
		out = append(out, ui.Figure{Label: "Left out", Value: format.Count(n.left), Hint: "ticked off by you"})
	}
	return out
}

// button says what confirming does: "Bring back 72 rows", "Make everything as it was: 72 come back, 6 change, 3 go".
func (n changes) button(mode scope.Mode) string {
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

// nothingWords say why there is nothing to confirm.
func (n changes) nothingWords(in console.ScopedInput) string {
	switch noun := scopeNoun(in); {
	case n.left > 0:
		return "Every row that could come back is left out. Take some ticks away and compare again."
	case in.Mode == scope.Missing:
		return "Nothing of this " + noun + " is missing. Rows that were changed since are not looked at here: choose “Make " +
			"everything as it was” for those."
	default:
		return "Everything of this " + noun + " is as it was at this recovery point."
	}
}
