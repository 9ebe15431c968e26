package repository

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestKeysOfOtherColumnsDiffer(t *testing.T) {
	t.Parallel()
	if a, b := HashKey([]byte("ab"), []byte("c")), HashKey([]byte("a"), []byte("bc")); a == b {
		t.Error("keys with the same bytes in other columns have the same hash")
	}
}

func TestKeySetHoldsItsKeysOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var hashes []KeyHash
		var want []uint64
		for _, k := range rapid.SliceOf(rapid.Uint64()).Draw(t, "keys") {
			hashes = append(hashes, KeyHash(k), KeyHash(k))
			want = append(want, k>>(64-keyBits))
		}
		slices.Sort(want)
		want = slices.Compact(want)
		s := NewKeySet(hashes)
		c := keyCursor{rest: s.deltas}
		for i := range want {
			if got, ok := c.next(); !ok || got != want[i] {
				t.Fatalf("key %d is %x, %v, not %x", i, got, ok, want[i])
			}
		}
		if _, ok := c.next(); ok || s.n != len(want) {
			t.Fatalf("%d keys, not %d", s.n, len(want))
		}
	})
}
