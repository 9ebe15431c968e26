package platform

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
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
func BuiltinOID(name string) uint32 {
	base, rest, _ := strings.Cut(name, "(")
	if _, rest, found := strings.Cut(rest, ")"); found {
		base += rest
	}
	return builtinOIDs[base]
}

var builtinOIDs = map[string]uint32{
	"boolean": 16, "bytea": 17, `"char"`: 18, "name": 19, "bigint": 20, "smallint": 21, "integer": 23, "text": 25,
	"oid": 26, "cidr": 650, "real": 700, "double precision": 701, "macaddr8": 774, "money": 790, "macaddr": 829,
	"inet": 869, "character": 1042, "bpchar": 1042, "character varying": 1043, "date": 1082,
	"time without time zone": 1083, "timestamp without time zone": 1114, "timestamp with time zone": 1184,
	"time with time zone": 1266, "bit": 1560, "bit varying": 1562, "numeric": 1700, "uuid": 2950, "pg_lsn": 3220,
	"int4range": 3904, "int8range": 3926, "numrange": 3906, "tsrange": 3908, "tstzrange": 3910, "daterange": 3912,
	"int4multirange": 4451, "int8multirange": 4536, "nummultirange": 4532, "tsmultirange": 4533,
	"tstzmultirange": 4534, "datemultirange": 4535, "xid8": 5069, "boolean[]": 1000, "smallint[]": 1005,
	"integer[]": 1007, "text[]": 1009, "character varying[]": 1015, "bigint[]": 1016, "date[]": 1182, "uuid[]": 2951,
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

// canonical returns the form of a value, which may lie in buf or in the value. It is the same for both COPY formats.
// utf says that texts are UTF-8.
func (c keyColumn) canonical(value []byte, binaryFormat, utf bool, buf []byte) ([]byte, error) {
	if c.form == FormAny {
		return nil, nil
	}
	if !binaryFormat && !c.kind.isNumber() && c.kind != FormUUID { // those have no escapes
		value = unescapeText(value)
	}
	switch c.kind {
	case FormText, FormEnum, FormBlank, FormCitext, FormCollation:
		return textForm(value, c.kind, c.form, utf), nil
	case FormUUID:
		if binaryFormat {
			return value, nil
		}
		return parseUUID(buf, value)
	case FormInteger, FormOID, FormNumeric, FormReal, FormDouble:
		n, err := parseNumber(value, c.kind, binaryFormat)
		if err != nil {
			return nil, err
		}
		return n.as(c.form, buf)
	}
	if binaryFormat {
		return binaryForm(value, c.kind, buf)
	}
	return writtenForm(value, c.kind, buf)
}

func textForm(value []byte, kind, form Form, utf bool) []byte {
	if kind == FormBlank || form == FormBlank {
		value = bytes.TrimRight(value, " ")
	}
	if form == FormCitext {
		return folded(value, utf)
	}
	return value
}

// folded is the same for texts that are equal in lower case, whatever the locale: a letter stands for all that are one
// without regard to case, and i for the four that Turkish has. In other encodings than UTF-8 the bytes above ASCII, and
// what may become one of them, are left out.
func folded(value []byte, utf bool) []byte {
	out := make([]byte, 0, len(value))
	if !utf {
		for _, b := range value {
			if b < utf8.RuneSelf && b != 'i' && b != 'I' {
				out = append(out, byte(unicode.ToLower(rune(b))))
			}
		}
		return out
	}
	for _, r := range string(value) {
		switch r {
		case 'I', 'ı', 'İ':
			r = 'i'
		case '\u0307': // which a dotted capital I becomes, behind an i
			continue
		}
		least := r
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			least = min(least, next)
		}
		out = utf8.AppendRune(out, least)
	}
	return out
}

// number is a number in one of three ways.
type number struct {
	integer int64
	text    string // with the least digits, where it is no integer of 64 bits
	float   float64
	floats  bool
}

