package storage

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// Where syncfs cannot be believed, each file and folder is synced by itself.
func TestSyncEachFile(t *testing.T) {
	t.Parallel()
	p, err := OpenFile(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	f := p.(*file).current
	if f.disk.whole != nil {
		if err := f.disk.whole.Close(); err != nil {
			t.Fatal(err)
		}
		f.disk.whole = nil
	}
	var all errgroup.Group
	for i := range 200 { // more than wait for their write-back at once
		all.Go(func() error {
			return p.Put(t.Context(), fmt.Sprintf("deep/%d/er/%d", i%7, i), []byte("x"), sha256.Sum256([]byte("x")), false)
		})
	}
	if err := all.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := p.Delete(t.Context(), "deep/0/er/0"); err != nil {
		t.Fatal(err)
	}
	if len(f.disk.pending) != 200 {
		t.Errorf("%d keys wait for a sync, want 200", len(f.disk.pending))
	}
	if err := p.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(f.disk.pending) != 0 || f.disk.durable != 201 {
		t.Errorf("after Sync %d keys wait and %d changes are durable, want 0 and 201", len(f.disk.pending), f.disk.durable)
	}
}

// TestAdoptedFilesAreSynced: files of another process, and those that were there when they should have been stored.
func TestAdoptedFilesAreSynced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sum := sha256.Sum256([]byte("x"))
	killed, err := OpenFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"chunks/a", "chunks/b"} {
		if err := killed.Put(t.Context(), key, []byte("x"), sum, false); err != nil {
			t.Fatal(err)
		}
	}
	p, err := OpenFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	f := p.(*file)
	if (f.current.disk.whole == nil) != (AdopterOf(Retry(p, RetryOptions{})) != nil) {
		t.Error("who syncs each file is told what others have stored, and nobody else")
	}
	if f.current.disk.whole != nil {
		if err := f.current.disk.whole.Close(); err != nil {
			t.Fatal(err)
		}
		f.current.disk.whole = nil
	}
	AdopterOf(Retry(p, RetryOptions{})).Adopt("chunks/a")
	if err := p.Put(t.Context(), "chunks/b", []byte("x"), sum, false); !errors.Is(err, ErrExists) {
		t.Fatal(err)
	}
	if len(f.current.disk.pending) != 2 {
		t.Errorf("%d keys wait for a sync, want 2", len(f.current.disk.pending))
	}
	if err := p.Sync(t.Context()); err != nil || len(f.current.disk.pending) != 0 || f.current.disk.durable != 2 {
		t.Errorf("after Sync %d keys wait, %v", len(f.current.disk.pending), err)
	}
}

// TestAnAdoptedObjectSurvivesAFailedSync: an object of an older recovery point that an operation only relied upon is
// listed after a sync failed. One that the operation wrote is missing until it is stored again.
func TestAnAdoptedObjectSurvivesAFailedSync(t *testing.T) {
	t.Parallel()
	dir, sum := t.TempDir(), sha256.Sum256([]byte("x"))
	p, err := OpenFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	put := func(p Provider, key string) error { return p.Put(t.Context(), key, []byte("x"), sum, false) }
	if err := errors.Join(put(p, "chunks/old"), put(p, "chunks/older"), p.Sync(t.Context())); err != nil {
		t.Fatal(err)
	}
	op := p.(*file).begin()
	if err := put(op, "chunks/old"); !errors.Is(err, ErrExists) {
		t.Fatal(err)
	}
	d := &p.(*file).current.disk
	for _, key := range []string{"chunks/old", "chunks/older"} {
		d.Adopt(key)
	}
	if err := put(op, "chunks/new"); err != nil {
		t.Fatal(err)
	}
	d.mu.Lock()
	d.fail(errors.New("lost write"))
	d.mu.Unlock()
	if op.Sync(t.Context()) == nil {
		t.Fatal("the sync did not fail")
	}
	listed := func(p Provider) (keys []string) {
		t.Helper()
		err := p.List(t.Context(), "chunks/", func(o Object) error { keys = append(keys, o.Key); return nil })
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(keys)
		return keys
	}
	next := p.(*file).begin()
	if keys := listed(next); !slices.Equal(keys, []string{"chunks/old", "chunks/older"}) {
		t.Errorf("listed %v", keys)
	}
	if err := errors.Join(put(next, "chunks/new"), next.Sync(t.Context())); err != nil {
		t.Error(err)
	}
	if keys := listed(p.(*file).begin()); len(keys) != 3 {
		t.Errorf("listed %v after it was stored again", keys)
	}
}

