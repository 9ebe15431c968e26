package db_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/dbtest"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// The actors of these tests. There are rows of two organizations and of none.
var (
	orgA    = bindTo("actor-a", "main", "a")
	orgB    = bindTo("actor-b", "main", "b")
	otherA  = bindTo("other-actor-a", "other", "a")
	unbound = keepsake.Actor{ID: "actor-all", Name: "all@example.org", Role: keepsake.RoleSuperAdmin}
	guest   = keepsake.Actor{ID: "actor-x", Name: "x@example.org", Role: "guest"}
	// Bound by halves: no session makes them.
	halfOrganization = bindTo("actor-y", "", "a")
	halfPlatform     = bindTo("actor-z", "main", "")
)

func bindTo(id, platform, organization string) keepsake.Actor {
	return keepsake.Actor{
		ID:           id,
		Name:         id + "@example.org",
		Role:         keepsake.RoleSuperAdmin,
		Platform:     platform,
		Organization: organization,
	}
}

// TestEveryTableHidesItsRows reads the list of tables from the catalog and tries each of them, as everybody: a table
// that is added without a rule in tableRules, or whose policies do not do what its rule says, fails it.
func TestEveryTableHidesItsRows(t *testing.T) {
	t.Parallel()
	server := dbtest.Tables(t)
	asOwner(t, server, unchained)
	for _, problem := range judgeTables(t, dbtest.Open(t, server), tableRules) {
		t.Error(problem)
	}
}

// unchained lets rows into the audit trail that are not of its chain: who sees them is judged here.
const unchained = "alter table audit_log disable trigger audit_log_follows, disable trigger audit_log_is_counted"

func asOwner(t *testing.T, server keepsake.Secret, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dbtest.Owner(t, server).Reveal())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

// TestATableWithoutAPolicyIsFound: the test above can fail.
func TestATableWithoutAPolicyIsFound(t *testing.T) {
	t.Parallel()
	const row = "insert into guestbook values ({n}, {org}, {platform})"
	const bound = `alter table guestbook enable row level security, force row level security; create policy p
		on guestbook using (keepsake_sees(platform, organization))`
	known := append(slices.Clone(tableRules), tableRule{
		name:  "guestbook",
		sight: ofOrganization,
		touch: "id = id + 1000",
		row:   row,
	})
	for name, c := range map[string]struct {
		rules []tableRule
		sql   string
		says  string
	}{
		"nobody said whose its rows are": {tableRules, "", "guestbook: nobody has said who may see its rows"},
		"no policy":                      {known, "", "guestbook: row-level security is not forced"},
		"not forced": {known,
			"alter table guestbook enable row level security; create policy p on guestbook " +
				"using (keepsake_sees(platform, organization))",
			"guestbook: row-level security is not forced"},
		"a policy that lets everybody in": {known,
			"alter table guestbook enable row level security, force row level security; create policy p on " +
				"guestbook using (true)",
			"guestbook: no actor sees 4 rows"},
		"a policy that forgets organizations": {known,
			"alter table guestbook enable row level security, force row level security; create policy p on guestbook using " +
				"(keepsake_is_someone())",
			"guestbook: an actor of organization main/a sees 4 rows"},
		"a policy that forgets platforms": {known,
			`alter table guestbook enable row level security, force row level security; create policy p on guestbook
				using (keepsake_sees_all() or organization = keepsake_bound_to())`,
			"guestbook: an actor of organization main/a sees 2 rows"},
		"a policy that lets rows be moved": {known,
			`alter table guestbook enable row level security, force row level security;
			create policy p on guestbook using (keepsake_sees(platform, organization)) with check (keepsake_is_someone())`,
			"guestbook: an actor of organization main/a gives its rows to organization b"},
		"a second policy": {known, bound + "; create policy more on guestbook for select using (true)",
			"guestbook: no actor sees 4 rows"},
		"a view": {known, bound + "; create view guests as select * from guestbook",
			"guests: nobody has said who may see its rows"},
		"a view that is kept": {known, bound + "; create materialized view guests as select * from guestbook",
			"guests: nobody has said who may see its rows"},
		"a part of a table": {known,
			bound + "; create table guests (id int) partition by range (id); create table guests_2026 partition of " +
				"guests default", "guests_2026: nobody has said"},
		"a table of another schema": {known, bound + "; create table river.guests (id int)",
			"river.guests: nobody has said who may see its rows"},
		"a function with more rights": {known,
			bound + "; create function guests() returns bigint language sql security definer as 'select count(*) " +
				"from guestbook'", "guests(): it does what its owner may"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := dbtest.Tables(t)
			asOwner(t, server, unchained+"; create table guestbook (id int, organization text, platform text); "+c.sql+
				"; grant all on guestbook to public")
			d := dbtest.Open(t, server)
			if problems := judgeTables(t, d, c.rules); !slices.ContainsFunc(problems,
				func(p string) bool { return strings.HasPrefix(p, c.says) }) {
				t.Errorf("a table that hides nothing passed: %q", problems)
			}
		})
	}
}

// TestAnyNameIsAnActor: what is in a name is never SQL.
func TestAnyNameIsAnActor(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, dbtest.Tables(t))
	for _, name := range []string{"", "o'rg", `\', true); drop table accounts; --`, "Zoë & <Łukasz> 💍", "$1 {} %s",
		strings.Repeat("x", 5000)} {
		var role, platform, organization, id string
		err := d.InTx(t.Context(), keepsake.Actor{
			ID:           name,
			Role:         keepsake.Role(name),
			Platform:     name,
			Organization: name,
		},
			func(tx db.Tx) error {
				return tx.PG.QueryRow(t.Context(), "select current_setting('keepsake.role'), "+
					"current_setting('keepsake.platform'), current_setting('keepsake.organization'), "+
					"current_setting('keepsake.actor')").Scan(&role, &platform, &organization, &id)
			})
		if err != nil || role != name || platform != name || organization != name || id != name {
			t.Errorf("%q became %q, %q, %q, %q: %v", name, role, platform, organization, id, err)
		}
	}
}

