package fold

import (
	"slices"
	"strings"
	"unicode"
)

// longestWord is how many characters of a word are kept in a table of words.
const longestWord = 64

// Keys returns the words under which a text is kept in a table of words, at most most of them: each as Search folds it,
// in every way in which it may be typed. Ids, addresses and dates stay whole; of Anne-Marie and O'Brien the parts are
// kept too.
func Keys(s string, most int) (keys []string) {
	seen := map[string]bool{}
	for _, w := range tokens(s) {
		forms := []string{joined.Replace(w)}
		if named(w) {
			forms = append(forms, strings.FieldsFunc(w, func(r rune) bool { return r == '-' || r == '\'' })...)
		} else {
			forms[0] = strings.ReplaceAll(w, "'", "")
		}
		for _, form := range forms {
			for _, key := range spell(form) {
				if len(keys) == most {
					return keys
				}
				if !seen[key] {
					seen[key] = true
					keys = append(keys, key)
				}
			}
		}
	}
	return keys
}

// Sought returns the words that somebody typed to look for in a table of words, each in its spellings: a text is found
// by a word when one of its keys begins with one of them. The longest comes first, because it is the rarest, as a rule.
func Sought(s string) (words [][]string) {
	seen := map[string]bool{}
	for _, w := range tokens(s) {
		parts := []string{w}
		if named(w) {
			parts = strings.Split(w, "-")
		}
		for _, part := range parts {
			spellings := spell(strings.ReplaceAll(part, "'", ""))
			if len(spellings) > 0 && !seen[spellings[0]] {
				seen[spellings[0]] = true
				words = append(words, spellings)
			}
		}
	}
	slices.SortStableFunc(words, func(a, b []string) int { return len(b[0]) - len(a[0]) })
	return words
}

// tokens are what stands between blanks and signs.
func tokens(s string) []string {
	words := strings.FieldsFunc(Name(Apart(s)), func(r rune) bool {
		return !inWord(r) && !strings.ContainsRune("._-'", r)
	})
	for i, w := range words {
		words[i] = strings.Trim(w, "._-'")
	}
	return slices.DeleteFunc(words, func(w string) bool { return w == "" })
}

// named reports whether a word is a name and not an id, which has digits and stays whole.
func named(w string) bool { return strings.IndexFunc(w, unicode.IsDigit) < 0 }

// spell is a word without accents, with umlauts in one letter and in two.
func spell(w string) (spellings []string) {
	for _, s := range []string{bare(w), bare(twoLetters.Replace(w))} {
		if r := []rune(s); len(r) > longestWord {
			s = string(r[:longestWord])
		}
		if s != "" && !slices.Contains(spellings, s) {
			spellings = append(spellings, s)
		}
	}
	return spellings
}

var joined = strings.NewReplacer("-", "", "'", "")
