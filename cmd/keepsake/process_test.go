package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// asProgram makes the test binary be keepsake itself: see TestMain.
const asProgram = "KEEPSAKE_TEST_AS_PROGRAM"

// process is keepsake in a process of its own, for what only a process can show.
type process struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner // its standard error
	said  bytes.Buffer
}

// start runs keepsake with the world's configuration and all of its log.
func (w *world) start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.CommandContext(t.Context(), os.Args[0],
		append([]string{"--config", w.config, "--verbose"}, args...)...)}
	p.cmd.Env = append(os.Environ(), asProgram+"=1")
	for name, value := range w.env {
		p.cmd.Env = append(p.cmd.Env, name+"="+value)
	}
	out, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.lines = bufio.NewScanner(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// await reads the log until a line holds the words.
func (p *process) await(t *testing.T, words string) {
	t.Helper()
	for p.lines.Scan() {
		p.said.WriteString(p.lines.Text() + "\n")
		if strings.Contains(p.lines.Text(), words) {
			return
		}
	}
	t.Fatalf("keepsake ended before it said %q: %v\n%s", words, p.cmd.Wait(), p.said.String())
}

// signal sends a signal, waits for the end and fails the test if the process was done before.
func (p *process) signal(t *testing.T, s syscall.Signal) *os.ProcessState {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	for p.lines.Scan() {
		p.said.WriteString(p.lines.Text() + "\n")
	}
	if err := p.cmd.Wait(); err == nil {
		t.Fatalf("keepsake was done before the signal: the test proves nothing\n%s", p.said.String())
	}
	return p.cmd.ProcessState
}

// watchDirectory returns a function that waits until something is made in the directory.
func watchDirectory(t *testing.T, path string) func() {
	t.Helper()
	fd, err := syscall.InotifyInit1(syscall.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "inotify")
	t.Cleanup(func() { _ = f.Close() })
	if _, err := syscall.InotifyAddWatch(fd, path, syscall.IN_CREATE|syscall.IN_MOVED_TO); err != nil {
		t.Fatal(err)
	}
	return func() {
		if _, err := f.Read(make([]byte, 4096)); err != nil {
			t.Fatal(err)
		}
	}
}

// heavy is a platform whose backup and restore take a while.
var heavy = append(season[:len(season):len(season)],
	`create table event_logs (id int primary key, body text)`,
	`insert into event_logs select i, (select string_agg(md5(i::text || j), '') from generate_series(1, 60) j)
		from generate_series(1, 20000) i`)

// TestKilledAnywhereItContinues kills backups and restores in the middle: what is there stays whole, and the next run
// succeeds.
func TestKilledAnywhereItContinues(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, heavy...)
	w.must(t, exitDone, "init")

	p := w.start(t, "backup")
	p.await(t, "Snapshot of")
	p.signal(t, syscall.SIGKILL)
	// And once more when the first chunk arrives at a provider, unless the first run had come that far.
	wait := watchDirectory(t, filepath.Join(w.dir, "repos", "far"))
	if _, err := os.Stat(filepath.Join(w.dir, "repos", "far", "chunks")); err != nil {
		p = w.start(t, "backup")
		wait()
		p.signal(t, syscall.SIGKILL)
	}
	if points := document[[]report](t, w.must(t, exitDone, "points", "--json")); len(points) != 0 {
		t.Fatalf("killed backups left recovery points: %+v", points)
	}
	first := document[report](t, w.must(t, exitDone, "backup", "--json"))
	if first.Rows != 21205 || !first.Protected {
		t.Errorf("%+v", first)
	}

	target := beside(t, w.platform, "killed")
	w.env["KEEPSAKE_TARGET_URL"] = target
	for _, moment := range []string{"Creating the tables", "All rows of the critical tier are readable"} {
		p = w.start(t, "restore", "latest", "--create")
		p.await(t, moment)
		p.signal(t, syscall.SIGKILL)
	}
	r := document[report](t, w.must(t, exitDone, "restore", "latest", "--json"))
	if !r.Verified || r.Rows != first.Rows {
		t.Errorf("%+v", r)
	}
	const digest = "select md5(string_agg(md5(e::text), '' order by id)) from event_logs e"
	if a, b := query[string](t, w.platform, digest), query[string](t, target, digest); a != b {
		t.Error("the restored rows differ")
	}
	w.must(t, exitDone, "verify", "--all", "--deep")
}

// TestSignalEndsCleanly asks a backup to stop.
func TestSignalEndsCleanly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, heavy...)
	w.must(t, exitDone, "init")
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		p := w.start(t, "backup")
		p.await(t, "Snapshot of")
		state := p.signal(t, s)
		if state.ExitCode() != exitFailed || !strings.Contains(p.said.String(),
			"keepsake: stopped before it was done; no recovery point was made") {
			t.Errorf("%s: exit code %d\n%s", s, state.ExitCode(), p.said.String())
		}
	}
	w.must(t, exitDone, "backup")
}
