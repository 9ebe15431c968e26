package platform

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// QueryWeddings selects id, name, organization id, organization name and day of the weddings between two days, nearest
// first, through the tables and columns that the data map names.
func QueryWeddings(ctx context.Context, conn *pgx.Conn, m keepsake.DataMap, from, to time.Time, limit int) (pgx.Rows, error) {
	w, o := m.Wedding, m.Organization
	column := func(alias, name string) string { return alias + "." + pgx.Identifier{name}.Sanitize() }
	day := column("w", w.Date)
	name, organization, join := "''", "''", ""
	if w.Organization != "" {
		organization = "coalesce(" + column("w", w.Organization) + "::text, '')"
		if o.Table != "" && o.Name != "" {
			name = "coalesce(" + column("o", o.Name) + "::text, '')"
			join = " left join " + table(o.Table) + " o on o.id = " + column("w", w.Organization)
		}
	}
	return conn.Query(ctx, "select w.id::text, coalesce("+column("w", w.Name)+"::text, ''), "+organization+", "+name+", "+day+"::timestamptz"+
		" from "+table(w.Table)+" w"+join+
		" where "+day+" between $1::date and $2::date order by "+day+", 2 limit $3",
		from.Format(time.DateOnly), to.Format(time.DateOnly), limit)
}

func table(name string) string {
	schema, table, _ := strings.Cut(keepsake.QualifiedName(name), ".")
	return pgx.Identifier{schema, table}.Sanitize()
}
