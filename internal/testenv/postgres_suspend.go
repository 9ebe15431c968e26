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

// Suspend stops every process of the server as it stands: its connections stay open, the kernel takes new ones and what
// is sent, and nothing is answered.
func (p *Postgres) Suspend() error { return p.signalAll(syscall.SIGSTOP) }

// Resume lets a suspended server go on.
func (p *Postgres) Resume() error { return p.signalAll(syscall.SIGCONT) }

// signalAll sends a signal to the server and then to its processes, so that a stopped one starts none meanwhile.
func (p *Postgres) signalAll(s syscall.Signal) error {
	postmaster := p.child.cmd.Process.Pid
	if err := syscall.Kill(postmaster, s); err != nil {
		return err
	}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return err
	}
	for _, path := range stats {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(raw), ") ") // the name before it may hold anything
		fields := strings.Fields(rest)
		if len(fields) < 2 || fields[1] != strconv.Itoa(postmaster) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if err := syscall.Kill(pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return nil
}
