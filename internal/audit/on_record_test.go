package audit_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgerrcode"
	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/dbtest"
	"github.com/wedsync/keepsake/internal/audit"
)

// decided is one row of each table that decides who gets in and what is run.
const decided = `
	insert into accounts (id, email, password_hash, role) values ('018f0000-0000-7000-8000-000000000001',
		'amelia@example.org', '$argon2id$hidden', 'super_admin');
	insert into sessions (id, token_hash, account_id, created_at, last_seen_at, expires_at, user_agent, address)
		values ('018f0000-0000-7000-8000-000000000002', sha256('hidden'), '018f0000-0000-7000-8000-000000000001', now(),
			now(), now() + interval '1 h', '', '');
	insert into api_tokens (id, token_hash, account_id, name, permissions, expires_at)
		values ('018f0000-0000-7000-8000-000000000003', sha256('hidden'), '018f0000-0000-7000-8000-000000000001', 'x',
			'{read}', now() + interval '1 h');
	insert into second_steps (account_id, secret, created_at, last_step) values ('018f0000-0000-7000-8000-000000000001',
		sha256('hidden'), now(), 5);
	insert into recovery_codes (account_id, code_hash, created_at, used_at)
		values ('018f0000-0000-7000-8000-000000000001', sha256('hidden'), now(), now());
	insert into backup_operations (platform, id, kind, state, requested_by, requested_name, target, target_database,
		restore)
		values ('main', '018f0000-0000-7000-8000-000000000004', 'restore', 'proposed', '1', 'amelia@example.org',
			'platform server', 'copy', '{"scope": {"everything": true}}');
	insert into sign_in_throttles (kind, subject, failures, last_failure_at, locked_until) values ('account', sha256('a'),
		9, now(), now() + interval '1 h'), ('address', sha256('b'), 9, now(), now() + interval '1 h');
	insert into rate_limits (platform, actor_id, kind, used_at) values ('main', '1', 'full', array[now()]);
	insert into recovery_points (platform, id, taken_at, backup_type, source_database, source_server, tables, rows,
		bytes_read, bytes_stored, bytes_new, chunks, chunks_new, seconds, copies, protected)
		values ('main', 'p', now(), 'full', 'x', '15', 1, 1, 1, 1, 1, 1, 1, 1, '[]', true);
	insert into backup_tests (platform, id, point_id, kind, tested_at, ok, findings, seconds)
		values ('main', '018f0000-0000-7000-8000-000000000005', 'p', 'verify', now(), false, 1, 1);
	insert into disaster_recovery_events (platform, id, point_id, target, target_database, started_at, finished_at,
		outcome) values ('main', '018f0000-0000-7000-8000-000000000006', 'p', 'x', 'x', now(), now(), 'failed');
	insert into wedding_milestones (platform, wedding_id, name, day, set_by)
		values ('main', '1', 'tasting', '2030-01-01', 'x');
	insert into settings (name, value) values ('session_secret', 'x');
	insert into alert_places (place, last_id, leased_until, next_at) values (sha256('x'), 0, '-infinity', '-infinity')`

// explained records, after sql, every action in the same transaction.
func explained(ctx context.Context, d *db.DB, sql string, actions ...string) error {
	return d.InTx(ctx, system, func(tx db.Tx) error {
		if _, err := tx.PG.Exec(ctx, sql); err != nil {
			return err
		}
		for _, a := range actions {
			if err := audit.Record(ctx, tx, system, audit.Entry{Action: audit.Action(a), Outcome: audit.Allowed}); err != nil {
				return err
			}
		}
		return nil
	})
}

// decidedDatabase is a console database with those rows.
func decidedDatabase(t *testing.T) *db.DB {
	t.Helper()
	server := dbtest.Tables(t)
	d := dbtest.Open(t, server)
	if err := explained(t.Context(), d, decided); err != nil {
		t.Fatal(err)
	}
	if past := dbtest.Past(t, server); len(past) != decidedRows {
		t.Fatalf("nobody said why, and not all of it is on record: %q", past)
	}
	return d
}

// decidedRows is how many of those rows are put on record by the database.
const decidedRows = 9

