package repository

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// RemovalPrefix begins the name of every removal list.
const RemovalPrefix = "removals/"

// RemovalKey returns the name of a removal list's object.
func RemovalKey(id string) string { return RemovalPrefix + id }

// Removal is a removal list. It says what goes when its grace period is over, so that nobody builds upon that
// meanwhile. FORMAT.md describes every field.
type Removal struct {
	Format     int            `json:"format"` // 1
	Repository string         `json:"repository"`
	ID         string         `json:"id"` // <time>-<random>, also the object's name
	Time       time.Time      `json:"time"`
	Due        time.Time      `json:"due"`       // before this time nothing of it goes
	Expires    time.Time      `json:"expires"`   // after this time it counts no longer
	Providers  []string       `json:"providers"` // what their identities say: nothing goes anywhere else
	Points     []RemovedPoint `json:"points"`
	Spared     []string       `json:"spared,omitempty"`  // recovery points that earlier lists name and that stay after all
	Chunks     IDs            `json:"chunks"`            // condemned
	Pages      IDs            `json:"indexes"`           // condemned
	LeftOver   IDs            `json:"left_over"`         // chunks that no manifest names, of a backup that may still run
	LeftPages  IDs            `json:"left_over_indexes"` // and index pages
}

// RemovedPoint is a recovery point that goes, and why.
type RemovedPoint struct {
	ID  string `json:"id"`
	Why string `json:"why"`
}

// IDs are ids of chunks or of index pages. Their JSON is base64 of all of them, one after the other.
type IDs []ChunkID

