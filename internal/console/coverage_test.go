package console_test

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/dbtest"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestBackupsAreFoundByWhatTheyCover: what a recovery point covers comes from the repository into the row of its
// backup, also of one that no console took, and backups are found by it. Who is bound to an organization is told
// nothing of the whole platform.
func TestBackupsAreFoundByWhatTheyCover(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newFakeEngine()
	start := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	critical := keepsake.TierCoverage{
		Tier:   keepsake.TierCritical,
		Rows:   9,
		Tables: []keepsake.TableCoverage{{Table: "public.weddings", Rows: 9}},
	}
	standard := keepsake.TierCoverage{
		Tier:   keepsake.TierStandard,
		Rows:   1,
		Tables: []keepsake.TableCoverage{{Table: "public.guests", Rows: 1}},
	}
	days := []keepsake.DayRange{{From: "2026-12-04", To: "2026-12-06"}, {From: "2027-05-01", To: "2027-05-01"}}
	for i, covers := range []*keepsake.Coverage{
		{
			Tiers: []keepsake.TierCoverage{critical, standard},
			WeddingCoverage: keepsake.WeddingCoverage{
				Weddings: 9,
				Days:     days,
				Vendors:  &keepsake.VendorCoverage{Vendors: 5, Reachable: 4},
			},
		},
		{Tiers: []keepsake.TierCoverage{critical}, WeddingCoverage: keepsake.WeddingCoverage{
			Weddings: 8,
			Undated:  7,
			Days:     days[1:],
			Vendors:  &keepsake.VendorCoverage{Vendors: 5},
		}},
		{Tiers: []keepsake.TierCoverage{standard}},
		nil,
	} {
		p := fakePoint(fmt.Sprintf("p%03d", i), start.Add(time.Duration(i)*time.Hour), "local", "s3", "away")
		p.Covers = covers
		if i == 1 {
			p.Weddings = []keepsake.WeddingMark{{WeddingID: "7", Date: "2027-05-01", Milestone: "final_payment"},
				{WeddingID: "8", Date: "2027-05-01", Phase: keepsake.PhasePlanning}}
		}
		e.points = append(e.points, p)
	}
	c := w.console(e)
	if err := c.SyncPoints(t.Context()); err != nil {
		t.Fatal(err)
	}
	day := func(text string) time.Time {
		at, err := time.Parse(time.DateOnly, text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, q := range []struct {
		name string
		in   console.ListInput
		want []string
	}{
		{"a day within a range", console.ListInput{Covers: day("2026-12-05")}, []string{"p000"}},
		{"the first of a range", console.ListInput{Covers: day("2026-12-04")}, []string{"p000"}},
		{"the last of a range", console.ListInput{Covers: day("2026-12-06")}, []string{"p000"}},
		{"the day after it", console.ListInput{Covers: day("2026-12-07")}, nil},
		{"a day of two", console.ListInput{Covers: day("2027-05-01")}, []string{"p001", "p000"}},
		{"a tier", console.ListInput{CoversTier: keepsake.TierStandard}, []string{"p002", "p000"}},
		{"a tier of none", console.ListInput{CoversTier: keepsake.TierHigh}, nil},
		{"vendors to call", console.ListInput{Contacts: true}, []string{"p000"}},
		{"a milestone", console.ListInput{Milestone: "final_payment"}, []string{"p001"}},
		{"another milestone", console.ListInput{Milestone: "tasting"}, nil},
		{"a milestone and a day", console.ListInput{Milestone: "final_payment", Covers: day("2026-12-05")}, nil},
		{"a day, page by page", console.ListInput{Covers: day("2027-05-01"), Limit: 1}, []string{"p001", "p000"}},
	} {
		got := all(t, func(cursor string) (points []string, next string, err error) {
			q.in.Cursor = cursor
			page, err := c.ListOperations(t.Context(), admin, q.in)
			for _, o := range page.Operations {
				points = append(points, o.Point)
			}
			return points, page.Next, err
		})
		if !reflect.DeepEqual(got, q.want) {
			t.Errorf("%s: %v, want %v", q.name, got, q.want)
		}
	}
	page, err := c.ListOperations(t.Context(), admin, console.ListInput{Milestone: "final_payment"})
	if err != nil || len(page.Operations) != 1 {
		t.Fatalf("%+v, %v", page, err)
	}
	o, err := c.GetOperation(t.Context(), admin, page.Operations[0].ID)
	want := &console.BackupCoverage{
		Tiers:      []keepsake.TierCoverage{critical},
		Vendors:    &keepsake.VendorCoverage{Vendors: 5},
		Days:       days[1:],
		Milestones: []keepsake.WeddingMark{{WeddingID: "7", Date: "2027-05-01", Milestone: "final_payment"}},
	}
	if err != nil || !reflect.DeepEqual(o.Covers, want) {
		t.Errorf("%+v, %v, want %+v", o.Covers, err, want)
	}
	bound := admin
	bound.Platform, bound.Organization = "main", "org-1"
	if _, err := c.ListOperations(t.Context(), bound, console.ListInput{Covers: day("2026-12-05")}); keepsake.CodeOf(
		err) != keepsake.CodeForbidden {
		t.Errorf("somebody bound to an organization asks for a day: %v", err)
	}
}

// TestCoverageIsChecked: the database takes no facts that are none.
func TestCoverageIsChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owner, err := pgx.Connect(t.Context(), dbtest.Owner(t, w.url).Reveal())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = owner.Close(context.WithoutCancel(t.Context())) })
	if _, err := owner.Exec(t.Context(), "set keepsake.role = 'system'; alter table backup_operations disable trigger "+
		"backup_operations_on_record"); err != nil {
		t.Fatal(err)
	}
	done := func(column, value string) error {
		_, err := owner.Exec(t.Context(), `insert into backup_operations (platform, id, kind, state, backup_type,
			requested_by,
			requested_name, started_at, finished_at, attempt, result, ok, protected, `+column+`)
			values ('main', gen_random_uuid(), 'backup', 'done', 'full', '1', 'ada', now(), now(), 1, '{}', true, true,
				`+value+`)`)
		return err
	}
	for _, c := range []struct{ column, good, bad, constraint string }{
		{"wedding_data_categories", `'[{"tier": "critical", "rows": 0, "tables": []}]'`, `'{}'`,
			"backup_operations_categories_are_tiers"},
		{"wedding_data_categories", `'[]'`, `'[{"tier": "gold", "rows": 1, "tables": []}]'`,
			"backup_operations_categories_are_tiers"},
		{"wedding_data_categories", `null`, `'[{"tier": "high", "rows": -1, "tables": []}]'`,
			"backup_operations_categories_are_tiers"},
		{"wedding_data_categories", `null`, `'[{"tier": "high", "rows": 1}]'`, "backup_operations_categories_are_tiers"},
		{"critical_milestone_data", `'[{"wedding": "1", "milestone": "tasting"}]'`, `'[{"wedding": "1", "milestone": ""}]'`,
			"backup_operations_milestones_are_whole"},
		{"vendor_integration_data", `'{"vendors": 2, "reachable": 2}'`, `'{"vendors": 2, "reachable": 3}'`,
			"backup_operations_vendors_are_counted"},
		{"vendor_integration_data", `'{"vendors": 0, "reachable": 0}'`, `'[]'`, "backup_operations_vendors_are_counted"},
		{"wedding_dates_covered", `'{[2026-12-05,2026-12-06)}'`, `'{[2026-12-05,)}'`, "backup_operations_dates_have_ends"},
	} {
		if err := done(c.column, c.good); err != nil {
			t.Errorf("%s %s: %v", c.column, c.good, err)
		}
		if err := done(c.column, c.bad); !db.IsConstraint(err, c.constraint) {
			t.Errorf("%s %s: %v, want %s", c.column, c.bad, err, c.constraint)
		}
	}
	_, err = owner.Exec(t.Context(), `insert into backup_operations (platform, id, kind, requested_by, requested_name,
		wedding_data_categories) values ('main', gen_random_uuid(), 'verify', '1', 'ada', '[]')`)
	if !db.IsConstraint(err, "backup_operations_coverage_is_of_a_done_backup") {
		t.Errorf("a verification covers something: %v", err)
	}
}
