package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"
)

// madePlatform is a generated platform as the statements that make it, and those that change its rows and its schema
// after the first backup.
type madePlatform struct{ build, edits []string }

// odd are names that need quoting, or look like something else to whoever cuts a list or a script.
var odd = []string{"plain", "Mixed Case", "select", "ümläut", `q"uote`, "semi;colon", `back\slash`, "two\nlines",
	"dot.ted", "$1", "it's", "-- no", "{}", "%s", " a ", "\t"}

// madeColumn is a column beside the table's number.
type madeColumn struct {
	name, kind string
	values     []string // literals; empty: texts are drawn
	nullable   bool
}

// madeTable is a table with the column "No" in every one, which numbers its rows.
type madeTable struct {
	name        string // quoted, with its schema
	columns     []madeColumn
	key         string // "none", "number" or "both": with the first column
	partitioned bool
	self        string // the reference to itself, as a constraint; empty: none
	parent      string // the table that it refers to; empty: none
	generated   bool
	rows        int
	referenced  bool
}

type maker struct {
	t       *rapid.T
	out     []string
	schemas []string
	kinds   []madeColumn // types to choose from
	tables  []*madeTable
	names   int
}

func (m *maker) addf(format string, args ...any) { m.out = append(m.out, fmt.Sprintf(format, args...)) }
func (m *maker) draw(from, to int) int           { return rapid.IntRange(from, to).Draw(m.t, "number") }
func (m *maker) maybe() bool                     { return rapid.Bool().Draw(m.t, "maybe") }
func pick[T any](m *maker, list []T) T           { return rapid.SampledFrom(list).Draw(m.t, "one of") }

// name is a new name; no two are the same.
func (m *maker) name() string {
	m.names++
	return fmt.Sprintf("%s%d", pick(m, odd), m.names)
}

