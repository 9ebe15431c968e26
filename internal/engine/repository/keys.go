package repository

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strings"
	"sync"

	"filippo.io/age"

	"github.com/wedsync/keepsake/internal/keepsake"
)

const (
	keySize        = 32 // bytes of the root key, of a key file and of every derived key
	repositorySize = 16 // bytes of a repository id
)

// NewKeyFile returns the contents of a new key file: base64 of 32 random bytes.
func NewKeyFile() keepsake.Secret {
	return keepsake.Secret(base64.StdEncoding.EncodeToString(randomBytes(keySize)))
}

// NewRecoveryKey returns a new offline recovery key. The identity opens the repository, and a person keeps it on
// paper or in a safe. With the recipient (age1…), CreateOptions and AddSlot make a slot for it.
func NewRecoveryKey() (identity keepsake.Secret, recipient string, err error) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return "", "", fmt.Errorf("generate the recovery key: %w", err)
	}
	return keepsake.Secret(id.String()), id.Recipient().String(), nil
}

// parseKey decodes the contents of a key file; white space around and inside it does not matter.
func parseKey(s keepsake.Secret) ([]byte, error) {
	text := strings.Join(strings.Fields(s.Reveal()), "")
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, keepsake.Errorf(keepsake.CodeInvalid,
			"The key is not base64: %d characters found, 44 expected (base64 of %d bytes). Give the whole contents of "+
				"the key file.", len(text), keySize)
	}
	if len(key) != keySize {
		return nil, keepsake.Errorf(keepsake.CodeInvalid,
			"The key has the wrong length: %d bytes found, %d expected. Give the whole contents of the key file.",
			len(key), keySize)
	}
	return key, nil
}

// parseRecovery reads a recovery key as a person may type it: in either case and with spaces.
func parseRecovery(s keepsake.Secret) (*age.X25519Identity, error) {
	text := strings.ToUpper(strings.Join(strings.Fields(s.Reveal()), ""))
	id, err := age.ParseX25519Identity(text)
	if err != nil { // the cause may quote the key
		return nil, keepsake.Errorf(keepsake.CodeInvalid,
			"The recovery key is not readable: %d characters found, 74 expected, beginning with AGE-SECRET-KEY-1. Compare it "+
				"with the paper, character by character.", len(text))
	}
	return id, nil
}

// Keyring holds the keys of one repository. It is safe for concurrent use, except Wipe. No method returns key bytes,
// and no format verb, log or encoder prints them.
type Keyring struct{ k func() *keys }

// keys stands behind a function: package fmt follows a pointer in an unexported field when the verb is a wrong one, but
// prints no more of a function than its address.
type keys struct {
	repository [repositorySize]byte
	root       [keySize]byte
	current    uint16       // the epoch that seals
	epochs     []*epochKeys // epochs[i] is of epoch i+1; none in a writer's keyring, whose root is zero
	writer     *writerKeys
}

// epochKeys are what HKDF-SHA256 derives from the root key for one epoch.
type epochKeys struct {
	chunks, pages idKey
	objects       map[ObjectKind][]byte // the key that each object's own key is derived from
}

// idKey is the key that the ids of one kind of object are made with.
type idKey struct {
	key     [keySize]byte
	hashers sync.Pool // *idHasher
}

type idHasher struct {
	mac hash.Hash
	sum [sha256.Size]byte
}

func (i *idKey) set(key []byte) {
	copy(i.key[:], key)
	i.hashers.New = func() any { return &idHasher{mac: hmac.New(sha256.New, i.key[:])} }
}

func (i *idKey) id(plain []byte) ChunkID {
	h := i.hashers.Get().(*idHasher)
	h.mac.Reset()
	h.mac.Write(plain)
	h.mac.Sum(h.sum[:0])
	id := ChunkID(h.sum)
	i.hashers.Put(h)
	return id
}

func newKeyring(root []byte, repository [repositorySize]byte, current uint16) (*Keyring, error) {
	k := &keys{repository: repository, current: current}
	copy(k.root[:], root)
	for n := uint16(1); n <= current; n++ {
		e := &epochKeys{objects: map[ObjectKind][]byte{}}
		for purpose, ids := range map[string]*idKey{"chunk ids": &e.chunks, "index ids": &e.pages} {
			key, err := k.derive(purpose, n)
			if err != nil {
				return nil, err
			}
			ids.set(key)
		}
		for kind, purpose := range objectKeys {
			var err error
			if e.objects[kind], err = k.derive(purpose, n); err != nil {
				return nil, err
			}
		}
		k.epochs = append(k.epochs, e)
	}
	var err error
	if k.writer, err = k.deriveWriter(); err != nil {
		return nil, err
	}
	return &Keyring{func() *keys { return k }}, nil
}

// derive is HKDF-SHA256 of the root key; epoch 0 is for keys that outlive epochs.
func (k *keys) derive(purpose string, epoch uint16) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, k.root[:], k.repository[:],
		fmt.Sprintf("keepsake 1 %s, epoch %d", purpose, epoch), keySize)
	if err != nil {
		return nil, fmt.Errorf("derive the key for %s: %w", purpose, err)
	}
	return key, nil
}

// epoch returns the keys of epoch n, or nil when the header names no such epoch or the keyring was wiped.
func (k *keys) epoch(n uint16) *epochKeys {
	if n == 0 || int(n) > len(k.epochs) {
		return nil
	}
	return k.epochs[n-1]
}

// Repository returns the id of the repository, 32 hexadecimal digits.
func (k *Keyring) Repository() string { return hex.EncodeToString(k.k().repository[:]) }

// StandbySecret returns the secret that seals the sessions of a console without its database. It is the same in every
// process that has the repository's key, and opens nothing else.
func (k *Keyring) StandbySecret() (keepsake.Secret, error) {
	key, err := k.k().derive("standby sessions", 0)
	return keepsake.Secret(base64.RawStdEncoding.EncodeToString(key)), err
}

// Wipe overwrites the keys, as far as Go's memory allows: states inside ciphers and hashes stay until the garbage
// collector frees them. Afterwards the keyring seals and opens nothing. No other method may run at the same time.
func (k *Keyring) Wipe() {
	clear(k.k().root[:])
	for _, e := range k.k().epochs {
		clear(e.chunks.key[:])
		clear(e.pages.key[:])
		for _, key := range e.objects {
			clear(key)
		}
	}
	if w := k.k().writer; w != nil {
		for _, key := range [][]byte{w.secret, w.chunkIDs, w.pageIDs, w.ephemeral, w.objects} {
			clear(key)
		}
	}
	k.k().epochs, k.k().writer = nil, nil
}

// Format hides the keys from every verb of package fmt.
func (Keyring) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[secret]") }

// MarshalText hides the keys from JSON, YAML and slog.
func (Keyring) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// randomBytes never fails: crypto/rand ends the process when the system has no randomness.
func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}
