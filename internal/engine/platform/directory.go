package platform

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Names receives the names that a search looks through: organizations and vendors first, then weddings.
type Names interface {
	Organization(id, name string)
	Vendor(id, name, place string)
	Wedding(id, couple, organization string, day time.Time, places ...string) // a zero day is none
}

// ReadNames reads the names of all organizations, vendors and weddings of the platform. The server does not compare
// words, because which letters are alike depends on its version, encoding and collation, and Keepsake may install
// nothing there. ReadNames leaves out vendors whose table, and fields whose column, is not there.
func ReadNames(ctx context.Context, conn *pgx.Conn, m keepsake.DataMap, to Names) error {
	w, o, v := m.Wedding, m.Organization, m.Vendor
	weddings, err := onlyKey(ctx, conn, w.Table)
	if err != nil {
		return err
	}
	if w.Organization != "" && o.Table != "" && o.Name != "" {
		organizations, err := onlyKey(ctx, conn, o.Table)
		if err != nil {
			return err
		}
		var id, name string
		err = each(ctx, conn, "select "+text("o", organizations.key)+", "+text("o", o.Name)+" from "+organizations.rows+" o",
			[]any{&id, &name}, func() { to.Organization(id, name) })
		if err != nil {
			return err
		}
	}
	if has, err := columnsOf(ctx, conn, v.Table); err != nil {
		return err
	} else if vendorKey := has.key; vendorKey != "" && has.columns[v.Name] {
		var id, name, place string
		q := "select " + text("v", vendorKey) + ", " + text("v", v.Name) + ", " + has.text("v", v.Place) + " from " +
			has.rows + " v"
		if err := each(ctx, conn, q, []any{&id, &name, &place}, func() { to.Vendor(id, name, place) }); err != nil {
			return err
		}
	}
	var id, couple, organization string
	var day *time.Time
	places := make([]string, len(w.Places))
	into := []any{&id, &couple, &organization, &day}
	q := "select " + text("w", weddings.key) + ", " + text("w", w.Name) + ", " +
		weddings.text("w", w.Organization) + ", " + knownDay("w", w.Date)
	for i, p := range w.Places {
		q += ", " + weddings.text("w", p)
		into = append(into, &places[i])
	}
	return each(ctx, conn, q+" from "+weddings.rows+" w", into, func() {
		var on time.Time
		if day != nil {
			on = *day
		}
		to.Wedding(id, couple, organization, on, places...)
	})
}

// VendorLink names the columns of a table that say which vendor works at which wedding.
type VendorLink struct{ Table, WeddingColumn, VendorColumn string }

// VendorLinks finds such columns among references to the keys of the tables of weddings and vendors: in a table that
// references both, in the wedding's own row, or in the vendor's.
func VendorLinks(references []repository.ForeignKey, m keepsake.DataMap, weddingKey, vendorKey string) (
	links []VendorLink) {
	wedding, vendor := keepsake.QualifiedName(m.Wedding.Table), keepsake.QualifiedName(m.Vendor.Table)
	for _, v := range references {
		if v.Parent != vendor || len(v.Columns) != 1 || v.ParentColumns[0] != vendorKey {
			continue
		}
		if v.Child == wedding {
			links = append(links, VendorLink{wedding, weddingKey, v.Columns[0]})
		}
		for _, w := range references {
			if w.Child == v.Child && w.Child != wedding && w.Parent == wedding && len(w.Columns) == 1 &&
				w.ParentColumns[0] == weddingKey {
				links = append(links, VendorLink{w.Child, w.Columns[0], v.Columns[0]})
			}
		}
	}
	for _, w := range references {
		if w.Child == vendor && w.Parent == wedding && len(w.Columns) == 1 && w.ParentColumns[0] == weddingKey {
			links = append(links, VendorLink{vendor, w.Columns[0], vendorKey})
		}
	}
	return links
}

