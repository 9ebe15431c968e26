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
	Search       string        // words that must each be found in couple, organization, day or a vendor's name; empty: any
	Organization string        // the key of an organization; empty: any
	Today        time.Time     // weddings from this day on come first, the nearest of them first, then the past ones
	Within       int           // days ahead of today, none past; 0: no bound
	After        *WeddingPlace // weddings that come after it; nil: from the first
	Limit        int
}

// WeddingPlace is a wedding's place in the order: whatever comes or goes before it, the same ones follow.
type WeddingPlace struct {
	Day    time.Time // zero: it has none
	Couple string
	ID     string
}

// MostWords bounds the words of a search, of which each costs a comparison with every wedding.
const MostWords = 8

// QueryWeddings selects key, name, organization's key, organization's name and day, null where there is none, of weddings, through the tables and columns
// that the data map names. Vendors are found through tables that reference both a wedding and a vendor.
func QueryWeddings(ctx context.Context, conn *pgx.Conn, m keepsake.DataMap, q WeddingQuery) (pgx.Rows, error) {
	w, o := m.Wedding, m.Organization
	key, err := onlyKey(ctx, conn, w.Table)
	if err != nil {
		return nil, err
	}
	day := column("w", w.Date)
	known := "(case when isfinite(" + day + "::date) then " + day + "::date end)" // couples who have not agreed on a day come last
	name, organization, join := "''", "''", ""
	if w.Organization != "" {
		organization = "coalesce(" + column("w", w.Organization) + "::text, '')"
		if o.Table != "" && o.Name != "" {
			organizationKey, err := onlyKey(ctx, conn, o.Table)
			if err != nil {
				return nil, err
			}
			name = "coalesce(" + column("o", o.Name) + "::text, '')"
			join = " left join " + table(o.Table) + " o on " + column("o", organizationKey) + " = " + column("w", w.Organization)
		}
	}
	couple := "coalesce(" + column("w", w.Name) + "::text, '')"
	var args []any
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	today := arg(q.Today.Format(time.DateOnly)) + "::text::date"
	conditions := []string{"true"}
	if q.IDs != nil {
		conditions = append(conditions, column("w", key)+"::text = any("+arg(q.IDs)+"::text[])")
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
	if words := SearchWords(q.Search); len(words) > 0 {
		vendors, err := vendorSearch(ctx, conn, m, key)
		if err != nil {
			return nil, err
		}
		text := "concat_ws(' ', " + couple + ", " + name + ", to_char(" + day + ", 'YYYY-MM-DD FMDay FMDD FMMonth YYYY'))"
		for _, word := range words {
			p := arg("%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(word) + "%")
			conditions = append(conditions, "("+text+" ilike "+p+strings.ReplaceAll(vendors, "$word", p)+")")
		}
	}
	if a := q.After; a != nil {
		there := "null::date"
		if !a.Day.IsZero() {
			there = arg(a.Day.Format(time.DateOnly)) + "::text::date"
		}
		place := func(day, couple, key string) string { // no part of it is null, which would be neither before nor after
			return "(" + day + " is null, coalesce(" + day + " < " + today + ", true), coalesce(abs(" + day + " - " + today + "), 0), " + couple + ", " + key + ")"
		}
		conditions = append(conditions, place(known, couple, column("w", key)+"::text")+" > "+place(there, arg(a.Couple)+"::text", arg(a.ID)+"::text"))
	}
	return conn.Query(ctx, "select "+column("w", key)+"::text, "+couple+", "+organization+", "+name+", "+known+
		" from "+table(w.Table)+" w"+join+" where "+strings.Join(conditions, " and ")+
		" order by "+known+" is null, "+known+" < "+today+", abs("+known+" - "+today+"), 2, 1 limit "+arg(q.Limit), args...)
}

// SearchWords splits what a person typed.
func SearchWords(s string) []string {
	words := strings.Fields(s)
	return words[:min(len(words), MostWords)]
}

// vendorSearch is the condition, behind an "or", that a vendor of the wedding is called like $word.
func vendorSearch(ctx context.Context, conn *pgx.Conn, m keepsake.DataMap, key string) (string, error) {
	if m.Vendor.Table == "" || m.Vendor.Name == "" {
		return "", nil
	}
	const links = `select n.nspname, c.relname, wa.attname, va.attname, vp.attname
		from pg_constraint wf
		join pg_constraint vf on vf.conrelid = wf.conrelid and vf.contype = 'f' and cardinality(vf.conkey) = 1 and vf.confrelid = to_regclass($2)
		join pg_class c on c.oid = wf.conrelid
		join pg_namespace n on n.oid = c.relnamespace
		join pg_attribute wa on wa.attrelid = c.oid and wa.attnum = wf.conkey[1]
		join pg_attribute wp on wp.attrelid = wf.confrelid and wp.attnum = wf.confkey[1] and wp.attname = $3
		join pg_attribute va on va.attrelid = c.oid and va.attnum = vf.conkey[1]
		join pg_attribute vp on vp.attrelid = vf.confrelid and vp.attnum = vf.confkey[1]
		where wf.contype = 'f' and cardinality(wf.conkey) = 1 and wf.confrelid = to_regclass($1)
		order by 1, 2, 3, 4`
	rows, err := conn.Query(ctx, links, table(m.Wedding.Table), table(m.Vendor.Table), key)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	var schema, link, wedding, vendor, vendorKey string
	_, err = pgx.ForEachRow(rows, []any{&schema, &link, &wedding, &vendor, &vendorKey}, func() error {
		fmt.Fprintf(&b, " or exists (select from %s l join %s v on %s = %s where %s = %s and %s ilike $word)",
			pgx.Identifier{schema, link}.Sanitize(), table(m.Vendor.Table), column("v", vendorKey), column("l", vendor), column("l", wedding), column("w", key), column("v", m.Vendor.Name))
		return nil
	})
	return b.String(), err
}

// onlyKey returns the column that is a table's primary key.
func onlyKey(ctx context.Context, conn *pgx.Conn, name string) (string, error) {
	const q = `select a.attname from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
		where i.indrelid = to_regclass($1) and i.indisprimary`
	rows, err := conn.Query(ctx, q, table(name))
	if err != nil {
		return "", err
	}
	columns, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return "", err
	}
	if len(columns) != 1 {
		return "", keepsake.Errorf(keepsake.CodeUnsupported, "%s must be a table whose primary key is one column; data_map in the configuration names it", name)
	}
	return columns[0], nil
}

func column(alias, name string) string { return alias + "." + pgx.Identifier{name}.Sanitize() }

func table(name string) string {
	schema, table, _ := strings.Cut(keepsake.QualifiedName(name), ".")
	return pgx.Identifier{schema, table}.Sanitize()
}

// OrganizationQuery selects organizations, by name.
type OrganizationQuery struct {
	Search string             // words that must each be found in the name; empty: any
	After  *OrganizationPlace // organizations that come after it; nil: from the first
	Limit  int
}

// OrganizationPlace is an organization's place in the order.
type OrganizationPlace struct{ Name, ID string }

// QueryOrganizations selects key, name and number of weddings of organizations.
func QueryOrganizations(ctx context.Context, conn *pgx.Conn, m keepsake.DataMap, q OrganizationQuery) (pgx.Rows, error) {
	key, err := onlyKey(ctx, conn, m.Organization.Table)
	if err != nil {
		return nil, err
	}
	name, weddings := "''", "0"
	if m.Organization.Name != "" {
		name = "coalesce(" + column("o", m.Organization.Name) + "::text, '')"
	}
	if m.Wedding.Organization != "" {
		weddings = "(select count(*) from " + table(m.Wedding.Table) + " w where " + column("w", m.Wedding.Organization) + " = " + column("o", key) + ")"
	}
	conditions, args := []string{"true"}, []any{q.Limit}
	if q.After != nil {
		args = append(args, q.After.Name, q.After.ID)
		conditions = append(conditions, "("+name+", "+column("o", key)+"::text) > ($2::text, $3::text)")
	}
	for _, word := range SearchWords(q.Search) {
		args = append(args, "%"+strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(word)+"%")
		conditions = append(conditions, fmt.Sprintf("%s ilike $%d", name, len(args)))
	}
	return conn.Query(ctx, "select "+column("o", key)+"::text, "+name+", "+weddings+"::bigint from "+table(m.Organization.Table)+" o where "+
		strings.Join(conditions, " and ")+" order by 2, 1 limit $1", args...)
}
