package platform

import (
	"bytes"
	"encoding/hex"
)

// Unescape undoes COPY TEXT's backslash escapes of one field.
func Unescape(b []byte) []byte { return unescapeText(b) }

// unescapeText undoes COPY TEXT's backslash escapes (PostgreSQL, COPY, "Text Format").
func unescapeText(b []byte) []byte {
	if bytes.IndexByte(b, '\\') < 0 {
		return b
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' || i+1 == len(b) {
			out = append(out, b[i])
			continue
		}
		i++
		switch b[i] {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'v':
			out = append(out, '\v')
		default:
			out = append(out, b[i])
		}
	}
	return out
}

// parseUUID appends the sixteen bytes of a UUID in its text form.
func parseUUID(dst, text []byte) ([]byte, error) {
	if len(text) != 36 {
		return nil, errRow
	}
	var digits [32]byte
	n := 0
	for i, c := range text {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			continue
		}
		digits[n] = c
		n++
	}
	return hex.AppendDecode(dst, digits[:])
}
