package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// keyType is a type that keys have. values are two weddings' keys, and two guests' of each; references are the same
// keys, spelled as rows that refer to them have them.
type keyType struct {
	name, parent, child string
	setup               []string
	values, references  []string
	id                  string // of wedding 1, as a person names it
	respelled           string // an equal key of the first guest
	rough               bool   // a server alone knows which keys are equal
}

func keyTypes() []keyType {
	return []keyType{
		{
			name: "domain of a domain", parent: "deeper", child: "bigint", id: "1",
			setup:  []string{"create domain deep as bigint", "create domain deeper as deep check (value > 0)"},
			values: []string{"1", "2", "11", "12", "21", "22"},
		},
		{
			name: "domain of uuid", parent: "key", child: "key", id: "00000000-0000-0000-0000-000000000001",
			setup: []string{"create domain key as uuid"},
			values: []string{"'00000000-0000-0000-0000-000000000001'", "'00000000-0000-0000-0000-000000000002'",
				"'00000000-0000-0000-0000-000000000011'", "'00000000-0000-0000-0000-000000000012'",
				"'00000000-0000-0000-0000-000000000021'", "'00000000-0000-0000-0000-000000000022'"},
		},
		{
			name: "numeric", parent: "numeric", child: "numeric(30,5)", id: "1.0", respelled: "11.000",
			values:     []string{"1", "1.5", "11.00", "1e15", "-11.0", "123456789012345.6780"},
			references: []string{"1.000", "1.50", "11", "1000000000000000.0", "-11", "123456789012345.678"},
		},
		{
			name: "integer that references numeric", parent: "numeric", child: "integer", id: "1", respelled: "11.0",
			values:     []string{"1.0", "2", "11.00", "12.0", "-11.0", "0.0"},
			references: []string{"1", "2", "11", "12", "-11", "0"},
		},
		{
			name: "integer that references bigint", parent: "bigint", child: "integer", id: "1",
			values: []string{"1", "2", "11", "12", "-11", "0"},
		},
		{
			name: "numeric that references double", parent: "double precision", child: "numeric", id: "0.1",
			respelled: "'0'", values: []string{"0.1", "0.2", "'-0'", "1e15", "1.1", "'infinity'"},
			references: []string{"0.10", "0.2", "0.00", "1000000000000000.0", "1.1", "null"},
		},
		{
			name: "real that references double", parent: "double precision", child: "real", id: "0.5", respelled: "'0'",
			values: []string{"0.5", "1", "'-0'", "'nan'", "0.25", "'-infinity'"}, references: []string{"0.5", "1", "0", "'nan'",
				"0.25", "'-infinity'"},
		},
		{
			name: "character(8)", parent: "char(8)", child: "bpchar", id: "a",
			values:     []string{"'a'", "'b'", "'aa'", "'ab'", "'ba'", "' a'"},
			references: []string{"'a '", "'b'", "'aa     '", "'ab'", "'ba  '", "' a   '"},
		},
		{
			name: "character that references text", parent: "text", child: "char(8)", id: "a",
			values: []string{"'a'", "'b'", "'aa'", "'ab'", "'ba'", "' a'"},
		},
		{
			name: "enum", parent: "mood", child: "mood", id: "calm",
			setup:  []string{`create type mood as enum ('calm', 'merry', 'sad', 'a, b', 'tab	bed', 'back\slash')`},
			values: []string{"'calm'", "'merry'", "'sad'", "'a, b'", "E'tab\\tbed'", "E'back\\\\slash'"},
		},
		{
			name: "citext", parent: "citext", child: "citext", setup: []string{"create extension citext"}, id: "ann-bo",
			respelled:  "'PÉTER'",
			values:     []string{"'Ann-Bo'", "'Anna-Bo'", "'Péter'", "'IDA'", "'Peter'", "'Idas'"},
			references: []string{"'ann-bo'", "'ANNA-bo'", "'péTER'", "'ida'", "'peter'", "'idAS'"},
		},
		{
			name: "domain of citext in a schema", parent: "key", child: `"x.y".citext`, id: "ann-bo",
			setup: []string{`create schema "x.y"`, `create extension citext schema "x.y"`,
				`create domain key as "x.y".citext`},
			values:     []string{"'Ann-Bo'", "'Anna-Bo'", "'Péter'", "'IDA'", "'Peter'", "'Idas'"},
			references: []string{"'ann-bo'", "'ANNA-bo'", "'péTER'", "'ida'", "'peter'", "'idAS'"},
		},
		{
			name: "text without regard to case", parent: "text collate folding", child: "text collate folding", id: "ann",
			setup:  []string{"create collation folding (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"},
			values: []string{"'Ann'", "'Anna'", "'Péter'", "'IDA'", "'Peter'", "'Idas'"}, rough: true,
			references: []string{"'ann'", "'ANNA'", "'péTER'", "'ida'", "'peter'", "'idAS'"}, respelled: "'PÉTER'",
		},
		{
			name: "text of two collations", parent: `text collate "C"`, child: `text collate "POSIX"`, id: "a",
			values: []string{"'a'", "'b'", "'aa'", "'ab'", "'ba'", "' a'"},
		},
		{
			name: "ltree", parent: "ltree", child: "ltree", setup: []string{"create extension ltree"}, id: "a.b",
			values: []string{"'a.b'", "'a.c'", "'a.b.c'", "'a.b.d'", "'a'", "'A.B'"},
		},
		{
			name: "date", parent: "date", child: "date", id: "2026-05-01",
			values: []string{"'2026-05-01'", "'2026-05-02'", "'0044-03-15 BC'", "'infinity'", "'12026-01-01'", "'0001-02-28'"},
		},
		{
			name: "date that references timestamp", parent: "timestamp", child: "date", id: "2026-05-01 00:00:00",
			values: []string{"'2026-05-01'", "'2026-05-02'", "'0044-03-15 BC'", "'infinity'", "'-infinity'", "'2024-02-29'"},
		},
		{
			name: "timestamptz", parent: "timestamptz", child: "timestamptz", id: "2026-05-01 12:00:00+00",
			values: []string{"'2026-05-01 12:00Z'", "'2026-05-01 12:00:00.000001Z'", "'0044-03-15 01:02Z BC'", "'infinity'",
				"'-infinity'", "'2024-02-29 00:00:59.5Z'"},
		},
		{
			name: "time", parent: "time", child: "time", id: "12:00:00",
			values: []string{"'12:00'", "'12:00:01'", "'24:00'", "'00:00'", "'01:02:03.04'", "'23:59:59.999999'"},
		},
		{
			name: "interval", parent: "interval", child: "interval", id: "1 day", rough: true, respelled: "'720 hours'",
			values: []string{"'1 day'", "'2 days'", "'1 month'", "'1 hour'", "'-1 day'", "'31 days'"}, references: []string{
				"'24 hours'", "'48:00'", "'30 days'", "'60 minutes'", "'-24 hours'", "'1 month 1 day'"},
		},
		{
			name: "bytea", parent: "bytea", child: "bytea", id: `\x00`,
			values: []string{`'\x00'`, `'\x01'`, `'\x0000'`, `'\x5c78'`, `'\x'`, `'\xff'`},
		},
		{
			name: "oid", parent: "oid", child: "oid", id: "1",
			values: []string{"1", "2", "4294967295", "2147483648", "0", "7"},
		},
		{
			name: "inet", parent: "inet", child: "cidr", id: "10.0.0.1",
			values: []string{"'10.0.0.1'", "'10.0.0.2'", "'10.0.0.0/24'", "'::1'", "'10.0.0.0/25'", "'2001:db8::/32'"},
		},
		{
			name: "bit", parent: "varbit", child: "varbit", id: "1",
			values: []string{"B'1'", "B'0'", "B'10'", "B'100000001'", "B'01'", "B''"},
		},
		{
			name: "range", parent: "int4range", child: "int4range", id: "[1,3)", rough: true,
			values: []string{"'[1,2]'", "'[1,4)'", "'[1,)'", "'empty'", "'(,1)'", "'[2,3]'"},
		},
		{
			name: "range of numeric", parent: "numrange", child: "numrange", id: "[1,2.0)", respelled: "'[1,)'",
			values: []string{"'[1.0,2.00)'", "'[1,3)'", "'[1.0,)'", "'empty'", "'(,1)'", "'[1,2]'"}, references: []string{
				"'[1,2)'", "'[1.0,3)'", "'[1.00,)'", "'empty'", "'(,1.0)'", "'[1.0,2.0]'"},
		},
		{
			name: "multirange", parent: "nummultirange", child: "nummultirange", id: "{[1,2.0)}",
			values:     []string{"'{[1.0,2.00)}'", "'{[1,3)}'", "'{[1.0,),(,0]}'", "'{}'", "'{(,1)}'", "'{[1,2]}'"},
			references: []string{"'{[1,2)}'", "'{[1.0,3)}'", "'{(,0.00],[1.00,)}'", "'{}'", "'{(,1.0)}'", "'{[1.0,2.0]}'"},
		},
		{
			name: "range of text", parent: "span", child: "span", id: "[a,b)", rough: true,
			setup:  []string{"create type span as range (subtype = text)"},
			values: []string{"'[a,b)'", "'[a,c)'", `'["a,b",c)'`, "'empty'", "'(,a)'", "'[a,b]'"},
		},
		{
			name: "composite", parent: "card", child: "card", id: "(1,x)",
			setup:  []string{"create type card as (number int, holder text)"},
			values: []string{"'(1,x)'", "'(2,x)'", `'(1,"a, b")'`, "'(1,)'", "'(,x)'", "'(1,X)'"},
		},
		{
			name: "composite with numbers", parent: "card", child: "card", id: "(1.0,x)", rough: true, respelled: "'(1.0,y)'",
			setup:  []string{"create type card as (number numeric, holder text)"},
			values: []string{"'(1.0,x)'", "'(2.0,x)'", "'(1,y)'", "'(1.0,)'", "'(,x)'", "'(1,X)'"}, references: []string{
				"'(1,x)'", "'(2,x)'", "'(1.00,y)'", "'(1,)'", "'(,x)'", "'(1.0,X)'"},
		},
		{
			name: "array", parent: "int[]", child: "int[]", id: "{1}", rough: true,
			values: []string{"'{1}'", "'{2}'", "'{1,2}'", "'{}'", "'[0:0]={1}'", "'{{1}}'"},
		},
		{
			name: "array of an enum", parent: "mood[]", child: "mood[]", id: "{calm}",
			setup:  []string{`create type mood as enum ('calm', 'merry')`},
			values: []string{"'{calm}'", "'{merry}'", "'{calm,merry}'", "'{}'", "'{{calm}}'", "'{merry,calm}'"},
		},
		{
			name: "jsonb", parent: "jsonb", child: "jsonb", id: `{"a": 1.0}`, rough: true, respelled: `'{"b": 1.00}'`,
			values:     []string{`'{"a": 1}'`, `'{"a": 2}'`, `'{"b": 1.0}'`, `'[]'`, `'{}'`, `'"x"'`},
			references: []string{`'{"a": 1.0}'`, `'{"a": 2.0}'`, `'{"b": 1}'`, `'[]'`, `'{}'`, `'"x"'`},
		},
	}
}

