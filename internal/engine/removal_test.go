package engine_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// keeper is an engine whose clock a test sets.
type keeper struct {
	*engine.Engine
	t    *testing.T
	url  string
	w    trio
	key  keepsake.Secret
	late atomic.Int64 // how far the clock is ahead
}

func newKeeper(t *testing.T, w trio) *keeper {
	t.Helper()
	k := &keeper{t: t, url: season(t), w: w, key: repository.NewKeyFile()}
	k.Engine = k.another(w.list)
	if _, err := k.Init(t.Context()); err != nil {
		t.Fatal(err)
	}
	return k
}

// another is an engine of another machine.
func (k *keeper) another(list []engine.Provider) *engine.Engine {
	e := engine.New(engine.Options{
		PlatformURL: keepsake.Secret(k.url),
		Providers:   list,
		DataMap:     keepsake.DefaultDataMap(),
		Key:         repository.KeySource{Key: k.key},
		Now:         k.now,
	})
	k.t.Cleanup(e.Close)
	return e
}

func (k *keeper) now() time.Time { return time.Now().Add(time.Duration(k.late.Load())) }

func (k *keeper) passes(d time.Duration) { k.late.Add(int64(d)) }

func (k *keeper) remove(points ...string) engine.RemovalResult {
	k.t.Helper()
	r, err := k.Remove(k.t.Context(), engine.RemovalInput{Points: toGo(points...)}, engine.Discard)
	if err != nil {
		k.t.Fatal(err)
	}
	return r
}

func toGo(points ...string) (list []engine.RemovedPoint) {
	for _, id := range points {
		list = append(list, engine.RemovedPoint{ID: id, Why: "nothing keeps it"})
	}
	return list
}

