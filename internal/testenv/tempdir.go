package testenv

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// tempDir makes a folder for a shared server in a root, named after this process, and removes those that dead processes
// left behind.
func tempDir(root, kind string) (string, error) {
	return tempDirIn(filepath.Join(root, os.TempDir()), kind)
}

// memory is where Linux keeps files in memory, and wantMemory what a server's data may need of it, in bytes.
const (
	memory     = "/dev/shm"
	wantMemory = 8 << 30
)

// memoryDir is tempDir in memory where there is enough of it. A server makes and removes hundreds of files for each
// database.
func memoryDir(kind string) (string, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(memory, &s); err == nil && int64(s.Bavail)*s.Bsize >= wantMemory {
		if dir, err := tempDirIn(memory, kind); err == nil {
			return dir, nil
		}
	}
	return tempDir("", kind)
}

// objectsDir is memoryDir for a server that keeps what it knows of an object in attributes of its file, and that would
// wait for a disk at each. Linux before 6.6 keeps no such attributes in memory.
func objectsDir(kind string) (string, error) {
	dir, err := memoryDir(kind)
	if err != nil {
		return "", err
	}
	if err := syscall.Setxattr(dir, "user.keepsake", nil, 0); err == nil {
		return dir, nil
	}
	_ = os.RemoveAll(dir) // what is left is removed by the next test binary
	return tempDir("", kind)
}

func tempDirIn(parent, kind string) (string, error) {
	base := filepath.Join(parent, fmt.Sprintf("keepsake-testenv-%d", os.Geteuid()))
	if err := os.MkdirAll(base, 0o711); err != nil {
		return "", fmt.Errorf("make the folder of the test servers: %w", err)
	}
	entries, err := os.ReadDir(base)
	if err != nil {
		return "", fmt.Errorf("read the folder of the test servers: %w", err)
	}
	for _, e := range entries {
		head, _, _ := strings.Cut(e.Name(), "-")
		pid, err := strconv.Atoi(head)
		if err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			// the process that left it is gone; another one may be removing it too
			_ = os.RemoveAll(filepath.Join(base, e.Name()))
		}
	}
	return os.MkdirTemp(base, fmt.Sprintf("%d-%s-", os.Getpid(), kind))
}
