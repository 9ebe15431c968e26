package engine_test

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// ahead makes a recovery point what a platform would have made of it whose clock was two days ahead.
func (w directories) ahead(t *testing.T, point string) string {
	t.Helper()
	keys := repositoryOf(t, w.dirs[0], w.key)
	raw, err := os.ReadFile(filepath.Join(w.dirs[0], repository.ManifestKey(point)))
	if err != nil {
		t.Fatal(err)
	}
	m, err := keys.OpenManifest(repository.ManifestKey(point), raw)
	if err != nil {
		t.Fatal(err)
	}
	m.Time = m.Time.Add(48 * time.Hour)
	m.ID = repository.NewManifestID(m.Time)
	key, sealed, err := keys.SealManifest(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range w.list {
		if err := p.Store.Put(t.Context(), key, sealed, sha256.Sum256(sealed), false); err != nil {
			t.Fatal(err)
		}
		if err := p.Store.Delete(t.Context(), repository.ManifestKey(point)); err != nil {
			t.Fatal(err)
		}
	}
	return m.ID
}

// TestAPointOfAClockThatWasAheadIsNotTheNewest: latest is the recovery point that was written last, whatever the
// platform's clock said when another one was written, and its time is the platform's.
func TestAPointOfAClockThatWasAheadIsNotTheNewest(t *testing.T) {
	t.Parallel()
	dirs := newDirectories(t)
	url := village(t)
	e := engineWith(t, url, dirs.list, dirs.key)
	key, err := e.WriterKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	writer := engine.New(engine.Options{
		PlatformURL: keepsake.Secret(url),
		Providers:   dirs.list,
		DataMap:     keepsake.DefaultDataMap(),
		Key:         repository.KeySource{Writer: key},
	})
	t.Cleanup(writer.Close)
	want := []string{dirs.ahead(t, backup(t, e, keepsake.BackupFull).Point)}
	for _, by := range []*engine.Engine{e, writer, e} {
		kind := keepsake.BackupIncremental
		if by == writer {
			kind = keepsake.BackupFull
		}
		r := backup(t, by, kind)
		if age := time.Since(r.Time); age < -time.Hour || age > time.Hour {
			t.Errorf("the point says that it is of %s", r.Time)
		}
		want = append(want, r.Point)
		if d, err := e.Point(t.Context(), "latest"); err != nil || d.ID != r.Point || !d.Time.Equal(r.Time) {
			t.Errorf("the latest is %+v, %v, want %s", d.Point, err, r.Point)
		}
		if newest, err := e.NewestPoint(t.Context()); err != nil || newest != r.Point {
			t.Errorf("the newest is %s, %v, want %s", newest, err, r.Point)
		}
	}
	slices.Reverse(want)
	list, err := e.Points(t.Context(), "")
	var got []string
	for _, p := range list {
		got = append(got, p.ID)
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("listed %v, %v, want %v", got, err, want)
	}
}
