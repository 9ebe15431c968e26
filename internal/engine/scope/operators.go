package scope

import (
	"fmt"
	"strings"
)

// operators are those by which PostgreSQL holds rows to a foreign key, by column. The parent's value is on the left.
type operators struct {
	Leads    []string // the parent's with the child's
	Parents  []string // two of the parent's
	Children []string // two of the child's
	Collates []string // what the child's value is compared by, where that is not its own
	Period   bool     // the last column is a period, which those of the parent's rows must cover together
}

func operatorsOf(column string) string {
	return `array(select format('operator(%I.%s)', s.nspname, o.oprname)
		from unnest(k.` + column + `) with ordinality u(op, i)
		join pg_operator o on o.oid = u.op join pg_namespace s on s.oid = o.oprnamespace order by u.i)`
}

// operatorsSQL reads the operators of a foreign key k.
var operatorsSQL = operatorsOf("conpfeqop") + ", " + operatorsOf("conppeqop") + ", " + operatorsOf("conffeqop") + `,
	array(select case when f.attcollation <> g.attcollation and f.attcollation <> 0
	                  then coalesce(format(' collate %I.%I', s.nspname, l.collname), '') else '' end
		from unnest(k.conkey, k.confkey) with ordinality u(f, g, i)
		join pg_attribute f on f.attrelid = k.conrelid and f.attnum = u.f
		join pg_attribute g on g.attrelid = k.confrelid and g.attnum = u.g
		left join pg_collation l on l.oid = g.attcollation left join pg_namespace s on s.oid = l.collnamespace
		order by u.i),
	coalesce((to_jsonb(k) ->> 'conperiod')::bool, false)`

// overlaps says that two periods meet.
const overlaps = "operator(pg_catalog.&&)"

func (o operators) last(ops []string, i int) string {
	if o.Period && i == len(ops)-1 {
		return overlaps
	}
	return ops[i]
}

// leads is the condition that a child's row under the name c refers to a parent's under the name p.
func (o operators) leads(c string, columns []string, p string, parentColumns []string) string {
	parts := make([]string, len(columns))
	for i := range columns {
		parts[i] = p + "." + quote(parentColumns[i]) + " " + o.last(o.Leads, i) + " " + c + "." + quote(columns[i]) +
			o.Collates[i]
	}
	return strings.Join(parts, " and ")
}

func (o operators) alike(ops []string, a, b string, columns []string) string {
	parts := make([]string, len(columns))
	for i, name := range columns {
		parts[i] = a + "." + quote(name) + " " + o.last(ops, i) + " " + b + "." + quote(name)
	}
	return strings.Join(parts, " and ")
}

// orphansSQL returns the numbers of the values v that a row of the child holds which has no parent.
func (k reference) orphansSQL(values, child, parent string, ofChild bool) string {
	held, there := k.leads("c", k.Columns, "v", k.ParentColumns), k.alike(k.Parents, "p", "v", k.ParentColumns)
	if ofChild {
		held, there = k.alike(k.Children, "c", "v", k.Columns), k.leads("v", k.Columns, "p", k.ParentColumns)
	}
	if !k.Period {
		return fmt.Sprintf("select distinct v.ks_n from %s v join %s c on %s where not exists (select from %s p where %s)",
			values, child, held, parent, there)
	}
	last := len(k.Columns) - 1
	return fmt.Sprintf("select distinct v.ks_n from %s v join %s c on %s where not coalesce(c.%s operator(pg_catalog.<@) "+
		"(select pg_catalog.range_agg(p.%s) from %s p where %s), false)", values, child, held, quote(k.Columns[last]),
		quote(k.ParentColumns[last]), parent, k.leads("c", k.Columns, "p", k.ParentColumns))
}
