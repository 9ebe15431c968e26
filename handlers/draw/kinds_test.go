package draw

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestEveryKindIsDrawn: a kind of operation that the console runs has a whole drawing.
func TestEveryKindIsDrawn(t *testing.T) {
	t.Parallel()
	if len(console.Kinds()) < 5 {
		t.Fatalf("there are the kinds %v", console.Kinds())
	}
	for _, kind := range console.Kinds() {
		d := drawings[kind]
		if d.noun == "" || d.title == nil || d.unfinished == nil || len(d.stopping) == 0 || d.result == nil ||
			d.again == nil || d.facts == nil || d.degraded == nil {
			t.Errorf("%s has no whole drawing: kind_%s.go", kind, kind)
		}
	}
	for kind := range drawings {
		if !slices.Contains(console.Kinds(), kind) {
			t.Errorf("%s is drawn, and no kind", kind)
		}
	}
}

// TestCancelWordsAreTheKinds: what it means to cancel an operation is said of its own kind.
func TestCancelWordsAreTheKinds(t *testing.T) {
	t.Parallel()
	for _, kind := range console.Kinds() {
		for _, words := range drawingOf(kind).stopping {
			if kind != console.KindVerify && strings.Contains(words, "verification") {
				t.Errorf("who cancels a %s is told of a verification: %s", kind, words)
			}
		}
	}
}

// TestTitlesNameTiersWithTheirArticle: what comes back into the live platform is named as a sentence names it.
func TestTitlesNameTiersWithTheirArticle(t *testing.T) {
	t.Parallel()
	wedding := keepsake.MustScope(keepsake.WeddingScope("1"))
	tiers := keepsake.MustScope(keepsake.TierScope(keepsake.TierCritical, keepsake.TierHigh))
	asked := func(of keepsake.Scope, name, undoOf string) *console.RestoreAsked {
		return &console.RestoreAsked{ScopedInput: console.ScopedInput{Scope: of}, Name: name, UndoOf: undoOf}
	}
	for want, in := range map[string]*console.RestoreAsked{
		"Bring back the critical and high tiers":     asked(tiers, "critical and high tiers", ""),
		"Bring back Ada & Ben":                       asked(wedding, "Ada & Ben", ""),
		"Bring back everything":                      asked(keepsake.Everything(), "everything", ""),
		"Take back what was restored: critical tier": asked(keepsake.Scope{}, "critical tier", "op1"),
		"Take back what was restored: Ada & Ben":     asked(wedding, "Ada & Ben", "op1"),
	} {
		if got := OperationTitle(console.Operation{Kind: console.KindScoped, Asked: in}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestARetentionSaysWhatWaits: where nothing was due, its page does not say that every recovery point stays.
func TestARetentionSaysWhatWaits(t *testing.T) {
	t.Parallel()
	due := time.Date(2026, 12, 2, 9, 30, 0, 0, time.UTC)
	waits := func(id string, due time.Time) engine.PendingPoint {
		return engine.PendingPoint{RemovedPoint: engine.RemovedPoint{ID: id}, Due: due}
	}
	for name, c := range map[string]struct {
		pending []engine.PendingPoint
		says    string
	}{
		"none": {nil, "Every recovery point stays, as the rules say."},
		"one": {[]engine.PendingPoint{waits("a", due)},
			"1 recovery point is marked, and goes after Wed 2 Dec 2026, 09:30 UTC."},
		"some": {[]engine.PendingPoint{waits("a", due.Add(time.Hour)), waits("b", due), waits("b", due.Add(time.Hour))},
			"2 recovery points are marked, and the first goes after Wed 2 Dec 2026, 09:30 UTC."},
	} {
		r := retentionResult(console.RetentionResult{RemovalResult: engine.RemovalResult{Pending: c.pending}})
		if !strings.HasPrefix(r.Text, c.says) {
			t.Errorf("%s: %q", name, r.Text)
		}
	}
}
