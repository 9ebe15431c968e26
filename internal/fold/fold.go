// Package fold says which texts people take for the same: it is the one place where names are compared and words are
// searched for. Two folds stand on one base. Name folds what a person types to confirm something; Search folds what is
// searched for and what it is searched in, and leaves accents out as well. Neither is ever shown, stored or compared
// with what another version folded.
package fold

import (
	"cmp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Name folds a name as it confirms something: case, kinds of blanks, quotes and dashes, composed and decomposed
// characters, and characters that nobody sees make no difference.
func Name(s string) string {
	if plain, ok := ascii(s); ok {
		return plain
	}
	s = strings.Map(alike, norm.NFC.String(strings.ToValidUTF8(s, "\uFFFD")))
	s = caseless.Replace(strings.Map(lower, norm.NFKC.String(s)))
	s = norm.NFKC.String(strings.Map(alike, norm.NFKC.String(s)))
	return strings.Join(strings.Fields(s), " ")
}

// SameName reports whether what was typed confirms a name. Accents may be left out, as where a name is searched for:
// the name reminds whoever types it of what they are about to do, and on a phone accents are far away. Nothing confirms
// a name of which nothing is seen.
func SameName(typed, name string) bool {
	if Name(name) == "" {
		return false
	}
	return Name(typed) == Name(name) || Search(typed).same(Search(name))
}

// Spellings are keys of a name: two names are the same, as SameName has it, when they share one at the same place that
// is not empty.
func Spellings(name string) [3]string {
	s := Search(name)
	return [3]string{Name(name), s.plain, cmp.Or(s.long, s.plain)}
}

// ascii folds what is all ASCII, which is nearly everything, without the tables.
func ascii(s string) (string, bool) {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return "", false
		}
	}
	s = strings.Map(func(r rune) rune {
		if r == '`' {
			return '\''
		}
		if unicode.IsControl(r) && !unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(strings.ToLower(s)), " "), true
}

// lower makes one letter of those that differ in case alone. By way of the upper one, because Σ has two lower ones, and
// Turkish has four letters of which i and I are two: what is İ to one keyboard is i to another.
func lower(r rune) rune { return unicode.ToLower(unicode.ToUpper(r)) }

// caseless are the letters whose other case is two characters.
var caseless = strings.NewReplacer("ß", "ss", "ẞ", "ss", "i\u0307", "i")

// alike maps a character to the one that stands for all that look like it; -1 drops one that is not seen.
func alike(r rune) rune {
	switch r {
	case '\'', '`', '´', '‘', '’', '‚', '‛', '′', '‵', 'ʹ', 'ʻ', 'ʼ', 'ʽ', 'ʾ', 'ʿ', 'ˈ', '\u1fbd', '\u1fbf', '\u1ffe',
		'\u055a', '\u05f3', '＇':
		return '\''
	case '"', '“', '”', '„', '‟', '″', '‶', '«', '»', '〝', '〞', '\u05f4', '＂':
		return '"'
	case '\u2212', '\u2043', '\u02d7', '\u05be':
		return '-'
	case '\u2800', '\u3164', '\uffa0', '\u115f', '\u1160':
		// A braille cell without dots and Hangul fillers are blanks to whoever looks.
		return ' '
	case '\u034f', '\u17b4', '\u17b5':
		return -1
	}
	switch {
	case unicode.IsSpace(r):
		return ' '
	case r >= '\ufe00' && r <= '\ufe0f', r >= '\U000e0100' && r <= '\U000e01ef', unicode.Is(unicode.Cf, r),
		unicode.IsControl(r):
		// variation selectors, format
		return -1
	case unicode.Is(unicode.Pd, r):
		return '-'
	}
	return r
}
