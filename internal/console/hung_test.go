package console_test

import (
	"errors"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/replicas"
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

// TestAProviderThatHangsFailsNoTest: a verification that could not ask a provider says so, leaves what earlier tests
// said as it was, and makes no recovery point unsafe, whenever the provider began to hang.
func TestAProviderThatHangsFailsNoTest(t *testing.T) {
	t.Parallel()
	all := func(string, string) bool { return true }
	chunks := func(verb, key string) bool {
		_, is := replicas.ParseKey(key)
		return verb == "get" && is
	}
	for moment, rule := range map[string]func(verb, key string) bool{"at the start": all, "when it is read": chunks} {
		t.Run(moment, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			e, h := hangingEngine(t)
			c := w.console(e, func(d *console.Deps) { d.Lease = console.LeaseTimes{} })
			w.run(c, true)
			point := await(t, c, startFull(t, c).ID, console.StateDone).Point
			h.Hang(false, rule)
			for range 2 { // the second after a test that passed, of which the first knows nothing
				before, err := c.GetPoint(t.Context(), admin, point)
				if err != nil {
					t.Fatal(err)
				}
				o := verifyAll(t, c, true)
				if o.OK || o.Verify.Damaged() {
					t.Errorf("the operation: %+v", o.Verify)
				}
				if proof := o.Verify.Proofs[point]; proof.Score() != 1 || !slices.Equal(proof.Away, []string{"a"}) {
					t.Errorf("integrity of what could be asked: %+v", proof)
				}
				p := wantConfirmed(t, c, point, "a", "b", "c")
				newest := p.Tests[0]
				if !newest.Incomplete() || newest.Failed() || !slices.Equal(newest.Asked, []string{"b", "c"}) ||
					!slices.Equal(newest.Away, []string{"a"}) {
					t.Errorf("the test: %+v", newest)
				}
				if !p.Point.Protected || !reflect.DeepEqual(p.Point.LastTest, before.Point.LastTest) ||
					!reflect.DeepEqual(p.Point.Proof, before.Point.Proof) {
					t.Errorf("what was known: %+v, was %+v", p.Point, before.Point)
				}
				d := engine.Damage{Point: point}
				if console.ChooseSafePoint(&d, []console.Point{p.Point}); !d.Safe {
					t.Error("the point is not safe any more")
				}
				no := false
				if list, err := c.ListTests(t.Context(), admin, console.TestsInput{Passed: &no}); err != nil ||
					len(list.Tests) != 0 {
					t.Errorf("tests that failed: %+v, %v", list.Tests, err)
				}
				h.LetGo()
				if o := verifyAll(t, c, true); !o.OK {
					t.Fatalf("when all answer: %+v", o.Verify)
				}
				h.Hang(false, rule)
			}
		})
	}
}

// TestARepairLeavesWhatItCouldNotAskFor: the copies at a provider that hung during a repair stay as they were, and
// those that it is known to lack do not count.
func TestARepairLeavesWhatItCouldNotAskFor(t *testing.T) {
	t.Parallel()
	all := func(string, string) bool { return true }
	puts := func(verb, _ string) bool { return verb == "put" }
	manifests := func(verb, key string) bool {
		return verb == "get" && strings.HasPrefix(key, repository.ManifestPrefix)
	}
	for name, x := range map[string]struct {
		rule func(verb, key string) bool
		lose bool // a chunk at the provider that hangs
		want []string
	}{
		"at the start":                 {all, false, []string{"a", "b", "c"}},
		"when it is read":              {manifests, false, []string{"a", "b", "c"}},
		"when what it lacks is copied": {puts, true, []string{"b", "c"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			e, h := hangingEngine(t)
			c := w.console(e, func(d *console.Deps) { d.Lease = console.LeaseTimes{} })
			w.run(c, true)
			point := await(t, c, startFull(t, c).ID, console.StateDone).Point
			if x.lose {
				lost := ""
				err := h.List(t.Context(), "chunks/", func(o storage.Object) error { lost = o.Key; return nil })
				if err := errors.Join(err, h.Delete(t.Context(), lost)); err != nil {
					t.Fatal(err)
				}
			}
			repair := func() console.Operation {
				t.Helper()
				o, err := c.StartRepair(t.Context(), admin)
				if err != nil {
					t.Fatal(err)
				}
				return await(t, c, o.ID, console.StateDone)
			}
			h.Hang(false, x.rule)
			o := repair()
			p := wantConfirmed(t, c, point, x.want...)
			if o.OK || p.Point.Protected == x.lose {
				t.Errorf("protected: %v, after the repair %+v", p.Point.Protected, o.Repair)
			}
			h.LetGo()
			if o := repair(); !o.OK {
				t.Errorf("when it answers: %+v", o.Repair)
			}
			wantConfirmed(t, c, point, "a", "b", "c")
		})
	}
}
