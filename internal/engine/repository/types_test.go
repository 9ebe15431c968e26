package repository

import (
	"encoding"
	"testing"

	"pgregory.net/rapid"
)

func TestRowHashIsASetSum(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOf(rapid.SliceOf(rapid.Byte())).Draw(t, "rows")
		shuffled := rapid.Permutation(rows).Draw(t, "shuffled")
		cut := rapid.IntRange(0, len(rows)).Draw(t, "cut")
		var one, other, left, right RowHash
		for _, r := range rows {
			one.Add(r)
		}
		for i, r := range shuffled {
			other.Add(r)
			if i < cut {
				left.Add(r)
			} else {
				right.Add(r)
			}
		}
		left.AddHash(right)
		if one != other || one != left {
			t.Fatalf("order or grouping matters: %s %s %s", one, other, left)
		}
		if len(rows) > 0 {
			if one.Add(rows[0]); one == other {
				t.Fatal("a row more leaves the hash as it was")
			}
		}
	})
}

func TestRowHashCarries(t *testing.T) {
	t.Parallel()
	h := RowHash{Hi: ^uint64(0), Lo: ^uint64(0)}
	if h.AddHash(RowHash{Lo: 1}); h != (RowHash{}) {
		t.Errorf("2^128 - 1 + 1 is %s", h)
	}
}

func TestTextRoundTrips(t *testing.T) {
	t.Parallel()
	type text interface {
		encoding.TextMarshaler
		encoding.TextUnmarshaler
	}
	again := func(t *rapid.T, from, to text, digits int) {
		b, err := from.MarshalText()
		if err != nil || len(b) != digits {
			t.Fatalf("%q has %d digits, want %d: %v", b, len(b), digits, err)
		}
		if err := to.UnmarshalText(b); err != nil {
			t.Fatal(err)
		}
		for _, bad := range [][]byte{nil, b[1:], append(b[:len(b):len(b)], '0'), append([]byte("g"), b[1:]...)} {
			if err := to.UnmarshalText(bad); err == nil {
				t.Fatalf("%q was read", bad)
			}
		}
		if err := to.UnmarshalText(b); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "raw")
		id, sum := ChunkID(raw), Sum(raw)
		var id2 ChunkID
		var sum2 Sum
		again(t, &id, &id2, 64)
		again(t, &sum, &sum2, 64)
		h := RowHash{rapid.Uint64().Draw(t, "hi"), rapid.Uint64().Draw(t, "lo")}
		var h2 RowHash
		again(t, &h, &h2, 32)
		if id != id2 || sum != sum2 || h != h2 {
			t.Fatal("other values came back")
		}
		if key := id.Key(); key != "chunks/"+id.String()[:2]+"/"+id.String() {
			t.Fatal(key)
		}
	})
}
