package repository

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"regexp"
	"strconv"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// ChangePrefix begins the name of every change segment.
const ChangePrefix = "changes/"

// changeKey is slot, then the positions between which the segment lies.
var changeKey = regexp.MustCompile(`^changes/([a-z0-9_]{1,63})/([0-9A-F]{16})-([0-9A-F]{16})$`)

// Change is one segment of the stream of changes: what one replication slot gave between two positions of the
// write-ahead log.
type Change struct {
	Slot     string // as PostgreSQL names it
	From, To uint64 // positions: From < To, and the next segment begins at To
	Before   Sum    // of the object of the segment that ends at From; zero for the first of a slot
	Body     []byte
}

// Key returns the name of the segment's object. The names of a slot's segments sort by position.
func (c *Change) Key() string {
	return fmt.Sprintf("%s%s/%016X-%016X", ChangePrefix, c.Slot, c.From, c.To)
}

// ParseChangeKey returns what the name of a change segment says. For a name that Key does not make it returns
// CodeInvalid.
func ParseChangeKey(key string) (Change, error) {
	m := changeKey.FindStringSubmatch(key)
	if m == nil {
		return Change{}, keepsake.Errorf(keepsake.CodeInvalid, "%q is not the name of a change segment.", key)
	}
	c := Change{Slot: m[1]}
	for i, position := range []*uint64{&c.From, &c.To} {
		v, err := strconv.ParseUint(m[2+i], 16, 64)
		if err != nil {
			return Change{}, fmt.Errorf("read the position %s: %w", m[2+i], err)
		}
		*position = v
	}
	if c.From >= c.To {
		return Change{}, keepsake.Errorf(keepsake.CodeInvalid, "The change segment %s ends before it begins.", key)
	}
	return c, nil
}

// SealChange returns the name and bytes of the segment's object.
func (k *Keyring) SealChange(c *Change) (key string, sealed []byte, err error) {
	key = c.Key()
	if _, err := ParseChangeKey(key); err != nil {
		return "", nil, err
	}
	sealed, err = k.SealObject(ObjectChange, key, append(bytes.Clone(c.Before[:]), c.Body...))
	return key, sealed, err
}

// OpenChange opens the object with this name. The reader of a stream must compare Before with the segment before: see
// Follows.
func (k *Keyring) OpenChange(key string, sealed []byte) (*Change, error) {
	c, err := ParseChangeKey(key)
	if err != nil {
		return nil, err
	}
	plain, err := k.OpenObject(ObjectChange, key, sealed, MaxObjectPlain)
	if err != nil {
		return nil, err
	}
	if len(plain) < sha256.Size {
		return nil, damaged(ObjectChange, key, fmt.Errorf("it names no predecessor: %w", ErrWrongContent))
	}
	c.Body = plain[copy(c.Before[:], plain):]
	return &c, nil
}

// Follows returns why the segment does not follow the one whose object is given, or nil when it does.
func (c *Change) Follows(before *Change, sealed []byte) error {
	if c.Slot != before.Slot || c.From != before.To || c.Before != sha256.Sum256(sealed) {
		return keepsake.Errorf(keepsake.CodeDamaged, "The change segment %s does not follow on %s: "+
			"one between them is missing, or another one is in its place.", c.Key(), before.Key())
	}
	return nil
}
