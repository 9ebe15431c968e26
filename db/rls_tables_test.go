package db_test

import (
	"fmt"
	"strings"
)

// sight is who sees and changes the rows of a table. There are four kinds; a table is one of them.
type sight string

const (
	// ofOrganization: each row belongs to one organization of a platform or to none, which is the whole platform. An actor
	// bound to an organization sees and changes its rows and no others, nor those of another platform's organization with
	// the same key; one who is not bound, all.
	ofOrganization sight = "organization"
	// ofActor: each row belongs to one actor, bound or not.
	ofActor sight = "actor"
	// ofSystem: sign-in, workers and migrations only. No person, whatever their role, reaches a row.
	ofSystem sight = "system"
	// facts: without anything of any organization. Every super admin reads them; who writes is said with each.
	facts sight = "facts"
)

// tableRules says of every table of the console database who may see its rows, and how to make one. It is in order of
// the references between them. A table that is missing here fails TestEveryTableHidesItsRows: add it, and say what it
// is.
var tableRules = []tableRule{
	{
		name:  "backup_operations",
		sight: ofOrganization,
		touch: "note = note || 'x'",
		row: `insert into backup_operations (id, platform, kind, organization, requested_by, requested_name, slots)
			values ({uuid}, {platform}, 'verify', {org}, 'x', 'x', array[{text}])`,
	},
	// The database itself gives each operation its slots and frees them: nobody else writes there.
	{
		name:       "slots",
		sight:      ofOrganization,
		touch:      "fence = fence + 1",
		appendOnly: true,
		of:         "(select " + ofBoth("o.") + " from backup_operations o where o.id = operation)",
	},
	{
		name:   "operation_events",
		sight:  ofOrganization,
		touch:  "message = message || 'x'",
		of:     "(select " + ofBoth("o.") + " from backup_operations o where o.id = operation_id)",
		fixed:  true,
		parent: "backup_operations",
		row:    `insert into operation_events values ({parent}, {n}, now(), 'info', 'x')`,
	},
	{
		name:   "provider_states",
		sight:  facts,
		touch:  "error = error || 'x'",
		writes: ofSystem,
		row:    `insert into provider_states (platform, name, medium, offsite) values ('main', {text}, 'disk', false)`,
	},
	{
		name:  "schedules",
		sight: ofSystem,
		touch: "turn = turn + 1",
		row:   `insert into schedules (platform) values ({text})`,
	},
	{name: "duties", sight: ofSystem, touch: "beats = beats + 1", row: `insert into duties (name) values ({text})`},
	{
		name:  "recovery_points",
		sight: ofOrganization,
		touch: "note = note || 'x'",
		row: `insert into recovery_points (id, platform, organization, taken_at, backup_type, source_database, source_server,
			tables,
			rows, bytes_read, bytes_stored, bytes_new,
			chunks, chunks_new, seconds, copies, protected) values ({text}, {platform}, {org}, now(), 'full', 'x', '15',
				1, 1, 1, 1, 1, 1,
				1, 1, '[]', true)`,
	},
	{
		name:   "backup_tests",
		sight:  ofOrganization,
		touch:  "seconds = seconds + 1",
		parent: "recovery_points",
		row:    `insert into backup_tests values ({uuid}, {platform}, {parent}, null, {org}, 'verify', now(), true, 0, 1)`,
	},
	{
		name:  "disaster_recovery_events",
		sight: ofOrganization,
		touch: "rto_seconds = null",
		row: `insert into disaster_recovery_events (id, platform, organization, point_id, target, target_database, started_at,
			finished_at, outcome)
			values ({uuid}, {platform}, {org}, 'p', 'x', 'x', now(), now(), 'failed')`,
	},
	{
		name:  "wedding_milestones",
		sight: ofOrganization,
		touch: "set_by = set_by || 'x'",
		row: `insert into wedding_milestones (platform, wedding_id, name, day, organization, set_by)
			values ({platform}, {text}, 'tasting', now(), {org}, 'x')`,
	},
	{
		name:  "rate_limits",
		sight: ofActor,
		touch: "used_at = used_at || now()",
		row:   `insert into rate_limits values ({actor}, 'main', {kind}, array[now()])`,
	},
	{
		name:  "accounts",
		sight: ofSystem,
		touch: "changed_at = now()",
		row: `insert into accounts (id, email, password_hash, role) values ({uuid}, {text} || '@example.org', '$argon2id$x',
			'super_admin')`,
	},
	{
		name:   "sessions",
		sight:  ofSystem,
		touch:  "last_seen_at = now()",
		parent: "accounts",
		row: `insert into sessions (id, token_hash, account_id, created_at, last_seen_at, expires_at, user_agent, address)
			values ({uuid}, sha256({text}::bytea), {parent}, now(), now(), now() + interval '1 h', '', '')`,
	},
	{
		name:   "second_steps",
		sight:  ofSystem,
		touch:  "last_step = last_step + 1",
		parent: "accounts",
		row:    `insert into second_steps (account_id, secret, created_at) values ({parent}, sha256({text}::bytea), now())`,
	},
	{
		name:   "recovery_codes",
		sight:  ofSystem,
		touch:  "used_at = now()",
		parent: "accounts",
		row: `insert into recovery_codes (account_id, code_hash, created_at) values ({parent}, sha256({text}::bytea),
			now())`,
	},
	{
		name:   "supabase_sessions",
		sight:  ofSystem,
		touch:  "next_try_at = now()",
		parent: "sessions",
		row:    `insert into supabase_sessions values ({parent}, sha256({text}::bytea), now())`,
	},
	{
		name:  "used_codes",
		sight: ofSystem,
		touch: "used_at = now()",
		row:   `insert into used_codes values (sha256({text}::bytea), now())`,
	},
	{
		name:   "api_tokens",
		sight:  ofSystem,
		touch:  "last_address = 'x'",
		parent: "accounts",
		row: `insert into api_tokens (id, token_hash, account_id, name, permissions, expires_at)
			values ({uuid}, sha256({text}::bytea), {parent}, 'x', '{read}', now() + interval '1 h')`,
	},
	{
		name:  "idempotency_keys",
		sight: ofActor,
		touch: "status = 200",
		row:   `insert into idempotency_keys (actor_id, key, request) values ({actor}, {text}, sha256('x'))`,
	},
	{
		name:  "sign_in_throttles",
		sight: ofSystem,
		touch: "failures = failures + 1",
		row:   `insert into sign_in_throttles values ('account', {text}::bytea, 1, now(), now())`,
	},
	{
		name:  "settings",
		sight: ofSystem,
		touch: "value = value || 'x'",
		row:   `insert into settings (name, value) values ({text}, 'x')`,
	},
	// Whoever acts may append to the trail, also of another organization or none, because a refused attempt is recorded as
	// its actor's by the system; nobody changes or removes a row.
	{
		name:       "audit_log",
		sight:      ofOrganization,
		touch:      "outcome = 'refused'",
		appendOnly: true,
		row: `insert into audit_log select {n}, now(), '', '', '', coalesce({org}, ''), '', '', '', '.', '', 'allowed', '{}',
			sha256({text}::bytea), sha256(('h' || {text})::bytea), '', '', '', '', 0, false, {platform}`,
	},
	{
		name:       "audit_words",
		sight:      ofOrganization,
		touch:      "word = word || 'x'",
		appendOnly: true,
		row:        `insert into audit_words values ({text}, {n}, coalesce({org}, ''), now(), {platform})`,
	},
	{
		name:  "alert_places",
		sight: ofSystem,
		touch: "failures = failures + 1",
		row:   `insert into alert_places values (sha256({text}::bytea), 0, now(), now())`,
	},
	// The end of the trail is one row, with a hash and a number in it. Everybody who is recorded moves it on by one;
	// nobody makes a second, sets it back or removes it.
	{name: "audit_head", sight: facts, touch: "last_id = last_id + 1", writes: facts, one: true},
	{name: "goose_db_version", sight: ofSystem, touch: "version_id = version_id", readOnly: true},
	// The job queue's schema. Its own code reads and writes it over connections that are the system; a person only puts
	// the job of an operation into it, in the transaction that made the operation, and so sees a job where they see its
	// operation. There is nothing in a job but that operation's id.
	{
		name:   "river.river_job",
		sight:  ofOrganization,
		touch:  "priority = 2",
		fixed:  true,
		parent: "backup_operations",
		of:     "(select " + ofBoth("o.") + " from backup_operations o where o.id = (args ->> 'operation')::uuid)",
		row: `insert into river.river_job (kind, args, max_attempts) values ('operation', jsonb_build_object('operation',
			{parent}::text), 1)`,
	},
	{
		name:  "river.river_leader",
		sight: ofSystem,
		touch: "leader_id = leader_id",
		row: `insert into river.river_leader (elected_at, expires_at, leader_id)
			values (now(), now() + interval '1 h', 'x')`,
		one: true,
	},
	{
		name:  "river.river_queue",
		sight: ofSystem,
		touch: "updated_at = now()",
		row:   `insert into river.river_queue (name, updated_at) values ('q' || {n}, now())`,
	},
	{
		name:  "river.river_notification",
		sight: ofSystem,
		touch: "topic = topic",
		row:   `insert into river.river_notification (topic, payload) values ('x', 'x')`,
	},
	{name: "river.river_migration", sight: ofSystem, touch: "version = version", readOnly: true},
}

