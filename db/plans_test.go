package db_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/dbtest"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/sample"
)

// smallTables have a few rows for ever, so that reading all of them is the best there is.
var smallTables = map[string]string{
	"duties":          "one row for each duty, a dozen",
	"schedules":       "one row for each platform",
	"provider_states": "one row for each provider of a platform, sixteen at most",
	"slots":           "one row for each slot of a platform that an operation has",
	"settings":        "a handful of names",
	"audit_head":      "one row",
	"alert_places":    "one row for each address in the configuration",
}

// wholeTables are queries that want every row of a table, and why that is right.
var wholeTables = map[string]string{
	"SetProviderPoints":         "recounts what is confirmed where: for workers, after an operation, never for a page",
	"ListHeldPoints":            "which points stay follows from all of them: for workers, and for one page",
	"SetPointsToGo":             "notes which of all points are to go: for workers, after a retention",
	"ListPointMarks":            "what people wrote to each point, before the repository's list is read: for workers",
	"ListAccounts":              "everybody who may sign in, for the note in the repository, every ten minutes",
	"ListSecondSteps":           "what they are asked for, for the same note",
	"CountAccounts":             "at the start of the program",
	"DeleteOldSupabaseSessions": "once an hour; a row for each session that is open",
	"DeleteOldLimits":           "once an hour; a row for each person who started something",
}

// plannedAnew are queries that are never planned without their arguments: their transaction asks for that
// (PlanForValues).
var plannedAnew = []string{"ListAudit", "SearchAudit", "FilterOperations", "FilterPoints"}

// queryArguments are what a query is asked with where the type of an argument does not say it. Each list is one way to
// ask.
var queryArguments = map[string][]map[string]string{
	"ListOperations": {
		{"kind": "''", "state": "''", "active": "false", "ended": "false", "organization": "null", "before": "null"},
		{"kind": "''", "state": "''", "active": "false", "ended": "false", "organization": "null", "before": "null",
			"platform": "''"},
		{"kind": "''", "state": "''", "active": "true", "ended": "false", "organization": "null", "before": "null"},
		{"kind": "''", "state": "''", "active": "false", "ended": "true", "organization": "null", "before": "null"},
		{"kind": "'backup'", "state": "''", "active": "false", "ended": "true", "organization": "null", "before": "null",
			"most": "1"},
		{"kind": "'restore'", "state": "'failed'", "active": "false", "ended": "false", "organization": "null",
			"before": "null"},
		{"kind": "''", "state": "''", "active": "false", "ended": "false", "organization": "'org-20'", "before": "null"},
		{"kind": "''", "state": "'cancelled'", "active": "false", "ended": "false", "organization": "null",
			"before": "'018f0000-0000-7000-8000-000000000001'"},
	},
	"ListPoints": {
		{"backup_type": "''", "before": "''"}, {"backup_type": "'full'", "before": "''"},
		{"backup_type": "''", "before": "(select id from recovery_points order by taken_at limit 1 offset 100)"},
	},
	"FilterOperations": {
		filters(operationFilters, "about_some", "true", "wedding", "'16'"),
		filters(operationFilters, "about_some", "true", "tier", "'high'"),
		filters(operationFilters, "about_some", "true", "organization", "'org-20'", "platform", "'main'"),
		filters(operationFilters, "backup_type", "'full'"),
		filters(operationFilters, "kind", "'backup'", "backup_type", "'critical'"),
		filters(operationFilters, "since", "now() - interval '9 days'", "until", "now() - interval '3 days'", "first_id",
			"'018f0000-0000-7000-8000-000000000001'", "last_id", "'01ff0000-0000-7000-8000-000000000001'"),
		filters(operationFilters, "about_some", "true", "wedding",
			"'16'", "bound_to", "'org-20'", "platform", "'main'"),
		filters(operationFilters, "covers", "'2026-12-05'"),
		filters(operationFilters, "covers_tier", "'critical'", "covers_vendors", "true"),
		filters(operationFilters, "milestone", "'final_payment'"),
	},
	"FilterPoints": {
		filters(pointFilters, "marked", "true", "wedding", "'16'"),
		filters(pointFilters, "marked", "true", "milestone", "'final_payment'"),
		filters(pointFilters, "marked", "true", "theirs", "array['16', '24']"),
		filters(pointFilters, "marked", "true", "phase", "'execution'"), filters(pointFilters, "unprotected", "true"),
		filters(pointFilters, "types", "array['full', 'incremental']", "protected", "true"),
		filters(pointFilters, "since", "now() - interval '9 days'", "until", "now() - interval '3 days'"),
		filters(pointFilters, "backup_type", "'full'", "marked", "true", "wedding", "'16'"),
	},
	"DeleteUsedCodes":     {{"before": "now() - interval '30 days'"}},
	"DeleteOldThrottles":  {{"before": "now() - interval '30 days'"}},
	"DeleteOldTokens":     {{"before": "now() - interval '30 days'"}},
	"DeleteOldIdempotent": {{"before": "now() - interval '30 days'"}},
	"DeleteOldSessions":   {{"before": "now() - interval '30 days'"}},
	"ListMeasuredBackups": {{"backup_type": "'full'"}},
}

