package repository

import (
	"encoding/binary"
	"math"

	"github.com/zeebo/xxh3"
)

// Filter is a Bloom filter of the keys in a chunk: three bits in a thousand keys that are not there seem to be. The first
// byte is the number of probes, the rest the bits, least significant first. An empty Filter may hold any key.
type Filter []byte

const filterBitsPerKey = 12

// KeyHash is the hash of one key, as filters store it: XXH3-64 over each column's text form with its length before it
// (four bytes, big-endian).
type KeyHash uint64

// HashKey returns the hash of a key given the text form of each of its columns.
func HashKey(columns ...[]byte) KeyHash {
	var buf [64]byte
	b := buf[:0]
	for _, c := range columns {
		b = binary.BigEndian.AppendUint32(b, uint32(len(c)))
		b = append(b, c...)
	}
	return KeyHash(xxh3.Hash(b))
}

// NewFilter builds the filter of the given keys, which may repeat. No keys at all gives a filter that holds none.
func NewFilter(keys map[KeyHash]struct{}) Filter {
	bits := max(8, len(keys)*filterBitsPerKey)
	probes := int(math.Round(filterBitsPerKey * math.Ln2))
	f := make(Filter, 1+(bits+7)/8)
	f[0] = byte(probes)
	m := uint64(len(f)-1) * 8
	for k := range keys {
		for i := range uint64(probes) {
			bit := probe(k, i) % m
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
	m := uint64(len(f)-1) * 8
	for i := range uint64(f[0]) {
		bit := probe(k, i) % m
		if f[1+bit/8]&(1<<(bit%8)) == 0 {
			return false
		}
	}
	return true
}

// probe derives the i-th bit position by double hashing with an odd second hash.
func probe(k KeyHash, i uint64) uint64 {
	second := uint64(k)*0x9E3779B97F4A7C15 | 1
	return uint64(k) + i*(second>>17|1) + i*i
}
