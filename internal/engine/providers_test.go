package engine_test

import (
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// wantLacking fails unless the backup succeeded everywhere but at one provider, and says so.
func wantLacking(t *testing.T, r engine.BackupResult, provider string) {
	t.Helper()
	if r.Protected || !strings.Contains(r.Lacks, "1 of 3 copies is missing ("+provider+")") {
		t.Errorf("with %s away: protected %v, lacks %q", provider, r.Protected, r.Lacks)
	}
	for _, c := range r.Copies {
		if c.Confirmed == (c.Provider == provider) || (c.Error == "") == (c.Provider == provider) {
			t.Errorf("with %s away: %+v", provider, c)
		}
	}
}

func TestProviderDownFromTheStart(t *testing.T) {
	t.Parallel()
	for _, down := range []string{"local", "cloud", "offsite"} {
		t.Run(down, func(t *testing.T) {
			t.Parallel()
			url, w := season(t), newTrio(t)
			e := newEngine(t, url, w.list)
			w.faults[down].Down(true)
			r := backup(t, e, keepsake.BackupFull)
			wantLacking(t, r, down)
			if down == "offsite" && !strings.Contains(r.Lacks, "no offsite copy") {
				t.Errorf("lacks %q, want it to name the copy offsite", r.Lacks)
			}
			target := testenv.DB(t)
			if got := restore(t, e, engine.RestoreInput{
				Scope:  keepsake.Everything(),
				Point:  "latest",
				Target: keepsake.Secret(target),
			}); !got.Verified ||
				got.Provider == down {
				t.Errorf("restore while %s is down: %+v", down, got)
			}
			same(t, url, target)

			w.faults[down].Down(false)
			grow(t, url)
			next := backup(t, e, keepsake.BackupIncremental)
			if !next.Protected {
				t.Errorf("the next backup, with %s back: lacks %q, %+v", down, next.Lacks, next.Copies)
			}
			repaired, err := e.Repair(t.Context(), engine.VerifyInput{}, engine.Discard)
			if err != nil || len(repaired.Remaining) != 0 || !repaired.Protected[r.Point] || repaired.Copied == 0 {
				t.Errorf("repair: %v %+v", err, repaired)
			}
			wantProtected(t, e, 2)
			alone := testenv.DB(t)
			restore(t, e, engine.RestoreInput{
				Scope:    keepsake.Everything(),
				Point:    r.Point,
				Target:   keepsake.Secret(alone),
				Provider: down,
			})
			same(t, target, alone)
		})
	}
}

func TestProviderGoesDownInTheMiddle(t *testing.T) {
	t.Parallel()
	for _, down := range []string{"local", "cloud", "offsite"} {
		t.Run(down, func(t *testing.T) {
			t.Parallel()
			url, w := season(t), newTrio(t)
			e := newEngine(t, url, w.list)
			var puts atomic.Int64
			w.faults[down].FailPutOf(func(string) error {
				if puts.Add(1) > 7 {
					return errAway
				}
				return nil
			})
			r := backup(t, e, keepsake.BackupFull)
			wantLacking(t, r, down)
			if points, err := e.Points(t.Context(), down); err != nil || len(points) != 0 {
				t.Errorf("%s lists %+v (%v), but has not all chunks", down, points, err)
			}
			found, err := e.Verify(t.Context(), engine.VerifyInput{}, engine.Discard)
			if err != nil || found.OK || !keepsake.JudgeProtection(found.Copies[r.Point]).Protected() == r.Protected {
				t.Errorf("verify: %v %+v", err, found)
			}
			w.faults[down].FailPutOf(nil)
			again, err := e.Repair(t.Context(), engine.VerifyInput{}, engine.Discard)
			if err != nil || len(again.Remaining) != 0 || !again.Protected[r.Point] {
				t.Errorf("repair: %v %+v", err, again)
			}
			wantProtected(t, e, 1)
		})
	}
}

// A provider that is away for a while during the backup has everything at its end.
func TestProviderComesBackDuringTheBackup(t *testing.T) {
	t.Parallel()
	url, w := season(t), newTrio(t)
	e := newEngine(t, url, w.list)
	w.faults["cloud"].FailPut(errAway)
	r, err := e.Backup(t.Context(), engine.BackupInput{Type: keepsake.BackupFull},
		&watcher{onProgress: func(p engine.Progress) {
			if p.Stage == engine.StageCatchingUp {
				w.faults["cloud"].FailPut(nil)
			}
		}})
	if err != nil || !r.Protected {
		t.Fatalf("%v %+v", err, r)
	}
	wantProtected(t, e, 1)
}

func TestNoProviderTakesTheBackup(t *testing.T) {
	t.Parallel()
	url, w := season(t), newTrio(t)
	e := newEngine(t, url, w.list)
	for _, f := range w.faults {
		f.FailPut(errAway)
	}
	_, err := e.Backup(t.Context(), engine.BackupInput{Type: keepsake.BackupFull}, engine.Discard)
	wantError(t, err, keepsake.CodeUnavailable, "no new recovery point", "local", "cloud", "offsite")
	for _, f := range w.faults {
		f.FailPut(nil)
	}
	if r := backup(t, e, keepsake.BackupIncremental); !r.Protected {
		t.Errorf("the next backup: %+v", r)
	}
	wantProtected(t, e, 1)
}

// A slow provider neither holds the platform's snapshot open at its own pace nor loses anything.
func TestSlowProviderLagsAndCatchesUp(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	run(t, url, "create table photos (id int primary key, body bytea, padding text default repeat('x', 3500))",
		// two rows a page: chunks of 2 MiB
		"alter table photos alter body set storage external, alter padding set storage plain")
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 72 {
		if _, err := conn.Exec(t.Context(), "insert into photos (id, body) values ($1, $2)",
			i, noise(uint64(i), 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	_ = conn.Close(t.Context())
	b := testenv.S3(t)
	link := testenv.Proxy(t, b.Address())
	w := trioOf(t, openFile(t, filepath.Join(t.TempDir(), "local")), openS3(t, b, link.URL()),
		openFile(t, filepath.Join(t.TempDir(), "offsite")))
	e := newEngine(t, url, w.list)
	link.Throttle(2000)
	var lagged, read bool
	r, err := e.Backup(t.Context(), engine.BackupInput{Type: keepsake.BackupFull},
		&watcher{onProgress: func(p engine.Progress) {
			for _, prov := range p.Providers {
				lagged = lagged || prov.Name == "cloud" && prov.State == engine.ItemLagging
			}
			if !read && len(p.Tables) == 1 && p.Tables[0].State == engine.ItemDone {
				read = true
				link.Restore()
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	if !lagged || !read {
		t.Errorf("the slow provider lagged: %v; all rows were read: %v", lagged, read)
	}
	if !r.Protected || !copyOf(t, r.Copies, "cloud").Confirmed {
		t.Errorf("the slow provider's copy: %+v", r.Copies)
	}
	wantProtected(t, e, 1)
}

// corruptChunks flips one bit of every chunk that is read.
func corruptChunks(key string, body []byte) []byte {
	if strings.HasPrefix(key, "chunks/") {
		body = append([]byte{}, body...)
		body[len(body)/2] ^= 4
	}
	return body
}

func TestProviderThatCorruptsOnReading(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"local", "cloud", "offsite"} {
		t.Run(bad, func(t *testing.T) {
			t.Parallel()
			url, w := season(t), newTrio(t)
			e := newEngine(t, url, w.list)
			r := backup(t, e, keepsake.BackupFull)
			w.faults[bad].CorruptGet(corruptChunks)
			found, err := e.Verify(t.Context(), engine.VerifyInput{Deep: true}, engine.Discard)
			if err != nil || found.OK || !found.Damaged() || int64(len(found.Findings)) != r.ChunksTotal {
				t.Errorf("verify: %v, %d findings for %d chunks", err, len(found.Findings), r.ChunksTotal)
			}
			for _, f := range found.Findings {
				if f.Provider != bad || !strings.HasPrefix(f.Object, "chunks/") || !f.Damage {
					t.Errorf("finding %+v, want a damaged chunk of %s", f, bad)
				}
			}
			if c := copyOf(t, found.Copies[r.Point], bad); c.Confirmed {
				t.Errorf("the copy at %s is still confirmed: %+v", bad, c)
			}
			target := testenv.DB(t)
			got := restore(t, e, engine.RestoreInput{
				Scope:  keepsake.Everything(),
				Point:  "latest",
				Target: keepsake.Secret(target),
			})
			if !got.Verified || got.Provider == bad || bad == "local" && len(got.Damaged) == 0 {
				t.Errorf("restore: from %s, damaged %+v", got.Provider, got.Damaged)
			}
			for _, f := range got.Damaged {
				if f.Provider != bad || !f.Damage {
					t.Errorf("the restore blames %+v, want %s", f, bad)
				}
			}
			same(t, url, target)
			alone := testenv.DB(t)
			_, err = e.Restore(t.Context(), engine.RestoreInput{
				Scope:    keepsake.Everything(),
				Point:    "latest",
				Target:   keepsake.Secret(alone),
				Provider: bad,
			},
				engine.Discard)
			wantError(t, err, keepsake.CodeDamaged, "chunk ")
			wantUnfinished(t, alone)

			w.faults[bad].CorruptGet(nil)
			wantProtected(t, e, 1)
		})
	}
}

// A full backup reads back what was there before, and replaces what is not what it was.
func TestFullBackupReplacesDamagedCopies(t *testing.T) {
	t.Parallel()
	url, w := season(t), newTrio(t)
	e := newEngine(t, url, w.list)
	backup(t, e, keepsake.BackupFull)
	var rotten atomic.Pointer[string]
	w.faults["cloud"].CorruptGet(func(key string, body []byte) []byte {
		if strings.HasPrefix(key, "chunks/") {
			rotten.CompareAndSwap(nil, &key)
		}
		if k := rotten.Load(); k != nil && *k == key && w.faults["cloud"].Puts(key) < 2 { // until it is uploaded again
			return corruptChunks(key, body)
		}
		return body
	})
	if r := backup(t, e, keepsake.BackupFull); !r.Protected || rotten.Load() == nil ||
		w.faults["cloud"].Puts(*rotten.Load()) < 2 {
		t.Errorf("the damaged copy of %v was not replaced: %+v", rotten.Load(), r)
	}
	wantProtected(t, e, 2)
}

// A store that accepts wrong checksums and ignores conditions is read back, and holds what it should.
func TestLyingS3(t *testing.T) {
	t.Parallel()
	url, lying := season(t), testenv.LyingS3(t)
	w := trioOf(t, openFile(t, filepath.Join(t.TempDir(), "local")),
		openS3(t, lying, lying.Endpoint), openGCS(t, testenv.GCS(t)))
	e := newEngine(t, url, w.list)
	backup(t, e, keepsake.BackupFull)
	grow(t, url)
	if r := backup(t, e, keepsake.BackupIncremental); !r.Protected {
		t.Errorf("%+v", r)
	}
	wantProtected(t, e, 2)
	target := testenv.DB(t)
	restore(t, e, engine.RestoreInput{
		Scope:    keepsake.Everything(),
		Point:    "latest",
		Target:   keepsake.Secret(target),
		Provider: "cloud",
	})
	same(t, url, target)
}
