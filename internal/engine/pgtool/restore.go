package pgtool

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/wedsync/keepsake/internal/engine/address"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// RestoreOptions says which part of an archive Restore brings into a database.
type RestoreOptions struct {
	Section string   // "pre-data" or "post-data"
	Jobs    int      // parallel sessions; 0 or 1: one
	Entries []Entry  // only these, in this order
	Options []string // server settings of the sessions, as "-c name=value"
}

// Restore runs pg_restore, which goes on after an entry that fails, and returns the entries that failed. What such an
// entry defines is in the database as a whole or not at all, but its owner may be missing. Without entries Restore
// does nothing.
func (t Tools) Restore(ctx context.Context, url keepsake.Secret, a *Archive, o RestoreOptions) ([]Entry, error) {
	if len(o.Entries) == 0 {
		return nil, nil
	}
	list, err := writeList(o.Entries)
	if err != nil {
		return nil, err
	}
	defer func() { _ = list.Close() }()
	env, err := environment(url, o.Options)
	if err != nil {
		return nil, err
	}
	database, err := conninfo(url)
	if err != nil {
		return nil, err
	}
	// Only --verbose makes it say which entry an error is about.
	args := []string{"--verbose", "--no-password", "--no-tablespaces", "--section=" + o.Section,
		"--use-list=" + inherited(1), "--dbname=" + database}
	if o.Jobs > 1 {
		args = append(args, fmt.Sprintf("--jobs=%d", o.Jobs))
	}
	var f failures
	err = t.command(ctx, "pg_restore", append(env, "PGAPPNAME="+Application),
		nil, &f, []*os.File{a.file, list}, append(args, inherited(0))...)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	failed := f.failed(o.Entries)
	if err != nil && (!f.ignored || len(failed) == 0) {
		slices.Reverse(f.errors) // what ended it comes last
		return nil, &Error{Tool: "pg_restore", Lines: f.errors, Err: err}
	}
	return failed, nil
}

// Application is the application_name of every session that writes a target. By it Keepsake recognises sessions that
// a killed run left on the server.
const Application = "keepsake restore"

// Scripted is an entry with its statements. The statements that set its owner come last.
type Scripted struct {
	Entry
	Statements []string
}

// Script returns the statements of the given entries and does not run them.
func (t Tools) Script(ctx context.Context, a *Archive, entries []Entry) ([]Scripted, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	list, err := writeList(entries)
	if err != nil {
		return nil, err
	}
	defer func() { _ = list.Close() }()
	var out bytes.Buffer
	// Only --verbose makes it say which entry a statement belongs to.
	err = t.offline(ctx, &out, a, list, "--verbose", "--no-tablespaces",
		"--use-list="+inherited(1), "--file=-", inherited(0))
	if err != nil {
		return nil, err
	}
	return attribute(out.String(), entries), nil
}

// heading is the comment that pg_restore writes before an entry's statements.
var heading = regexp.MustCompile(`^-- TOC entry (\d+) \(class \d+ OID \d+\)`)

// attribute gives each entry its statements out of a script.
func attribute(script string, entries []Entry) []Scripted {
	out := make([]Scripted, len(entries))
	at := make(map[int]int, len(entries))
	for i, e := range entries {
		out[i].Entry = e
		at[e.ID()] = i
	}
	current := -1
	scan(script, func(comment string) {
		if m := heading.FindStringSubmatch(comment); m != nil {
			current = -1
			if id, err := strconv.Atoi(m[1]); err == nil {
				if i, asked := at[id]; asked {
					current = i
				}
			}
		}
	}, func(statement string) {
		if current >= 0 {
			out[current].Statements = append(out[current].Statements, statement)
		}
	})
	return out
}

// offline runs pg_restore without a database.
func (t Tools) offline(ctx context.Context, stdout io.Writer, a *Archive, list *os.File, args ...string) error {
	files := []*os.File{a.file}
	if list != nil {
		files = append(files, list)
	}
	return t.start(ctx, "pg_restore", []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}, stdout, files, args...)
}

func writeList(entries []Entry) (*os.File, error) {
	f, err := memoryFile("keepsake-list")
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for _, e := range entries {
		b.WriteString(e.Line + "\n")
	}
	if _, err := f.WriteString(b.String()); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// conninfo names the database for --dbname, where a bare name with "=" in it would be taken for connection parameters.
func conninfo(url keepsake.Secret) (string, error) {
	config, err := address.Config(url)
	if err != nil {
		return "", err
	}
	return "dbname='" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(config.Database) + "'", nil
}
