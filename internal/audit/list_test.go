package audit_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/dbtest"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/fold"
	"github.com/wedsync/keepsake/internal/keepsake"
)

func ids(rows []audit.Row) (list []int64) {
	for _, r := range rows {
		list = append(list, r.ID)
	}
	return list
}

func TestListFilters(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, dbtest.URL(t))
	for i, e := range []audit.Entry{
		{
			Action:  "backup.start",
			Target:  "op-1",
			Outcome: audit.Allowed,
			Detail:  map[string]any{"note": "before the Müller import"},
		},
		{Action: "scope.restore", Target: "w1", Outcome: audit.Allowed, WeddingID: "w1", Point: "20261123T070500Z-aa"},
		{
			Action:    "scope.restore",
			Target:    "w2",
			Outcome:   audit.Refused,
			WeddingID: "w2",
			Detail:    map[string]any{"code": "forbidden", "name": "Zoë & Łukasz"},
		},
		{
			Action:  "backup.end",
			Target:  "op-1",
			Outcome: audit.Failed,
			Detail:  map[string]any{"of": []any{map[string]any{"couple": "Anne-Marie & OʼBrien"}}},
		},
	} {
		actor := someone
		if i == 2 {
			actor = bound
		}
		if err := d.InTx(t.Context(), actor, func(tx db.Tx) error { return audit.Record(t.Context(), tx, actor, e) }); err !=
			nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name  string
		actor keepsake.Actor
		f     audit.Filter
		want  []int64
	}{
		{"all", someone, audit.Filter{}, []int64{4, 3, 2, 1}},
		{"of an organization", bound, audit.Filter{}, []int64{3}},
		{"of nobody", keepsake.Actor{}, audit.Filter{}, nil},
		{"cursor", someone, audit.Filter{Before: 3}, []int64{2, 1}},
		{"actor", someone, audit.Filter{Actor: bound.Name}, []int64{3}},
		{"action", someone, audit.Filter{Action: "scope.restore"}, []int64{3, 2}},
		{"outcome", someone, audit.Filter{Outcome: audit.Failed}, []int64{4}},
		{"security", someone, audit.Filter{OnlySecurity: true}, []int64{3}},
		{"wedding", someone, audit.Filter{WeddingID: "w1"}, []int64{2}},
		{"point", someone, audit.Filter{Point: "20261123T070500Z-aa"}, []int64{2}},
		{"until now", someone, audit.Filter{Until: time.Now().Add(time.Hour)}, []int64{4, 3, 2, 1}},
		{"since later", someone, audit.Filter{Since: time.Now().Add(time.Hour)}, nil},
		{"words of a note", someone, audit.Filter{Search: "MÜLLER import"}, []int64{1}},
		{"without accents, in another order", someone, audit.Filter{Search: "import muller"}, []int64{1}},
		{"two letters for an umlaut", someone, audit.Filter{Search: "Mueller"}, []int64{1}},
		{"accents that are not there", someone, audit.Filter{Search: "béå ímpört"}, nil},
		{"accents of one who has none", someone, audit.Filter{Search: "béa"}, []int64{3}},
		{"couple", someone, audit.Filter{Search: "lukasz ZOE"}, []int64{3}},
		{"name with a dash", someone, audit.Filter{Search: "annemarie"}, []int64{4}},
		{"name with an apostrophe", someone, audit.Filter{Search: "o'brien"}, []int64{4}},
		{"name of a field within a detail", someone, audit.Filter{Search: "couple"}, []int64{4}},
		{"beginning of a word", someone, audit.Filter{Search: "rest"}, []int64{3, 2}},
		{"id whole", someone, audit.Filter{Search: "20261123T070500Z-aa"}, []int64{2}},
		{"who", someone, audit.Filter{Search: "bea"}, []int64{3}},
		{"address", someone, audit.Filter{Search: "192.0.2.1"}, []int64{4, 2, 1}},
		{"several, in any order", someone, audit.Filter{Search: "op-1 example.org backup"}, []int64{4, 1}},
		{"no such word", someone, audit.Filter{Search: "nothing"}, nil},
		{"no word at all", someone, audit.Filter{Search: "!?"}, nil},
		{"another's word", bound, audit.Filter{Search: "import"}, nil},
		{"quotes", someone, audit.Filter{Search: "'; drop table audit_log --"}, nil},
	} {
		if c.f.Most == 0 {
			c.f.Most = 10
		}
		rows, err := audit.List(t.Context(), d, c.actor, c.f)
		if err != nil || !slices.Equal(ids(rows), c.want) {
			t.Errorf("%s: %v, %v, want %v", c.name, ids(rows), err, c.want)
		}
	}
}

