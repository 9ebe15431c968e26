package engine_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// guestTable is a table below weddings whose rows a trial is about.
const guestTable = "create table guests (id int primary key, wedding_id int references weddings, name text, " +
	"seat int, span int4range, kind text)"

// trialCases are rules that the platform has for rows that come back. Every other row comes back all the same.
var trialCases = map[string]struct {
	make    []string          // before the backup
	change  []string          // after it
	missing map[string]string // what bringing back the missing rows refuses, and a part of the reason
	rewind  map[string]string // the same for making everything as it was
}{
	"exclusion": {
		make: []string{guestTable, "alter table guests add constraint apart exclude using gist (span with &&)",
			"insert into guests select i, 1, 'n', i, int4range(i * 10, i * 10 + 10) from generate_series(1, 5) i"},
		change: []string{"delete from guests where id < 4", "insert into guests values (9, 2, 'other', 9, '[15,25)')"},
		missing: map[string]string{"public.guests id 1": "the rule apart does not allow",
			"public.guests id 2": "the rule apart does not allow"},
	},
	"exclusion, deferrable": {
		make: []string{guestTable, "alter table guests add constraint apart exclude using gist (span with &&) deferrable",
			"insert into guests select i, 1, 'n', i, int4range(i * 10, i * 10 + 10) from generate_series(1, 5) i"},
		change: []string{"delete from guests where id < 4", "insert into guests values (9, 2, 'other', 9, '[15,25)')"},
		missing: map[string]string{"public.guests id 1": "the rule apart does not allow",
			"public.guests id 2": "the rule apart does not allow"},
	},
	"partial unique index": {
		make: []string{guestTable, "create unique index one_host on guests (name) where kind = 'host'",
			"insert into guests select i, 1, 'n' || i, i, null, 'host' from generate_series(1, 5) i"},
		change: []string{"delete from guests where id < 4", "insert into guests values (8, 2, 'n1', 9, null, 'host'), " +
			"(9, 2, 'n2', 9, null, 'guest')"},
		missing: map[string]string{"public.guests id 1": "must be unique (one_host)"},
	},
	"unique expression": {
		make: []string{guestTable, "create unique index one_name on guests (lower(name))",
			"insert into guests select i, 1, 'Name' || i, i from generate_series(1, 5) i"},
		change:  []string{"delete from guests where id < 4", "insert into guests values (9, 2, 'NAME2')"},
		missing: map[string]string{"public.guests id 2": "must be unique (one_name)"},
	},
	"unique and deferrable, on nulls": {
		make: []string{guestTable, "alter table guests add constraint one_seat unique nulls not distinct (seat) deferrable " +
			"initially deferred", "insert into guests select i, 1, 'n', nullif(i, 1) from generate_series(1, 5) i"},
		change:  []string{"delete from guests where id < 4", "insert into guests values (8, 2, 'o', null), (9, 2, 'o', 3)"},
		missing: map[string]string{"public.guests id 1": "must be unique", "public.guests id 3": "must be unique"},
	},
	"unique and deferrable, a partial index of a partition": {
		make: []string{"create table guests (id int, wedding_id int references weddings, seat int, primary key (id)) " +
			"partition by range (id)", "create table guests_a partition of guests for values from (0) to (100)",
			"alter table guests_a add constraint one_seat unique (seat) deferrable",
			"insert into guests select i, 1, i from generate_series(1, 5) i"},
		change:  []string{"delete from guests where id < 4", "insert into guests values (9, 2, 3)"},
		missing: map[string]string{"public.guests id 3": "must be unique (one_seat)"},
	},
	"check added since": {
		make:    []string{guestTable, "insert into guests select i, 1, 'n', i from generate_series(1, 5) i"},
		change:  []string{"delete from guests where id < 4", "alter table guests add constraint few check (seat <> 2)"},
		missing: map[string]string{"public.guests id 2": "it breaks the rule few"},
	},
	"check that raises": {
		make: []string{guestTable, "insert into guests select i, 1, 'n', i from generate_series(1, 5) i",
			"create function fine(n int) returns boolean language plpgsql as $$ begin " +
				"if n = 2 then raise 'no seat two'; end if; return true; end $$"},
		change:  []string{"delete from guests where id < 4", "alter table guests add check (fine(seat))"},
		missing: map[string]string{"public.guests id 2": "no seat two"},
	},
	"not null since": {
		make:    []string{guestTable, "insert into guests select i, 1, 'n', nullif(i, 3) from generate_series(1, 5) i"},
		change:  []string{"delete from guests where id < 4", "alter table guests alter seat set not null"},
		missing: map[string]string{"public.guests id 3": "the column seat must have a value now"},
	},
	"partition dropped since": {
		make: []string{"create table guests (id int primary key, wedding_id int references weddings) partition by range (id)",
			"create table low partition of guests for values from (0) to (3)",
			"create table high partition of guests for values from (3) to (9)",
			"insert into guests select i, 1 from generate_series(1, 5) i"},
		change: []string{"drop table low", "delete from guests where id = 4"},
		missing: map[string]string{"public.guests id 1": "no partition for it any more",
			"public.guests id 2": "no partition for it any more"},
	},
	"enum label renamed since": {
		make: []string{"create type part as enum ('guest', 'host')",
			"create table guests (id int primary key, wedding_id int references weddings, part part, parts part[])",
			"create table gifts (id int primary key, guest_id int references guests)",
			"insert into guests select i, 1, (case when i % 2 = 1 then 'host' else 'guest' end)::part, '{guest}' from " +
				"generate_series(1, 5) i", "insert into gifts select i, i from generate_series(1, 5) i"},
		change: []string{"delete from gifts where id in (1, 2, 5)", "delete from gifts where guest_id < 4",
			"delete from guests where id < 4", "alter type part rename value 'host' to 'owner'",
			"insert into guests values (9, 1, 'owner')"},
		missing: map[string]string{"public.guests id 1": `invalid input value for enum public.part: "host"`,
			"public.guests id 3": "invalid input value for enum", "public.gifts id 1": "is not there",
			"public.gifts id 3": "is not there"},
		rewind: map[string]string{"public.guests id 1": "invalid input value for enum",
			"public.guests id 3": "invalid input value for enum", "public.guests id 5": "invalid input value for enum",
			"public.gifts id 1": "is not there", "public.gifts id 3": "is not there"},
	},
	"domain with a new rule": {
		make: []string{"create domain seat_number as int",
			"create table guests (id int primary key, wedding_id int references weddings, seat seat_number)",
			"insert into guests select i, 1, nullif(i, 1) from generate_series(1, 1500) i"},
		change: []string{"delete from guests where id < 1400",
			"alter domain seat_number add constraint low check (value <> 2)",
			"update guests set seat = 7 where seat = 1450"},
		missing: map[string]string{"public.guests id 2": "it breaks the rule low"},
	},
	"key of a domain with a new rule": {
		make: []string{"create domain code as text", "create table guests (id code primary key, wedding_id int references " +
			"weddings)", "insert into guests values ('a', 1), ('b', 1), ('c', 1)"},
		change: []string{"delete from guests where id < 'c'", "alter domain code add constraint short check (value <> 'b')",
			"insert into guests values ('new', 1)"},
		missing: map[string]string{"public.guests id b": "it breaks the rule short"},
		rewind: map[string]string{"public.guests id b": "it breaks the rule short",
			"public.guests id new": "this may be one of them"},
	},
	"type gone since": {
		make: []string{"create type part as enum ('guest', 'host')",
			"create table guests (id int primary key, wedding_id int references weddings, part part)",
			"create table gifts (id int primary key, wedding_id int references weddings)",
			"insert into gifts values (1, 1)", "insert into guests select i, 1, 'host' from generate_series(1, 5) i"},
		change: []string{"delete from gifts", "delete from guests where id < 3", "alter table guests alter part type text",
			"drop type part"},
		missing: map[string]string{"public.guests id 1": "was public.part then and is text now",
			"public.guests id 2": "was public.part then and is text now"},
	},
	"weddings that are not read": {
		make: []string{"create type part as enum ('guest', 'host')", "alter table weddings add part part default 'host'",
			guestTable, "insert into guests select i, 1, 'n', i from generate_series(1, 5) i"},
		change: []string{"alter type part rename value 'host' to 'owner'", "delete from guests where id < 3",
			"update guests set name = 'changed' where id = 4"},
		missing: map[string]string{},
		rewind:  map[string]string{"public.weddings id 1": "invalid input value for enum"},
	},
	"what hangs on it": {
		make: []string{guestTable, "insert into guests select i, 1, 'n', i from generate_series(1, 5) i",
			"create table gifts (id int primary key, guest_id int references guests)",
			"insert into gifts select i, i from generate_series(1, 5) i",
			"create table thanks (id int primary key, gift_id int references gifts, above int references thanks)",
			"insert into thanks values (1, 5, null), (2, 2, 1), (3, 1, 2), (4, 1, 3)"},
		change: []string{"truncate guests cascade", "alter table guests add constraint few check (seat <> 2)"},
		missing: map[string]string{"public.guests id 2": "it breaks the rule few", "public.gifts id 2": "is not there",
			"public.thanks id 2": "is not there", "public.thanks id 3": "is not there", "public.thanks id 4": "is not there"},
	},
	"a parent of what stays": {
		make: []string{guestTable, "create table gifts (id int primary key, guest_id int references guests, worth int)",
			"insert into guests values (1, 1, 'n', 1)", "insert into gifts values (1, 1, 7)"},
		change: []string{"insert into guests values (2, 1, 'new', 2)", "update gifts set guest_id = 2, worth = 8",
			"alter table gifts add constraint dear check (worth > 7)"},
		missing: map[string]string{},
		rewind: map[string]string{"public.gifts id 1": "it breaks the rule dear",
			"public.guests id 2": "points at it"},
	},
	"every seat moved by one": {
		make: []string{guestTable, "alter table guests add constraint one_seat unique (wedding_id, seat)",
			"insert into guests select i, 1, 'n', i from generate_series(1, 250) i"},
		change:  []string{"update guests set seat = -seat", "update guests set seat = 1 - seat"},
		missing: map[string]string{},
		rewind:  map[string]string{},
	},
	"every seat moved by one, and what the point does not know": {
		make: []string{"create table guests (id int primary key, wedding_id int references weddings, seat int unique, " +
			"twice int generated always as (seat * 2) stored)",
			"insert into guests select i, 1, i from generate_series(1, 5) i"},
		change: []string{"alter table guests add note text default 'none', add n int generated always as identity",
			"update guests set note = 'kept ' || id", "update guests set seat = -seat", "update guests set seat = 1 - seat"},
		missing: map[string]string{},
		rewind:  map[string]string{},
	},
	"seats in a circle, and a new row in between": {
		make: []string{guestTable, "alter table guests add constraint apart exclude (seat with =)",
			"insert into guests select i, 1, 'n', i from generate_series(1, 5) i"},
		change: []string{"delete from guests where id = 5", "update guests set seat = -seat",
			"update guests set seat = 1 + (-seat) % 4", "insert into guests values (6, 1, 'new', 5)"},
		missing: map[string]string{"public.guests id 5": "does not allow"},
		rewind:  map[string]string{},
	},
	"two seats changed under a trigger that fires": {
		make: []string{guestTable, "alter table guests add constraint one_seat unique (seat)",
			"insert into guests select i, 1, 'n', i from generate_series(1, 5) i", "create table shouts (word text)",
			"create function shout() returns trigger language plpgsql as $$ begin insert into public.shouts values (tg_op); " +
				"return new; end $$", "create trigger loud before insert on guests for each row execute function shout()",
			"alter table guests enable always trigger loud"},
		change: []string{"update guests set seat = -1 where id = 1", "update guests set seat = 1 where id = 2",
			"update guests set seat = 2 where id = 1"},
		missing: map[string]string{},
		rewind:  map[string]string{"public.guests id 1": "must be unique", "public.guests id 2": "must be unique"},
	},
	"a key that is not read, and what hangs on it": {
		make: []string{"create type kind as enum ('round', 'long')",
			"create table tables (id int primary key, wedding_id int references weddings, kind kind, " +
				"unique (wedding_id, kind))",
			"create table cloths (id int primary key, wedding_id int, kind kind, " +
				"foreign key (wedding_id, kind) references tables (wedding_id, kind))",
			"create table seats (id int primary key, table_id int references tables)",
			"create collation folding (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
			"create table codes (code text collate folding primary key, wedding_id int references weddings)",
			"create table uses (id int primary key, code text collate folding references codes)",
			"insert into tables values (1, 1, 'round'), (2, 1, 'long')",
			"insert into cloths values (1, 1, 'round'), (2, 1, 'long')", "insert into seats values (1, 1), (2, 2)",
			"insert into codes values ('Ann', 1)", "insert into uses values (1, 'ann')"},
		change: []string{"alter type kind rename value 'round' to 'oval'", "delete from uses"},
		missing: map[string]string{"public.tables id 1": "invalid input value for enum",
			"public.cloths id 1": "invalid input value for enum"},
		rewind: map[string]string{"public.tables id 1": "invalid input value for enum",
			"public.cloths id 1": "invalid input value for enum",
			"public.seats id 1":  "this may be one of them or belong to one"},
	},
	"a seat that another wedding has now": {
		make: []string{guestTable, "create unique index one_seat on guests (abs(seat))",
			"insert into guests select i, 1, 'n', i from generate_series(1, 6) i",
			"create table gifts (id int primary key, guest_id int references guests)",
			"insert into gifts values (1, 1), (2, 6)"}, // which come back below guests that stay as they are
		change: []string{"delete from gifts", "update guests set seat = 100 + seat",
			"update guests set seat = seat - 99 where id < 6",
			"insert into guests values (9, 2, 'other', 1)"},
		missing: map[string]string{},
		rewind: map[string]string{"public.guests id 1": "must be unique (one_seat)",
			"public.guests id 2": "must be unique (one_seat)", "public.guests id 3": "must be unique (one_seat)",
			"public.guests id 4": "must be unique (one_seat)", "public.guests id 5": "must be unique (one_seat)",
			"public.guests id 6": "must be unique (one_seat)"},
	},
}

