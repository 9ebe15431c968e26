package pgtool

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/wedsync/keepsake/internal/engine/address"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// RestoreOptions says which part of an archive goes into a database.
type RestoreOptions struct {
	Section string   // "pre-data" or "post-data"
	Jobs    int      // parallel sessions; 0 or 1: one
	Entries []Entry  // only these, in this order
	NoOwner bool     // everything belongs to the connecting role
	Options []string // server settings of the sessions, as "-c name=value"
}

// Restore runs pg_restore. The first error ends it; any error is a failure. No entries are nothing to do.
func (t Tools) Restore(ctx context.Context, url keepsake.Secret, a *Archive, o RestoreOptions) error {
	if len(o.Entries) == 0 {
		return nil
	}
	list, err := writeList(o.Entries)
	if err != nil {
		return err
	}
	defer func() { _ = list.Close() }()
	env, err := environment(url, o.Options)
	if err != nil {
		return err
	}
	database, err := conninfo(url)
	if err != nil {
		return err
	}
	args := []string{"--exit-on-error", "--no-password", "--no-tablespaces", "--section=" + o.Section, "--use-list=" + inherited(1), "--dbname=" + database}
	if o.Jobs > 1 {
		args = append(args, fmt.Sprintf("--jobs=%d", o.Jobs))
	}
	if o.NoOwner {
		args = append(args, "--no-owner")
	}
	return t.start(ctx, "pg_restore", append(env, "PGAPPNAME="+Application), nil, []*os.File{a.file, list}, append(args, inherited(0))...)
}

// Application is the application_name of every session that writes a target, so that what a killed run left behind on the
// server can be recognised.
const Application = "keepsake restore"

// Script returns the statements of the given entries, one by one, without running them. Owners are left out.
func (t Tools) Script(ctx context.Context, a *Archive, entries []Entry) ([]string, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	list, err := writeList(entries)
	if err != nil {
		return nil, err
	}
	defer func() { _ = list.Close() }()
	var out bytes.Buffer
	err = t.offline(ctx, &out, a, list, "--no-owner", "--no-tablespaces", "--use-list="+inherited(1), "--file=-", inherited(0))
	if err != nil {
		return nil, err
	}
	return SplitStatements(out.String()), nil
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
