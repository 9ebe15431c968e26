package db_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/dbtest"
)

// unguarded is what the console's working role may write without a trigger that refuses it or puts it on record, and
// why nothing is gained by it. Whoever adds a table covers it by a trigger, or says here what somebody with that role's
// password could do with it.
var unguarded = map[string]string{
	"backup_operations update": "backup_operations_guard and backup_operations_confirmed_stays; worker, fence, " +
		"heartbeat and progress are liveness: a wrong one delays, and its holder writes no more",
	"operation_events insert": "lines of an operation's log: what counts of an operation is its row and the trail",
	"duties insert":           "a duty that no process knows is not done",
	"duties update":           "when a duty is done: one whose time lies further away than one interval is due",
	"duties delete":           "a duty whose row is gone gets a new one, and is due",
	"schedules insert":        "when backups run is the configuration's, and how the last went its operation says",
	"schedules update": "the same; another turn, or days without weddings, put a backup off, and how old the newest " +
		"recovery point is stands on the overview",
	"schedules delete":       "a platform whose row is gone gets a new one",
	"provider_states insert": "a cache: providers are asked anew every few minutes",
	"provider_states update": "a cache: providers are asked anew every few minutes",
	"provider_states delete": "a cache: providers are asked anew every few minutes",
	"recovery_points insert": "a cache of the repository: a restore reads the repository, and refuses a point " +
		"that is not there",
	"accounts update": "accounts_change_on_record; changed_at lets nobody in",
	"sessions update": "sessions_change_on_record and sessions_use_on_record; an end ends it; last_address can " +
		"hide that it is used from elsewhere, and lets nobody in",
	"api_tokens update": "api_tokens_change_on_record; last_address can hide that it is used from elsewhere, and " +
		"lets nobody in",
	"second_steps update":   "second_steps_change_on_record; a later last step refuses a code more",
	"recovery_codes update": "recovery_codes_change_on_record; when it was made lets nobody in",
	"recovery_points update": "recovery_points_marks_on_record and recovery_points_goes_on_record; the rest is a cache " +
		"of the repository",
	"settings update": "settings_on_record; audit_verdict is sealed by the repository's key",
	"sign_in_throttles update": "sign_in_throttles_on_record and sign_in_throttles_hours_on_record; a failure more, " +
		"never one less",
	"sign_in_throttles delete": "sign_in_throttles_stay_on_record; what locks nobody, and an hour's count, which begins " +
		"anew on record",
	"rate_limits update": "rate_limits_on_record; a use more, or one less of more than an hour ago, which " +
		"counts no more",
	"rate_limits delete":       "rate_limits_stay_on_record; uses of more than an hour ago count no more",
	"used_codes update":        "used_codes_on_record; a code of more than five minutes ago is over",
	"used_codes delete":        "used_codes_on_record; a code of more than five minutes ago is over",
	"sessions delete":          "ends a session",
	"supabase_sessions insert": "tokens are sealed by the repository's key: what it did not seal opens nothing",
	"supabase_sessions update": "tokens are sealed by the repository's key, under the session's id",
	"supabase_sessions delete": "ends a session",
	"used_codes insert":        "a code that counts as used lets nobody in",
	"api_tokens delete":        "ends a token",
	"idempotency_keys insert":  "an answer that a script of the same account asks for again; it starts nothing",
	"idempotency_keys update":  "an answer that a script of the same account asks for again; it starts nothing",
	"idempotency_keys delete":  "a request that is sent again is carried out again, by who may",
	"sign_in_throttles insert": "a lock more, never one less",
	"rate_limits insert":       "a use more, never one less",
	"settings insert":          "what is not there yet: the console makes it at its first start, and takes what is there",
	"alert_places insert":      "alert_places_guard; a place that nobody configured is told nothing",
	"alert_places update": "alert_places_guard and alert_places_on_record; what they let through tells a place " +
		"again, or some minutes later",
	"audit_words insert":       "what search finds: an entry that is found by a wrong word says what it says",
	"river.river_job insert":   "a job names an operation, and an operation that does not wait to be run is not run",
	"river.river_job update":   "a job names an operation, and an operation that does not wait to be run is not run",
	"river.river_job delete":   "an operation without a job is put into the queue again within seconds",
	"river.river_leader":       "which worker tidies the queue up: nothing else",
	"river.river_queue":        "whether a queue pauses: it stops the console, and starts nothing",
	"river.river_notification": "not used by this version of the queue",
}

