package engine_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/engine/storage/storagetest"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// shortly is the silence that an engine of these tests allows, and bound what a hung provider may cost it at most.
const (
	shortly = time.Second
	bound   = 30 * time.Second
)

// hungWorld is a season with a recovery point at three providers, of which one will hang. It is the first, which
// everything asks first.
type hungWorld struct {
	url   string
	list  []engine.Provider
	key   keepsake.Secret
	hangs *storagetest.HangingProvider
}

const hanging = "local"

func newHungWorld(t *testing.T, url string, take bool) hungWorld {
	t.Helper()
	w := hungWorld{url: url, key: repository.NewKeyFile()}
	for i, p := range []engine.Provider{{Name: hanging, Medium: "disk"}, {Name: "cloud", Medium: "s3"},
		{Name: "offsite", Medium: "gcs", Offsite: true}} {
		store := openFile(t, filepath.Join(t.TempDir(), p.Name))
		if i == 0 {
			w.hangs = storagetest.Hanging(store)
			store = w.hangs
		}
		p.Store = storage.Retry(store, storage.RetryOptions{})
		w.list = append(w.list, p)
	}
	if e := w.engine(t); take {
		backup(t, e, keepsake.BackupFull)
	} else if _, err := e.Init(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w hungWorld) engine(t *testing.T) *engine.Engine {
	t.Helper()
	e := engine.New(engine.Options{
		PlatformURL: keepsake.Secret(w.url),
		Providers:   w.list,
		DataMap:     keepsake.DefaultDataMap(),
		Key:         repository.KeySource{Key: w.key},
		Silence:     shortly,
	})
	t.Cleanup(e.Close)
	if _, err := e.Init(t.Context()); err != nil {
		t.Fatal(err)
	}
	return e
}

// moments are when a provider begins to hang.
var moments = map[string]func(h *storagetest.HangingProvider){
	"at the start": func(h *storagetest.HangingProvider) {
		h.Hang(false, func(string, string) bool { return true })
	},
	"in the middle": func(h *storagetest.HangingProvider) {
		calls := 0
		h.Hang(false, func(string, string) bool { calls++; return calls > 6 })
	},
	"after its last byte": func(h *storagetest.HangingProvider) {
		calls := 0
		h.Hang(true, func(_, key string) bool { calls++; return calls > 3 && key != repository.HeaderKey })
	},
	"when it is written": func(h *storagetest.HangingProvider) {
		h.Hang(false, func(verb, _ string) bool { return verb == "put" || verb == "sync" })
	},
}

// TestAHungProviderHoldsNothingUp runs everything that asks providers while one of them hangs: it ends in a bounded
// time, does its work at the others, and says which provider hung.
func TestAHungProviderHoldsNothingUp(t *testing.T) {
	t.Parallel()
	url := season(t)
	wedding := one[string](t, url, "select id::text from weddings order by id limit 1")
	flows := map[string]func(t *testing.T, e *engine.Engine, w hungWorld){
		"full backup": func(t *testing.T, e *engine.Engine, w hungWorld) { hungBackup(t, e, w, keepsake.BackupFull) },
		"incremental backup": func(t *testing.T, e *engine.Engine,
			w hungWorld) {
			hungBackup(t, e, w, keepsake.BackupIncremental)
		},
		"verify":      func(t *testing.T, e *engine.Engine, _ hungWorld) { hungVerify(t, e, false) },
		"deep verify": func(t *testing.T, e *engine.Engine, _ hungWorld) { hungVerify(t, e, true) },
		"repair": func(t *testing.T, e *engine.Engine, _ hungWorld) {
			r, err := e.Repair(t.Context(), engine.VerifyInput{Deep: true}, engine.Discard)
			if err != nil || r.Damaged() {
				t.Errorf("%v %+v", err, r)
			}
		},
		"restore": func(t *testing.T, e *engine.Engine, w hungWorld) {
			target := testenv.DB(t)
			r := restore(t, e, engine.RestoreInput{
				Scope:  keepsake.Everything(),
				Point:  "latest",
				Target: keepsake.Secret(target),
			})
			if !r.Verified {
				t.Errorf("%+v", r)
			}
			same(t, w.url, target)
		},
		"one wedding": func(t *testing.T, e *engine.Engine, _ hungWorld) {
			s, err := e.ReadScope(t.Context(), engine.ScopeInput{Scope: ofWedding(wedding), Point: "latest"})
			if err != nil || s.Rows().Count("public.guests") != 60 {
				t.Errorf("%v", err)
			}
		},
		"notes": func(t *testing.T, e *engine.Engine, _ hungWorld) {
			wantKept(t)(e.KeepNote(t.Context(), "audit", []byte("sealed")))
			if got, err := e.ReadNote(t.Context(), "audit"); err != nil || string(got) != "sealed" {
				t.Errorf("%q %v", got, err)
			}
			if got, err := e.ListNotes(t.Context(), "audit"); err != nil || len(got.List) != 1 {
				t.Errorf("%+v %v", got, err)
			}
			if _, err := e.Vault().Seal(t.Context(), "a", []byte("b")); err != nil {
				t.Error(err)
			}
		},
		"pages": func(t *testing.T, e *engine.Engine, _ hungWorld) {
			points, err := e.Points(t.Context(), "")
			if err != nil || len(points) != 1 {
				t.Fatalf("%v %+v", err, points)
			}
			if _, err := e.Point(t.Context(), "latest"); err != nil {
				t.Error(err)
			}
			wantKept(t)(e.MarkPoint(t.Context(), points[0].ID, engine.PointMark{Note: "kept", Locked: true}))
			if points, err = e.Points(t.Context(), ""); err != nil || len(points) != 1 || !points[0].Locked {
				t.Errorf("%v %+v", err, points)
			}
			// Where the one that hangs could not be asked, nobody may say that there is none.
			if list, err := e.Undos(t.Context()); err != nil && keepsake.CodeOf(err) != keepsake.CodeUnavailable {
				t.Errorf("undos: %v, %v", list, err)
			}
		},
		"doctor and init": func(t *testing.T, e *engine.Engine, _ hungWorld) {
			if found := e.Check(t.Context()); len(found) == 0 {
				t.Error("doctor found nothing")
			}
			if _, err := e.Init(t.Context()); err != nil {
				t.Error(err)
			}
		},
	}
	for flow, do := range flows {
		for moment, hang := range moments {
			t.Run(flow+", hung "+moment, func(t *testing.T) {
				t.Parallel()
				w := newHungWorld(t, url, true)
				e := w.engine(t)
				hang(w.hangs)
				started := time.Now()
				do(t, e, w)
				if took := time.Since(started); took > bound {
					t.Errorf("it took %s", took)
				}
				w.hangs.LetGo()
			})
		}
	}
}

// wantKept wants a note at the healthy providers. Of the one that hangs it says so, unless that hangs later only.
func wantKept(t *testing.T) func(engine.Kept, error) {
	return func(k engine.Kept, err error) {
		t.Helper()
		healthy := slices.Contains(k.At, "cloud") && slices.Contains(k.At, "offsite")
		why := k.Missing[hanging]
		if err != nil || !healthy || slices.Contains(k.At, hanging) == (why != "") || why != "" &&
			!strings.Contains(k.String(), "did not answer") {
			t.Errorf("%s, %v", k, err)
		}
	}
}

// hungBackup takes a backup while one provider hangs: the others have the recovery point, and the report names the one
// that hung.
func hungBackup(t *testing.T, e *engine.Engine, w hungWorld, kind keepsake.BackupType) {
	t.Helper()
	r, err := e.Backup(t.Context(), engine.BackupInput{Type: kind}, engine.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if r.Protected || !copyOf(t, r.Copies, "cloud").Confirmed || !copyOf(t, r.Copies, "offsite").Confirmed {
		t.Errorf("%+v", r)
	}
	if c := copyOf(t, r.Copies, hanging); c.Confirmed || !strings.Contains(c.Error, "did not answer for") {
		t.Errorf("the provider that hung: %+v", c)
	}
	if hung, over := w.hangs.Hung(); hung != over {
		t.Errorf("%d of %d calls that hung are still under way", hung-over, hung)
	}
}

func hungVerify(t *testing.T, e *engine.Engine, deep bool) {
	t.Helper()
	r, err := e.Verify(t.Context(), engine.VerifyInput{Deep: deep}, engine.Discard)
	if err != nil || r.Damaged() {
		t.Fatalf("%v %+v", err, r)
	}
	for _, f := range r.Findings {
		if f.Provider != hanging || !strings.Contains(f.Problem, "did not answer for") {
			t.Errorf("%+v", f)
		}
	}
	if len(r.Findings) > 2 {
		t.Errorf("%d findings say that one provider hung", len(r.Findings))
	}
}

// TestHealthyProvidersPublishWhileAnotherHangs: a recovery point is listed at the others while the backup still waits.
func TestHealthyProvidersPublishWhileAnotherHangs(t *testing.T) {
	t.Parallel()
	w := newHungWorld(t, season(t), false)
	e := engine.New(engine.Options{
		PlatformURL: keepsake.Secret(w.url),
		Providers:   w.list,
		DataMap:     keepsake.DefaultDataMap(),
		Key:         repository.KeySource{Key: w.key},
		Silence:     time.Hour,
	})
	t.Cleanup(e.Close)
	w.hangs.Hang(false, func(verb, key string) bool { return verb == "put" && strings.HasPrefix(key, "chunks/") })
	published := make(chan struct{})
	done := make(chan error, 1)
	go func() {
		_, err := e.Backup(t.Context(), engine.BackupInput{Type: keepsake.BackupFull},
			&watcher{onProgress: func(p engine.Progress) {
				whole := 0
				for _, prov := range p.Providers {
					if prov.State == engine.ItemDone {
						whole++
					}
				}
				if whole == 2 {
					select {
					case <-published:
					default:
						close(published)
					}
				}
			}})
		done <- err
	}()
	select {
	case <-published:
	case err := <-done:
		t.Fatalf("the backup ended before the others had it: %v", err)
	}
	for _, name := range []string{"cloud", "offsite"} {
		if points, err := w.engine(t).Points(t.Context(), name); err != nil || len(points) != 1 {
			t.Errorf("%s lists %+v (%v) while another hangs", name, points, err)
		}
	}
	w.hangs.LetGo()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestUndoIsDurableWhileAProviderHangs: a restore into the live platform, and taking it back, wait for two providers
// and not for the third.
func TestUndoIsDurableWhileAProviderHangs(t *testing.T) {
	t.Parallel()
	for moment, hang := range moments {
		t.Run(moment, func(t *testing.T) {
			t.Parallel()
			url := season(t)
			w := newHungWorld(t, url, true)
			wedding := one[string](t, url, "select id::text from weddings order by id limit 1")
			run(t, url, "delete from guests where wedding_id = '"+wedding+"'")
			e := w.engine(t)
			hang(w.hangs)
			started := time.Now()
			in := engine.ScopeInput{Scope: ofWedding(wedding), Point: "latest"}
			p, err := e.PreviewScope(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			r, err := e.ApplyScope(t.Context(), in, engine.ScopeApply{Fingerprint: p.Fingerprint}, engine.Discard)
			if err != nil || r.Applied.Inserted != 60 || fmt.Sprint(r.Undo) != "[cloud offsite]" {
				t.Fatalf("%v %+v", err, r)
			}
			if back, err := e.Undo(t.Context(), r.Restore); err != nil || back.Applied.Deleted != 60 {
				t.Errorf("%v %+v", err, back)
			}
			if took := time.Since(started); took > bound {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// TestBackupWithAStoppedS3Server stops a real server's process in the middle of a backup, with the silence that is
// allowed in earnest.
func TestBackupWithAStoppedS3Server(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	run(t, url, "create table photos (id int primary key, body bytea)",
		"alter table photos alter body set storage external")
	photos(t, url, 60)
	s, err := testenv.StartS3(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	if err := s.CreateBucket(t.Context(), "stopped"); err != nil {
		t.Fatal(err)
	}
	b := testenv.S3Bucket{S3Server: s, Name: "stopped"}
	w := trioOf(t, openFile(t, filepath.Join(t.TempDir(), "local")), openS3(t, b, s.Endpoint),
		openFile(t, filepath.Join(t.TempDir(), "offsite")))
	for i := range w.list {
		w.list[i].Store = storage.Retry(w.faults[w.list[i].Name], storage.RetryOptions{})
	}
	e := newEngine(t, url, w.list)
	var stopped, others time.Time
	silent := int64(0)
	watch := &watcher{onProgress: func(p engine.Progress) {
		whole := 0
		for _, prov := range p.Providers {
			if prov.Name == "cloud" {
				silent = max(silent, prov.Silent)
				if prov.Confirmed > 2 && stopped.IsZero() {
					stopped = time.Now()
					if err := s.Suspend(); err != nil {
						t.Error(err)
					}
				}
			}
			if prov.State == engine.ItemDone {
				whole++
			}
		}
		if whole == 2 && others.IsZero() {
			others = time.Now()
		}
	}}
	r, err := e.Backup(t.Context(), engine.BackupInput{Type: keepsake.BackupFull}, watch)
	if err != nil || stopped.IsZero() || others.IsZero() {
		t.Fatalf("%v; stopped %s, the others had it %s", err, stopped, others)
	}
	if waited := time.Since(others); waited > bound {
		t.Errorf("the run ended %s after the others had the recovery point", waited)
	}
	c := copyOf(t, r.Copies, "cloud")
	if r.Protected || c.Confirmed || !strings.Contains(c.Error, "did not answer for") {
		t.Errorf("%+v", r)
	}
	if silent < 5 {
		t.Errorf("the progress told of %d seconds of silence", silent)
	}
	if err := s.Resume(); err != nil {
		t.Fatal(err)
	}
	repaired, err := e.Repair(t.Context(), engine.VerifyInput{}, engine.Discard)
	if err != nil || len(repaired.Remaining) != 0 || !repaired.Protected[r.Point] {
		t.Errorf("repair: %v %+v", err, repaired)
	}
	wantProtected(t, e, 1)
}

// TestASlowStoreIsNotGivenUp: at 1 MiB a second, connection by connection, a provider gets its copy like the others.
func TestASlowStoreIsNotGivenUp(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	run(t, url, "create table photos (id int primary key, body bytea)",
		"alter table photos alter body set storage external")
	photos(t, url, 24)
	b := testenv.S3(t)
	link := testenv.Proxy(t, b.Address())
	w := trioOf(t, openFile(t, filepath.Join(t.TempDir(), "local")), openS3(t, b, link.URL()),
		openFile(t, filepath.Join(t.TempDir(), "offsite")))
	for i := range w.list {
		w.list[i].Store = storage.Retry(w.faults[w.list[i].Name], storage.RetryOptions{})
	}
	e := newEngine(t, url, w.list)
	link.Throttle(1000)
	if r := backup(t, e, keepsake.BackupFull); !r.Protected {
		t.Errorf("%+v", r.Copies)
	}
	wantProtected(t, e, 1)
}

// photos adds rows of one megabyte that nothing makes shorter.
func photos(t *testing.T, url string, n int) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	for i := range n {
		if _, err := conn.Exec(context.Background(), "insert into photos (id, body) values ($1, $2)",
			i, noise(uint64(i), 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestALookForDamageAsksAHungProviderOnce: however many recovery points are looked at, a provider that hangs is waited
// for once.
func TestALookForDamageAsksAHungProviderOnce(t *testing.T) {
	t.Parallel()
	url := season(t)
	w := newHungWorld(t, url, true)
	e := w.engine(t)
	for range 4 {
		backup(t, e, keepsake.BackupIncremental)
	}
	points, err := e.PointIDs(t.Context())
	if err != nil || len(points) != 5 {
		t.Fatalf("%v, %v", points, err)
	}
	var asked atomic.Int64
	w.hangs.Hang(false, func(_, key string) bool {
		if key == repository.HeaderKey {
			asked.Add(1)
		}
		return true
	})
	defer w.hangs.LetGo()
	in := engine.ScopeInput{Scope: ofWedding(one[string](t, url, "select id::text from weddings order by id limit 1"))}
	d, found, err := e.FindDamage(t.Context(), in, points)
	if err != nil || found || d.PointsRead != len(points) {
		t.Errorf("%+v, %v, %v", d, found, err)
	}
	// once by the search, and once by the comparison with the live platform
	if n := asked.Load(); n == 0 || n > 2 {
		t.Errorf("the provider that hangs was asked %d times", n)
	}
}
