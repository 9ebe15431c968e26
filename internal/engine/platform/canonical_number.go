package platform

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
)

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

func (n number) String() string {
	if n.text != "" {
		return n.text
	}
	return strconv.FormatInt(n.integer, 10)
}
