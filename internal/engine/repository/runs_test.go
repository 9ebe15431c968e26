package repository

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func numbers(t interface{ Fatal(...any) }, r Runs) (out []uint64) {
	err := r.Each(func(from, n uint64) {
		for k := from; k < from+n && len(out) < 1<<20; k++ {
			out = append(out, k)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRunsHoldWhatWasAdded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		set := rapid.SliceOfDistinct(rapid.Uint64Range(0, 1<<40), rapid.ID[uint64]).Draw(rt, "set")
		set = append(set, rapid.SliceOf(rapid.Uint64Range(0, 100)).Draw(rt, "neighbours")...)
		slices.Sort(set)
		set = slices.Compact(set)
		var w RunWriter
		for _, n := range set {
			if !w.Add(n) || w.Add(n) {
				rt.Fatalf("%d is refused once or taken twice", n)
			}
		}
		r := w.Take()
		if got := numbers(rt, r); !slices.Equal(got, set) {
			rt.Fatalf("%v, not %v", got, set)
		}
		n, end, err := r.Count()
		if err != nil || n != uint64(len(set)) || len(set) > 0 && end != set[len(set)-1]+1 {
			rt.Fatalf("%d up to %d, %v", n, end, err)
		}
	})
}

func FuzzRuns(f *testing.F) {
	f.Add([]byte{0, 1, 5, 2})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		last := uint64(0)
		_ = Runs(data).Each(func(from, n uint64) {
			if n == 0 || from < last || from+n < from {
				t.Errorf("a run of %d from %d after %d", n, from, last)
			}
			last = from + n
		})
	})
}

// Rows are left out of a plaintext wherever they stand;
// a plaintext that does not hold them is an error and nothing worse.
func TestDroppedRowsAreLeftOut(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		format := rapid.SampledFrom([]string{FormatText, FormatBinary}).Draw(rt, "format")
		var plain, want []byte
		var w RunWriter
		var left [][]byte
		for i := range rapid.IntRange(0, 40).Draw(rt, "rows") {
			row := append(rapid.SliceOfN(rapid.ByteRange('a', 'z'), 0, 9).Draw(rt, "row"), '\n')
			if format == FormatBinary {
				row = append(binary.BigEndian.AppendUint32([]byte{0, 2, 0xff, 0xff, 0xff, 0xff}, uint32(len(row))), row...)
			}
			plain = append(plain, row...)
			if rapid.Bool().Draw(rt, "dropped") {
				w.Add(uint64(i))
				left = append(left, row)
			} else {
				want = append(want, row...)
			}
		}
		dropped := w.Take()
		var seen [][]byte
		got, err := EachDropped(bytes.Clone(plain), format, dropped,
			func(row []byte) { seen = append(seen, bytes.Clone(row)) })
		if err != nil || !bytes.Equal(got, want) || !slices.EqualFunc(seen, left, bytes.Equal) {
			rt.Fatalf("%q without %v: %q, not %q; %q, %v", plain, dropped, got, want, seen, err)
		}
		if len(dropped) > 0 && len(plain) > 0 {
			if _, err := EachDropped(bytes.Clone(plain[:0]), format, dropped, func([]byte) {}); err == nil {
				rt.Fatal("rows were dropped from nothing")
			}
		}
	})
}

func TestHashesSubtract(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		a := RowHash{rapid.Uint64().Draw(rt, "hi"), rapid.Uint64().Draw(rt, "lo")}
		b := RowHash{rapid.Uint64().Draw(rt, "hi"), rapid.Uint64().Draw(rt, "lo")}
		sum := a
		sum.AddHash(b)
		sum.Subtract(b)
		if sum != a {
			rt.Fatalf("%s + %s - %s = %s", a, b, b, sum)
		}
	})
}
