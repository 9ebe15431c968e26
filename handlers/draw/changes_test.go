package draw_test

import (
	"strings"
	"testing"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestNothingToDoSpeaksOfTheRecoveryPoint: a point from after a damage lacks what vanished, so nobody may read that
// nothing of the wedding is missing.
func TestNothingToDoSpeaksOfTheRecoveryPoint(t *testing.T) {
	t.Parallel()
	of, err := keepsake.WeddingScope("1")
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range []scope.Mode{scope.Missing, scope.Rewind} {
		words := draw.Changes{}.NothingWords(console.ScopedInput{Scope: of, Mode: mode})
		if !strings.Contains(words, "this recovery point") {
			t.Errorf("%s: %s", mode, words)
		}
	}
}

// TestRefusedRowsAreNamedAboveAComparison: what stays away and why is said once for each reason, the commonest first.
func TestRefusedRowsAreNamedAboveAComparison(t *testing.T) {
	t.Parallel()
	rows := func(why ...string) (out []scope.Change) {
		for _, w := range why {
			out = append(out, scope.Change{Op: scope.Insert, Refused: w})
		}
		return out
	}
	p := &scope.Preview{Tables: []scope.TableChanges{
		{Table: "public.guests", Changes: rows("", "it breaks rule a", "it breaks rule b", "it breaks rule b")},
		{Table: "public.gifts", Changes: rows("it breaks rule b", "c", "d")},
	}}
	found := draw.RefusedNotices(p)
	if len(found) != 1 || found[0].Title != "6 rows cannot be restored" || found[0].Text !=
		"2 rows of guests: it breaks rule b. 1 row of guests: it breaks rule a. 1 row of gifts: it breaks rule b. "+
			"There are 2 more reasons: each row gives its own." {
		t.Errorf("%+v", found)
	}
	if found := draw.RefusedNotices(&scope.Preview{}); found != nil {
		t.Errorf("of nothing: %+v", found)
	}
}
