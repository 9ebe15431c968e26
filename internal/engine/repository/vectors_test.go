package repository

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// The vectors in testdata/v1 are a small repository and what is inside it. They must open forever: a change of code that
// breaks them breaks every repository in the world.
const vectorDir = "testdata/v1"

type vectors struct {
	Key        string            `json:"key"`
	Passphrase string            `json:"passphrase"`
	Recovery   string            `json:"recovery_key"`
	Root       string            `json:"root"`
	Derived    map[string]string `json:"derived"`     // info string → key
	ObjectKeys map[string]string `json:"object_keys"` // object → its own key
	MACInput   string            `json:"mac_input"`
	ChunkIDs   []struct {
		Plain []byte  `json:"plain"`
		ID    ChunkID `json:"id"`
	} `json:"chunk_ids"`
	RowHashes []struct {
		Rows [][]byte `json:"rows"`
		Hash RowHash  `json:"hash"`
	} `json:"row_hashes"`
	KeyHashes []struct {
		Columns [][]byte `json:"columns"`
		Hash    string   `json:"hash"`
	} `json:"key_hashes"`
	Filters []struct {
		Keys   []int64 `json:"keys"` // of one integer column each
		Filter Filter  `json:"filter"`
	} `json:"filters"`
	Manifest string `json:"manifest"`
	Undo     string `json:"undo"`
}

func keySet(keys []int64) map[KeyHash]struct{} {
	set := map[KeyHash]struct{}{}
	for _, k := range keys {
		set[HashKey(binary.BigEndian.AppendUint64(nil, uint64(k)))] = struct{}{}
	}
	return set
}

func readVectors(t testing.TB) vectors {
	t.Helper()
	var v vectors
	if err := json.Unmarshal(readVector(t, "vectors.json"), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func readVector(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(vectorDir, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestVectorsOpen reads the committed repository in every way it can be opened.
func TestVectorsOpen(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	h, err := ParseHeader(readVector(t, "repository/"+HeaderKey))
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(h.canonical()); got != v.MACInput {
		t.Errorf("the mac covers\n%s, not\n%s", got, v.MACInput)
	}
	for name, src := range map[string]KeySource{
		"key": {Key: keepsake.Secret(v.Key)}, "passphrase": {Passphrase: keepsake.Secret(v.Passphrase)}, "recovery": {Recovery: keepsake.Secret(v.Recovery)},
	} {
		k, err := h.Unlock(src)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := hex.EncodeToString(k.k().root[:]); got != v.Root {
			t.Errorf("%s unwraps %s", name, got)
		}
		m, err := k.OpenManifest(v.Manifest, readVector(t, "repository/"+v.Manifest))
		if err != nil {
			t.Fatal(err)
		}
		err = m.EachChunk(func(c *Chunk) error {
			sealed := readVector(t, "repository/"+c.ID.Key())
			if int64(len(sealed)) != c.Size || Sum(sha256.Sum256(sealed)) != c.SHA256 {
				t.Errorf("chunk %s is not the one the manifest means", c.ID)
			}
			plain, err := k.OpenChunk(nil, c.ID, sealed, int(c.Plain))
			if err == nil && int64(len(plain)) != c.Plain {
				t.Errorf("chunk %s holds %d bytes, not %d", c.ID, len(plain), c.Plain)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		undo, err := k.OpenObject(ObjectUndo, v.Undo, readVector(t, "repository/"+v.Undo), 1000)
		if err != nil || string(undo) != "pre-images" {
			t.Errorf("%q, %v", undo, err)
		}
	}
}

// TestVectorsHold computes again what must never change.
func TestVectorsHold(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	h, err := ParseHeader(readVector(t, "repository/"+HeaderKey))
	if err != nil {
		t.Fatal(err)
	}
	k, err := h.Unlock(KeySource{Key: keepsake.Secret(v.Key)})
	if err != nil {
		t.Fatal(err)
	}
	e := k.k().epochs[0]
	for info, want := range map[string][]byte{
		"keepsake 1 chunk ids, epoch 1": e.ids[:], "keepsake 1 chunks, epoch 1": e.objects[ObjectChunk], "keepsake 1 manifests, epoch 1": e.objects[ObjectManifest],
		"keepsake 1 changes, epoch 1": e.objects[ObjectChange], "keepsake 1 undo, epoch 1": e.objects[ObjectUndo],
	} {
		if v.Derived[info] != hex.EncodeToString(want) {
			t.Errorf("%s: %x, not %s", info, want, v.Derived[info])
		}
	}
	for _, c := range v.ChunkIDs {
		if got := k.ChunkID(c.Plain); got != c.ID {
			t.Errorf("%q has id %s, not %s", c.Plain, got, c.ID)
		}
	}
	for _, c := range v.RowHashes {
		var h RowHash
		for _, r := range c.Rows {
			h.Add(r)
		}
		if h != c.Hash {
			t.Errorf("%q have hash %s, not %s", c.Rows, h, c.Hash)
		}
	}
	for _, c := range v.KeyHashes {
		if got := hashHex(HashKey(c.Columns...)); got != c.Hash {
			t.Errorf("%q has hash %s, not %s", c.Columns, got, c.Hash)
		}
	}
	for _, c := range v.Filters {
		if got := newFilter(keySet(c.Keys), 12, 8); !bytes.Equal(got, c.Filter) {
			t.Errorf("the filter of %d is %x, not %x", c.Keys, []byte(got), []byte(c.Filter))
		}
	}
}

func hashHex(h KeyHash) string {
	return hex.EncodeToString(binary.BigEndian.AppendUint64(nil, uint64(h)))
}
