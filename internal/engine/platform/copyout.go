package platform

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// readBuffer is both the read-ahead from the socket and the longest row that is handed over in one piece.
const readBuffer = 256 << 10

// maxMessage is PostgreSQL's own limit of a protocol message (PQ_LARGE_MESSAGE_LIMIT, 1 GiB).
const maxMessage = 1 << 30

// RowFunc receives rows as COPY TO wrote them. A row of up to 256 KiB comes in one piece, with begin and end both
// set. A longer row comes in several pieces, so that memory never holds a whole one. The function may change the
// bytes, which are valid until it returns.
type RowFunc func(piece []byte, begin, end bool) error

// Reader runs COPY … TO STDOUT on a connection of its own. It speaks the few messages of the copy-out protocol itself
// (PostgreSQL, Frontend/Backend Protocol, "COPY Operations"), because a library that builds one message for each row
// costs more than the server does. One goroutine uses a Reader. After an error it can only be closed.
type Reader struct {
	conn net.Conn
	buf  *bufio.Reader
}

// NewReader takes over conn, which must be idle and may be inside a transaction. Close of the Reader closes conn.
func NewReader(ctx context.Context, conn *pgx.Conn) (*Reader, error) {
	// After a write that took long, pgconn reads in the background: it would take bytes of our answers.
	if err := conn.PgConn().SyncConn(ctx); err != nil {
		_ = conn.Close(context.WithoutCancel(ctx))
		return nil, fmt.Errorf("take over connection: %w", err)
	}
	raw, err := conn.PgConn().Hijack()
	if err != nil {
		_ = conn.Close(context.WithoutCancel(ctx))
		return nil, fmt.Errorf("take over connection: %w", err)
	}
	return &Reader{conn: raw.Conn, buf: bufio.NewReaderSize(raw.Conn, readBuffer)}, nil
}

// Close ends the session, and with it its transaction.
func (r *Reader) Close() error {
	_ = r.conn.SetDeadline(time.Now().Add(time.Second))
	_, _ = r.conn.Write([]byte{'X', 0, 0, 0, 4})
	return r.conn.Close()
}

// CopyOut runs one COPY … TO STDOUT statement and calls fn for its rows. binaryFormat says which format the statement
// asks for. fn does not get the header and the trailer of the binary format. CopyOut returns the number of bytes in
// rows.
func (r *Reader) CopyOut(ctx context.Context, sql string, binaryFormat bool, fn RowFunc) (int64, error) {
	stop := context.AfterFunc(ctx, func() { _ = r.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	query := make([]byte, 0, len(sql)+6)
	query = append(query, 'Q')
	query = binary.BigEndian.AppendUint32(query, uint32(len(sql)+5))
	query = append(append(query, sql...), 0)
	n, err := int64(0), error(nil)
	if _, err = r.conn.Write(query); err == nil {
		n, err = r.messages(binaryFormat, fn)
	}
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return n, err
}

// messages reads the server's answer up to and including ReadyForQuery.
func (r *Reader) messages(binaryFormat bool, fn RowFunc) (int64, error) {
	var total int64
	var failed error
	header := binaryFormat
	for {
		kind, size, err := r.next()
		if err != nil {
			return total, fmt.Errorf("read from the platform: %w", err)
		}
		switch kind {
		case 'd':
			if header {
				if size, err = r.skipHeader(size); err != nil {
					return total, err
				}
				header = false
			}
			n, err := r.row(size, binaryFormat, fn)
			total += n
			if err != nil {
				return total, err
			}
		case 'E':
			body, err := r.body(size)
			if err != nil {
				return total, err
			}
			failed = parseError(body)
		case 'Z':
			_, err := r.buf.Discard(size)
			return total, errors.Join(failed, err)
		default: // CopyOutResponse, CopyDone, CommandComplete, notices, parameter changes
			if _, err := r.buf.Discard(size); err != nil {
				return total, err
			}
		}
	}
}

// next reads a message's type and the length of its body.
func (r *Reader) next() (byte, int, error) {
	head, err := r.buf.Peek(5)
	if err != nil {
		return 0, 0, err
	}
	kind, size := head[0], int64(binary.BigEndian.Uint32(head[1:]))-4
	if size < 0 || size > maxMessage {
		return 0, 0, fmt.Errorf("message of %d bytes", size)
	}
	_, err = r.buf.Discard(5)
	return kind, int(size), err
}

var binarySignature = []byte("PGCOPY\n\377\r\n\000")

// skipHeader drops the binary format's header, which stands before the first row in the same message.
func (r *Reader) skipHeader(size int) (int, error) {
	const fixed = 19 // signature, flags, length of the extension
	head, err := r.buf.Peek(min(size, fixed))
	if err != nil {
		return 0, err
	}
	if len(head) < fixed || !bytes.HasPrefix(head, binarySignature) {
		return 0, errors.New("the server did not send a binary COPY header")
	}
	n := fixed + int(binary.BigEndian.Uint32(head[15:]))
	if n > size {
		return 0, errors.New("the server sent a binary COPY header that is too long")
	}
	_, err = r.buf.Discard(n)
	return size - n, err
}

// row hands one CopyData message over. The server always sends exactly one row in each.
func (r *Reader) row(size int, binaryFormat bool, fn RowFunc) (int64, error) {
	if size == 0 {
		return 0, nil
	}
	if size <= readBuffer {
		b, err := r.buf.Peek(size)
		if err != nil {
			return 0, err
		}
		if binaryFormat && size == 2 && b[0] == 0xff && b[1] == 0xff { // trailer
			_, err = r.buf.Discard(size)
			return 0, err
		}
		if err := fn(b, true, true); err != nil {
			return 0, err
		}
		_, err = r.buf.Discard(size)
		return int64(size), err
	}
	for left := size; left > 0; {
		b, err := r.buf.Peek(min(left, readBuffer))
		if err != nil {
			return 0, err
		}
		if err := fn(b, left == size, left == len(b)); err != nil {
			return 0, err
		}
		left -= len(b)
		if _, err := r.buf.Discard(len(b)); err != nil {
			return 0, err
		}
	}
	return int64(size), nil
}

func (r *Reader) body(size int) ([]byte, error) {
	b := make([]byte, min(size, readBuffer))
	if _, err := io.ReadFull(r.buf, b); err != nil {
		return nil, err
	}
	_, err := r.buf.Discard(size - len(b))
	return b, err
}

// parseError reads an ErrorResponse: fields of a type byte and a zero-terminated string.
func parseError(body []byte) error {
	e := &pgconn.PgError{}
	for len(body) > 1 {
		kind := body[0]
		value, rest, _ := bytes.Cut(body[1:], []byte{0})
		switch kind {
		case 'V':
			e.Severity = string(value)
		case 'C':
			e.Code = string(value)
		case 'M':
			e.Message = string(value)
		case 'D':
			e.Detail = string(value)
		case 'H':
			e.Hint = string(value)
		}
		body = rest
	}
	return e
}
