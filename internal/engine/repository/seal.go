package repository

import (
	"cmp"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// ObjectKind says what a sealed object holds. The kind is authenticated, so that an object of one kind never opens as
// another.
type ObjectKind byte

// The kinds of sealed object.
const (
	ObjectChunk    ObjectKind = 1 // chunks/ab/abcdef…
	ObjectManifest ObjectKind = 2 // manifests/…
	ObjectChange   ObjectKind = 3 // changes/…
	ObjectUndo     ObjectKind = 4 // undo/…
	ObjectNote     ObjectKind = 5 // notes/…
	ObjectIndex    ObjectKind = 6 // indexes/ab/abcdef…
	ObjectErasure  ObjectKind = 7 // erasures/…
	ObjectRemoval  ObjectKind = 8 // removals/…
)

// objectKeys names, per kind, the derivation that the keys of its objects come from.
var objectKeys = map[ObjectKind]string{
	ObjectChunk: "chunks", ObjectManifest: "manifests", ObjectChange: "changes", ObjectUndo: "undo", ObjectNote: "notes",
	ObjectIndex: "indexes", ObjectErasure: "erasures",
}

// String returns the kind in words.
func (k ObjectKind) String() string {
	switch k {
	case ObjectChunk:
		return "chunk"
	case ObjectManifest:
		return "manifest"
	case ObjectChange:
		return "change segment"
	case ObjectUndo:
		return "undo object"
	case ObjectNote:
		return "note"
	case ObjectIndex:
		return "index page"
	case ObjectErasure:
		return "erasure"
	case ObjectRemoval:
		return "removal list"
	}
	return fmt.Sprintf("object of kind %d", byte(k))
}

// Why a sealed object does not open. Each comes wrapped in a keepsake.Error with CodeDamaged that names the
// object; a copy at another provider may be sound.
var (
	ErrTruncated      = errors.New("it is shorter than it was when it was sealed")
	ErrAuthentication = errors.New("it was changed, is another object under this name, or was sealed with another key")
	ErrWrongContent   = errors.New("it opens, but what is inside is not what its name promises")
)

// A sealed object is prefix, nonce, ciphertext, tag. The ciphertext hides a packing byte and the packed bytes.
const (
	magic      = "KEEP"
	prefixSize = 12 // magic, format, kind, epoch (uint16), size of the whole object (uint32), big-endian
	nonceSize  = 12
	tagSize    = 16
	// Overhead is the most bytes that a sealed object has more than its plaintext. One that a writer sealed may have 20
	// more.
	Overhead = prefixSize + nonceSize + 1 + tagSize

	// MaxOverhead is the Overhead of an object that a writer sealed.
	MaxOverhead = writtenOverhead
	// MaxChunkPlain is the largest size of a chunk before packing, in bytes.
	MaxChunkPlain = 16 << 20
	// MaxChunkSealed is the largest size of a sealed chunk, in bytes. A reader need not fetch more.
	MaxChunkSealed = MaxChunkPlain + writtenOverhead
	// MaxObjectPlain is the largest size of any other object before packing, in bytes.
	MaxObjectPlain = 1 << 30
)

// Seal appends the sealed chunk or index page to dst and returns the extended slice. dst must not overlap plain. r must
// be what Name returned for plain, which has at most MaxChunkPlain bytes. Every call gives other bytes, so seal a chunk
// once and send the same bytes to every provider.
func (k *Keyring) Seal(dst []byte, r *Ref, plain []byte, effort Effort) ([]byte, error) {
	kind := cmp.Or(r.Kind, ObjectChunk)
	if err := fits(kind, plain); err != nil {
		return nil, err
	}
	return k.seal(dst, kind, r.Turn, r.Key(), plain, effort)
}

// fits refuses contents that no reader takes.
func fits(kind ObjectKind, plain []byte) error {
	if len(plain) > MaxChunkPlain {
		return keepsake.Errorf(keepsake.CodeInternal, "The %s of %d bytes is too large; at most %d are allowed.",
			kind, len(plain), MaxChunkPlain)
	}
	return nil
}

// OpenPage does the same as OpenChunk for an index page.
func (k *Keyring) OpenPage(id ChunkID, sealed []byte, maxPlain int) ([]byte, error) {
	return k.openContent(nil, &Ref{Kind: ObjectIndex, ID: id}, sealed, maxPlain)
}

// OpenChunk appends the chunk's plaintext to dst and returns the extended slice. It first checks that nobody changed
// the object and that the plaintext has the id. It refuses a plaintext of more than maxPlain bytes before it takes
// memory for it. It does not change sealed.
func (k *Keyring) OpenChunk(dst []byte, id ChunkID, sealed []byte, maxPlain int) ([]byte, error) {
	return k.openContent(dst, &Ref{ID: id}, sealed, maxPlain)
}

func (k *Keyring) openContent(dst []byte, r *Ref, sealed []byte, maxPlain int) ([]byte, error) {
	kind, key := cmp.Or(r.Kind, ObjectChunk), r.Key()
	out, err := k.open(dst, kind, key, sealed, maxPlain)
	if err != nil || IsWritten(sealed) { // opening what a writer sealed has compared the id
		return out, err
	}
	id, err := k.k().contentID(sealerOf(sealed), kind, out[len(dst):])
	if err != nil {
		return nil, err
	}
	if id != r.ID {
		return nil, damaged(kind, key, ErrWrongContent)
	}
	return out, nil
}

// OpenRows does the same as OpenChunk and does not compute the id again, which costs as much as all the rest.
// Somebody with the key sealed what it returns under this id. It is for callers that compare the hashes of the rows
// in the end.
func (k *Keyring) OpenRows(dst []byte, id ChunkID, sealed []byte, maxPlain int) ([]byte, error) {
	return k.open(dst, ObjectChunk, id.Key(), sealed, maxPlain)
}

// SealObject seals plain as the object with this key, which must stay the object's name. Chunks and manifests have
// methods of their own.
func (k *Keyring) SealObject(kind ObjectKind, key string, plain []byte) ([]byte, error) {
	if len(plain) > MaxObjectPlain {
		return nil, keepsake.Errorf(keepsake.CodeUnsupported, "The %s %s would have %d bytes; at most %d are allowed.", kind,
			key, len(plain), MaxObjectPlain)
	}
	return k.seal(nil, kind, 0, key, plain, Thorough)
}

// OpenObject opens what SealObject sealed. It refuses a plaintext of more than maxPlain bytes.
func (k *Keyring) OpenObject(kind ObjectKind, key string, sealed []byte, maxPlain int) ([]byte, error) {
	return k.open(nil, kind, key, sealed, maxPlain)
}

// seal appends the sealed object to dst, which grows by no more than the object needs.
func (k *Keyring) seal(dst []byte, kind ObjectKind, turn Turn, key string, plain []byte, effort Effort) (
	[]byte, error) {
	w := takeWorkspace()
	defer w.release()
	if k.WritesOnly() && !writersSeal(kind) {
		return nil, ErrWritesOnly()
	}
	if k.WritesOnly() {
		sealed, err := k.k().sealWritten(kind, turn, key, w.pack(plain, effort))
		return append(dst, sealed...), err
	}
	e := k.k().epoch(k.k().current)
	if e == nil {
		return nil, errWiped()
	}
	gcm, err := e.cipher(kind, key)
	if err != nil {
		return nil, err
	}
	packed := w.pack(plain, effort)
	size := prefixSize + nonceSize + len(packed) + tagSize
	start := len(dst)
	dst = slices.Grow(dst, size)
	dst = append(dst, magic...)
	dst = append(dst, FormatVersion, byte(kind))
	dst = binary.BigEndian.AppendUint16(dst, sealer{k.k().current, turn}.bytes())
	dst = binary.BigEndian.AppendUint32(dst, uint32(size))
	prefix := dst[start:]
	dst = dst[:len(dst)+nonceSize]
	nonce := dst[len(dst)-nonceSize:]
	_, _ = rand.Read(nonce) // it never fails: without randomness the process ends
	return gcm.Seal(dst, nonce, packed, k.k().binding(prefix, key)), nil
}

// open checks the prefix, authenticates and unpacks.
func (k *Keyring) open(dst []byte, kind ObjectKind, key string, sealed []byte, maxPlain int) ([]byte, error) {
	if k.WritesOnly() {
		return nil, ErrWritesOnly()
	}
	if len(k.k().epochs) == 0 {
		return nil, errWiped()
	}
	if err := begins(kind, key, sealed); err != nil {
		return nil, err
	}
	w := takeWorkspace()
	defer w.release()
	packed, err := k.k().authenticate(w.room(len(sealed)), kind, key, sealed)
	if err != nil {
		return nil, err
	}
	out, err := w.unpack(dst, packed, maxPlain)
	if err != nil {
		return nil, damaged(kind, key, fmt.Errorf("%w: %w", ErrWrongContent, err))
	}
	return out, nil
}

// begins returns why an object does not begin like a sealed one of its kind.
func begins(kind ObjectKind, key string, sealed []byte) error {
	if len(sealed) < Overhead {
		return damaged(kind, key, fmt.Errorf("it has %d bytes, fewer than any sealed object: %w",
			len(sealed), ErrTruncated))
	}
	if string(sealed[:4]) != magic || sealed[4] != FormatVersion || sealed[5] != byte(kind) {
		return damaged(kind, key, fmt.Errorf("it does not begin like a sealed %s: %w", kind, ErrAuthentication))
	}
	if size := binary.BigEndian.Uint32(sealed[8:]); uint64(size) > uint64(len(sealed)) {
		return damaged(kind, key, fmt.Errorf("%d of %d bytes are there: %w", len(sealed), size, ErrTruncated))
	}
	return nil
}

// authenticate returns what is encrypted, in room. Opening what a writer sealed also compares the id of a chunk.
func (k *keys) authenticate(room []byte, kind ObjectKind, key string, sealed []byte) ([]byte, error) {
	by := sealerOf(sealed)
	if by.turn != 0 && !named(kind) {
		return nil, damaged(kind, key, fmt.Errorf("it names a turn, which no %s has: %w", kind, ErrAuthentication))
	}
	if by.epoch == writerEpoch {
		if !writersSeal(kind) { // notes say who may sign in, and what retention keeps
			return nil, damaged(kind, key, fmt.Errorf("it says that a writer sealed it, who seals no %s: %w",
				kind, ErrAuthentication))
		}
		return k.openWritten(room, kind, key, sealed)
	}
	e := k.epoch(by.epoch)
	if e == nil {
		return nil, damaged(kind, key, fmt.Errorf("it names an epoch that the repository's header does not have: %w",
			ErrAuthentication))
	}
	gcm, err := e.cipher(kind, key)
	if err != nil {
		return nil, err
	}
	nonce := sealed[prefixSize : prefixSize+nonceSize]
	packed, err := gcm.Open(room, nonce, sealed[prefixSize+nonceSize:], k.binding(sealed[:prefixSize], key))
	if err != nil { // the size is among the authenticated bytes, so an object with bytes behind it ends here too
		return nil, damaged(kind, key, ErrAuthentication)
	}
	return packed, nil
}

// cipher returns AES-256-GCM under the object's own key.
func (e *epochKeys) cipher(kind ObjectKind, key string) (cipher.AEAD, error) {
	secret := e.objects[kind]
	if secret == nil {
		return nil, keepsake.Errorf(keepsake.CodeInternal, "Keepsake seals no %s.", kind)
	}
	own, err := hkdf.Expand(sha256.New, secret, "keepsake 1 object "+key, keySize)
	if err != nil {
		return nil, fmt.Errorf("derive the key of %s: %w", key, err)
	}
	return newGCM(own)
}

// binding is the additional data: repository id, prefix and name.
func (k *keys) binding(prefix []byte, key string) []byte {
	b := make([]byte, 0, repositorySize+prefixSize+len(key))
	b = append(b, k.repository[:]...)
	b = append(b, prefix...)
	return append(b, key...)
}

// damaged names the object and why it does not open. Chunks are named by their id.
func damaged(kind ObjectKind, key string, err error) error {
	name := key[strings.LastIndexByte(key, '/')+1:]
	return keepsake.Errorf(keepsake.CodeDamaged, "The %s %s is damaged: %w.", kind, name, err)
}
