package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/wedsync/keepsake/internal/engine"
)

// plainEvery is the time between two progress lines where no terminal can be redrawn.
const plainEvery = 10 * time.Second

// bar shows an operation's progress: one redrawn line on a terminal, a plain line now and then elsewhere, on standard error.
type bar struct {
	a     *app
	title string
	file  *os.File
	live  bool

	mu    sync.Mutex
	last  time.Time
	drawn bool
}

func (a *app) progress(title string) *bar {
	b := &bar{a: a, title: title}
	b.file, b.live = terminal(a.io.err)
	return b
}

// Progress draws the newest state.
func (b *bar) Progress(p engine.Progress) {
	if b.a.cli.Quiet {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.live && time.Since(b.last) < plainEvery {
		return
	}
	b.last = time.Now()
	line := b.line(p)
	if b.live {
		_, _ = fmt.Fprint(b.file, "\r\033[K"+line)
		b.drawn = true
	} else if p.Stage != engine.StageDone {
		_, _ = fmt.Fprintln(b.a.io.err, line)
	}
}

// line is one state in words: stage, share, rate, time left, and providers that lag or fail.
func (b *bar) line(p engine.Progress) string {
	elapsed := p.UpdatedAt.Sub(p.StartedAt)
	parts := []string{fmt.Sprintf("%s: %s", b.title, strings.ReplaceAll(string(p.Stage), "_", " "))}
	if f := p.Fraction(); p.BytesTotal > 0 {
		const width = 20
		full := int(f * width)
		if b.live {
			parts = append(parts, "["+strings.Repeat("#", full)+strings.Repeat(".", width-full)+"]")
		}
		parts = append(parts, fmt.Sprintf("%.0f %%", 100*f), count(p.RowsDone)+" rows")
		if s := elapsed.Seconds(); s > 1 && p.BytesDone > 0 {
			parts = append(parts, size(int64(float64(p.BytesDone)/s))+"/s")
			if f > 0.02 && f < 1 {
				parts = append(parts, time.Duration(float64(elapsed)*(1-f)/f).Round(time.Second).String()+" left")
			}
		}
	}
	for _, prov := range p.Providers {
		switch prov.State {
		case engine.ItemLagging:
			parts = append(parts, fmt.Sprintf("%s lags by %d", prov.Name, prov.Lag))
		case engine.ItemFailed:
			parts = append(parts, prov.Name+" FAILED")
		}
	}
	return strings.Join(parts, "  ")
}

// Log prints warnings and errors always, the rest with --verbose. Results are printed by the command itself.
func (b *bar) Log(l engine.LogLine) {
	if !b.a.cli.Verbose && (l.Level != "warn" || b.a.cli.Quiet) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.drawn {
		_, _ = fmt.Fprint(b.file, "\r\033[K")
	}
	_, _ = fmt.Fprintf(b.a.io.err, "%s  %s\n", l.Level, l.Message)
}

// done leaves the terminal on a fresh line.
func (b *bar) done() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.drawn {
		_, _ = fmt.Fprint(b.file, "\r\033[K")
	}
}

// size writes bytes with a binary unit.
func size(n int64) string {
	const unit = 1024
	if n < unit {
		return strconv.FormatInt(n, 10) + " B"
	}
	f, i := float64(n)/unit, 0
	for ; f >= unit && i < 4; i++ {
		f /= unit
	}
	return fmt.Sprintf("%.1f %ciB", f, "KMGTP"[i])
}

// count writes a number with thousands separated.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
