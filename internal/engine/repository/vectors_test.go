package repository

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// The vectors in testdata/v1 are a small repository and what is inside it. They must open forever: a change of code that
// breaks them breaks every repository in the world. They are written once, and -write-vectors refuses to touch them.
var writeVectors = flag.Bool("write-vectors", false, "write testdata/v1, which must not exist")

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
		if got := NewFilter(keySet(c.Keys)); !bytes.Equal(got, c.Filter) {
			t.Errorf("the filter of %d is %x, not %x", c.Keys, []byte(got), []byte(c.Filter))
		}
	}
}

func hashHex(h KeyHash) string {
	return hex.EncodeToString(binary.BigEndian.AppendUint64(nil, uint64(h)))
}

// vectorWriter writes the repository of the vectors.
type vectorWriter struct {
	t *testing.T
	k *Keyring
	v *vectors
}

func (w vectorWriter) file(name string, data []byte) {
	path := filepath.Join(vectorDir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		w.t.Fatal(err)
	}
}

func (w vectorWriter) object(kind ObjectKind, name string, sealed []byte) {
	w.file("repository/"+name, sealed)
	own, err := hkdf.Expand(sha256.New, w.k.k().epochs[0].objects[kind], "keepsake 1 object "+name, keySize)
	if err != nil {
		w.t.Fatal(err)
	}
	w.v.ObjectKeys[name] = hex.EncodeToString(own)
}

func (w vectorWriter) chunk(plain []byte, c Chunk) Chunk {
	id, sealed := sealChunk(w.t, w.k, plain)
	w.object(ObjectChunk, id.Key(), sealed)
	c.ID, c.Size, c.SHA256, c.Plain = id, int64(len(sealed)), Sum(sha256.Sum256(sealed)), int64(len(plain))
	return c
}

// binaryRow is a row of a bigint and a text.
func binaryRow(id uint64, name string) []byte {
	b := []byte{0, 2, 0, 0, 0, 8}
	b = binary.BigEndian.AppendUint64(b, id)
	b = binary.BigEndian.AppendUint32(b, uint32(len(name)))
	return append(b, name...)
}

// tables makes one table in binary, its second range with a row that goes over two chunks, and one in text.
func (w vectorWriter) tables() []Table {
	sum := func(rows ...[]byte) (h RowHash) {
		for _, r := range rows {
			h.Add(r)
		}
		return h
	}
	one, two, long := binaryRow(1, "Zoë & Łukasz"), binaryRow(2, "O'Brien"), binaryRow(3, string(bytes.Repeat([]byte("a long vow, "), 60)))
	text := [][]byte{[]byte("1\t\\N\n"), []byte("2\ttab\\there\n")}
	first, second := NewFilter(keySet([]int64{1, 2})), NewFilter(keySet([]int64{3}))
	all := sum(one, two, long)
	return []Table{
		{
			Name: Name{"public", "weddings"}, Kind: KindTable, Tier: keepsake.TierCritical, Format: FormatBinary,
			Columns: []Column{{"id", "bigint"}, {"couple", "text"}}, Rows: 3, Hash: all, RangePages: 1024, FilterKeys: [][]string{{"id"}},
			Ranges: []Range{
				{From: 0, To: 1024, Rows: 2, Hash: sum(one, two), Chunks: []Chunk{w.chunk(append(bytes.Clone(one), two...), Chunk{Rows: 2, Filters: []Filter{first}})}},
				{From: 1024, Rows: 1, Hash: sum(long), Chunks: []Chunk{
					w.chunk(long[:400], Chunk{Rows: 1, Filters: []Filter{second}}),
					w.chunk(long[400:], Chunk{Continues: true}),
				}},
			},
		},
		{
			Name: Name{"public", "Notes"}, Kind: KindTable, Tier: keepsake.TierStandard, Format: FormatText,
			Columns: []Column{{"id", "integer"}, {"note", "tsvector"}}, Rows: 2, Hash: sum(text...), RangePages: 1024,
			Ranges: []Range{{Rows: 2, Hash: sum(text...), Chunks: []Chunk{w.chunk(bytes.Join(text, nil), Chunk{Rows: 2})}}},
		},
	}
}