// TestEveryFilterUsesItsIndex reads the plans among 40,000 rows: none reads the whole trail. The last row is of the
// middle of this month: a month that has just begun has so few rows that reading all of them is best.
func TestEveryFilterUsesItsIndex(t *testing.T) {
	t.Parallel()
	year, month, _ := time.Now().UTC().Date()
	last := time.Date(year, month, 15, 0, 0, 0, 0, time.UTC)
	url := dbtest.URL(t)
	d := dbtest.Open(t, url)
	tamper(t, url, `insert into audit_log
		select n, timestamptz '`+last.Format(time.RFC3339)+`' - make_interval(mins => 40000 - n),
			'a' || n % 400, 'a' || n % 400 || '@example.org', 'super_admin',
			case n % 10 when 0 then 'org-1' else '' end, '', '', '',
			case n % 400 when 0 then 'restore.start' else 'backup.start' end, 'op-' || n, case n % 500 when 0 then 'failed'
				else 'allowed' end, '{}',
			sha256(n::text::bytea), sha256(('h' || n)::bytea), '', '', case n % 800 when 0 then 'w' || n % 20
				else '' end, case n % 800 when 0 then 'p' || n % 20 else '' end, 1, n % 900 = 0
		from generate_series(1, 40000) n; analyze audit_log; alter table audit_words disable trigger all,
			no force row level security;
		insert into audit_words select w, l.id, l.organization, l.at from audit_log l, audit_words_of(concat_ws(' ',
			l.actor_name, l.action, l.target, l.wedding, l.point)) w; analyze audit_words;
		alter table audit_words enable trigger all, force row level security`)
	for _, c := range []struct {
		name, index string
		f           audit.Filter
	}{
		{"none", "audit_log_pkey", audit.Filter{}},
		{"cursor", "audit_log_pkey", audit.Filter{Before: 5000}},
		{"actor", "audit_log_by_actor", audit.Filter{Actor: "a7@example.org"}},
		{"action", "audit_log_by_action", audit.Filter{Action: "restore.start"}},
		{"outcome", "audit_log_by_outcome", audit.Filter{Outcome: audit.Failed}},
		{"security", "audit_log_by_security", audit.Filter{OnlySecurity: true}},
		{"wedding", "audit_log_by_wedding", audit.Filter{WeddingID: "w0"}},
		{"point", "audit_log_by_point", audit.Filter{Point: "p0"}},
		{"until", "audit_log_by_time", audit.Filter{Until: last.Add(-39990 * time.Minute)}},
		{"word", "audit_words_pkey", audit.Filter{Search: "op-39999"}},
		{"words", "audit_words_pkey", audit.Filter{Search: "op-77 a77"}},
		{"words in two spellings", "audit_words_pkey", audit.Filter{Search: "müller a77"}},
		{"no such word", "audit_words_pkey", audit.Filter{Search: "nothing"}},
	} {
		for who, actor := range map[string]keepsake.Actor{"all": someone, "bound": bound} {
			plan := explain(t, d, actor, c.f)
			if strings.Contains(plan, "Seq Scan") || strings.Contains(plan, "SubPlan") || !strings.Contains(plan, c.index) {
				t.Errorf("%s, %s does not use %s:\n%s", c.name, who, c.index, plan)
			}
		}
	}
}

