package platform

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// mostDayRanges bounds what a manifest says of days: years of weddings on every other day.
const mostDayRanges = 4096

// WeddingCoverage counts the weddings and vendors of the snapshot, and returns on which days there are weddings. It
// uses a session of its own, so that an error there disturbs no reader. It does not ask for columns that the platform
// does not have.
func (s *Snapshot) WeddingCoverage(ctx context.Context, m keepsake.DataMap) (keepsake.WeddingCoverage, error) {
	var c keepsake.WeddingCoverage
	conn, err := s.join(ctx)
	if err != nil {
		return c, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if err := readDays(ctx, conn, m.Wedding, &c); err != nil {
		return c, fmt.Errorf("read the days of the weddings: %w", err)
	}
	if c.Vendors, err = countVendors(ctx, conn, m.Vendor); err != nil {
		return c, fmt.Errorf("count the vendors: %w", err)
	}
	return c, nil
}

// readDays reads the days of the weddings, joined where one follows the other.
func readDays(ctx context.Context, conn *pgx.Conn, w keepsake.RootTable, c *keepsake.WeddingCoverage) error {
	p, err := columnsOf(ctx, conn, w.Table)
	if err != nil || len(p.columns) == 0 {
		return err
	}
	day := "null::date"
	if p.columns[w.Date] {
		day = knownDay("w", w.Date)
	}
	rows, err := conn.Query(ctx, `
		with known as (select `+day+` as day from `+p.rows+` w),
			days as (select case when day between '0001-01-01' and '9999-12-31' then day end as day, count(*) as weddings
				from known group by 1),
			stretches as (select day, weddings, day - (row_number() over (order by day))::int as stretch from days)
		select coalesce(to_char(min(day), 'YYYY-MM-DD'), ''), coalesce(to_char(max(day), 'YYYY-MM-DD'), ''),
			sum(weddings)::bigint
		from stretches group by stretch order by min(day) nulls last`)
	if err != nil {
		return err
	}
	var r keepsake.DayRange
	var weddings int64
	_, err = pgx.ForEachRow(rows, []any{&r.From, &r.To, &weddings}, func() error {
		c.Weddings += weddings
		if r.From == "" {
			c.Undated = weddings
		} else {
			c.Days = append(c.Days, r)
		}
		if len(c.Days) > mostDayRanges {
			return fmt.Errorf("they lie in more than %d stretches of days", mostDayRanges)
		}
		return nil
	})
	return err
}

// countVendors counts vendors, and those that can be called or written to; nil where there is no such table.
func countVendors(ctx context.Context, conn *pgx.Conn, v keepsake.VendorTable) (*keepsake.VendorCoverage, error) {
	p, err := columnsOf(ctx, conn, v.Table)
	if err != nil || len(p.columns) == 0 {
		return nil, err
	}
	reachable := []string{"false"}
	for _, name := range []string{v.Phone, v.Email} {
		if p.columns[name] {
			reachable = append(reachable, "btrim("+text("v", name)+") <> ''")
		}
	}
	var c keepsake.VendorCoverage
	err = conn.QueryRow(ctx, "select count(*), count(*) filter (where "+strings.Join(reachable, " or ")+") from "+
		p.rows+" v").Scan(&c.Vendors, &c.Reachable)
	return &c, err
}
