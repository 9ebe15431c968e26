package repository

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// copyBinary returns about size bytes of rows as binary COPY writes them:
// ids, times, amounts, words, JSON, a little bytea.
func copyBinary(size int) []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	words := []string{"Hochzeit", "venue", "flowers", "catering", "photographer", "confirmed", "pending", "The Old Mill",
		"Smith", "Nguyen", "O'Brien", "table 12", "vegetarian"}
	var b []byte
	field := func(v []byte) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(v)))
		b = append(b, v...)
	}
	random := func(n int) []byte {
		v := make([]byte, n)
		for i := range v {
			v[i] = byte(rng.Uint32())
		}
		return v
	}
	for id := uint64(1); len(b) < size; id++ {
		b = binary.BigEndian.AppendUint16(b, 9)
		field(binary.BigEndian.AppendUint64(nil, id))
		field(random(16)) // uuid
		field(binary.BigEndian.AppendUint64(nil, 800_000_000_000_000+id*61_000_000+rng.Uint64N(1e6)))
		field(binary.BigEndian.AppendUint32(nil, rng.Uint32N(2000)))
		field([]byte(words[rng.IntN(len(words))] + " " + words[rng.IntN(len(words))]))
		field(fmt.Appendf(nil, "%s%d@example.com", words[rng.IntN(len(words))], rng.IntN(100000)))
		b = binary.BigEndian.AppendUint32(b, 0xFFFFFFFF)
		field(fmt.Appendf([]byte{1}, `{"status": %q, "guests": %d, "notes": %q}`, words[rng.IntN(len(words))], rng.IntN(300),
			words[rng.IntN(len(words))]+", "+words[rng.IntN(len(words))]))
		field(random(rng.IntN(40)))
	}
	return b[:size]
}

var benchSizes = []struct {
	name string
	size int
}{{"1MiB", 1 << 20}, {"8MiB", 8 << 20}}

func benchKeyring(b *testing.B) *Keyring {
	_, k, err := Create(CreateOptions{Key: NewKeyFile()})
	if err != nil {
		b.Fatal(err)
	}
	return k
}

// BenchmarkZstd is what SealChunk is measured against: compression alone.
func BenchmarkZstd(b *testing.B) {
	for _, s := range benchSizes {
		b.Run(s.name, func(b *testing.B) {
			plain := copyBinary(s.size)
			enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
				zstd.WithEncoderCRC(false), zstd.WithWindowSize(zstdWindow))
			if err != nil {
				b.Fatal(err)
			}
			var dst []byte
			b.SetBytes(int64(len(plain)))
			b.ReportAllocs()
			for b.Loop() {
				dst = enc.EncodeAll(plain, dst[:0])
			}
			b.ReportMetric(float64(len(dst))/float64(len(plain)), "ratio")
		})
	}
}

func BenchmarkSealChunk(b *testing.B) {
	for _, s := range benchSizes {
		b.Run(s.name, func(b *testing.B) {
			k, plain := benchKeyring(b), copyBinary(s.size)
			id := k.ChunkID(plain)
			var dst []byte
			var err error
			b.SetBytes(int64(len(plain)))
			b.ReportAllocs()
			for b.Loop() {
				if dst, err = k.SealChunk(dst[:0], id, plain, Thorough); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOpenChunk(b *testing.B) {
	for _, s := range benchSizes {
		b.Run(s.name, func(b *testing.B) {
			k, plain := benchKeyring(b), copyBinary(s.size)
			id := k.ChunkID(plain)
			sealed, err := k.SealChunk(nil, id, plain, Thorough)
			if err != nil {
				b.Fatal(err)
			}
			var dst []byte
			b.SetBytes(int64(len(plain)))
			b.ReportAllocs()
			for b.Loop() {
				if dst, err = k.OpenChunk(dst[:0], id, sealed, MaxChunkPlain); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkChunkID(b *testing.B) {
	for _, s := range benchSizes {
		b.Run(s.name, func(b *testing.B) {
			k, plain := benchKeyring(b), copyBinary(s.size)
			b.SetBytes(int64(len(plain)))
			b.ReportAllocs()
			for b.Loop() {
				k.ChunkID(plain)
			}
		})
	}
}

func BenchmarkRowHash(b *testing.B) {
	row := copyBinary(300)
	b.SetBytes(int64(len(row)))
	b.ReportAllocs()
	var h RowHash
	for b.Loop() {
		h.Add(row)
	}
}

// BenchmarkRun makes a run of a hundred chunks.
func BenchmarkRun(b *testing.B) {
	s := newPageStore(b)
	var sets []KeySet
	for chunk := range uint64(100) {
		hashes := make([]KeyHash, 10_000)
		for i := range hashes {
			hashes[i] = HashKey(fmt.Append(nil, chunk, i))
		}
		sets = append(sets, NewKeySet(hashes))
	}
	b.ReportAllocs()
	for b.Loop() {
		builder := NewRunBuilder(1)
		for i := range sets {
			builder.Add(ChunkID{byte(i)}, sets[i:i+1])
		}
		if _, err := builder.Run(b.Context(), s.store); err != nil {
			b.Fatal(err)
		}
	}
}
