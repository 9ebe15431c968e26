package console_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/engine/storage/storagetest"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// hungBound is what a provider that hangs may cost a seal or a check of all providers, on a machine that is busy.
const hungBound = 20 * time.Second

// hangingEngine is a real engine over three directories, of which the first can be made to hang.
func hangingEngine(t *testing.T) (*engine.Engine, *storagetest.HangingProvider) {
	t.Helper()
	var hangs *storagetest.HangingProvider
	list := []engine.Provider{{Name: "a", Medium: "disk"}, {Name: "b", Medium: "s3"},
		{Name: "c", Medium: "gcs", Offsite: true}}
	for i := range list {
		store, err := storage.OpenFile(filepath.Join(t.TempDir(), list[i].Name))
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			hangs = storagetest.Hanging(store)
			store = hangs
		}
		list[i].Store = storage.Retry(store, storage.RetryOptions{})
	}
	e := engine.New(engine.Options{
		PlatformURL: keepsake.Secret(testenv.DB(t)),
		Providers:   list,
		DataMap:     keepsake.DefaultDataMap(),
		Key:         repository.KeySource{Key: repository.NewKeyFile()},
		Silence:     time.Second,
	})
	t.Cleanup(e.Close)
	if _, err := e.Init(t.Context()); err != nil {
		t.Fatal(err)
	}
	return e, hangs
}

// hangs are the moments at which a provider begins to hang.
var hangs = map[string]func(h *storagetest.HangingProvider){
	"at the start": func(h *storagetest.HangingProvider) { h.Hang(false, func(string, string) bool { return true }) },
	"when it is written": func(h *storagetest.HangingProvider) {
		h.Hang(false, func(verb, _ string) bool { return verb == "put" })
	},
	"after its last byte": func(h *storagetest.HangingProvider) {
		h.Hang(true,
			func(verb, _ string) bool { return verb == "put" })
	},
	"when it is to be durable": func(h *storagetest.HangingProvider) {
		h.Hang(false, func(verb, _ string) bool { return verb == "sync" })
	},
}

// TestSealsAreKeptWhileAProviderHangs at the two others, in time and without a failure; a repair brings the hung one
// what it lacks.
func TestSealsAreKeptWhileAProviderHangs(t *testing.T) {
	t.Parallel()
	for moment, hang := range hangs {
		t.Run(moment, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			e, h := hangingEngine(t)
			c := w.console(e, func(d *console.Deps) { d.Notes = e })
			hang(h)
			started := time.Now()
			v, err := c.SealAuditNow(t.Context(), admin)
			if err != nil || v.Sealed == nil || !v.Intact {
				t.Errorf("%+v, %v", v, err)
			}
			if took := time.Since(started); took > hungBound {
				t.Errorf("the seal took %s", took)
			}
			h.LetGo()
			list, err := e.ListNotes(t.Context(), "audit")
			if err != nil || len(list.List) != 1 {
				t.Errorf("%+v, %v", list, err)
			}
		})
	}
}

// TestAHungProviderIsCheckedBesideTheOthers: it fails, because it did not answer, and the others work, by writes of
// their own, in time.
func TestAHungProviderIsCheckedBesideTheOthers(t *testing.T) {
	t.Parallel()
	for moment, hang := range hangs {
		t.Run(moment, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			e, h := hangingEngine(t)
			c := w.console(e)
			hang(h)
			for range 2 { // the second check knows that it fails, and tries it again
				started := time.Now()
				if err := c.SyncPoints(t.Context()); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(started); took > hungBound {
					t.Errorf("the check took %s", took)
				}
				if health, p := healthOf(t, c, "a"); health != console.HealthFails ||
					!strings.Contains(p.Error, "did not answer for") {
					t.Errorf("the provider that hangs: %s, %+v", health, p)
				}
				for _, other := range []string{"b", "c"} {
					if health, p := healthOf(t, c, other); health != console.HealthWorks || p.Written.IsZero() {
						t.Errorf("%s: %s, %+v", other, health, p)
					}
				}
			}
			h.LetGo()
			if err := c.SyncPoints(t.Context()); err != nil {
				t.Fatal(err)
			}
			if health, p := healthOf(t, c, "a"); health != console.HealthWorks {
				t.Errorf("when it goes on: %s, %+v", health, p)
			}
		})
	}
}
