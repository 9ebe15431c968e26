package repository

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// The kinds of Slot.
const (
	SlotKey        = "key"        // a key file of 32 random bytes
	SlotPassphrase = "passphrase" // Argon2id
	SlotAge        = "age"        // an age X25519 recipient: the offline recovery key
)

const (
	slotIDSize    = 8
	saltSize      = 32
	maxWrapped    = 4 << 10 // bytes
	minPassphrase = 12      // characters
)

// Slot is one way to open the repository. It holds the root key, wrapped. Whoever reads a provider can read its label
// and fingerprint.
type Slot struct {
	ID          string    `json:"id"` // 8 random bytes, 16 hexadecimal digits
	Kind        string    `json:"kind"`
	Label       string    `json:"label"`
	Created     time.Time `json:"created"`               // UTC, whole seconds
	Salt        []byte    `json:"salt,omitempty"`        // kinds key and passphrase: 32 random bytes
	Argon2      *Argon2   `json:"argon2id,omitempty"`    // kind passphrase
	Fingerprint string    `json:"fingerprint,omitempty"` // kind age: which recovery key it is, see Fingerprint
	Wrapped     []byte    `json:"wrapped"`               // the root key, as the kind wraps it
}

// Argon2 is the cost of deriving a key from a passphrase, RFC 9106.
type Argon2 struct {
	Time    uint32 `json:"time"`       // passes
	Memory  uint32 `json:"memory_kib"` // KiB
	Threads uint8  `json:"threads"`
}

// defaultArgon2 is the second recommended option of RFC 9106, section 4.
var defaultArgon2 = Argon2{Time: 3, Memory: 64 << 10, Threads: 4}

// check keeps a hostile header from asking for more than 256 MiB or some seconds.
func (a Argon2) check() error {
	if a.Time < 1 || a.Time > 10 || a.Threads < 1 || a.Threads > 16 || a.Memory < 8*uint32(a.Threads) ||
		a.Memory > 256<<10 {
		return fmt.Errorf("the cost of the passphrase (time %d, memory %d KiB, threads %d) is outside 1 to 10 passes, 1 to "+
			"16 threads, 8 KiB per thread to 256 MiB", a.Time, a.Memory, a.Threads)
	}
	return nil
}

// SlotOptions says what opens a new slot: exactly one of Key, Passphrase and Recipient.
type SlotOptions struct {
	Key        keepsake.Secret // as NewKeyFile returns it
	Passphrase keepsake.Secret // at least 12 characters
	Recipient  string          // of a recovery key, as NewRecoveryKey returns it
	Label      string          // for people; providers can read it
	Created    time.Time       // zero: now
	Argon2     Argon2          // cost of a passphrase; zero: the default
}

// check finds what no writer of format 1 writes. Slots of kinds that came later are passed over.
func (s Slot) check() error {
	var id [slotIDSize]byte
	if err := unhex(id[:], []byte(s.ID)); err != nil {
		return fmt.Errorf("its id: %w", err)
	}
	if len(s.Label) > maxLabel || !utf8.ValidString(s.Label) {
		return fmt.Errorf("its label is longer than %d bytes or not UTF-8", maxLabel)
	}
	if len(s.Wrapped) == 0 || len(s.Wrapped) > maxWrapped {
		return fmt.Errorf("its wrapped key has %d bytes; 1 to %d are allowed", len(s.Wrapped), maxWrapped)
	}
	if (s.Kind == SlotKey || s.Kind == SlotPassphrase) && len(s.Salt) != saltSize {
		return fmt.Errorf("its salt has %d bytes, not %d", len(s.Salt), saltSize)
	}
	if s.Argon2 != nil {
		return s.Argon2.check()
	}
	if s.Kind == SlotPassphrase {
		return fmt.Errorf("it does not say what its passphrase costs")
	}
	return nil
}

// AddSlot returns the header with one more slot. The keyring must be the one that opens the header.
func (h Header) AddSlot(k *Keyring, o SlotOptions) (Header, error) {
	if err := h.verify(k); err != nil {
		return Header{}, err
	}
	return h.addSlot(k, o)
}

func (h Header) addSlot(k *Keyring, o SlotOptions) (Header, error) {
	if len(h.Slots) >= maxSlots {
		return Header{}, keepsake.Errorf(keepsake.CodeInvalid,
			"The repository has %d key slots already, the most it can have. Revoke one first.", len(h.Slots))
	}
	if len(o.Label) > maxLabel || !utf8.ValidString(o.Label) {
		return Header{}, keepsake.Errorf(keepsake.CodeInvalid,
			"The label of a key slot is UTF-8 of at most %d bytes.", maxLabel)
	}
	if o.Created.IsZero() {
		o.Created = time.Now()
	}
	s := Slot{
		ID:      hex.EncodeToString(randomBytes(slotIDSize)),
		Label:   o.Label,
		Created: o.Created.UTC().Truncate(time.Second),
	}
	var err error
	switch {
	case o.Key != "" && o.Passphrase == "" && o.Recipient == "":
		err = s.wrapKey(k, o.Key)
	case o.Passphrase != "" && o.Key == "" && o.Recipient == "":
		err = s.wrapPassphrase(k, o.Passphrase, o.Argon2)
	case o.Recipient != "" && o.Key == "" && o.Passphrase == "":
		err = s.wrapAge(k, o.Recipient)
	default:
		err = keepsake.Errorf(keepsake.CodeInvalid,
			"A key slot opens with exactly one of a key, a passphrase and a recovery key's recipient.")
	}
	if err != nil {
		return Header{}, err
	}
	h.Slots = append(slices.Clone(h.Slots), s)
	h.MAC, err = h.mac(k)
	return h, err
}

