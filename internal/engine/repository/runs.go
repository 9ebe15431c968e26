package repository

import (
	"encoding/binary"
	"errors"
)

// Runs is a set of numbers that are mostly neighbours, such as the places of a table's rows. Its bytes are pairs of
// unsigned varints: how many numbers are left out before a run of neighbours, and the length of that run, which is
// not 0.
type Runs []byte

var errRuns = errors.New("a set of numbers is cut short or not in order")

// Each calls fn with the first number and the length of every run, in order.
func (r Runs) Each(fn func(from, n uint64)) error {
	const most = 1 << 48 // keeps sums far from overflowing
	var next uint64
	for len(r) > 0 {
		gap, i := binary.Uvarint(r)
		if i <= 0 || gap > most {
			return errRuns
		}
		n, j := binary.Uvarint(r[i:])
		if j <= 0 || n == 0 || n > most || next > most {
			return errRuns
		}
		fn(next+gap, n)
		next, r = next+gap+n, r[i+j:]
	}
	return nil
}

// Count returns how many numbers there are and the number after the last one. Of the empty set both are 0.
func (r Runs) Count() (n, end uint64, err error) {
	err = r.Each(func(from, length uint64) { n, end = n+length, from+length })
	return n, end, err
}

// RunWriter makes Runs. The zero value is empty.
type RunWriter struct {
	out     Runs
	next    uint64 // after the last run that was written
	from, n uint64 // the run that grows
}

// Add adds a number. It must be larger than the one before. Otherwise Add adds nothing and returns false.
func (w *RunWriter) Add(number uint64) bool {
	switch {
	case w.n == 0 && number >= w.next:
		w.from, w.n = number, 1
	case w.n > 0 && number == w.from+w.n:
		w.n++
	case w.n > 0 && number > w.from+w.n:
		w.close()
		w.from, w.n = number, 1
	default:
		return false
	}
	return true
}

func (w *RunWriter) close() {
	if w.n > 0 {
		w.out = binary.AppendUvarint(w.out, w.from-w.next)
		w.out = binary.AppendUvarint(w.out, w.n)
		w.next, w.n = w.from+w.n, 0
	}
}

// Take returns the set and empties the writer.
func (w *RunWriter) Take() Runs {
	w.close()
	out := w.out
	*w = RunWriter{}
	return out
}
