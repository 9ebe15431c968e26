package storage

import (
	"errors"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// renameNew moves temp to key in one step and fails with fs.ErrExist when key is there.
func renameNew(base *os.Root, temp, key string) error {
	from, err := base.Open(path.Dir(temp))
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := base.Open(path.Dir(key))
	if err != nil {
		return err
	}
	defer to.Close()
	err = unix.Renameat2(int(from.Fd()), path.Base(temp), int(to.Fd()), path.Base(key), unix.RENAME_NOREPLACE)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EOPNOTSUPP):
		return linkNew(base, temp, key)
	}
	return &os.LinkError{Op: "rename", Old: temp, New: key, Err: err}
}

// startWriteBack asks the kernel to begin writing the file out, without waiting.
// It is a hint: syncing does not rely on it.
func startWriteBack(h *os.File) {
	_ = unix.SyncFileRange(int(h.Fd()), 0, 0, unix.SYNC_FILE_RANGE_WRITE)
}

// syncfs writes out everything on the file system of h, and reports every write lost since h was opened.
func syncfs(h *os.File) error {
	return os.NewSyscallError("syncfs", unix.Syncfs(int(h.Fd())))
}

// syncfsReports says whether syncfs can be believed: Linux reports lost writes since 5.8, and a network or user-space
// file system may keep its server's cache out of it.
func syncfsReports(h *os.File) bool {
	var name unix.Utsname
	if unix.Uname(&name) != nil || !kernelAtLeast(unix.ByteSliceToString(name.Release[:]), 5, 8) {
		return false
	}
	var fs unix.Statfs_t
	if unix.Fstatfs(int(h.Fd()), &fs) != nil {
		return false
	}
	switch uint32(fs.Type) {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC, unix.TMPFS_MAGIC:
		return true
	}
	return false
}

// kernelAtLeast reads a release such as "6.1.0-13-amd64"; one it cannot read counts as too old.
func kernelAtLeast(release string, major, minor int) bool {
	parts := strings.FieldsFunc(release, func(r rune) bool { return r < '0' || r > '9' })
	if len(parts) < 2 {
		return false
	}
	a, err1 := strconv.Atoi(parts[0])
	b, err2 := strconv.Atoi(parts[1])
	return err1 == nil && err2 == nil && (a > major || a == major && b >= minor)
}
