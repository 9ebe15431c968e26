package platform

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/wedsync/keepsake/internal/engine/repository"
)

// relation has one column of each kind that keys are read from.
func relation(format string) Relation {
	return Relation{Schema: "public", Name: "t", Format: format, Columns: []Column{
		{Name: "id", TypeOID: 20}, {Name: "wedding", TypeOID: 2950}, {Name: "name", TypeOID: 25},
		{Name: "small", TypeOID: 21}}}
}

// binaryRow is a row as COPY writes it in binary; a nil field is null.
func binaryRow(fields ...[]byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(len(fields)))
	for _, f := range fields {
		if f == nil {
			b = append(b, 0xff, 0xff, 0xff, 0xff)
			continue
		}
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(f))), f...)
	}
	return b
}

var uuid = []byte{0xf8, 0x1d, 0x4f, 0xae, 0x7d, 0xec, 0x11, 0xd0, 0xa7, 0x65, 0x00, 0xa0, 0xc9, 0x1e, 0x6b, 0xf6}

// TestKeysAreTheSameInBothFormats: a chunk in text must answer for the same keys as one in binary.
func TestKeysAreTheSameInBothFormats(t *testing.T) {
	t.Parallel()
	keys := [][]string{{"id"}, {"wedding", "id"}, {"name"}, {"small"}}
	read := func(format string, row []byte) map[int]repository.KeyHash {
		kr, kept := relation(format).NewKeyReader(keys)
		if len(kept) != len(keys) {
			t.Fatalf("%v are read of %v", kept, keys)
		}
		found := map[int]repository.KeyHash{}
		if err := kr.Keys(row, func(i int, h repository.KeyHash) { found[i] = h }); err != nil {
			t.Fatal(err)
		}
		return found
	}
	minus := binary.BigEndian.AppendUint64(nil, ^uint64(6))
	for name, rows := range map[string][2][]byte{
		"plain": {binaryRow(minus, uuid, []byte("a\tb\\c\nd"), []byte{0, 9}),
			[]byte("-7\tf81d4fae-7dec-11d0-a765-00a0c91e6bf6\ta\\tb\\\\c\\nd\t9\n")},
		"nulls":      {binaryRow(minus, nil, nil, []byte{0xff, 0xff}), []byte("-7\t\\N\t\\N\t-1\n")},
		"empty text": {binaryRow(minus, uuid, []byte{}, nil), []byte("-7\tf81d4fae-7dec-11d0-a765-00a0c91e6bf6\t\t\\N\n")},
	} {
		b, txt := read(repository.FormatBinary, rows[0]), read(repository.FormatText, rows[1])
		if len(b) == 0 || len(b) != len(txt) {
			t.Errorf("%s: %v in binary, %v in text", name, b, txt)
		}
		for i, h := range b {
			if txt[i] != h {
				t.Errorf("%s: key %v differs", name, keys[i])
			}
		}
	}
}

// FuzzRows: whatever a server sends, reading it neither panics nor reads beyond the row,
// and what is split off is the row.
func FuzzRows(f *testing.F) {
	ctid := []byte{0, 0, 0, 7, 0, 3}
	f.Add(binaryRow(ctid, make([]byte, 8), uuid, []byte("Ada"), nil), true)
	f.Add([]byte("(7,3)\t1\tf81d4fae-7dec-11d0-a765-00a0c91e6bf6\tAda \\\\ Ben\\x41\\101\t\\N\n"), false)
	f.Add([]byte("(7,3)\n"), false)
	f.Fuzz(func(t *testing.T, piece []byte, binaryFormat bool) {
		format := repository.FormatText
		if binaryFormat {
			format = repository.FormatBinary
		}
		whole := bytes.Clone(piece)
		place, row, err := SplitPlace(piece, binaryFormat)
		if err != nil {
			return
		}
		if !binaryFormat && !bytes.HasSuffix(whole, row) {
			t.Errorf("the row %q is no end of %q", row, whole)
		}
		if binaryFormat && (place.Block != binary.BigEndian.Uint32(whole[6:]) ||
			binary.BigEndian.Uint16(row) != binary.BigEndian.Uint16(whole)-1) {
			t.Errorf("place %v, row %x of %x", place, row, whole)
		}
		kr, _ := relation(format).NewKeyReader([][]string{{"id"}, {"wedding", "name"}, {"small"}})
		_ = kr.Keys(row, func(int, repository.KeyHash) {})
	})
}

// FuzzAnswers: whatever a server says of a page range, reading it does not panic, and the places are whole.
func FuzzAnswers(f *testing.F) {
	number := []byte{0, 0, 0, 3}
	f.Add(binaryRow(number, make([]byte, 8), make([]byte, 8)))
	f.Add(binaryRow(number, []byte{0, 0, 0, 7, 0, 3, 0, 0, 0, 8, 0, 1}, nil))
	f.Add(binaryRow(number, nil, []byte{0, 0, 0, 7, 0}))
	f.Fuzz(func(t *testing.T, row []byte) {
		if i, tuples, young, err := SplitCount(row); err == nil && (i != int(binary.BigEndian.Uint32(row[6:])) ||
			uint64(tuples) != binary.BigEndian.Uint64(row[14:]) || uint64(young) != binary.BigEndian.Uint64(row[26:])) {
			t.Errorf("%d tuples in range %d, %d young: %x", tuples, i, young, row)
		}
		_, all, young, err := SplitPlaces(row)
		if err != nil {
			return
		}
		for _, places := range []Places{all, young} {
			for i := range places.Len() {
				if p := places.At(i); p.Block != binary.BigEndian.Uint32(places[6*i:]) {
					t.Errorf("place %d is %v: %x", i, p, row)
				}
			}
		}
		if want := len(row) - 2 - 3*4 - 4; 6*(all.Len()+young.Len()) > want {
			t.Errorf("%d and %d places in %d bytes", all.Len(), young.Len(), want)
		}
	})
}

func FuzzUnescape(f *testing.F) {
	for _, s := range []string{`a\tb`, `\N`, `\\`, `\x4`, `\x`, `\7`, `\777`, `trailing\`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if out := unescapeText(b); len(out) > len(b) {
			t.Errorf("%q became longer: %q", b, out)
		}
	})
}
