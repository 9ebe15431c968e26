package pgtool

import (
	"bytes"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// failures reads pg_restore's standard error while it runs. It remembers which entries of the archive failed, whatever
// their number, and the last error lines. Sessions that work at once write to the same pipe: the words below reach it
// in one piece, but not necessarily at the beginning of a line.
type failures struct {
	rest    []byte // of a line that is not complete
	entries map[int]bool
	errors  []string // the last of them
	ignored bool     // pg_restore went on after each error, and came to its end
}

var failedEntry = regexp.MustCompile(`from TOC entry (\d+); \d+ \d+ `)

const (
	longestLine   = 16 << 10 // what is behind is a statement that pg_restore repeats
	keptErrors    = 20
	ignoredErrors = "errors ignored on restore"
)

func (f *failures) Write(p []byte) (int, error) {
	for piece := range bytes.Lines(p) {
		if room := longestLine - len(f.rest); room > 0 {
			f.rest = append(f.rest, piece[:min(room, len(piece))]...)
		}
		if piece[len(piece)-1] == '\n' {
			f.line(string(f.rest))
			f.rest = f.rest[:0]
		}
	}
	return len(p), nil
}

func (f *failures) line(line string) {
	for _, m := range failedEntry.FindAllStringSubmatch(line, -1) {
		if id, err := strconv.Atoi(m[1]); err == nil {
			if f.entries == nil {
				f.entries = map[int]bool{}
			}
			f.entries[id] = true
		}
	}
	f.ignored = f.ignored || strings.Contains(line, ignoredErrors)
	if strings.Contains(line, "could not execute query") {
		return // it belongs to an entry, and may quote what nobody is to read
	}
	if strings.Contains(line, "error:") || strings.Contains(line, "ERROR:") || strings.Contains(line, "FATAL:") {
		if len(f.errors) == keptErrors {
			f.errors = f.errors[1:]
		}
		f.errors = append(f.errors, strings.TrimSpace(line))
	}
}

// failed returns the entries that failed, in their order in the archive's list. A function's body that pg_restore
// repeats may hold the same words, so what was not asked for is left out.
func (f *failures) failed(asked []Entry) []Entry {
	return slices.DeleteFunc(slices.Clone(asked), func(e Entry) bool { return !f.entries[e.ID()] })
}
