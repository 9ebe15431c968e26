package fold_test

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/fold"
)

// found reports whether a table of words finds a text by everything that was typed.
func found(typed, text string) bool {
	keys := fold.Keys(text, 100)
	words := fold.Sought(typed)
	for _, spellings := range words {
		if !slices.ContainsFunc(keys, func(key string) bool {
			return slices.ContainsFunc(spellings, func(s string) bool { return strings.HasPrefix(key, s) })
		}) {
			return false
		}
	}
	return len(words) > 0
}

// TestATableOfWordsFindsOtherSpellings: what finds a text word by word is what finds it in the search of weddings, and
// ids stay whole.
func TestATableOfWordsFindsOtherSpellings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typed, text string
		want        bool
	}{
		{"zoe", "Zoë & Łukasz", true},
		{"LUKASZ zoë", "Zoë & Łukasz", true},
		{"mueller", "before the Müller import", true},
		{"muller", "before the Müller import", true},
		{"MÜLLER", "before the Mueller import", true},
		{"Müller", "before the Muller import", true},
		{"strasse", "Straße", true},
		{"annemarie", "Anne-Marie", true},
		{"anne marie", "Anne‑Marie", true},
		{"anne-marie", "Anne Marie", true},
		{"marie", "Anne-Marie", true},
		{"o’brien", "OBrien", true},
		{"obrien", "O'Brien", true},
		{"brien", "O'Brien", true},
		{"елка", "Ёлка", true},
		{"op-1", "op-1", true},
		{"op", "op-1", true},
		{"1", "op-1", true},
		{"zoe 2", "Zoë–2", true},
		{"darcy", "Ann-D’Arcy", true},
		{"Ann-D'Arcy", "Ann-D’Arcy", true},
		{"018f0000-0000-7000", "018f0000-0000-7000-8000-000000000001", true},
		{"8000", "018f0000-0000-7000-8000-000000000001", false},
		{"2026-11", "2026-11-23", true},
		{"11", "2026-11-23", false},
		{"192.0.2.1", "192.0.2.10", true},
		{"20261123T070500Z-aa", "20261123T070500Z-aa", true},
		{"aa", "20261123T070500Z-aa", false},
		{"backup.start", "backup.start backup start", true},
		{"kasz", "Łukasz", false},
		{"zoey", "Zoë", false},
		{"!?", "Zoë !?", false},
		{strings.Repeat("é", 80), strings.Repeat("e", 80), true},
	} {
		if got := found(c.typed, c.text); got != c.want {
			t.Errorf("%q in %q: %v, want %v: %q in %q",
				c.typed, c.text, got, c.want, fold.Sought(c.typed), fold.Keys(c.text, 100))
		}
	}
	if keys := fold.Keys("a b c d", 3); len(keys) != 3 {
		t.Errorf("%q are more than three", keys)
	}
}

// TestATextIsFoundByItself: however names are spelled, a text is found by its own words in any order, and by them
// without accents.
func TestATextIsFoundByItself(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := names().Draw(t, "text")
		words := strings.Fields(text)
		slices.Reverse(words)
		// A mark that has a capital letter becomes one where it stands, so marks stand in their order first.
		upper := strings.ToUpper(norm.NFC.String(text))
		for _, typed := range []string{text, upper, strings.Join(words, " "), fold.Search(text).Plain()} {
			if len(fold.Sought(typed)) > 0 && !found(typed, text) {
				t.Errorf("%q: %q is not in %q", typed, fold.Sought(typed), fold.Keys(text, 100))
			}
		}
	})
}
