package storage_test

import (
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/engine/storage/storagetest"
)

// onEachMethod calls each method of a provider and returns the errors by name.
func onEachMethod(t *testing.T, p storage.Provider) map[string]error {
	t.Helper()
	_, get := p.Get(t.Context(), "a", 10)
	_, stat := p.Stat(t.Context(), "a")
	return map[string]error{"put": p.Put(t.Context(), "new", nil, sha256.Sum256(nil), true), "get": get, "stat": stat,
		"list":   p.List(t.Context(), "", func(storage.Object) error { return nil }),
		"delete": p.Delete(t.Context(), "a"), "sync": p.Sync(t.Context())}
}

// wantNoPlace fails unless every operation says that the place is not there, and nothing was made at the path.
func wantNoPlace(t *testing.T, p storage.Provider, says string) {
	t.Helper()
	for name, err := range onEachMethod(t, p) {
		if !errors.Is(err, storage.ErrNoPlace) || errors.Is(err, storage.ErrNotFound) {
			t.Errorf("%s: %v, want ErrNoPlace", name, err)
		}
		wantExplained(t, err, says)
	}
}

// A directory that is not there is an error to every operation, and nothing but MakePlace makes it.
func TestFileDirectoryIsNotMadeByItself(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "not", "mounted")
	p := storage.Retry(openFile(t, dir), storage.RetryOptions{})
	wantNoPlace(t, p, "Mount its disk")
	if _, err := os.Lstat(filepath.Dir(dir)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something was made at the path: %v", err)
	}
	if err := storage.MakePlace(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	storagetest.Put(t, p, "a", []byte("x"))
}

// A directory that is moved away while it is in use is gone for every operation, and works again when it is back.
func TestFileDirectoryThatIsMovedAway(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "repo")
	p := openFile(t, dir)
	if err := storage.MakePlace(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	storagetest.Put(t, p, storage.IdentityKey, []byte("it is the disk in the blue case"))
	storagetest.Put(t, p, "a", []byte("x"))
	move := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	move(dir, dir+".away")
	wantNoPlace(t, p, "Mount its disk")

	if err := os.Mkdir(dir, 0o700); err != nil { // the mount point of a disk that is not mounted
		t.Fatal(err)
	}
	wantNoPlace(t, p, "Another directory")
	if found, err := os.ReadDir(dir); err != nil || len(found) != 0 {
		t.Errorf("the other directory holds %v (%v)", found, err)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	move(dir+".away", dir)
	if found := storagetest.Keys(t, p, ""); len(found) != 2 {
		t.Errorf("back again, it lists %v", found)
	}
}

// The same disk mounted again is another directory to the kernel, and the same place.
func TestFileDirectoryOfTheSameIdentityIsTakenUp(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "repo")
	p := openFile(t, dir)
	if err := storage.MakePlace(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	storagetest.Put(t, p, storage.IdentityKey, []byte("one"))
	replace := func(identity string) {
		t.Helper()
		if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir+".next", 0o700), os.Rename(dir+".next", dir)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, storage.IdentityKey), []byte(identity), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Get(t.Context(), storage.IdentityKey, 10); err != nil {
		t.Fatal(err)
	}
	keep, err := os.Open(dir) // so that its number is not given to the next directory
	if err != nil {
		t.Fatal(err)
	}
	defer keep.Close()
	if err := os.Rename(dir, dir+".old"); err != nil {
		t.Fatal(err)
	}
	replace("one")
	storagetest.Put(t, p, "a", []byte("x"))
	if _, err := os.Stat(filepath.Join(dir, "a")); err != nil {
		t.Errorf("it was not written to the directory that is there: %v", err)
	}
	if err := p.Sync(t.Context()); err != nil {
		t.Errorf("everything was durable before: %v", err)
	}
	if err := os.Rename(dir, dir+".older"); err != nil {
		t.Fatal(err)
	}
	replace("two")
	wantNoPlace(t, p, "Another directory")
}
