package search

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

// filled is a directory of so many weddings, each with ten vendors of a thousand.
func filled(weddings int) *Directory {
	b := NewBuilder()
	for i := range 50 {
		b.Organization(strconv.Itoa(i), "Studio Número "+strconv.Itoa(i))
	}
	for i := range 1000 {
		b.Vendor(strconv.Itoa(i), fmt.Sprintf("Blumen Özdemir %d", i), "Łódź")
	}
	names := []string{"Zoë", "Łukasz", "Étienne", "Ada", "Paweł", "Yuki", "Siobhán", "Ben"}
	for i := range weddings {
		id := strconv.Itoa(i)
		b.Wedding(id, fmt.Sprintf("%s Müller %d & %s", names[i%8], i, names[i/8%8]), strconv.Itoa(i%50),
			date(2026, 1, 1).AddDate(0, 0, i%700), "Château "+id)
		for v := range 10 {
			b.Link(id, strconv.Itoa((i*7+v*13)%1000))
		}
	}
	return b.Done()
}

func BenchmarkFind(b *testing.B) {
	for _, n := range []int{2_000, 20_000, 200_000} {
		d := filled(n)
		for _, text := range []string{"", "zoe lukasz", "oezdemir tomorrow", "nobody"} {
			b.Run(fmt.Sprintf("%d/%s", n, text), func(b *testing.B) {
				for b.Loop() {
					d.Find(Query{Text: text, Today: date(2026, 11, 29), Limit: 51})
				}
			})
		}
	}
}

// TestSpellingOfASearchDoesNotMatter draws names and searches for them as somebody else would type them, in another
// order: what is found, and in which order, stays the same; and pages one after the other are the whole.
func TestSpellingOfASearchDoesNotMatter(t *testing.T) {
	t.Parallel()
	d := filled(300)
	words := []string{"Zoë", "łukasz", "Étienne", "Özdemir", "Łódź", "Número", "Müller", "7", "tomorrow", "Château",
		"December", "Yuki"}
	rapid.Check(t, func(t *rapid.T) {
		typed := rapid.SliceOfNDistinct(rapid.SampledFrom(words), 0, 3, rapid.ID).Draw(t, "words")
		today := date(2026, time.November, rapid.IntRange(1, 30).Draw(t, "today"))
		find := func(text string, after *Wedding, limit int) Found {
			return d.Find(Query{Text: text, Today: today, After: after, Limit: limit})
		}
		ids := func(f Found) (out []string) {
			for _, w := range f.Weddings {
				out = append(out, w.ID)
			}
			return out
		}
		whole := find(strings.Join(typed, " "), nil, 1000)
		other := slices.Clone(typed)
		slices.Reverse(other)
		for i := range other {
			other[i] = rapid.SampledFrom([]func(string) string{strings.ToUpper, norm.NFD.String, func(s string) string {
				return strings.NewReplacer("ë", "e", "ł", "l", "É", "E", "Ö", "Oe", "ü", "ue", "ú", "u", "ó", "o", "ź", "z", "â",
					"a", "Ł", "L").Replace(s)
			}}).Draw(t, "spelling")(other[i])
		}
		if again := find(" "+strings.Join(other, "\u00a0 "), nil, 1000); !slices.Equal(ids(again), ids(whole)) ||
			whole.Total != len(whole.Weddings) {
			t.Errorf("%q finds %d, %q %d", typed, whole.Total, other, again.Total)
		}
		var paged []string
		for page := find(strings.Join(typed, " "), nil, 7); len(page.Weddings) > 0; {
			paged = append(paged, ids(page)...)
			page = find(strings.Join(typed, " "), &page.Weddings[len(page.Weddings)-1], 7)
		}
		if !slices.Equal(paged, ids(whole)) {
			t.Errorf("%q: the pages have %d weddings, the whole list %d", typed, len(paged), whole.Total)
		}
	})
}

// TestASignBetweenWordsFindsWhatABlankFinds: words and days that signs join find what they find apart.
func TestASignBetweenWordsFindsWhatABlankFinds(t *testing.T) {
	t.Parallel()
	d := filled(300)
	words := []string{"Zoë", "łukasz", "Étienne", "Özdemir", "Müller", "7", "Château", "Yuki"}
	rapid.Check(t, func(t *rapid.T) {
		typed := rapid.SliceOfNDistinct(rapid.SampledFrom(words), 1, 3, rapid.ID).Draw(t, "words")
		sign := rapid.SampledFrom([]string{"&", "/", "+", ",", ", ", " & ", "\u200b", "_", "|", "❤"}).Draw(t, "sign")
		find := func(text string) Found { return d.Find(Query{Text: text, Today: date(2026, 11, 29), Limit: 1000}) }
		if apart, joined := find(strings.Join(typed, " ")), find(strings.Join(typed, sign)); apart.Total != joined.Total {
			t.Errorf("%q apart find %d, joined by %q %d", typed, apart.Total, sign, joined.Total)
		}
		day := date(2026, 1, 1).AddDate(0, 0, rapid.IntRange(0, 299).Draw(t, "day"))
		want := find(day.Format("2006-01-02"))
		for _, form := range []string{"2 Jan 06", "Jan 2 06", "2 January 2006", "02 01 2006", "2006 01 02"} {
			if got := find(day.Format(form)); got.Total != want.Total || got.Total == 0 {
				t.Errorf("%q finds %d weddings, want %d", day.Format(form), got.Total, want.Total)
			}
		}
	})
}
