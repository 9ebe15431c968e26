// Package pgtool runs PostgreSQL's own pg_dump and pg_restore. Passwords travel in the child's environment only, never
// in its arguments; no shell is involved; a cancelled context ends the whole process group.
package pgtool

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/wedsync/keepsake/internal/engine/address"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Tools is one installation of the PostgreSQL client programs.
type Tools struct {
	Dir   string // that holds pg_dump and pg_restore
	Major int    // version of pg_dump: it reads servers up to this one
}

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// Find returns the newest installation. It looks in dir, or where that is empty in Debian's versioned directories and
// in PATH.
func Find(ctx context.Context, dir string) (Tools, error) {
	var candidates []string
	if dir != "" {
		candidates = []string{dir}
	} else {
		candidates, _ = filepath.Glob("/usr/lib/postgresql/*/bin")
		if p, err := exec.LookPath("pg_dump"); err == nil && !leadsTo(p, candidates) {
			candidates = append(candidates, filepath.Dir(p))
		}
	}
	var best Tools
	for _, d := range candidates {
		out, err := exec.CommandContext(ctx, filepath.Join(d, "pg_dump"), "--version").Output()
		if err != nil {
			continue
		}
		if m := versionPattern.FindSubmatch(out); m != nil {
			major, _ := strconv.Atoi(string(m[1]))
			if major > best.Major {
				best = Tools{Dir: d, Major: major}
			}
		}
	}
	if best.Dir == "" {
		return best, keepsake.Errorf(keepsake.CodeInvalid,
			"pg_dump was not found: install PostgreSQL's client programs (Debian: postgresql-client) or name their "+
				"directory in pg_bin")
	}
	return best, ctx.Err()
}

// leadsTo reports whether a program is Debian's wrapper, a script that takes its time to start one of the versioned
// directories.
func leadsTo(program string, directories []string) bool {
	target, err := filepath.EvalSymlinks(program)
	return err == nil && filepath.Base(target) == "pg_wrapper" && len(directories) > 0
}

// Dump writes the schema of a database, in pg_dump's custom format, as it stands in an exported snapshot.
func (t Tools) Dump(ctx context.Context, url keepsake.Secret, snapshot string, w io.Writer, extra ...string) error {
	args := append([]string{"--format=custom", "--schema-only",
		"--no-subscriptions", "--no-password", "--snapshot=" + snapshot}, extra...)
	return t.run(ctx, "pg_dump", url, nil, w, args...)
}

// run starts one tool that connects to a database.
func (t Tools) run(ctx context.Context, tool string, url keepsake.Secret, options []string, stdout io.Writer,
	args ...string) error {
	env, err := environment(url, options)
	if err != nil {
		return err
	}
	return t.start(ctx, tool, env, stdout, nil, args...)
}

// start runs one tool to its end. files are what it inherits as descriptors 3, 4, …. Its first error line becomes the
// error.
func (t Tools) start(ctx context.Context, tool string, env []string, stdout io.Writer, files []*os.File,
	args ...string) error {
	stderr := &bounded{limit: 64 << 10}
	err := t.command(ctx, tool, env, stdout, stderr, files, args...)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil && !strings.Contains(stderr.String(), ignoredErrors) {
		return nil
	}
	return &Error{Tool: tool, Lines: stderr.lines(), Err: err}
}

// command runs one tool to its end, whatever it says.
func (t Tools) command(ctx context.Context, tool string, env []string, stdout, stderr io.Writer, files []*os.File,
	args ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(t.Dir, tool), args...)
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = env, stdout, stderr, files
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	// The kernel sends Pdeathsig when the thread ends that started the tool, not the process: it must outlive the tool.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return cmd.Run()
}

// Error is a tool's failure, with what the tool wrote to standard error.
type Error struct {
	Tool  string
	Lines []string // of its standard error
	Err   error
}

// Error returns the tool's first error line and, of pg_restore, the entry it was at.
func (e *Error) Error() string {
	var first, entry string
	for _, l := range e.Lines {
		l = strings.TrimPrefix(l, e.Tool+": ")
		if at, ok := strings.CutPrefix(l, "from TOC entry "); ok {
			entry = " (entry " + at + ")"
		}
		if strings.Contains(l, "error:") || strings.Contains(l, "ERROR:") {
			return e.Tool + ": " + l + entry
		}
		if first == "" {
			first = l
		}
	}
	if first != "" {
		return e.Tool + ": " + first
	}
	return fmt.Sprintf("%s: %v", e.Tool, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// environment gives a tool its connection and nothing else of this process's environment.
func environment(url keepsake.Secret, options []string) ([]string, error) {
	connection, err := address.Environment(url)
	if err != nil {
		return nil, err
	}
	options = append([]string{"-c statement_timeout=0", "-c lock_timeout=0", "-c idle_in_transaction_session_timeout=0"},
		options...)
	env := []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "PGAPPNAME=keepsake", "PGCONNECT_TIMEOUT=15",
		"PGCLIENTENCODING=UTF8",
		"PGOPTIONS=" + strings.Join(options, " ")}
	return append(env, connection...), nil
}

// bounded keeps the first bytes written to it.
type bounded struct {
	bytes.Buffer
	limit int
}

func (b *bounded) Write(p []byte) (int, error) {
	if room := b.limit - b.Len(); room > 0 {
		b.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (b *bounded) lines() []string {
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	return slices.DeleteFunc(lines, func(l string) bool { return l == "" })
}
