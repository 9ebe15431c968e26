package engine_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// drawnRounds is how many sets of backups at once one run of the property draws.
const drawnRounds = 5

// drawnRun is one of several backups at once.
type drawnRun struct {
	providers []int // of those that the repository has, in this run's order
	kind      keepsake.BackupType
	writer    bool // it has a writer's key
	kill      int  // after how many uploads it is cancelled; 0: never
}

func drawRuns(t *rapid.T) [][]drawnRun {
	one := rapid.Custom(func(t *rapid.T) drawnRun {
		order := rapid.Permutation([]int{0, 1, 2}).Draw(t, "order")
		r := drawnRun{
			providers: order[:rapid.IntRange(1, 3).Draw(t, "providers")],
			writer:    rapid.IntRange(0, 4).Draw(t, "writer") == 0,
			kind: rapid.SampledFrom([]keepsake.BackupType{keepsake.BackupFull,
				keepsake.BackupIncremental, keepsake.BackupCritical}).Draw(t, "type"),
		}
		if rapid.Bool().Draw(t, "killed") {
			r.kill = rapid.IntRange(1, 60).Draw(t, "uploads")
		}
		if r.writer && r.kind == keepsake.BackupIncremental {
			r.kind = keepsake.BackupFull
		}
		return r
	})
	return rapid.SliceOfN(rapid.SliceOfN(one, 2, 3), 1, 2).Draw(t, "rounds")
}

// TestBackupsAtOnce: any number of backups at once, with any lists of providers, killed anywhere, leave no copy that a
// verification calls damaged; repair brings every point to every provider, and each restores from each of them.
//
// A failure names its seed; KEEPSAKE_PROPERTY_SEED=<seed> draws it alone again.
func TestBackupsAtOnce(t *testing.T) {
	t.Parallel()
	seeds := []int{}
	if given := os.Getenv("KEEPSAKE_PROPERTY_SEED"); given != "" {
		seed, err := strconv.Atoi(given)
		if err != nil {
			t.Fatal(err)
		}
		seeds = append(seeds, seed)
	}
	for len(seeds) < drawnRounds && os.Getenv("KEEPSAKE_PROPERTY_SEED") == "" {
		seeds = append(seeds, rand.IntN(1<<31))
	}
	for _, seed := range seeds {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			t.Parallel()
			rounds := rapid.Custom(drawRuns).Example(seed)
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("the runs: %+v", rounds)
				}
			})
			source, w := village(t), newDirectories(t)
			e := engineWith(t, source, w.list, w.key)
			writer, err := e.WriterKey(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			states := map[string]string{} // by point, the rows of its tables
			for _, runs := range rounds {
				now := rowsOf(t, source)
				for _, point := range w.atOnce(t, source, writer, runs) {
					states[point] = fmt.Sprint(now)
				}
				w.wantOnlyAbsences(t, e)
				run(t, source, "update guests set name = name || '!' where id % 700 = 0",
					"insert into guests (id, name) select max(id) + 1, 'late' from guests")
			}
			made, err := e.Points(t.Context(), "")
			if err != nil || len(made) < len(states) {
				t.Fatalf("recovery points: %+v, %v, want %d", made, err, len(states))
			}
			repaired, err := e.Repair(t.Context(), engine.VerifyInput{}, engine.Discard)
			switch {
			case len(made) == 0: // every run was killed before it published: there is nothing to repair or verify
				if keepsake.CodeOf(err) != keepsake.CodeNotFound {
					t.Fatalf("repair without a recovery point: %+v, %v", repaired, err)
				}
			case err != nil || len(repaired.Remaining) != 0:
				t.Fatalf("repair: %+v, %v", repaired, err)
			}
			for _, deep := range []bool{false, true}[:2*min(len(made), 1)] {
				if v, err := e.Verify(t.Context(), engine.VerifyInput{Deep: deep}, engine.Discard); err != nil || !v.OK ||
					v.Points < len(states) {
					t.Fatalf("verified after the repair, deep %v: %+v, %v", deep, v, err)
				}
			}
			if r := backup(t, e, keepsake.BackupIncremental); !r.Protected {
				t.Errorf("a backup upon it all: %+v", r)
			}
			for point, want := range states {
				for _, p := range w.list {
					target := testenv.DB(t)
					r := restore(t, e, engine.RestoreInput{
						Scope:    keepsake.Everything(),
						Point:    point,
						Target:   keepsake.Secret(target),
						Provider: p.Name,
					})
					if !r.Verified || len(r.Damaged) > 0 {
						t.Errorf("%s from %s: %+v", point, p.Name, r)
					}
					if got := fmt.Sprint(rowsOf(t, target)); r.Rows > 0 && want != got && !partial(t, e, point) {
						t.Errorf("%s from %s is not as it was", point, p.Name)
					}
				}
			}
		})
	}
}

