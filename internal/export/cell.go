// Package export makes names and texts of somebody else safe for the programs that open what is handed out: cells for
// spreadsheets, file names for archives and every file system. It is the one place that does, and it writes nothing.
package export

import (
	"regexp"
	"strings"
	"unicode"
)

// guard is what keeps a spreadsheet from computing what follows.
const guard = "'"

// number is what is read as itself: numbers, and telephone numbers of digits and blanks.
var number = regexp.MustCompile(`^[+-]?[0-9]+( [0-9]+)*(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// Cell returns a text that no spreadsheet takes for a formula, whichever delimiter it takes: guests choose their own
// names. Where a spreadsheet would begin to compute, at the beginning or behind what another delimiter or line makes a
// beginning, an apostrophe stands. Text takes them off again. Numbers stay as they are.
func Cell(s string) string {
	if number.MatchString(s) {
		return s
	}
	var b strings.Builder
	at := 0
	for at < len(s) {
		if computed(s[at:], at == 0) {
			b.WriteString(guard)
		}
		next := segment(s[at:])
		b.WriteString(s[at : at+next])
		at += next
	}
	return b.String()
}

// Text returns what Cell was given.
func Text(cell string) string {
	var b strings.Builder
	at := 0
	for at < len(cell) {
		rest, from := cell[at:], 0
		if strings.HasPrefix(rest, guard) && computed(rest[len(guard):], at == 0) {
			from = len(guard)
		}
		next := max(segment(rest), from)
		b.WriteString(rest[from:next])
		at += next
	}
	return b.String()
}

// delimits reports whether some program takes the character for the end of a cell.
func delimits(r rune) bool { return strings.ContainsRune(";|\t\n\r\v\f\u0085\u2028\u2029", r) }

// segment is the length of what comes up to the next delimiter, with it.
func segment(s string) int {
	for i, r := range s {
		if delimits(r) {
			return i + len(string(r))
		}
	}
	return len(s)
}

// computed reports whether a spreadsheet that begins a cell here computes it: blanks, quotes and what nobody sees in
// front make no difference, nor do apostrophes, because one more must be told from those that were there. A cell that
// itself begins with a tab or a line is taken for one too.
func computed(s string, first bool) bool {
	for _, r := range strings.TrimLeft(s, guard) {
		switch {
		case strings.ContainsRune("=+-@＝＋－＠﹦﹢﹣﹫−", r):
			return true
		case delimits(r):
			return first && r != ';' && r != '|'
		case unicode.IsSpace(r), unicode.IsControl(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Mn, r), r == '"':
			continue
		}
		return false
	}
	return false
}
