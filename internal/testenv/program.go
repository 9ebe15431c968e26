package testenv

import (
	"context"
	"io"
	"os/exec"
	"syscall"
	"time"
)

// Program is a server of the caller's own, which cannot outlive this process and hears no Ctrl-C but its owner's.
type Program struct{ child *child }

// StartProgram starts cmd and returns when ready succeeds. Its output goes to log.
func StartProgram(
	ctx context.Context, cmd *exec.Cmd, log io.Writer, ready func(context.Context) error,
) (*Program, error) {
	c, err := startChild(cmd, syscall.SIGTERM, log)
	if err != nil {
		return nil, err
	}
	p := &Program{child: c}
	if err := c.untilReady(ctx, readyTimeout, ready); err != nil {
		p.Stop()
		return nil, err
	}
	return p, nil
}

// Done is closed when the program has ended, for whatever reason.
func (p *Program) Done() <-chan struct{} { return p.child.done }

// LastWords are the last lines it wrote.
func (p *Program) LastWords() string { return p.child.tail.String() }

// Stop asks it to end, waits, and ends it by force after half a minute.
func (p *Program) Stop() { p.child.stop(30*time.Second, syscall.SIGTERM) }
