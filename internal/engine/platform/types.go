package platform

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// typeInfo is what decides whether a type's binary form means the same in every database.
type typeInfo struct {
	kind    string // pg_type.typtype
	base    uint32 // of a domain
	element uint32 // of an array
	subtype uint32 // of a range or multirange
}

type typeTable map[uint32]typeInfo

func readTypes(ctx context.Context, conn *pgx.Conn) (typeTable, error) {
	rows, err := conn.Query(ctx, `
		select t.oid::int8, t.typtype::text, t.typbasetype::int8,
		       case when t.typcategory = 'A' then t.typelem else 0 end::int8, coalesce(r.rngsubtype, 0)::int8
		from pg_type t left join pg_range r on r.rngtypid = t.oid or r.rngmultitypid = t.oid
		where t.typtype in ('b', 'd', 'e', 'r', 'm')`)
	if err != nil {
		return nil, err
	}
	types := typeTable{}
	var oid, base, element, subtype int64
	var kind string
	_, err = pgx.ForEachRow(rows, []any{&oid, &kind, &base, &element, &subtype}, func() error {
		types[uint32(oid)] = typeInfo{kind, uint32(base), uint32(element), uint32(subtype)}
		return nil
	})
	return types, err
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
	info, known := t[oid]
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