func parseNumber(value []byte, kind Form, binaryFormat bool) (n number, err error) {
	switch {
	case !binaryFormat && (kind == FormInteger || kind == FormOID):
		n.integer, err = strconv.ParseInt(string(value), 10, 64)
		return n, err
	case kind == FormNumeric:
		text := string(value)
		if binaryFormat {
			if text, err = decimal(value); err != nil {
				return n, err
			}
		}
		return least(text), nil
	case kind == FormReal || kind == FormDouble:
		n.floats = true
		switch {
		case !binaryFormat && kind == FormReal:
			n.float, err = strconv.ParseFloat(string(value), 32)
		case !binaryFormat:
			n.float, err = strconv.ParseFloat(string(value), 64)
		case len(value) == 4:
			n.float = float64(math.Float32frombits(binary.BigEndian.Uint32(value)))
		case len(value) == 8:
			n.float = math.Float64frombits(binary.BigEndian.Uint64(value))
		default:
			err = errRow
		}
		return n, err
	}
	switch len(value) {
	case 2:
		n.integer = int64(int16(binary.BigEndian.Uint16(value)))
	case 4:
		n.integer = int64(int32(binary.BigEndian.Uint32(value)))
		if kind == FormOID {
			n.integer = int64(uint32(n.integer))
		}
	case 8:
		n.integer = int64(binary.BigEndian.Uint64(value))
	default:
		err = errRow
	}
	return n, err
}

// as returns the canonical form. All numbers that are integers have one in common.
func (n number) as(form Form, buf []byte) ([]byte, error) {
	switch form {
	case FormReal, FormDouble:
		if !n.floats {
			text := n.text
			if text == "" {
				text = strconv.FormatInt(n.integer, 10)
			}
			bits := 64
			if form == FormReal {
				bits = 32
			}
			n.float, _ = strconv.ParseFloat(text, bits) // out of range is infinity
		}
		switch {
		case n.float == 0: // there are two
			n.float = 0
		case math.IsNaN(n.float):
			n.float = math.NaN()
		}
		return binary.BigEndian.AppendUint64(buf, math.Float64bits(n.float)), nil
	case FormOID:
		return binary.BigEndian.AppendUint64(buf, uint64(uint32(n.integer))), nil
	}
	if n.floats {
		text := strconv.FormatFloat(n.float, 'f', -1, 64)
		n = least(strings.Replace(text, "Inf", "Infinity", 1))
	}
	if n.text != "" {
		return append(buf, n.text...), nil
	}
	return binary.BigEndian.AppendUint64(buf, uint64(n.integer)), nil
}

// least is a number, given as PostgreSQL prints numeric, without zeros that say nothing.
func least(text string) number {
	sign := ""
	if digits, negative := strings.CutPrefix(text, "-"); negative {
		sign, text = "-", digits
	}
	text = strings.TrimPrefix(text, "+")
	if text != "" && text[0] <= '9' {
		whole, part, _ := strings.Cut(text, ".")
		whole, part = strings.TrimLeft(whole, "0"), strings.TrimRight(part, "0")
		if whole == "" {
			whole = "0"
		}
		if text = whole; part != "" {
			text += "." + part
		} else if i, err := strconv.ParseInt(sign+text, 10, 64); err == nil {
			return number{integer: i}
		}
	}
	return number{text: sign + text}
}

// decimal is a numeric in text: int16 number of digits to the base 10,000, weight of the first, sign and scale, digits.
func decimal(b []byte) (string, error) {
	if len(b) < 8 || len(b) != 8+2*int(binary.BigEndian.Uint16(b)) {
		return "", errRow
	}
	weight, sign := int(int16(binary.BigEndian.Uint16(b[2:]))), binary.BigEndian.Uint16(b[4:])
	var s strings.Builder
	switch sign {
	case 0xC000:
		return "NaN", nil
	case 0xD000:
		return "Infinity", nil
	case 0xF000:
		return "-Infinity", nil
	case 0x4000:
		s.WriteByte('-')
	}
	digits := b[8:]
	group := func(at int) uint16 { // of the weight
		if i := 2 * (weight - at); i >= 0 && i < len(digits) {
			return binary.BigEndian.Uint16(digits[i:])
		}
		return 0
	}
	s.WriteByte('0')
	for at := weight; at >= 0; at-- {
		pad4(&s, group(at))
	}
	s.WriteByte('.')
	for at := -1; 2*(weight-at) < len(digits); at-- {
		pad4(&s, group(at))
	}
	return s.String(), nil
}

