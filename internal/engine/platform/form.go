package platform

import (
	"slices"
	"strings"
)

// Form says how values of a column are equal. Two that PostgreSQL holds to be equal have the same canonical form; two
// that it does not may have the same one as well. Its name is what a recovery point says of a column whose type's name
// does not say it.
type Form string

// The forms. FORMAT.md has the bytes of those that an index is made of.
const (
	FormInteger   Form = "integer"
	FormUUID      Form = "uuid"
	FormText      Form = "text"
	FormEnum      Form = "enum" // text, which is a label
	FormBlank     Form = "bpchar"
	FormNumeric   Form = "numeric"
	FormReal      Form = "real"
	FormDouble    Form = "double precision"
	FormOID       Form = "oid"
	FormBoolean   Form = "boolean"
	FormBytea     Form = "bytea"
	FormDate      Form = "date"
	FormTimestamp Form = "timestamp"
	FormInstant   Form = "timestamptz"
	FormTime      Form = "time"
	FormInet      Form = "inet"
	FormBit       Form = "bit"
	FormCitext    Form = "citext"
	FormNumrange  Form = "numrange"
	FormManyNums  Form = "nummultirange"
	FormArray     Form = "array"     // of what is equal only where its text is
	FormImage     Form = "image"     // equal only where the text is, and the bytes
	FormCollation Form = "collation" // text that a collation may hold to be equal to other text
	FormUnknown   Form = "unknown"
	FormAny       Form = "any" // one form for all values
)

// builtin are the forms of the types that every database has.
var builtin = map[uint32]Form{
	16: FormBoolean, 17: FormBytea, 18: FormImage, 19: FormText, 20: FormInteger, 21: FormInteger, 23: FormInteger,
	25: FormText, 26: FormOID, 650: FormInet, 700: FormReal, 701: FormDouble, 774: FormImage, 790: FormImage,
	829: FormImage, 869: FormInet, 1042: FormBlank, 1043: FormText, 1082: FormDate, 1083: FormTime,
	1114: FormTimestamp, 1184: FormInstant, 1266: FormImage, 1560: FormBit, 1562: FormBit, 1700: FormNumeric,
	2950: FormUUID, 3220: FormImage, 3904: FormImage, 3926: FormImage, 3908: FormImage, 3910: FormImage,
	3912: FormImage, 3906: FormNumrange, 4451: FormImage, 4536: FormImage, 4533: FormImage, 4534: FormImage,
	4535: FormImage, 4532: FormManyNums, 5069: FormImage, 1000: FormArray, 1005: FormArray, 1007: FormArray,
	1009: FormArray, 1015: FormArray, 1016: FormArray, 1182: FormArray, 2951: FormArray,
}

// BuiltinOID returns the OID of a type that every database has, by the name that format_type() gives it, modifiers
// included; 0 where it is none.
func BuiltinOID(name string) uint32 { return builtinOIDs[BaseType(name)] }

// BaseType takes the modifiers out of a type's name: numeric(10,2) is numeric, timestamp(3) with time zone has its own
// place.
func BaseType(name string) string {
	base, rest, _ := strings.Cut(name, "(")
	if _, rest, found := strings.Cut(rest, ")"); found {
		base += rest
	}
	return base
}

var builtinOIDs = map[string]uint32{
	"boolean": 16, "bytea": 17, `"char"`: 18, "name": 19, "bigint": 20, "smallint": 21, "integer": 23, "text": 25,
	"oid": 26, "json": 114, "point": 600, "lseg": 601, "path": 602, "box": 603, "polygon": 604, "line": 628,
	"cidr": 650, "real": 700, "double precision": 701, "circle": 718, "macaddr8": 774, "money": 790, "macaddr": 829,
	"inet": 869, "character": 1042, "bpchar": 1042, "character varying": 1043, "date": 1082,
	"time without time zone": 1083, "timestamp without time zone": 1114, "timestamp with time zone": 1184,
	"interval": 1186, "time with time zone": 1266, "bit": 1560, "bit varying": 1562, "numeric": 1700, "uuid": 2950,
	"pg_lsn": 3220, "jsonb": 3802,
	"int4range": 3904, "int8range": 3926, "numrange": 3906, "tsrange": 3908, "tstzrange": 3910, "daterange": 3912,
	"int4multirange": 4451, "int8multirange": 4536, "nummultirange": 4532, "tsmultirange": 4533,
	"tstzmultirange": 4534, "datemultirange": 4535, "xid8": 5069, "boolean[]": 1000, "smallint[]": 1005,
	"integer[]": 1007, "text[]": 1009, "character varying[]": 1015, "bigint[]": 1016, "real[]": 1021,
	"double precision[]": 1022, "timestamp without time zone[]": 1115, "date[]": 1182,
	"timestamp with time zone[]": 1185, "numeric[]": 1231, "uuid[]": 2951,
}

