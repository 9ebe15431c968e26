package engine_test

import (
	"archive/zip"
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// TestValuesReadAsPostgreSQLPrintsThem: what a wedding page shows straight from a recovery point, with no database to
// ask, is what the database itself would have printed.
func TestValuesReadAsPostgreSQLPrintsThem(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	run(t, url, `create type mood as enum ('calm', 'it''s late')`, `create domain mail as text check (value like '%@%')`,
		`create type pair as (a int, b text)`,
		`create table organizations (id int primary key, name text)`,
		`create table weddings (id int primary key, couple text, wedding_date date, organization_id int)`,
		`create table suppliers (id int primary key, kind text, name text, contact_name text, phone text, email mail,
			city text)`,
		`create table vendors (wedding_id int references weddings, supplier_id int references suppliers,
			primary key (wedding_id, supplier_id))`,
		`create table things (id int primary key, wedding_id int references weddings, flag boolean, small smallint,
			big bigint, price numeric(20, 4), nan numeric, f4 real, f8 double precision,
			inf double precision, txt text, vc varchar(20), bp char(5), at timestamptz, plain timestamp, day date, clock time,
				span interval, ip inet, net cidr, u uuid, j json, jb jsonb,
			bytes bytea, tags text[], numbers int[], m mood, e mail, during daterange, big8 double precision, small4 real,
				zero double precision, slot tstzrange, open int4range, late timestamptz, ago interval, none interval)`,
		`create table composites (id int primary key, wedding_id int references weddings, p pair, v tsvector)`,
		`insert into weddings values (1, 'Zoë & <Łukasz>', '2026-12-24', null), (2, 'Others', '2027-01-01', null)`,
		`insert into suppliers values (1, 'florist', 'Rose; Thistle', 'Ada', '+44 1632 960001', 'ada@example.org', 'Bath'),
			(2, 'dj', 'Not theirs', null, null, 'x@example.org', null)`,
		`insert into vendors values (1, 1), (2, 2)`,
		`insert into things values (1, 1, true, -7, 9223372036854775807, 12345.6700, 'NaN', 1.1, 0.1, '-Infinity',
			E'tab\t\\ "quote"\nline', 'vc', 'bp', '2026-11-23 10:00:00.123456+02', '1999-12-31 23:59:59',
			'infinity', '23:59:59.5', '1 year 2 mons 3 days 04:05:06', '10.0.0.1', '10.0.0.0/8',
				'f81d4fae-7dec-11d0-a765-00a0c91e6bf6', '{"a": 1.10}', '{"b": [1, 1.10, "x"]}',
			'\x00ff', '{a,"b c",NULL,"d\"e"}', '{1,NULL,3}', 'it''s late', 'a@b', '[2026-01-01,2026-02-01)', 1e15, 1.5e-7, 0,
				'(2026-01-01 10:00+01,]', '[3,7]', 'infinity', '-1 day -02:00:01', '0')`,
		`insert into things (id, wedding_id) values (2, 1), (3, 2)`,
		`insert into composites values (1, 1, '(1,"x y")', 'a b'), (2, 2, null, null)`)
	e := engineWith(t, url, providers(t), repository.NewKeyFile())
	backup(t, e, keepsake.BackupFull)
	w, err := e.WeddingAt(t.Context(), engine.ScopeInput{Scope: ofWedding("1"), Point: "latest"})
	if err != nil {
		t.Fatal(err)
	}
	if w.Name != "Zoë & <Łukasz>" {
		t.Errorf("name: %q", w.Name)
	}
	seen := 0
	for _, table := range w.Tables {
		for _, row := range table.Rows {
			for i, c := range table.Columns {
				want := one[*string](t, url+"&timezone=UTC&extra_float_digits=3", `select "`+c.Name+`"::text from `+table.Table+
					` r where `+firstKey(table, row))
				seen++
				switch got := row[i]; {
				case (got == nil) != (want == nil):
					t.Errorf("%s.%s: null in one place only", table.Table, c.Name)
				case got != nil && strings.TrimRight(*got, " ") != strings.TrimRight(*want, " ") && !sameBoolean(*got, *want):
					t.Errorf("%s.%s (%s) reads %q, PostgreSQL prints %q", table.Table, c.Name, c.Type, *got, *want)
				}
			}
		}
	}
	if seen < 60 {
		t.Errorf("only %d values were compared", seen)
	}
	if len(w.Contacts) != 1 || w.Contacts[0].Email != "ada@example.org" {
		t.Errorf("contacts: %+v", w.Contacts)
	}
	var card bytes.Buffer
	if err := scope.ContactsVCard(&card, w.Contacts); err != nil ||
		!strings.Contains(card.String(), `ORG:Rose\; Thistle`+"\r\n") {
		t.Errorf("%s, %v", card.String(), err)
	}
	for _, format := range []string{"csv", "json"} {
		var b bytes.Buffer
		if err := scope.Export(&b, w.Tables, scope.ExportAs{Format: format}); err != nil {
			t.Fatal(err)
		}
		z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil || len(z.File) != 5 {
			t.Fatalf("%s: %d files, %v", format, len(z.File), err)
		}
		for _, f := range z.File {
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			content, err := io.ReadAll(r)
			if err != nil || len(content) == 0 || strings.Contains(string(content), "Others") ||
				strings.Contains(string(content), "Not theirs") {
				t.Errorf("%s: %s, %v", f.Name, content, err)
			}
		}
	}
	err = scope.Export(io.Discard, w.Tables, scope.ExportAs{Format: "exe"})
	if keepsake.CodeOf(err) != keepsake.CodeInvalid {
		t.Errorf("an unknown format: %v", err)
	}
}

// firstKey is the condition that finds a row of these tables again.
func firstKey(t scope.TableRows, row []*string) string {
	if t.Table == "public.vendors" {
		return "wedding_id = " + *row[0] + " and supplier_id = " + *row[1]
	}
	return "id = " + *row[0]
}

// sameBoolean: PostgreSQL prints t and f in rows, true and false in a cast.
func sameBoolean(a, b string) bool { return a[:1] == b[:1] && (b == "true" || b == "false") }