func pad4(s *strings.Builder, n uint16) {
	s.WriteString(strconv.Itoa(10000 + int(n)%10000)[1:])
}

// binaryForm is the form of a value that COPY wrote in binary.
func binaryForm(value []byte, kind Form, buf []byte) ([]byte, error) {
	switch kind {
	case FormDate:
		if len(value) != 4 {
			return nil, errRow
		}
		return dayForm(buf, int64(int32(binary.BigEndian.Uint32(value)))), nil
	case FormTimestamp, FormInstant, FormTime:
		if len(value) != 8 {
			return nil, errRow
		}
	case FormInet:
		if len(value) < 4 {
			return nil, errRow
		}
		return append(append(buf, value[1]), value[4:]...), nil
	case FormBit:
		if len(value) < 4 {
			return nil, errRow
		}
		n, bits := int(binary.BigEndian.Uint32(value)), value[4:]
		if n > 8*len(bits) {
			return nil, errRow
		}
		for i := range n {
			buf = append(buf, '0'+bits[i/8]>>(7-i%8)&1)
		}
		return buf, nil
	case FormBoolean:
		if len(value) != 1 {
			return nil, errRow
		}
		return append(buf, "ft"[value[0]&1]), nil
	case FormArray:
		if len(value) < 8 {
			return nil, errRow
		}
		return slices.Concat(value[:4], make([]byte, 4), value[8:]), nil // the flag of nulls says no more than they
	case FormNumrange:
		return span(value)
	case FormManyNums:
		if len(value) < 4 {
			return nil, errRow
		}
		buf = append(buf, '{')
		for value = value[4:]; len(value) > 0; {
			if len(value) < 4 || int64(binary.BigEndian.Uint32(value)) > int64(len(value)-4) {
				return nil, errRow
			}
			n := 4 + int(binary.BigEndian.Uint32(value))
			one, err := span(value[4:n])
			if err != nil {
				return nil, err
			}
			if len(buf) > 1 {
				buf = append(buf, ',')
			}
			buf, value = append(buf, one...), value[n:]
		}
		return append(buf, '}'), nil
	}
	return value, nil
}

// span is a range of numbers in text: flags, then each bound that there is, with its length.
func span(b []byte) ([]byte, error) {
	const empty, lowerIn, upperIn, lowerNone, upperNone = 1, 2, 4, 8, 16
	if len(b) < 1 {
		return nil, errRow
	}
	flags, b := b[0], b[1:]
	if flags&empty != 0 {
		return []byte("empty"), nil
	}
	out := []byte{"(["[flags&lowerIn/lowerIn]}
	for i, none := range []byte{lowerNone, upperNone} {
		if i > 0 {
			out = append(out, ',')
		}
		if flags&none != 0 {
			continue
		}
		if len(b) < 4 || int64(binary.BigEndian.Uint32(b)) > int64(len(b)-4) {
			return nil, errRow
		}
		n := 4 + int(binary.BigEndian.Uint32(b))
		text, err := decimal(b[4:n])
		if err != nil {
			return nil, err
		}
		out, b = append(out, least(text).String()...), b[n:]
	}
	return append(out, ")]"[flags&upperIn/upperIn]), nil
}

func (n number) String() string {
	if n.text != "" {
		return n.text
	}
	return strconv.FormatInt(n.integer, 10)
}

