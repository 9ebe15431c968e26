package platform

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strconv"

	"github.com/wedsync/keepsake/internal/engine/repository"
)

var errRow = errors.New("the server sent a row that is not in COPY format")

// binaryPrefix is the length of a binary row's field count, ctid and xmin: int16, then int32 length and 6 bytes, then
// int32 length and 4 bytes.
const binaryPrefix = 2 + 4 + 6 + 4 + 4

// SplitTuple takes (ctid, xmin) off the front of a row that CopyRows or CopyTuples produced. tuple identifies the
// version of the row, block is its heap page, and row is what a COPY of the columns alone would have written.
// SplitTuple changes a binary row in place.
func SplitTuple(piece []byte, binaryFormat bool) (tuple [10]byte, block uint32, row []byte, err error) {
	if !binaryFormat {
		return splitText(piece)
	}
	if len(piece) < binaryPrefix || binary.BigEndian.Uint32(piece[2:]) != 6 || binary.BigEndian.Uint32(piece[12:]) != 4 {
		return tuple, 0, nil, errRow
	}
	copy(tuple[:6], piece[6:12])
	copy(tuple[6:], piece[16:20])
	fields := binary.BigEndian.Uint16(piece) - 2
	row = piece[binaryPrefix-2:]
	binary.BigEndian.PutUint16(row, fields)
	return tuple, binary.BigEndian.Uint32(tuple[:4]), row, nil
}

// splitText reads "(block,offset)\txmin\t…".
func splitText(piece []byte) (tuple [10]byte, block uint32, row []byte, err error) {
	ctid, rest, ok := bytes.Cut(piece, []byte{'\t'})
	xmin, row, ok2 := bytes.Cut(rest, []byte{'\t'})
	page, offset, ok3 := bytes.Cut(bytes.Trim(ctid, "()"), []byte{','})
	if !ok || !ok2 || !ok3 {
		return tuple, 0, nil, errRow
	}
	b, err1 := strconv.ParseUint(string(page), 10, 32)
	o, err2 := strconv.ParseUint(string(offset), 10, 16)
	x, err3 := strconv.ParseUint(string(xmin), 10, 32)
	if err := errors.Join(err1, err2, err3); err != nil {
		return tuple, 0, nil, err
	}
	binary.BigEndian.PutUint32(tuple[:], uint32(b))
	binary.BigEndian.PutUint16(tuple[4:], uint16(o))
	binary.BigEndian.PutUint32(tuple[6:], uint32(x))
	return tuple, uint32(b), row, nil
}

// KeyReader finds the values of filter keys in rows. One goroutine uses it.
type KeyReader struct {
	binary bool
	keys   [][]keyColumn
	last   int // the highest field any key needs
	fields [][]byte
	null   []bool
	parts  [][]byte
	forms  [][16]byte
}

type keyColumn struct {
	field int
	kind  keyKind
}

type keyKind byte

const (
	keyInteger keyKind = iota
	keyUUID
	keyText
)

// keyKinds are the types whose values have one canonical form in both COPY formats: integers as eight bytes,
// big-endian; UUIDs as sixteen; text as its bytes.
var keyKinds = map[uint32]keyKind{20: keyInteger, 21: keyInteger, 23: keyInteger, 2950: keyUUID, 25: keyText,
	1043: keyText}

// NewKeyReader returns a reader for those of the given keys that it can read, and these keys. It leaves out a key
// with a column of another type, or with a column that is not stored. Any chunk may then hold values of that key.
func (r Relation) NewKeyReader(keys [][]string) (*KeyReader, [][]string) {
	kr := &KeyReader{binary: r.Format == repository.FormatBinary, last: -1}
	var kept [][]string
next:
	for _, columns := range keys {
		var key []keyColumn
		for _, name := range columns {
			i := slices.IndexFunc(r.Columns, func(c Column) bool { return c.Name == name })
			if i < 0 {
				continue next
			}
			kind, ok := keyKinds[r.Columns[i].TypeOID]
			if !ok {
				continue next
			}
			key = append(key, keyColumn{i, kind})
		}
		for _, c := range key {
			kr.last = max(kr.last, c.field)
		}
		kr.keys, kept = append(kr.keys, key), append(kept, columns)
	}
	kr.fields, kr.null = make([][]byte, kr.last+1), make([]bool, kr.last+1)
	kr.forms = make([][16]byte, 32) // INDEX_MAX_KEYS
	return kr, kept
}

// Keys calls fn with the index and hash of every key of the row whose columns are all not null. row must be whole.
func (k *KeyReader) Keys(row []byte, fn func(key int, h repository.KeyHash)) error {
	if len(k.keys) == 0 {
		return nil
	}
	var err error
	if k.binary {
		err = k.splitBinary(row)
	} else {
		err = k.splitText(row)
	}
	if err != nil {
		return err
	}
next:
	for i, key := range k.keys {
		k.parts = k.parts[:0]
		for j, c := range key {
			if k.null[c.field] {
				continue next
			}
			form, err := k.canonical(c, j)
			if err != nil {
				return err
			}
			k.parts = append(k.parts, form)
		}
		fn(i, repository.HashKey(k.parts...))
	}
	return nil
}

func (k *KeyReader) splitBinary(row []byte) error {
	if len(row) < 2 || int(binary.BigEndian.Uint16(row)) <= k.last {
		return errRow
	}
	row = row[2:]
	for i := range k.fields {
		if len(row) < 4 {
			return errRow
		}
		n := int32(binary.BigEndian.Uint32(row))
		row = row[4:]
		if k.null[i] = n < 0; n < 0 {
			continue
		}
		if int(n) > len(row) {
			return errRow
		}
		k.fields[i], row = row[:n], row[n:]
	}
	return nil
}

func (k *KeyReader) splitText(row []byte) error {
	row = bytes.TrimSuffix(row, []byte{'\n'})
	for i := range k.fields {
		field, rest, more := bytes.Cut(row, []byte{'\t'})
		if !more && i < k.last {
			return errRow
		}
		k.null[i] = string(field) == `\N`
		k.fields[i], row = field, rest
	}
	return nil
}

// canonical returns the form of a value that is the same in both formats. j is its place in the key.
func (k *KeyReader) canonical(c keyColumn, j int) ([]byte, error) {
	value, buf := k.fields[c.field], k.forms[j%len(k.forms)][:]
	switch {
	case c.kind == keyText && k.binary, c.kind == keyUUID && k.binary:
		return value, nil
	case c.kind == keyText:
		return unescapeText(value), nil
	case c.kind == keyUUID:
		return parseUUID(buf[:0], value)
	case k.binary:
		var n int64
		switch len(value) {
		case 2:
			n = int64(int16(binary.BigEndian.Uint16(value)))
		case 4:
			n = int64(int32(binary.BigEndian.Uint32(value)))
		case 8:
			n = int64(binary.BigEndian.Uint64(value))
		default:
			return nil, errRow
		}
		return binary.BigEndian.AppendUint64(buf[:0], uint64(n)), nil
	default:
		n, err := strconv.ParseInt(string(value), 10, 64)
		return binary.BigEndian.AppendUint64(buf[:0], uint64(n)), err
	}
}