// keys returns what lies below a prefix at a provider.
func keys(t *testing.T, p engine.Provider, prefixes ...string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, prefix := range prefixes {
		err := p.Store.List(t.Context(), prefix, func(o storage.Object) error { found[o.Key] = true; return nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// points takes so many incremental backups of rows that grow, the oldest first.
func (k *keeper) points(n int) (points []string) {
	k.t.Helper()
	for range n {
		points = append(points, backup(k.t, k.Engine, keepsake.BackupIncremental).Point)
		grow(k.t, k.url)
	}
	return points
}

// wantNothingElse fails unless each provider holds what the recovery points need, and nothing more.
func (k *keeper) wantNothingElse(points ...string) {
	k.t.Helper()
	dir := filepath.Join(k.t.TempDir(), "copy")
	at := openFile(k.t, dir)
	if err := storage.MakePlace(k.t.Context(), at); err != nil {
		k.t.Fatal(err)
	}
	for key := range keys(k.t, k.w.list[1], "") {
		body, err := k.w.list[1].Store.Get(k.t.Context(), key, repository.MaxChunkSealed)
		if err == nil {
			err = at.Put(k.t.Context(), key, body, sha256.Sum256(body), true)
		}
		if err != nil {
			k.t.Fatal(err)
		}
	}
	want := map[string]bool{}
	for _, id := range points {
		m := manifestIn(k.t, dir, k.key, id)
		err := m.Refs(k.t.Context(), pagesIn(k.t, dir, k.key), func(r repository.Ref) { want[r.Key()] = true })
		if err != nil {
			k.t.Fatal(err)
		}
	}
	for _, p := range k.w.list {
		if have := keys(k.t, p, "chunks/", "indexes/"); !maps.Equal(have, want) {
			k.t.Errorf("provider %s holds %d objects, and %d are needed", p.Name, len(have), len(want))
		}
	}
}

// wantRestorable fails unless a recovery point comes back whole from each provider alone.
func (k *keeper) wantRestorable(point string) {
	k.t.Helper()
	for _, p := range k.w.list {
		r := restore(k.t, k.Engine, engine.RestoreInput{
			Point:    point,
			Provider: p.Name,
			Scope:    keepsake.Everything(),
			Target:   keepsake.Secret(testenv.DB(k.t)),
		})
		if !r.Verified {
			k.t.Errorf("%s of provider %s is not proven: %+v", point, p.Name, r)
		}
	}
}

// TestRemoval: what is marked stays whole for the grace period, and then goes at every provider with all that nothing
// else needs. The others verify and restore.
func TestRemoval(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, newTrio(t))
	var points []string
	for i := range 5 {
		kind := keepsake.BackupIncremental
		if i == 0 || i == 3 {
			kind = keepsake.BackupFull
		}
		points = append(points, backup(t, k.Engine, kind).Point)
		grow(t, k.url)
	}
	r := k.remove(points[0], points[1])
	if len(r.Marked) != 2 || r.Objects == 0 || r.List == "" || r.Held != "" || len(r.Removed) > 0 {
		t.Fatalf("marked: %+v", r)
	}
	wantProtected(t, k.Engine, 5)
	k.passes(23 * time.Hour)
	if r := k.remove(points[0], points[1]); len(r.Removed) > 0 || len(r.Marked) > 0 || r.Freed[0].Objects > 0 {
		t.Fatalf("in the grace period: %+v", r)
	}
	k.passes(time.Hour)
	r = k.remove(points[0], points[1])
	if len(r.Removed) != 2 || r.Held != "" || r.Problem != "" {
		t.Fatalf("swept: %+v", r)
	}
	for _, f := range r.Freed {
		if f.Points != 2 || f.Objects == 0 || f.Bytes == 0 || f.Problem != "" {
			t.Errorf("freed: %+v", f)
		}
	}
	k.wantNothingElse(points[2:]...)
	wantProtected(t, k.Engine, 3)
	for _, id := range points[2:] {
		k.wantRestorable(id)
	}
	// The lists go, too, and nothing else with them.
	k.passes(16 * 24 * time.Hour)
	k.remove()
	for _, p := range k.w.list {
		if lists := keys(t, p, "removals/"); len(lists) > 0 {
			t.Errorf("provider %s still has %v", p.Name, lists)
		}
	}
	backup(t, k.Engine, keepsake.BackupIncremental)
	wantProtected(t, k.Engine, 4)
}

// TestWhatStaysAfterAll: of what was marked, somebody locks one point. It stays, and so does what it shares with the
// others. The two newest stay whatever is asked.
func TestWhatStaysAfterAll(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, newTrio(t))
	points := k.points(4)
	r := k.remove(points...)
	if len(r.Marked) != 2 || !slices.Contains(r.Spared, points[2]) || !slices.Contains(r.Spared, points[3]) {
		t.Fatalf("marked: %+v", r)
	}
	k.passes(25 * time.Hour)
	if _, err := k.MarkPoint(t.Context(), points[1], engine.PointMark{Locked: true}); err != nil {
		t.Fatal(err)
	}
	r = k.remove(points[0], points[1]) // whoever asks has not heard of it
	if len(r.Removed) != 1 || r.Removed[0].ID != points[0] || !slices.Contains(r.Spared, points[1]) ||
		len(r.Pending) > 0 || !slices.Equal(r.Gone, points[:1]) {
		t.Fatalf("swept: %+v", r)
	}
	wantProtected(t, k.Engine, 3)
	for _, id := range points[1:] {
		k.wantRestorable(id)
	}
}

// TestWhatComesBackWhileItGoes: rows that only marked recovery points have are there again when a backup is taken, in
// the grace period or while a sweep stands still that has already decided what it deletes. The sweep goes on, and the
// backup is whole.
func TestWhatComesBackWhileItGoes(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]keepsake.BackupType{
		"full":        keepsake.BackupFull,
		"incremental": keepsake.BackupIncremental,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKeeper(t, newTrio(t))
			set := func(table, line string) {
				run(t, k.url, "update "+table+" set line = '"+line+" in "+table+"'", "vacuum full "+table)
			}
			set("notes_1", "was")
			set("notes_2", "was")
			old := backup(t, k.Engine, keepsake.BackupFull).Point
			set("notes_1", "is")
			set("notes_2", "is")
			backup(t, k.Engine, keepsake.BackupFull)
			backup(t, k.Engine, keepsake.BackupFull)
			if r := k.remove(old); len(r.Marked) != 1 || r.Objects == 0 {
				t.Fatalf("marked: %+v", r)
			}
			set("notes_1", "was")
			backup(t, k.Engine, kind) // in the grace period
			set("notes_1", "is")
			backup(t, k.Engine, kind)
			k.passes(25 * time.Hour)

			gate := &gate{closed: make(chan struct{}), reached: make(chan struct{})}
			var stopped []engine.Provider
			for _, p := range k.w.list {
				p.Store = &gated{p.Store, gate}
				stopped = append(stopped, p)
			}
			sweeper := k.another(stopped)
			done := make(chan engine.RemovalResult, 1)
			go func() {
				r, err := sweeper.Remove(t.Context(), engine.RemovalInput{Points: toGo(old)}, engine.Discard)
				if err != nil {
					t.Error(err)
				}
				done <- r
			}()
			<-gate.reached
			set("notes_2", "was")
			backup(t, k.Engine, kind) // while it stands still
			close(gate.closed)
			if r := <-done; len(r.Removed) != 1 || r.Freed[0].Objects == 0 {
				t.Fatalf("swept: %+v", r)
			}
			wantProtected(t, k.Engine, 5)
			k.wantRestorable("latest")
		})
	}
}

