package repository

import (
	"encoding/binary"
	"slices"

	"github.com/zeebo/xxh3"
)

// KeyHash is the hash of one key: XXH3-64 over the canonical form of each column, with its length before it (four
// bytes, big-endian). Runs store its first bits.
type KeyHash uint64

// HashKey returns the hash of a key. Its arguments are the canonical forms of the key's columns: an integer of any
// width as eight bytes, big-endian; a UUID as sixteen bytes; text as its bytes in the database's encoding.
func HashKey(columns ...[]byte) KeyHash {
	var buf [64]byte
	b := buf[:0]
	for _, c := range columns {
		b = binary.BigEndian.AppendUint32(b, uint32(len(c)))
		b = append(b, c...)
	}
	return KeyHash(xxh3.Hash(b))
}

// keyBits is how many bits of a key's hash are kept at most.
const keyBits = 40

// KeySet holds the keys of one chunk for one list of columns, with four bytes for each.
type KeySet struct {
	Open   bool // a key could not be read: the chunk may hold any
	n      int
	deltas []byte // of the sorted hashes' first keyBits bits, as varints
}

// NewKeySet sorts the hashes, and keeps of each what runs need. A hash may come several times.
func NewKeySet(hashes []KeyHash) KeySet {
	slices.Sort(hashes)
	var s KeySet
	last := uint64(0)
	for i, h := range hashes {
		v := uint64(h) >> (64 - keyBits)
		if i > 0 && v == last {
			continue
		}
		s.deltas = binary.AppendUvarint(s.deltas, v-last)
		s.n, last = s.n+1, v
	}
	s.deltas = slices.Clip(s.deltas)
	return s
}

// keyCursor goes through a set's keys.
type keyCursor struct {
	rest  []byte
	value uint64
}

func (c *keyCursor) next() (prefix uint64, ok bool) {
	delta, n := binary.Uvarint(c.rest)
	if n <= 0 {
		return 0, false
	}
	c.rest, c.value = c.rest[n:], c.value+delta
	return c.value, true
}
