package fold_test

import (
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/fold"
)

// TestNameConfirmation: a name is confirmed by whatever a person takes for it, typed or pasted, and by nothing else.
func TestNameConfirmation(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typed, name string
		want        bool
	}{
		{"Ada & Ben", "Ada & Ben", true},
		{"ada & BEN", " Ada  &\tBen ", true},
		{"Ada & Ben", "\u00a0Ada\u00a0& Ben\u3000", true},
		{"Ada & Ben", "Ada\u200b & \u2060Ben\ufeff\u00ad", true},
		{"D'Arcy & O'Brien", "D’Arcy & Oʼbrien", true},
		{"D´Arcy & O`Brien", "D’Arcy & O‘Brien", true},
		{`Jo "Jojo" May`, "Jo “Jojo” May", true},
		{"Anne-Marie - Ida", "Anne‑Marie – Ida", true},
		{"Zoë & Łukasz", norm.NFD.String("Zoë & Łukasz"), true},
		{norm.NFD.String("Đặng & 김민준"), "Đặng & 김민준", true},
		{"strasse", "Straße", true},
		{"ISIL", "ısıl", true},
		{"istanbul", "İstanbul", true},
		{"ΟΔΥΣΣΕΥΣ", "Οδυσσευς", true},
		{"Ａｄａ", "Ada", true},
		{"Ada ❤ Ben", "Ada ❤\ufe0f Ben", true},
		{"Zoe", "Zoë", true},
		{"zoe & lukasz", "Zoë & Łukasz", true},
		{"mueller", "Müller", true},
		{"Zoé", "Zoë", true},
		{"Zo", "Zoë", false},
		{"Noe", "Zoë", false},
		{"-", "–", true},
		{"", "Zoë", false},
		{"AdaBen", "Ada Ben", false},
		{"", "Ada", false},
		{"", "", false},
		{" ", "\u00a0\u200b", false},
		{"कि", "का", false},
	} {
		if got := fold.SameName(c.typed, c.name); got != c.want {
			t.Errorf("%q confirms %q: %v", c.typed, c.name, got)
		}
	}
}

// names draws what couples are called in many scripts, with what copying and typing adds.
func names() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(
			rapid.SliceOfN(
				rapid.OneOf(rapid.SampledFrom([]string{"Zoë", "Łukasz", "O’Brien", "Müller", "Straße", "İpek", "ısıl", "Đặng",
					"김민준",
					"がく", "Ἀθηνᾶ", "Ёлка", "יוֹסֵף", "أحمد", "कीर्ति", "น้ำ", " ", "\u00a0", "\u200b", "–", "ﬁ", "Å", "&"}),
					rapid.StringN(0, 4, -1)), 1, 6).Draw(t, "name"), "")
	})
}

// TestFoldingOnceIsEnough: folding is idempotent, and the composed and the decomposed form of a text are one.
func TestFoldingOnceIsEnough(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := names().Draw(t, "s")
		once := fold.Name(s)
		if again := fold.Name(once); again != once {
			t.Errorf("%q: %q, then %q", s, once, again)
		}
		if plain := fold.Search(s).Plain(); fold.Search(plain).Plain() != plain {
			t.Errorf("%q is searched as %q, and that as %q", s, plain, fold.Search(plain).Plain())
		}
		for _, form := range []norm.Form{norm.NFC, norm.NFD} {
			if got := fold.Name(form.String(s)); got != once {
				t.Errorf("%q in another form: %q, want %q", s, got, once)
			}
		}
	})
}

