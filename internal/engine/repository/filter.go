package repository

import (
	"encoding/binary"
	"math/bits"

	"github.com/zeebo/xxh3"
)

// Filter is a Bloom filter of the keys in a chunk: of ten thousand keys that are not there, about five seem to be. The first
// byte is the number of probes, the rest the bits, least significant first. An empty Filter may hold any key.
type Filter []byte

const (
	filterBitsPerKey = 16
	filterProbes     = 11 // 16 ln 2, rounded
	filterMinBits    = 64 // fewer would make the few keys of a small chunk look alike
)

// KeyHash is the hash of one key, as filters store it: XXH3-64 over each column's canonical form with its length before it
// (four bytes, big-endian).
type KeyHash uint64

// HashKey returns the hash of a key given the canonical form of each of its columns: an integer of any width as eight bytes,
// big-endian; a UUID as sixteen; text as its bytes in the database's encoding.
func HashKey(columns ...[]byte) KeyHash {
	var buf [64]byte
	b := buf[:0]
	for _, c := range columns {
		b = binary.BigEndian.AppendUint32(b, uint32(len(c)))
		b = append(b, c...)
	}
	return KeyHash(xxh3.Hash(b))
}

// NewFilter builds the filter of the given keys. No keys at all gives a filter that holds none.
func NewFilter(keys map[KeyHash]struct{}) Filter {
	return newFilter(keys, filterBitsPerKey, filterProbes)
}

func newFilter(keys map[KeyHash]struct{}, bitsPerKey int, probes byte) Filter {
	f := make(Filter, 1+(max(filterMinBits, len(keys)*bitsPerKey)+7)/8)
	f[0] = probes
	for k := range keys {
		for i := range uint64(probes) {
			bit := f.probe(k, i)
			f[1+bit/8] |= 1 << (bit % 8)
		}
	}
	return f
}

// MayHold reports whether the chunk can hold the key; false is certain.
func (f Filter) MayHold(k KeyHash) bool {
	if len(f) < 2 {
		return true
	}
	for i := range uint64(f[0]) {
		bit := f.probe(k, i)
		if f[1+bit/8]&(1<<(bit%8)) == 0 {
			return false
		}
	}
	return true
}

// probe returns the i-th bit position of a key: the i-th output of the SplitMix64 generator seeded with it, scaled to the
// number of bits by the high half of a 128-bit product.
func (f Filter) probe(k KeyHash, i uint64) uint64 {
	z := uint64(k) + (i+1)*0x9E3779B97F4A7C15
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	bit, _ := bits.Mul64(z^z>>31, uint64(len(f)-1)*8)
	return bit
}
