package repository

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
)

var noon = time.Date(2026, 11, 23, 6, 53, 12, 345000, time.UTC)

// testManifest is a sound manifest with a bit of everything.
// Its tables' lists are kept in s, and none of what Load reads.
func testManifest(t fataler, s *pageStore, id string) *Manifest {
	chunk := func(seed string, rows int64) Chunk {
		return Chunk{Ref: Ref{ID: s.k.ChunkID([]byte(seed)), Size: 1000, Plain: 3000}, Rows: rows}
	}
	m := &Manifest{
		Format:     1,
		Repository: s.k.Repository(),
		ID:         id,
		Time:       noon,
		Type:       keepsake.BackupFull,
		Note:       "before <b>the</b> season",
		Labels:     map[string]string{"app": "1.2"},
		Tool:       "test",
		Source:     Source{Database: "wedsync", Server: "15.4", ServerNum: 150004, Encoding: "UTF8", LSN: "0/1"},
		Schema:     []Chunk{chunk("schema", 0)},
		Tables: []Table{
			{
				Name:       Name{"public", `we"ddings, größer`},
				Kind:       KindTable,
				Tier:       keepsake.TierCritical,
				Format:     FormatBinary,
				Columns:    []Column{{"id", "bigint"}},
				FilterKeys: [][]string{{"id"}},
				RangePages: 1024,
			},
			{Name: Name{"public", "empty"}, Kind: KindPartition, Tier: keepsake.TierStandard, Format: FormatText},
			{Name: Name{"public", "none"}, Kind: KindTable, Tier: keepsake.TierStandard, Format: FormatText},
		},
		Sequences: []Sequence{{Name: Name{"public", "s"}, Last: 9, Called: true}},
		Facts:     Facts{Roles: []string{"owner"}},
	}
	ranges := [][]Range{
		{
			{From: 0, To: 1024, Rows: 5, Hash: RowHash{0, 1}, Chunks: []Chunk{chunk("a", 4),
				{Ref: Ref{ID: s.k.ChunkID([]byte("b")), Size: 90, Plain: 80}, Rows: 1, Continues: true}}},
			{From: 1024, Rows: 1, Hash: RowHash{0, 2}, Chunks: []Chunk{chunk("c", 1)}},
		},
		{{}},
	}
	for i := range ranges {
		lists := writeRanges(t, s, ranges[i])
		table := &m.Tables[i]
		table.Rows, table.Hash, table.Chunks, table.Bytes, table.Stored = lists.Rows, lists.Hash, lists.Chunks, lists.Bytes,
			lists.Stored
		table.Ranges = lists.Ranges
	}
	slots := NewSlotWriter(s.store, nil)
	if err := slots.Set(context.Background(), 1024, []Placed{{s.k.ChunkID([]byte("c")), Runs{0, 1}}}); err != nil {
		t.Fatal(err)
	}
	var err error
	if m.Tables[0].Slots, err = slots.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	runs := runOf(t, s, []drawnChunk{{s.k.ChunkID([]byte("a")), [][]KeyHash{{7}}, -1},
		{s.k.ChunkID([]byte("c")), [][]KeyHash{{8}}, -1}}, 1)
	if m.Tables[0].Runs, err = WriteRuns(context.Background(), s.store, []*Run{runs}); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestSealAndOpenManifest(t *testing.T) {
	t.Parallel()
	s := newPageStore(t)
	k := s.k
	m := testManifest(t, s, NewManifestID(noon))
	key, sealed, err := k.SealManifest(m)
	if err != nil {
		t.Fatal(err)
	}
	if key != "manifests/"+m.ID {
		t.Errorf("key %q", key)
	}
	got, err := k.OpenManifest(key, sealed)
	if err != nil {
		t.Fatal(err)
	}
	if want, have := asJSON(t, m), asJSON(t, got); want != have {
		t.Errorf("another manifest came back:\n%s\n%s", want, have)
	}
	if bytes.Contains(sealed, []byte("wedsync")) {
		t.Error("the manifest is readable")
	}
	for i := range sealed {
		sealed[i] ^= 0x10
		_, err := k.OpenManifest(key, sealed)
		if !errors.Is(err, ErrTruncated) || i < 8 || i >= 12 {
			wantDamaged(t, err, ErrAuthentication, "manifest "+m.ID)
		}
		sealed[i] ^= 0x10
		_, err = k.OpenManifest(key, sealed[:i])
		wantDamaged(t, err, ErrTruncated, "manifest "+m.ID)
	}
	_, stranger, _ := testRepository(t)
	_, err = stranger.OpenManifest(key, sealed)
	wantDamaged(t, err, ErrAuthentication, m.ID)

	other := testManifest(t, s, NewManifestID(noon))
	otherKey, otherSealed, err := k.SealManifest(other)
	if err != nil {
		t.Fatal(err)
	}
	_, err = k.OpenManifest(key, otherSealed)
	wantDamaged(t, err, ErrAuthentication, m.ID)
	_, err = k.OpenManifest(otherKey, sealed)
	wantDamaged(t, err, ErrAuthentication, other.ID)
	_, err = k.OpenManifest("manifests/readme.txt", sealed)
	wantCode(t, err, keepsake.CodeInvalid)
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestManifestChecks breaks one rule at a time. Neither may the writer publish such a manifest nor a reader rely on it.
func TestManifestChecks(t *testing.T) {
	t.Parallel()
	s := newPageStore(t)
	for name, c := range map[string]struct {
		change func(*Manifest)
		says   string
	}{
		"repository":        {func(m *Manifest) { m.Repository = "other" }, `repository "other"`},
		"id":                {func(m *Manifest) { m.ID = "20261123T065312Z-9f86d081a2b4" }, "recovery point"},
		"time":              {func(m *Manifest) { m.Time = time.Time{} }, "snapshot"},
		"rows":              {func(m *Manifest) { m.Tables[0].Rows = 7 }, "has 7 with"},
		"negative rows":     {func(m *Manifest) { m.Tables[0].Rows = -1 }, "-1 rows"},
		"hash":              {func(m *Manifest) { m.Tables[0].Hash.Hi++ }, "and hash"},
		"size":              {func(m *Manifest) { m.Schema[0].Size = -1 }, "-1 bytes"},
		"plain":             {func(m *Manifest) { m.Schema[0].Plain = -1 }, "holds -1 bytes"},
		"no ranges":         {func(m *Manifest) { m.Tables[0].Ranges = List{} }, "with 0 rows"},
		"format":            {func(m *Manifest) { m.Tables[0].Format = "csv" }, `"csv" is unknown`},
		"kind":              {func(m *Manifest) { m.Tables[0].Kind = "view" }, `"view" is unknown`},
		"twice":             {func(m *Manifest) { m.Tables[2].Name = m.Tables[1].Name }, "there twice"},
		"name not UTF-8":    {func(m *Manifest) { m.Tables[1].Name.Name = "caf\xe9" }, "not UTF-8"},
		"column not UTF-8":  {func(m *Manifest) { m.Tables[0].Columns[0].Name = "caf\xe9" }, "not UTF-8"},
		"nameless sequence": {func(m *Manifest) { m.Sequences[0].Name.Name = "" }, "empty"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id := NewManifestID(noon)
			m := testManifest(t, s, id)
			c.change(m)
			if m.ID == id && name != "rows" && name != "hash" && name != "no ranges" { // whoever wrote the ranges knows them
				err := m.Keep(t.Context(), s.store)
				if err == nil {
					_, _, err = s.k.SealManifest(m)
				}
				wantCode(t, err, keepsake.CodeInternal)
				if !strings.Contains(err.Error(), c.says) {
					t.Errorf("%q does not say %q", err, c.says)
				}
			}
			if strings.Contains(name, "UTF-8") {
				return // JSON cannot hold it
			}
			if err := readBroken(t, s, m, id); !errors.Is(err, ErrWrongContent) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v does not say %q", err, c.says)
			}
		})
	}
}