// byTheDatabase returns what the database put on record itself, oldest first.
func byTheDatabase(t *testing.T, d *db.DB) []audit.Row {
	t.Helper()
	rows, err := audit.List(t.Context(), d, system, audit.Filter{Action: "database.write", Most: 500})
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(rows)
	return rows
}

// TestUnrecordedWriteIsRecordedByTheDatabase tries every way to get in, or to have something run, with the working
// role's password, and says something else in the trail meanwhile.
func TestUnrecordedWriteIsRecordedByTheDatabase(t *testing.T) {
	t.Parallel()
	d := decidedDatabase(t)
	for n, c := range []struct{ table, sql, says string }{
		{"accounts", "insert into accounts (id, email, password_hash, role) values " +
			"('018f0000-0000-7000-8000-000000000011', 'mallory@example.org', '$argon2id$hidden', 'super_admin')",
			"mallory@example.org"},
		{"accounts", "update accounts set password_hash = '$argon2id$other' where email like 'a%'", `["password_hash"]`},
		{"accounts", "update accounts set platform = 'main', organization = 'org-1' where email like 'a%'",
			`["organization", "platform"]`},
		{"accounts", "update accounts set disabled_at = now() where email like 'a%'", `["disabled_at"]`},
		{"accounts", "delete from accounts where email like 'm%'", "mallory@example.org"},
		{"sessions", `insert into sessions (id, token_hash, account_id, created_at, last_seen_at, expires_at, user_agent,
			address, ended_at, end_reason)
			select '018f0000-0000-7000-8000-000000000012', sha256('other'), account_id, now(), now(), now() + interval '1 h',
				'', '', now(), 'revoked' from sessions`, "018f0000-0000-7000-8000-000000000012"},
		{"sessions", "update sessions set expires_at = now() + interval '1 year' where ended_at is null", `["expires_at"]`},
		{"sessions", "update sessions set proven_at = proven_at + interval '1 s' where ended_at is null", `["proven_at"]`},
		{"sessions", "update sessions set ended_at = null, end_reason = null where ended_at is not null", `"ended_at"`},
		{"api_tokens", `insert into api_tokens (id, token_hash, account_id, name, permissions, expires_at)
			select '018f0000-0000-7000-8000-000000000013', sha256('other'), account_id, 'x', '{restore}', expires_at
				from api_tokens`, "018f0000-0000-7000-8000-000000000013"},
		{"api_tokens", "update api_tokens set permissions = '{read, backup, restore}' where permissions = '{read}'",
			`["permissions"]`},
		{"second_steps", "update second_steps set last_step = 0", `["last_step"]`},
		{"second_steps", "update second_steps set secret = sha256('other')", `["secret"]`},
		{"second_steps", "delete from second_steps", `"did": "delete"`},
		{"recovery_codes", "update recovery_codes set used_at = null", `["used_at"]`},
		{"backup_operations", "insert into backup_operations (platform, id, kind, requested_by, requested_name) values " +
			"('main', '018f0000-0000-7000-8000-000000000014', 'verify', '1', 'x')", "018f0000-0000-7000-8000-000000000014"},
		{"backup_operations", "update backup_operations set note = 'x' where kind = 'restore'", `["note"]`},
		{"backup_operations", "delete from backup_operations where kind = 'verify'", `"did": "delete"`},
		{"sign_in_throttles", "update sign_in_throttles set locked_until = now() - interval '1 h' where kind = 'account'",
			`["locked_until"]`},
		{"sign_in_throttles", "update sign_in_throttles set subject = sha256('other') where kind = 'account'", `["subject"]`},
		{"sign_in_throttles", "delete from sign_in_throttles where kind = 'address'", `"did": "delete"`},
		{"rate_limits", "update rate_limits set used_at = array[now() - interval '2 h']", `["used_at"]`},
		{"rate_limits", "update rate_limits set actor_id = '9'", `["actor_id"]`},
		{"rate_limits", "with again as (update rate_limits set kind = 'critical' returning 1) select * from again",
			`["kind"]`},
		{"recovery_points", "update recovery_points set note = 'nothing to see'", `["note"]`},
		{"recovery_points", "update recovery_points set locked = true", `["locked"]`},
		{"recovery_points", "update recovery_points set goes_after = now(), goes_because = 'x'",
			`["goes_after", "goes_because"]`},
		{"backup_operations", "insert into backup_operations (platform, id, kind, requested_by, requested_name, confirmed) " +
			"values ('main', '018f0000-0000-7000-8000-000000000015', 'retention', '1', 'x', '[\"p\"]')",
			"018f0000-0000-7000-8000-000000000015"},
		{"backup_tests", "update backup_tests set ok = true", `["ok"]`},
		{"backup_tests", "delete from backup_tests", `"did": "delete"`},
		{"backup_tests", "insert into backup_tests (id, platform, point_id, kind, tested_at, ok, findings, seconds) select " +
			"gen_random_uuid(), platform, id, 'restore', now(), true, 0, 1 from recovery_points", `"did": "insert"`},
		{"disaster_recovery_events", "delete from disaster_recovery_events", `"did": "delete"`},
		{"wedding_milestones", "update wedding_milestones set day = '2031-01-01'", `["day"]`},
		{"wedding_milestones", "delete from wedding_milestones", `"did": "delete"`},
		{"settings", "update settings set value = 'y' where name = 'session_secret'", `["value"]`},
		{"alert_places", "update alert_places set last_id = (select last_id from audit_head)", `["last_id"]`},
		// Alerts put off for a while, by what looks like somebody else's work.
		{"alert_places", "update alert_places set next_at = now() + interval '10 minutes'", `["next_at"]`},
		{"alert_places", "update alert_places set failures = 1000", `["failures"]`},
		{"settings", "update settings set name = 'audit_verdict'", `["name"]`},
		{"settings", `update settings set value = '"x"' where name = 'audit_verdict'`, `["value"]`},
		{"settings", "update settings set name = 'milestones_seen'", `["name"]`},
		{"settings", "update settings set value = '2999-01-01'", `["value"]`},
		{"settings", "delete from settings", `"did": "delete"`},
		// Lock-outs that were long ago all of a sudden, and entries that are due once an hour, counted in advance.
		{"sign_in_throttles", "update sign_in_throttles set last_failure_at = '2000-01-01', failures = 5 where " +
			"kind = 'account'", `"last_failure_at"`},
		{"sign_in_throttles", "insert into sign_in_throttles (kind, subject, failures, last_failure_at, locked_until) " +
			"values ('hourly', sha256('h'), 9, now(), '9999-01-01')", `"did": "insert"`},
		{"sign_in_throttles", "update sign_in_throttles set failures = 9999 where kind = 'hourly'", `["failures"]`},
		{"sign_in_throttles", "update sign_in_throttles set locked_until = now() + interval '1 h' where kind = 'hourly'",
			`["locked_until"]`},
		// A session that was left, used again after all.
		{"sessions", "update sessions set last_seen_at = '2020-01-01' where id::text like '%0002'; update sessions set " +
			"last_seen_at = '2020-01-01 00:29' where id::text like '%0002'", `["last_seen_at"]`},
		{"sessions", "update sessions set last_seen_at = now() where id::text like '%0002'", `["last_seen_at"]`},
		{"sessions", "update sessions set last_seen_at = now() + interval '20 minutes' where id::text like '%0002'",
			`["last_seen_at"]`},
		{"alert_places", "delete from alert_places", `"did": "delete"`},
	} {
		if err := explained(t.Context(), d, c.sql, "overview.read", "overview.read"); err != nil {
			t.Fatalf("%s: %v", c.sql, err)
		}
		rows := byTheDatabase(t, d)
		if len(rows) != decidedRows+n+1 {
			t.Fatalf("%s: %d entries by the database, want one more than before: %d", c.sql, len(rows), decidedRows+n+1)
		}
		r := rows[decidedRows+n]
		if r.Target != c.table || !r.Security || r.ActorName == "" || !strings.Contains(string(r.Detail), c.says) ||
			strings.Contains(string(r.Detail), "argon2id") {
			t.Errorf("%s: %+v %s", c.sql, r, r.Detail)
		}
	}
	if err := explained(t.Context(), d, "insert into alert_places (place, last_id, leased_until, next_at) values "+
		"(sha256('z'), 0, '-infinity', '-infinity')"); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		// What is refused outright: starting what waits for an approval, by itself, with one's own, with a forged one that is
		// not on record, and by a detour.
		"update backup_operations set state = 'queued' where state = 'proposed'",
		"update backup_operations set state = 'queued', approved_by = requested_by, approved_name = 'x', approved_at = " +
			"now() where state = 'proposed'",
		"update backup_operations set state = 'queued', approved_by = '2', approved_name = 'ben@example.org', approved_at " +
			"= now() where state = 'proposed'",
		"update backup_operations set state = 'running', worker = 'x', heartbeat_at = '-infinity', attempt = 1, started_at " +
			"= now() where state = 'proposed'",
		"update backup_operations set state = 'interrupted', attempt = 1, started_at = now() where state = 'proposed'",
		"update backup_operations set approved_by = '2', approved_name = 'ben@example.org', approved_at = now() where " +
			"state = 'proposed'",
		`insert into backup_operations (platform, id, kind, state, requested_by, requested_name, target, target_database,
			restore, approved_by, approved_name, approved_at)
			values ('main', '018f0000-0000-7000-8000-000000000021', 'restore', 'queued', '1', 'amelia@example.org',
				'platform server', 'copy', '{"scope": {"everything": true}}', '2', 'ben@example.org', now())`,
		// Changing what somebody asked for, or who did, before the other one approves it.
		"update backup_operations set target_database = 'other' where kind = 'restore'",
		"update backup_operations set requested_by = '9' where kind = 'restore'",
		"update backup_operations set created_at = now() + interval '1 day' where kind = 'restore'",
		"update backup_operations set restore = '{\"scope\": {\"wedding\": \"7\"}}' where kind = 'restore'",
		"update backup_operations set confirmed = '[\"p\", \"q\"]' where kind = 'retention'",
		// Switching alerts off.
		"update alert_places set last_id = 1000000000000000", "update alert_places set next_at = '9999-01-01'",
		"update alert_places set leased_until = now() + interval '1 h'",
		"insert into alert_places (place, last_id, leased_until, next_at) values (sha256('y'), 1000000000000000, " +
			"'-infinity', '-infinity')",
		// Breaking the trail's end for good.
		"update audit_head set last_id = last_id + 1, hash = sha256('x')", "update audit_head set hash = sha256('x')",
		"update audit_head set trail = gen_random_uuid()",
		"update audit_head set last_id = last_id + 1", "insert into audit_head (last_id, hash) values (7, sha256('x'))",
		"delete from audit_head",
		`insert into audit_log select (jsonb_populate_record(l, jsonb_build_object('id', h.last_id + 1, 'prev_hash', h.hash,
			'hash', sha256('x')))).* from audit_log l, audit_head h where l.id = 1`,
	} {
		before := len(byTheDatabase(t, d))
		if err := explained(t.Context(), d, sql); !db.IsState(err, pgerrcode.CheckViolation) &&
			!db.IsState(err, pgerrcode.InsufficientPrivilege) || len(byTheDatabase(t, d)) != before {
			t.Errorf("%s: %v, want it refused", sql, err)
		}
	}
	for _, sql := range []string{ // what happens all the time, and lets nobody in
		"update sessions set last_seen_at = now()", "update sessions set last_seen_at = last_seen_at + interval '1 s'",
		"update sessions set ended_at = now(), end_reason = 'revoked' where ended_at is null",
		"update api_tokens set last_used_at = now()", "delete from sessions where ended_at is not null",
	} {
		before := len(byTheDatabase(t, d))
		if err := explained(t.Context(), d, sql); err != nil || len(byTheDatabase(t, d)) != before {
			t.Errorf("%s: %v, and on record", sql, err)
		}
	}
	if r, err := audit.Verify(t.Context(), d); err != nil || !r.Intact {
		t.Errorf("a trail that the database went on with: %+v, %v", r, err)
	}
}

