package repository

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
)

const (
	// FormatVersion is the version of the format that this package reads and writes.
	FormatVersion = 1
	// HeaderKey is the name of the header's object.
	HeaderKey = "keepsake.json"
	// MaxHeaderSize is the largest header in bytes. A reader need not fetch more.
	MaxHeaderSize = 64 << 10
	maxSlots      = 16
	maxEpoch      = 1000
	maxLabel      = 200 // bytes
)

// Header is keepsake.json. It is in the clear, and authenticated by a key that only a holder of the root key has. A
// provider's operator learns nothing from it but times and the labels of the slots.
type Header struct {
	Format     int       `json:"format"`     // 1
	Repository string    `json:"repository"` // 16 random bytes, 32 hexadecimal digits
	Created    time.Time `json:"created"`    // UTC, whole seconds
	Epoch      uint16    `json:"epoch"`      // the epoch whose keys seal; those of every earlier epoch open
	Slots      []Slot    `json:"slots"`
	MAC        []byte    `json:"mac"` // HMAC-SHA256 over all of the above
}

// CreateOptions says what opens a new repository: at least one of Key, Passphrase and Recipient.
type CreateOptions struct {
	Key        keepsake.Secret // as NewKeyFile returns it
	Passphrase keepsake.Secret // at least 12 characters
	Recipient  string          // of the offline recovery key, as NewRecoveryKey returns it
	Created    time.Time       // zero: now
	Argon2     Argon2          // cost of the passphrase slot; zero: the default
}

// Create makes a random root key, the header of a new repository, and the keyring that seals into it.
func Create(o CreateOptions) (Header, *Keyring, error) {
	if o.Created.IsZero() {
		o.Created = time.Now()
	}
	var repository [repositorySize]byte
	copy(repository[:], randomBytes(repositorySize))
	h := Header{
		Format:     FormatVersion,
		Repository: hex.EncodeToString(repository[:]),
		Created:    o.Created.UTC().Truncate(time.Second),
		Epoch:      1,
	}
	root := randomBytes(keySize)
	defer clear(root)
	k, err := newKeyring(root, repository, h.Epoch)
	if err != nil {
		return Header{}, nil, err
	}
	for _, s := range []SlotOptions{
		{Key: o.Key, Label: "key file"},
		{Passphrase: o.Passphrase, Label: "passphrase", Argon2: o.Argon2},
		{Recipient: o.Recipient, Label: "recovery key"},
	} {
		if s.Key == "" && s.Passphrase == "" && s.Recipient == "" {
			continue
		}
		s.Created = o.Created
		if h, err = h.addSlot(k, s); err != nil {
			return Header{}, nil, err
		}
	}
	if len(h.Slots) == 0 {
		return Header{}, nil, keepsake.Errorf(keepsake.CodeInvalid,
			"A repository needs something to open it with: give a key, a passphrase or the recipient of a recovery key.")
	}
	return h, k, nil
}

// ParseHeader reads keepsake.json. For an unknown format version it returns CodeUnsupported, and for anything else
// that is no header CodeDamaged. It passes over unknown fields. Only Unlock proves that nobody changed the header.
func ParseHeader(data []byte) (Header, error) {
	if len(data) > MaxHeaderSize {
		return Header{}, headerDamaged("it has %d bytes; a header has at most %d", len(data), MaxHeaderSize)
	}
	var version struct {
		Format *int `json:"format"`
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return Header{}, headerDamagedBy("it is not JSON", err)
	}
	if version.Format == nil {
		return Header{}, headerDamaged("it names no format version")
	}
	if *version.Format != FormatVersion {
		return Header{}, unsupported("The repository", *version.Format)
	}
	var h Header
	if err := json.Unmarshal(data, &h); err != nil {
		return Header{}, headerDamagedBy("it does not have the form of format 1", err)
	}
	if err := h.check(); err != nil {
		return Header{}, headerDamaged("%w", err)
	}
	return h, nil
}

// Encode returns the bytes of keepsake.json.
func (h Header) Encode() ([]byte, error) {
	b, err := json.MarshalIndent(h, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the header: %w", err)
	}
	b = append(b, '\n')
	if len(b) > MaxHeaderSize {
		return nil, keepsake.Errorf(keepsake.CodeInvalid,
			"The header would have %d bytes; at most %d are allowed. Revoke key slots that nobody needs.", len(b), MaxHeaderSize)
	}
	return b, nil
}

// Written returns the header's bytes as a writer of format 1 wrote them, and whether data is them. JSON says the same
// in many ways, so a bit that flipped in a name's case, or at the end of a salt, changes nothing that the mac covers.
// Data with fields that are not known here is taken for what its writer wrote.
func (h Header) Written(data []byte) (written []byte, same bool) {
	strict := json.NewDecoder(bytes.NewReader(data))
	strict.DisallowUnknownFields()
	written, err := h.Encode()
	if err != nil || strict.Decode(&Header{}) != nil || bytes.Equal(bytes.TrimSpace(written), bytes.TrimSpace(data)) {
		return data, true
	}
	return written, false
}

