package engine_test

import (
	"testing"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// A provider that is new receives what the others have held for long:
// that counts as uploaded to it, and as new nowhere.
func TestUploadsAreCountedPerProvider(t *testing.T) {
	t.Parallel()
	source, w := village(t), newDirectories(t)
	first := backup(t, engineWith(t, source, w.list[:2], w.key), keepsake.BackupFull)
	if n := first.Uploaded; len(n) != 2 || n["local"] != first.BytesNew || n["second"] != first.BytesNew ||
		first.BytesUploaded != 2*first.BytesNew {
		t.Errorf("the first: %+v", first)
	}
	run(t, source, "update organizations set name = 'renamed' where id = 7")
	seen := &watcher{}
	next, err := engineWith(t, source, w.list, w.key).Backup(t.Context(),
		engine.BackupInput{Type: keepsake.BackupIncremental}, seen)
	if err != nil {
		t.Fatal(err)
	}
	manifest := next.Uploaded["offsite"] - next.BytesStored // it received every chunk, and the manifest
	if manifest <= 0 || manifest > 1<<16 || next.Uploaded["local"] != next.BytesNew ||
		next.Uploaded["second"] != next.BytesNew ||
		next.BytesNew*10 > next.Uploaded["offsite"] || next.BytesUploaded != 2*next.BytesNew+next.Uploaded["offsite"] {
		t.Errorf("with a new provider: %+v", next)
	}
	if got := seen.last.BytesUploaded; got < next.BytesStored || got > next.BytesUploaded {
		t.Errorf("while it ran: %d bytes uploaded, in the end %d", got, next.BytesUploaded)
	}
}
