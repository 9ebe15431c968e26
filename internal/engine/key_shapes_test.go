package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// TestKeysOfEveryShape: keys that include other columns, of several columns of different types, in schemas and columns
// whose names have dots, beside tables without a stored column, in a database without an encoding.
func TestKeysOfEveryShape(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{"UTF8", "SQL_ASCII"} {
		t.Run(encoding, func(t *testing.T) {
			t.Parallel()
			url := absent(t)
			run(t, testenv.DB(t), fmt.Sprintf("create database %s template template0 encoding '%s' lc_collate 'C' lc_ctype 'C'",
				pgx.Identifier{nameIn(t, url)}.Sanitize(), encoding))
			run(t, url, "create extension citext",
				"create table weddings (id int, couple text, wedding_date date, primary key (id) include (couple))",
				`create schema "a.b"`, `create table "a.b"."c.d" ("e.f" citext, n numeric, wedding_id int references weddings,
					note text, primary key ("e.f", n) include (note))`,
				`create table "a.b".gifts (id int primary key, who citext, n numeric,
					computed int generated always as (id * 2) stored, foreign key (who, n) references "a.b"."c.d")`,
				"create table nothing ()", "insert into nothing default values",
				"create table computed (a int generated always as (7) stored)", "insert into computed default values",
				"create table lists (wedding_id int, number int primary key, twice int generated always as (wedding_id) stored "+
					"references weddings)",
				"insert into weddings values (1, 'A', '2026-05-01'), (2, 'B', '2026-06-01')",
				`insert into "a.b"."c.d" values ('Ann', 1.0, 1, 'x'), ('Ann', 1.1, 2, 'y'), ('Anna', 1, 2, 'z'), ('Bo', 1, 1, 'w')`,
				`insert into "a.b".gifts values (1, 'ann', 1.00), (2, 'ANN', 1.10), (3, 'anna', 1.0), (4, 'BO', 1)`,
				"insert into lists values (1, 1), (2, 2)")
			e := engineWith(t, url, providers(t), repository.NewKeyFile())
			backup(t, e, keepsake.BackupFull)
			image := func(n string) string {
				return one[string](t, url, fmt.Sprintf(`select string_agg(r, E'\n' order by r) from (
					select format('%%s', w) from weddings w where id = %[1]s
					union all select format('%%s', c) from "a.b"."c.d" c where wedding_id = %[1]s
					union all select format('%%s', g) from "a.b".gifts g
						where id = any(case %[1]s when 1 then '{1,4}'::int[] else '{2,3}'::int[] end)) x(r)`, n))
			}
			whole, other := image("1"), image("2")
			run(t, url, `delete from "a.b".gifts where id in (1, 4)`, `delete from "a.b"."c.d" where note = 'x'`,
				`update "a.b"."c.d" set note = 'v' where note = 'w'`)
			p, _ := applied(t, e, ofWedding("1"), scope.Rewind)
			if got := image("1"); got != whole {
				t.Errorf("wedding 1 is\n%s\nnot\n%s", got, whole)
			}
			if got := image("2"); got != other {
				t.Errorf("wedding 2 is\n%s\nnot\n%s", got, other)
			}
			wantNote(t, p, "public.lists", "does not hold twice of public.lists", true)
			for _, c := range p.Tables {
				if c.Table == `"a.b"."c.d"` && strings.Join(c.Key, " ") != "e.f n" {
					t.Errorf("the key is %v", c.Key)
				}
			}
		})
	}
}

// TestTemporalKeys: a row refers to periods of another one, which cover its own together.
func TestTemporalKeys(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	if v := one[int](t, url, "select current_setting('server_version_num')::int"); v < 180000 {
		t.Skip("temporal keys need PostgreSQL 18")
	}
	run(t, url, "create extension btree_gist",
		"create table weddings (id int primary key, couple text, wedding_date date)",
		"create table rooms (id int, wedding_id int references weddings, valid daterange, note text, "+
			"primary key (id, valid without overlaps))",
		"create table stays (id int primary key, room int, valid daterange, guest text, "+
			"foreign key (room, period valid) references rooms (id, period valid))",
		"insert into weddings values (1, 'A', '2026-05-01'), (2, 'B', '2026-06-01')",
		"insert into rooms values (7, 1, '[2026-05-01,2026-05-03)', 'a'), (7, 1, '[2026-05-03,2026-05-05)', 'b'), "+
			"(7, 2, '[2026-06-01,2026-06-05)', 'c'), (8, 2, '[2026-05-01,2026-05-05)', 'd')",
		"insert into stays values (1, 7, '[2026-05-02,2026-05-04)', 'x'), (2, 7, '[2026-06-01,2026-06-02)', 'y'), "+
			"(3, 8, '[2026-05-02,2026-05-04)', 'z')")
	e := engineWith(t, url, providers(t), repository.NewKeyFile())
	backup(t, e, keepsake.BackupFull)
	image := func() string {
		return one[string](t, url, "select string_agg(r, E'\\n' order by r) from (select format('%s', r) from rooms r "+
			"union all select format('%s', s) from stays s union all select format('%s', w) from weddings w) x(r)")
	}
	whole := image()
	run(t, url, "delete from stays where id = 1", "delete from rooms where note = 'b'")
	if _, r := applied(t, e, ofWedding("1"), scope.Missing); r.Applied.Inserted != 2 {
		t.Errorf("%d rows came back", r.Applied.Inserted)
	}
	if got := image(); got != whole {
		t.Errorf("what was missing came back as\n%s\nnot\n%s", got, whole)
	}
	run(t, url, "update rooms set note = 'e' where note = 'a'", "update stays set guest = 'w' where id = 1")
	damaged := image()
	_, r := applied(t, e, ofWedding("1"), scope.Rewind)
	if got := image(); got != whole {
		t.Errorf("rewound to\n%s\nnot\n%s", got, whole)
	}
	if back, err := e.Undo(t.Context(), r.Restore); err != nil || len(back.Refused) > 0 {
		t.Fatalf("%v %v", err, back.Refused)
	}
	if got := image(); got != damaged {
		t.Errorf("after the undo it is\n%s\nnot\n%s", got, damaged)
	}
}
