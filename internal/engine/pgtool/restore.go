package pgtool

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// Entry is one line of an archive's table of contents.
type Entry struct {
	Line  string // as pg_restore --list printed it, and as --use-list takes it
	Kind  string // "TABLE", "FK CONSTRAINT", "ACL", …
	Rest  string // schema, name and owner, separated by spaces that may also stand inside names
	Owner string
}

// InSchema reports whether the entry is the schema itself or something in it.
func (e Entry) InSchema(schema string) bool {
	return strings.HasPrefix(e.Rest, schema+" ") || strings.HasPrefix(e.Rest, "- "+schema+" ") || strings.HasPrefix(e.Rest, "- SCHEMA "+schema+" ")
}

// twoWordKinds are the entry kinds of more than one word (pg_backup_archiver.c); every other kind is one.
var twoWordKinds = []string{"FK CONSTRAINT", "CHECK CONSTRAINT", "DEFAULT ACL", "ROW SECURITY", "EVENT TRIGGER", "MATERIALIZED VIEW",
	"SEQUENCE OWNED BY", "SEQUENCE SET", "TABLE ATTACH", "INDEX ATTACH", "TABLE DATA", "DATABASE PROPERTIES", "FOREIGN TABLE",
	"FOREIGN DATA WRAPPER", "FOREIGN SERVER", "USER MAPPING", "SECURITY LABEL", "SHELL TYPE", "PROCEDURAL LANGUAGE", "ACCESS METHOD",
	"OPERATOR CLASS", "OPERATOR FAMILY", "TEXT SEARCH PARSER", "TEXT SEARCH DICTIONARY", "TEXT SEARCH TEMPLATE",
	"TEXT SEARCH CONFIGURATION", "PUBLICATION TABLES IN SCHEMA", "PUBLICATION TABLE", "STATISTICS DATA", "BLOB COMMENTS", "BLOB METADATA"}

var entryLine = regexp.MustCompile(`^\d+; \d+ \d+ (.+)$`)

// List returns an archive's table of contents.
func (t Tools) List(ctx context.Context, archive string) ([]Entry, error) {
	var out bytes.Buffer
	if err := t.run(ctx, "pg_restore", "postgres://localhost/", nil, &out, "--list", archive); err != nil {
		return nil, err
	}
	var entries []Entry
	for line := range strings.Lines(out.String()) {
		line = strings.TrimRight(line, "\n")
		m := entryLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		e := Entry{Line: line}
		e.Kind, e.Rest, _ = strings.Cut(m[1], " ")
		for _, k := range twoWordKinds {
			if rest, ok := strings.CutPrefix(m[1], k+" "); ok {
				e.Kind, e.Rest = k, rest
				break
			}
		}
		if i := strings.LastIndexByte(e.Rest, ' '); i >= 0 {
			e.Owner = e.Rest[i+1:]
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// RestoreOptions says which part of an archive goes into a database.
type RestoreOptions struct {
	Section string   // "pre-data" or "post-data"
	Jobs    int      // parallel sessions; 0 or 1: one
	Entries []Entry  // only these
	NoOwner bool     // everything belongs to the connecting role
	Options []string // server settings of the sessions, as "-c name=value"
}

// Restore runs pg_restore. The first error ends it; any error is a failure.
func (t Tools) Restore(ctx context.Context, url keepsake.Secret, archive string, o RestoreOptions) error {
	list, err := writeList(o.Entries)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(list) }()
	database, err := conninfo(url)
	if err != nil {
		return err
	}
	args := []string{"--exit-on-error", "--no-password", "--no-tablespaces", "--section=" + o.Section, "--use-list=" + list, "--dbname=" + database}
	if o.Jobs > 1 {
		args = append(args, fmt.Sprintf("--jobs=%d", o.Jobs))
	}
	if o.NoOwner {
		args = append(args, "--no-owner")
	}
	return t.run(ctx, "pg_restore", url, o.Options, nil, append(args, archive)...)
}

// Script returns the statements of the given entries, one by one, without running them.
func (t Tools) Script(ctx context.Context, archive string, entries []Entry) ([]string, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	list, err := writeList(entries)
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(list) }()
	var out bytes.Buffer
	err = t.run(ctx, "pg_restore", "postgres://localhost/", nil, &out, "--no-owner", "--use-list="+list, "--file=-", archive)
	if err != nil {
		return nil, err
	}
	return splitStatements(out.String()), nil
}

func writeList(entries []Entry) (string, error) {
	f, err := os.CreateTemp("", "keepsake-list-")
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if _, err = f.WriteString(e.Line + "\n"); err != nil {
			break
		}
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return f.Name(), err
}

// conninfo names the database for --dbname, where a bare name with "=" in it would be taken for connection parameters.
func conninfo(url keepsake.Secret) (string, error) {
	config, err := pgx.ParseConfig(url.Reveal())
	if err != nil {
		return "", keepsake.Errorf(keepsake.CodeInvalid, "the database URL cannot be read")
	}
	return "dbname='" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(config.Database) + "'", nil
}

var dollarTag = regexp.MustCompile(`^\$[A-Za-z_0-9]*\$`)

// splitStatements cuts a script at the semicolons outside quotes, and drops comments, psql's backslash commands and SET lines.
func splitStatements(script string) []string {
	var statements []string
	var b strings.Builder
	flush := func() {
		if s := strings.TrimSpace(b.String()); s != "" && !strings.HasPrefix(s, "SET ") && !strings.HasPrefix(s, "SELECT pg_catalog.set_config") {
			statements = append(statements, s)
		}
		b.Reset()
	}
	for i := 0; i < len(script); {
		rest := script[i:]
		start := strings.TrimSpace(b.String()) == ""
		switch c := rest[0]; {
		case strings.HasPrefix(rest, "--") || start && c == '\\':
			i += lineEnd(rest)
		case c == '\'' || c == '"':
			n := 1 + strings.IndexByte(rest[1:], c) + 1
			if n <= 1 {
				n = len(rest)
			}
			b.WriteString(rest[:n])
			i += n
		case c == '$' && dollarTag.MatchString(rest):
			tag := dollarTag.FindString(rest)
			n := len(rest)
			if end := strings.Index(rest[len(tag):], tag); end >= 0 {
				n = end + 2*len(tag)
			}
			b.WriteString(rest[:n])
			i += n
		case c == ';':
			flush()
			i++
		default:
			b.WriteByte(c)
			i++
		}
	}
	flush()
	return statements
}

func lineEnd(s string) int {
	if n := strings.IndexByte(s, '\n'); n >= 0 {
		return n + 1
	}
	return len(s)
}
