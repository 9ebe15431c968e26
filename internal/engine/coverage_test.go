package engine_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// TestAPointSaysWhatItCovers: the tiers, tables and rows, the days on which there are weddings, and how many vendors
// can be reached, are facts of the snapshot; the list of recovery points has them from the repository.
func TestAPointSaysWhatItCovers(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	run(t, url, "create table weddings (id int primary key, couple text, wedding_date date)",
		`insert into weddings values (1, 'a', '2026-12-05'), (2, 'b', '2026-12-05'), (3, 'c', '2026-12-06'), (4, 'd',
			'2026-12-08'), (5, 'e', null), (6, 'f', 'infinity'),
			(7, 'g', '0044-03-15 BC'), (8, 'h', '2027-02-28'), (9, 'i', '2027-03-01')`,
		"create table suppliers (id int primary key, phone text, email text)",
		"insert into suppliers values (1, '+44 1', null), (2, ' ', 'a@example.org'), (3, '', ''), (4, null, null)",
		"create table payments (id int not null, at date) partition by range (at)",
		"create table payments_1 partition of payments for values from ('2026-01-01') to ('2027-01-01')",
		"create table payments_2 partition of payments for values from ('2027-01-01') to ('2028-01-01')",
		"insert into payments values (1, '2026-05-05'), (2, '2027-05-05'), (3, '2027-05-06')",
		"create table guests (id int primary key)", "insert into guests values (1)")
	e := newEngine(t, url, providers(t))
	weddings := keepsake.WeddingCoverage{
		Weddings: 9,
		Undated:  3,
		Days: []keepsake.DayRange{{From: "2026-12-05", To: "2026-12-06"}, {From: "2026-12-08", To: "2026-12-08"},
			{From: "2027-02-28", To: "2027-03-01"}},
		Vendors: &keepsake.VendorCoverage{Vendors: 4, Reachable: 2},
	}
	critical := keepsake.TierCoverage{
		Tier:   keepsake.TierCritical,
		Rows:   13,
		Tables: []keepsake.TableCoverage{{Table: "public.suppliers", Rows: 4}, {Table: "public.weddings", Rows: 9}},
	}
	for _, c := range []struct {
		backup keepsake.BackupType
		want   keepsake.Coverage
	}{
		{keepsake.BackupCritical, keepsake.Coverage{Tiers: []keepsake.TierCoverage{critical}, WeddingCoverage: weddings}},
		{keepsake.BackupFull, keepsake.Coverage{WeddingCoverage: weddings, Tiers: []keepsake.TierCoverage{critical,
			{Tier: keepsake.TierHigh, Rows: 3, Tables: []keepsake.TableCoverage{{Table: "public.payments", Rows: 3}}},
			{Tier: keepsake.TierStandard, Rows: 1, Tables: []keepsake.TableCoverage{{Table: "public.guests", Rows: 1}}}}}},
	} {
		result, err := e.Backup(t.Context(), engine.BackupInput{Type: c.backup}, nil)
		if err != nil {
			t.Fatal(err)
		}
		points, err := e.NewestPoints(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		for from, got := range map[string]*keepsake.Coverage{"result": result.Covers, "repository": points[0].Covers} {
			if got == nil || !reflect.DeepEqual(*got, c.want) {
				t.Errorf("%s, of the %s: %+v\nwant %+v", c.backup, from, got, c.want)
			}
		}
	}
}

// TestDaysThatCannotBeReadFailNoBackup: a column of days that holds something else leaves the days out, and the backup
// says so.
func TestDaysThatCannotBeReadFailNoBackup(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	run(t, url, "create table weddings (id int primary key, couple text, wedding_date text)",
		"insert into weddings values (1, 'a', 'next summer')")
	e := newEngine(t, url, providers(t))
	heard := &watcher{}
	result, err := e.Backup(t.Context(), engine.BackupInput{Type: keepsake.BackupFull}, heard)
	if err != nil || result.Covers.Weddings != 0 || len(result.Covers.Tiers) != 1 {
		t.Fatalf("%+v, %v", result.Covers, err)
	}
	said := false
	for _, l := range heard.lines {
		said = said || strings.Contains(l.Message, "which days of weddings it covers")
	}
	if !said {
		t.Errorf("nothing says so: %v", heard.lines)
	}
}