// TestAPreviewKnowsWhatThePlatformRefuses: whatever the platform would not take is refused by the preview, that row
// alone and in words; the apply does the rest, and an undo takes it back.
func TestAPreviewKnowsWhatThePlatformRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range trialCases {
		for mode, refused := range map[scope.Mode]map[string]string{scope.Missing: c.missing, scope.Rewind: c.rewind} {
			if refused == nil {
				refused = c.missing
			}
			t.Run(name+", "+string(mode), func(t *testing.T) {
				t.Parallel()
				url, e := twoWeddings(t, c.make...)
				backup(t, e, keepsake.BackupFull)
				run(t, url, c.change...)
				before := allRows(t, url)
				s, p := previewOf(t, e, mode)
				if got := allRows(t, url); got != before {
					t.Fatalf("the preview changed the platform:\n%s\nbefore:\n%s", got, before)
				}
				wantRefused(t, p, refused)
				r, err := s.Apply(t.Context(), engine.ScopeApply{Fingerprint: p.Fingerprint})
				if err != nil {
					t.Fatal(err)
				}
				if insert, update, remove, _ := p.Totals(); r.Applied.Inserted != insert || r.Applied.Updated != update ||
					r.Applied.Deleted != remove {
					t.Errorf("applied %+v, the preview showed %d, %d and %d", r.Applied, insert, update, remove)
				}
				_, again := previewOf(t, e, mode)
				if insert, update, remove, _ := again.Totals(); insert+update+remove != 0 {
					t.Errorf("after the restore, %d, %d and %d rows differ", insert, update, remove)
				}
				wantRefused(t, again, refused)
				back, err := e.Undo(t.Context(), r.Restore)
				if err != nil || len(back.Refused) > 0 {
					t.Fatalf("undo: %v, %v", back.Refused, err)
				}
				if got := allRows(t, url); got != before {
					t.Errorf("after the undo the platform has\n%s\nbefore:\n%s", got, before)
				}
			})
		}
	}
}

