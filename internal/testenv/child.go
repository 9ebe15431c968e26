package testenv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// child is a server process that cannot outlive this one.
type child struct {
	name string
	cmd  *exec.Cmd
	tail *tail
	done chan struct{} // closed when the process has ended; err is set before
	err  error
}

// startChild starts cmd with deathSignal as the signal the kernel sends it when this process dies.
func startChild(cmd *exec.Cmd, deathSignal syscall.Signal, log io.Writer) (*child, error) {
	c := &child{name: cmd.Args[0], cmd: cmd, tail: &tail{}, done: make(chan struct{})}
	var out io.Writer = c.tail
	if log != nil {
		out = io.MultiWriter(c.tail, log)
	}
	cmd.Stdout, cmd.Stderr = out, out
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = deathSignal
	// A terminal's Ctrl-C goes to the whole process group; the child is stopped in order by its owner instead.
	cmd.SysProcAttr.Setpgid = true
	started := make(chan error, 1)
	go func() {
		// The death signal is bound to the thread that starts the child, so that thread must live as long as it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		c.err = cmd.Wait()
		close(c.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	return c, nil
}

// untilReady calls ready every few milliseconds until it succeeds, the child ends, or patience is over.
func (c *child) untilReady(ctx context.Context, patience time.Duration, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		if last = ready(ctx); last == nil {
			return nil
		}
		select {
		case <-c.done:
			return fmt.Errorf("%s ended before it was ready (%w): %s", c.name, c.err, c.tail)
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready after %s (%w): %s", c.name, patience, last, c.tail)
		case <-tick.C:
		}
	}
}

// stop sends the signals in turn, each with its patience, and waits for the end.
func (c *child) stop(patience time.Duration, signals ...syscall.Signal) {
	for _, s := range append(signals, syscall.SIGKILL) {
		if err := c.cmd.Process.Signal(s); errors.Is(err, os.ErrProcessDone) {
			break
		}
		timer := time.NewTimer(patience)
		select {
		case <-c.done:
			timer.Stop()
			return
		case <-timer.C:
		}
	}
	<-c.done
}

// tail keeps the last lines a server wrote, for the error message when it fails.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

const tailBytes = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - tailBytes; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.buf))
}
