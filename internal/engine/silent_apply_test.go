package engine_test

import (
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// loudCases are triggers and rules that fire although a restore asks for silence, with the name that a refusal gives.
var loudCases = map[string]struct {
	make  []string
	words string // "": nothing fires
	op    scope.Op
}{
	"always, insert": {[]string{"create trigger loud before insert on guests for each row execute function shout()",
		"alter table guests enable always trigger loud"}, "trigger loud", scope.Insert},
	"replica, update": {[]string{"create trigger loud after update on guests for each row execute function shout()",
		"alter table guests enable replica trigger loud"}, "trigger loud", scope.Update},
	"always, statement": {[]string{"create trigger loud after delete on guests for each statement execute " +
		"function shout()",
		"alter table guests enable always trigger loud"}, "trigger loud", scope.Delete},
	"always, of a column": {[]string{"create trigger loud before update of name on guests for each row execute function " +
		"shout()", "alter table guests enable always trigger loud"}, "trigger loud", scope.Update},
	"always, of the key": {[]string{"create trigger loud before update of id on guests for each row execute function " +
		"shout()", "alter table guests enable always trigger loud"}, "", scope.Update},
	"always, truncate": {[]string{"create trigger loud before truncate on guests execute function shout()",
		"alter table guests enable always trigger loud"}, "", scope.Delete},
	"origin": {[]string{"create trigger loud before insert or update or delete on guests for each row execute function " +
		"shout()"}, "", scope.Insert},
	"rule": {[]string{"create rule loud as on update to guests do also insert into shouts values ('rule')",
		"alter table guests enable always rule loud"}, "rule loud", scope.Update},
	"replica rule": {[]string{"create rule loud as on insert to guests do instead nothing",
		"alter table guests enable replica rule loud"}, "rule loud", scope.Insert},
	"origin rule": {[]string{"create rule loud as on insert to guests do instead nothing"}, "", scope.Insert},
	"partition": {[]string{"create trigger loud before insert on seats_a for each row execute function shout()",
		"alter table seats_a enable always trigger loud"}, "trigger loud", scope.Insert},
	"partitioned": {[]string{"create trigger loud after delete on seats for each row execute function shout()",
		"alter table seats_a enable always trigger loud"}, "trigger loud", scope.Delete},
	"another partition's statement": {[]string{"create trigger loud after insert on seats_a for each statement execute " +
		"function shout()", "alter table seats_a enable always trigger loud"}, "", scope.Insert},
	"foreign key": {[]string{"do $$ declare name text; begin select tgname into name from pg_trigger where tgrelid = " +
		"'guests'::regclass and tgisinternal and tgtype & 4 > 0; execute format('alter table guests enable always trigger " +
		"%I', name); end $$"}, "foreign key guests_wedding_id_fkey", scope.Insert},
}

// TestALoudTriggerIsRefusedByThePreview: what fires under session_replication_role = replica is named before anything
// is written, for the rows that it would fire for, and nothing fires.
func TestALoudTriggerIsRefusedByThePreview(t *testing.T) {
	t.Parallel()
	for name, c := range loudCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := weddingsAB(t, "create table shouts (word text)",
				"create function shout() returns trigger language plpgsql as $$ begin insert into public.shouts values (tg_op);"+
					" if tg_op = 'DELETE' then return old; end if; new.name := 'SHOUTED'; return new; end $$",
				"create table guests (id int primary key, wedding_id int references weddings, name text)",
				"create table seats (id int, wedding_id int references weddings, name text, primary key (id)) partition by "+
					"range (id)",
				"create table seats_a partition of seats for values from (0) to (100)",
				"create table seats_b partition of seats for values from (100) to (200)",
				"insert into guests values (1, 1, 'one'), (2, 1, 'two')",
				"insert into seats values (1, 1, 'one'), (2, 1, 'two')")
			e := engineWith(t, url, providers(t), repository.NewKeyFile())
			backup(t, e, keepsake.BackupFull)
			run(t, url, "delete from guests where id = 1", "update guests set name = 'changed' where id = 2",
				"insert into guests values (3, 1, 'new')", "delete from seats where id = 1",
				"update seats set name = 'changed' where id = 2", "insert into seats values (3, 1, 'new')")
			run(t, url, c.make...)
			s, p := previewOf(t, e, scope.Rewind)
			seen := 0
			for _, table := range p.Tables {
				for _, change := range table.Changes {
					switch {
					case c.words == "" && change.Refused != "":
						t.Errorf("a row of %s is refused: %s", table.Table, change.Refused)
					case c.words != "" && change.Op == c.op && strings.Contains(change.Refused, "the "+c.words+" of public.") &&
						strings.Contains(change.Refused, "(alter table public."):
						seen++
					}
				}
			}
			if c.words != "" && seen == 0 {
				t.Errorf("nothing is refused because of the %s: %+v", c.words, p.Tables)
			}
			r, err := s.Apply(t.Context(), engine.ScopeApply{Fingerprint: p.Fingerprint})
			if err != nil {
				t.Fatal(err)
			}
			if back, err := e.Undo(t.Context(), r.Restore); err != nil {
				t.Fatalf("%+v, %v", back, err)
			}
			if heard := one[string](t, url, "select coalesce(string_agg(word, ' '), '') from shouts"); heard != "" {
				t.Errorf("the platform heard %q", heard)
			}
			if n := one[int](t, url, "select count(*) from guests where name = 'SHOUTED'"); n != 0 {
				t.Error("a row is not as the preview showed it")
			}
		})
	}
}

// TestEventTriggersHearNothingOfAComparison: the temporary tables that comparing makes fire none, and one that would
// fire all the same is named by the preview.
func TestEventTriggersHearNothingOfAComparison(t *testing.T) {
	t.Parallel()
	url := weddingsAB(t, "create table shouts (word text)",
		"create function shout() returns event_trigger language plpgsql as $$ begin "+
			"insert into public.shouts values (tg_tag); end $$",
		"create table guests (id int primary key, wedding_id int references weddings)",
		"insert into guests values (1, 1)")
	e := engineWith(t, url, providers(t), repository.NewKeyFile())
	backup(t, e, keepsake.BackupFull)
	run(t, url, "delete from guests", "create event trigger loud on ddl_command_end execute function shout()",
		"truncate shouts")
	r := rewind(t, e)
	if _, err := e.Undo(t.Context(), r.Restore); err != nil {
		t.Fatal(err)
	}
	if heard := one[string](t, url, "select coalesce(string_agg(word, ' '), '') from shouts"); heard != "" {
		t.Errorf("the platform heard %q", heard)
	}
	run(t, url, "alter event trigger loud enable always")
	s, err := e.ReadScope(t.Context(), engine.ScopeInput{Scope: ofWedding("1"), Point: "latest", Mode: scope.Rewind})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Preview(t.Context())
	wantError(t, err, keepsake.CodeUnsupported, "loud (ENABLE ALWAYS)", "alter event trigger loud enable")
}
