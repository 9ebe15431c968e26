package archtest

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// widest is how many columns a line of prose has at most.
const widest = 100

// longest is how many lines a document has at most, by its path. A document that is not named may be longer.
var longest = map[string]int{"README.md": 200, "ARCHITECTURE.md": 150}

// document is a file of text, by its path from the module's root.
type document struct{ name, text string }

// documents returns every Markdown file of the project.
func documents(t *testing.T) []document {
	t.Helper()
	return files(t, func(name string) bool { return strings.HasSuffix(name, ".md") })
}

// files returns the files of the project whose path, from the module's root, is wanted.
func files(t *testing.T, wanted func(name string) bool) []document {
	t.Helper()
	root := filepath.Join("..", "..")
	var found []document
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			hidden := strings.HasPrefix(d.Name(), ".") && d.Name() != ".ci"
			if file != root && (hidden || d.Name() == "node_modules") {
				return fs.SkipDir
			}
			return nil
		}
		name, err := filepath.Rel(root, file)
		if err != nil || !wanted(filepath.ToSlash(name)) {
			return err
		}
		text, err := os.ReadFile(file)
		found = append(found, document{filepath.ToSlash(name), string(text)})
		return err
	})
	if err != nil || len(found) < 20 {
		t.Fatalf("%d files, %v", len(found), err)
	}
	return found
}

// prose is a line of a document that is no code and no table.
type prose struct {
	number int
	text   string
}

var (
	fence = regexp.MustCompile("^ *(```|~~~)")
	item  = regexp.MustCompile(`^ *([-*+]|[0-9]+[.)]) +`)
)

// proseOf leaves out code, fenced or indented, and tables.
func proseOf(text string) []prose {
	var lines []prose
	var lists []int // how far the text of each open list item is indented
	blank, fenced, code := true, false, false
	for i, line := range strings.Split(text, "\n") {
		if fence.MatchString(line) {
			fenced = !fenced
			continue
		}
		if fenced {
			continue
		}
		if strings.TrimSpace(line) == "" {
			blank = true
			continue
		}
		indent := len(line) - len(strings.TrimLeft(line, " "))
		marker := len(item.FindString(line))
		for len(lists) > 0 && indent < lists[len(lists)-1] && (blank || marker > 0) {
			lists = lists[:len(lists)-1]
		}
		base := 0
		if len(lists) > 0 {
			base = lists[len(lists)-1]
		}
		code = indent >= base+4 && (blank || code)
		blank = false
		if code || line[indent] == '|' {
			continue
		}
		if marker > 0 {
			lists = append(lists, marker)
		}
		lines = append(lines, prose{i + 1, line})
	}
	return lines
}

// tooWide returns the lines of prose that are wider than they may be. What has no blank cannot be broken.
func tooWide(d document) []string {
	var breaches []string
	for _, line := range proseOf(d.text) {
		text := strings.TrimSpace(line.text[len(item.FindString(line.text)):])
		if columns := utf8.RuneCountInString(line.text); columns > widest && strings.Contains(text, " ") && !isLink(text) {
			breaches = append(breaches, fmt.Sprintf("%s:%d has %d columns", d.name, line.number, columns))
		}
	}
	return breaches
}

// isLink reports whether a line is one link or image and nothing else.
func isLink(text string) bool {
	at := link.FindString(text)
	return at != "" && strings.Trim(text, "!.,;:") == strings.Trim(at, "!.,;:")
}

func TestProseFitsItsWidth(t *testing.T) {
	t.Parallel()
	for _, d := range documents(t) {
		for _, breach := range tooWide(d) {
			t.Error(breach)
		}
	}
}

func TestDocumentsStayShort(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, d := range documents(t) {
		most, limited := longest[d.name]
		if !limited {
			continue
		}
		seen++
		if lines := strings.Count(d.text, "\n"); lines > most {
			t.Errorf("%s has %d lines, and %d at most: what is no map goes to a page under docs/", d.name, lines, most)
		}
	}
	if seen != len(longest) {
		t.Errorf("%d of %v were seen", seen, longest)
	}
}

var (
	link   = regexp.MustCompile(`\[[^\]]*\]\(([^)\s]+)\)`)
	spans  = regexp.MustCompile("`[^`]*`")
	titles = regexp.MustCompile(`^#{1,6} +(.*)$`)
)

// links returns where a document's links lead, of those that lead to nothing on the web.
func links(text string) []string {
	var plain strings.Builder
	tables := regexp.MustCompile(`(?m)^ *\|.*$`).FindAllString(text, -1)
	for _, line := range proseOf(text) {
		plain.WriteString(line.text + "\n")
	}
	plain.WriteString(strings.Join(tables, "\n"))
	var found []string
	for _, m := range link.FindAllStringSubmatch(spans.ReplaceAllString(plain.String(), ""), -1) {
		if !strings.Contains(m[1], "://") && !strings.HasPrefix(m[1], "mailto:") {
			found = append(found, m[1])
		}
	}
	return found
}