// partial reports whether a point covers the critical tier only.
func partial(t *testing.T, e *engine.Engine, point string) bool {
	t.Helper()
	list, err := e.Points(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(p engine.Point) bool { return p.ID == point })
	return i >= 0 && list[i].Type == string(keepsake.BackupCritical)
}

// directories are three providers that are directories, and what they have in common.
type directories struct {
	list []engine.Provider
	dirs []string
	key  keepsake.Secret
}

func newDirectories(t testing.TB) directories {
	t.Helper()
	w := directories{
		list: []engine.Provider{{Name: "local", Medium: "disk"}, {Name: "second", Medium: "s3"},
			{Name: "offsite", Medium: "gcs", Offsite: true}},
		key: repository.NewKeyFile(),
	}
	for i := range w.list {
		w.dirs = append(w.dirs, filepath.Join(t.TempDir(), w.list[i].Name))
		w.list[i].Store = openFile(t, w.dirs[i])
	}
	return w
}

// counted is a provider that tells of each upload before it begins.
type counted struct {
	storage.Provider
	put func()
}

func (c *counted) Put(ctx context.Context, key string, body []byte, sum [sha256.Size]byte, replace bool) error {
	c.put()
	return c.Provider.Put(ctx, key, body, sum, replace)
}

// village is a platform of few tables, which is quick to restore.
func village(t *testing.T) string {
	t.Helper()
	url := testenv.DB(t)
	run(t, url, `create table organizations (id int primary key, name text)`,
		`create table guests (id int primary key, name text, padding text default repeat('of the couple ', 20))`,
		`insert into organizations select i, 'Organization ' || i from generate_series(1, 50) i`,
		`insert into guests (id, name) select i, 'guest ' || md5(i::text) from generate_series(1, 20000) i`)
	return url
}

// atOnce takes backups at once, each by an engine of its own, and returns the points of those that were not killed.
func (w directories) atOnce(t *testing.T, source string, writer keepsake.Secret, runs []drawnRun) []string {
	t.Helper()
	var mu sync.Mutex
	var points []string
	var wg sync.WaitGroup
	for _, r := range runs {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var list []engine.Provider
		var uploads atomic.Int64
		for _, i := range r.providers {
			p := w.list[i]
			p.Store = &counted{Provider: p.Store, put: func() {
				if n := uploads.Add(1); r.kill > 0 && n >= int64(r.kill) {
					cancel()
				}
			}}
			list = append(list, p)
		}
		mine := engineWith(t, source, list, w.key)
		if r.writer {
			mine = engine.New(engine.Options{
				PlatformURL: keepsake.Secret(source),
				Providers:   list,
				DataMap:     keepsake.DefaultDataMap(),
				Key:         repository.KeySource{Writer: writer},
			})
		}
		wg.Go(func() {
			got, err := mine.Backup(ctx, engine.BackupInput{Type: r.kind}, engine.Discard)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				points = append(points, got.Point)
			case ctx.Err() == nil:
				t.Errorf("a backup beside others, %+v: %v", r, err)
			}
		})
	}
	wg.Wait()
	return points
}