// operationFilters and pointFilters ask for nothing.
var (
	operationFilters = map[string]string{"platform": "''", "kind": "''", "state": "''", "before": "null",
		"bound_to":    "null",
		"backup_type": "''", "tier": "''", "wedding": "''", "organization": "''", "since": "null", "until": "null",
		"covers": "null", "covers_tier": "''", "milestone": "''"}
	pointFilters = map[string]string{"backup_type": "''", "before": "''", "types": "'{}'", "wedding": "''",
		"milestone": "''", "theirs": "null", "phase": "''", "since": "null", "until": "null"}
)

// filters returns a way to ask with some arguments, in pairs, in place of those that ask for nothing.
func filters(nothing map[string]string, some ...string) map[string]string {
	way := maps.Clone(nothing)
	for i := 0; i < len(some); i += 2 {
		way[some[i]] = some[i+1]
	}
	return way
}

// defaultArguments are what else a query is asked with, by type.
var defaultArguments = map[string]string{
	"text": "'x'", "uuid": "'018f0000-0000-7000-8000-000000000001'", "bigint": "50", "integer": "50", "smallint": "1",
	"boolean": "false", "double precision": "3600", "jsonb": "'{}'", "json": "'{}'",
	"timestamp with time zone": "now()", "date": "current_date", "bytea": `'\x00'`, "bytea[]": `array['\x00'::bytea]`,
	"text[]": "array['a', 'b', 'c']", "uuid[]": "array['018f0000-0000-7000-8000-000000000001'::uuid]",
	"timestamp with time zone[]": "array[now()]", "interval": "interval '1 hour'", "numeric": "1",
}

// TestEveryQueryUsesAnIndex reads the plan of every query in db/queries, over tables large enough that no planner would
// read all of one by choice: with the arguments at hand, as its first executions are planned, and without, as later
// ones may be. A query over a table that has no rows here fails: fill it in internal/sample/console.sql, or say in
// smallTables why it stays small.
func TestEveryQueryUsesAnIndex(t *testing.T) {
	t.Parallel()
	server := dbtest.Tables(t)
	if err := sample.LoadConsole(t.Context(), dbtest.Owner(t, server).Reveal(),
		sample.ConsoleSize{Operations: 20000, Points: 20000, Audit: 50000}); err != nil {
		t.Fatal(err)
	}
	d := dbtest.Open(t, server)
	queries := readQueries(t)
	if len(queries) < 50 {
		t.Fatalf("there are %d queries: the test does not find them", len(queries))
	}
	for name := range maps.Keys(wholeTables) {
		if _, there := queries[name]; !there {
			t.Errorf("there is no query %s any more", name)
		}
	}
	super := keepsake.Actor{ID: "1", Role: keepsake.RoleSuperAdmin}
	limited := super
	limited.Platform, limited.Organization = keepsake.DefaultPlatform, "org-20"
	for _, name := range slices.Sorted(maps.Keys(queries)) {
		ways := queryArguments[name]
		if ways == nil {
			ways = []map[string]string{{}}
		}
		for _, actor := range []keepsake.Actor{super, limited, system} {
			for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
				if mode == "force_generic_plan" && slices.Contains(plannedAnew, name) {
					continue
				}
				for _, way := range ways {
					for _, problem := range planOf(t, d, actor, queries[name], way, mode) {
						if wholeTables[name] == "" {
							t.Errorf("%s (%s, organization %q, %s, %v): %s", name, actor.Role, actor.Organization, mode, way, problem)
						}
					}
				}
			}
		}
	}
}

// TestAQueryWithoutAnIndexIsFound: the test above can fail.
func TestAQueryWithoutAnIndexIsFound(t *testing.T) {
	t.Parallel()
	server := dbtest.Tables(t)
	if err := sample.LoadConsole(t.Context(), dbtest.Owner(t, server).Reveal(),
		sample.ConsoleSize{Operations: 1000, Points: 3000, Audit: 1000}); err != nil {
		t.Fatal(err)
	}
	d := dbtest.Open(t, server)
	for _, sql := range []string{"select * from recovery_points where source_server = @version order by rows limit 10",
		"select * from recovery_points order by note limit 10"} {
		if problems := planOf(t, d, system, sql, nil, "force_custom_plan"); len(problems) == 0 {
			t.Errorf("%s passed", sql)
		}
	}
	if problems := planOf(t, d, system, "select * from goose_db_version", nil, "force_custom_plan"); len(problems) == 0 {
		t.Error("a table that nobody filled passed")
	}
}

var (
	queryHead = regexp.MustCompile(`(?m)^-- name: (\w+) :\w+\n`)
	argument  = regexp.MustCompile(`sqlc\.n?arg\((\w+)\)|@([a-z_][a-z0-9_]*)`)
)

// readQueries returns the statements of db/queries by name.
func readQueries(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("queries/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		heads := queryHead.FindAllSubmatchIndex(text, -1)
		for i, h := range heads {
			end := len(text)
			if i+1 < len(heads) {
				end = heads[i+1][0]
			}
			all[string(text[h[2]:h[3]])] = strings.TrimSuffix(strings.TrimSpace(string(text[h[1]:end])), ";")
		}
	}
	return all
}

