package storage_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/engine/storage/storagetest"
)

func TestFileStaysInsideItsDirectory(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	p := openFile(t, dir)
	if body, err := p.Get(t.Context(), "link/secret", 100); err == nil {
		t.Errorf("a symbolic link led outside: %q", body)
	}
	if err := p.Put(t.Context(), "link/new", nil, sha256.Sum256(nil), true); err == nil {
		t.Error("a symbolic link let Put write outside")
	}
	if err := p.Delete(t.Context(), "link/secret"); err == nil {
		t.Error("a symbolic link let Delete reach outside")
	}
	if found, err := os.ReadDir(outside); err != nil || len(found) != 1 {
		t.Errorf("outside holds %v (%v), want the one file", found, err)
	}
}

func TestFileIgnoresWhatIsNoObject(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := openFile(t, dir)
	storagetest.Put(t, p, "a", []byte("x"))
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Get(t.Context(), "pipe", 10); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("Get of a named pipe: %v", err)
	}
	if found := storagetest.Keys(t, p, ""); len(found) != 1 {
		t.Errorf("List shows %v", found)
	}
}

func TestFileClearsAwayOldUnfinishedFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, ".tmp"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, age := range map[string]time.Duration{"old": 48 * time.Hour, "young": time.Minute} {
		file := filepath.Join(dir, ".tmp", name)
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		then := time.Now().Add(-age)
		if err := os.Chtimes(file, then, then); err != nil {
			t.Fatal(err)
		}
	}
	openFile(t, dir)
	left, err := os.ReadDir(filepath.Join(dir, ".tmp"))
	if err != nil || len(left) != 1 || left[0].Name() != "young" {
		t.Errorf("left %v (%v), want young only", left, err)
	}
}

func TestFileLeavesNothingUnfinished(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := openFile(t, dir)
	storagetest.Put(t, p, "a/b", []byte("x"))
	_ = p.Put(t.Context(), "a/b", []byte("y"), sha256.Sum256([]byte("y")), false)
	_ = p.Put(t.Context(), "a/b/c", []byte("y"), sha256.Sum256([]byte("y")), false) // a/b is a file
	left, err := os.ReadDir(filepath.Join(dir, ".tmp"))
	if err != nil || len(left) != 0 {
		t.Errorf("unfinished files are left: %v (%v)", left, err)
	}
}

func TestOpenFileExplainsWhatIsWrong(t *testing.T) {
	t.Parallel()
	notDir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(notDir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := storage.OpenFile(notDir)
	wantExplained(t, err, "no directory")
	_, err = storage.OpenFile("")
	if err == nil {
		t.Error("a provider without a directory was opened")
	}
	_, err = storage.OpenFile(filepath.Join(notDir, "below"))
	wantExplained(t, err, "no directory")
}

func TestFileReportsAFullDisk(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("mounting a small file system needs root")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("cannot mount a small file system here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	p := openFile(t, dir)
	body := make([]byte, 2<<20)
	wantExplained(t, p.Put(t.Context(), "a", body, sha256.Sum256(body), false), "disk is full")
	if found := storagetest.Keys(t, p, ""); len(found) != 0 {
		t.Errorf("a partial object is visible: %v", found)
	}
	storagetest.Put(t, p, "small", []byte("there is room again"))
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Skipf("cannot remount: %v", err)
	}
	wantExplained(t, p.Put(t.Context(), "b", nil, sha256.Sum256(nil), false), "read-only")
}

// BenchmarkFilePut stores 1,500 objects of 300 KiB, as a backup's fan-out does, and makes them durable.
func BenchmarkFilePut(b *testing.B) {
	const objects, size = 1500, 300 << 10
	bodies := make([][]byte, 64)
	for i := range bodies {
		bodies[i] = make([]byte, size)
		for j := 0; j < size; j += 8 {
			v := rand.Uint64()
			for k := range 8 {
				bodies[i][j+k] = byte(v >> (8 * k))
			}
		}
	}
	for _, providers := range []int{1, 3} {
		b.Run(fmt.Sprintf("directories=%d", providers), func(b *testing.B) {
			b.SetBytes(objects * size * int64(providers))
			var put, sync time.Duration
			for b.Loop() {
				b.StopTimer()
				dir := b.TempDir() // removed at the end: ext4 avoids inodes that were freed in the last seconds, which costs time
				var stores []storage.Provider
				for i := range providers {
					stores = append(stores, openFile(b, filepath.Join(dir, fmt.Sprint(i))))
				}
				b.StartTimer()
				start := time.Now()
				var writers errgroup.Group
				writers.SetLimit(4)
				for i := range objects {
					for _, p := range stores {
						writers.Go(func() error {
							return p.Put(b.Context(), fmt.Sprintf("chunks/%02x/%d", i%256, i), bodies[i%64], [32]byte{}, false)
						})
					}
				}
				if err := writers.Wait(); err != nil {
					b.Fatal(err)
				}
				put += time.Since(start)
				start = time.Now()
				for _, p := range stores {
					if err := p.Sync(b.Context()); err != nil {
						b.Fatal(err)
					}
				}
				sync += time.Since(start)
			}
			b.ReportMetric(float64(put.Milliseconds())/float64(b.N), "ms-put/op")
			b.ReportMetric(float64(sync.Milliseconds())/float64(b.N), "ms-sync/op")
		})
	}
}
