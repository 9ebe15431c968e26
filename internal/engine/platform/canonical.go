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
