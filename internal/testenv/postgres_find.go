package testenv

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// postgresBin returns the folder of the newest server's programs that are installed in a root, as it is called there.
func postgresBin(root string) (string, error) {
	found, err := filepath.Glob(filepath.Join(root, "/usr/lib/postgresql/*/bin/postgres"))
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		newest := slices.MaxFunc(found, func(a, b string) int { return cmp.Compare(majorOf(a), majorOf(b)) })
		return strings.TrimPrefix(filepath.Dir(newest), root), nil
	}
	if root != "" {
		return "", fmt.Errorf("no PostgreSQL server is installed in %s", root)
	}
	path, err := exec.LookPath("postgres")
	if err != nil {
		return "", errors.New("no PostgreSQL server is installed: install the package postgresql")
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", err
	}
	return filepath.Dir(path), nil
}

// majorOf reads 15 from /usr/lib/postgresql/15/bin/postgres; anything else counts as oldest.
func majorOf(path string) int {
	n, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	if err != nil {
		return 0
	}
	return n
}

// freePort returns a TCP port on 127.0.0.1 that nobody listens on now.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// awaitPredecessor makes a killed server's folder startable: it waits for a server that is still on its way out, and
// removes the pid file when its number now belongs to a process that is no PostgreSQL server of this folder.
func awaitPredecessor(ctx context.Context, dir string) error {
	pidFile := filepath.Join(dir, "postmaster.pid")
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		content, err := os.ReadFile(pidFile)
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		first, _, _ := bytes.Cut(content, []byte("\n"))
		pid := string(bytes.TrimSpace(first))
		command, err := os.ReadFile(filepath.Join("/proc", pid, "cmdline"))
		if err != nil || len(command) == 0 {
			return nil // nobody has that number (or a zombie): the server itself checks the rest and takes the file over
		}
		if !bytes.Contains(command, []byte(dir)) {
			return os.Remove(pidFile)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("another PostgreSQL server (process %s) runs on %s", pid, dir)
		case <-tick.C:
		}
	}
}
