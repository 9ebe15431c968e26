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

// twoWeddings is a platform of two weddings, and what is made after them.
func twoWeddings(t *testing.T, more ...string) (url string, e *engine.Engine) {
	t.Helper()
	url = testenv.DB(t)
	run(t, url, "create table weddings (id int primary key, couple text not null, wedding_date date)",
		"insert into weddings values (1, 'A', '2026-05-01'), (2, 'B', '2026-06-01')")
	run(t, url, more...)
	return url, engineWith(t, url, providers(t), repository.NewKeyFile())
}

// applied previews a restore from the latest point and applies it.
func applied(t *testing.T, e *engine.Engine, of keepsake.Scope, mode scope.Mode) (*scope.Preview, engine.ScopeResult) {
	t.Helper()
	s, err := e.ReadScope(t.Context(), engine.ScopeInput{Scope: of, Point: "latest", Mode: mode})
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.Preview(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Apply(t.Context(), engine.ScopeApply{Fingerprint: p.Fingerprint})
	if err != nil {
		t.Fatal(err)
	}
	return p, r
}

// wantNote fails unless the preview says it of the table.
func wantNote(t *testing.T, p *scope.Preview, table, words string, want bool) {
	t.Helper()
	said := slices.ContainsFunc(p.Tables, func(c scope.TableChanges) bool {
		return c.Table == table &&
			slices.ContainsFunc(c.Notes, func(n string) bool { return strings.Contains(n, words) })
	})
	if said != want {
		t.Errorf("the preview says %q of %s: %v, want %v; it says %+v", words, table, said, want, p.Tables)
	}
}

// TestSequencesArePastWhatCameBack: after a restore into the live platform, the next row of every table gets a number
// that nobody has, and no sequence goes back.
func TestSequencesArePastWhatCameBack(t *testing.T) {
	t.Parallel()
	url, e := twoWeddings(t,
		"create table guests (id serial primary key, wedding_id int references weddings, name text)",
		"create table tasks (id bigint generated always as identity (increment by 7) primary key, "+
			"wedding_id int references weddings)",
		"create sequence gift_numbers increment by -3 start with 100 minvalue -50 maxvalue 100 cycle",
		"create table gifts (id int default nextval('gift_numbers') primary key, wedding_id int references weddings)",
		"create table seats (id int, wedding_id int references weddings, primary key (wedding_id, id)) "+
			"partition by list (wedding_id)",
		"create sequence first_seats start 500",
		"create table seats_1 partition of seats (id default nextval('first_seats')) for values in (1)",
		"create table seats_2 partition of seats for values in (2)",
		"create table letters (id smallint default nextval('guests_id_seq') primary key, wedding_id int references weddings)",
		"create sequence distant",
		"create table far (id bigint default nextval('distant') primary key, wedding_id int references weddings)",
		"insert into guests (wedding_id, name) select 1, 'guest ' || i from generate_series(1, 12) i",
		"insert into tasks (wedding_id) select 1 from generate_series(1, 4)",
		"insert into gifts (wedding_id) select 1 from generate_series(1, 5)",
		"insert into seats_1 (wedding_id) select 1 from generate_series(1, 3)",
		"insert into letters values (20, 1)",
		"select setval('distant', 5000000)", "insert into far (wedding_id) values (1), (1)")
	backup(t, e, keepsake.BackupFull)
	run(t, url, "truncate guests, tasks, gifts, letters, far restart identity", "truncate seats restart identity",
		"select setval('first_seats', 500, false)", "select setval('guests_id_seq', 1, false)",
		"select setval('gift_numbers', 100, false)", "select setval('distant', 1, false)")
	p, _ := applied(t, e, ofWedding("1"), scope.Missing)
	wantNote(t, p, "public.guests", "the sequence public.guests_id_seq is moved past 20", true)
	wantNote(t, p, "public.tasks", "the sequence public.tasks_id_seq is moved past 22", true)
	wantNote(t, p, "public.gifts", "the sequence public.gift_numbers is moved past 88", true)
	next := func(query, want string) {
		t.Helper()
		if got := one[string](t, url, query); got != want {
			t.Errorf("%s gives %s, want %s", query, got, want)
		}
	}
	next("insert into guests (wedding_id) values (2) returning id::text", "21")
	next("insert into tasks (wedding_id) values (2) returning id::text", "29")
	next("insert into gifts (wedding_id) values (2) returning id::text", "85")
	next("insert into seats_1 (wedding_id) values (1) returning id::text", "503")
	next("insert into far (wedding_id) values (2) returning id::text", "5000003")

	// one that is ahead stays where it is
	run(t, url, "select setval('guests_id_seq', 1000)", "delete from guests where wedding_id = 1 and id < 5")
	p, _ = applied(t, e, ofWedding("1"), scope.Missing)
	wantNote(t, p, "public.guests", "the sequence", false)
	next("insert into guests (wedding_id) values (2) returning id::text", "1001")
}

// TestSequencesOfWholeTables: the same after whole tables were emptied and brought back.
func TestSequencesOfWholeTables(t *testing.T) {
	t.Parallel()
	url, e := twoWeddings(t, "create table guests (id serial primary key, wedding_id int, name text)",
		"insert into guests (wedding_id, name) select 1 + i % 2, 'guest ' || i from generate_series(1, 30) i")
	backup(t, e, keepsake.BackupFull)
	run(t, url, "truncate guests restart identity")
	p, _ := applied(t, e, keepsake.Everything(), scope.Missing)
	wantNote(t, p, "public.guests", "moved past 30", true)
	if got := one[int](t, url, "insert into guests (name) values ('new') returning id"); got != 31 {
		t.Errorf("the next guest gets %d, want 31", got)
	}
	// an undo that brings rows back moves it as well
	run(t, url, "insert into guests select i, 1, 'new' from generate_series(40, 45) i")
	_, rewound := applied(t, e, keepsake.Everything(), scope.Rewind)
	run(t, url, "select setval('guests_id_seq', 32)")
	if _, err := e.Undo(t.Context(), rewound.Restore); err != nil {
		t.Fatal(err)
	}
	if got := one[int](t, url, "insert into guests (name) values ('new') returning id"); got != 46 {
		t.Errorf("after the undo the next guest gets %d, want 46", got)
	}
}

// TestNothingIsWrittenBelowRowsOfOthers: a row that has moved to another wedding since takes what hangs below it along:
// rewinding writes nothing there.
func TestNothingIsWrittenBelowRowsOfOthers(t *testing.T) {
	t.Parallel()
	url, e := twoWeddings(t,
		"create table guests (id int primary key, wedding_id int references weddings, name text)",
		"create table gifts (id int primary key, guest_id int references guests, what text)",
		"create table thanks (id int primary key, gift_id int references gifts, words text)",
		"create table tables (wedding_id int references weddings, number int, primary key (wedding_id, number))",
		"create table seats (id int primary key, host int references guests, wedding_id int, number int, "+
			"foreign key (wedding_id, number) references tables)",
		"insert into guests select i, 1, 'guest ' || i from generate_series(1, 9) i",
		"insert into gifts select i, i, 'gift ' || i from generate_series(1, 9) i",
		"insert into thanks select i, i, 'thanks ' || i from generate_series(1, 9) i",
		"insert into tables values (1, 1), (2, 1)", "insert into seats select i, i, 1, 1 from generate_series(1, 9) i")
	backup(t, e, keepsake.BackupFull)
	run(t, url, "update guests set wedding_id = 2 where id in (7, 8, 9)",
		"delete from thanks where id = 7", "delete from gifts where id = 7", // it would come back below wedding 2
		"delete from thanks where id = 8",                 // below a gift that wedding 2 has now
		"update gifts set guest_id = 1 where id = 9",      // it would go back there
		"delete from seats where id in (6, 7)",            // one of two references leads there
		"update guests set name = 'changed' where id = 1", // and what is this wedding's is rewound
		"delete from thanks where id = 2", "delete from gifts where id = 2")
	others := func() string {
		return fmt.Sprint(one[string](t, url, `select coalesce(string_agg(r::text, '; ' order by r::text), '') from (
			select 'guest ' || g::text from guests g where wedding_id = 2
			union all select 'gift ' || f::text from gifts f join guests g on g.id = f.guest_id where g.wedding_id = 2
			union all select 'thanks ' || t::text from thanks t join gifts f on f.id = t.gift_id
				join guests g on g.id = f.guest_id where g.wedding_id = 2
			union all select 'seat ' || s::text from seats s join guests g on g.id = s.host where g.wedding_id = 2) r(r)`))
	}
	for _, mode := range []scope.Mode{scope.Missing, scope.Rewind} {
		before := others()
		p, _ := applied(t, e, ofWedding("1"), mode)
		if after := others(); after != before {
			t.Errorf("%s: wedding 2 had %s and has %s", mode, before, after)
		}
		refused := map[string]string{}
		for _, c := range p.Tables {
			for _, ch := range c.Changes {
				if ch.Refused != "" {
					refused[c.Table+" "+c.KeyText(ch)] = ch.Refused
				}
			}
		}
		want := []string{"public.gifts id 7", "public.thanks id 7", "public.thanks id 8", "public.seats id 7"}
		if mode == scope.Rewind {
			want = append(want, "public.gifts id 9")
		}
		for _, row := range want {
			if !strings.Contains(refused[row], "belongs to another wedding or organization now") {
				t.Errorf("%s: %s is refused because %q", mode, row, refused[row])
			}
		}
	}
	if got := one[string](t, url, "select what from gifts where id = 2"); got != "gift 2" {
		t.Errorf("what is the wedding's own did not come back: %s", got)
	}
	if got := one[string](t, url, "select name from guests where id = 1"); got != "guest 1" {
		t.Errorf("the wedding's own guest is %q", got)
	}
	if got := one[int](t, url, "select count(*) from seats where id = 6"); got != 1 {
		t.Error("the seat of a guest who stayed did not come back")
	}
}

// TestTextIsWhatTheTypeWrites: casts that somebody made, here some that mask, take no part in what is compared, shown
// or written back.
func TestTextIsWhatTheTypeWrites(t *testing.T) {
	t.Parallel()
	url, e := twoWeddings(t,
		"create type mood as enum ('calm', 'merry', 'masked')", "create type card as (number text, holder text)",
		"create type span as range (subtype = int)",
		"create domain cents as bigint", "create domain notes as jsonb not null",
		"create function masked(mood) returns text language sql immutable as $$ select 'masked' $$",
		"create function masked(card) returns text language sql immutable as $$ select '(xxxx,)' $$",
		"create function masked(span) returns text language sql immutable as $$ select 'empty' $$",
		"create function masked(text) returns mood language sql immutable as $$ select 'masked'::mood $$",
		"create cast (mood as text) with function masked(mood)", "create cast (card as text) with function masked(card)",
		"create cast (span as text) with function masked(span)", "create cast (text as mood) with function masked(text)",
		`create table guests (id int primary key, wedding_id int references weddings, mood mood, paid card, seats span,
			moods mood[], cards card[], c cents, j json, b jsonb, n notes, grid int[], flag boolean, ip inet, code char(6),
			empty card, amount numeric(8,2), "a ""b\\" text)`,
		`insert into guests select i, 1, 'merry', row('4111 "1"', 'A, B\')::card, int4range(1, i + 1)::text::span,
			'{merry,calm,null}', array[row(',', null)::card, null], 7, '{"a":  [1, "\u0041\\ "]}', '{"a": "\\\" "}',
			'"text"', '{{1,2},{3,null}}', true, '10.0.0.1', 'ab', row(null, null)::card, 1.50, E'x\t"\\{},'
			from generate_series(1, 5) i`)
	image := func() string {
		return one[string](t, url, `select string_agg(format('%s', g) || ' ' || (empty is distinct from null)::text, '; '
			order by id) from guests g`)
	}
	whole := image()
	backup(t, e, keepsake.BackupFull)
	if p, _ := applied(t, e, ofWedding("1"), scope.Rewind); len(p.Tables) == 0 {
		t.Fatal("nothing was compared")
	} else if i, u, d, r := p.Totals(); i+u+d+r != 0 {
		t.Fatalf("nothing has changed, and the preview has %d, %d, %d, %d", i, u, d, r)
	}
	run(t, url, "delete from guests where id = 1", "update guests set mood = 'calm', paid = null, seats = null, c = 1, "+
		"j = null, b = '1', n = '2', grid = '{}', flag = false, moods = null, cards = '{}', empty = null where id = 2",
		"update guests set amount = 1.5 where id = 3",
		"insert into guests (id, wedding_id, mood, n) values (9, 1, 'merry', '1')")
	damaged := image()
	p, r := applied(t, e, ofWedding("1"), scope.Rewind)
	for _, c := range p.Tables {
		for _, ch := range c.Changes {
			for _, v := range slices.Concat(ch.Before, ch.After) {
				if v != nil && (*v == "masked" || *v == "(xxxx,)" || strings.Contains(*v, "empty")) {
					t.Errorf("the preview shows a masked value: %q", *v)
				}
			}
		}
	}
	if got := image(); got != whole {
		t.Errorf("rewound to\n%s\nnot\n%s", got, whole)
	}
	if back, err := e.Undo(t.Context(), r.Restore); err != nil || len(back.Refused) > 0 {
		t.Fatalf("%v, %+v", err, back.Refused)
	}
	if got := image(); got != damaged {
		t.Errorf("taken back to\n%s\nnot\n%s", got, damaged)
	}
}
