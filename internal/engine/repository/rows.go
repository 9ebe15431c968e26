package repository

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrShortRow means that a plaintext ends inside a row.
var ErrShortRow = errors.New("it ends inside a row")

// NextRow takes one row off the front of a chunk's plaintext (PostgreSQL, COPY, file formats).
func NextRow(b []byte, format string) (row, rest []byte, err error) {
	if format == FormatText {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			return nil, nil, ErrShortRow
		}
		return b[:i+1], b[i+1:], nil
	}
	if len(b) < 2 {
		return nil, nil, ErrShortRow
	}
	n := 2
	for range binary.BigEndian.Uint16(b) {
		if len(b) < n+4 {
			return nil, nil, ErrShortRow
		}
		size := int32(binary.BigEndian.Uint32(b[n:]))
		n += 4
		if size > 0 {
			n += int(size)
		}
		if n > len(b) {
			return nil, nil, ErrShortRow
		}
	}
	return b[:n], b[n:], nil
}

// EachDropped calls fn for every row of the plaintext whose number is in dropped. It returns the plaintext without
// these rows, in the same memory and in the same order.
func EachDropped(plain []byte, format string, dropped Runs, fn func(row []byte)) ([]byte, error) {
	if len(dropped) == 0 {
		return plain, nil
	}
	rest, kept := plain, plain[:0]
	number := uint64(0)
	var failed error
	skip := func(n uint64, each func(row []byte)) {
		for range n {
			if failed != nil {
				return
			}
			row, after, err := NextRow(rest, format)
			if err != nil {
				failed = err
				return
			}
			each(row)
			rest, number = after, number+1
		}
	}
	err := dropped.Each(func(from, n uint64) {
		if from < number {
			failed = errRuns
			return
		}
		start := rest
		skip(from-number, func([]byte) {})
		kept = append(kept, start[:len(start)-len(rest)]...)
		skip(n, fn)
	})
	if err := errors.Join(err, failed); err != nil {
		return nil, fmt.Errorf("leave out rows: %w", err)
	}
	return append(kept, rest...), nil
}

// Kept returns the rows of the chunk that belong to the recovery point. It uses the memory of the chunk's plaintext,
// which it is given.
func (c *Chunk) Kept(plain []byte, format string) ([]byte, error) {
	return EachDropped(plain, format, c.Dropped, func([]byte) {})
}

// Subtract takes the rows whose hash is o out of the sum.
func (h *RowHash) Subtract(o RowHash) {
	lo := h.Lo - o.Lo
	h.Hi -= o.Hi
	if lo > h.Lo {
		h.Hi--
	}
	h.Lo = lo
}
