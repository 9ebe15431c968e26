package audit_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/dbtest"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// rechain computes every hash anew, as the definition in this package says it, in SQL: what the owner of the database
// could do after rewriting history.
const rechain = `
create function pg_temp.f(b bytea) returns bytea language sql as $f$ select int8send(length(b)::bigint) || b $f$;
do $do$
declare
    prev bytea; this bytea; l audit_log;
begin
    select sha256(convert_to('keepsake audit v1 ' || trail::text, 'UTF8')) into prev from audit_head;
    for l in select * from audit_log order by id loop
        this := sha256(pg_temp.f(prev) || pg_temp.f(int8send(l.id)) || pg_temp.f(int8send((extract(epoch
	from l.at) * 1000000)::bigint))
            || (select string_agg(pg_temp.f(convert_to(s, 'UTF8')), ''::bytea order by n)
                from unnest(array[l.actor_id, l.actor_name, l.actor_role, l.platform, l.organization, l.session,
	l.token, l.address, l.user_agent,
                    l.request_id, l.action, l.target, l.wedding, l.point, l.outcome]) with ordinality u(s, n))
            || pg_temp.f(int8send(l.duration_ms)) || pg_temp.f(int8send(l.security::int::bigint)) ||
	pg_temp.f(convert_to(l.detail::text, 'UTF8')));
        update audit_log set prev_hash = prev, hash = this where id = l.id;
        prev := this;
    end loop;
    update audit_head set hash = prev, last_id = (select coalesce(max(id), 0) from audit_log);
end $do$;`

// tamper does what only the owner of the tables can: it switches off the triggers and row-level security, and writes.
func tamper(t *testing.T, url keepsake.Secret, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dbtest.Owner(t, url).Reveal())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	const off = `set keepsake.role = 'system'; alter table audit_log disable trigger all, no force row level security;
		alter table audit_head disable trigger all, no force row level security; `
	const on = `; alter table audit_log enable trigger all, force row level security; alter table audit_head enable
		trigger all, force row level security`
	if _, err := conn.Exec(t.Context(), off+sql+on); err != nil {
		t.Fatal(err)
	}
}

// sealed is a trail of five rows and the seals that were made after its third and its fifth.
func sealed(t *testing.T) (*db.DB, keepsake.Secret, []audit.Seal) {
	t.Helper()
	url := dbtest.URL(t)
	d := dbtest.Open(t, url)
	var seals []audit.Seal
	for i := 1; i <= 5; i++ {
		if err := record(t.Context(), d, someone, "backup.start"); err != nil {
			t.Fatal(err)
		}
		if i == 3 || i == 5 {
			r, err := audit.Verify(t.Context(), d, seals...)
			if err != nil || !r.Intact || r.Seals != len(seals) {
				t.Fatalf("before it is sealed: %+v, %v", r, err)
			}
			seals = append(seals, roundTrip(t, r.Seal(time.Date(2026, 11, 20+i, 3, 0, 0, 0, time.UTC))))
		}
	}
	return d, url, seals
}

func roundTrip(t *testing.T, s audit.Seal) audit.Seal {
	t.Helper()
	note, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if s, err = audit.DecodeSeal(note); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestOnlySealsNoticeARewrittenHistory: whoever owns the database writes a chain that agrees with itself, and the seals
// name where it was rewritten.
func TestOnlySealsNoticeARewrittenHistory(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, sql string
		broken    int64
		says      string
		alone     bool // the chain alone notices it too
	}{
		{"nothing", rechain, 0, "", false},
		{"tail", "update audit_log set actor_name = 'somebody else' where id = 5; " + rechain, 4,
			"rows 4 to 5, or some of them, were rewritten", false},
		{"from the middle", "update audit_log set outcome = 'refused' where id = 2; " + rechain, 1,
			"sealed in the repository on 2026-11-23", false},
		{"cut off", "delete from audit_log where id > 3; " + rechain, 4, "rows 4 to 5 are gone: they were there", false},
		{"all gone", "delete from audit_log; " + rechain, 1, "rows 1 to 5 are gone", false},
		{"another trail in its place", "update audit_head set trail = gen_random_uuid(); " + rechain, 1,
			"stands in the place of another", false},
		{"one row, without hashes", "update audit_log set security = not security where id = 4",
			4, "row 4 was changed", true},
		{"one in the middle gone", "delete from audit_log where id = 3", 3, "row 3 is gone", true},
		{"two exchanged", "update audit_log set id = 9 where id = 2; update audit_log set id = 2 where id = 3; update " +
			"audit_log set id = 3 where id = 9", 2, "row 2 does not follow", true},
		{"one put behind the end", `insert into audit_log select (jsonb_populate_record(l, jsonb_build_object('id', 7,
			'actor_name', 'nobody', 'hash', sha256('x')))).* from audit_log l where id = 5`, 6,
			"row 7 stands beyond the end", true},
		{"one put before the first", `alter table audit_log drop constraint audit_log_id_is_positive;
			insert into audit_log select (jsonb_populate_record(l, jsonb_build_object('id', -3, 'actor_name', 'nobody', 'hash',
				sha256('x')))).* from audit_log l where id = 5`, 1,
			"row -3 stands before the first", true},
		{"the head gone", "delete from audit_head", 1, "the name and the end of the trail are gone", true},
		{"the head, without hashes", "update audit_head set last_id = 4", 4, "does not end with the row", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d, url, seals := sealed(t)
			tamper(t, url, c.sql)
			alone, err := audit.Verify(t.Context(), d)
			if err != nil || alone.Intact == c.alone {
				t.Errorf("without seals: %+v, %v", alone, err)
			}
			r, err := audit.Verify(t.Context(), d, seals...)
			if err != nil || r.Broken != c.broken || r.Intact != (c.broken == 0) || !strings.Contains(r.Problem, c.says) {
				t.Errorf("with seals: %+v, %v, want row %d and %q", r, err, c.broken, c.says)
			}
			if c.broken == 0 && (r.Seals != 2 || r.Sealed == nil || r.Sealed.Row != 5) {
				t.Errorf("an intact trail: %+v", r)
			}
		})
	}
}

