package draw

import (
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestARepairSaysWhatItRead: one that looked at names and sizes does not speak of whole copies.
func TestARepairSaysWhatItRead(t *testing.T) {
	t.Parallel()
	for _, deep := range []bool{false, true} {
		r := repairResult(engine.RepairResult{Points: 1, Deep: deep})
		if strings.Contains(r.Text, "Nothing was read") == deep || strings.Contains(r.Text, "every copy was read") != deep {
			t.Errorf("deep %v: %s", deep, r.Text)
		}
	}
}

// TestRestoreThatWroteNothing is refused, or stopped, before it begins: nobody is told to remove a database, which may
// hold what somebody needs.
func TestRestoreThatWroteNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		progress *engine.Progress
		attempt  int
		removes  bool
	}{
		"refused before it looked":             {nil, 1, false},
		"refused when it looked":               {&engine.Progress{Stage: engine.StageChecking}, 1, false},
		"broke while it wrote":                 {&engine.Progress{Stage: engine.StageLoading}, 1, true},
		"refused after an attempt that wrote":  {&engine.Progress{Stage: engine.StageChecking}, 2, true},
		"its worker died, nothing was started": {nil, 0, false},
	} {
		for _, state := range []console.State{console.StateFailed, console.StateCancelled} {
			o := console.Operation{
				Kind:         console.KindRestore,
				State:        state,
				Progress:     c.progress,
				Attempt:      c.attempt,
				ErrorMessage: "it holds table precious",
			}
			r := result(o)
			if got := strings.Contains(r.Text, "remove it"); got != c.removes ||
				!strings.Contains(r.Text, "the recovery point are untouched") {
				t.Errorf("%s, %s: %s", name, state, r.Text)
			}
		}
	}
}

// TestRestoreThatMayBeFinished: nobody is told that its database is incomplete, and what tells is named.
func TestRestoreThatMayBeFinished(t *testing.T) {
	t.Parallel()
	o := console.Operation{
		Kind:      console.KindRestore,
		State:     console.StateFailed,
		ErrorCode: keepsake.CodeUnknown,
		Progress:  &engine.Progress{Stage: engine.StageComparing},
		Attempt:   2,
	}
	r := problemResult(o, "The server is away.")
	if strings.Contains(r.Text, "is incomplete:") || !strings.Contains(r.Text, "is whole is not known") ||
		!strings.Contains(r.Text, "keepsake_restore") {
		t.Errorf("it says %q", r.Text)
	}
}