// gate stops whoever deletes chunks and index pages.
type gate struct {
	closed  chan struct{}
	reached chan struct{}
	once    sync.Once
}

type gated struct {
	storage.Provider
	gate *gate
}

func (g *gated) Delete(ctx context.Context, key string) error {
	if strings.HasPrefix(key, "chunks/") || strings.HasPrefix(key, "indexes/") {
		g.gate.once.Do(func() { close(g.gate.reached) })
		<-g.gate.closed
	}
	return g.Provider.Delete(ctx, key)
}

// TestWhatWasSparedGetsItsDayAgain: what stayed after all and is to go again later is marked anew first.
func TestWhatWasSparedGetsItsDayAgain(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, newTrio(t))
	points := k.points(3)
	k.remove(points[0])
	k.passes(25 * time.Hour)
	if r := k.remove(); !slices.Contains(r.Spared, points[0]) || len(r.Pending) > 0 {
		t.Fatalf("spared: %+v", r)
	}
	k.passes(25 * time.Hour)
	if r := k.remove(points[0]); len(r.Removed) > 0 || len(r.Marked) != 1 || len(r.Pending) != 1 {
		t.Fatalf("to go again: %+v", r)
	}
	wantProtected(t, k.Engine, 3)
	k.passes(25 * time.Hour)
	if r := k.remove(points[0]); len(r.Removed) != 1 {
		t.Fatalf("removed: %+v", r)
	}
	k.wantNothingElse(points[1:]...)
	wantProtected(t, k.Engine, 2)
}

// TestWhoJudgedByWhatIsGoneJudgesAgain: another machine has removed a point that somebody counts as one that stays. So
// nothing goes that would have gone for that.
func TestWhoJudgedByWhatIsGoneJudgesAgain(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, newTrio(t))
	points := k.points(4)
	k.remove(points[0])
	k.passes(25 * time.Hour)
	k.remove(points[0])
	in := engine.RemovalInput{Points: toGo(points[1]), Known: points}
	r, err := k.Remove(t.Context(), in, engine.Discard)
	if err != nil || r.Held == "" || len(r.Marked) > 0 || !slices.Equal(r.Gone, points[:1]) {
		t.Fatalf("%+v, %v", r, err)
	}
	in.Known = points[1:]
	if r, err = k.Remove(t.Context(), in, engine.Discard); err != nil || len(r.Marked) != 1 {
		t.Fatalf("judged again: %+v, %v", r, err)
	}
	in.Known = append(in.Known, "20260101T000000Z-000000000000")
	if r, err = k.Remove(t.Context(), in, engine.Discard); err != nil || !strings.Contains(r.Held, "short") {
		t.Fatalf("a list that came back short: %+v, %v", r, err)
	}
}

// TestALockCountsUntilTheEnd: somebody locks a point while a sweep reads what the others need.
func TestALockCountsUntilTheEnd(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, newTrio(t))
	points := k.points(3)
	k.remove(points[0])
	k.passes(25 * time.Hour)
	list := slices.Clone(k.w.list)
	var once sync.Once
	list[0].Store = &reading{list[0].Store, func(key string) {
		if strings.HasPrefix(key, "indexes/") {
			once.Do(func() {
				if _, err := k.MarkPoint(t.Context(), points[0], engine.PointMark{Locked: true}); err != nil {
					t.Error(err)
				}
			})
		}
	}}
	in := engine.RemovalInput{Points: toGo(points[0])}
	r, err := k.another(list).Remove(t.Context(), in, engine.Discard)
	if err != nil || len(r.Removed) > 0 || !strings.Contains(r.Problem, "locked") ||
		!slices.Equal(r.Spared, points[:1]) {
		t.Fatalf("%+v, %v", r, err)
	}
	wantProtected(t, k.Engine, 3)
	if r := k.remove(points[0]); !slices.Equal(r.Spared, points[:1]) || len(r.Pending) > 0 {
		t.Errorf("%+v", r)
	}
}