// tableRule is one table.
type tableRule struct {
	name   string
	sight  sight
	writes sight // of facts: who writes
	// row inserts one row. {org} is its organization, {platform} its platform, {actor} its actor, {parent} the key of a
	// row of parent with the same owner; {uuid}, {text}, {n} and {kind} differ from row to row.
	row, parent string
	touch       string // what an UPDATE sets, without changing whose the row is
	of          string // how it is found whose a row is, as ofBoth writes it; empty: by its columns
	fixed       bool   // no UPDATE moves a row to another organization
	appendOnly  bool
	readOnly    bool // not even the system changes it as the console's role
	one         bool // it has one row
}

// owner is whose a row is: an organization of a platform, or with "" of none, which is the whole platform.
type owner struct{ platform, organization string }

func (o owner) String() string { return o.platform + "/" + o.organization }

// ofBoth writes an owner as SQL finds it in the columns behind a prefix.
func ofBoth(prefix string) string {
	return prefix + "platform || '/' || coalesce(" + prefix + "organization, '')"
}

func (r tableRule) owner() string {
	if r.of == "" {
		return ofBoth("")
	}
	return r.of
}

// insert writes the statement for a row that belongs to an organization, or, of another sight, to an actor.
func (r tableRule) insert(n int, of owner, actor, parent string) string {
	literal := "null"
	if of.organization != "" {
		literal = "'" + of.organization + "'"
	}
	kinds := []string{"full", "incremental", "critical", "wedding", "emergency"}
	return strings.NewReplacer("{org}", literal, "{platform}", "'"+of.platform+"'",
		"{actor}", "'"+actor+"'", "{parent}", "'"+parent+"'", "{n}",
		fmt.Sprint(n), "{text}", fmt.Sprintf("'row%d'", n),
		"{uuid}", fmt.Sprintf("'018f0000-0000-7000-8000-%012d'", n), "{kind}", "'"+kinds[n%len(kinds)]+"'").Replace(r.row)
}

// parents are the keys that rows refer to, as insert makes them from the number of a row.
func parentKey(table string, n int) string {
	switch table {
	case "recovery_points":
		return fmt.Sprintf("row%d", n)
	default:
		return fmt.Sprintf("018f0000-0000-7000-8000-%012d", n)
	}
}
