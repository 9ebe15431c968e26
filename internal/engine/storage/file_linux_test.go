package storage

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"

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
