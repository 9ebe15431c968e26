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
	err = conn.QueryRow(ctx, "select count(*), count(*) filter (where "+is+") from "+table(m.Wedding.Table)+" w",
		key).Scan(&all, &theirs)
	return all, theirs, err
}
