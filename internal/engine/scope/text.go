package scope

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/engine/repository"
)

// Reader turns rows of a recovery point into text without a database. One goroutine uses it.
type Reader struct{ types *pgtype.Map }

// NewReader returns a Reader.
func NewReader() *Reader { return &Reader{types: pgtype.NewMap()} }

// Values returns a row's values in the order of its columns, as PostgreSQL would print them, and nil for null. A
// value of a type that is not built in is its text, or its bytes in hex (\x…).
func (r *Reader) Values(t *repository.Table, row []byte) ([]*string, error) {
	if t.Format == repository.FormatText {
		return textValues(t, row)
	}
	if len(row) < 2 || int(binary.BigEndian.Uint16(row)) != len(t.Columns) {
		return nil, repository.ErrShortRow
	}
	row = row[2:]
	out := make([]*string, len(t.Columns))
	for i, c := range t.Columns {
		if len(row) < 4 {
			return nil, repository.ErrShortRow
		}
		n := int32(binary.BigEndian.Uint32(row))
		row = row[4:]
		if n < 0 {
			continue
		}
		if int(n) > len(row) {
			return nil, repository.ErrShortRow
		}
		s := r.text(c.Type, row[:n])
		out[i], row = &s, row[n:]
	}
	return out, nil
}

func textValues(t *repository.Table, row []byte) ([]*string, error) {
	fields := strings.Split(strings.TrimSuffix(string(row), "\n"), "\t")
	if len(fields) != len(t.Columns) {
		return nil, repository.ErrShortRow
	}
	out := make([]*string, len(fields))
	for i, f := range fields {
		if f != `\N` {
			s := string(platform.Unescape([]byte(f)))
			out[i] = &s
		}
	}
	return out, nil
}

func (r *Reader) text(name string, value []byte) string {
	switch base := platform.BaseType(name); base {
	case "json":
		return string(value)
	case "jsonb":
		if len(value) > 0 && value[0] == 1 { // the version of the binary form
			return string(value[1:])
		}
	case "bytea":
		return `\x` + hex.EncodeToString(value)
	default:
		oid := platform.BuiltinOID(base)
		if strings.HasSuffix(base, "multirange") { // the library prints their bounds in another way
			oid = 0
		}
		typ, known := r.types.TypeForOID(oid)
		if oid == 0 || !known {
			break // an enum's label, a domain over text
		}
		decoded, err := typ.Codec.DecodeValue(r.types, oid, pgtype.BinaryFormatCode, value)
		if err != nil {
			break
		}
		if s, done := r.printed(base, decoded); done {
			return s
		}
	}
	if utf8.Valid(value) && !strings.ContainsFunc(string(value),
		func(c rune) bool { return c < ' ' && c != '\n' && c != '\t' && c != '\r' }) {
		return string(value)
	}
	return `\x` + hex.EncodeToString(value)
}

// printed is a decoded value of a built-in type as PostgreSQL prints it, with ISO dates and in UTC.
func (r *Reader) printed(base string, decoded any) (text string, done bool) {
	switch v := decoded.(type) {
	case string:
		return v, true
	case pgtype.InfinityModifier:
		return v.String(), true
	case time.Time:
		return moment(base, v), true
	case pgtype.Time:
		return clock(v.Microseconds), true
	case pgtype.Interval:
		return interval(v), true
	case float64:
		return float(v, 64, 15), true
	case float32:
		return float(float64(v), 32, 6), true
	case pgtype.Range[any]:
		return r.span(base, v)
	}
	out, err := r.types.Encode(platform.BuiltinOID(base), pgtype.TextFormatCode, decoded, nil)
	return string(out), err == nil
}

// float prints what PostgreSQL's shortest-precise output does: digits is its DBL_DIG or FLT_DIG, from which on it
// writes exponents.
func float(v float64, bits, digits int) string {
	if math.IsInf(v, 0) {
		return map[bool]string{true: "-Infinity", false: "Infinity"}[v < 0]
	}
	scientific := strconv.FormatFloat(v, 'e', -1, bits)
	_, after, _ := strings.Cut(scientific, "e")
	if exponent, err := strconv.Atoi(after); err == nil && (exponent < -4 || exponent >= digits) {
		return scientific
	}
	return strconv.FormatFloat(v, 'f', -1, bits)
}

func moment(base string, at time.Time) string {
	era := ""
	if at.Year() < 1 { // there was no year 0: it is 1 BC
		at, era = at.AddDate(1-2*at.Year(), 0, 0), " BC"
	}
	layout := "2006-01-02"
	if base != "date" {
		layout = "2006-01-02 15:04:05.999999"
	}
	text := at.UTC().Format(layout)
	if base == "timestamp with time zone" || base == "tstzrange" {
		text += "+00"
	}
	return text + era
}

func clock(micros int64) string {
	sign := ""
	if micros < 0 {
		sign, micros = "-", -micros
	}
	const second = 1_000_000
	text := fmt.Sprintf("%s%02d:%02d:%02d", sign, micros/(3600*second), micros/(60*second)%60, micros/second%60)
	if part := micros % second; part != 0 {
		text += "." + strings.TrimRight(fmt.Sprintf("%06d", part), "0")
	}
	return text
}

func interval(v pgtype.Interval) string {
	var parts []string
	for _, p := range []struct {
		n    int32
		unit string
	}{{v.Months / 12, "year"}, {v.Months % 12, "mon"}, {v.Days, "day"}} {
		switch p.n {
		case 0:
		case 1:
			parts = append(parts, "1 "+p.unit)
		default:
			parts = append(parts, fmt.Sprintf("%d %ss", p.n, p.unit))
		}
	}
	if v.Microseconds != 0 || parts == nil {
		parts = append(parts, clock(v.Microseconds))
	}
	return strings.Join(parts, " ")
}

// span prints a range; bounds of dates and numbers need no quotes, moments have a blank and do.
func (r *Reader) span(base string, v pgtype.Range[any]) (text string, done bool) {
	if v.LowerType == pgtype.Empty {
		return "empty", true
	}
	element := map[string]string{"daterange": "date", "tsrange": "timestamp without time zone",
		"tstzrange": "timestamp with time zone",
		"numrange":  "numeric", "int4range": "integer", "int8range": "bigint"}[base]
	var b strings.Builder
	bound := func(kind pgtype.BoundType, value any) bool {
		if kind == pgtype.Unbounded {
			return true
		}
		s, done := r.printed(element, value)
		if strings.Contains(s, " ") {
			s = `"` + s + `"`
		}
		b.WriteString(s)
		return done
	}
	if v.LowerType == pgtype.Inclusive {
		b.WriteByte('[')
	} else {
		b.WriteByte('(')
	}
	lower := bound(v.LowerType, v.Lower)
	b.WriteByte(',')
	upper := bound(v.UpperType, v.Upper)
	if v.UpperType == pgtype.Inclusive {
		b.WriteByte(']')
	} else {
		b.WriteByte(')')
	}
	return b.String(), lower && upper
}
