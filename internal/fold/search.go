package fold

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Text is a text as it is searched in, or one word as it is searched for.
type Text struct {
	plain string // every accent left out: Müller is muller
	// umlauts and the like in two letters, as who has no such key writes them: mueller. Empty where it is plain.
	long string
}

// Search folds a text for searching. It joins what dashes join in long, so that Anne-Marie is found as annemarie too.
func Search(s string) Text {
	apart := s
	if strings.Contains(s, zeroWidth) {
		apart = Apart(s)
	}
	t := Text{plain: bare(dashed.Replace(Name(apart)))}
	s = Name(s)
	if strings.IndexByte(s, '-') < 0 && isASCII(s) {
		return t
	}
	if t.long = bare(undashed.Replace(twoLetters.Replace(s))); t.long == t.plain {
		t.long = ""
	}
	return t
}

// same reports whether two texts are spelled alike in one of the ways that they may be spelled.
func (t Text) same(o Text) bool {
	return t.plain != "" && (t.plain == o.plain || cmp.Or(t.long, t.plain) == cmp.Or(o.long, o.plain))
}

// zeroWidth is the blank that has no width: it ends a word, although nobody sees it.
const zeroWidth = "\u200b"

// Apart is a text with a blank wherever one stands that has no width.
func Apart(s string) string { return strings.ReplaceAll(s, zeroWidth, " ") }

// Words folds what somebody typed into the words that are searched for, at most most of them. Every sign but the
// apostrophe separates them. Signs, and words like "and", count only where nothing else was typed.
func Words(s string, most int) []Text {
	var words, signs []Text
	word := func(s string) Text { return Text{plain: bare(s), long: bare(twoLetters.Replace(s))} }
	for _, raw := range strings.Fields(dashed.Replace(Name(Apart(s)))) {
		parts := strings.FieldsFunc(raw, func(r rune) bool { return !inWord(r) })
		if len(parts) == 0 {
			signs = append(signs, word(raw))
		}
		for _, part := range parts {
			switch w := word(part); w.plain {
			case "":
			case "and", "und", "et", "y":
				signs = append(signs, w)
			default:
				words = append(words, w)
			}
		}
	}
	if len(words) == 0 {
		words = slices.DeleteFunc(signs, func(w Text) bool { return w.plain == "" })
	}
	return words[:min(len(words), most)]
}

// Fit says how well a word fits a text; more is better.
type Fit int

// How a word fits a text.
const (
	None   Fit = iota // it is not in it
	Inside            // within a word
	Begins            // a word begins with it
	Whole             // it is a word
)

// In says how well the word t fits a text.
func (t Text) In(text Text) Fit {
	fit := fitIn(text.plain, t.plain)
	if fit == Whole || t.long == "" {
		return fit
	}
	if text.long != "" {
		return max(fit, fitIn(text.long, t.long))
	}
	if t.long != t.plain {
		return max(fit, fitIn(text.plain, t.long))
	}
	return fit
}

// Spellings are the ways without accents in which a text may be typed.
func (t Text) Spellings() []string {
	if t.long == "" {
		return []string{t.plain}
	}
	return []string{t.plain, t.long}
}

// Plain is a text, or a word, without accents.
func (t Text) Plain() string { return t.plain }

// fitIn says how well a folded word fits a folded text.
func fitIn(text, word string) (best Fit) {
	for at := 0; word != ""; {
		i := strings.Index(text[at:], word)
		if i < 0 {
			break
		}
		if best = max(best, fitAt(text, at+i, at+i+len(word))); best == Whole {
			break
		}
		at += i + 1
	}
	return best
}

// inWord reports whether a character goes on with a word.
func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) }

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

var (
	dashed   = strings.NewReplacer("-", " ", "'", "", "\"", " ")
	undashed = strings.NewReplacer("-", "", "'", "", "\"", " ")
	// twoLetters stands before accents go: German, Danish and Norwegian have a way to write theirs without the key.
	twoLetters = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "å", "aa", "ø", "oe", "ǿ", "oe", "æ", "ae", "ǽ",
		"ae", "œ", "oe", "ð", "d", "þ", "th")
	// letters are those that no decomposition takes apart, each as who has no such key writes it.
	letters = strings.NewReplacer("ł", "l", "ø", "o", "đ", "d", "ð", "d", "þ", "th", "ħ", "h", "ŧ", "t", "ŋ", "n", "ĸ",
		"k", "æ", "ae", "œ", "oe", "ß", "ss",
		"ə", "e", "ɨ", "i", "ƶ", "z", "ɓ", "b", "ɗ", "d", "ƙ", "k", "ƴ", "y", "ɛ", "e", "ɔ", "o", "ȷ", "j", "ĳ", "ij", "ς",
		"σ",
		"ى", "ي", "ی", "ي", "ک", "ك", "ة", "ه", "ـ", "", "ٱ", "ا", "ґ", "г", "є", "е", "ў", "у")
)

// bare leaves the accents of a folded text out, and with them vowel points that are optional in writing. Signs that
// carry meaning stay: those of Indic and Thai scripts, the marks of kana, the letters of Hangul.
func bare(s string) string {
	if isASCII(s) {
		return strings.Join(strings.Fields(s), " ")
	}
	s = strings.Map(func(r rune) rune {
		if isAccent(r) {
			return -1
		}
		return r
	}, norm.NFKD.String(s))
	return strings.Join(strings.Fields(norm.NFC.String(letters.Replace(s))), " ")
}

// isAccent reports whether a character is a mark that people leave out: the combining marks of Latin, Greek and
// Cyrillic, Hebrew's points, Arabic's.
func isAccent(r rune) bool {
	switch {
	case r < 0x0300:
		return false
	case r <= 0x036f, r >= 0x0483 && r <= 0x0489, r >= 0x1ab0 && r <= 0x1aff, r >= 0x1dc0 && r <= 0x1dff, r >= 0x20d0 &&
		r <= 0x20ff, r >= 0xfe20 && r <= 0xfe2f:
		return true
	case r >= 0x0591 && r <= 0x05c7, r >= 0x0610 && r <= 0x061a, r >= 0x064b && r <= 0x065f, r == 0x0670, r >= 0x06d6 &&
		r <= 0x06ed, r >= 0x0730 && r <= 0x074a:
		return unicode.Is(unicode.Mn, r)
	}
	return false
}