// explain returns the plan of the very statement that List sends.
func explain(t *testing.T, d *db.DB, actor keepsake.Actor, f audit.Filter) (plan string) {
	t.Helper()
	args := []any{orNull(f.Before), f.Actor, f.Action, string(f.Outcome),
		f.OnlySecurity, f.WeddingID, f.Point, nil, orNull(f.Until)}
	name := "listAudit"
	err := d.InTx(t.Context(), actor, func(tx db.Tx) error {
		if f.Search != "" {
			w := fold.Sought(f.Search)
			name = "searchAudit"
			for i := range 3 {
				spellings := w[i%len(w)]
				args = append(args, spellings[0], spellings[len(spellings)-1])
			}
		}
		if err := tx.PlanForValues(t.Context()); err != nil {
			return err
		}
		rows, err := tx.PG.Query(t.Context(), "explain "+statement(t, name), append(args, 50)...)
		if err != nil {
			return err
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		plan = strings.Join(lines, "\n")
		// A month that lies ahead holds nothing, and may be read whole.
		rows, err = tx.PG.Query(t.Context(), "select relname from pg_class where relispartition and relkind = 'r' and "+
			"reltuples <= 0")
		if err != nil {
			return err
		}
		empty, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, name := range empty {
			plan = strings.ReplaceAll(plan, "Seq Scan on "+name+" ", "nothing of "+name+" ")
		}
		// An index of a partition is one of the table.
		rows, err = tx.PG.Query(t.Context(), "select i.inhrelid::regclass::text, i.inhparent::regclass::text from "+
			"pg_inherits i join pg_class c on c.oid = i.inhrelid where c.relkind = 'i'")
		if err != nil {
			return err
		}
		var of, index string
		_, err = pgx.ForEachRow(rows, []any{&of, &index}, func() error {
			plan = regexp.MustCompile(`\b`+of+`\b`).ReplaceAllString(plan, index)
			return nil
		})
		return err
	})
	if err != nil {
		t.Fatalf("%+v: %v", f, err)
	}
	return plan
}

func orNull[T comparable](v T) any {
	var zero T
	if v == zero {
		return nil
	}
	return v
}

// statement returns a generated query's SQL.
func statement(t *testing.T, name string) string {
	t.Helper()
	source, err := os.ReadFile("../../db/sqlcgen/audit.sql.go")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(source), "const "+name+" = `")
	if !found {
		t.Fatalf("there is no query %s", name)
	}
	_, rest, _ = strings.Cut(rest, "\n") // its name
	sql, _, _ := strings.Cut(rest, "`")
	return sql
}

// TestARowThatNobodyCanWriteDownHidesNoOther: a moment that JSON has no words for, a detail that no program reads, and
// megabytes of a browser's name stand in the trail, and everything is listed and exported, with words in their place.
func TestARowThatNobodyCanWriteDownHidesNoOther(t *testing.T) {
	t.Parallel()
	url := dbtest.Tables(t)
	d := dbtest.Open(t, url)
	for range 5 {
		if err := record(t.Context(), d, someone, "backup.start"); err != nil {
			t.Fatal(err)
		}
	}
	tamper(t, url, `update audit_log set at = '200000-01-01' where id = 2; update audit_log set user_agent = repeat('x',
		5000000) where id = 3;
		update audit_log set detail = (repeat('[', 20) || repeat(']', 20))::json where id = 4; update audit_log
			set detail = json_build_object('x', repeat('x', 5000000)) where id = 5`)
	rows, err := audit.List(t.Context(), d, system, audit.Filter{Most: 10})
	if err != nil || len(rows) != 5 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, format := range audit.Formats {
		var out strings.Builder
		write, end, err := audit.NewWriter(&out, format)
		if err != nil {
			t.Fatal(err)
		}
		if err := audit.Each(t.Context(), d, system, audit.Filter{}, write); err != nil {
			t.Fatal(err)
		}
		if err := end(); err != nil || strings.Count(out.String(), "backup.start") != 5 ||
			!strings.Contains(out.String(), "the year 200000") || out.Len() > 20_000 {
			t.Errorf("%s: %d bytes, %v", format, out.Len(), err)
		}
	}
}
