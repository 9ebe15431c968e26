package repository

import (
	"bytes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// A writer's key lets a machine take backups that it cannot read: it seals to the repository's X25519 public key. Equal
// contents give equal objects, so that what is stored is not stored again although a writer can open none of it.

const (
	writerPrefix = "KEEPSAKE-WRITER-1-"
	writerEpoch  = 0  // stands in the prefix of what a writer sealed
	publicSize   = 32 // of an X25519 public key
	checkSize    = 4  // of the check bytes behind a writer's key
	// writtenOverhead is Overhead of an object that a writer sealed: its own public key stands in the nonce's place.
	writtenOverhead = prefixSize + publicSize + 1 + tagSize
	writerKeySize   = repositorySize + publicSize + keySize
)

// IsWriterKey reports whether the contents of a key file are a writer's key.
func IsWriterKey(key keepsake.Secret) bool {
	return strings.HasPrefix(strings.TrimSpace(key.Reveal()), writerPrefix)
}

// writerKeys are what a writer has, and whoever opens what it sealed.
type writerKeys struct {
	secret    []byte           // shared by all writers of the repository: without it nobody seals
	chunkIDs  []byte           // the key of chunk ids
	pageIDs   []byte           // and of index pages' ids
	ephemeral []byte           // of the key pair of each object
	objects   []byte           // salt of each object's own key
	public    *ecdh.PublicKey  // of the repository
	private   *ecdh.PrivateKey // nil in a writer's keyring
}

func newWriterKeys(secret []byte, public *ecdh.PublicKey, private *ecdh.PrivateKey) (*writerKeys, error) {
	w := &writerKeys{secret: bytes.Clone(secret), public: public, private: private}
	for purpose, key := range map[string]*[]byte{
		"chunk ids": &w.chunkIDs, "index ids": &w.pageIDs, "key pairs": &w.ephemeral, "objects": &w.objects,
	} {
		var err error
		if *key, err = w.derive(purpose); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// derive is HKDF-Expand-SHA256 of the writers' secret.
func (w *writerKeys) derive(purpose string) ([]byte, error) {
	key, err := hkdf.Expand(sha256.New, w.secret, "keepsake 1 writer "+purpose, keySize)
	if err != nil {
		return nil, fmt.Errorf("derive the writers' key for %s: %w", purpose, err)
	}
	return key, nil
}

// deriveWriter is for whoever has the root key.
func (k *keys) deriveWriter() (*writerKeys, error) {
	scalar, err := k.derive("reader", 0)
	if err != nil {
		return nil, err
	}
	defer clear(scalar)
	private, err := ecdh.X25519().NewPrivateKey(scalar)
	if err != nil {
		return nil, fmt.Errorf("make the repository's key pair: %w", err)
	}
	secret, err := k.derive("writers", 0)
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	return newWriterKeys(secret, private.PublicKey(), private)
}

// WriterKey returns the key of writers. With it a machine can take backups and can read none.
func (k *Keyring) WriterKey() (keepsake.Secret, error) {
	w := k.k().writer
	if w == nil {
		return "", errWiped()
	}
	b := slices.Concat(k.k().repository[:], w.public.Bytes(), w.secret)
	sum := sha256.Sum256(b)
	return keepsake.Secret(writerPrefix + base64.RawURLEncoding.EncodeToString(append(b, sum[:checkSize]...))), nil
}

// writerKeyring reads what WriterKey wrote. A key with a wrong character would seal what nobody can open, so it carries
// check bytes.
func writerKeyring(key keepsake.Secret, repository [repositorySize]byte) (*Keyring, error) {
	text := strings.TrimPrefix(strings.Join(strings.Fields(key.Reveal()), ""), writerPrefix)
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) != writerKeySize+checkSize {
		return nil, keepsake.Errorf(keepsake.CodeInvalid,
			"The writer's key is not readable: %d characters found, %d expected, beginning with %s. "+
				"Give it as keepsake repo writer-key printed it.",
			len(writerPrefix)+len(text),
			len(writerPrefix)+base64.RawURLEncoding.EncodedLen(writerKeySize+checkSize),
			writerPrefix)
	}
	sum := sha256.Sum256(b[:writerKeySize])
	if !hmac.Equal(sum[:checkSize], b[writerKeySize:]) {
		return nil, keepsake.Errorf(keepsake.CodeInvalid,
			"The writer's key has a wrong character. Give it as keepsake repo writer-key printed it.")
	}
	if !bytes.Equal(b[:repositorySize], repository[:]) {
		return nil, keepsake.Errorf(keepsake.CodeWrongKey,
			"This writer's key is of another repository (%x) than the one at the providers (%x). Nothing was written.",
			b[:repositorySize], repository)
	}
	public, err := ecdh.X25519().NewPublicKey(b[repositorySize : repositorySize+publicSize])
	if err != nil {
		return nil, keepsake.Errorf(keepsake.CodeInvalid, "The writer's key is not readable: %w.", err)
	}
	w, err := newWriterKeys(b[repositorySize+publicSize:writerKeySize], public, nil)
	if err != nil {
		return nil, err
	}
	k := &keys{repository: repository, writer: w}
	return &Keyring{func() *keys { return k }}, nil
}

// WritesOnly reports whether the keyring is a writer's, which seals and opens nothing.
func (k *Keyring) WritesOnly() bool { return k.k().writer != nil && len(k.k().epochs) == 0 }

// SealWritten seals a chunk or an index page as a writer, under the name of the first turn that is not condemned. Its
// id is of the packed bytes, so that the same id always names the same object, byte for byte. condemned may be nil.
func (k *Keyring) SealWritten(kind ObjectKind, plain []byte, effort Effort, condemned func(ChunkID) bool) (Ref, []byte,
	error) {
	r := Ref{Plain: int64(len(plain))}
	if err := fits(kind, plain); err != nil {
		return r, nil, err
	}
	if k.k().writer == nil {
		return r, nil, errWiped()
	}
	if kind == ObjectIndex {
		r.Kind = kind
	}
	w := takeWorkspace()
	defer w.release()
	packed := w.pack(plain, effort)
	for ; r.Turn < Turns; r.Turn++ {
		var err error
		if r.ID, err = k.k().writer.idOf(kind, r.Turn, packed); err != nil {
			return r, nil, err
		}
		if condemned != nil && condemned(r.ID) {
			continue
		}
		sealed, err := k.k().sealWritten(kind, r.Turn, r.Key(), packed)
		r.Size = int64(len(sealed))
		return r, sealed, err
	}
	return r, nil, errTurns(kind)
}

func (w *writerKeys) idOf(kind ObjectKind, turn Turn, packed []byte) (ChunkID, error) {
	key, purpose := w.chunkIDs, "chunk ids"
	if kind == ObjectIndex {
		key, purpose = w.pageIDs, "index ids"
	}
	if turn == 0 {
		return ChunkID(mac(key, packed)), nil
	}
	key, err := w.derive(turn.of(purpose))
	return ChunkID(mac(key, packed)), err
}

func mac(key []byte, parts ...[]byte) []byte {
	m := hmac.New(sha256.New, key)
	for _, p := range parts {
		m.Write(p)
	}
	return m.Sum(nil)
}

// writersSeal reports whether a writer seals objects of a kind: what a backup is made of, and nothing that says how the
// repository is used.
func writersSeal(kind ObjectKind) bool {
	return kind == ObjectChunk || kind == ObjectIndex || kind == ObjectManifest
}

// IsWritten reports whether a sealed object says that a writer sealed it. Whoever has a writer's key can seal an
// object under any name.
func IsWritten(sealed []byte) bool {
	return len(sealed) >= prefixSize && sealerOf(sealed).epoch == writerEpoch
}

// sealWritten seals packed bytes to the repository's public key.
func (k *keys) sealWritten(kind ObjectKind, turn Turn, key string, packed []byte) ([]byte, error) {
	own, err := ecdh.X25519().NewPrivateKey(mac(k.writer.ephemeral, []byte{byte(kind)}, []byte(key), []byte{0}, packed))
	if err != nil {
		return nil, fmt.Errorf("make the key pair of %s: %w", key, err)
	}
	shared, err := own.ECDH(k.writer.public)
	if err != nil {
		return nil, fmt.Errorf("agree on the key of %s: %w", key, err)
	}
	gcm, err := k.writer.cipher(shared, own.PublicKey().Bytes(), key)
	if err != nil {
		return nil, err
	}
	size := prefixSize + publicSize + len(packed) + tagSize
	sealed := make([]byte, 0, size)
	sealed = append(sealed, magic...)
	sealed = append(sealed, FormatVersion, byte(kind))
	sealed = binary.BigEndian.AppendUint16(sealed, sealer{writerEpoch, turn}.bytes())
	sealed = binary.BigEndian.AppendUint32(sealed, uint32(size))
	prefix := sealed
	sealed = append(sealed, own.PublicKey().Bytes()...)
	return gcm.Seal(sealed, make([]byte, nonceSize), packed, k.binding(prefix, key)), nil
}

// cipher returns AES-256-GCM under the key of one object. No two contents have the same, so the nonce is zero.
func (w *writerKeys) cipher(shared, ephemeral []byte, key string) (cipher.AEAD, error) {
	info := slices.Concat([]byte("keepsake 1 written object "), []byte(key), ephemeral, w.public.Bytes())
	own, err := hkdf.Key(sha256.New, shared, w.objects, string(info), keySize)
	if err != nil {
		return nil, fmt.Errorf("derive the key of %s: %w", key, err)
	}
	return newGCM(own)
}

// openWritten authenticates what a writer sealed and returns it packed, in room.
func (k *keys) openWritten(room []byte, kind ObjectKind, key string, sealed []byte) ([]byte, error) {
	if len(sealed) < writtenOverhead {
		return nil, damaged(kind, key, fmt.Errorf("it says that a writer sealed it, and has too few bytes for that: %w",
			ErrAuthentication))
	}
	theirs := sealed[prefixSize : prefixSize+publicSize]
	public, err := ecdh.X25519().NewPublicKey(theirs)
	if err != nil {
		return nil, damaged(kind, key, fmt.Errorf("%w: %w", ErrAuthentication, err))
	}
	shared, err := k.writer.private.ECDH(public)
	if err != nil { // a point of low order
		return nil, damaged(kind, key, fmt.Errorf("%w: %w", ErrAuthentication, err))
	}
	gcm, err := k.writer.cipher(shared, theirs, key)
	if err != nil {
		return nil, err
	}
	packed, err := gcm.Open(room, make([]byte, nonceSize), sealed[prefixSize+publicSize:],
		k.binding(sealed[:prefixSize], key))
	if err != nil {
		return nil, damaged(kind, key, ErrAuthentication)
	}
	if !named(kind) {
		return packed, nil
	}
	id, err := k.writer.idOf(kind, sealerOf(sealed).turn, packed)
	if err != nil {
		return nil, err
	}
	if (&Ref{Kind: kind, ID: id}).Key() != key {
		return nil, damaged(kind, key, ErrWrongContent)
	}
	return packed, nil
}

// ErrWritesOnly returns the error that a writer's key opens nothing.
func ErrWritesOnly() error {
	return keepsake.Errorf(keepsake.CodeWrongKey,
		"The key of this process is a writer's: it takes backups and can read none. Do this where the repository's key is, "+
			"or with the recovery key in KEEPSAKE_RECOVERY_KEY.")
}
