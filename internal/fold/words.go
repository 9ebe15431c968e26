package fold

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// longestWord is how many characters of a word are kept in a table of words.
const longestWord = 64

// Keys returns the words under which a text is kept in a table of words, at most most of them: each as Search folds it,
// in every way in which it may be typed. Of Anne-Marie, O'Brien and Room-101 the parts are kept too; ids, addresses and
// dates stay whole.
func Keys(s string, most int) (keys []string) {
	seen := map[string]bool{}
	for _, w := range tokens(s) {
		for _, form := range forms(w) {
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

// forms are what a token may be typed as: whole, and the parts of what is no id or date.
func forms(w string) []string {
	whole := strings.ReplaceAll(w, "'", "")
	switch {
	case idOrDate.MatchString(w):
		return []string{whole}
	case named(w):
		whole = strings.ReplaceAll(whole, "-", "")
	}
	list := []string{whole}
	for part := range strings.SplitSeq(w, "-") {
		list = append(list, strings.ReplaceAll(part, "'", ""))
		list = append(list, strings.Split(part, "'")...)
	}
	return list
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
		return !inWord(r) && !strings.ContainsRune(aroundWords, r)
	})
	for i, w := range words {
		words[i] = strings.Trim(w, aroundWords)
	}
	return slices.DeleteFunc(words, func(w string) bool { return w == "" })
}

// aroundWords are signs that belong to a word only where they stand within it.
const aroundWords = "._-'"

// idOrDate matches how ids and dates begin: UUIDs, recovery points, days.
var idOrDate = regexp.MustCompile(`^([0-9a-f]{8}-[0-9a-f]{4}-|\d{8}t\d{6}z-|\d{4}-\d\d-\d\d)`)

// named reports whether a word is a name without digits. One with digits is looked for as a whole: it may be an id.
func named(w string) bool { return strings.IndexFunc(w, unicode.IsDigit) < 0 }

// spell is a word without accents, with umlauts in one letter and in two. Signs around it go here too, because an
// accent may have stood before them.
func spell(w string) (spellings []string) {
	for _, s := range []string{bare(w), bare(twoLetters.Replace(w))} {
		s = strings.Trim(s, aroundWords)
		if r := []rune(s); len(r) > longestWord {
			s = string(r[:longestWord])
		}
		if s != "" && !slices.Contains(spellings, s) {
			spellings = append(spellings, s)
		}
	}
	return spellings
}