func TestWriteVectors(t *testing.T) {
	if !*writeVectors {
		t.Skip("only with -write-vectors, once per format version")
	}
	if _, err := os.Stat(vectorDir); err == nil {
		t.Fatalf("%s exists: vectors are never replaced", vectorDir)
	}
	identity, recipient, err := NewRecoveryKey()
	if err != nil {
		t.Fatal(err)
	}
	v := &vectors{Key: NewKeyFile().Reveal(), Passphrase: testPassphrase.Reveal(), Recovery: identity.Reveal(), Derived: map[string]string{}, ObjectKeys: map[string]string{}}
	created := time.Date(2026, 11, 23, 6, 53, 12, 0, time.UTC)
	h, k, err := Create(CreateOptions{Key: keepsake.Secret(v.Key), Passphrase: testPassphrase, Recipient: recipient, Created: created})
	if err != nil {
		t.Fatal(err)
	}
	w := vectorWriter{t, k, v}
	header, err := h.Encode()
	if err != nil {
		t.Fatal(err)
	}
	w.file("repository/"+HeaderKey, header)
	v.Root, v.MACInput = hex.EncodeToString(k.k().root[:]), hex.EncodeToString(h.canonical())
	for purpose, epoch := range map[string]uint16{"chunk ids": 1, "chunks": 1, "manifests": 1, "changes": 1, "undo": 1, "header": 0} {
		key, err := k.k().derive(purpose, epoch)
		if err != nil {
			t.Fatal(err)
		}
		v.Derived["keepsake 1 "+purpose+", epoch "+string('0'+rune(epoch))] = hex.EncodeToString(key)
	}
	m := testManifest(k, "20261123T065312Z-9f86d081a2b4")
	m.Schema = []Chunk{w.chunk([]byte("PGDMP stands for pg_dump's archive"), Chunk{})}
	m.Tables = w.tables()
	key, sealed, err := k.SealManifest(m)
	if err != nil {
		t.Fatal(err)
	}
	v.Manifest, v.Undo = key, "undo/0123456789abcdef"
	w.object(ObjectManifest, key, sealed)
	undo, err := k.SealObject(ObjectUndo, v.Undo, []byte("pre-images"))
	if err != nil {
		t.Fatal(err)
	}
	w.object(ObjectUndo, v.Undo, undo)
	w.computed()
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	w.file("vectors.json", append(data, '\n'))
}

// computed fills in what has no object.
func (w vectorWriter) computed() {
	examples := `{"chunk_ids": [{"plain": ""}, {"plain": "cm93cw=="}],
		"row_hashes": [{"rows": []}, {"rows": ["AAIAAAABYQAAAAFi"]}, {"rows": ["YQo=", "Ygo="]}],
		"key_hashes": [{"columns": ["AAAAAAAAAAc="]}, {"columns": ["YWI=", "Yw=="]}, {"columns": ["YQ==", "YmM="]}, {"columns": ["bxwfDm0KTw6cVQ1qP14rEQ=="]}],
		"filters": [{"keys": []}, {"keys": [1]}, {"keys": [1, -2, 3, 4, 5, 6, 7, 8]}]}`
	if err := json.Unmarshal([]byte(examples), w.v); err != nil {
		w.t.Fatal(err)
	}
	for i := range w.v.ChunkIDs {
		w.v.ChunkIDs[i].ID = w.k.ChunkID(w.v.ChunkIDs[i].Plain)
	}
	for i := range w.v.RowHashes {
		for _, r := range w.v.RowHashes[i].Rows {
			w.v.RowHashes[i].Hash.Add(r)
		}
	}
	for i := range w.v.KeyHashes {
		w.v.KeyHashes[i].Hash = hashHex(HashKey(w.v.KeyHashes[i].Columns...))
	}
	for i := range w.v.Filters {
		w.v.Filters[i].Filter = NewFilter(keySet(w.v.Filters[i].Keys))
	}
}