// statements makes a wedding's guests, whose gifts refer to them in the format of COPY that the guests have, and whose
// letters in the other one where that is possible.
func (k keyType) statements() []string {
	references := k.references
	if references == nil {
		references = k.values
	}
	out := append(slices.Clone(k.setup),
		fmt.Sprintf("create table weddings (id %s primary key, couple text, wedding_date date)", k.parent),
		fmt.Sprintf("create table guests (id %s primary key, wedding_id %s references weddings, name text)", k.parent,
			k.child),
		fmt.Sprintf("create table gifts (id int primary key, guest %s references guests, what text)", k.child),
		fmt.Sprintf("create table letters (id int primary key, guest %s references guests, words tsvector)", k.child))
	for i, v := range k.values {
		if i < 2 {
			out = append(out, fmt.Sprintf("insert into weddings values (%s, 'Couple %d', '2026-05-01')", v, i+1))
			continue
		}
		out = append(out, fmt.Sprintf("insert into guests values (%s, %s, 'guest %d')", v, references[(i-2)/2], i),
			fmt.Sprintf("insert into gifts values (%d, %s, 'gift'), (%d, %s, 'gift')", i, references[i], 10+i, references[i]),
			fmt.Sprintf("insert into letters values (%d, %s, 'letter')", i, references[i]))
	}
	return out
}

