package platform

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// WeddingQuery selects weddings of the platform.
type WeddingQuery struct {
	IDs          []string      // their keys; nil: any
	Days         []time.Time   // whose day is one of these; nil: any
	Organization string        // the key of an organization; empty: any
	Today        time.Time     // weddings from this day on come first, the nearest of them first, then the past ones
	Within       int           // days ahead of today, none past; 0: no bound
	After        *WeddingPlace // weddings that come after it; nil: from the first
	Limit        int
}

// WeddingPlace is a wedding's place in the order. The same weddings follow it, whatever comes or goes before it.
type WeddingPlace struct {
	Day    time.Time // zero: it has none
	Couple string
	ID     string
}

// QueryWeddings selects weddings through the tables and columns that the data map names: key, name, the
// organization's key and name, and day. Each is null where there is none.
func QueryWeddings(ctx context.Context, conn *pgx.Conn, m keepsake.DataMap, q WeddingQuery) (pgx.Rows, error) {
	w, o := m.Wedding, m.Organization
	weddings, err := onlyKey(ctx, conn, w.Table)
	if err != nil {
		return nil, err
	}
	key := weddings.key
	day := column("w", w.Date)
	known := knownDay("w", w.Date) // couples who have not agreed on a day come last
	name, organization, join := "''", "''", ""
	if w.Organization != "" {
		organization = text("w", w.Organization)
		if o.Table != "" && o.Name != "" {
			organizations, err := onlyKey(ctx, conn, o.Table)
			if err != nil {
				return nil, err
			}
			name = text("o", o.Name)
			join = " left join " + organizations.rows + " o on " + column("o", organizations.key) + " = " +
				column("w", w.Organization)
		}
	}
	couple := text("w", w.Name)
	var args []any
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	today := arg(q.Today.Format(time.DateOnly)) + "::text::date"
	conditions := []string{"true"}
	if q.IDs != nil {
		conditions = append(conditions, text("w", key)+" = any("+arg(q.IDs)+"::text[])")
	}
	if q.Days != nil {
		days := make([]string, len(q.Days))
		for i, d := range q.Days {
			days[i] = d.Format(time.DateOnly)
		}
		conditions = append(conditions, day+" = any("+arg(days)+"::text[]::date[])")
	}
	if q.Organization != "" {
		conditions = append(conditions, organization+" = "+arg(q.Organization))
	}
	if q.Within > 0 {
		conditions = append(conditions, day+" between "+today+" and "+today+" + "+arg(q.Within)+"::int")
	}
	if a := q.After; a != nil {
		there := "null::date"
		if !a.Day.IsZero() {
			there = arg(a.Day.Format(time.DateOnly)) + "::text::date"
		}
		place := func(day, couple, key string) string { // no part of it is null, which would be neither before nor after
			return "(" + day + " is null, coalesce(" + day + " < " + today + ", true), coalesce(abs(" + day + " - " + today +
				"), 0), " + couple + ", " + key + ")"
		}
		conditions = append(conditions, place(known, couple, text("w", key))+" > "+
			place(there, arg(a.Couple)+"::text", arg(a.ID)+"::text"))
	}
	return conn.Query(ctx, "select "+text("w", key)+", "+couple+", "+organization+", "+name+", "+known+
		" from "+weddings.rows+" w"+join+" where "+strings.Join(conditions, " and ")+
		" order by "+known+" is null, "+known+" < "+today+", abs("+known+" - "+today+"), 2, 1 limit "+arg(q.Limit), args...)
}

// onlyKey looks at a table whose primary key is one column.
func onlyKey(ctx context.Context, conn *pgx.Conn, name string) (present, error) {
	p, err := columnsOf(ctx, conn, name)
	if err == nil && p.key == "" {
		err = keepsake.Errorf(keepsake.CodeUnsupported,
			"%s must be a table whose primary key is one column; data_map in the configuration names it", name)
	}
	return p, err
}

func column(alias, name string) string { return alias + "." + pgx.Identifier{name}.Sanitize() }

func table(name string) string {
	schema, table := keepsake.SplitTableName(keepsake.QualifiedName(name))
	return pgx.Identifier{schema, table}.Sanitize()
}
