package engine_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestAStoppedBackupNamesThePointThatIsThere: whoever stops a backup that waits for one provider is told that the
// others have the recovery point.
func TestAStoppedBackupNamesThePointThatIsThere(t *testing.T) {
	t.Parallel()
	w := newHungWorld(t, village(t), false)
	e := engine.New(engine.Options{
		PlatformURL: keepsake.Secret(w.url),
		Providers:   w.list,
		DataMap:     keepsake.DefaultDataMap(),
		Key:         repository.KeySource{Key: w.key},
		Silence:     time.Hour,
	})
	t.Cleanup(e.Close)
	w.hangs.Hang(false, func(verb, key string) bool { return verb == "put" && strings.HasPrefix(key, "chunks/") })
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var once sync.Once
	_, err := e.Backup(ctx, engine.BackupInput{Type: keepsake.BackupFull}, &watcher{onProgress: func(p report.Progress) {
		whole := 0
		for _, prov := range p.Providers {
			if prov.State == report.ItemDone {
				whole++
			}
		}
		if whole == 2 {
			once.Do(stop)
		}
	}})
	points, listErr := w.engine(t).Points(t.Context(), "cloud")
	if listErr != nil || len(points) != 1 {
		t.Fatalf("%+v, %v", points, listErr)
	}
	wantError(t, err, keepsake.CodeCancelled, points[0].ID+" is at cloud and offsite", "keepsake repair "+points[0].ID)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v hides why", err)
	}
}
