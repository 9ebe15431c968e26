package platform

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// Unmapped is a key of the configuration's data_map that names what the platform does not have, or what the role may
// not read.
type Unmapped struct {
	Key     string   // "data_map.wedding.table"
	Problem string   // what is so, in words
	Near    []string // names that may be meant
	// Weddings says that weddings or organizations cannot be found because of the key. Everything else works.
	Weddings bool
}

// Words says in a sentence without its full stop what is wrong with the key and which name may be meant.
func (u Unmapped) Words() string {
	words := u.Key + " is wrong, because " + u.Problem
	if len(u.Near) > 0 {
		words += "; did you mean " + strings.Join(u.Near, " or ") + "?"
	}
	return words
}

// named is a table of the platform, as far as a data map asks.
type named struct {
	columns []string
	key     int    // columns of its primary key
	grant   string // what lets the role read it; "": it may
	plain   bool   // it is a table, not a view or a foreign one
}

// CheckDataMap compares a data map with the platform's catalog, by names alone and with one query. A table of tiers
// or vendors that only the built-in map names and the platform lacks is no fault, because nothing depends on it.
func CheckDataMap(ctx context.Context, conn *pgx.Conn, m keepsake.DataMap) ([]Unmapped, error) {
	rows, err := conn.Query(ctx, `
		select `+FullNameSQL+`, array(select a.attname::text from pg_attribute a where a.attrelid = c.oid and a.attnum > 0
			and not a.attisdropped),
		       coalesce((select cardinality(i.indkey::int2[]) from pg_index i where i.indrelid = c.oid
			and i.indisprimary), 0),
		       concat_ws('; ', case when not has_schema_privilege(n.oid, 'usage')
			then format('grant usage on schema %I to %I', n.nspname, current_user) end,
		         case when not has_table_privilege(c.oid, 'select') then format('grant select on %I.%I to %I', n.nspname,
			c.relname, current_user) end),
		       c.relkind in ('r', 'p')
		from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind in ('r', 'p', 'v', 'm', 'f') and `+userSchema)
	if err != nil {
		return nil, fmt.Errorf("compare data_map with the catalog: %w", err)
	}
	tables := map[string]named{}
	var name string
	var t named
	if _, err = pgx.ForEachRow(rows, []any{&name, &t.columns, &t.key, &t.grant, &t.plain}, func() error {
		t.columns = slices.Clone(t.columns)
		tables[name] = t
		return nil
	}); err != nil {
		return nil, fmt.Errorf("compare data_map with the catalog: %w", err)
	}
	c := mapCheck{tables: tables}
	c.check(m)
	return c.found, nil
}

type mapCheck struct {
	tables map[string]named
	found  []Unmapped
}

func (c *mapCheck) check(m keepsake.DataMap) {
	builtin := keepsake.DefaultDataMap()
	w, o, v := m.Wedding, m.Organization, m.Vendor
	if c.root("data_map.wedding.table", w.Table) {
		c.columns(true, w.Table, [][2]string{{"data_map.wedding.name", w.Name}, {"data_map.wedding.date", w.Date},
			{"data_map.wedding.organization", w.Organization}})
	}
	if o.Table != "" && w.Organization != "" && c.root("data_map.organization.table", o.Table) {
		c.columns(true, o.Table, [][2]string{{"data_map.organization.name", o.Name}})
	}
	if v.Table != "" && (v != builtin.Vendor || c.has(v.Table)) && c.table(false, "data_map.vendor.table", v.Table) {
		c.columns(false, v.Table, [][2]string{{"data_map.vendor.kind", v.Kind}, {"data_map.vendor.name", v.Name},
			{"data_map.vendor.contact", v.Contact},
			{"data_map.vendor.phone", v.Phone}, {"data_map.vendor.email", v.Email}, {"data_map.vendor.place", v.Place}})
	}
	for _, tier := range keepsake.Tiers() {
		if slices.Equal(m.Tiers[tier], builtin.Tiers[tier]) {
			continue
		}
		for _, name := range m.Tiers[tier] {
			if !slices.Contains(builtin.Tiers[tier], name) {
				c.table(false, "data_map.tiers."+string(tier), name)
			}
		}
	}
	for i, k := range m.ForeignKeys {
		at := fmt.Sprintf("data_map.foreign_keys[%d].", i)
		if c.table(false, at+"table", k.Table) {
			c.columns(false, k.Table, keyed(at+"columns", k.Columns))
		}
		if c.table(false, at+"references", k.References) {
			c.columns(false, k.References, keyed(at+"referenced_columns", k.ReferencedColumns))
		}
	}
	for i, name := range m.Shared {
		c.table(false, fmt.Sprintf("data_map.shared[%d]", i), name)
	}
}

