package repository

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
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
	t       *testing.T
	k       *Keyring
	v       *vectors
	erasure *Erasure // of a chunk of vows
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
	c.Ref = Ref{ID: id, Size: int64(len(sealed)), SHA256: Sum(sha256.Sum256(sealed)), Plain: int64(len(plain))}
	return c
}

// page stores an index page.
func (w vectorWriter) page(_ context.Context, plain []byte) (Ref, error) {
	r := Ref{Kind: ObjectIndex, ID: w.k.PageID(plain), Plain: int64(len(plain))}
	sealed, err := w.k.SealPage(r.ID, plain)
	if err != nil {
		return r, err
	}
	w.object(ObjectIndex, r.Key(), sealed)
	r.Size = int64(len(sealed))
	return r, nil
}

// binaryRow is a row of a bigint and a text.
func binaryRow(id uint64, name string) []byte {
	b := []byte{0, 2, 0, 0, 0, 8}
	b = binary.BigEndian.AppendUint64(b, id)
	b = binary.BigEndian.AppendUint32(b, uint32(len(name)))
	return append(b, name...)
}

// vectorChunk is a chunk of a vector table, with what the index says of it.
type vectorChunk struct {
	Chunk
	keys  []int64 // nil: they could not be read
	slots Runs
}

// indexed writes a table's lists.
func (w vectorWriter) indexed(t Table, ranges []Range, chunks []vectorChunk) Table {
	ctx, fail := context.Background(), func(err error) {
		if err != nil {
			w.t.Fatal(err)
		}
	}
	writer := NewRangeWriter(w.page)
	for i := range ranges {
		fail(writer.Add(ctx, &ranges[i]))
	}
	fail(writer.Close(ctx, &t))
	slots, runs := NewSlotWriter(w.page, nil), NewRunBuilder(len(t.FilterKeys))
	for i := range ranges {
		var placed []Placed
		for _, c := range ranges[i].Chunks {
			for _, known := range chunks {
				if known.ID == c.ID && len(known.slots) > 0 {
					placed = append(placed, Placed{c.ID, known.slots})
				}
			}
		}
		fail(slots.Set(ctx, ranges[i].From, placed))
	}
	var err error
	t.Slots, err = slots.Close(ctx)
	fail(err)
	for _, c := range chunks {
		var hashes []KeyHash
		for key := range keySet(c.keys) {
			hashes = append(hashes, key)
		}
		set := NewKeySet(hashes)
		if c.keys == nil {
			set = KeySet{Open: true}
		}
		if len(t.FilterKeys) > 0 {
			runs.Add(c.ID, []KeySet{set})
		}
	}
	run, err := runs.Run(ctx, w.page)
	fail(err)
	if run != nil {
		t.Runs, err = WriteRuns(ctx, w.page, []*Run{run})
		fail(err)
	}
	return t
}

func sumOf(rows ...[]byte) (h RowHash) {
	for _, r := range rows {
		h.Add(r)
	}
	return h
}

// tables makes one table in binary, its second range with a row that goes over two chunks, one in text, and
// one of many ranges whose lists have pages of their own.
func (w vectorWriter) tables() []Table {
	one, two, long := binaryRow(1, "Zoë & Łukasz"), binaryRow(2, "O'Brien"),
		binaryRow(3, string(bytes.Repeat([]byte("a long vow, "), 60)))
	text := [][]byte{[]byte("1\t\\N\n"), []byte("2\ttab\\there\n")}
	first := vectorChunk{w.chunk(append(bytes.Clone(one), two...), Chunk{Rows: 2}), []int64{1, 2}, Runs{1, 2}}
	begun := vectorChunk{w.chunk(long[:400], Chunk{Rows: 1}), nil, nil}
	rest := vectorChunk{w.chunk(long[400:], Chunk{Continues: true}), []int64{}, nil}
	notes := vectorChunk{w.chunk(bytes.Join(text, nil), Chunk{Rows: 2}), nil, nil}
	tables := []Table{
		w.indexed(Table{
			Name:       Name{"public", "weddings"},
			Kind:       KindTable,
			Tier:       keepsake.TierCritical,
			Format:     FormatBinary,
			Columns:    []Column{{"id", "bigint"}, {"couple", "text"}},
			RangePages: 1024,
			FilterKeys: [][]string{{"id"}},
		}, []Range{
			{From: 0, To: 1024, Rows: 2, Hash: sumOf(one, two), Chunks: []Chunk{first.Chunk}},
			{From: 1024, Rows: 1, Hash: sumOf(long), Chunks: []Chunk{begun.Chunk, rest.Chunk}},
		}, []vectorChunk{first, begun, rest}),
		w.indexed(Table{
			Name:       Name{"public", "Notes"},
			Kind:       KindTable,
			Tier:       keepsake.TierStandard,
			Format:     FormatText,
			Columns:    []Column{{"id", "integer"}, {"note", "tsvector"}},
			RangePages: 1024,
		}, []Range{{Rows: 2, Hash: sumOf(text...), Chunks: []Chunk{notes.Chunk}}}, []vectorChunk{notes}),
	}
	return append(tables, w.guests(), w.vows())
}

