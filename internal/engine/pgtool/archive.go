package pgtool

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// Archive is a pg_dump archive in custom format. It lives in memory and never touches a disk. The tools read it
// through an inherited file descriptor, and the kernel frees it with the last process that holds it, however that
// process ends.
type Archive struct{ file *os.File }

// NewArchive returns an empty archive. The caller writes it, then lets the tools read it, and closes it in the end.
func NewArchive() (*Archive, error) {
	f, err := memoryFile("keepsake-archive")
	return &Archive{f}, err
}

// Write appends to the archive.
func (a *Archive) Write(p []byte) (int, error) { return a.file.Write(p) }

// Close frees the archive.
func (a *Archive) Close() error { return a.file.Close() }

// memoryFile returns a file without a name (memfd_create(2)).
func memoryFile(label string) (*os.File, error) {
	fd, err := unix.MemfdCreate(label, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, keepsake.Errorf(keepsake.CodeUnavailable, "no memory for the schema's archive: %w", err)
	}
	return os.NewFile(uintptr(fd), label), nil
}

// inherited is the path under which a child opens its n-th extra file anew, from the start, also in processes it forks.
func inherited(n int) string { return fmt.Sprintf("/proc/self/fd/%d", 3+n) }