// guarding are the functions of triggers that refuse every write or put it on record. Others look at what is written
// first, and so do triggers with a condition: unguarded says of each what they let through.
var guarding = []string{"must_be_on_record", "audit_log_append_only", "audit_log_follows", "audit_head_grows"}

// TestWhatTheServersRoleWritesIsGuarded walks the catalog: each kind of write that the working role has, to each table,
// runs into a trigger that refuses it or puts it on record, whatever it changes, or stands above with the reason.
func TestWhatTheServersRoleWritesIsGuarded(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, dbtest.URL(t))
	type write struct {
		Table, Kind string
		Guarded     bool
	}
	var writes []write
	err := d.InTx(t.Context(), system, func(tx db.Tx) error {
		rows, err := tx.PG.Query(t.Context(), `
			select case n.nspname when 'public' then c.relname else n.nspname || '.' || c.relname end, k.kind,
				exists (select from pg_trigger g join pg_proc p on p.oid = g.tgfoid where g.tgrelid = c.oid and not g.tgisinternal
					and g.tgenabled <> 'D' and g.tgtype & k.bit <> 0
					and g.tgqual is null and cardinality(g.tgattr::int2[]) = 0 and p.proname = any($1)) as guarded
			from pg_class c join pg_namespace n on n.oid = c.relnamespace, (values ('insert', 4), ('delete', 8), ('update',
				16)) k (kind, bit)
			where c.relkind in ('r', 'p') and n.nspname in ('public', 'river') and has_table_privilege(current_user, c.oid,
				k.kind)
			order by 1, 2`, guarding)
		if err != nil {
			return err
		}
		writes, err = pgx.CollectRows(rows, pgx.RowToStructByPos[write])
		return err
	})
	if err != nil || len(writes) < 40 {
		t.Fatalf("%d kinds of writes, %v: this proves little", len(writes), err)
	}
	needed := map[string]bool{}
	for _, w := range writes {
		if w.Guarded {
			continue
		}
		name := w.Table + " " + w.Kind
		needed[name], needed[w.Table] = true, true
		if unguarded[name] == "" && unguarded[w.Table] == "" {
			t.Errorf("the working role may %s in %s, and no trigger refuses each one or puts it on record: add one, or say in "+
				"unguarded why nothing is gained", w.Kind, w.Table)
		}
	}
	for name := range unguarded {
		if !needed[name] {
			t.Errorf("unguarded explains %q, which the working role may not write, or which is guarded: take the line out", name)
		}
	}
	var owners int
	err = d.InTx(t.Context(), system, func(tx db.Tx) error {
		return tx.PG.QueryRow(t.Context(), `select count(*) from pg_trigger g join pg_proc p on p.oid = g.tgfoid
			join pg_class c on c.oid = g.tgrelid join pg_namespace n on n.oid = c.relnamespace
			where n.nspname = 'public' and not g.tgisinternal and (p.proowner = current_user::regrole
				or has_function_privilege(current_user, p.oid, 'execute with grant option')
				or p.proconfig is null and p.proname = any($1))`,
			[]string{"must_be_on_record", "audit_head_grows", "audit_log_follows", "backup_operations_guard",
				"keep_slots", "approval_is_on_record", "confirmed_stays"}).Scan(&owners)
	})
	if err != nil || owners != 0 {
		t.Errorf("%d functions of triggers are the working role's, or look into whatever schema it names (%v)", owners, err)
	}
	if slices.ContainsFunc(writes, func(w write) bool {
		return strings.HasPrefix(w.Table, "audit_head") &&
			w.Kind != "update"
	}) {
		t.Error(fmt.Sprint("the end of the trail can be made or removed: ", writes))
	}
}
