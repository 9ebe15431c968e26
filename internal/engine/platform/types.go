package platform

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// typeInfo is what decides whether a type's binary form means the same in every database, and how values are equal.
type typeInfo struct {
	kind    string // pg_type.typtype
	base    uint32 // of a domain
	element uint32 // of an array
	subtype uint32 // of a range or multirange
	known   string // its name, where it is one of an extension
	fields  []uint32
	folding bool // a collation of a field, or of the subtype, may hold different texts to be equal
}

type typeTable struct {
	types   map[uint32]typeInfo
	folding map[uint32]bool // collations by which different texts may be equal
}

func readTypes(ctx context.Context, conn *pgx.Conn) (typeTable, error) {
	types := typeTable{map[uint32]typeInfo{}, map[uint32]bool{}}
	rows, err := conn.Query(ctx, `
		select t.oid::int8, t.typtype::text, t.typbasetype::int8,
		       case when t.typcategory = 'A' then t.typelem else 0 end::int8, coalesce(r.rngsubtype, 0)::int8,
		       case when exists (select from pg_depend d where d.classid = 'pg_type'::regclass and d.objid = t.oid
		                         and d.deptype = 'e') then t.typname else '' end,
		       case when t.typtype = 'c' then array(select a.atttypid::int8 from pg_attribute a
		                         where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped order by a.attnum)
		       else '{}' end,
		       exists (select from pg_collation c where not c.collisdeterministic and (c.oid = r.rngcollation
		               or t.typtype = 'c' and c.oid in (select a.attcollation from pg_attribute a
		                                                where a.attrelid = t.typrelid and not a.attisdropped)))
		from pg_type t left join pg_range r on r.rngtypid = t.oid or r.rngmultitypid = t.oid
		where t.typtype in ('b', 'd', 'e', 'r', 'm')
			or t.typtype = 'c' and exists (select from pg_class c where c.oid = t.typrelid and c.relkind = 'c')`)
	if err != nil {
		return types, err
	}
	var oid, base, element, subtype int64
	var kind, known string
	var fields []int64
	var folding bool
	_, err = pgx.ForEachRow(rows, []any{&oid, &kind, &base, &element, &subtype, &known, &fields, &folding}, func() error {
		info := typeInfo{kind, uint32(base), uint32(element), uint32(subtype), known, nil, folding}
		for _, f := range fields {
			info.fields = append(info.fields, uint32(f))
		}
		types.types[uint32(oid)] = info
		return nil
	})
	if err != nil {
		return types, err
	}
	if rows, err = conn.Query(ctx, "select oid::int8 from pg_collation where not collisdeterministic"); err != nil {
		return types, err
	}
	_, err = pgx.ForEachRow(rows, []any{&oid}, func() error {
		types.folding[uint32(oid)] = true
		return nil
	})
	return types, err
}

// equal says how values of a column are equal, where the name of its type does not say it.
func (t typeTable) equal(oid, collation uint32) string {
	f := t.form(oid, collation)
	if own, known := builtin[oid]; known && own == f || !known && f == FormUnknown {
		return ""
	}
	return string(f)
}

func (t typeTable) form(oid, collation uint32) Form {
	f, known := builtin[oid]
	if known {
		if t.folding[collation] && f == FormText {
			return FormCollation
		}
		if t.folding[collation] && (f == FormBlank || f == FormArray) {
			return FormUnknown
		}
		return f
	}
	info, known := t.types[oid]
	switch {
	case !known || info.folding:
	case info.known == "citext":
		return FormCitext
	case info.known == "ltree":
		return FormImage
	case info.kind == "d":
		return t.form(info.base, collation)
	case info.kind == "e":
		return FormEnum
	case info.element != 0 && t.form(info.element, collation).isWritten():
		if oid < firstNormalOID {
			return FormArray
		}
		return FormImage // it is written in text
	case info.kind == "r" && t.form(info.subtype, 0).isWritten(), info.kind == "m" && t.form(info.subtype, 0).isWritten():
		return FormImage
	case info.kind == "c":
		for _, field := range info.fields {
			if !t.form(field, 0).isWritten() {
				return FormUnknown
			}
		}
		return FormImage
	}
	return FormUnknown
}

// isWritten reports whether values are equal exactly where what the type writes for them is, in either format.
func (f Form) isWritten() bool {
	switch f {
	case FormInteger, FormUUID, FormText, FormEnum, FormOID, FormBoolean, FormBytea, FormDate, FormTimestamp,
		FormInstant, FormTime, FormBit, FormImage:
		return true
	}
	return false
}

// stableBase are the built-in types whose send and receive functions carry values only: no OIDs, no dependence on
// locale or on another catalog. tsvector, xml, jsonpath and the reg* types are left out on purpose.
var stableBase = map[uint32]bool{
	// bool bytea char name int8 int2 int4 text oid
	16: true, 17: true, 18: true, 19: true, 20: true, 21: true, 23: true, 25: true, 26: true,
	// json point lseg path box polygon line circle
	114: true, 600: true, 601: true, 602: true, 603: true, 604: true, 628: true, 718: true,
	700: true, 701: true, 650: true, 829: true, 869: true, 774: true, // float4 float8 cidr macaddr inet macaddr8
	// bpchar varchar date time timestamp(tz) interval timetz
	1042: true, 1043: true, 1082: true, 1083: true, 1114: true, 1184: true, 1186: true, 1266: true,
	1560: true, 1562: true, 1700: true, 2950: true, 3220: true, 3802: true, // bit varbit numeric uuid pg_lsn jsonb
}

// firstNormalOID is where user-defined objects start (FirstNormalObjectId in access/transam.h).
const firstNormalOID = 16384

// binaryStable reports whether a value's COPY BINARY form can be loaded into another database. An array carries its
// element's OID, so only arrays of built-in types qualify; an enum travels as its label, a domain as its base type.
func (t typeTable) binaryStable(oid uint32) bool {
	if stableBase[oid] {
		return true
	}
	info, known := t.types[oid]
	switch {
	case !known:
		return false
	case info.element != 0:
		return oid < firstNormalOID && stableBase[info.element]
	case info.kind == "e":
		return true
	case info.kind == "d":
		return t.binaryStable(info.base)
	case info.kind == "r" || info.kind == "m":
		return t.binaryStable(info.subtype)
	default:
		return false
	}
}
