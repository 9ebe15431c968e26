package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/wedsync/keepsake/internal/engine"
)

// plainEvery is the time between two progress lines where no terminal can be redrawn.
const plainEvery = 10 * time.Second

// display shows an operation's progress on standard error: one block that is redrawn on a terminal, a plain line now
// and then elsewhere. It is the engine's Reporter.
type display struct {
	w        io.Writer
	lines    *slog.Logger // takes every line where log lines are JSON; nil: w takes them as people read them
	title    string
	live     bool
	quiet    bool // no progress
	warnings bool // print the log's warnings
	verbose  bool // print all of the log
	width    func() int
	now      func() time.Time

	mu    sync.Mutex
	last  time.Time // of the latest plain line
	drawn int       // lines of the block on the terminal
	speed speed
}

// progress returns the display of one operation. warnings is unset where the result itself lists what was warned of.
func (a *app) progress(title string, warnings bool) *display {
	d := &display{
		w:        a.io.err,
		title:    title,
		quiet:    a.cli.Quiet,
		warnings: warnings && !a.cli.Quiet,
		verbose:  a.cli.Verbose,
		now:      time.Now,
		last:     time.Now(),
	}
	if a.logsJSON() {
		d.lines = a.logger(slog.LevelDebug)
	}
	f, live := terminal(a.io.err)
	d.live = live && d.lines == nil
	d.width = func() int {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 {
			return columns
		}
		return 80
	}
	return d
}

// Progress draws the newest state.
func (d *display) Progress(p engine.Progress) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.speed.add(p)
	switch {
	case d.quiet || p.Stage == engine.StageDone:
	case d.live:
		d.erase()
		lines := d.block(p, d.width())
		_, _ = io.WriteString(d.w, strings.Join(lines, "\n"))
		d.drawn = len(lines)
	case d.now().Sub(d.last) >= plainEvery:
		d.last = d.now()
		d.line("", d.headline(p)+troubles(p))
	}
}

// Log prints warnings, and the rest with --verbose. What went wrong in the end is the command's to print.
func (d *display) Log(l engine.LogLine) {
	if !d.verbose && (l.Level != "warn" || !d.warnings || l.Reported) {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.erase()
	d.line(l.Level, l.Message)
}

// line writes one line of the operation's log, or of its progress where level is empty.
func (d *display) line(level, words string) {
	switch {
	case d.lines == nil && level == "":
		_, _ = fmt.Fprintln(d.w, words)
	case d.lines == nil:
		_, _ = fmt.Fprintf(d.w, "%s: %s\n", level, words)
	default:
		at := map[string]slog.Level{"warn": slog.LevelWarn, "error": slog.LevelError}[level]
		d.lines.Log(context.Background(), at, words, "operation", d.title)
	}
}

// done takes the block away.
func (d *display) done() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.erase()
}

func (d *display) erase() {
	if d.drawn == 0 {
		return
	}
	up := ""
	if d.drawn > 1 {
		up = fmt.Sprintf("\033[%dA", d.drawn-1)
	}
	_, _ = io.WriteString(d.w, "\r"+up+"\033[J")
	d.drawn = 0
}

// block is the state in a few lines, none wider than the terminal: a wrapped line could not be taken back.
func (d *display) block(p engine.Progress, width int) []string {
	lines := []string{d.headline(p)}
	if p.BytesTotal > 0 {
		const cells = 30
		full := int(p.Fraction() * cells)
		lines = append(lines, fmt.Sprintf("  [%s%s] %s of about %s", strings.Repeat("#", full),
			strings.Repeat(".", cells-full), size(p.BytesDone), size(p.BytesTotal)))
	}
	for _, prov := range p.Providers {
		lines = append(lines, fmt.Sprintf("  %-16s %s", prov.Name, providerWords(p.Stage, prov)))
	}
	for i, l := range lines {
		if r := []rune(l); len(r) >= width {
			lines[i] = string(r[:max(0, width-1)])
		}
	}
	return lines
}

// headline is the state in one line: stage, share, rows, rate and time left.
func (d *display) headline(p engine.Progress) string {
	parts := []string{d.title + ": " + strings.ReplaceAll(string(p.Stage), "_", " ")}
	if p.BytesTotal > 0 {
		parts = append(parts, fmt.Sprintf("%.0f %%", 100*p.Fraction()), some(p.RowsDone, "row"))
	}
	if rate := d.speed.rate(); rate > 0 {
		parts = append(parts, size(int64(rate))+"/s")
		if left := float64(p.BytesTotal - p.BytesDone); left > 0 {
			parts = append(parts, (time.Duration(left/rate)*time.Second).String()+" left")
		}
	}
	return strings.Join(parts, "  ")
}

// troubles names the providers that lag, fail or do not answer.
func troubles(p engine.Progress) string {
	var s strings.Builder
	for _, prov := range p.Providers {
		if prov.State == engine.ItemLagging || prov.State == engine.ItemFailed || prov.Silent > 0 {
			s.WriteString("  " + prov.Name + ": " + providerWords(p.Stage, prov))
		}
	}
	return s.String()
}

func providerWords(stage engine.Stage, p engine.ProviderProgress) string {
	done := some(p.Confirmed, "chunk") + " confirmed"
	if stage == engine.StageRemoving {
		done = some(p.Confirmed, "object") + " removed"
	}
	if p.State != engine.ItemFailed && p.Silent > 0 {
		return fmt.Sprintf("no answer for %d s, %s", p.Silent, done)
	}
	switch p.State {
	case engine.ItemFailed:
		return "FAILED: " + p.Error
	case engine.ItemLagging:
		return fmt.Sprintf("lags, catches up later: %s, %s waiting", done, count(p.Lag))
	case engine.ItemWaiting:
		return "waiting"
	}
	if p.Lag > 0 {
		done += ", " + count(p.Lag) + " waiting"
	}
	return done
}

// speed measures bytes a second since the rows of the present stage began to flow.
type speed struct {
	stage       engine.Stage
	first, last time.Time
	from, to    int64
}

func (s *speed) add(p engine.Progress) {
	if p.Stage != s.stage {
		*s = speed{stage: p.Stage, first: p.UpdatedAt, from: p.BytesDone}
	}
	s.last, s.to = p.UpdatedAt, p.BytesDone
}

// rate is 0 until there is a second's worth of measurement.
func (s *speed) rate() float64 {
	elapsed := s.last.Sub(s.first).Seconds()
	if elapsed < 1 {
		return 0
	}
	return float64(s.to-s.from) / elapsed
}
