package audit_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/dbtest"
	"github.com/wedsync/keepsake/internal/audit"
)

// years is a console database whose own clock a test moves on.
type years struct {
	t     *testing.T
	d     *db.DB
	owner *pgx.Conn
	now   time.Time
}

// newYears makes everything in the database that asks for the time ask the test: every guard stays as it is.
func newYears(t *testing.T) *years {
	t.Helper()
	url := dbtest.Tables(t)
	owner, err := pgx.Connect(t.Context(), dbtest.Owner(t, url).Reveal())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = owner.Close(context.WithoutCancel(t.Context())) })
	y := &years{t: t, d: dbtest.Open(t, url), owner: owner}
	y.exec(`set keepsake.role = 'system'; create table moment (at timestamptz); insert into moment values (now());
		create function moment_now() returns timestamptz language sql security definer as 'select at from public.moment';
		do $$ declare f text; begin
			for f in select pg_get_functiondef(oid) from pg_proc where pronamespace = 'public'::regnamespace
				and prosrc like '%clock_timestamp()%' loop
				execute replace(f, 'clock_timestamp()', 'moment_now()');
			end loop;
		end $$`)
	y.moveTo(time.Now().UTC())
	return y
}

func (y *years) exec(sql string) {
	y.t.Helper()
	if _, err := y.owner.Exec(y.t.Context(), sql); err != nil {
		y.t.Fatal(err)
	}
}

func (y *years) moveTo(at time.Time) {
	y.t.Helper()
	y.now = at
	y.exec("update moment set at = '" + at.Format(time.RFC3339) + "'")
}

func (y *years) keepMonths() int {
	y.t.Helper()
	made, err := y.d.KeepMonths(y.t.Context(), y.now)
	if err != nil {
		y.t.Fatal(err)
	}
	return made
}

// work begins an operation, with a line of its log and an entry of the trail, and returns its id.
func (y *years) work() string {
	y.t.Helper()
	ms := fmt.Sprintf("%012x", y.now.UnixMilli())
	id := ms[:8] + "-" + ms[8:] + "-7000-8000-000000000001"
	err := y.d.InTx(y.t.Context(), someone, func(tx db.Tx) error {
		_, err := tx.PG.Exec(y.t.Context(), "insert into backup_operations (platform, id, kind, requested_by, "+
			"requested_name) values ('main', $1, 'verify', '1', 'ada')", id)
		if err == nil {
			_, err = tx.PG.Exec(y.t.Context(), "insert into operation_events values ($1, 1, $2, 'info', 'begun')", id, y.now)
		}
		if err != nil {
			return err
		}
		return audit.Record(y.t.Context(), tx, someone,
			audit.Entry{
				Action:  "verify.start",
				Target:  id,
				Outcome: audit.Allowed,
				Detail:  map[string]any{"note": "Zoë of " + y.now.Format("January")},
			})
	})
	if err != nil {
		y.t.Fatalf("in %s: %v", y.now.Format("January 2006"), err)
	}
	return id
}

// places returns the partitions that hold rows of a table, and how many.
func (y *years) places(table string) map[string]int {
	y.t.Helper()
	rows, _ := y.owner.Query(y.t.Context(), "select tableoid::regclass::text, count(*)::int from "+table+" group by 1")
	places := map[string]int{}
	var name string
	var n int
	if _, err := pgx.ForEachRow(rows, []any{&name, &n}, func() error { places[name] = n; return nil }); err != nil {
		y.t.Fatal(err)
	}
	return places
}

// whole verifies the trail and reads all of it, from the newest to the oldest.
func (y *years) whole(entries int) {
	y.t.Helper()
	r, err := audit.Verify(y.t.Context(), y.d)
	if err != nil || !r.Intact || r.Rows != int64(entries) {
		y.t.Fatalf("the trail: %+v, %v, want %d entries", r, err, entries)
	}
	next := int64(entries)
	err = audit.Each(y.t.Context(), y.d, someone, audit.Filter{}, func(r audit.Row) error {
		if r.ID != next {
			return fmt.Errorf("entry %d comes where %d should", r.ID, next)
		}
		next--
		return nil
	})
	if err != nil || next != 0 {
		y.t.Fatalf("read down to %d: %v", next, err)
	}
}

// TestThreeYearsByMonth lets three years pass: each month's rows lie in its own partition, which was made before it
// began, and the trail is one across all of them: chained, verified, exported, searched and unchangeable.
func TestThreeYearsByMonth(t *testing.T) {
	t.Parallel()
	y := newYears(t)
	begin := time.Date(y.now.Year(), y.now.Month()+1, 1, 12, 0, 0, 0, time.UTC)
	if n := y.keepMonths(); n != 0 {
		t.Errorf("%d partitions are made beside those of the migration", n)
	}
	const months = 36
	var operations []string
	for m := range months {
		at := begin.AddDate(0, m, 14)
		y.moveTo(at)
		if n := y.keepMonths(); n != 3 {
			t.Fatalf("%s: %d partitions were made for three tables", at.Format("January 2006"), n)
		}
		operations = append(operations, y.work())
		y.moveTo(at.Add(time.Hour))
		operations = append(operations, y.work())
	}
	for _, table := range []string{"audit_log", "operation_events", "audit_words"} {
		places := y.places(table)
		for m := range months {
			name := table + begin.AddDate(0, m, 0).Format("_2006_01")
			if n := places[name]; n != 2 && table != "audit_words" || n < 2 {
				t.Errorf("%s holds %d rows", name, n)
			}
		}
		if len(places) != months {
			t.Errorf("rows of %s lie in %d partitions: %v", table, len(places), places)
		}
	}
	y.whole(2 * months)
	if rows, err := audit.List(t.Context(), y.d, someone, audit.Filter{Search: "zoe december", Most: 100}); err != nil ||
		len(rows) != 6 {
		t.Errorf("search finds %d, %v", len(rows), err)
	}
	y.unchangeable("audit_log"+begin.AddDate(0, 7, 0).Format("_2006_01"),
		"audit_words"+begin.AddDate(0, 7, 0).Format("_2006_01"))
	y.prunes(begin.AddDate(0, 20, 0), operations[40])
}

