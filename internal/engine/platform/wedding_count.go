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
