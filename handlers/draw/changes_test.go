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