// MarshalJSON writes base64.
func (ids IDs) MarshalJSON() ([]byte, error) {
	raw := make([]byte, 0, len(ids)*len(ChunkID{}))
	for _, id := range ids {
		raw = append(raw, id[:]...)
	}
	return json.Marshal(raw)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (ids *IDs) UnmarshalJSON(b []byte) error {
	var raw []byte
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	if len(raw)%len(ChunkID{}) != 0 {
		return fmt.Errorf("%d bytes are no whole ids", len(raw))
	}
	*ids = make(IDs, 0, len(raw)/len(ChunkID{}))
	for one := range slices.Chunk(raw, len(ChunkID{})) {
		*ids = append(*ids, ChunkID(one))
	}
	return nil
}

// leastGrace is the shortest time between a removal list and what goes by it.
const leastGrace = 24 * time.Hour

// check finds what no sound removal list of format 1 holds. Writer and reader share it.
func (r *Removal) check(repository, id string) error {
	switch {
	case r.Format != FormatVersion:
		return fmt.Errorf("its format is %d, not %d", r.Format, FormatVersion)
	case r.Repository != repository || r.ID != id:
		return fmt.Errorf("it is removal list %q of repository %q", r.ID, r.Repository)
	case r.Time.IsZero() || r.Due.Before(r.Time.Add(leastGrace)) || r.Expires.Before(r.Due):
		return fmt.Errorf("it was made at %v, is due at %v and expires at %v", r.Time, r.Due, r.Expires)
	}
	for _, p := range r.Points {
		if _, err := ManifestTime(p.ID); err != nil {
			return err
		}
	}
	return nil
}

// Writers must know what is condemned, and open nothing else. So a removal list is sealed with the secret that they
// share, and the repository's own key proves inside of it that no writer made it.

// SealRemoval checks r and returns the name and bytes of its object.
func (k *Keyring) SealRemoval(r *Removal) (key string, sealed []byte, err error) {
	if k.WritesOnly() {
		return "", nil, ErrWritesOnly()
	}
	if err := r.check(k.Repository(), r.ID); err != nil {
		return "", nil, keepsake.Errorf(keepsake.CodeInternal, "The removal list is not sound and was not written: %w.", err)
	}
	doc, err := json.Marshal(r)
	if err != nil {
		return "", nil, fmt.Errorf("encode removal list %s: %w", r.ID, err)
	}
	key = RemovalKey(r.ID)
	proof, err := k.k().proofOf(key, doc)
	if err != nil {
		return "", nil, err
	}
	gcm, err := k.k().removalCipher(key)
	if err != nil {
		return "", nil, err
	}
	packed := append(append([]byte{packedStored}, proof...), doc...)
	size := prefixSize + nonceSize + len(packed) + tagSize
	if size > MaxRemoval {
		return "", nil, keepsake.Errorf(keepsake.CodeInternal,
			"The removal list %s would have %d bytes; at most %d are allowed.", r.ID, size, MaxRemoval)
	}
	sealed = append(make([]byte, 0, size), magic...)
	sealed = append(sealed, FormatVersion, byte(ObjectRemoval))
	sealed = binary.BigEndian.AppendUint16(sealed, writerEpoch)
	sealed = binary.BigEndian.AppendUint32(sealed, uint32(size))
	prefix := sealed
	nonce := randomBytes(nonceSize)
	sealed = append(sealed, nonce...)
	return key, gcm.Seal(sealed, nonce, packed, k.k().binding(prefix, key)), nil
}

// MaxRemoval is the largest size of a removal list's object in bytes.
const MaxRemoval = 64 << 20

// OpenRemoval opens the object with this name. A writer's key opens it too, and cannot tell whether a writer made it.
func (k *Keyring) OpenRemoval(key string, sealed []byte) (*Removal, error) {
	id, ok := strings.CutPrefix(key, RemovalPrefix)
	if !ok {
		return nil, keepsake.Errorf(keepsake.CodeInvalid, "%q is not the name of a removal list.", key)
	}
	if err := begins(ObjectRemoval, key, sealed); err != nil {
		return nil, err
	}
	gcm, err := k.k().removalCipher(key)
	if err != nil {
		return nil, err
	}
	packed, err := gcm.Open(nil, sealed[prefixSize:prefixSize+nonceSize], sealed[prefixSize+nonceSize:],
		k.k().binding(sealed[:prefixSize], key))
	if err != nil {
		return nil, damaged(ObjectRemoval, key, ErrAuthentication)
	}
	if len(packed) < 1+keySize || packed[0] != packedStored {
		return nil, damaged(ObjectRemoval, key, ErrWrongContent)
	}
	proof, doc := packed[1:1+keySize], packed[1+keySize:]
	if !k.WritesOnly() {
		want, err := k.k().proofOf(key, doc)
		if err != nil {
			return nil, err
		}
		if !hmac.Equal(proof, want) {
			return nil, damaged(ObjectRemoval, key, fmt.Errorf("somebody with a writer's key made it: %w", ErrAuthentication))
		}
	}
	r := new(Removal)
	if err := json.Unmarshal(doc, r); err != nil {
		return nil, damaged(ObjectRemoval, key, fmt.Errorf("%w: %w", ErrWrongContent, err))
	}
	if err := r.check(k.Repository(), id); err != nil {
		return nil, damaged(ObjectRemoval, key, fmt.Errorf("%w: %w", ErrWrongContent, err))
	}
	return r, nil
}

// proofOf is what only the repository's own key makes.
func (k *keys) proofOf(key string, doc []byte) ([]byte, error) {
	secret, err := k.derive("removals", 0)
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	return mac(secret, []byte(key), []byte{0}, doc), nil
}

// removalCipher returns AES-256-GCM under the key of one removal list, which writers have.
func (k *keys) removalCipher(key string) (cipher.AEAD, error) {
	if k.writer == nil {
		return nil, errWiped()
	}
	secret, err := k.writer.derive("removals")
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	own, err := hkdf.Expand(sha256.New, secret, "keepsake 1 object "+key, keySize)
	if err != nil {
		return nil, fmt.Errorf("derive the key of %s: %w", key, err)
	}
	return newGCM(own)
}
