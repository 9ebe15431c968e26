package fold_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/fold"
)

// TestACorpusFitsLikeItsTexts: looked through together, texts fit a word as they do one by one.
func TestACorpusFitsLikeItsTexts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var texts []fold.Text
		for _, s := range rapid.SliceOfN(names(), 0, 6).Draw(t, "texts") {
			texts = append(texts, fold.Search(s))
		}
		for _, w := range fold.Words(names().Draw(t, "typed"), 8) {
			fits := fold.NewCorpus(texts).Fits(w)
			for i, text := range texts {
				if want := w.In(text); fits[i] != want {
					t.Errorf("%q in %q fits %v together, %v alone", w.Plain(), text.Plain(), fits[i], want)
				}
			}
		}
	})
}
