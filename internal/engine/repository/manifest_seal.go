package repository

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// ManifestPrefix begins the name of every manifest's object.
const ManifestPrefix = "manifests/"

// MaxManifestPlain is the largest size of a manifest before packing, in bytes. What grows with the platform is in
// index pages.
const MaxManifestPlain = 16 << 20

const manifestTime = "20060102T150405Z"

var manifestID = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{12}(-w)?$`)

// written ends the id of a manifest that a writer sealed.
const written = "-w"

// WriterMade reports whether a writer's key made the recovery point of this id.
func WriterMade(id string) bool { return strings.HasSuffix(id, written) }

var errSealer = errors.New("its name does not say who sealed it; somebody with a writer's key may have put " +
	"it in its place")

// NewManifestID returns an id of what is made at t: its UTC second, then the fraction of the second in two bytes and
// four random bytes. Ids sort by time.
func NewManifestID(t time.Time) string { return NextID(t, "") }

// NextID returns an id of what is made at t and comes after newest, the newest id that is there, or "". Clocks go back,
// and what is written later still sorts later: where t is not after newest, the id's time is right behind newest's.
func NextID(t time.Time, newest string) string {
	tick := t.Unix()<<16 | int64(t.Nanosecond()/(1e9>>16+1))
	if last, known := tickOf(newest); known {
		tick = max(tick, last+1)
	}
	tail := binary.BigEndian.AppendUint16(nil, uint16(tick))
	return time.Unix(tick>>16, 0).UTC().Format(manifestTime) + "-" + hex.EncodeToString(append(tail, randomBytes(4)...))
}

// tickOf is the time of an id in 1/65536 s. Of an id at the end of the year 9999, behind which there is none, it is
// not known.
func tickOf(id string) (tick int64, known bool) {
	t, err := ManifestTime(id)
	if err != nil {
		return 0, false
	}
	_, tail, _ := strings.Cut(id, "-")
	fraction, err := hex.DecodeString(tail[:4])
	if err != nil || t.Add(time.Second).Year() > 9999 {
		return 0, false
	}
	return t.Unix()<<16 | int64(binary.BigEndian.Uint16(fraction)), true
}

// PointID returns the id of a recovery point that this keyring seals: NextID, with a mark where the keyring is a
// writer's.
func (k *Keyring) PointID(t time.Time, newest string) string {
	if k.WritesOnly() {
		return NextID(t, newest) + written
	}
	return NextID(t, newest)
}

// ManifestTime returns the UTC second that an id names: that of what it is of, or a later one (see NextID). For an id
// that NextID cannot have made it returns CodeInvalid.
func ManifestTime(id string) (time.Time, error) {
	stamp, _, _ := strings.Cut(id, "-")
	t, err := time.Parse(manifestTime, stamp)
	if err != nil || !manifestID.MatchString(id) {
		return time.Time{}, keepsake.Errorf(keepsake.CodeInvalid,
			"%q is not the id of a recovery point; one looks like 20261123T065312Z-9f86d081a2b4.", id)
	}
	return t, nil
}

// ManifestKey returns the name of a manifest's object.
func ManifestKey(id string) string { return ManifestPrefix + id }

// ParseManifestKey returns the id in the name of a manifest's object. For a name that ManifestKey does not make it
// returns CodeInvalid, because a provider may hold other files.
func ParseManifestKey(key string) (id string, err error) {
	id, ok := strings.CutPrefix(key, ManifestPrefix)
	if !ok {
		return "", keepsake.Errorf(keepsake.CodeInvalid, "%q is not the name of a manifest.", key)
	}
	if _, err := ManifestTime(id); err != nil {
		return "", err
	}
	return id, nil
}

// SealManifest checks m and returns the name and bytes of its object. The caller has set Format, Repository and ID.
// Storing the object under that name publishes the recovery point.
func (k *Keyring) SealManifest(m *Manifest) (key string, sealed []byte, err error) {
	if err := m.check(k.Repository(), m.ID); err != nil {
		return "", nil, keepsake.Errorf(keepsake.CodeInternal, "The manifest is not sound and was not written: %w.", err)
	}
	plain, err := json.Marshal(m)
	if err != nil {
		return "", nil, fmt.Errorf("encode manifest %s: %w", m.ID, err)
	}
	if k.WritesOnly() != strings.HasSuffix(m.ID, written) {
		return "", nil, keepsake.Errorf(keepsake.CodeInternal, "The name %s of the manifest does not say who seals it.", m.ID)
	}
	key = ManifestKey(m.ID)
	sealed, err = k.SealObject(ObjectManifest, key, plain)
	return key, sealed, err
}

// OpenManifest opens the object with this name, and checks that a restore can rely on what it says. It passes over
// fields that a later Keepsake added.
func (k *Keyring) OpenManifest(key string, sealed []byte) (*Manifest, error) {
	id, err := ParseManifestKey(key)
	if err != nil {
		return nil, err
	}
	if IsWritten(sealed) != strings.HasSuffix(id, written) {
		return nil, damaged(ObjectManifest, key, fmt.Errorf("%w: %w", errSealer, ErrAuthentication))
	}
	plain, err := k.OpenObject(ObjectManifest, key, sealed, MaxManifestPlain)
	if err != nil {
		return nil, err
	}
	return decodeManifest(plain, k.Repository(), id)
}

func decodeManifest(plain []byte, repository, id string) (*Manifest, error) {
	var version struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(plain, &version); err != nil {
		return nil, damaged(ObjectManifest, id, fmt.Errorf("%w: %w", ErrWrongContent, err))
	}
	if version.Format != FormatVersion {
		return nil, unsupported("The manifest "+id, version.Format)
	}
	m := new(Manifest)
	if err := json.Unmarshal(plain, m); err != nil {
		return nil, damaged(ObjectManifest, id, fmt.Errorf("%w: %w", ErrWrongContent, err))
	}
	if err := m.check(repository, id); err != nil {
		return nil, damaged(ObjectManifest, id, fmt.Errorf("%w: %w", ErrWrongContent, err))
	}
	return m, nil
}