// vows are two ranges over one chunk that was rewritten: of its rows 0 to 5 an erasure took 1 and 4, the
// first range drops 0 and 4, and the second 1 to 3. The erased chunk is not stored.
func (w vectorWriter) vows() Table {
	var rows, left [][]byte
	for i := range 6 {
		rows = append(rows, fmt.Appendf(nil, "%d\tvow\n", i))
		if i != 1 && i != 4 {
			left = append(left, rows[i])
		}
	}
	plain := bytes.Join(rows, nil)
	old := Chunk{Ref: Ref{ID: w.k.ChunkID(plain), Size: int64(len(plain)) + Overhead, Plain: int64(len(plain))}, Rows: 6}
	made := w.chunk(bytes.Join(left, nil), Chunk{})
	*w.erasure = Erasure{
		Format:     FormatVersion,
		Repository: w.k.Repository(),
		ID:         "20261124T080000Z-00000000000d",
		Time:       time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC),
		Chunks: []ErasedChunk{{
			Name:      Name{"public", "vows"},
			Old:       old.ID,
			New:       &made.Ref,
			Rows:      Runs{1, 1, 2, 1},
			RowHashes: []RowHash{sumOf(rows[1]), sumOf(rows[4])},
		}},
	}
	first, second := old, old
	first.Dropped, second.Dropped = Runs{0, 1, 3, 1}, Runs{1, 3}
	return w.indexed(Table{
		Name:       Name{"public", "vows"},
		Kind:       KindTable,
		Tier:       keepsake.TierStandard,
		Format:     FormatText,
		Columns:    []Column{{"id", "integer"}, {"text", "text"}},
		RangePages: 1,
	}, []Range{
		{From: 0, To: 1, Rows: 4, Hash: sumOf(rows[1], rows[2], rows[3], rows[5]), Chunks: []Chunk{first}},
		{From: 1, Rows: 3, Hash: sumOf(rows[0], rows[4], rows[5]), Chunks: []Chunk{second}},
	}, nil)
}

// guests are 600 ranges over one chunk of 1500 rows, of which each range drops all but two or three.
func (w vectorWriter) guests() Table {
	const ranges, rows = 600, 1500
	var plain []byte
	var all [][]byte
	c := vectorChunk{slots: binary.AppendUvarint(Runs{1}, rows)}
	for i := range rows {
		all = append(all, binaryRow(uint64(i), "guest"))
		plain, c.keys = append(plain, all[i]...), append(c.keys, int64(1000+i))
	}
	c.Chunk = w.chunk(plain, Chunk{Rows: rows})
	var list []Range
	for i := range ranges {
		from, to := i*rows/ranges, (i+1)*rows/ranges
		r := Range{
			From:   uint32(i),
			To:     uint32(i + 1),
			Rows:   int64(to - from),
			Hash:   sumOf(all[from:to]...),
			Chunks: []Chunk{c.Chunk},
		}
		var dropped RunWriter
		for row := range rows {
			if row < from || row >= to {
				dropped.Add(uint64(row))
			}
		}
		r.Chunks[0].Dropped = dropped.Take()
		list = append(list, r)
	}
	list[ranges-1].To = 0
	return w.indexed(Table{
		Name:       Name{"public", "guests"},
		Kind:       KindTable,
		Tier:       keepsake.TierHigh,
		Format:     FormatBinary,
		Columns:    []Column{{"wedding_id", "bigint"}, {"name", "text"}},
		RangePages: 1,
		FilterKeys: [][]string{{"wedding_id"}},
	}, list, []vectorChunk{c})
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
	v := &vectors{
		Key:        NewKeyFile().Reveal(),
		Passphrase: testPassphrase.Reveal(),
		Recovery:   identity.Reveal(),
		Derived:    map[string]string{},
		ObjectKeys: map[string]string{},
	}
	created := time.Date(2026, 11, 23, 6, 53, 12, 0, time.UTC)
	h, k, err := Create(CreateOptions{
		Key:        keepsake.Secret(v.Key),
		Passphrase: testPassphrase,
		Recipient:  recipient,
		Created:    created,
	})
	if err != nil {
		t.Fatal(err)
	}
	w := vectorWriter{t, k, v, &Erasure{}}
	header, err := h.Encode()
	if err != nil {
		t.Fatal(err)
	}
	w.file("repository/"+HeaderKey, header)
	v.Root, v.MACInput = hex.EncodeToString(k.k().root[:]), hex.EncodeToString(h.canonical())
	for purpose, epoch := range map[string]uint16{
		"chunk ids": 1, "index ids": 1, "chunks": 1, "indexes": 1, "manifests": 1, "changes": 1, "undo": 1, "notes": 1,
		"erasures": 1,
		"header":   0,
	} {
		key, err := k.k().derive(purpose, epoch)
		if err != nil {
			t.Fatal(err)
		}
		v.Derived["keepsake 1 "+purpose+", epoch "+string('0'+rune(epoch))] = hex.EncodeToString(key)
	}
	m := testManifest(t, newPageStore(t), "20261123T065312Z-9f86d081a2b4")
	m.Repository = k.Repository()
	m.Schema = []Chunk{w.chunk([]byte("PGDMP stands for pg_dump's archive"), Chunk{})}
	m.Tables = w.tables()
	m.Objects = []LargeObject{{OID: 16400, Owner: "owner", Comment: "a contract"}}
	if err := m.Keep(t.Context(), w.page); err != nil {
		t.Fatal(err)
	}
	key, sealed, err := k.SealManifest(m)
	if err != nil {
		t.Fatal(err)
	}
	v.Manifest = key
	w.object(ObjectManifest, key, sealed)
	if key, sealed, err = k.SealErasure(w.erasure); err != nil {
		t.Fatal(err)
	}
	w.object(ObjectErasure, key, sealed)
	change := &Change{Slot: "keepsake", From: 0x16B374D848, To: 0x16B374D900, Body: []byte("commits")}
	for range 2 {
		if key, sealed, err = k.SealChange(change); err != nil {
			t.Fatal(err)
		}
		w.object(ObjectChange, key, sealed)
		change = &Change{
			Slot:   "keepsake",
			From:   change.To,
			To:     change.To + 0x100,
			Before: sha256.Sum256(sealed),
			Body:   []byte("more commits"),
		}
	}
	for name, plain := range sideVectors {
		kind := ObjectNote
		if name == undoVector {
			kind = ObjectUndo
		}
		sealed, err := k.SealObject(kind, name, []byte(plain))
		if err != nil {
			t.Fatal(err)
		}
		w.object(kind, name, sealed)
	}
	provider, err := k.NewIdentity("offsite", created)
	if err != nil {
		t.Fatal(err)
	}
	body, err := provider.Encode()
	if err != nil {
		t.Fatal(err)
	}
	w.file("repository/provider.json", body)
	w.written(h)
	w.computed()
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	w.file("vectors.json", append(data, '\n'))
}

