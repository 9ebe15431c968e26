package platform

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// CountWeddings counts the weddings of the platform, and among them those of one organization. "" means no
// organization.
func CountWeddings(ctx context.Context, conn *pgx.Conn, m keepsake.DataMap, organization string) (all, theirs int64,
	err error) {
	is := "false and $1::text is not null"
	if m.Wedding.Organization != "" {
		is = column("w", m.Wedding.Organization) + " = $1" // as the key's type: a UUID in capitals is the same
	}
	var key any = organization
	if organization == "" {
		key = nil
	}
	weddings, err := columnsOf(ctx, conn, m.Wedding.Table)
	if err != nil {
		return 0, 0, err
	}
	if weddings.rows == "" { // the server's own words say that it is not there
		weddings.rows = table(m.Wedding.Table)
	}
	err = conn.QueryRow(ctx, "select count(*), count(*) filter (where "+is+") from "+weddings.rows+" w",
		key).Scan(&all, &theirs)
	return all, theirs, err
}

// CountWeddingDays counts the weddings of the platform by their day, written as time.DateOnly. Couples who have not
// agreed on a day count under "".
func CountWeddingDays(ctx context.Context, conn *pgx.Conn, m keepsake.DataMap) (map[string]int, error) {
	weddings, err := columnsOf(ctx, conn, m.Wedding.Table)
	if err != nil {
		return nil, err
	}
	if weddings.rows == "" { // the server's own words say that it is not there
		weddings.rows = table(m.Wedding.Table)
	}
	day := "null::date"
	if m.Wedding.Date != "" {
		day = knownDay("w", m.Wedding.Date)
	}
	rows, err := conn.Query(ctx, "select coalesce(to_char("+day+", 'YYYY-MM-DD'), ''), count(*) from "+weddings.rows+
		" w group by 1")
	if err != nil {
		return nil, err
	}
	days := map[string]int{}
	var on string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&on, &n}, func() error {
		days[on] = n
		return nil
	})
	return days, err
}