func quoted(names ...string) string { return pgx.Identifier(names).Sanitize() }
func literal(s string) string       { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// builtin are types with the values of theirs that go wrong most easily.
var builtin = []madeColumn{
	{kind: "text"},
	{kind: "varchar(40)", values: []string{`''`, `E'\\N'`, `E'\\.'`, `'NULL'`}},
	{kind: "char(7)", values: []string{`''`, `'a '`, `'äöü'`}},
	{kind: `"char"`, values: []string{`'x'`, `''`}},
	{kind: "int8", values: []string{"9223372036854775807", "-9223372036854775808", "0"}},
	{kind: "numeric", values: []string{"'NaN'", "'Infinity'", "'-Infinity'", "1e-30", "123456789012345678901234567890.5",
		"0.000", "-0.10"}},
	{kind: "numeric(12,3)", values: []string{"'NaN'", "1.5", "-999999999.999"}},
	{kind: "float8", values: []string{"'NaN'", "'infinity'", "'-0'", "1e308", "5e-324", "0.1"}},
	{kind: "float4", values: []string{"'NaN'", "'-infinity'", "1.1", "'-0'"}},
	{kind: "bool", values: []string{"true", "false"}},
	{kind: "bytea", values: []string{`''`, `'\x00ff5c0a0d'`, `decode(repeat('00ff10', 3000), 'hex')`}},
	{kind: "date", values: []string{"'infinity'", "'-infinity'", "'4713-01-01 BC'", "'2026-11-23'"}},
	{kind: "timestamptz", values: []string{"'infinity'", "'-infinity'", "'0044-03-15 12:00+00 BC'",
		"'2026-03-29 02:30:00.123456+02'"}},
	{kind: "timestamp", values: []string{"'infinity'", "'2026-02-28 23:59:60'"}},
	{kind: "timetz", values: []string{"'24:00:00-07'", "'00:00+15:59'"}},
	{kind: "interval", values: []string{"'1 year -3 days 04:05:06.789'", "'-1 mon'", "'0'"}},
	{kind: "uuid", values: []string{"'00000000-0000-0000-0000-000000000000'", "gen_random_uuid()"}},
	{kind: "jsonb", values: []string{`'null'`, `'{"a": [1, 1.50, null, "ä€\\u0007"], "": {}}'`, `'"\\\\N"'`, `'[]'`}},
	{kind: "json", values: []string{`'{"b":1,  "a":2, "a":3}'`, `E'[\n]'`}},
	{kind: "xml", values: []string{`'<a b="c"/>'`, `'text'`}},
	{kind: "inet", values: []string{"'10.0.0.1/8'", "'::1'"}},
	{kind: "tsvector", values: []string{`to_tsvector('simple', 'one two ''three')`, `''`}},
	{kind: "jsonpath", values: []string{`'$.a[*] ? (@ > 1)'`}},
	{kind: "regtype", values: []string{"'int4'", "0"}},
	{kind: "point", values: []string{"'(1,-2.5)'", "'(NaN,infinity)'"}},
	{kind: "bit varying(9)", values: []string{"b'10101'", "b''"}},
	{kind: "tstzrange", values: []string{"'empty'", "'(,)'", "'[2026-01-01, infinity)'"}},
	{kind: "int4multirange", values: []string{"'{}'", "'{[1,5),[7,9)}'"}},
	{kind: "int4[]", values: []string{"'{}'", "'{1,NULL,-3}'", "'[0:1]={7,8}'", "'{{1,2},{3,4}}'"}},
	{kind: "text[]", values: []string{"'{}'", `'{NULL,"NULL","",", \"\\"}'`}},
	{kind: "numeric[]", values: []string{"'{NaN,1.10}'"}},
	{kind: "bytea[]", values: []string{`array['\x00'::bytea, '']`}},
	{kind: "jsonb[]", values: []string{`array['{"a":1}'::jsonb, null]`}},
}

// types makes an enum, a domain and a composite type, all with arrays.
func (m *maker) types() {
	m.kinds = slices.Clone(builtin)
	array := func(name string, values ...string) {
		m.kinds = append(m.kinds, madeColumn{kind: name, values: values},
			madeColumn{kind: name + "[]", values: []string{"'{}'", "array[" + strings.Join(values, ", ") + ", null]::" + name +
				"[]"}})
	}
	enum, domain, composite := quoted(pick(m, m.schemas), m.name()), quoted(pick(m, m.schemas), m.name()),
		quoted(pick(m, m.schemas), m.name())
	m.addf("create type %s as enum ('yes', 'it''s', '', 'zwölf, \"x\"')", enum)
	array(enum, "'yes'", "'it''s'", "''", "'zwölf, \"x\"'")
	m.addf("create domain %s as numeric check (value <> 13)", domain)
	array(domain, "1.50", "'NaN'")
	m.addf("create type %s as (%s text, b %s, c int[])", composite, quoted("a b"), enum)
	array(composite, "row('x,)(\"', 'yes', '{1}')::"+composite, "row(null, null, null)::"+composite)
}

// table makes one table, empty.
func (m *maker) table() {
	t := &madeTable{name: quoted(pick(m, m.schemas), m.name()), key: pick(m, []string{"none", "number", "number", "both"})}
	for range m.draw(1, 6) {
		c := pick(m, m.kinds)
		c.name, c.nullable = quoted(m.name()), m.maybe()
		t.columns = append(t.columns, c)
	}
	t.generated = m.maybe()
	lines := []string{`"No" int not null`}
	if t.key == "both" { // a column whose values can be in an index
		t.columns[0].kind, t.columns[0].values, t.columns[0].nullable = "text", nil, false
	}
	for _, c := range t.columns {
		line := c.name + " " + c.kind
		if !c.nullable {
			line += " not null"
		}
		lines = append(lines, line)
	}
	if t.generated {
		lines = append(lines, quoted(m.name())+` int8 generated always as ("No" * 2) stored`)
	}
	switch t.key {
	case "number":
		lines = append(lines, `primary key ("No")`)
		if m.maybe() {
			t.self = quoted(m.name())
			lines = append(lines, fmt.Sprintf(`%s int references %s on delete set null deferrable initially deferred`,
				t.self, t.name))
		}
	case "both":
		lines = append(lines, `primary key ("No", `+t.columns[0].name+")")
	case "none":
		if m.maybe() {
			lines = append(lines, quoted(m.name())+" int generated by default as identity")
			break
		}
		t.partitioned = m.maybe()
	}
	for _, other := range m.tables {
		if other.key == "number" && m.maybe() {
			t.parent, other.referenced = other.name, true
			lines = append(lines, fmt.Sprintf(`foreign key ("No") references %s on delete cascade`, other.name))
			break
		}
	}
	suffix := ""
	if t.partitioned {
		suffix = ` partition by hash ("No")`
	}
	m.addf("create table %s (%s)%s", t.name, strings.Join(lines, ", "), suffix)
	if t.partitioned {
		m.partitions(t, lines)
	}
	m.tables = append(m.tables, t)
}

// partitions makes two: one as PostgreSQL makes it, one with its columns in another order, made apart and attached.
func (m *maker) partitions(t *madeTable, lines []string) {
	m.addf("create table %s partition of %s for values with (modulus 2, remainder 0)",
		quoted(pick(m, m.schemas), m.name()), t.name)
	columns := slices.DeleteFunc(slices.Clone(lines), func(l string) bool { return strings.HasPrefix(l, "foreign key") })
	slices.Reverse(columns)
	apart := quoted(pick(m, m.schemas), m.name())
	m.addf("create table %s (gone text, %s)", apart, strings.Join(columns, ", "))
	m.addf("alter table %s drop column gone", apart)
	m.addf("alter table %s attach partition %s for values with (modulus 2, remainder 1)", t.name, apart)
}

var letters = rapid.RuneFrom([]rune("ab\t\n\r\\'\",.;$"),
	unicode.Latin, unicode.Greek, unicode.Han, unicode.Zs, unicode.So)

// value is a literal of the column's type.
func (m *maker) value(c madeColumn) string {
	switch {
	case c.nullable && m.draw(0, 4) == 0:
		return "null"
	case len(c.values) == 0 && m.draw(0, 9) == 0:
		return "repeat(" + literal(rapid.StringOfN(letters, 1, 5, -1).Draw(m.t, "text")) + ", 400)"
	case len(c.values) == 0:
		return literal(rapid.StringOfN(letters, 0, 12, -1).Draw(m.t, "text"))
	}
	return pick(m, c.values)
}

// fill adds n rows to a table, numbered on from those it has.
// A table that refers to another one has no more rows than that.
func (m *maker) fill(t *madeTable, n int) {
	for _, other := range m.tables {
		if other.name == t.parent {
			n = min(n, other.rows-t.rows)
		}
	}
	names := []string{`"No"`}
	for _, c := range t.columns {
		names = append(names, c.name)
	}
	if t.self != "" {
		names = append(names, t.self)
	}
	for range n {
		t.rows++
		values := []string{fmt.Sprint(t.rows)}
		for _, c := range t.columns {
			values = append(values, m.value(c))
		}
		if t.self != "" {
			values = append(values, pick(m, []string{"null", fmt.Sprint(t.rows), `(select min("No") from ` + t.name + `)`}))
		}
		where := ""
		if t.parent != "" { // whose row may be gone
			where = fmt.Sprintf(` where exists (select from %s p where p."No" = %d)`, t.parent, t.rows)
		}
		m.addf("insert into %s (%s) select %s%s", t.name, strings.Join(names, ", "), strings.Join(values, ", "), where)
	}
}

// drawPlatform draws a platform of a few tables, with some rows each.
func drawPlatform(t *rapid.T) madePlatform {
	m := &maker{t: t, schemas: []string{"public"}}
	for range m.draw(1, 2) {
		m.schemas = append(m.schemas, m.name())
		m.addf("create schema %s", quoted(m.schemas[len(m.schemas)-1]))
	}
	m.types()
	for range m.draw(3, 5) {
		m.table()
	}
	for _, table := range m.tables {
		m.fill(table, m.draw(0, 20))
	}
	p := madePlatform{build: m.out}
	m.out = nil
	for range m.draw(4, 9) {
		m.edit(pick(m, m.tables))
	}
	p.edits = m.out
	return p
}

// edit changes one table's rows or definition.
func (m *maker) edit(t *madeTable) {
	some := fmt.Sprintf(`"No" %% %d = 0`, m.draw(1, 5))
	c := pick(m, t.columns)
	switch kind := m.draw(0, 7); {
	case kind == 0:
		m.addf("delete from %s where %s", t.name, some)
	case kind == 1 && !t.referenced:
		m.addf("truncate %s", t.name)
	case kind == 2 && len(t.columns) > 1 && !(t.key == "both" && c.name == t.columns[0].name):
		m.addf("alter table %s drop column %s", t.name, c.name)
		t.columns = slices.DeleteFunc(t.columns, func(other madeColumn) bool { return other.name == c.name })
	case kind == 3:
		c := pick(m, m.kinds)
		c.name, c.nullable = quoted(m.name()), true
		m.addf("alter table %s add column %s %s default %s", t.name, c.name, c.kind, m.value(c))
		t.columns = append(t.columns, c)
	case kind == 4:
		m.table()
		m.fill(m.tables[len(m.tables)-1], 5)
	case kind == 5:
		m.addf("vacuum full %s", t.name)
	case kind == 6:
		m.fill(t, 8)
	default:
		m.addf("update %s set %s = %s where %s", t.name, c.name, m.value(c), some)
	}
}
