package pgtool

import (
	"regexp"
	"strings"
)

var dollarTag = regexp.MustCompile(`^\$([A-Za-z_\x80-\xff][A-Za-z_0-9\x80-\xff]*)?\$`)

// SplitStatements cuts a script that pg_restore wrote at the semicolons outside of quotes, comments, parentheses and
// function bodies. It drops comments, psql's backslash commands and the settings at the script's head. It keeps SET
// SESSION AUTHORIZATION and the choice of an access method.
func SplitStatements(script string) []string {
	var statements []string
	scan(script, func(string) {}, func(s string) { statements = append(statements, s) })
	return statements
}

// scan finds a script's statements and the comments between them, each a line that begins with two dashes.
func scan(script string, comment, statement func(string)) {
	var b strings.Builder
	var depth nesting
	flush := func() {
		if s := strings.TrimSpace(b.String()); s != "" && !isSetting(s) {
			statement(s)
		}
		b.Reset()
		depth = nesting{}
	}
	for i := 0; i < len(script); {
		rest := script[i:]
		n := 1
		switch c := rest[0]; {
		case strings.HasPrefix(rest, "--"), c == '\\' && strings.TrimSpace(b.String()) == "":
			end := lineEnd(rest)
			if strings.TrimSpace(b.String()) == "" {
				comment(strings.TrimRight(rest[:end], "\n"))
			}
			i += end
			b.WriteByte('\n') // it parts words as the comment did
			continue
		case c == ';' && depth.outside():
			flush()
			i++
			continue
		case strings.HasPrefix(rest, "/*"):
			n = commentEnd(rest)
		case c == '\'':
			n = quoteEnd(rest, startsEscape(b.String()))
		case c == '"':
			n = quoteEnd(rest, false)
		case c == '$' && !endsInWord(b.String()):
			n = dollarEnd(rest)
		case c == '(', c == ')':
			depth.parenthesis(c)
		case isLetter(c) && !endsInWord(b.String()):
			n = wordEnd(rest)
			depth.word(rest[:n], b.String())
		}
		b.WriteString(rest[:n])
		i += n
	}
	flush()
}

// nesting tells where a semicolon ends a statement: not in parentheses (the actions of a rule), and not in a function's
// body that is written without quotes (BEGIN ATOMIC … END), as psql tells it.
type nesting struct{ parentheses, blocks int }

func (n *nesting) outside() bool { return n.parentheses <= 0 && n.blocks == 0 }

func (n *nesting) parenthesis(c byte) {
	if c == '(' {
		n.parentheses++
	} else if n.parentheses > 0 {
		n.parentheses--
	}
}

var createsRoutine = regexp.MustCompile(`(?i)^\s*CREATE\s+(OR\s+REPLACE\s+)?(FUNCTION|PROCEDURE)\s`)

func (n *nesting) word(word, before string) {
	if n.parentheses > 0 {
		return
	}
	switch strings.ToUpper(word) {
	case "BEGIN":
		if n.blocks > 0 || createsRoutine.MatchString(before) {
			n.blocks++
		}
	case "CASE":
		if n.blocks > 0 {
			n.blocks++
		}
	case "END":
		if n.blocks > 0 {
			n.blocks--
		}
	}
}

func isLetter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}

func wordEnd(s string) int {
	for i := range len(s) {
		if c := s[i]; !isLetter(c) && c != '$' && (c < '0' || c > '9') {
			return i
		}
	}
	return len(s)
}

func isSetting(s string) bool {
	return strings.HasPrefix(s, "SELECT pg_catalog.set_config(") ||
		strings.HasPrefix(s, "SET ") && !strings.HasPrefix(s, "SET SESSION AUTHORIZATION") &&
			!strings.HasPrefix(s, "SET default_table_access_method")
}

func lineEnd(s string) int {
	if n := strings.IndexByte(s, '\n'); n >= 0 {
		return n + 1
	}
	return len(s)
}

// commentEnd returns the length of the comment that s begins with; PostgreSQL's comments nest.
func commentEnd(s string) int {
	depth := 0
	for i := 0; i+1 < len(s); i++ {
		switch s[i : i+2] {
		case "/*":
			depth++
			i++
		case "*/":
			depth--
			i++
		}
		if depth == 0 {
			return i + 1
		}
	}
	return len(s)
}

// quoteEnd returns the length of the quoted text that s begins with; a doubled quote belongs to it. escapes says that a
// backslash takes the next character along.
func quoteEnd(s string, escapes bool) int {
	for i := 1; i < len(s); i++ {
		switch {
		case escapes && s[i] == '\\':
			i++
		case s[i] == s[0] && i+1 < len(s) && s[i+1] == s[0]:
			i++
		case s[i] == s[0]:
			return i + 1
		}
	}
	return len(s)
}

func dollarEnd(s string) int {
	tag := dollarTag.FindString(s)
	if tag == "" {
		return 1
	}
	if end := strings.Index(s[len(tag):], tag); end >= 0 {
		return end + 2*len(tag)
	}
	return len(s)
}

// startsEscape reports whether the quote after this text opens an E'…' string.
func startsEscape(before string) bool {
	n := len(before)
	return n > 0 && (before[n-1] == 'E' || before[n-1] == 'e') && !endsInWord(before[:n-1])
}

func endsInWord(s string) bool {
	if s == "" {
		return false
	}
	c := s[len(s)-1]
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}