// TestEveryColumnIsCovered changes each column of a row in turn.
func TestEveryColumnIsCovered(t *testing.T) {
	t.Parallel()
	url := dbtest.URL(t)
	d := dbtest.Open(t, url)
	if err := record(t.Context(), d, someone, "backup.start"); err != nil {
		t.Fatal(err)
	}
	var columns []string
	err := d.InTx(t.Context(), system, func(tx db.Tx) error {
		rows, err := tx.PG.Query(t.Context(), "select attname from pg_attribute where attrelid = 'audit_log'::regclass and "+
			"attnum > 0 and not attisdropped")
		if err != nil {
			return err
		}
		columns, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil || len(columns) != 22 {
		t.Fatalf("columns: %v, %v", columns, err)
	}
	other := map[string]string{"id": "2", "at": "at + interval '1 microsecond'", "outcome": "'refused'",
		"detail": `'{"b": 2}'`, "duration_ms": "duration_ms + 1",
		"security": "not security", "hash": "sha256('x')", "prev_hash": "sha256('x')"}
	for _, name := range columns {
		value, special := other[name]
		if !special {
			value = name + " || 'x'"
		}
		tamper(t, url, "update audit_log set "+name+" = "+value)
		if r, err := audit.Verify(t.Context(), d); err != nil || r.Intact || r.Broken != 1 {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		tamper(t, url, "delete from audit_log; "+rechain) // a sound trail again
		if err := record(t.Context(), d, someone, "backup.start"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestATrailThatBeganAnewSaysSo: a console database that was lost and made anew is told apart from one that somebody
// put in the place of the trail by an entry that a person has to make, and that stays.
func TestATrailThatBeganAnewSaysSo(t *testing.T) {
	t.Parallel()
	_, _, old := sealed(t)
	d := dbtest.Open(t, dbtest.URL(t))
	if err := record(t.Context(), d, someone, "account.create"); err != nil {
		t.Fatal(err)
	}
	if r, err := audit.Verify(t.Context(), d, old...); err != nil || r.Intact || r.Broken != 1 ||
		!strings.Contains(r.Problem, "keepsake audit begin") {
		t.Errorf("before anybody said so: %+v, %v", r, err)
	}
	err := d.InTx(t.Context(), someone, func(tx db.Tx) error {
		return audit.Record(t.Context(), tx, someone,
			audit.Entry{Action: "audit.begin", Target: old[0].Trail, Outcome: audit.Allowed})
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := audit.Verify(t.Context(), d, old...)
	if err != nil || !r.Intact || len(r.Earlier) != 1 || r.Earlier[0].Row != 5 {
		t.Errorf("afterwards: %+v, %v", r, err)
	}
}

// TestRowsSayWhatTheyAreAbout reads back what a row has beside who and what.
func TestRowsSayWhatTheyAreAbout(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, dbtest.URL(t))
	ctx := keepsake.WithRequest(t.Context(),
		keepsake.Request{ID: "REQ1", Started: time.Now().Add(-1500 * time.Millisecond)})
	token := keepsake.Actor{
		ID:          "3",
		Name:        "ci",
		Role:        keepsake.RoleSuperAdmin,
		Session:     "token-1",
		Permissions: []keepsake.Permission{},
	}
	session := someone
	session.Session = "session-1"
	for _, c := range []struct {
		actor keepsake.Actor
		e     audit.Entry
		want  audit.Row
	}{
		{token, audit.Entry{Action: "backup.start", Target: "op", Detail: map[string]any{"wedding": "w1", "point": "p1"}},
			audit.Row{Token: "token-1", WeddingID: "w1", Point: "p1"}},
		{session, audit.Entry{Action: "milestone.save", Target: "w2", Took: 400 * time.Millisecond},
			audit.Row{Session: "session-1", WeddingID: "w2", Took: 400 * time.Millisecond}},
		{session, audit.Entry{Action: "point.save", Target: "p2", Detail: audit.Change("a", "b")},
			audit.Row{Session: "session-1", Point: "p2"}},
		{bound, audit.Entry{Action: "token.create", Target: "x"}, audit.Row{Organization: "org-1", Security: true}},
	} {
		c.e.Outcome = audit.Allowed
		if err := d.InTx(ctx, c.actor, func(tx db.Tx) error { return audit.Record(ctx, tx, c.actor, c.e) }); err != nil {
			t.Fatal(err)
		}
		rows, err := audit.List(t.Context(), d, system, audit.Filter{Most: 1})
		if err != nil || len(rows) != 1 {
			t.Fatalf("%+v, %v", rows, err)
		}
		got := rows[0]
		if c.want.Took == 0 && (got.Took < 1500*time.Millisecond || got.Took > 20*time.Second) || c.want.Took != 0 &&
			got.Took != c.want.Took {
			t.Errorf("%s took %s", c.e.Action, got.Took)
		}
		if got.RequestID != "REQ1" || got.Token != c.want.Token || got.Session != c.want.Session ||
			got.WeddingID != c.want.WeddingID || got.Point != c.want.Point ||
			got.Organization != c.want.Organization || got.Security != c.want.Security {
			t.Errorf("%s: %+v", c.e.Action, got)
		}
	}
	var change map[string]any
	rows, err := audit.List(t.Context(), d, system, audit.Filter{Action: "point.save", Most: 1})
	if err != nil || len(rows) != 1 || json.Unmarshal(rows[0].Detail, &change) != nil || change["before"] != "a" ||
		change["after"] != "b" {
		t.Errorf("a changed setting: %v, %v", change, err)
	}
	if r, err := audit.Verify(t.Context(), d); err != nil || !r.Intact {
		t.Errorf("verify: %+v, %v", r, err)
	}
}

// TestATrailWithABrokenEndGoesOn: whatever the owner of the database did to the end, what happens next is on record,
// the section is named, what lies before and after is vouched for, and the trail is never called intact again.
func TestATrailWithABrokenEndGoesOn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sql    string
		broken int64 // the first row that is named
	}{
		"another hash": {"update audit_head set hash = sha256('x')", 6},
		"too high":     {"update audit_head set last_id = 9", 6},
		"too low":      {"update audit_head set last_id = 2", 6},
		"gone":         {"delete from audit_head", 1},
		"another name": {"update audit_head set trail = gen_random_uuid()", 1},
		"a row behind it": {`insert into audit_log select (jsonb_populate_record(l, jsonb_build_object('id', 6,
			'hash', sha256('x')))).* from audit_log l where id = 5`, 6},
		"the last rows gone": {"delete from audit_log where id > 3", 4},
		"a row in the middle, and end": {"update audit_log set target = 'x' where id = 2; update audit_head set hash " +
			"= sha256('x')", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, url, seals := sealed(t)
			tamper(t, url, c.sql)
			for range 3 {
				if err := record(t.Context(), d, someone, "backup.start"); err != nil {
					t.Fatalf("nothing can be put on record any more: %v", err)
				}
			}
			r, err := audit.Verify(t.Context(), d, seals...)
			if err != nil || r.Intact || r.Broken != c.broken || len(r.Breaks) == 0 || len(r.Sections) == 0 ||
				r.Trail != seals[0].Trail {
				t.Fatalf("%+v, %v", r, err)
			}
			last := r.Sections[len(r.Sections)-1]
			if last.To != r.Rows || last.To <= last.From {
				t.Errorf("what came after the break: %+v", r.Sections)
			}
			// A seal of now vouches for it.
			r, err = audit.Verify(t.Context(), d, append(seals, roundTrip(t, r.Seal(time.Now())))...)
			if err != nil || r.Intact || r.Sections[len(r.Sections)-1].Sealed == nil {
				t.Errorf("sealed: %+v, %v", r, err)
			}
			if words := strings.Join(r.Words(time.Now()), "\n"); !strings.Contains(words, "Broken at row") ||
				!strings.Contains(words, "follow each other; sealed up to row") || strings.Contains(words, "Intact") {
				t.Error(words)
			}
		})
	}
}

// TestWhatCameSinceASealIsReadAlone, and where that says too little it says so.
func TestWhatCameSinceASealIsReadAlone(t *testing.T) {
	t.Parallel()
	d, url, seals := sealed(t)
	if err := record(t.Context(), d, someone, "backup.start"); err != nil {
		t.Fatal(err)
	}
	if r, known, err := audit.VerifySince(t.Context(), d, seals[1]); err != nil || !known || r.Rows != 6 {
		t.Errorf("%+v, %v, %v", r, known, err)
	}
	other := seals[1]
	other.Hash = seals[0].Hash
	if _, known, err := audit.VerifySince(t.Context(), d, other); err != nil || known {
		t.Errorf("a seal that disagrees: %v, %v", known, err)
	}
	tamper(t, url, "update audit_log set target = 'x' where id = 6")
	if _, known, err := audit.VerifySince(t.Context(), d, seals[1]); err != nil || known {
		t.Errorf("a changed row: %v, %v", known, err)
	}
}
