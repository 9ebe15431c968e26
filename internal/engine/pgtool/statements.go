package pgtool

import (
	"regexp"
	"strings"
)

var dollarTag = regexp.MustCompile(`^\$([A-Za-z_\x80-\xff][A-Za-z_0-9\x80-\xff]*)?\$`)

// SplitStatements cuts a script that pg_restore wrote at the semicolons outside quotes and comments. Comments, psql's
// backslash commands and the settings at the script's head are dropped; SET SESSION AUTHORIZATION is kept.
func SplitStatements(script string) []string {
	var statements []string
	var b strings.Builder
	flush := func() {
		if s := strings.TrimSpace(b.String()); s != "" && !isSetting(s) {
			statements = append(statements, s)
		}
		b.Reset()
	}
	for i := 0; i < len(script); {
		rest := script[i:]
		n := 1
		switch c := rest[0]; {
		case strings.HasPrefix(rest, "--"), c == '\\' && strings.TrimSpace(b.String()) == "":
			i += lineEnd(rest)
			b.WriteByte('\n') // it parts words as the comment did
			continue
		case c == ';':
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
		}
		b.WriteString(rest[:n])
		i += n
	}
	flush()
	return statements
}

func isSetting(s string) bool {
	return strings.HasPrefix(s, "SELECT pg_catalog.set_config(") ||
		strings.HasPrefix(s, "SET ") && !strings.HasPrefix(s, "SET SESSION AUTHORIZATION")
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

// quoteEnd returns the length of the quoted text that s begins with. A doubled quote is read as the end of one text and the
// beginning of the next, which comes to the same. escapes says that a backslash takes the next character along.
func quoteEnd(s string, escapes bool) int {
	for i := 1; i < len(s); i++ {
		switch {
		case escapes && s[i] == '\\':
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
