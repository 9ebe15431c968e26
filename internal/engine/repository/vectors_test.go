package repository

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// The vectors in testdata/v1 are a small repository and what is inside it. They must open forever: a change of code
// that breaks them breaks every repository in the world.
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
	Pairs []struct {
		Numbers []uint64 `json:"numbers"`
		Page    []byte   `json:"page"` // width 41, that is of one chunk
	} `json:"pairs"`
	Manifest string `json:"manifest"`
}

// undoVector is the name of the vectors' undo object.
const undoVector = "undo/20261123T070000Z-0123456789ab"

// pairsOf makes the only page of a set of numbers below 2^41.
func pairsOf(t testing.TB, numbers []uint64) []byte {
	w := newPairWriter(func(context.Context, []byte) (Ref, error) { return Ref{}, errors.New("a page of its own") },
		uint64(len(numbers)), 41)
	for _, v := range numbers {
		if err := w.add(t.Context(), v); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.cut(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w.pages[0].inline
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
		"key": {Key: keepsake.Secret(v.Key)}, "passphrase": {Passphrase: keepsake.Secret(v.Passphrase)},
		"recovery": {Recovery: keepsake.Secret(v.Recovery)},
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
		fetch := func(_ context.Context, r Ref) ([]byte, error) {
			return k.Open(nil, &r, readVector(t, "repository/"+r.Key()))
		}
		if err := m.Load(t.Context(), fetch); err != nil {
			t.Fatal(err)
		}
		const erasure = "erasures/20261124T080000Z-00000000000d"
		e, err := k.OpenErasure(erasure, readVector(t, "repository/"+erasure))
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Erase(t.Context(), fetch, NewErasures([]*Erasure{e})); err != nil ||
			m.Table(Name{"public", "vows"}).Rows != 5 {
			t.Fatalf("%v, %d vows are left", err, m.Table(Name{"public", "vows"}).Rows)
		}
		const first, second = "changes/keepsake/00000016B374D848-00000016B374D900",
			"changes/keepsake/00000016B374D900-00000016B374DA00"
		before, err := k.OpenChange(first, readVector(t, "repository/"+first))
		if err != nil {
			t.Fatal(err)
		}
		if c, err := k.OpenChange(second, readVector(t, "repository/"+second)); err != nil ||
			c.Follows(before, readVector(t, "repository/"+first)) != nil {
			t.Fatalf("%+v, %v", c, err)
		}
		objects := 0
		err = m.Refs(t.Context(), fetch, func(r Ref) {
			objects++
			sealed := readVector(t, "repository/"+r.Key())
			if int64(len(sealed)) != r.Size || r.Kind == 0 && Sum(sha256.Sum256(sealed)) != r.SHA256 {
				t.Errorf("%s is not the object the index means", r.Key())
			}
			if _, err := k.Open(nil, &r, sealed); err != nil {
				t.Error(err)
			}
		})
		if err != nil || objects < 10 {
			t.Fatalf("%d objects, %v", objects, err)
		}
		for name, want := range sideVectors {
			kind := ObjectNote
			if name == undoVector {
				kind = ObjectUndo
			}
			plain, err := k.OpenObject(kind, name, readVector(t, "repository/"+name), 10_000)
			if err != nil || string(plain) != want {
				t.Errorf("%s: %q, %v", name, plain, err)
			}
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
		"keepsake 1 chunk ids, epoch 1": e.chunks.key[:], "keepsake 1 index ids, epoch 1": e.pages.key[:],
		"keepsake 1 indexes, epoch 1": e.objects[ObjectIndex],
		"keepsake 1 notes, epoch 1":   e.objects[ObjectNote], "keepsake 1 erasures, epoch 1": e.objects[ObjectErasure],
		"keepsake 1 chunks, epoch 1": e.objects[ObjectChunk], "keepsake 1 manifests, epoch 1": e.objects[ObjectManifest],
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
	for _, c := range v.Pairs {
		if got := pairsOf(t, c.Numbers); !bytes.Equal(got, c.Page) {
			t.Errorf("the pairs %d are %x, not %x", c.Numbers, got, c.Page)
		}
		var back []uint64
		for v, err := range decodePairs(c.Page) {
			if err != nil {
				t.Fatal(err)
			}
			back = append(back, v)
		}
		if !slices.Equal(back, c.Numbers) {
			t.Errorf("%x are the pairs %d, not %d", c.Page, back, c.Numbers)
		}
	}
}

func hashHex(h KeyHash) string {
	return hex.EncodeToString(binary.BigEndian.AppendUint64(nil, uint64(h)))
}