// TestAHiddenObjectIsShownWhenAnotherProcessHasStoredIt: what may be lost stays missing for this process, also where it
// is emptied or older now. What another one has put in its place does not.
func TestAHiddenObjectIsShownWhenAnotherProcessHasStoredIt(t *testing.T) {
	t.Parallel()
	dir, sum := t.TempDir(), sha256.Sum256([]byte("x"))
	p, err := OpenFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	put := func(p Provider, key string, replace bool) error {
		return p.Put(t.Context(), key, []byte("x"), sum, replace)
	}
	keys := []string{"chunks/again", "chunks/anew", "chunks/emptied", "chunks/lost", "chunks/older"}
	op := p.(*file).begin()
	for i, key := range keys {
		if err := put(op, key, false); err != nil {
			t.Fatal(err)
		}
		written := time.Unix(1_700_000_000, int64(i)) // no clock needs to move on until it is stored again
		if err := os.Chtimes(filepath.Join(dir, key), written, written); err != nil {
			t.Fatal(err)
		}
	}
	d := &p.(*file).current.disk
	d.mu.Lock()
	d.fail(errors.New("lost write"))
	d.mu.Unlock()
	if op.Sync(t.Context()) == nil {
		t.Fatal("the sync did not fail")
	}
	next := p.(*file).begin()
	missing := func() (list []string) {
		t.Helper()
		listed := map[string]bool{}
		if err := next.List(t.Context(), "chunks/", func(o Object) error { listed[o.Key] = true; return nil }); err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			_, err := next.Stat(t.Context(), key)
			if errors.Is(err, ErrNotFound) == listed[key] {
				t.Errorf("%s: listed %v, looked up %v", key, listed[key], err)
			}
			if !listed[key] {
				list = append(list, key)
			}
		}
		return list
	}
	if got := missing(); !slices.Equal(got, keys) {
		t.Errorf("%v are missing after the sync failed", got)
	}
	other, err := OpenFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(put(other, "chunks/again", true), other.Delete(t.Context(), "chunks/anew"),
		put(other, "chunks/anew", false))
	if err != nil {
		t.Fatal(err)
	}
	older := time.Unix(1_600_000_000, 0)
	err = errors.Join(os.Truncate(filepath.Join(dir, "chunks/emptied"), 0),
		os.Chtimes(filepath.Join(dir, "chunks/older"), older, older))
	if err != nil {
		t.Fatal(err)
	}
	lost := []string{"chunks/emptied", "chunks/lost", "chunks/older"}
	if got := missing(); !slices.Equal(got, lost) {
		t.Errorf("%v are missing after another process has stored the others", got)
	}
	if err := put(next, "chunks/again", false); !errors.Is(err, ErrExists) {
		t.Errorf("it was stored once more: %v", err)
	}
	for _, key := range lost {
		if err := put(next, key, false); err != nil {
			t.Error(err)
		}
	}
	if err := next.Sync(t.Context()); err != nil {
		t.Error(err)
	}
	if got := missing(); len(got) != 0 {
		t.Errorf("%v are missing", got)
	}
}

// The kernel reports a lost write once. A second Sync must not take its silence for success.
func TestAFailedSyncStaysFailed(t *testing.T) {
	t.Parallel()
	p, err := OpenFile(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Put(t.Context(), "a", nil, sha256.Sum256(nil), false); err != nil {
		t.Fatal(err)
	}
	lost := errors.New("lost write")
	d := &p.(*file).current.disk
	d.mu.Lock()
	d.fail(lost)
	d.mu.Unlock()
	for range 2 {
		if err := p.Sync(t.Context()); !errors.Is(err, lost) {
			t.Errorf("Sync: %v, want the lost write", err)
		}
	}
}

// TestTheNextOperationUsesADirectoryAgain whose sync failed: what may be lost counts as missing, and nothing is
// removed. The operation that wrote it does not take the next one's success for its own.
func TestTheNextOperationUsesADirectoryAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p, err := OpenFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	p = Retry(p, RetryOptions{})
	put := func(p Provider, key, body string) {
		t.Helper()
		if err := p.Put(t.Context(), key, []byte(body), sha256.Sum256([]byte(body)), true); err != nil {
			t.Fatal(err)
		}
	}
	first := Attend(p, time.Minute, nil)
	put(first, "manifests/durable", "x")
	if err := first.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	put(first, "chunks/a", "x")
	put(first, IdentityKey, "it is this one")
	lost := errors.New("lost write")
	f := p.(*retried).p.(*file)
	f.current.disk.mu.Lock()
	f.current.disk.fail(lost)
	f.current.disk.mu.Unlock()
	if err := first.Sync(t.Context()); !errors.Is(err, lost) {
		t.Fatalf("Sync: %v, want the lost write", err)
	}
	put(first, "chunks/b", "x")

	next := Attend(p, time.Minute, nil)
	var keys []string
	if err := next.List(t.Context(), "", func(o Object) error { keys = append(keys, o.Key); return nil }); err != nil {
		t.Fatal(err)
	}
	if slices.Sort(keys); !slices.Equal(keys, []string{"manifests/durable", IdentityKey}) {
		t.Errorf("the next operation finds %v", keys)
	}
	if body, err := next.Get(t.Context(), IdentityKey, 100); err != nil || string(body) != "it is this one" {
		t.Errorf("the identity is %q, %v", body, err)
	}
	for _, key := range []string{"chunks/a", "chunks/b"} {
		if _, err := os.Stat(filepath.Join(dir, key)); err != nil {
			t.Errorf("it was removed: %v", err)
		}
		if _, err := next.Stat(t.Context(), key); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v, want that it is missing", key, err)
		}
	}
	if err := next.Put(t.Context(), "chunks/a", []byte("x"), sha256.Sum256([]byte("x")), false); err != nil {
		t.Errorf("storing it again: %v", err)
	}
	if err := next.Sync(t.Context()); err != nil {
		t.Errorf("Sync of the next operation: %v", err)
	}
	put(first, "chunks/c", "x")
	if err := first.Sync(t.Context()); !errors.Is(err, lost) {
		t.Errorf("Sync of the first operation: %v, want the lost write", err)
	}
	if err := Attend(p, time.Minute, nil).Sync(t.Context()); err != nil {
		t.Errorf("Sync of one more operation: %v", err)
	}
	if _, err := next.Stat(t.Context(), "chunks/a"); err != nil {
		t.Errorf("what was stored again: %v", err)
	}
}

func TestKernelAtLeast(t *testing.T) {
	t.Parallel()
	for release, want := range map[string]bool{
		"5.8.0": true, "5.7.19-generic": false, "4.18.0-513.el8": false, "6.1.0-13-amd64": true, "6.18.44-x": true,
		"5.10": true, "x": false, "": false,
	} {
		if got := kernelAtLeast(release, 5, 8); got != want {
			t.Errorf("kernelAtLeast(%q, 5, 8) = %t, want %t", release, got, want)
		}
	}
}