// allRows is every row of the tables in public, as text.
func allRows(t *testing.T, url string) string {
	t.Helper()
	return one[string](t, url, `select string_agg(c.oid::regclass || ' ' || query_to_xml(format(
		'select x::text from only %s x order by 1', c.oid::regclass), false, true, '')::text, E'\n'
		order by c.oid::regclass::text)
		from pg_class c where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace`)
}

// wantRefused fails unless the preview refuses these rows, and no other, with reasons that hold these words.
func wantRefused(t *testing.T, p *scope.Preview, want map[string]string) {
	t.Helper()
	got := map[string]string{}
	for _, table := range p.Tables {
		for _, c := range table.Changes {
			if c.Refused != "" {
				got[table.Table+" "+table.KeyText(c)] = c.Refused
			}
		}
	}
	if !slices.Equal(slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want))) {
		t.Errorf("refused: %v, want %v", got, want)
	}
	for row, words := range want {
		if !strings.Contains(got[row], words) {
			t.Errorf("%s is refused because %q, want %q", row, got[row], words)
		}
	}
}

// TestAPreviewThatTriesNothingSaysWhy: where the platform uses the rows, or the role may not keep triggers silent, the
// comparison is shown all the same and says that nothing was tried.
func TestAPreviewThatTriesNothingSaysWhy(t *testing.T) {
	t.Parallel()
	url, e := twoWeddings(t, guestTable, "insert into guests select i, 1, 'n', i from generate_series(1, 5) i")
	backup(t, e, keepsake.BackupFull)
	run(t, url, "update guests set name = 'changed' where id < 3")
	other, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close(context.Background()) }()
	if _, err := other.Exec(t.Context(), "begin; update guests set seat = 7 where id = 2"); err != nil {
		t.Fatal(err)
	}
	s, p := previewOf(t, e, scope.Rewind)
	wantTotals(t, p, 0, 2, 0, 0)
	if !strings.Contains(p.Untried, "The platform is using these rows just now") {
		t.Errorf("the preview says %q", p.Untried)
	}
	_, missing := previewOf(t, e, scope.Missing)
	if missing.Untried != "" {
		t.Errorf("a preview that writes nothing says %q", missing.Untried)
	}
	if _, err := other.Exec(t.Context(), "rollback"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Apply(t.Context(), engine.ScopeApply{Fingerprint: p.Fingerprint}); err != nil {
		t.Errorf("what could not be tried: %v", err)
	}
}