// written seals one object with each packing, an index page and a manifest as a writer.
func (w vectorWriter) written(h Header) {
	writer := writerOf(w.t, h, w.k)
	key, err := w.k.WriterKey()
	if err != nil {
		w.t.Fatal(err)
	}
	v := writtenVectors{WriterKey: key.Reveal()}
	row, long := binaryRow(1, "Zoë & Łukasz"), binaryRow(3, string(bytes.Repeat([]byte("a long vow, "), 60)))
	for _, o := range []struct {
		kind   ObjectKind
		plain  []byte
		effort Effort
	}{{ObjectChunk, row, Thorough}, {ObjectChunk, long, Thorough}, {ObjectChunk, long, Fast},
		{ObjectIndex, []byte{byte(PageRanges)}, Thorough}} {
		id, sealed, err := writer.writeAs(o.kind, o.plain, o.effort)
		if err != nil {
			w.t.Fatal(err)
		}
		v.Objects = append(v.Objects, writtenVector{(&Ref{Kind: o.kind, ID: id}).Key(), o.kind, o.plain, sealed})
	}
	m := testManifest(w.t, newPageStore(w.t), "20261123T065312Z-0123456789ab-w")
	m.Repository = w.k.Repository()
	name, sealed, err := writer.SealManifest(m)
	if err != nil {
		w.t.Fatal(err)
	}
	plain, err := w.k.OpenObject(ObjectManifest, name, sealed, MaxManifestPlain)
	if err != nil {
		w.t.Fatal(err)
	}
	v.Objects = append(v.Objects, writtenVector{name, ObjectManifest, plain, sealed})
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		w.t.Fatal(err)
	}
	w.file("written.json", append(data, '\n'))
}

// computed fills in what has no object.
func (w vectorWriter) computed() {
	examples := `{"chunk_ids": [{"plain": ""}, {"plain": "cm93cw=="}],
		"row_hashes": [{"rows": []}, {"rows": ["AAIAAAABYQAAAAFi"]}, {"rows": ["YQo=", "Ygo="]}],
		"key_hashes": [{"columns": ["AAAAAAAAAAc="]}, {"columns": ["YWI=", "Yw=="]}, {"columns": ["YQ==", "YmM="]},
			{"columns": ["bxwfDm0KTw6cVQ1qP14rEQ=="]}],
		"pairs": [{"numbers": [0]}, {"numbers": [7, 8, 300]}, {"numbers": [1, 1099511627776, 1099511627777]}]}`
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
	for i := range w.v.Pairs {
		w.v.Pairs[i].Page = pairsOf(w.t, w.v.Pairs[i].Numbers)
	}
}
