package repository

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// TestFilterFalsePositives measures what a key that is not in the chunk costs: a chunk read for nothing.
func TestFilterFalsePositives(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 7))
	for name, key := range map[string]func(n uint64) KeyHash{
		"sequential integers": func(n uint64) KeyHash { return HashKey(strconv.AppendUint(nil, n, 10)) },
		"two columns": func(n uint64) KeyHash {
			return HashKey(strconv.AppendUint(nil, n%40, 10), strconv.AppendUint(nil, n, 10))
		},
		"random":            func(uint64) KeyHash { return KeyHash(rng.Uint64()) },
		"unhashed counters": func(n uint64) KeyHash { return KeyHash(n) },
	} {
		for _, n := range []int{1, 2, 5, 20, 100, 1000, 50_000} {
			filters := max(1, 200/n) // small ones differ much from each other
			next, asked, wrong := uint64(0), 0, 0
			for range filters {
				keys := map[KeyHash]struct{}{}
				for len(keys) < n {
					keys[key(next)] = struct{}{}
					next++
				}
				f := NewFilter(keys)
				for range 40_000 / filters {
					asked++
					if f.MayHold(key(next)) {
						wrong++
					}
					next++
				}
			}
			rate := float64(wrong) / float64(asked)
			if rate >= 0.001 {
				t.Errorf("%s: %d keys, %.3f %% false positives; want less than 0.1", name, n, 100*rate)
			}
			t.Logf("%-20s %6d keys  %.3f %%", name, n, 100*rate)
		}
	}
}

func TestFilterEdges(t *testing.T) {
	t.Parallel()
	none := NewFilter(nil)
	for _, f := range []Filter{nil, {}, {8}} {
		if !f.MayHold(1) {
			t.Errorf("the empty filter %v must hold any key", []byte(f))
		}
	}
	for i := range 1000 {
		if none.MayHold(HashKey(fmt.Append(nil, i))) {
			t.Fatalf("the filter of no keys holds %d", i)
		}
	}
	if a, b := HashKey([]byte("ab"), []byte("c")), HashKey([]byte("a"), []byte("bc")); a == b {
		t.Error("keys with the same bytes in other columns have the same hash")
	}
}

func TestFilterHoldsItsKeys(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		keys := map[KeyHash]struct{}{}
		for _, k := range rapid.SliceOf(rapid.Uint64()).Draw(t, "keys") {
			keys[KeyHash(k)] = struct{}{}
		}
		f := NewFilter(keys)
		for k := range keys {
			if !f.MayHold(k) {
				t.Fatalf("key %x is missing", uint64(k))
			}
		}
	})
}

func FuzzFilter(f *testing.F) {
	f.Add([]byte{}, uint64(0))
	f.Add([]byte{8}, uint64(1))
	f.Add([]byte(NewFilter(map[KeyHash]struct{}{42: {}})), uint64(42))
	f.Add([]byte{255, 255, 255}, ^uint64(0))
	f.Fuzz(func(t *testing.T, b []byte, k uint64) {
		if len(b) < 2 && !Filter(b).MayHold(KeyHash(k)) {
			t.Error("a filter without bits must hold any key")
		}
		Filter(b).MayHold(KeyHash(k)) // any other answer is fine, a panic is not
	})
}