// unchangeable tries to change the trail past its table.
func (y *years) unchangeable(partitions ...string) {
	y.t.Helper()
	for _, name := range partitions {
		for _, sql := range []string{"delete from " + name, "update " + name + " set id = 0", "truncate " + name} {
			if _, err := y.owner.Exec(y.t.Context(), sql); err == nil || !strings.Contains(err.Error(), "append-only") {
				y.t.Errorf("the owner: %s: %v", sql, err)
			}
		}
		err := y.d.InTx(y.t.Context(), someone, func(tx db.Tx) error {
			_, err := tx.PG.Exec(y.t.Context(), "select * from "+name)
			return err
		})
		if !db.IsState(err, pgerrcode.InsufficientPrivilege) {
			y.t.Errorf("the working role reads %s: %v", name, err)
		}
	}
	var open []string
	rows, _ := y.owner.Query(y.t.Context(), `select c.relname::text from pg_class c join pg_inherits i
		on i.inhrelid = c.oid
		where c.relkind = 'r' and not (c.relrowsecurity and c.relforcerowsecurity)`)
	open, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(open) > 0 {
		y.t.Errorf("row-level security is not forced on %v, %v", open, err)
	}
}

// prunes looks at what of three years is read for a month of the trail, and for the log of one operation.
func (y *years) prunes(month time.Time, operation string) {
	y.t.Helper()
	read := func(sql string, args ...any) (partitions []string) {
		err := y.d.InTx(y.t.Context(), someone, func(tx db.Tx) error {
			if err := tx.PlanForValues(y.t.Context()); err != nil {
				return err
			}
			rows, err := tx.PG.Query(y.t.Context(), "explain "+sql, args...)
			if err != nil {
				return err
			}
			lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
			for _, l := range lines {
				for _, word := range strings.Fields(l) {
					if (strings.HasPrefix(word, "audit_log_20") || strings.HasPrefix(word, "operation_events_20")) &&
						strings.Count(word, "_") < 5 && !slices.Contains(partitions, word) {
						partitions = append(partitions, word)
					}
				}
			}
			return err
		})
		if err != nil {
			y.t.Fatal(err)
		}
		return slices.DeleteFunc(partitions, func(name string) bool {
			return strings.HasSuffix(name, "_idx") ||
				strings.HasSuffix(name, "_pkey")
		})
	}
	begins := time.Date(month.Year(), month.Month(), 1, 0, 0, 0, 0, time.UTC)
	if got := read(statement(y.t, "listAudit"), nil, "", "", "", false, "", "", begins,
		begins.AddDate(0, 1, 0), 50); !slices.Equal(got, []string{"audit_log" + month.Format("_2006_01")}) {
		y.t.Errorf("for a month of the trail %v are read", got)
	}
	if got := read("select message from operation_events where operation_id = $1 order by id", operation); !slices.Equal(
		got, []string{"operation_events" + month.Format("_2006_01")}) {
		y.t.Errorf("for one operation %v are read", got)
	}
}

// TestMonthsThatNobodyMadeInTime: while nobody makes months, rows lie in the partition for later; they stay where they
// are when somebody makes them again.
func TestMonthsThatNobodyMadeInTime(t *testing.T) {
	t.Parallel()
	y := newYears(t)
	begin := time.Date(y.now.Year(), y.now.Month(), 15, 12, 0, 0, 0, time.UTC)
	y.work()
	for _, m := range []int{7, 9} {
		y.moveTo(begin.AddDate(0, m, 0))
		y.work()
	}
	if n := y.places("audit_log")["audit_log_later"]; n != 2 {
		t.Fatalf("%d entries lie in the partition for later", n)
	}
	if n := y.keepMonths(); n != 12 { // of each table: what lay there, and three months ahead
		t.Errorf("%d partitions were made", n)
	}
	y.moveTo(begin.AddDate(0, 10, 0))
	y.work()
	for _, table := range []string{"audit_log", "operation_events"} {
		late := table + begin.AddDate(0, 4, 0).Format("_2006_01_") + begin.AddDate(0, 9, 0).Format("2006_01")
		if places := y.places(table); places[late] != 2 || places[table+begin.AddDate(0, 10, 0).Format("_2006_01")] != 1 ||
			places[table+"_later"] != 0 {
			t.Errorf("%v", places)
		}
	}
	y.whole(4)
	if n := y.keepMonths(); n != 3 {
		t.Errorf("%d partitions were made a month later", n)
	}
	if _, err := y.d.KeepMonths(t.Context(), y.now.AddDate(5, 0, 0)); !db.IsState(err, pgerrcode.CheckViolation) {
		t.Errorf("months of the year after five: %v", err)
	}
	err := y.d.InTx(t.Context(), someone, func(tx db.Tx) error {
		_, err := tx.PG.Exec(t.Context(), "select keep_months('audit_log', now())")
		return err
	})
	if !db.IsState(err, pgerrcode.InsufficientPrivilege) {
		t.Errorf("a person makes months: %v", err)
	}
}