// writtenForm is the form of a value that COPY wrote in text, without escapes.
func writtenForm(value []byte, kind Form, buf []byte) ([]byte, error) {
	switch kind {
	case FormBytea:
		if digits, ok := bytes.CutPrefix(value, []byte(`\x`)); ok {
			return hex.AppendDecode(nil, digits)
		}
		return nil, errRow
	case FormDate:
		days, _, err := moment(string(value))
		return dayForm(buf, days), err
	case FormTimestamp, FormInstant:
		switch string(value) {
		case "infinity":
			return binary.BigEndian.AppendUint64(buf, math.MaxInt64), nil
		case "-infinity":
			return binary.BigEndian.AppendUint64(buf, 1<<63), nil
		}
		days, micros, err := moment(string(value))
		return binary.BigEndian.AppendUint64(buf, uint64(days*dayMicros+micros)), err
	case FormTime:
		micros, err := clock(string(value))
		return binary.BigEndian.AppendUint64(buf, uint64(micros)), err
	case FormInet:
		address, bits, masked := strings.Cut(string(value), "/")
		at, err := netip.ParseAddr(address)
		if err != nil {
			return nil, err
		}
		n := at.BitLen()
		if masked {
			if n, err = strconv.Atoi(bits); err != nil {
				return nil, err
			}
		}
		return append(append(buf, byte(n)), at.AsSlice()...), nil
	case FormNumrange, FormManyNums:
		for len(value) > 0 {
			end := bytes.IndexAny(value, "{}[](),")
			if end < 0 {
				end = len(value)
			}
			if text := string(value[:end]); text == "empty" {
				buf = append(buf, text...)
			} else if text != "" {
				buf = append(buf, least(text).String()...)
			}
			if value = value[end:]; len(value) > 0 {
				buf, value = append(buf, value[0]), value[1:]
			}
		}
		return buf, nil
	}
	return value, nil
}

const dayMicros = 24 * 3600 * 1_000_000

// dayForm is a day's, which is that of its first moment. Beyond what timestamps can be it wraps around: no matter.
func dayForm(buf []byte, days int64) []byte {
	switch days {
	case math.MaxInt32:
		days = math.MaxInt64
	case math.MinInt32:
		days = math.MinInt64
	default:
		days *= dayMicros
	}
	return binary.BigEndian.AppendUint64(buf, uint64(days))
}

// moment reads a day, and a time of it, as PostgreSQL prints them in ISO style and in UTC: days since 2000.
func moment(text string) (days, micros int64, err error) {
	switch text {
	case "infinity":
		return math.MaxInt32, 0, nil
	case "-infinity":
		return math.MinInt32, 0, nil
	}
	text, before := strings.CutSuffix(text, " BC")
	day, time, timed := strings.Cut(text, " ")
	var parts [3]int64
	fields := strings.Split(day, "-")
	if len(fields) != 3 {
		return 0, 0, errRow
	}
	for i, f := range fields {
		if parts[i], err = strconv.ParseInt(f, 10, 32); err != nil {
			return 0, 0, err
		}
	}
	if timed {
		if micros, err = clock(strings.TrimSuffix(time, "+00")); err != nil {
			return 0, 0, err
		}
	}
	year, month := parts[0], parts[1]
	if before {
		year = 1 - year
	}
	// Years begin in March here, so that a leap day is the last of its year (Hinnant, days_from_civil).
	if month <= 2 {
		year--
		month += 12
	}
	era := year / 400
	if year < 0 {
		era = (year - 399) / 400
	}
	of := year - era*400
	n := era*146097 + of*365 + of/4 - of/100 + (153*(month-3)+2)/5 + parts[2] - 1
	return n - 730425, micros, nil // from 0000-03-01 to 2000-01-01
}

// clock reads a time of day, in microseconds.
func clock(text string) (micros int64, err error) {
	whole, part, _ := strings.Cut(text, ".")
	fields := strings.Split(whole, ":")
	if len(fields) != 3 {
		return 0, errRow
	}
	for _, f := range append(fields, (part + "000000")[:6]) {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		if len(f) == 6 {
			micros = micros*1_000_000 + n
		} else {
			micros = micros*60 + n
		}
	}
	return micros, nil
}