func (c Column) form() Form {
	if c.Equal != "" {
		return Form(c.Equal)
	}
	if f, known := builtin[c.TypeOID]; known {
		return f
	}
	return FormUnknown
}

// Form returns how the values of a column are equal; "" where the column is not stored.
func (r Relation) Form(column string) Form {
	i := slices.IndexFunc(r.Columns, func(c Column) bool { return c.Name == column })
	if i < 0 {
		return ""
	}
	return r.Columns[i].form()
}

// indexed reports whether an index holds values in this form. Such a form must stay what it is for as long as there are
// recovery points; that of citext would change with Unicode.
func (f Form) indexed() bool {
	switch f {
	case FormInteger, FormUUID, FormText, FormEnum, FormBlank, FormNumeric:
		return true
	}
	return false
}

// IndexedAs reports whether an index over a column of this form answers for values in the form as.
func (f Form) IndexedAs(as Form) bool {
	switch {
	case !f.indexed():
		return false
	case f == FormInteger:
		return as == FormInteger || as == FormNumeric
	case f == FormEnum, f == FormBlank:
		return as == f || as == FormText
	}
	return as == f
}

// Exact reports whether values are equal wherever their forms are.
func (f Form) Exact() bool { return f != FormAny && f != FormCitext }

// isNumber are forms between which PostgreSQL compares.
func (f Form) isNumber() bool {
	return f == FormInteger || f == FormNumeric || f == FormReal || f == FormDouble || f == FormOID
}

func (f Form) isText() bool {
	return f == FormText || f == FormEnum || f == FormBlank || f == FormCitext || f == FormCollation
}

// Between returns the form in which values of a referring column and of the one that it refers to can be compared:
// that into which PostgreSQL casts the referring one's. told is one that leaves as few as possible equal that are not,
// and may leave some unequal that are; for who cannot ask a server. formats are those of the rows.
func Between(child, parent Form, formats ...string) (all, told Form) {
	mixed := slices.ContainsFunc(formats, func(f string) bool { return f != formats[0] })
	switch {
	case child == "" || parent == "" || child == FormAny || parent == FormAny:
		return FormAny, FormAny
	case child.isNumber() && parent.isNumber():
		switch {
		case parent == FormReal && child != FormDouble: // into which the referring value is cast
			all = FormReal
		case child == FormReal || child == FormDouble || parent == FormReal || parent == FormDouble:
			all = FormDouble
		case parent == FormInteger:
			all = child
		default:
			all = parent
		}
		return all, all
	case child.isText() && parent.isText():
		switch {
		case child == FormCollation || parent == FormCollation:
			return FormAny, FormCitext
		case parent == FormEnum:
			return FormText, FormText
		case child == FormBlank && parent == FormText: // blanks count where it is the referring value that is cast
			return FormBlank, FormText
		}
		return parent, parent
	case (child == FormDate || child == FormTimestamp) && (parent == FormDate || parent == FormTimestamp):
		return FormTimestamp, FormTimestamp
	case child != parent: // a zone may decide, or what somebody made
		return FormAny, FormAny
	case child == FormUnknown && mixed:
		return FormAny, FormAny
	case child == FormUnknown:
		return FormAny, FormImage
	case (child == FormImage || child == FormArray) && mixed:
		return FormAny, FormAny
	}
	return parent, parent
}