// TestTheServersRoleOwnsNothing: what the console signs in as can neither change a table nor come to own one.
func TestTheServersRoleOwnsNothing(t *testing.T) {
	t.Parallel()
	server := dbtest.Tables(t)
	d := dbtest.Open(t, server)
	if d.OwnsTables() {
		t.Error("the role that the tests work as owns tables: they prove nothing of a role that does not")
	}
	conn, err := pgx.Connect(t.Context(), server.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	for _, sql := range []string{
		"alter table audit_log disable trigger all", "alter table backup_operations no force row level security",
		"alter table backup_operations disable row level security",
		"create policy all_of_it on backup_operations using (true)", "create table mine (id int)", "create schema mine",
		"create function mine() returns int language sql as 'select 1'",
		"drop table operation_events", "truncate backup_operations", "alter table river.river_job add column more text",
		"set role postgres", "create role more",
		"set role " + ownerOf(t, server), "grant " + ownerOf(t, server) + " to current_user", "set session authorization " +
			ownerOf(t, server), "create database more", "alter database postgres owner to current_user",
		"select pg_read_file('postgresql.conf')", "copy settings to program 'cat'", "copy settings to '/tmp/settings'",
		"create view mine as select 1", "create index on settings (created_at)",
		"alter role current_user bypassrls", "set session_replication_role = replica",
		"create or replace function keepsake_is_system() returns boolean language sql as 'select true'",
		"insert into slots (platform, name, operation, fence) select 'main', 'backup', id, 0 from backup_operations",
		"delete from slots", "update slots set name = 'none'",
		"create temp table mine (id uuid); create trigger mine after insert on mine for each row " +
			"execute function keep_slots()",
		"update audit_log set outcome = 'allowed'", "delete from audit_log", "delete from audit_head",
		"insert into goose_db_version (version_id, is_applied) values (1, true)",
	} {
		if _, err := conn.Exec(t.Context(), sql); !db.IsState(err, pgerrcode.InsufficientPrivilege) {
			t.Errorf("%s: %v, want it refused", sql, err)
		}
	}
	owned := 0
	if err := conn.QueryRow(t.Context(), "select count(*) from pg_shdepend where deptype = 'o' and refobjid = (select "+
		"oid from pg_roles where rolname = current_user)").Scan(&owned); err != nil || owned != 0 {
		t.Errorf("it owns %d things (%v)", owned, err)
	}
}

// TestTheServersRoleCanStopTheConsole: what it may do to itself locks the console out, until an administrator of the
// server gives it its password back.
func TestTheServersRoleCanStopTheConsole(t *testing.T) {
	t.Parallel()
	owner, server := dbtest.Roles(t) // those of Tables are everybody's
	if err := db.Prepare(t.Context(), owner, server, quiet); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), server.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	for _, sql := range []string{"set keepsake.role = 'system'", "delete from sessions", "delete from backup_operations",
		"alter role current_user password 'of somebody else'"} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	if _, err := db.Open(t.Context(), server); !db.IsState(err, pgerrcode.InvalidPassword) {
		t.Errorf("with its own password: %v", err)
	}
	own, err := pgx.ParseConfig(server.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	as, err := pgx.ParseConfig(owner.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	again := db.ProvisionInput{
		Database:      own.Database,
		Owner:         as.User,
		OwnerPassword: keepsake.Secret(as.Password),
		Server:        own.User,
		Password:      keepsake.Secret(own.Password),
	}
	if _, _, err := db.Provision(t.Context(), keepsake.Secret(testenv.DB(t)), again); err != nil {
		t.Fatal(err)
	}
	dbtest.Open(t, server)
}

// ownerOf is the name of the role that owns the tables.
func ownerOf(t *testing.T, server keepsake.Secret) string {
	t.Helper()
	c, err := pgx.ParseConfig(dbtest.Owner(t, server).Reveal())
	if err != nil {
		t.Fatal(err)
	}
	return pgx.Identifier{c.User}.Sanitize()
}

// TestPrepareRefusesARoleThatOwns: a console with an owner of its own does not work as the owner by mistake.
func TestPrepareRefusesARoleThatOwns(t *testing.T) {
	t.Parallel()
	owner, server := dbtest.Roles(t)
	_, elsewhere := dbtest.Roles(t)
	for name, c := range map[string]struct {
		owner, server keepsake.Secret
		says          string
	}{
		"the owner itself": {owner, owner, "owns something"},
		"another database": {owner, elsewhere, "another database"},
	} {
		if err := db.Prepare(t.Context(), c.owner, c.server, quiet); keepsake.CodeOf(err) != keepsake.CodeInvalid ||
			!strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// With one role it works as it always did, and says what it is.
	if err := db.Prepare(t.Context(), "", owner, quiet); err != nil {
		t.Fatal(err)
	}
	if !dbtest.Open(t, owner).OwnsTables() {
		t.Error("a role that owns the tables is not noticed")
	}
	// A second role can be added at any time, and again.
	for range 2 {
		if err := db.Prepare(t.Context(), owner, server, quiet); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Prepare(t.Context(), "", server, quiet); err != nil {
		t.Errorf("a database that is up to date needs no owner: %v", err)
	}
}
