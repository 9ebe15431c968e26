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

// Vectors are written once per format version; -write-vectors refuses to touch those that are there.
var writeVectors = flag.Bool("write-vectors", false, "write testdata/v1, which must not exist")

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
	id := w.k.ChunkID(plain)
	sealed, err := w.k.SealChunk(nil, id, plain, Fast)
	if err != nil {
		w.t.Fatal(err)
	}
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
