package audit

import (
	"strings"
	"unicode/utf8"
)

// longest is how many bytes of one field are kept: headers and names come from outside.
const longest = 512

// longestDetail is how many bytes of JSON the database takes.
const longestDetail = 1 << 20

// clip makes text that PostgreSQL takes, and not too much of it.
func clip(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
	if len(s) <= longest {
		return s
	}
	cut := longest
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