// wedding is every row of one wedding.
func (k keyType) wedding(t *testing.T, url string, n int) string {
	t.Helper()
	var all []string
	for _, what := range []string{
		"select 'w ' || format('%s', x) from weddings x where couple like '%% %d'",
		"select 'g ' || format('%s', x) from guests x where name like 'guest%%' and " +
			"(substr(name, 7)::int - 2) / 2 = %d - 1",
		"select 'f ' || format('%s', x) from gifts x where (id %% 10 - 2) / 2 = %d - 1",
		"select 'l ' || format('%s', x) from letters x where (id %% 10 - 2) / 2 = %d - 1",
	} {
		all = append(all, strings.Replace(fmt.Sprintf(strings.Replace(what, "'%s'", "'~'", 1), n), "'~'", "'%s'", 1))
	}
	return one[string](t, url, "select coalesce(string_agg(r, E'\\n' order by r), '') from ("+
		strings.Join(all, " union all ")+") x(r)")
}

// TestKeysOfEveryType: a wedding whose keys have any type comes back, whatever way rows that refer to each other spell
// them, and the other wedding stays as it is.
func TestKeysOfEveryType(t *testing.T) {
	t.Parallel()
	for _, k := range keyTypes() {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			url, e := platformOf(t, k.statements()...)
			backup(t, e, keepsake.BackupFull)
			whole, other := k.wedding(t, url, 1), k.wedding(t, url, 2)
			if n := strings.Count(whole, "\n"); n != 8 {
				t.Fatalf("wedding 1 has %d rows:\n%s", n+1, whole)
			}
			s, err := e.ReadScope(t.Context(), engine.ScopeInput{Scope: ofWedding(k.id), Point: "latest"})
			if err != nil {
				t.Fatal(err)
			}
			if n := s.Rows().Count("public.guests"); n != 2 && !k.rough {
				t.Errorf("without the platform it has %d guests", n)
			}
			if k.rough && s.Rows().Note("public.weddings")+s.Rows().Note("public.guests") == "" {
				t.Error("nothing is said of rows that only a server can tell")
			}
			unchanged := func(when string) {
				t.Helper()
				if got := k.wedding(t, url, 2); got != other {
					t.Errorf("%s, wedding 2 is\n%s\nnot\n%s", when, got, other)
				}
			}
			run(t, url, "delete from gifts where id in (3, 13, 2)", "delete from letters where id in (2, 3)",
				"delete from guests where name = 'guest 3'")
			if _, r := applied(t, e, ofWedding(k.id), scope.Missing); r.Applied.Inserted != 6 {
				t.Errorf("%d rows came back", r.Applied.Inserted)
			}
			if got := k.wedding(t, url, 1); got != whole {
				t.Errorf("with what was missing, wedding 1 is\n%s\nnot\n%s", got, whole)
			}
			unchanged("after what was missing came back")
			run(t, url, "delete from gifts where id in (3, 13)", "update gifts set what = 'other' where id = 2",
				"delete from letters where id = 3", "delete from guests where name = 'guest 3'",
				"update letters set words = 'no' where id = 2",
				"update weddings set couple = 'Damaged 1' where couple = 'Couple 1'")
			if k.respelled != "" {
				run(t, url, "update guests set id = "+k.respelled+" where name = 'guest 2'")
			}
			damaged := k.wedding(t, url, 1)
			_, rewound := applied(t, e, ofWedding(k.id), scope.Rewind)
			if got := k.wedding(t, url, 1); got != whole {
				t.Errorf("rewound, wedding 1 is\n%s\nnot\n%s", got, whole)
			}
			unchanged("after the rewind")
			if back, err := e.Undo(t.Context(), rewound.Restore); err != nil || len(back.Refused) > 0 {
				t.Fatalf("%v %v", err, back.Refused)
			}
			if got := k.wedding(t, url, 1); got != damaged {
				t.Errorf("after the undo, wedding 1 is\n%s\nnot\n%s", got, damaged)
			}
			unchanged("after the undo")
		})
	}
}

// platformOf is a platform that statements make, and its engine.
func platformOf(t *testing.T, statements ...string) (url string, e *engine.Engine) {
	t.Helper()
	url = testenv.DB(t)
	run(t, url, statements...)
	return url, engineWith(t, url, providers(t), repository.NewKeyFile())
}