// RevokeSlot returns the header without the slot with this id. Whoever has what opened the slot and a copy of the
// older header can still open the repository. After a leak, follow the leaked-key procedure.
func (h Header) RevokeSlot(k *Keyring, id string) (Header, error) {
	if err := h.verify(k); err != nil {
		return Header{}, err
	}
	i := slices.IndexFunc(h.Slots, func(s Slot) bool { return s.ID == id })
	if i < 0 {
		return Header{}, keepsake.Errorf(keepsake.CodeNotFound, "The repository has no key slot %q.", id)
	}
	if len(h.Slots) == 1 {
		return Header{}, keepsake.Errorf(keepsake.CodeConflict,
			"This is the repository's last key slot: without it nobody could open it again. Add another one first.")
	}
	h.Slots = slices.Delete(slices.Clone(h.Slots), i, i+1)
	var err error
	h.MAC, err = h.mac(k)
	return h, err
}

func (s *Slot) wrapKey(k *Keyring, secret keepsake.Secret) error {
	key, err := parseKey(secret)
	if err != nil {
		return err
	}
	defer clear(key)
	s.Kind, s.Salt = SlotKey, randomBytes(saltSize)
	kek, err := s.keyKEK(key)
	if err != nil {
		return err
	}
	return s.seal(k, kek)
}

func (s *Slot) wrapPassphrase(k *Keyring, passphrase keepsake.Secret, cost Argon2) error {
	if n := utf8.RuneCountInString(passphrase.Reveal()); n < minPassphrase {
		return keepsake.Errorf(keepsake.CodeInvalid,
			"The passphrase has %d characters; at least %d are needed. Five or six random words make a good one.",
			n, minPassphrase)
	}
	if cost == (Argon2{}) {
		cost = defaultArgon2
	}
	if err := cost.check(); err != nil {
		return keepsake.Errorf(keepsake.CodeInvalid, "%w", err)
	}
	s.Kind, s.Salt, s.Argon2 = SlotPassphrase, randomBytes(saltSize), &cost
	return s.seal(k, s.passphraseKEK(passphrase))
}

func (s *Slot) keyKEK(key []byte) ([]byte, error) {
	kek, err := hkdf.Key(sha256.New, key, s.Salt, "keepsake 1 key slot", keySize)
	if err != nil {
		return nil, fmt.Errorf("derive the key of the slot: %w", err)
	}
	return kek, nil
}

func (s *Slot) passphraseKEK(passphrase keepsake.Secret) []byte {
	return argon2.IDKey([]byte(passphrase.Reveal()), s.Salt, s.Argon2.Time, s.Argon2.Memory, s.Argon2.Threads, keySize)
}

// seal wraps the root key with AES-256-GCM under kek: nonce, then ciphertext and tag.
func (s *Slot) seal(k *Keyring, kek []byte) error {
	if len(k.k().epochs) == 0 {
		return errWiped()
	}
	gcm, err := newGCM(kek)
	if err != nil {
		return err
	}
	nonce := randomBytes(nonceSize)
	s.Wrapped = gcm.Seal(nonce, nonce, k.k().root[:], s.binding(k.k().repository))
	return nil
}

// open returns the root key, or nil when kek is not the slot's.
func (s *Slot) open(repository [repositorySize]byte, kek []byte) []byte {
	gcm, err := newGCM(kek)
	if err != nil || len(s.Wrapped) != nonceSize+keySize+tagSize {
		return nil
	}
	root, err := gcm.Open(nil, s.Wrapped[:nonceSize], s.Wrapped[nonceSize:], s.binding(repository))
	if err != nil {
		return nil
	}
	return root
}

// binding ties a wrapped key to its slot and repository, so that neither can be exchanged.
func (s *Slot) binding(repository [repositorySize]byte) []byte {
	return []byte("keepsake 1 slot " + hex.EncodeToString(repository[:]) + " " + s.ID + " " + s.Kind)
}

// describeSlots lists what the repository opens with, for people.
func (h Header) describeSlots() string {
	words := map[string]string{SlotKey: "a key file", SlotPassphrase: "a passphrase", SlotAge: "a recovery key"}
	var list []string
	for _, s := range h.Slots {
		w, ok := words[s.Kind]
		if !ok {
			w = "a key of kind " + fmt.Sprintf("%q", s.Kind)
		}
		if s.Label != "" {
			w += fmt.Sprintf(" (%q)", s.Label)
		}
		list = append(list, w)
	}
	return strings.Join(list, ", ")
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("set up AES-256: %w", err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("set up GCM: %w", err)
	}
	return gcm, nil
}