// planOf returns what is wrong with the plan of a query.
func planOf(t *testing.T, d *db.DB, actor keepsake.Actor, query string, way map[string]string, mode string) (
	problems []string) {
	t.Helper()
	var names []string
	sql := argument.ReplaceAllStringFunc(query, func(ref string) string {
		m := argument.FindStringSubmatch(ref)
		name := m[1] + m[2]
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		return fmt.Sprintf("$%d", slices.Index(names, name)+1)
	})
	ctx := t.Context()
	err := d.InTx(ctx, actor, func(tx db.Tx) error {
		if _, err := tx.PG.Exec(ctx, "set local plan_cache_mode = "+mode+"; prepare q as "+sql,
			pgx.QueryExecModeSimpleProtocol); err != nil {
			return fmt.Errorf("prepare %s: %w", sql, err)
		}
		var types []string
		if err := tx.PG.QueryRow(ctx, "select parameter_types::text[] from pg_prepared_statements where name = 'q'",
			pgx.QueryExecModeSimpleProtocol).Scan(&types); err != nil {
			return err
		}
		var args []string
		for i, name := range names {
			value := way[name]
			if value == "" && name == "platform" {
				value = "'main'"
			}
			if value == "" {
				value = defaultArguments[types[i]]
			}
			if value == "" {
				return fmt.Errorf("argument %s is of the type %s, which defaultArguments does not have", name, types[i])
			}
			if strings.HasPrefix(value, "(select") { // EXECUTE takes no subquery
				if err := tx.PG.QueryRow(ctx, "select coalesce(quote_literal("+value+
					"), quote_literal('20260101T000000Z-000000000001'))").Scan(&value); err != nil {
					return err
				}
			}
			args = append(args, value)
		}
		execute := "explain (format json) execute q"
		if len(args) > 0 {
			execute += "(" + strings.Join(args, ", ") + ")"
		}
		var text string
		if err := tx.PG.QueryRow(ctx, execute, pgx.QueryExecModeSimpleProtocol).Scan(&text); err != nil {
			return fmt.Errorf("%s: %w", execute, err)
		}
		var plans []struct{ Plan planNode }
		if err := json.Unmarshal([]byte(text), &plans); err != nil {
			return err
		}
		if _, err := tx.PG.Exec(ctx, "deallocate q", pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
		sizes, err := tableSizes(t, tx)
		if err == nil {
			problems = plans[0].Plan.judge(sizes)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return problems
}

// tableSizes returns how many rows each table has; of a partition it is those of its whole table, but 0 where it has
// few of its own: it may be read whole.
func tableSizes(t *testing.T, tx db.Tx) (map[string]float64, error) {
	t.Helper()
	rows, err := tx.PG.Query(t.Context(), `
		select c.relname, c.reltuples, case when c.relispartition then
				(select sum(greatest(s.reltuples, 0)) from pg_inherits i join pg_inherits o on o.inhparent = i.inhparent
					join pg_class s on s.oid = o.inhrelid where i.inhrelid = c.oid)
			else c.reltuples end
		from pg_class c where c.relkind = 'r' and c.relnamespace in ('public'::regnamespace, 'river'::regnamespace)`)
	if err != nil {
		return nil, err
	}
	sizes := map[string]float64{}
	var name string
	var own, whole float64
	_, err = pgx.ForEachRow(rows, []any{&name, &own, &whole}, func() error {
		sizes[name] = whole
		if own < large && whole >= large {
			sizes[name] = fewOfMany
		}
		return nil
	})
	return sizes, err
}

// large is how many rows a table has that no plan may read whole; fewOfMany is the size of a partition that has less,
// of a table that has more.
const large, fewOfMany = 1000, -2

// planNode is a node of EXPLAIN's JSON.
type planNode struct {
	Type   string     `json:"Node Type"`
	Table  string     `json:"Relation Name"`
	Filter string     `json:"Filter"`
	Rows   float64    `json:"Plan Rows"`
	Plans  []planNode `json:"Plans"`
}

// judge names the tables that are read from end to end, and what is sorted that an index could have had in order.
func (n planNode) judge(sizes map[string]float64) (problems []string) {
	if n.Table != "" && n.Type != "ModifyTable" && smallTables[n.Table] == "" && sizes[n.Table] != fewOfMany {
		if sizes[n.Table] < large {
			problems = append(problems, fmt.Sprintf("table %s has %.0f rows here, so its plan proves nothing",
				n.Table, sizes[n.Table]))
		}
		if n.Type == "Seq Scan" {
			problems = append(problems, "every row of "+n.Table+" is read: "+n.Filter)
		}
	}
	for _, p := range n.Plans {
		if n.Type == "Sort" && p.Rows >= large {
			problems = append(problems, fmt.Sprintf("%.0f rows are sorted", p.Rows))
		}
		problems = append(problems, p.judge(sizes)...)
	}
	return problems
}
