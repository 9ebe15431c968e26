package engine_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// bareSchemas is how many platforms one run of the test draws.
const bareSchemas = 3

// drawn is one statement of a platform's schema, what it makes, and what it needs of the server.
type drawn struct {
	sql    string
	needs  []string // roles
	kind   string   // of the exception, where one of them is missing
	object string   // a word of the exception's object
	check  string   // a query that says whether it is there
}

// drawBare draws grants, policies, comments, triggers, owners and default privileges for some roles.
func drawBare(t *rapid.T, roles []string) []drawn {
	var all []drawn
	role := rapid.SampledFrom(roles)
	quoted := func(r string) string { return pgx.Identifier{r}.Sanitize() }
	for i := range rapid.IntRange(1, 4).Draw(t, "tables") {
		table := fmt.Sprintf("t%d", i)
		all = append(all, drawn{
			sql:   "create table " + table + " (id int primary key, name text)",
			check: "select to_regclass('" + table + "') is not null",
		},
			drawn{
				sql:   "insert into " + table + " select i, 'x' from generate_series(1, 20) i",
				check: "select count(*) = 20 from " + table,
			})
		granted := map[string]bool{}
		if rapid.Bool().Draw(t, "owned") {
			r := role.Draw(t, "owner")
			granted[r] = true // an owner needs no grant, and pg_dump writes none
			all = append(all, drawn{"alter table " + table + " owner to " + quoted(r), []string{r}, "owner", "public." + table,
				fmt.Sprintf("select tableowner = '%s' from pg_tables where tablename = '%s'", r, table)})
		}
		for range rapid.IntRange(0, 4).Draw(t, "grants") {
			r := role.Draw(t, "grantee")
			if granted[r] {
				continue
			}
			granted[r] = true
			all = append(all, drawn{"grant select on " + table + " to " + quoted(r), []string{r}, "grant", "TABLE " + table,
				fmt.Sprintf("select exists (select from pg_class c, aclexplode(relacl) a join pg_roles r on r.oid = a.grantee "+
					"where relname = '%s' and rolname = '%s')", table, r)})
		}
		for j := range rapid.IntRange(0, 3).Draw(t, "policies") {
			policy, r := fmt.Sprintf("p%d_%d", i, j), role.Draw(t, "policy's role")
			needs, to := []string{r}, quoted(r)
			if rapid.Bool().Draw(t, "for everybody") {
				needs, to = nil, "public"
			}
			there := fmt.Sprintf("exists (select from pg_policy where polname = '%s')", policy)
			all = append(all, drawn{fmt.Sprintf("create policy %s on %s to %s using (id > %d)", policy, table, to, j), needs,
				"policy", policy, "select " + there})
			if rapid.Bool().Draw(t, "comment") {
				all = append(all, drawn{fmt.Sprintf("comment on policy %s on %s is 'about %s'", policy, table, policy), needs,
					"comment", "POLICY " + policy,
					fmt.Sprintf("select exists (select from pg_policy p where polname = '%s' and obj_description(p.oid, "+
						"'pg_policy') is not null)", policy)})
			}
		}
		if rapid.Bool().Draw(t, "trigger") {
			f, r := fmt.Sprintf("f%d", i), role.Draw(t, "function's owner")
			all = append(all, drawn{
				sql:   "create function " + f + "() returns trigger language plpgsql as 'begin return new; end'",
				check: "select to_regproc('" + f + "') is not null",
			},
				drawn{"alter function " + f + " owner to " + quoted(r), []string{r}, "owner", "public." + f,
					fmt.Sprintf("select pg_get_userbyid(proowner) = '%s' from pg_proc where proname = '%s'", r, f)},
				drawn{
					sql:   fmt.Sprintf("create trigger tr%d before insert on %s for each row execute function %s()", i, table, f),
					check: fmt.Sprintf("select exists (select from pg_trigger where tgname = 'tr%d')", i),
				},
				drawn{
					sql:   fmt.Sprintf("comment on trigger tr%d on %s is 'kept'", i, table),
					check: fmt.Sprintf("select obj_description(oid) = 'kept' from pg_trigger where tgname = 'tr%d'", i),
				})
		}
	}
	for i, r := range roles {
		if !rapid.Bool().Draw(t, "default privileges") {
			continue
		}
		schema := fmt.Sprintf("s%d", i)
		all = append(all, drawn{sql: "create schema " + schema, check: "select to_regnamespace('" + schema +
			"') is not null"},
			drawn{"alter default privileges in schema " + schema + " grant select on tables to " + quoted(r), []string{r},
				"default grant", schema,
				fmt.Sprintf("select exists (select from pg_default_acl d, aclexplode(defaclacl) a join pg_roles r on r.oid = "+
					"a.grantee where rolname = '%s' and defaclnamespace = '%s'::regnamespace)", r, schema)})
	}
	return all
}

