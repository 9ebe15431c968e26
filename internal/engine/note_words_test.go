package engine_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestANoteSaysWhoCouldNotTakeIt: a note that one provider cannot take is kept, and one that nobody takes fails in
// words, by provider.
func TestANoteSaysWhoCouldNotTakeIt(t *testing.T) {
	t.Parallel()
	w := trioOf(t, openFile(t, filepath.Join(t.TempDir(), "a")), openFile(t, filepath.Join(t.TempDir(), "b")),
		openFile(t, filepath.Join(t.TempDir(), "c")))
	e := newEngine(t, village(t), w.list)
	point := backup(t, e, keepsake.BackupFull).Point
	w.faults["local"].FailPut(syscall.EROFS)
	kept, err := e.MarkPoint(t.Context(), point, engine.PointMark{Note: "first"})
	if err != nil || len(kept.At) != 2 || !strings.Contains(kept.String(),
		"kept at cloud and offsite. Provider local has not got it yet. The directory is on a read-only file system") {
		t.Errorf("%s, %v", kept, err)
	}
	for _, f := range w.faults {
		f.FailPut(syscall.EROFS)
	}
	_, err = e.MarkPoint(t.Context(), point, engine.PointMark{Note: "second"})
	wantError(t, err, keepsake.CodeUnavailable, "no provider took the note", "local: The directory is on a read-only",
		"cloud: ", "offsite: ")
}
