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

// binaryPrefix is the length of a binary row's field count and ctid: int16, then int32 length and 6 bytes.
const binaryPrefix = 2 + 4 + placeSize

// placeSize is the length of a tuple's place as PostgreSQL sends it: uint32 and uint16.
const placeSize = 6

func placeOf(b []byte) TID {
	return TID{Block: binary.BigEndian.Uint32(b), Offset: binary.BigEndian.Uint16(b[4:])}
}

// SplitPlace takes the tuple's place off the front of a row that CopyRows or CopyPlaces produced; row is what a COPY of
// the columns alone would have written. A binary row is changed in place.
func SplitPlace(piece []byte, binaryFormat bool) (place TID, row []byte, err error) {
	if !binaryFormat {
		return splitText(piece)
	}
	if len(piece) < binaryPrefix || binary.BigEndian.Uint32(piece[2:]) != placeSize {
		return place, nil, errRow
	}
	place = placeOf(piece[6:])
	fields := binary.BigEndian.Uint16(piece) - 1
	row = piece[binaryPrefix-2:]
	binary.BigEndian.PutUint16(row, fields)
	return place, row, nil
}

// splitText reads "(block,offset)\t…".
func splitText(piece []byte) (place TID, row []byte, err error) {
	ctid, row, ok := bytes.Cut(piece, []byte{'\t'})
	if !ok { // a table without columns
		if ctid, ok = bytes.CutSuffix(piece, []byte{'\n'}); !ok {
			return place, nil, errRow
		}
		row = piece[len(ctid):]
	}
	page, offset, ok := bytes.Cut(bytes.Trim(ctid, "()"), []byte{','})
	if !ok {
		return place, nil, errRow
	}
	b, err1 := strconv.ParseUint(string(page), 10, 32)
	o, err2 := strconv.ParseUint(string(offset), 10, 16)
	if err := errors.Join(err1, err2); err != nil {
		return place, nil, err
	}
	return TID{Block: uint32(b), Offset: uint16(o)}, row, nil
}

// SplitCount reads a row that CountTuples produced.
func SplitCount(row []byte) (index int, tuples, young int64, err error) {
	fields, err := splitFields(row, 3)
	if err != nil || len(fields[0]) != 4 || len(fields[1]) != 8 || len(fields[2]) != 8 {
		return 0, 0, 0, errRow
	}
	return int(binary.BigEndian.Uint32(fields[0])), int64(binary.BigEndian.Uint64(fields[1])),
		int64(binary.BigEndian.Uint64(fields[2])), nil
}

// Places are places of tuples, one after the other as PostgreSQL sends them.
type Places []byte

// Len is how many they are.
func (p Places) Len() int { return len(p) / placeSize }

// At returns one of them.
func (p Places) At(i int) TID { return placeOf(p[i*placeSize:]) }

// SplitPlaces reads a row that ListTuples produced. The places lie in the row's memory.
func SplitPlaces(row []byte) (index int, all, young Places, err error) {
	fields, err := splitFields(row, 3)
	if err != nil || len(fields[0]) != 4 || len(fields[1])%placeSize != 0 || len(fields[2])%placeSize != 0 {
		return 0, nil, nil, errRow
	}
	return int(binary.BigEndian.Uint32(fields[0])), fields[1], fields[2], nil
}

// splitFields reads a binary row of so many fields; one that is null is nil.
func splitFields(row []byte, n int) ([][]byte, error) {
	if len(row) < 2 || int(binary.BigEndian.Uint16(row)) != n {
		return nil, errRow
	}
	fields := make([][]byte, n)
	row = row[2:]
	for i := range fields {
		if len(row) < 4 {
			return nil, errRow
		}
		size := int64(int32(binary.BigEndian.Uint32(row)))
		if row = row[4:]; size > int64(len(row)) {
			return nil, errRow
		}
		if size > 0 {
			fields[i], row = row[:size], row[size:]
		}
	}
	return fields, nil
}

// KeyReader finds the values of keys in rows. One goroutine uses it.
type KeyReader struct {
	binary bool
	utf    bool // texts are UTF-8
	keys   [][]keyColumn
	last   int // the highest field any key needs
	fields [][]byte
	null   []bool
	parts  [][]byte
	forms  [][16]byte
}

type keyColumn struct {
	field int
	kind  Form // how its values are read
	form  Form // as which they are hashed
}

// NewKeyReader returns a reader for those of the given keys that an index is made of, and these keys. It leaves out a
// key with a column of another type, or with a column that is not stored. Any chunk may then hold values of that key.
func (r Relation) NewKeyReader(keys [][]string) (*KeyReader, [][]string) {
	var kept [][]string
	var forms [][]Form
next:
	for _, columns := range keys {
		own := make([]Form, len(columns))
		for i, name := range columns {
			own[i] = r.Form(name)
			if !own[i].indexed() {
				continue next
			}
		}
		kept, forms = append(kept, columns), append(forms, own)
	}
	return r.NewFormReader(kept, forms), kept
}

// NewFormReader returns a reader for the given keys, whose values are hashed in these forms. Every column is stored.
func (r Relation) NewFormReader(keys [][]string, forms [][]Form) *KeyReader {
	kr := &KeyReader{binary: r.Format == repository.FormatBinary, last: -1,
		utf: r.Encoding == "" || r.Encoding == "UTF8"}
	for n, columns := range keys {
		var key []keyColumn
		for j, name := range columns {
			i := slices.IndexFunc(r.Columns, func(c Column) bool { return c.Name == name })
			key = append(key, keyColumn{i, r.Columns[i].form(), forms[n][j]})
			kr.last = max(kr.last, i)
		}
		kr.keys = append(kr.keys, key)
	}
	kr.fields, kr.null = make([][]byte, kr.last+1), make([]bool, kr.last+1)
	kr.forms = make([][16]byte, 32) // INDEX_MAX_KEYS
	return kr
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
			form, err := c.canonical(k.fields[c.field], k.binary, k.utf, k.forms[j%len(k.forms)][:0])
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