// reading tells of what is read.
type reading struct {
	storage.Provider
	tell func(key string)
}

func (r *reading) Get(ctx context.Context, key string, limit int64) ([]byte, error) {
	r.tell(key)
	return r.Provider.Get(ctx, key, limit)
}

// TestAListThatAProviderLacksRemovesNothing: what was to be marked is marked anew, everywhere.
func TestAListThatAProviderLacksRemovesNothing(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, newTrio(t))
	points := k.points(3)
	full := errors.New("no space left")
	k.w.faults["cloud"].FailPutOf(func(key string) error {
		if strings.HasPrefix(key, "removals/") {
			return full
		}
		return nil
	})
	if r := k.remove(points[0]); !strings.Contains(r.Problem, "cloud") || len(r.Marked) > 0 || len(r.Pending) > 0 {
		t.Fatalf("%+v", r)
	}
	k.w.faults["cloud"].FailPutOf(nil)
	k.passes(25 * time.Hour)
	if r := k.remove(points[0]); len(r.Removed) > 0 || len(r.Marked) != 1 || r.Problem != "" {
		t.Fatalf("%+v", r)
	}
	wantProtected(t, k.Engine, 3)
	k.passes(25 * time.Hour)

	// One provider keeps what goes. What is left there is no damage, and nobody brings it back to the others.
	refusing := slices.Clone(k.w.list)
	refusing[2].Store = &undeletable{refusing[2].Store}
	in := engine.RemovalInput{Points: toGo(points[0])}
	r, err := k.another(refusing).Remove(t.Context(), in, engine.Discard)
	if err != nil || len(r.Removed) > 0 || r.Freed[2].Problem == "" || r.Freed[0].Points != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	v, err := k.Verify(t.Context(), engine.VerifyInput{Deep: true}, engine.Discard)
	if err != nil || !v.OK || v.Points != 2 {
		t.Fatalf("%v %+v", err, v.Findings)
	}
	if fixed, err := k.Repair(t.Context(), engine.VerifyInput{}, engine.Discard); err != nil || fixed.Copied > 0 {
		t.Fatalf("%v %+v", err, fixed)
	}
	if r := k.remove(points[0]); len(r.Removed) != 1 {
		t.Fatalf("%+v", r)
	}
	k.wantNothingElse(points[1:]...)
	wantProtected(t, k.Engine, 2)
}

// TestADamagedListRemovesNothing: what it names is marked anew, and a deep verification has nothing to say.
func TestADamagedListRemovesNothing(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, newTrio(t))
	points := k.points(3)
	key := repository.RemovalKey(k.remove(points[0]).List)
	body, err := k.w.list[1].Store.Get(t.Context(), key, repository.MaxRemoval)
	if err != nil {
		t.Fatal(err)
	}
	body[len(body)/2] ^= 1
	if err := k.w.list[1].Store.Put(t.Context(), key, body, sha256.Sum256(body), true); err != nil {
		t.Fatal(err)
	}
	wantProtected(t, k.Engine, 3)
	k.passes(25 * time.Hour)
	if r := k.remove(points[0]); len(r.Removed) > 0 || len(r.Marked) != 1 || r.Held+r.Problem != "" {
		t.Fatalf("%+v", r)
	}
	wantProtected(t, k.Engine, 3)
	backup(t, k.Engine, keepsake.BackupIncremental)
	k.passes(25 * time.Hour)
	if r := k.remove(points[0]); len(r.Removed) != 1 {
		t.Fatalf("%+v", r)
	}
	wantProtected(t, k.Engine, 3)
}

// undeletable lets nobody delete.
type undeletable struct{ storage.Provider }

func (undeletable) Delete(context.Context, string) error { return errors.New("access denied") }

// TestAClockThatIsBehindMarksNothing: the day would be over too soon.
func TestAClockThatIsBehindMarksNothing(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, newTrio(t))
	var points []string
	for range 3 {
		points = append(points, backup(t, k.Engine, keepsake.BackupIncremental).Point)
	}
	k.passes(-30 * time.Hour)
	if r := k.remove(points[0]); !strings.Contains(r.Problem, "clock") || len(r.Marked) > 0 {
		t.Fatalf("%+v", r)
	}
}