// TestTriggersOfTheRecordCannotBePassed: neither who hides who they are when the transaction ends, nor who puts a table
// in the trail's place.
func TestTriggersOfTheRecordCannotBePassed(t *testing.T) {
	t.Parallel()
	const account = "insert into accounts (id, email, password_hash, role) values (gen_random_uuid(), gen_random_uuid() " +
		"|| '@example.org', '$argon2id$hidden', 'super_admin');"
	for name, c := range map[string]struct {
		sql     string
		refused bool
	}{
		"no actor at the end": {account + "set local keepsake.role = ''", true},
		"checked early":       {"set constraints all immediate;" + account, true},
		"another trail": {"create temp table audit_head as select * from audit_head; update pg_temp.audit_head set " +
			"written_in = pg_current_xact_id(), first_id = 0;" + account, false},
		"more than one":     {account + account, false},
		"undone in between": {"savepoint a; select 1; rollback to a;" + account, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := dbtest.Open(t, dbtest.Tables(t))
			err := explained(t.Context(), d, c.sql)
			rows := byTheDatabase(t, d)
			var accounts int
			if err := d.InTx(t.Context(), system, func(tx db.Tx) error {
				return tx.PG.QueryRow(t.Context(), "select count(*) from accounts").Scan(&accounts)
			}); err != nil {
				t.Fatal(err)
			}
			if c.refused && !db.IsState(err, pgerrcode.InsufficientPrivilege) || !c.refused && (err != nil || accounts == 0) ||
				len(rows) != accounts {
				t.Errorf("%v: %d accounts, %d entries", err, accounts, len(rows))
			}
		})
	}
}