// check finds what no writer of format 1 writes, before any of it is used.
func (h Header) check() error {
	if _, err := h.repositoryID(); err != nil {
		return err
	}
	switch {
	case h.Epoch < 1 || h.Epoch > maxEpoch:
		return fmt.Errorf("epoch %d is not between 1 and %d", h.Epoch, maxEpoch)
	case len(h.Slots) < 1 || len(h.Slots) > maxSlots:
		return fmt.Errorf("it has %d key slots; 1 to %d are allowed", len(h.Slots), maxSlots)
	case len(h.MAC) != sha256.Size:
		return fmt.Errorf("its mac has %d bytes, not %d", len(h.MAC), sha256.Size)
	}
	seen := map[string]bool{}
	for _, s := range h.Slots {
		if err := s.check(); err != nil {
			return fmt.Errorf("key slot %q: %w", s.ID, err)
		}
		if seen[s.ID] {
			return fmt.Errorf("two key slots have the id %q", s.ID)
		}
		seen[s.ID] = true
	}
	return nil
}

func (h Header) repositoryID() ([repositorySize]byte, error) {
	var id [repositorySize]byte
	if err := unhex(id[:], []byte(h.Repository)); err != nil {
		return id, fmt.Errorf("its repository id: %w", err)
	}
	if hex.EncodeToString(id[:]) != h.Repository {
		return id, fmt.Errorf("its repository id is not in lower case")
	}
	return id, nil
}

// canonical is what the mac covers: every field in this order, each with its length before it.
func (h Header) canonical() []byte {
	var b []byte
	put := func(field []byte) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(field)))
		b = append(b, field...)
	}
	text := func(s string) { put([]byte(s)) }
	number := func(n uint64) { text(strconv.FormatUint(n, 10)) }
	moment := func(t time.Time) { text(t.UTC().Format(time.RFC3339Nano)) }
	text("keepsake header")
	number(uint64(h.Format))
	text(h.Repository)
	moment(h.Created)
	number(uint64(h.Epoch))
	number(uint64(len(h.Slots)))
	for _, s := range h.Slots {
		text(s.ID)
		text(s.Kind)
		text(s.Label)
		moment(s.Created)
		put(s.Salt)
		var a Argon2
		if s.Argon2 != nil {
			a = *s.Argon2
		}
		number(uint64(a.Time))
		number(uint64(a.Memory))
		number(uint64(a.Threads))
		text(s.Fingerprint)
		put(s.Wrapped)
	}
	return b
}

func (h Header) mac(k *Keyring) ([]byte, error) {
	if len(k.k().epochs) == 0 {
		return nil, errWiped()
	}
	key, err := k.k().derive("header", 0)
	if err != nil {
		return nil, err
	}
	m := hmac.New(sha256.New, key)
	m.Write(h.canonical())
	return m.Sum(nil), nil
}

// verify checks that the holder of the root key wrote the header.
func (h Header) verify(k *Keyring) error {
	want, err := h.mac(k)
	if err != nil {
		return err
	}
	id, err := h.repositoryID()
	if err != nil || !bytes.Equal(id[:], k.k().repository[:]) || !hmac.Equal(want, h.MAC) {
		return headerDamagedBy("its mac does not match: somebody or something changed it", ErrAuthentication)
	}
	return nil
}

// Prove returns why no holder of the keyring's root key wrote the header, or nil when one did. A writer's keyring
// only sees which repository the header names.
func (h Header) Prove(k *Keyring) error {
	if !k.WritesOnly() {
		return h.verify(k)
	}
	if h.Repository != k.Repository() {
		return headerDamaged("it names another repository")
	}
	return nil
}

// ProveMisnumbered reports whether a holder of the keyring's root key wrote this header with another format version.
// Then the version was changed afterwards: the header is damaged, and not a newer version's.
func ProveMisnumbered(data []byte, k *Keyring) bool {
	var h Header
	if k.WritesOnly() || json.Unmarshal(data, &h) != nil {
		return false
	}
	h.Format = FormatVersion
	return h.check() == nil && h.verify(k) == nil
}

func headerDamaged(format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return headerDamagedBy(err.Error(), err)
}

// headerDamagedBy says what is wrong in words, and keeps the cause, whose text is no person's, for the log.
func headerDamagedBy(what string, cause error) error {
	return &keepsake.Error{Code: keepsake.CodeDamaged, Err: cause, Message: "The repository's header " + HeaderKey +
		" is damaged: " +
		what + ". The copy at another provider may be sound."}
}

func unsupported(what string, found int) error {
	return keepsake.Errorf(keepsake.CodeUnsupported,
		"%s has format version %d; this keepsake reads version %d. Its data is unharmed: use a newer keepsake.",
		what, found, FormatVersion)
}

func errWiped() error {
	return keepsake.Errorf(keepsake.CodeInternal, "The keys of the repository are no longer in memory.")
}