// TestSearchFindsOtherSpellings: accents, case, dashes and the way around a missing key do not keep a word from being
// found, and signs that make another word do.
func TestSearchFindsOtherSpellings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typed, text string
		want        fold.Fit
	}{
		{"zoe", "Zoë & Łukasz", fold.Whole},
		{"lukasz", "Zoë & Łukasz", fold.Whole},
		{"PAWEŁ", "Pawel", fold.Whole},
		{"etienne", norm.NFD.String("Étienne"), fold.Whole},
		{"muller", "Müller", fold.Whole},
		{"mueller", "Müller", fold.Whole},
		{"Müller", "MUELLER", fold.Whole},
		{"Müller", "Muller", fold.Whole},
		{"strasse", "Straße", fold.Whole},
		{"soren", "Søren", fold.Whole},
		{"soeren", "Søren", fold.Whole},
		{"dang", "Đặng", fold.Whole},
		{"isil", "Işıl", fold.Whole},
		{"obrien", "O’Brien", fold.Whole},
		{"o'brien", "OBrien", fold.Whole},
		{"annemarie", "Anne-Marie", fold.Whole},
		{"anne", "Anne-Marie", fold.Whole},
		{"αθηνα", "Ἀθηνᾶ", fold.Whole},
		{"елка", "Ёлка", fold.Whole},
		{"יוסף", "יוֹסֵף", fold.Whole},
		{"احمد", "أَحمد", fold.Whole},
		{norm.NFD.String("민준"), "김민준", fold.Inside},
		{"はく", "がく", fold.None},
		{"का", "कि", fold.None},
		{"zo", "Zoë", fold.Begins},
		{"kasz", "Łukasz", fold.Inside},
		{"zoey", "Zoë", fold.None},
		{"%", "Oak 100%", fold.Inside},
		{"_", "Oak 100%", fold.None},
	} {
		words := fold.Words(c.typed, 8)
		if len(words) != 1 {
			t.Fatalf("%q: %v", c.typed, words)
		}
		if got := words[0].In(fold.Search(c.text)); got != c.want {
			t.Errorf("%q in %q: %v, want %v", c.typed, c.text, got, c.want)
		}
	}
	for typed, want := range map[string]int{"zoe&yusuf": 2, "zoe/yusuf": 2, "zoe\u200byusuf": 2, "zoe_yusuf": 2,
		"zoe❤yusuf": 2, "o'brien": 1, "Oak 100 %": 2, "yuki pawel": 2, "Ada & Ben": 2, "&": 1, " ": 0, "Anne-Marie": 2,
		"(Zoë)": 1, "a b c d e f g h i": 8} {
		if got := fold.Words(typed, 8); len(got) != want {
			t.Errorf("%q: %v", typed, got)
		}
	}
}

// TestEverySignSeparatesWords: names that any sign joins, in what is typed or in what is searched, are found as names
// with blanks between them are.
func TestEverySignSeparatesWords(t *testing.T) {
	t.Parallel()
	signs := []string{"&", "/", "+", ",", ";", "_", "|", "*", "@", "·", "•", "❤", "–", "-", "\u200b", "\u00a0", " & ", ":",
		".", "(", "=", "~", "♥\ufe0f", "\""}
	people := []string{"Zoë", "Yusuf", "O'Brien", "D’Arcy", "Łukasz", "김민준", "Müller"}
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfN(rapid.SampledFrom(people), 2, 4).Draw(t, "names")
		sign := func(of string) string { return rapid.SampledFrom(signs).Draw(t, of) }
		text, typed := strings.Join(names, sign("written")), strings.Join(names, sign("typed"))
		words := fold.Words(typed, 8)
		if len(words) != len(names) {
			t.Errorf("%q has the words %v", typed, words)
		}
		for i, w := range words {
			if w.In(fold.Search(text)) != fold.Whole {
				t.Errorf("%q of %q is not found in %q", names[i], typed, text)
			}
		}
		for _, name := range []string{"O'Brien", "D’Arcy", "Anne-Marie"} {
			for _, bare := range []string{name, strings.NewReplacer("'", "", "’", "", "-", "").Replace(name)} {
				for _, w := range fold.Words(bare, 8) {
					if w.In(fold.Search(text+sign("joins")+name)) == fold.None {
						t.Errorf("%q is not found as %q", name, bare)
					}
				}
			}
		}
	})
}
