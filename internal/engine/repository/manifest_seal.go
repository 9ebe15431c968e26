package repository

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// ManifestPrefix begins the name of every manifest's object.
const ManifestPrefix = "manifests/"

const manifestTime = "20060102T150405Z"

var manifestID = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{12}$`)

// NewManifestID returns the id of a snapshot taken at t: its UTC second, then the fraction of the second in two bytes and
// four random bytes. Ids sort by time.
func NewManifestID(t time.Time) string {
	tail := binary.BigEndian.AppendUint16(nil, uint16(t.Nanosecond()/(1e9>>16+1)))
	return t.UTC().Format(manifestTime) + "-" + hex.EncodeToString(append(tail, randomBytes(4)...))
}

// ManifestTime returns the UTC second that an id was made for. An id that NewManifestID cannot have made is CodeInvalid.
func ManifestTime(id string) (time.Time, error) {
	stamp, _, _ := strings.Cut(id, "-")
	t, err := time.Parse(manifestTime, stamp)
	if err != nil || !manifestID.MatchString(id) {
		return time.Time{}, keepsake.Errorf(keepsake.CodeInvalid, "%q is not the id of a recovery point; one looks like 20261123T065312Z-9f86d081a2b4.", id)
	}
	return t, nil
}

// ManifestKey returns the name of a manifest's object.
func ManifestKey(id string) string { return ManifestPrefix + id }

// ParseManifestKey returns the id in a manifest's object name. Names that ManifestKey does not make are CodeInvalid: a
// provider may hold other files.
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

// SealManifest checks m and returns the name and bytes of its object. It sets nothing in m: Format, Repository and ID must be
// there. Storing the object under that name publishes the recovery point.
func (k *Keyring) SealManifest(m *Manifest) (key string, sealed []byte, err error) {
	if err := m.check(k.Repository(), m.ID); err != nil {
		return "", nil, keepsake.Errorf(keepsake.CodeInternal, "The manifest is not sound and was not written: %w.", err)
	}
	plain, err := encodeManifest(m)
	if err != nil {
		return "", nil, fmt.Errorf("encode manifest %s: %w", m.ID, err)
	}
	key = ManifestKey(m.ID)
	sealed, err = k.SealObject(ObjectManifest, key, plain)
	return key, sealed, err
}

// OpenManifest opens the object with this name and checks that it describes what a restore can rely on. Fields that a later
// keepsake added are passed over.
func (k *Keyring) OpenManifest(key string, sealed []byte) (*Manifest, error) {
	id, err := ParseManifestKey(key)
	if err != nil {
		return nil, err
	}
	plain, err := k.OpenObject(ObjectManifest, key, sealed, MaxObjectPlain)
	if err != nil {
		return nil, err
	}
	return decodeManifest(plain, k.Repository(), id)
}

// encodeManifest writes the JSON document in one line, a line feed, and behind it what the chunks' sizes say: it is most of a
// manifest's bytes, and whoever looks for one wedding should not have to parse it.
func encodeManifest(m *Manifest) ([]byte, error) {
	var behind []byte
	document := *m
	document.Tables = slices.Clone(m.Tables)
	for t := range document.Tables {
		ranges := slices.Clone(document.Tables[t].Ranges)
		for r := range ranges {
			ranges[r].Chunks = slices.Clone(ranges[r].Chunks)
			for i := range ranges[r].Chunks {
				behind = ranges[r].Chunks[i].moveOut(behind)
			}
		}
		document.Tables[t].Ranges = ranges
	}
	plain, err := json.Marshal(&document)
	if err != nil {
		return nil, err
	}
	return append(append(plain, '\n'), behind...), nil
}

// moveOut leaves sizes where the filters, slots and dropped rows were, and appends those to behind.
func (c *Chunk) moveOut(behind []byte) []byte {
	for _, f := range c.Filters {
		c.FilterSizes = append(c.FilterSizes, uint32(len(f)))
		behind = append(behind, f...)
	}
	c.SlotsSize, c.DroppedSize = uint32(len(c.Slots)), uint32(len(c.Dropped))
	behind = append(append(behind, c.Slots...), c.Dropped...)
	c.Filters, c.Slots, c.Dropped = nil, nil, nil
	return behind
}

// moveIn undoes moveOut and returns what is left of behind.
func (c *Chunk) moveIn(behind []byte) (rest []byte, err error) {
	take := func(n uint32) []byte {
		if int64(n) > int64(len(behind)) {
			err = errors.New("what belongs behind it is missing")
			return nil
		}
		piece := behind[:n:n]
		behind = behind[n:]
		return piece
	}
	if len(c.FilterSizes) > 0 && len(c.Filters) > 0 || c.SlotsSize > 0 && len(c.Slots) > 0 || c.DroppedSize > 0 && len(c.Dropped) > 0 {
		return nil, errors.New("a chunk has something twice")
	}
	for _, n := range c.FilterSizes {
		c.Filters = append(c.Filters, take(n))
	}
	if c.SlotsSize > 0 {
		c.Slots = take(c.SlotsSize)
	}
	if c.DroppedSize > 0 {
		c.Dropped = take(c.DroppedSize)
	}
	c.FilterSizes, c.SlotsSize, c.DroppedSize = nil, 0, 0
	return behind, err
}

// putBack cuts what lies behind the document into the chunks it belongs to.
func (m *Manifest) putBack(behind []byte) (err error) {
	for t := range m.Tables {
		for r := range m.Tables[t].Ranges {
			chunks := m.Tables[t].Ranges[r].Chunks
			for c := range chunks {
				if behind, err = chunks[c].moveIn(behind); err != nil {
					return err
				}
			}
		}
	}
	if len(behind) > 0 {
		return fmt.Errorf("%d bytes behind it belong to nothing", len(behind))
	}
	return nil
}

func decodeManifest(plain []byte, repository, id string) (*Manifest, error) {
	plain, behind, _ := bytes.Cut(plain, []byte{'\n'})
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
	if err := m.putBack(behind); err != nil {
		return nil, damaged(ObjectManifest, id, fmt.Errorf("%w: %w", ErrWrongContent, err))
	}
	if err := m.check(repository, id); err != nil {
		return nil, damaged(ObjectManifest, id, fmt.Errorf("%w: %w", ErrWrongContent, err))
	}
	return m, nil
}

// EachChunk calls fn for every chunk of the schema and of the tables, in the order a restore reads them. A chunk that several
// ranges share comes several times. An error from fn ends the walk and is returned.
func (m *Manifest) EachChunk(fn func(*Chunk) error) error {
	for i := range m.Schema {
		if err := fn(&m.Schema[i]); err != nil {
			return err
		}
	}
	for t := range m.Tables {
		for r := range m.Tables[t].Ranges {
			chunks := m.Tables[t].Ranges[r].Chunks
			for c := range chunks {
				if err := fn(&chunks[c]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
