package storage

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
)

// readBounded reads all of r. size is what the store announced, or not above 0 when it announced nothing.
func readBounded(r io.Reader, key string, size, limit int64) ([]byte, error) {
	if size > limit {
		return nil, tooLarge(key, limit)
	}
	var buf bytes.Buffer
	if size > 0 {
		buf.Grow(int(size) + bytes.MinRead)
	}
	n, err := buf.ReadFrom(io.LimitReader(r, min(limit, math.MaxInt64-1)+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", key, err)
	case n > limit:
		return nil, tooLarge(key, limit)
	}
	return buf.Bytes(), nil
}

// equal reads r and compares it with body, holding little of it in memory.
func equal(r io.Reader, body []byte) (bool, error) {
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		if n > len(body) || !bytes.Equal(buf[:n], body[:n]) {
			return false, nil
		}
		body = body[n:]
		if errors.Is(err, io.EOF) {
			return len(body) == 0, nil
		}
		if err != nil {
			return false, err
		}
	}
}
