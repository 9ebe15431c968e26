package pgtool

import (
	"bytes"
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Entry is one line of an archive's table of contents.
type Entry struct {
	Line   string // as pg_restore --list printed it, and as --use-list takes it
	Kind   string // "TABLE", "FK CONSTRAINT", "ACL", …
	Schema string // "-" for what is in no schema
	Name   string // for a constraint, trigger or policy: the table's name, a space and its own
	Owner  string // may be empty
}

// InSchema reports whether the entry is the schema itself, something in it, or a grant or comment on it.
func (e Entry) InSchema(schema string) bool {
	if e.Schema != "-" {
		return e.Schema == schema
	}
	return e.Kind == "SCHEMA" && e.Name == schema || e.Name == "SCHEMA "+schema
}

// ID is the entry's number in the archive.
func (e Entry) ID() int {
	number, _, _ := strings.Cut(e.Line, ";")
	id, _ := strconv.Atoi(number)
	return id
}

// longKinds are the entry kinds of more than one word (pg_backup_archiver.c and pg_dump.c);
// every other kind is one word.
var longKinds = []string{"FK CONSTRAINT", "CHECK CONSTRAINT", "DEFAULT ACL", "ROW SECURITY", "EVENT TRIGGER",
	"MATERIALIZED VIEW DATA",
	"MATERIALIZED VIEW", "SEQUENCE OWNED BY", "SEQUENCE SET", "TABLE ATTACH", "INDEX ATTACH", "TABLE DATA",
	"DATABASE PROPERTIES",
	"FOREIGN TABLE", "FOREIGN DATA WRAPPER", "FOREIGN SERVER", "USER MAPPING", "SECURITY LABEL", "SHELL TYPE",
	"PROCEDURAL LANGUAGE",
	"ACCESS METHOD", "OPERATOR CLASS", "OPERATOR FAMILY", "TEXT SEARCH PARSER", "TEXT SEARCH DICTIONARY",
	"TEXT SEARCH TEMPLATE",
	"TEXT SEARCH CONFIGURATION", "PUBLICATION TABLES IN SCHEMA", "PUBLICATION TABLE", "SUBSCRIPTION TABLE",
	"STATISTICS DATA",
	"BLOB COMMENTS", "BLOB METADATA", "ACL LANGUAGE"}

var entryLine = regexp.MustCompile(`^\d+; \d+ \d+ (.+)$`)

// List returns an archive's table of contents. In its lines, spaces separate schema, name and owner, and may also
// stand inside of each. List takes them apart by the roles that can own something, and by the schemas in the list
// itself.
func (t Tools) List(ctx context.Context, a *Archive, roles []string) ([]Entry, error) {
	var out bytes.Buffer
	if err := t.offline(ctx, &out, a, nil, "--list", inherited(0)); err != nil {
		return nil, err
	}
	return parseList(out.String(), roles), nil
}

// Dependencies returns, for each entry, the entries that it depends on.
func (t Tools) Dependencies(ctx context.Context, a *Archive) (map[int][]int, error) {
	var out bytes.Buffer
	if err := t.offline(ctx, &out, a, nil, "--list", "--verbose", inherited(0)); err != nil {
		return nil, err
	}
	return parseDependencies(out.String()), nil
}

func parseDependencies(list string) map[int][]int {
	found := map[int][]int{}
	last := 0
	for line := range strings.Lines(list) {
		line = strings.TrimRight(line, "\n")
		if entryLine.MatchString(line) {
			last = Entry{Line: line}.ID()
		}
		numbers, ok := strings.CutPrefix(line, ";\tdepends on:")
		if !ok || last == 0 {
			continue
		}
		for _, n := range strings.Fields(numbers) {
			if id, err := strconv.Atoi(n); err == nil {
				found[last] = append(found[last], id)
			}
		}
	}
	return found
}

func parseList(list string, roles []string) []Entry {
	longestFirst := func(a, b string) int { return len(b) - len(a) }
	roles = oneLine(roles)
	slices.SortFunc(roles, longestFirst)
	var entries []Entry
	var schemas []string
	for line := range strings.Lines(list) {
		line = strings.TrimRight(line, "\n")
		m := entryLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		e := Entry{Line: line}
		e.Kind, e.Name, _ = strings.Cut(m[1], " ")
		for _, k := range longKinds {
			if rest, ok := strings.CutPrefix(m[1], k+" "); ok {
				e.Kind, e.Name = k, rest
				break
			}
		}
		e.cutOwner(roles)
		if name, ok := strings.CutPrefix(e.Name, "- "); ok {
			e.Schema, e.Name = "-", name
		}
		if e.Kind == "SCHEMA" {
			schemas = append(schemas, e.Name)
		}
		entries = append(entries, e)
	}
	schemas = append(schemas, "public")
	slices.SortFunc(schemas, longestFirst)
	for i := range entries {
		entries[i].cutSchema(schemas)
	}
	return entries
}

// cutOwner takes the owner off the end of Name: a known role, or else the last word.
func (e *Entry) cutOwner(roles []string) {
	for _, r := range roles {
		if name, ok := strings.CutSuffix(e.Name, " "+r); ok {
			e.Name, e.Owner = name, r
			return
		}
	}
	if i := strings.LastIndexByte(e.Name, ' '); i >= 0 {
		e.Name, e.Owner = e.Name[:i], e.Name[i+1:]
	}
}

// cutSchema takes the schema off the front of Name: a known one, or else the first word.
func (e *Entry) cutSchema(schemas []string) {
	if e.Schema != "" {
		return
	}
	for _, s := range schemas {
		if name, ok := strings.CutPrefix(e.Name, s+" "); ok {
			e.Schema, e.Name = s, name
			return
		}
	}
	e.Schema, e.Name, _ = strings.Cut(e.Name, " ")
}

// oneLine replaces line ends as pg_restore does in its list.
func oneLine(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = strings.NewReplacer("\n", " ", "\r", " ").Replace(n)
	}
	return out
}