// TestTheDatabasesEntriesChain lets both write at once.
func TestTheDatabasesEntriesChain(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, dbtest.Tables(t))
	g, ctx := errgroup.WithContext(t.Context())
	for range 8 {
		g.Go(func() error {
			for range 5 {
				if err := record(ctx, d, someone, "backup.start"); err != nil {
					return err
				}
				err := explained(ctx, d, "insert into backup_operations (platform, id, kind, requested_by, requested_name) values "+
					"('main', gen_random_uuid(), 'verify', '1', 'x')")
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if r, err := audit.Verify(t.Context(), d); err != nil || !r.Intact || r.Rows != 80 {
		t.Errorf("verify: %+v, %v, want 80 intact rows", r, err)
	}
}

// TestOnlyWhatAWriteNeedsExplainsIt: an entry that was refused, is about something else, or only begins like the right
// one, explains nothing.
func TestOnlyWhatAWriteNeedsExplainsIt(t *testing.T) {
	t.Parallel()
	const id = "018f0000-0000-7000-8000-000000000021"
	operation := "insert into backup_operations (platform, id, kind, state, requested_by, requested_name, target, " +
		"target_database, restore) values ('main', '" + id + "', 'restore', 'queued', '1', 'x', 'x', 'x', " +
		`'{"scope": {"everything": true}}')`
	account := "insert into accounts (id, email, password_hash, role) values ('" + id +
		"', 'mallory@example.org', '$argon2id$hidden', 'super_admin')"
	for name, c := range map[string]struct {
		sql       string
		said      audit.Entry
		explained bool
	}{
		"its own": {operation,
			audit.Entry{Action: "restore.start", Target: id, Outcome: audit.Allowed}, true},
		"a preview that was refused": {operation, audit.Entry{Action: "scope.preview", Outcome: audit.Refused}, false},
		"its own, refused": {operation,
			audit.Entry{Action: "restore.start", Target: id, Outcome: audit.Refused}, false},
		"another's": {operation,
			audit.Entry{Action: "restore.start", Target: "018f0000-0000-7000-8000-000000000022", Outcome: audit.Allowed}, false},
		"no one's": {operation, audit.Entry{Action: "restore.start", Outcome: audit.Allowed}, false},
		"another kind's": {operation,
			audit.Entry{Action: "backup.start", Target: id, Outcome: audit.Allowed}, false},
		"an end": {operation,
			audit.Entry{Action: "restore.end", Target: id, Outcome: audit.Allowed}, false},
		"what waits": {operation,
			audit.Entry{Action: "approval.ask", Target: id, Outcome: audit.Allowed}, false},
		"a new account": {account, audit.Entry{
			Action:  "account.create",
			Target:  "mallory@example.org",
			Outcome: audit.Allowed,
		}, true},
		"an unlock that was refused": {account, audit.Entry{
			Action:  audit.AccountUnlock,
			Target:  "mallory@example.org",
			Outcome: audit.Refused,
		}, false},
		"an unlock": {account, audit.Entry{
			Action:  audit.AccountUnlock,
			Target:  "mallory@example.org",
			Outcome: audit.Allowed,
		}, false},
		"another account": {account, audit.Entry{
			Action:  "account.create",
			Target:  "amelia@example.org",
			Outcome: audit.Allowed,
		}, false},
		"a password": {account + "; update accounts set platform = 'main', organization = 'org-1' where id = '" + id + "'",
			audit.Entry{Action: "account.password", Target: "mallory@example.org", Outcome: audit.Allowed}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := dbtest.Open(t, dbtest.Tables(t))
			err := d.InTx(t.Context(), system, func(tx db.Tx) error {
				if _, err := tx.PG.Exec(t.Context(), c.sql); err != nil {
					return err
				}
				return audit.Record(t.Context(), tx, system, c.said)
			})
			if rows := byTheDatabase(t, d); err != nil || (len(rows) == 0) != c.explained {
				t.Errorf("%v: %d entries by the database, explained is %v", err, len(rows), c.explained)
			}
		})
	}
}

// TestDatabaseRefusesEntriesThatAreNone: of another time, too long, a section's beginning by anybody, or a security
// event that is not marked, whoever has the working role.
func TestDatabaseRefusesEntriesThatAreNone(t *testing.T) {
	t.Parallel()
	d := decidedDatabase(t)
	appended := func(fields string) error {
		return d.InTx(t.Context(), system, func(tx db.Tx) error {
			_, err := tx.PG.Exec(t.Context(), `with entry as (select jsonb_populate_record(l, jsonb_build_object('id',
				h.last_id + 1, 'prev_hash', h.hash, 'at', clock_timestamp(), 'action', 'overview.read',
					'security', false, 'outcome', 'refused', 'detail', '{}'::jsonb) || `+fields+`) as e from audit_log l, audit_head h
						where l.id = 1),
				new as (insert into audit_log select (jsonb_populate_record(e, jsonb_build_object('hash', audit_hash(e)))).*
					from entry returning id, hash)
				update audit_head set last_id = new.id, hash = new.hash from new`)
			return err
		})
	}
	for fields, allowed := range map[string]bool{
		`'{}'`:                                true,
		`'{"at": "200000-01-01"}'`:            false,
		`'{"at": "1970-01-01"}'`:              false,
		`'{"action": "account.show"}'`:        false,
		`'{"action": "session.start"}'`:       false,
		`'{"detail": {"code": "forbidden"}}'`: false,
		`'{"action": "account.create", "detail": {"code": "proof"}}'`:                                    true,
		`'{"action": "account.create", "outcome": "allowed", "detail": {"code": "proof"}}'`:              false,
		`'{"action": "approval.give", "outcome": "allowed", "detail": {"code": "proof"}}'`:               false,
		`'{"action": "audit.section", "security": true}'`:                                                false,
		`'{"action": "audit.section", "security": true, "actor_role": "database", "outcome": "failed"}'`: false,
		`jsonb_build_object('user_agent', repeat('x', 5000000))`:                                         false,
		`jsonb_build_object('detail', jsonb_build_object('x', repeat('x', 5000000)))`:                    false,
	} {
		if err := appended(fields); allowed && err != nil || !allowed && !db.IsState(err, pgerrcode.InsufficientPrivilege) {
			t.Errorf("%s: %v, allowed is %v", fields, err, allowed)
		}
	}
}

// TestWordsLeftAtTheNextNumber: whoever has the working role may insert words of a search, also at the number that the
// next entry will have. The trail goes on all the same, and the entry is found by its other words.
func TestWordsLeftAtTheNextNumber(t *testing.T) {
	t.Parallel()
	d := decidedDatabase(t)
	if err := d.InTx(t.Context(), system, func(tx db.Tx) error {
		_, err := tx.PG.Exec(t.Context(), `insert into audit_words (word, id, organization)
			select w, h.last_id + n, '' from audit_head h, generate_series(1, 3) n, unnest($1::text[]) w`,
			[]string{"backup.start", "backup", "start"})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := record(t.Context(), d, someone, "backup.start"); err != nil {
			t.Fatalf("nothing can be put on record any more: %v", err)
		}
	}
}
