// Package repository is Keepsake's format, version 1. It turns rows into sealed objects and finds them again.
// FORMAT.md in this directory is the specification, and its test vectors hold this code to it. Every later version
// can read a repository that a released version wrote. The package does no input or output: storage moves its bytes.
package repository

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/zeebo/xxh3"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// KeySource is what a person can open a repository with. Each part that is set may fit one of the key slots. A
// writer's key counts only where it stands alone.
type KeySource struct {
	Key        keepsake.Secret // base64 of the 32 bytes in the key file
	Passphrase keepsake.Secret
	Recovery   keepsake.Secret // AGE-SECRET-KEY-1…, the offline recovery key
	Writer     keepsake.Secret // as Keyring.WriterKey returns it: it seals and opens nothing
}

// WritesOnly reports whether there is a writer's key and nothing that opens the repository.
func (s KeySource) WritesOnly() bool {
	return s.Writer != "" && s.Key == "" && s.Passphrase == "" && s.Recovery == ""
}

// ChunkID names a chunk by its plaintext, or by its packed bytes where a writer sealed it. It is an HMAC-SHA256 under
// a key of the repository.
type ChunkID [32]byte

// String returns the id in lower-case hexadecimal.
func (id ChunkID) String() string { return hex.EncodeToString(id[:]) }

// Key returns the name of the chunk's object.
func (id ChunkID) Key() string { s := id.String(); return "chunks/" + s[:2] + "/" + s }

// MarshalText writes hexadecimal.
func (id ChunkID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (id *ChunkID) UnmarshalText(b []byte) error { return unhex(id[:], b) }

// pageKey returns the name of an index page's object.
func pageKey(id ChunkID) string { s := id.String(); return "indexes/" + s[:2] + "/" + s }

// Ref names one stored object, a chunk or an index page, by its content.
type Ref struct {
	Kind   ObjectKind `json:"-"` // ObjectIndex, or zero for a chunk
	ID     ChunkID    `json:"id"`
	Size   int64      `json:"size"`            // bytes of the sealed object
	SHA256 Sum        `json:"sha256,omitzero"` // of the sealed object; zero where a reference to an index page was read
	Plain  int64      `json:"plain"`           // bytes before compression
	Turn   Turn       `json:"-"`               // which of its content's names it is; only where Name has just returned it
}

// Key returns the name of the object.
func (r *Ref) Key() string {
	if r.Kind == ObjectIndex {
		return pageKey(r.ID)
	}
	return r.ID.Key()
}

// Open returns the plaintext of a chunk or an index page in dst. It refuses more bytes than the reference says.
func (k *Keyring) Open(dst []byte, r *Ref, sealed []byte) (plain []byte, err error) {
	if r.Kind == ObjectIndex {
		dst = nil
	}
	plain, err = k.openContent(dst, r, sealed, int(r.Plain))
	if err == nil && int64(len(plain)) != r.Plain {
		return nil, damaged(cmp.Or(r.Kind, ObjectChunk), r.Key(),
			fmt.Errorf("it holds %d bytes instead of %d: %w", len(plain), r.Plain, ErrWrongContent))
	}
	return plain, err
}

// Sum is a SHA-256.
type Sum [32]byte

// String returns the sum in lower-case hexadecimal.
func (s Sum) String() string { return hex.EncodeToString(s[:]) }

// MarshalText writes hexadecimal.
func (s Sum) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *Sum) UnmarshalText(b []byte) error { return unhex(s[:], b) }

// RowHash is a hash of a set of rows that does not depend on their order: the sum modulo 2^128 of the XXH3-128 of
// each row's COPY bytes. It proves that a database holds the rows that were sent to it. It is no defence against
// forgery; the sealed manifest is.
type RowHash struct{ Hi, Lo uint64 }

// Add adds one row, given as its COPY bytes without the framing of the wire protocol.
func (h *RowHash) Add(row []byte) { u := xxh3.Hash128(row); h.AddHash(RowHash{u.Hi, u.Lo}) }

// AddHash adds the rows whose hash is o.
func (h *RowHash) AddHash(o RowHash) {
	lo := h.Lo + o.Lo
	h.Hi += o.Hi
	if lo < h.Lo {
		h.Hi++
	}
	h.Lo = lo
}

// String returns 32 hexadecimal digits.
func (h RowHash) String() string { return fmt.Sprintf("%016x%016x", h.Hi, h.Lo) }

// MarshalText writes hexadecimal.
func (h RowHash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (h *RowHash) UnmarshalText(b []byte) error {
	var raw [16]byte
	if err := unhex(raw[:], b); err != nil {
		return err
	}
	for i := range 8 {
		h.Hi = h.Hi<<8 | uint64(raw[i])
		h.Lo = h.Lo<<8 | uint64(raw[8+i])
	}
	return nil
}

func unhex(dst, src []byte) error {
	if len(src) != 2*len(dst) {
		return fmt.Errorf("want %d hexadecimal digits, have %d", 2*len(dst), len(src))
	}
	if _, err := hex.Decode(dst, src); err != nil {
		return errors.New("not all of it are hexadecimal digits")
	}
	return nil
}
