package keepsake

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Sentence turns words into a sentence. The result begins with a capital letter, unless it begins with a name such as
// keepsake.json, and ends with a full stop.
func Sentence(words string) string {
	words = strings.TrimSpace(words)
	if words == "" {
		return ""
	}
	first, _, _ := strings.Cut(words, " ")
	if !strings.ContainsAny(strings.TrimRight(first, ".,:;"), "._/:=-") && !strings.EqualFold(first, "keepsake") {
		r, size := utf8.DecodeRuneInString(words)
		words = string(unicode.ToUpper(r)) + words[size:]
	}
	if !strings.ContainsAny(words[len(words)-1:], ".?!") {
		words += "."
	}
	return words
}
