package draw

import (
	"fmt"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views/ui"
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

// TestASuspectBackupSaysSo on its page, in the audit trail and in alerts, and whether it is protected, too.
func TestASuspectBackupSaysSo(t *testing.T) {
	t.Parallel()
	doubts := []keepsake.Doubt{{Kind: keepsake.DoubtTable, Table: "public.guests", Before: 7200}}
	const words = "Table public.guests no longer exists, and held 7,200 rows before."
	for _, protected := range []bool{true, false} {
		r := backupResult(engine.BackupResult{Doubts: doubts, Protected: protected, Lacks: "no offsite copy"})
		if r.Tone != ui.ToneBad || r.Title != "Saved, but it may show damage" || !strings.HasPrefix(r.Text, words) ||
			strings.Contains(r.Text, "no offsite copy") == protected {
			t.Errorf("protected %v: %+v", protected, r)
		}
		entry := audit.Row{
			Action: string(audit.BackupEnd),
			Detail: fmt.Appendf(nil, `{"doubts":"x","protected":%v}`, protected),
		}
		if said := entry.SuspectWords(); !strings.HasPrefix(said, "the recovery point may show damage") ||
			strings.Contains(said, "not fully protected") == protected {
			t.Errorf("protected %v: the trail says %q", protected, said)
		}
	}
	if r := backupResult(engine.BackupResult{Protected: true}); r.Title != "Saved and protected" {
		t.Errorf("%+v", r)
	}
}