// anchors returns what the headings of a document are called in a link: lower case, hyphens for blanks, no punctuation.
func anchors(text string) []string {
	var found []string
	for _, line := range proseOf(text) {
		m := titles.FindStringSubmatch(line.text)
		if m == nil {
			continue
		}
		name := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-', r == '_', unicode.IsLetter(r), unicode.IsNumber(r):
				return unicode.ToLower(r)
			}
			return -1
		}, link.ReplaceAllStringFunc(m[1], func(l string) string { return l[1:strings.Index(l, "]")] }))
		anchor := name
		for i := 1; slices.Contains(found, anchor); i++ {
			anchor = fmt.Sprintf("%s-%d", name, i)
		}
		found = append(found, anchor)
	}
	return found
}

// misleading returns the links of a document that lead nowhere: exists says whether the project has a file or folder,
// and pages are its documents.
func misleading(d document, pages []document, exists func(string) bool) []string {
	var breaches []string
	for _, to := range links(d.text) {
		file, anchor, _ := strings.Cut(to, "#")
		target := d.name
		if file != "" {
			target = path.Join(path.Dir(d.name), file)
		}
		if strings.HasPrefix(target, "..") || path.IsAbs(file) || !exists(target) {
			breaches = append(breaches, fmt.Sprintf("%s links to %s, which is not there", d.name, to))
			continue
		}
		if anchor == "" {
			continue
		}
		page := slices.IndexFunc(pages, func(p document) bool { return p.name == target })
		if page < 0 || !slices.Contains(anchors(pages[page].text), anchor) {
			breaches = append(breaches, fmt.Sprintf("%s links to %s, which is no heading", d.name, to))
		}
	}
	return breaches
}

func TestLinksOfDocumentsLeadSomewhere(t *testing.T) {
	t.Parallel()
	pages := documents(t)
	count := 0
	for _, d := range pages {
		count += len(links(d.text))
		for _, breach := range misleading(d, pages, func(file string) bool {
			_, err := os.Stat(filepath.Join("..", "..", filepath.FromSlash(file)))
			return err == nil
		}) {
			t.Error(breach)
		}
	}
	if count < 80 {
		t.Errorf("%d links were found", count)
	}
}

// TestDocumentRulesCanBreak plants a breach of each rule of documents, and what looks like one.
func TestDocumentRulesCanBreak(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("word ", 21)
	for _, c := range []struct {
		text string
		wide bool
	}{
		{long, true},
		{"- " + long, true},
		{"1. An item:\n\n   " + long, true},
		{"1. An item:\n\n       " + long, false}, // code below an item
		{"- An item\n    " + long, true},         // a paragraph that goes on
		{"Code:\n\n    short\n\n    " + long + "\n\nProse.", false},
		{"Code:\n\n    short\n\n" + long, true},
		{"```\n" + long + "\n```", false},
		{"```\ncode\n```\n" + long, true},
		{"| " + long + " |", false},
		{"## " + long, true},
		{"[" + long + "](README.md).", false},
		{"See [" + long + "](README.md).", true},
		{strings.Repeat("é", widest-2) + " é", false},
		{"https://example.com/" + strings.Repeat("x", widest), false},
	} {
		if got := len(tooWide(document{"page.md", c.text})) == 1; got != c.wide {
			t.Errorf("too wide: %t for\n%s", got, c.text)
		}
	}
	pages := []document{{"docs/a.md", "# One page\n\n## What it's *for*: `this`\n\n## Twice\n\n## Twice\n\n    " +
		"# no heading\n"}}
	exists := func(file string) bool { return slices.Contains([]string{"docs/a.md", "docs", "main.go"}, file) }
	for to, leads := range map[string]bool{
		"a.md": true, "../main.go": true, "../docs": true, "#twice-1": true, "a.md#what-its-for-this": true,
		"https://example.com/x": true,
		"b.md":                  false, "main.go": false, "../../main.go": false, "#twice-2": false, "a.md#no-heading": false,
		"../main.go#twice": false, "/main.go": false,
	} {
		page := document{"docs/a.md", pages[0].text + "\nSee [the\npage](" + to + ").\n"}
		if got := misleading(page, []document{page}, exists); (len(got) == 0) != leads {
			t.Errorf("%s: %q", to, got)
		}
	}
	if got := links("`[no](link.md)`\n\n    [no](code.md)\n\n| [yes](table.md) |\n"); !slices.Equal(got,
		[]string{"table.md"}) {
		t.Errorf("links: %q", got)
	}
}
