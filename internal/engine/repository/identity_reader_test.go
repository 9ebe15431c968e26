package repository_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"testing"
)

// TestReadAnIdentityFromThePage is FORMAT.md's "The identity of a provider", without the package.
func TestReadAnIdentityFromThePage(t *testing.T) {
	t.Parallel()
	r := &reader{t: t}
	var v map[string]any
	r.must(json.Unmarshal(r.file("vectors.json"), &v))
	var h headerJSON
	r.must(json.Unmarshal(r.file("repository/keepsake.json"), &h))
	var err error
	r.repo, err = hex.DecodeString(h.Repository)
	r.must(err)
	r.root = r.rootKey(h, h.Slots[0], v)
	var i struct {
		Format                              int
		Repository, Provider, Name, Created string
		MAC                                 []byte
	}
	r.must(json.Unmarshal(r.file("repository/provider.json"), &i))
	mac := hmac.New(sha256.New, r.derived("keepsake 1 provider, epoch 0"))
	for _, field := range []any{"keepsake provider", i.Format, i.Repository, i.Provider, i.Name, i.Created} {
		b := fmt.Append(nil, field)
		r.must(binary.Write(mac, binary.BigEndian, uint32(len(b))))
		mac.Write(b)
	}
	if !hmac.Equal(mac.Sum(nil), i.MAC) || i.Repository != h.Repository || i.Name != "offsite" {
		t.Error("the identity does not hold")
	}
}
