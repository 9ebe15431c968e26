package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/engine"
)

// halfway is the state of a backup after a number of seconds, at 10 MiB a second of 100.
func halfway(at int) engine.Progress {
	start := time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)
	return engine.Progress{
		Stage:      engine.StageReading,
		StartedAt:  start,
		UpdatedAt:  start.Add(time.Duration(at) * time.Second),
		RowsDone:   int64(at) * 1000,
		BytesDone:  int64(at) * 10 << 20,
		BytesTotal: 100 << 20,
		Providers: []engine.ProviderProgress{
			{Name: "local", State: engine.ItemRunning, Confirmed: 40, Lag: 2},
			{Name: "supabase", State: engine.ItemLagging, Confirmed: 1, Lag: 39},
			{Name: "offsite", State: engine.ItemFailed, Error: "the bucket does not exist: create it"},
		},
	}
}

func newDisplay(live bool) (*display, *bytes.Buffer) {
	var b bytes.Buffer
	return &display{w: &b, title: "Backup", live: live, warnings: true, width: func() int { return 70 }, now: time.Now}, &b
}

// screen plays what a display wrote on a terminal and returns the lines that are on it.
func screen(t *testing.T, out string) []string {
	t.Helper()
	lines, row := []string{""}, 0
	for out != "" {
		switch {
		case strings.HasPrefix(out, "\r"):
			out = out[1:]
		case strings.HasPrefix(out, "\n"):
			if row++; row == len(lines) {
				lines = append(lines, "")
			}
			lines[row], out = "", out[1:]
		case strings.HasPrefix(out, "\033["):
			end := strings.IndexAny(out, "AJ")
			if out[end] == 'A' {
				for range int(out[2] - '0') {
					row--
				}
			} else {
				lines = lines[:row+1]
				lines[row] = ""
			}
			out = out[end+1:]
		default:
			end := strings.IndexAny(out+"\n", "\r\n\033")
			lines[row], out = lines[row]+out[:end], out[end:]
		}
		if row < 0 {
			t.Fatal("the block climbed above where it began")
		}
	}
	return lines
}

func TestBlockIsRedrawnInPlace(t *testing.T) {
	t.Parallel()
	d, out := newDisplay(true)
	d.Progress(halfway(1))
	d.Log(engine.LogLine{Level: "warn", Message: "something odd"})
	d.Log(engine.LogLine{Level: "info", Message: "something dull"})
	d.Progress(halfway(3))
	d.Progress(halfway(5))
	got := screen(t, out.String())
	want := []string{
		"warn: something odd",
		"Backup: reading  50 %  5,000 rows  10.0 MiB/s  5s left",
		"  [###############...............] 50.0 MiB of about 100.0 MiB",
		"  local            40 chunks confirmed, 2 waiting",
		"  supabase         lags, catches up later: 1 chunk confirmed, 39 wait", // clipped to the terminal
		"  offsite          FAILED: the bucket does not exist: create it",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("on the screen:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	d.done()
	if got := screen(t, out.String()); strings.Join(got, "|") != "warn: something odd|" {
		t.Errorf("left on the screen: %q", got)
	}
}

func TestPlainLinesComeSeldom(t *testing.T) {
	t.Parallel()
	d, out := newDisplay(false)
	clock := halfway(0).StartedAt
	d.now, d.last = func() time.Time { return clock }, clock
	for i := range 25 {
		clock = clock.Add(time.Second)
		d.Progress(halfway(i))
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0],
		"Backup: reading  90 %  9,000 rows  10.0 MiB/s  1s left  supabase: lags") ||
		strings.Contains(lines[0], "local") || strings.ContainsAny(out.String(), "\r\033") {
		t.Errorf("in 25 seconds: %q", lines)
	}
}

func TestQuietAndVerbose(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name           string
		quiet, verbose bool
		want           string
	}{
		{"normal", false, false, "warn: w\n"},
		{"quiet", true, false, ""},
		{"verbose", true, true, "info: i\nwarn: w\nerror: e\n"},
	} {
		d, out := newDisplay(false)
		d.quiet, d.verbose, d.warnings = c.quiet, c.verbose, !c.quiet
		d.Progress(halfway(60)) // due since the year one
		out.Reset()
		for _, level := range []string{"info", "warn", "error"} {
			d.Log(engine.LogLine{Level: level, Message: level[:1]})
		}
		if out.String() != c.want {
			t.Errorf("%s: %q, want %q", c.name, out, c.want)
		}
	}
	d, out := newDisplay(true)
	d.quiet = true
	d.Progress(halfway(1))
	if out.Len() > 0 {
		t.Errorf("quiet draws %q", out)
	}
}
