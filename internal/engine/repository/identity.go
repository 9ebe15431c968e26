package repository

import (
	"crypto/hmac"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// MaxIdentitySize is the largest identity in bytes. A reader need not fetch more.
const MaxIdentitySize = 4 << 10

// Identity is provider.json. It says which repository a place belongs to, and which provider it is. It is in the
// clear, so that a machine with a writer's key can read it, and authenticated like the header. Each provider has
// another one. So it tells a place from an empty mount point, from another provider's place and from a copy of a
// place.
type Identity struct {
	Format     int       `json:"format"`     // 1
	Repository string    `json:"repository"` // as in the header
	Provider   string    `json:"provider"`   // 16 random bytes, 32 hexadecimal digits
	Name       string    `json:"name"`       // as the configuration calls the provider
	Created    time.Time `json:"created"`    // UTC, whole seconds
	MAC        []byte    `json:"mac"`        // HMAC-SHA256 over all of the above
}

// NewIdentity makes the identity of a provider that begins to keep copies of this repository.
func (k *Keyring) NewIdentity(name string, created time.Time) (Identity, error) {
	return k.identity(hex.EncodeToString(randomBytes(repositorySize)), name, created)
}

// Rename returns the identity with another name, of the same provider.
func (k *Keyring) Rename(i Identity, name string) (Identity, error) {
	return k.identity(i.Provider, name, i.Created)
}

func (k *Keyring) identity(provider, name string, created time.Time) (Identity, error) {
	i := Identity{
		Format:     FormatVersion,
		Repository: k.Repository(),
		Provider:   provider,
		Name:       name,
		Created:    created.UTC().Truncate(time.Second),
	}
	var err error
	i.MAC, err = i.mac(k)
	return i, err
}

// Encode returns the bytes of provider.json.
func (i Identity) Encode() ([]byte, error) {
	b, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the provider's identity: %w", err)
	}
	return append(b, '\n'), nil
}

// OpenIdentity reads provider.json. For an unknown format version it returns CodeUnsupported, for another
// repository's identity CodeConflict, and for one that no holder of this repository's key wrote CodeDamaged. A
// writer's keyring cannot check who wrote it.
func (k *Keyring) OpenIdentity(data []byte) (Identity, error) {
	var i Identity
	if err := json.Unmarshal(data, &i); err != nil {
		return i, identityDamagedBy("it is not JSON of this form", err)
	}
	if i.Format != FormatVersion {
		return i, unsupported("The provider's identity", i.Format)
	}
	var id [repositorySize]byte
	if err := unhex(id[:], []byte(i.Provider)); err != nil {
		return i, identityDamaged("its provider id: %w", err)
	}
	if i.Repository != k.Repository() {
		return i, keepsake.Errorf(keepsake.CodeConflict,
			"its identity is of repository %s, and not of %s", i.Repository, k.Repository())
	}
	if k.WritesOnly() {
		return i, nil
	}
	want, err := i.mac(k)
	if err != nil {
		return i, err
	}
	if !hmac.Equal(want, i.MAC) {
		return i, identityDamagedBy("its mac does not match: somebody or something changed it", ErrAuthentication)
	}
	return i, nil
}

// mac covers every field in this order, each with its length before it.
func (i Identity) mac(k *Keyring) ([]byte, error) {
	if len(k.k().epochs) == 0 {
		return nil, errWiped()
	}
	key, err := k.k().derive("provider", 0)
	if err != nil {
		return nil, err
	}
	var b []byte
	for _, field := range []string{"keepsake provider", strconv.Itoa(i.Format), i.Repository, i.Provider, i.Name,
		i.Created.UTC().Format(time.RFC3339Nano)} {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(field))), field...)
	}
	return mac(key, b), nil
}

// ProvesIdentity reports whether data is the identity that a holder of this repository's key gave the provider with
// this name, apart from a damaged format version, repository or name.
func (k *Keyring) ProvesIdentity(data []byte, name string) bool {
	var i Identity
	if k.WritesOnly() || json.Unmarshal(data, &i) != nil {
		return false
	}
	i.Format, i.Repository, i.Name = FormatVersion, k.Repository(), name
	want, err := i.mac(k)
	return err == nil && hmac.Equal(want, i.MAC)
}

func identityDamaged(format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return identityDamagedBy(err.Error(), err)
}

// identityDamagedBy says what is wrong in words, and keeps the cause, whose text is no person's, for the log.
func identityDamagedBy(what string, cause error) error {
	return &keepsake.Error{Code: keepsake.CodeDamaged, Message: "its identity is damaged: " + what, Err: cause}
}