// TestAPreviewKnowsWhatTheRoleMayNot: the rows of tables that the platform's role may not write are refused, and others
// come back; without the right to keep triggers silent, nothing is tried and the preview says so.
func TestAPreviewKnowsWhatTheRoleMayNot(t *testing.T) {
	t.Parallel()
	key, list, url := repository.NewKeyFile(), providers(t), weddingsAB(t, guestTable,
		"insert into guests select i, 1, 'n', i from generate_series(1, 5) i",
		"create table gifts (id int primary key, guest_id int references guests)",
		"insert into gifts select i, i from generate_series(1, 5) i",
		"create table notes (id int primary key, wedding_id int references weddings, words text)",
		"insert into notes select i, 1, 'n' from generate_series(1, 250) i")
	backup(t, engineWith(t, url, list, key), keepsake.BackupFull)
	role := "half_" + nameIn(t, url)
	run(t, url, "create role "+role+" login password '"+role+"'")
	dropRole(t, url, role)
	run(t, url, "delete from gifts where id < 3", "delete from notes where id > 5", "update notes set words = 'changed'",
		"grant usage on schema public to "+role, "grant select, insert, update, delete on weddings, guests to "+role,
		"grant select, delete on notes to "+role, "grant select, insert, update on gifts to "+role)
	as := engineWith(t, at(t, url, nameIn(t, url), role), list, key)
	_, p := previewOf(t, as, scope.Rewind)
	if !strings.Contains(p.Untried, "GRANT SET ON PARAMETER session_replication_role") {
		t.Errorf("the preview says %q", p.Untried)
	}
	run(t, url, "grant set on parameter session_replication_role to "+role)
	s, p := previewOf(t, as, scope.Rewind)
	wantTotals(t, p, 2, 0, 0, 250)
	if p.Untried != "" {
		t.Errorf("the preview says %q", p.Untried)
	}
	if _, err := s.Apply(t.Context(), engine.ScopeApply{Fingerprint: p.Fingerprint}); err != nil {
		t.Fatal(err)
	}
	if n := one[int](t, url, "select count(*) from gifts"); n != 5 {
		t.Errorf("%d gifts are there", n)
	}
}