func keyed(key string, names []string) (out [][2]string) {
	for _, name := range names {
		out = append(out, [2]string{key, name})
	}
	return out
}

func (c *mapCheck) has(name string) bool { _, is := c.tables[keepsake.QualifiedName(name)]; return is }

func (c *mapCheck) add(weddings bool, key, problem string, near []string) {
	c.found = append(c.found, Unmapped{Key: key, Problem: problem, Near: near, Weddings: weddings})
}

// root checks a table whose rows are looked up by one key.
func (c *mapCheck) root(key, name string) bool {
	if !c.table(true, key, name) {
		return false
	}
	t := c.tables[keepsake.QualifiedName(name)]
	if !t.plain || t.key != 1 {
		c.add(true, key, keepsake.QualifiedName(name)+" must be a table whose primary key is one column", nil)
		return false
	}
	return true
}

// table checks that the platform has a table and that the role may read it.
func (c *mapCheck) table(weddings bool, key, name string) bool {
	full := keepsake.QualifiedName(name)
	t, is := c.tables[full]
	switch {
	case !is:
		c.add(weddings, key, "the platform has no table "+full, nearTables(full, c.tables))
		return false
	case t.grant != "":
		c.add(weddings, key, "Keepsake's role may not read "+full+". As its owner: "+t.grant, nil)
		return false
	}
	return true
}

// columns checks columns of a table that is there;
// each is a key of the configuration and a name, which may be left out.
func (c *mapCheck) columns(weddings bool, name string, wanted [][2]string) {
	full := keepsake.QualifiedName(name)
	for _, want := range wanted {
		if want[1] != "" && !slices.Contains(c.tables[full].columns, want[1]) {
			c.add(weddings, want[0], full+" has no column "+want[1], near(want[1], c.tables[full].columns))
		}
	}
}

// nearTables are tables of the same name in another schema, or of a similar one.
func nearTables(full string, tables map[string]named) []string {
	_, wanted := keepsake.SplitTableName(full)
	var same, names []string
	for name := range tables {
		if _, plain := keepsake.SplitTableName(name); plain == wanted {
			same = append(same, name)
		} else {
			names = append(names, name)
		}
	}
	if slices.Sort(same); len(same) > 0 {
		return same[:min(len(same), mostNear)]
	}
	return near(wanted, names)
}

// mostNear is how many names are offered.
const mostNear = 2

// near are the names that are most like one that is not there: one holds the other, or a few letters differ.
func near(wanted string, names []string) []string {
	type candidate struct {
		name string
		far  int
	}
	var found []candidate
	for _, name := range names {
		_, plain := keepsake.SplitTableName(name)
		if plain == "" { // a column
			plain = name
		}
		a, b := strings.ToLower(wanted), strings.ToLower(plain)
		far := distance(a, b)
		if min(len(a), len(b)) >= 3 && (strings.Contains(a, b) || strings.Contains(b, a)) {
			far = min(far, 2)
		}
		if far <= max(2, len(a)/4) {
			found = append(found, candidate{name, far})
		}
	}
	slices.SortFunc(found, func(a, b candidate) int { return (a.far-b.far)*2 + strings.Compare(a.name, b.name) })
	var out []string
	for _, c := range found[:min(len(found), mostNear)] {
		out = append(out, c.name)
	}
	return out
}

// distance is how many letters must be put in, taken out or changed to make one word of another. O(len(a)·len(b)).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := before
			if a[i] != b[j] {
				cost++
			}
			before, row[j+1] = row[j+1], min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// UnmappedWords returns the findings as lines. It also reports whether any of them keeps weddings or organizations
// from being found.
func UnmappedWords(found []Unmapped) (lines []string, weddings bool) {
	for _, u := range found {
		lines = append(lines, u.Words())
		weddings = weddings || u.Weddings
	}
	return lines, weddings
}

// WithoutWeddings says to people what it means that weddings cannot be found.
const WithoutWeddings = "single weddings and organizations can be neither listed nor brought back; backups and " +
	"restores of everything and of tiers go on"
