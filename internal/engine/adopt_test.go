package engine_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// eachFile is a directory whose files are fsynced one by one, as on NFS or ZFS, and that notes for which it is asked.
type eachFile struct {
	storage.Provider
	mu    sync.Mutex
	asked map[string]bool
}

func (p *eachFile) Adopter() storage.Adopter { return p }

func (p *eachFile) MakePlace(ctx context.Context) error { return storage.MakePlace(ctx, p.Provider) }

func (p *eachFile) Adopt(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked[key] = true
}

// TestWhatAKilledRunLeftIsMadeDurable: a run that ends before its manifest leaves files that nobody has fsynced. The
// next one takes them for its recovery point, so it has them fsynced first, and those of an earlier point not again.
func TestWhatAKilledRunLeftIsMadeDurable(t *testing.T) {
	t.Parallel()
	url := season(t)
	dir := filepath.Join(t.TempDir(), "local")
	w := trioOf(t, openFile(t, dir), openFile(t, filepath.Join(t.TempDir(), "b")),
		openFile(t, filepath.Join(t.TempDir(), "c")))
	each := &eachFile{Provider: w.list[0].Store, asked: map[string]bool{}}
	list, key := w.list[:1:1], repository.NewKeyFile()
	list[0].Store = each
	e := engineWith(t, url, list, key)
	killed := errors.New("killed")
	kill := func(key string) error {
		if strings.HasPrefix(key, "manifests/") {
			return killed
		}
		return nil
	}
	named := func(point string) (keys []string) {
		t.Helper()
		m := manifestIn(t, dir, key, point)
		err := m.Refs(t.Context(), pagesIn(t, dir, key), func(r repository.Ref) { keys = append(keys, r.Key()) })
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	before := map[string]bool{}
	for _, kind := range []keepsake.BackupType{keepsake.BackupFull, keepsake.BackupIncremental} {
		w.faults["local"].FailPutOf(kill)
		if _, err := e.Backup(t.Context(), engine.BackupInput{Type: kind}, engine.Discard); err == nil {
			t.Fatal("the backup was not ended")
		}
		w.faults["local"].FailPutOf(nil)
		clear(each.asked)
		r := backup(t, e, kind)
		missing := 0
		for _, k := range named(r.Point) {
			if each.asked[k] == before[k] {
				missing++
			}
			before[k] = true
		}
		if missing > 0 || len(each.asked) == 0 {
			t.Errorf("%s: %d of its objects were not fsynced, or fsynced though durable, %d were", kind, missing,
				len(each.asked))
		}
		grow(t, url)
	}
}