// readBroken writes a manifest without looking at it and reads it again.
func readBroken(t *testing.T, s *pageStore, m *Manifest, id string) (err error) {
	if m.Index.Tables, err = writeDocuments(t.Context(), s.store, m.Tables); err != nil {
		t.Fatal(err)
	}
	if m.Index.Sequences, err = writeDocuments(t.Context(), s.store, m.Sequences); err != nil {
		t.Fatal(err)
	}
	if m.Index.Facts, err = writeDocuments(t.Context(), s.store, []Facts{m.Facts}); err != nil {
		t.Fatal(err)
	}
	sealed, err := s.k.SealObject(ObjectManifest, ManifestKey(id), []byte(asJSON(t, m)))
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.k.OpenManifest(ManifestKey(id), sealed)
	if err == nil {
		err = got.Load(t.Context(), s.fetch)
	}
	if err != nil {
		return err
	}
	for _, err := range got.Tables[0].EachRange(t.Context(), s.fetch) {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestManifestVersions(t *testing.T) {
	t.Parallel()
	s := newPageStore(t)
	k := s.k
	id := NewManifestID(noon)
	open := func(plain string) (*Manifest, error) {
		sealed, err := k.SealObject(ObjectManifest, ManifestKey(id), []byte(plain))
		if err != nil {
			t.Fatal(err)
		}
		return k.OpenManifest(ManifestKey(id), sealed)
	}
	_, err := open(`{"format": 2, "tables": "of another shape"}`)
	wantCode(t, err, keepsake.CodeUnsupported)
	_, err = open(`not JSON`)
	wantDamaged(t, err, ErrWrongContent, id)
	later := strings.Replace(asJSON(t, testManifest(t, s, id)), `{"format":1`, `{"from_the_future":{"a":[1]},"format":1`,
		1)
	if m, err := open(later); err != nil || m.Source.Server != "15.4" {
		t.Errorf("an unknown field was not passed over: %v", err)
	}
}

func TestManifestIDs(t *testing.T) {
	t.Parallel()
	var ids []string
	for i := range 50 {
		at := noon.Add(time.Duration(i) * 37 * time.Hour).In(time.FixedZone("", 5*3600))
		id := NewManifestID(at)
		if got, err := ManifestTime(id); err != nil || !got.Equal(at.Truncate(time.Second)) {
			t.Errorf("%s was made at %s, reads %s, %v", id, at, got, err)
		}
		if back, err := ParseManifestKey(ManifestKey(id)); err != nil || back != id {
			t.Errorf("%q, %v", back, err)
		}
		ids = append(ids, id)
	}
	if !sort.StringsAreSorted(ids) || !strings.HasPrefix(ids[0], "20261123T065312Z-") || len(ids[0]) != 29 {
		t.Errorf("ids do not sort by time: %v", ids)
	}
	early, late := NewManifestID(noon.Truncate(time.Second)), NewManifestID(noon.Truncate(time.Second).Add(time.Second-1))
	if middle := NewManifestID(noon.Add(time.Millisecond)); early >= middle || middle >= late || late[:17] != early[:17] {
		t.Errorf("ids of one second do not sort: %s %s %s", early, middle, late)
	}
	for _, key := range []string{"", "manifests/", "manifests/x", ids[0], "chunks/" + ids[0], "manifests/" + ids[0] +
		".tmp", "manifests/a/" + ids[0],
		"manifests/20261323T065312Z-9f86d081a2b4", "manifests/20261123T065312Z-9F86D081A2B4"} {
		if _, err := ParseManifestKey(key); keepsake.CodeOf(err) != keepsake.CodeInvalid {
			t.Errorf("%q: %v", key, err)
		}
	}
}

// TestIDsNeverGoBack: whatever time a clock says, the next id sorts behind the newest.
func TestIDsNeverGoBack(t *testing.T) {
	t.Parallel()
	newest := ""
	for _, at := range []time.Duration{0, 48 * time.Hour, time.Hour, time.Hour, 49 * time.Hour, -time.Hour} {
		id := NextID(noon.Add(at), newest)
		if _, err := ManifestTime(id); err != nil || id[:21] <= newest[:min(21, len(newest))] {
			t.Errorf("%s does not come after %s: %v", id, newest, err)
		}
		newest = id
	}
	if id := NextID(noon, "20261130T235959Z-ffff00000000-w"); !strings.HasPrefix(id, "20261201T000000Z-0000") {
		t.Errorf("behind the end of a day comes %s", id)
	}
	if id := NextID(noon, NewManifestID(noon.Add(-time.Hour))); !strings.HasPrefix(id, "20261123T065312Z-") {
		t.Errorf("behind an id of before comes %s, want one of now", id)
	}
	for _, none := range []string{"", "99991231T235959Z-ffff00000000", "no id"} {
		if id := NextID(noon, none); !strings.HasPrefix(id, "20261123T065312Z-") {
			t.Errorf("behind %q comes %s, want an id of now", none, id)
		}
	}
}

func FuzzDecodeManifest(f *testing.F) {
	s := newPageStore(f)
	const id = "20261123T065312Z-9f86d081a2b4"
	repository := strings.Repeat("0", 32)
	m := testManifest(f, s, id)
	m.Repository = repository
	if err := m.Keep(f.Context(), s.store); err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(asJSON(f, m)))
	f.Add([]byte(`{"format":1,"index":{"tables":{"page":"BA==","height":-1}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := decodeManifest(data, repository, id)
		if err != nil {
			if c := keepsake.CodeOf(err); c != keepsake.CodeDamaged && c != keepsake.CodeUnsupported {
				t.Errorf("code %s", c)
			}
			return
		}
		_ = m.Load(t.Context(), s.fetch)
		if again, err := decodeManifest([]byte(asJSON(t, m)), repository, id); err != nil ||
			asJSON(t, again) != asJSON(t, m) {
			t.Errorf("what was read does not read the same again: %v", err)
		}
	})
}

func FuzzOpenManifest(f *testing.F) {
	s := newPageStore(f)
	k := s.k
	key, sealed, err := k.SealManifest(testManifest(f, s, NewManifestID(noon)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(key, sealed)
	f.Add("manifests/x", []byte(magic))
	f.Fuzz(func(t *testing.T, key string, data []byte) {
		if _, err := k.OpenManifest(key, data); err == nil && !bytes.Equal(data, sealed) {
			t.Error("forged bytes opened")
		}
	})
}