// ReadVendorLinks reads which vendor works at which wedding. A pair may come more than once.
func ReadVendorLinks(ctx context.Context, conn *pgx.Conn, m keepsake.DataMap, to func(wedding, vendor string)) error {
	vendors, err := columnsOf(ctx, conn, m.Vendor.Table)
	if err != nil || vendors.key == "" {
		return err
	}
	weddings, err := onlyKey(ctx, conn, m.Wedding.Table)
	if err != nil {
		return err
	}
	declared := `select c.n, array[ca.attname::text], p.n, array[pa.attname::text] from pg_constraint f
		join lateral (select ` + FullNameSQL + ` as n from pg_class c join pg_namespace n on n.oid = c.relnamespace
			where c.oid = f.conrelid) c on true
		join lateral (select ` + FullNameSQL +
		` as n from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = f.confrelid) p on true
		join pg_attribute ca on ca.attrelid = f.conrelid and ca.attnum = f.conkey[1]
		join pg_attribute pa on pa.attrelid = f.confrelid and pa.attnum = f.confkey[1]
		where f.contype = 'f' and cardinality(f.conkey) = 1 and f.conparentid = 0 and
			f.confrelid in (to_regclass($1), to_regclass($2)) order by 1, 2, 3`
	rows, err := conn.Query(ctx, declared, table(m.Wedding.Table), table(m.Vendor.Table))
	if err != nil {
		return err
	}
	references, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (k repository.ForeignKey, err error) {
		return k, row.Scan(&k.Child, &k.Columns, &k.Parent, &k.ParentColumns)
	})
	if err != nil {
		return err
	}
	var parts []string
	for _, l := range VendorLinks(References(references, m), m, weddings.key, vendors.key) {
		if has, err := columnsOf(ctx, conn, l.Table); err != nil {
			return err
		} else if has.columns[l.WeddingColumn] && has.columns[l.VendorColumn] {
			// A reference that only the data map knows may be a mistake.
			parts = append(parts,
				fmt.Sprintf("select %s, %s from %s l where %s is not null and %s is not null",
					text("l", l.WeddingColumn), text("l", l.VendorColumn), has.rows,
					column("l", l.WeddingColumn), column("l", l.VendorColumn)))
		}
	}
	if len(parts) == 0 {
		return nil
	}
	var wedding, vendor string
	return each(ctx, conn, strings.Join(parts, " union all "), []any{&wedding, &vendor}, func() { to(wedding, vendor) })
}

// present are the columns that a table has; key is its primary key, if that is one column.
type present struct {
	columns map[string]bool
	key     string
	rows    string // how a statement names its own rows, without those of inheritance children
}

// text selects a column as text that is never null, the empty one where there is no such column.
func (p present) text(alias, name string) string {
	if !p.columns[name] {
		return "''::text"
	}
	return text(alias, name)
}

// columnsOf returns none of a table that is not there.
func columnsOf(ctx context.Context, conn *pgx.Conn, name string) (p present, err error) {
	p.columns = map[string]bool{}
	if name == "" {
		return p, nil
	}
	const q = `select a.attname::text, coalesce(i.indnkeyatts = 1 and a.attnum = i.indkey[0], false), c.relkind = 'p'
		from pg_attribute a join pg_class c on c.oid = a.attrelid
		left join pg_index i on i.indrelid = a.attrelid and i.indisprimary where a.attrelid = to_regclass($1)
			and a.attnum > 0 and not a.attisdropped`
	rows, err := conn.Query(ctx, q, table(name))
	if err != nil {
		return p, err
	}
	var column string
	var isKey, partitioned bool
	_, err = pgx.ForEachRow(rows, []any{&column, &isKey, &partitioned}, func() error {
		p.rows = "only " + table(name)
		if partitioned { // its rows are those of its partitions
			p.rows = table(name)
		}
		if p.columns[column] = true; isKey {
			p.key = column
		}
		return nil
	})
	return p, err
}

// each runs a query and calls do for each row, scanned into into.
func each(ctx context.Context, conn *pgx.Conn, query string, into []any, do func()) error {
	rows, err := conn.Query(ctx, query)
	if err != nil {
		return err
	}
	_, err = pgx.ForEachRow(rows, into, func() error { do(); return nil })
	return err
}

// text selects a column as text that is never null, as its type writes it. A cast to text may be a function that
// somebody made, such as one that masks.
func text(alias, name string) string { return "pg_catalog.format('%s', " + column(alias, name) + ")" }

// knownDay selects a day, null where it is not known.
// Some platforms write infinity for couples who have not agreed on one.
func knownDay(alias, name string) string {
	day := column(alias, name)
	return "(case when isfinite(" + day + "::date) then " + day + "::date end)"
}