// wantOnlyAbsences fails when a provider that has a point's manifest lacks one of its chunks, or any copy is damaged.
func (w directories) wantOnlyAbsences(t *testing.T, e *engine.Engine) {
	t.Helper()
	for _, p := range w.list {
		list, err := e.Points(t.Context(), p.Name)
		if keepsake.CodeOf(err) == keepsake.CodeNotFound {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, point := range list {
			for _, deep := range []bool{false, true} {
				v, err := e.Verify(t.Context(), engine.VerifyInput{Point: point.ID, Provider: p.Name, Deep: deep}, engine.Discard)
				if err != nil || !v.OK {
					t.Errorf("%s at %s, deep %v: %+v, %v", point.ID, p.Name, deep, v.Findings, err)
				}
			}
		}
	}
}

// resealed puts in the place of every chunk and index page of a provider another seal of the same rows, of another
// size: what a backup at the same time with more patience for compression leaves there.
func resealed(t *testing.T, at engine.Provider, dir string, key keepsake.Secret, m *repository.Manifest) {
	t.Helper()
	keys, other := repositoryOf(t, dir, key), 0
	err := m.Refs(t.Context(), pagesIn(t, dir, key), func(c repository.Ref) {
		body, err := at.Store.Get(t.Context(), c.Key(), repository.MaxChunkSealed)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := keys.Open(nil, &c, body)
		if err != nil {
			t.Fatal(err)
		}
		body, err = keys.Seal(nil, &c, plain, repository.Thorough)
		if err != nil {
			t.Fatal(err)
		}
		if int64(len(body)) != c.Size {
			other++
		}
		if err := at.Store.Put(t.Context(), c.Key(), body, sha256.Sum256(body), true); err != nil {
			t.Fatal(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if other == 0 {
		t.Fatal("every seal has the size of the first: the test proves nothing")
	}
}

// A copy that another run sealed, with other bytes and another size, is as good as the one that the manifest names.
func TestAChunkThatAnotherRunSealedIsSound(t *testing.T) {
	t.Parallel()
	ctx, source, w := t.Context(), village(t), newDirectories(t)
	key := w.key
	e := engineWith(t, source, w.list, key)
	first := backup(t, e, keepsake.BackupFull)
	m := manifestIn(t, w.dirs[2], key, first.Point)
	for _, p := range w.list[:2] {
		resealed(t, p, w.dirs[2], key, m)
	}
	for _, deep := range []bool{false, true} {
		if v, err := e.Verify(ctx, engine.VerifyInput{Deep: deep}, engine.Discard); err != nil || !v.OK {
			t.Errorf("verified, deep %v: %+v, %v", deep, v.Findings, err)
		}
		if r, err := e.Repair(ctx, engine.VerifyInput{Deep: deep}, engine.Discard); err != nil || r.Copied != 0 ||
			len(r.Remaining) > 0 {
			t.Errorf("repaired, deep %v: %+v, %v", deep, r, err)
		}
	}
	// Without the provider that has the very bytes, and with a provider that has nothing yet.
	fresh := engine.Provider{
		Name:    "fresh",
		Medium:  "s3",
		Offsite: true,
		Store:   openFile(t, filepath.Join(t.TempDir(), "fresh")),
	}
	without := engineWith(t, source, []engine.Provider{w.list[0], w.list[1], fresh}, key)
	for _, kind := range []keepsake.BackupType{keepsake.BackupIncremental, keepsake.BackupFull} {
		if r := backup(t, without, kind); !r.Protected {
			t.Errorf("%s: %+v", kind, r)
		}
	}
	if r, err := without.Repair(ctx, engine.VerifyInput{}, engine.Discard); err != nil || len(r.Remaining) > 0 {
		t.Errorf("the new provider gets the first point: %+v, %v", r, err)
	}
	wantProtected(t, without, 3)
}

// chunkOf returns the first chunk of a table: what every point holds as long as the table is as it was.
func chunkOf(t *testing.T, dir string, key keepsake.Secret, point, table string) repository.Chunk {
	t.Helper()
	m := manifestIn(t, dir, key, point)
	for i := range m.Tables {
		if m.Tables[i].Name.Name == table {
			return rangesIn(t, dir, key, &m.Tables[i])[0].Chunks[0]
		}
	}
	t.Fatalf("no table %s in %s", table, m.ID)
	return repository.Chunk{}
}