// TestRowsThatAreNotReadOfWholeTables: the same when whole tables come back, in both formats that rows may have.
func TestRowsThatAreNotReadOfWholeTables(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]string{"binary": "", "text": ", weight regtype default 'int'"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, e := twoWeddings(t, "create type part as enum ('guest', 'host')",
				"create table guests (id int primary key, wedding_id int references weddings, part part, name text"+more+")",
				"insert into guests select i, 1, (case when i = 1100 then 'host' else 'guest' end)::part, "+
					"E'tab\\t, \\\\ and\\nline' from generate_series(1, 2500) i")
			backup(t, e, keepsake.BackupFull)
			before := allRows(t, url)
			run(t, url, "truncate guests", "alter type part rename value 'host' to 'owner'")
			p, r := applied(t, e, keepsake.Everything(), scope.Missing)
			wantRefused(t, p, map[string]string{"public.guests id 1100": "invalid input value for enum"})
			if r.Applied.Inserted != 2499 {
				t.Errorf("%+v were applied", r.Applied)
			}
			run(t, url, "insert into guests values (1100, 1, 'owner', E'tab\\t, \\\\ and\\nline')")
			if after := strings.ReplaceAll(allRows(t, url), ",owner,", ",host,"); after != before {
				t.Error("the rows are not as they were")
			}
		})
	}
}

// TestATrialTakesFewLocks: rows that are refused one by one leave no savepoints behind, each of which would have a lock
// in the memory that all sessions of the server share.
func TestATrialTakesFewLocks(t *testing.T) {
	t.Parallel()
	url, e := twoWeddings(t, guestTable, "insert into guests select i, 1, 'n', i from generate_series(1, 500) i")
	backup(t, e, keepsake.BackupFull)
	run(t, url, "delete from guests", "alter table guests add constraint fifth check (seat % 5 > 0)")
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	most := make(chan int)
	go func() {
		defer func() { _ = conn.Close(context.Background()) }()
		n, top := 0, 0
		for ctx.Err() == nil {
			if err := conn.QueryRow(ctx, "select count(*) from pg_locks l where locktype = 'transactionid' and exists (select "+
				"from pg_locks o where o.pid = l.pid and o.relation = 'guests'::regclass)").Scan(&n); err == nil {
				top = max(top, n)
			}
		}
		most <- top
	}()
	_, p := previewOf(t, e, scope.Missing)
	stop()
	if n := <-most; n > 50 {
		t.Errorf("a preview had %d locks of transactions", n)
	}
	wantTotals(t, p, 400, 0, 0, 100)
}
