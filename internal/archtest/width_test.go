package archtest

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// widestCode is how many columns a line of code has at most. The linter holds Go to it, this file the rest.
const widestCode = 120

// codeKinds are how the names of files with code that is no Go end.
var codeKinds = []string{".sql", ".templ", ".js", ".css", ".sh", ".yaml", ".yml"}

// asTheyCame are the folders and files of other people, which nobody here edits.
var asTheyCame = []string{"static/vendor/", "internal/testenv/axe/axe.min.js"}

// isCode reports whether a file holds code of this project that is no Go.
func isCode(name string) bool {
	if slices.ContainsFunc(asTheyCame, func(part string) bool { return strings.HasPrefix(name, part) }) {
		return false
	}
	return slices.Contains(codeKinds, path.Ext(name)) || name == "Makefile" || strings.HasPrefix(name, ".ci/")
}

// tooWideCode returns the lines of a file that are wider than they may be. The path of an icon stays on one line, as
// Tabler has it.
func tooWideCode(d document) []string {
	var breaches []string
	for i, line := range strings.Split(d.text, "\n") {
		columns := utf8.RuneCountInString(line)
		icon := d.name == "views/ui/icons.templ" && strings.HasPrefix(strings.TrimSpace(line), "<path d=")
		if columns > widestCode && !icon {
			breaches = append(breaches, fmt.Sprintf("%s:%d has %d columns", d.name, i+1, columns))
		}
	}
	return breaches
}

func TestCodeFitsItsWidth(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, d := range files(t, isCode) {
		seen[path.Ext(d.name)] = true
		for _, breach := range tooWideCode(d) {
			t.Error(breach)
		}
	}
	for _, kind := range codeKinds {
		if !seen[kind] {
			t.Errorf("no file that ends in %s was read", kind)
		}
	}
}

// TestWidthExceptionsAreNeeded keeps the exceptions from outliving what they were made for.
func TestWidthExceptionsAreNeeded(t *testing.T) {
	t.Parallel()
	all := files(t, func(name string) bool { return slices.Contains(codeKinds, path.Ext(name)) })
	for _, part := range asTheyCame {
		if !slices.ContainsFunc(all, func(d document) bool {
			return strings.HasPrefix(d.name, part) && len(tooWideCode(d)) > 0
		}) {
			t.Errorf("nothing in %s needs an exception", part)
		}
	}
}

// TestCodeRuleCanBreak plants a line that is too wide, and what looks like one.
func TestCodeRuleCanBreak(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", widestCode)
	for _, c := range []struct {
		name, text string
		wide       bool
	}{
		{"db/queries/a.sql", "short\n" + long + "x\n", true},
		{"db/queries/a.sql", "short\n" + long + "\n", false},
		{"views/a.templ", strings.Repeat("é", widestCode), false},
		{".ci/run", long + "x", true},
		{".golangci.yml", long + "x", true},
		{"Makefile", long + "x", true},
		{"views/ui/icons.templ", "\t\t<path d=\"" + long + "\"></path>", false},
		{"views/ui/icons.templ", "\t\t<svg class=\"" + long + "\">", true},
		{"views/audit.templ", "\t\t<path d=\"" + long + "\"></path>", true},
		{"static/vendor/htmx/htmx.min.js", long + "x", false},
		{"static/app.js", long + "x", true},
		{"README.md", long + "x", false},
	} {
		if got := isCode(c.name) && len(tooWideCode(document{c.name, c.text})) == 1; got != c.wide {
			t.Errorf("too wide: %t for %s:\n%s", got, c.name, c.text)
		}
	}
}