// TestWhateverRolesAreMissingTheRestIsThere: whatever a platform grants to whom, and whichever of its roles the target
// lacks, everything that needs none of those is there, and each thing that does is named.
//
// A failure names its seed; KEEPSAKE_PROPERTY_SEED=<seed> draws that platform alone again.
func TestWhateverRolesAreMissingTheRestIsThere(t *testing.T) {
	t.Parallel()
	seeds := []int{}
	if given := os.Getenv("KEEPSAKE_PROPERTY_SEED"); given != "" {
		seed, err := strconv.Atoi(given)
		if err != nil {
			t.Fatal(err)
		}
		seeds = append(seeds, seed)
	}
	for len(seeds) < bareSchemas && os.Getenv("KEEPSAKE_PROPERTY_SEED") == "" {
		seeds = append(seeds, rand.IntN(1<<31))
	}
	for _, seed := range seeds {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			t.Parallel()
			bareRestore(t, seed)
		})
	}
}

func bareRestore(t *testing.T, seed int) {
	t.Helper()
	var roles []string
	for _, name := range []string{"app", "Odd Role", "it's", "writer", "reader"} {
		roles = append(roles, fmt.Sprintf("%s %d", name, seed))
	}
	plan := rapid.Custom(func(t *rapid.T) []drawn { return drawBare(t, roles) }).Example(seed)
	missing := map[string]bool{}
	for i, r := range roles {
		missing[r] = seed>>i&1 == 1
	}
	for i := range plan { // quotes in the queries that look
		for _, r := range roles {
			plan[i].check = strings.ReplaceAll(plan[i].check, "'"+r+"'", "'"+strings.ReplaceAll(r, "'", "''")+"'")
		}
	}
	source, target := testenv.DB(t), testenv.DB(t)
	for _, r := range roles {
		run(t, source, "create role "+pgx.Identifier{r}.Sanitize())
	}
	for _, d := range plan {
		run(t, source, d.sql)
	}
	e := newEngine(t, source, providers(t))
	backup(t, e, keepsake.BackupFull)
	for _, r := range roles {
		if missing[r] {
			role := pgx.Identifier{r}.Sanitize()
			run(t, source, "reassign owned by "+role+" to postgres", "drop owned by "+role, "drop role "+role)
		}
	}
	r := restore(t, e, engine.RestoreInput{Scope: keepsake.Everything(), Point: "latest", Target: keepsake.Secret(target)})
	if !r.Verified {
		t.Errorf("every table could be made, and the restore is not verified: %s", r.Message)
	}
	named := map[string]int{}
	for _, d := range plan {
		lost := false
		for _, need := range d.needs {
			lost = lost || missing[need]
		}
		there := one[bool](t, target, d.check)
		if there == lost {
			t.Errorf("%s: there is %v, and a role that it needs is missing: %v", d.sql, there, lost)
		}
		if lost {
			named[d.kind+" "+d.object]++
		}
	}
	total := 0
	for what, n := range named {
		kind, word, _ := strings.Cut(what, " ")
		if rest, ok := strings.CutPrefix(what, "default grant "); ok {
			kind, word = "default grant", rest
		}
		found := 0
		for _, x := range r.Exceptions {
			if x.Kind == kind && strings.Contains(x.Object+" ", word) && x.Error != "" && x.SQL != "" {
				found++
			}
		}
		if found != n {
			t.Errorf("%d exceptions name the %s, want %d: %+v", found, what, n, r.Exceptions)
		}
		total += n
	}
	if len(r.Exceptions) != total || (r.Outcome == engine.OutcomeExceptions) != (total > 0) {
		t.Errorf("%d exceptions and outcome %q, want %d: %+v", len(r.Exceptions), r.Outcome, total, r.Exceptions)
	}
}
