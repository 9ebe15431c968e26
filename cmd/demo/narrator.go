package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// narrator tells what is being done: one line a step, redrawn on a terminal while the step moves.
type narrator struct {
	mu       sync.Mutex
	out      io.Writer
	terminal bool
	step     string
	started  time.Time
	drawn    time.Time
}

func newNarrator(f *os.File) *narrator {
	return &narrator{out: f, terminal: term.IsTerminal(int(f.Fd()))}
}

// begin starts a step.
func (n *narrator) begin(step string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.step, n.started = step, time.Now()
	if n.terminal {
		n.draw("…")
	}
}

// move shows how far the step is.
func (n *narrator) move(done, total int, what string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.terminal || time.Since(n.drawn) < 100*time.Millisecond || total == 0 {
		return
	}
	const width = 20
	full := width * done / total
	n.draw(strings.Repeat("█", full) + strings.Repeat("░", width-full) + fmt.Sprintf(" %3d %%  %.40s",
		100*done/total, what))
}

func (n *narrator) draw(rest string) {
	n.drawn = time.Now()
	_, _ = fmt.Fprintf(n.out, "\r\x1b[K  %-34s %s", n.step, rest)
}

// end closes the step.
func (n *narrator) end() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.terminal {
		_, _ = fmt.Fprint(n.out, "\r\x1b[K")
	}
	_, _ = fmt.Fprintf(n.out, "  %-34s %5.1f s\n", n.step, time.Since(n.started).Seconds())
}

// line says something that is no step.
func (n *narrator) line(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.terminal {
		_, _ = fmt.Fprint(n.out, "\r\x1b[K")
	}
	_, _ = fmt.Fprintln(n.out, text)
}
