package repository

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/keepsake"
)

var noon = time.Date(2026, 11, 23, 6, 53, 12, 345000, time.UTC)

// testManifest is a sound manifest with a bit of everything.
func testManifest(k *Keyring, id string) *Manifest {
	chunk := func(seed string, rows int64, filters ...Filter) Chunk {
		return Chunk{ID: k.ChunkID([]byte(seed)), Size: 1000, Plain: 3000, Rows: rows, Filters: filters}
	}
	f := NewFilter(map[KeyHash]struct{}{HashKey([]byte("7")): {}})
	return &Manifest{
		Format: 1, Repository: k.Repository(), ID: id, Time: noon, Type: keepsake.BackupFull, Note: "before <b>the</b> season",
		Labels: map[string]string{"app": "1.2"}, Tool: "test",
		Source: Source{Database: "wedsync", Server: "15.4", ServerNum: 150004, Encoding: "UTF8", LSN: "0/1"},
		Schema: []Chunk{chunk("schema", 0)},
		Tables: []Table{
			{
				Name: Name{"public", `we"ddings, größer`}, Kind: KindTable, Tier: keepsake.TierCritical, Format: FormatBinary,
				Columns: []Column{{"id", "bigint"}}, Rows: 6, Hash: RowHash{0, 3}, FilterKeys: [][]string{{"id"}}, RangePages: 1024,
				Ranges: []Range{
					{From: 0, To: 1024, Rows: 5, Hash: RowHash{0, 1}, Chunks: []Chunk{chunk("a", 4, f), {ID: k.ChunkID([]byte("b")), Size: 90, Plain: 80, Rows: 1, Continues: true}}},
					{From: 1024, Rows: 1, Hash: RowHash{0, 2}, Chunks: []Chunk{chunk("c", 1, f)}},
				},
			},
			{Name: Name{"public", "empty"}, Kind: KindPartition, Tier: keepsake.TierStandard, Format: FormatText, Ranges: []Range{{}}},
			{Name: Name{"public", "none"}, Kind: KindTable, Tier: keepsake.TierStandard, Format: FormatText},
		},
		Sequences: []Sequence{{Name: Name{"public", "s"}, Last: 9, Called: true}},
	}
}

func TestSealAndOpenManifest(t *testing.T) {
	t.Parallel()
	_, k, _ := testRepository(t)
	m := testManifest(k, NewManifestID(noon))
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

	other := testManifest(k, NewManifestID(noon))
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
	_, k, _ := testRepository(t)
	for name, c := range map[string]struct {
		change func(*Manifest)
		says   string
	}{
		"repository":        {func(m *Manifest) { m.Repository = "other" }, `repository "other"`},
		"id":                {func(m *Manifest) { m.ID = "20261123T065312Z-9f86d081a2b4" }, "recovery point"},
		"time":              {func(m *Manifest) { m.Time = time.Time{} }, "snapshot"},
		"gap":               {func(m *Manifest) { m.Tables[0].Ranges[1].From = 1025 }, "begin at page 1024"},
		"overlap":           {func(m *Manifest) { m.Tables[0].Ranges[1].From = 1000 }, "begin at page 1024"},
		"late start":        {func(m *Manifest) { m.Tables[0].Ranges[0].From = 1 }, "begin at page 0"},
		"order":             {func(m *Manifest) { slices.Reverse(m.Tables[0].Ranges) }, "begin at page 0"},
		"closed end":        {func(m *Manifest) { m.Tables[0].Ranges[1].To = 2048 }, "open-ended"},
		"open in between":   {func(m *Manifest) { m.Tables[0].Ranges[0].To = 0 }, "ends at page 0"},
		"range lost":        {func(m *Manifest) { m.Tables[0].Ranges = m.Tables[0].Ranges[:1] }, "open-ended"},
		"first range lost":  {func(m *Manifest) { m.Tables[0].Ranges = m.Tables[0].Ranges[1:] }, "begin at page 0"},
		"chunk lost":        {func(m *Manifest) { m.Tables[0].Ranges[1].Chunks = nil }, "hold 0 rows, not 1"},
		"rows":              {func(m *Manifest) { m.Tables[0].Rows = 7 }, "6 rows"},
		"negative rows":     {func(m *Manifest) { m.Tables[0].Ranges[0].Rows = -1 }, "-1 rows"},
		"hash":              {func(m *Manifest) { m.Tables[0].Hash.Hi++ }, "with hash"},
		"size":              {func(m *Manifest) { m.Schema[0].Size = -1 }, "-1 bytes"},
		"huge":              {func(m *Manifest) { m.Schema[0].Size = MaxChunkSealed + 1 }, "are possible"},
		"plain":             {func(m *Manifest) { m.Schema[0].Plain = -1 }, "holds -1 bytes"},
		"huge plain":        {func(m *Manifest) { m.Tables[0].Ranges[0].Chunks[0].Plain = MaxChunkPlain + 1 }, "are possible"},
		"filters":           {func(m *Manifest) { m.Tables[0].FilterKeys = nil }, "filters for 0"},
		"too many dropped":  {func(m *Manifest) { m.Tables[0].Ranges[0].Chunks[0].Dropped = Runs{0, 100} }, "is dropped"},
		"dropped, no runs":  {func(m *Manifest) { m.Tables[0].Ranges[0].Chunks[0].Dropped = Runs{0x80} }, "cut short"},
		"dropped unsaid":    {func(m *Manifest) { m.Tables[0].Ranges[0].Chunks[0].Dropped = Runs{0, 1} }, "hold"},
		"first continues":   {func(m *Manifest) { m.Tables[0].Ranges[0].Chunks[0].Continues = true }, "nothing began"},
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
			m := testManifest(k, id)
			c.change(m)
			if m.ID == id { // a writer cannot know what its name should have been
				_, _, err := k.SealManifest(m)
				wantCode(t, err, keepsake.CodeInternal)
				if !strings.Contains(err.Error(), c.says) {
					t.Errorf("%q does not say %q", err, c.says)
				}
			}
			if strings.Contains(name, "UTF-8") {
				return // JSON cannot hold it
			}
			sealed, err := k.SealObject(ObjectManifest, ManifestKey(id), []byte(asJSON(t, m)))
			if err != nil {
				t.Fatal(err)
			}
			_, err = k.OpenManifest(ManifestKey(id), sealed)
			wantDamaged(t, err, ErrWrongContent, id)
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("%q does not say %q", err, c.says)
			}
		})
	}
}

func TestManifestVersions(t *testing.T) {
	t.Parallel()
	_, k, _ := testRepository(t)
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
	later := strings.Replace(asJSON(t, testManifest(k, id)), `{"format":1`, `{"from_the_future":{"a":[1]},"format":1`, 1)
	if m, err := open(later); err != nil || len(m.Tables) != 3 {
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
	for _, key := range []string{"", "manifests/", "manifests/x", ids[0], "chunks/" + ids[0], "manifests/" + ids[0] + ".tmp", "manifests/a/" + ids[0],
		"manifests/20261323T065312Z-9f86d081a2b4", "manifests/20261123T065312Z-9F86D081A2B4"} {
		if _, err := ParseManifestKey(key); keepsake.CodeOf(err) != keepsake.CodeInvalid {
			t.Errorf("%q: %v", key, err)
		}
	}
}

func TestEachChunk(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var m Manifest
		var want []int64
		chunks := func(name string) []Chunk {
			var list []Chunk
			for range rapid.IntRange(0, 4).Draw(t, name) {
				want = append(want, int64(len(want)))
				list = append(list, Chunk{Size: want[len(want)-1]})
			}
			return list
		}
		m.Schema = chunks("schema")
		for i := range rapid.IntRange(0, 4).Draw(t, "tables") {
			m.Tables = append(m.Tables, Table{})
			for j := range rapid.IntRange(0, 4).Draw(t, "ranges") {
				m.Tables[i].Ranges = append(m.Tables[i].Ranges, Range{Chunks: chunks(fmt.Sprintf("range %d", j))})
			}
		}
		var got []int64
		if err := m.EachChunk(func(c *Chunk) error { got = append(got, c.Size); c.Size = -1; return nil }); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("visited %v of %v", got, want)
		}
		stop := errors.New("stop")
		visits := 0
		err := m.EachChunk(func(c *Chunk) error {
			visits++
			if c.Size != -1 {
				t.Fatal("the callback got a copy")
			}
			return stop
		})
		if len(want) > 0 && (visits != 1 || !errors.Is(err, stop)) {
			t.Fatalf("%d visits after an error: %v", visits, err)
		}
	})
}

// Filters lie behind the document; what is there must be exactly what the document says.
func TestFiltersLieBehindTheDocument(t *testing.T) {
	t.Parallel()
	_, k, _ := testRepository(t)
	const id = "20261123T065312Z-9f86d081a2b4"
	m := testManifest(k, id)
	m.Repository = strings.Repeat("0", 32)
	stored, err := encodeManifest(m)
	if err != nil {
		t.Fatal(err)
	}
	document, filters, found := bytes.Cut(stored, []byte{'\n'})
	if !found || len(filters) == 0 || bytes.Contains(document, []byte(`"filters"`)) {
		t.Fatalf("%s and %d bytes of filters", document, len(filters))
	}
	got, err := decodeManifest(stored, m.Repository, id)
	if err != nil || asJSON(t, got) != asJSON(t, m) {
		t.Errorf("%v: %s", err, asJSON(t, got))
	}
	twice := bytes.Replace(document, []byte(`"filter_sizes"`), []byte(`"filters":["CA=="],"filter_sizes"`), 1)
	for name, plain := range map[string][]byte{
		"cut short": stored[:len(stored)-1], "longer": append(slices.Clone(stored), 0), "none": document, "twice": append(append(twice, '\n'), filters...),
		"a size too large": bytes.Replace(stored, []byte(`"filter_sizes":[`), []byte(`"filter_sizes":[4`), 1),
	} {
		if _, err := decodeManifest(plain, m.Repository, id); keepsake.CodeOf(err) != keepsake.CodeDamaged {
			t.Errorf("filters %s: %v", name, err)
		}
	}
}

func FuzzDecodeManifest(f *testing.F) {
	_, k, _ := testRepository(f)
	const id = "20261123T065312Z-9f86d081a2b4"
	repository := strings.Repeat("0", 32)
	m := testManifest(k, id)
	m.Repository = repository
	f.Add([]byte(asJSON(f, m)))
	stored, err := encodeManifest(m)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(stored)
	f.Add([]byte(`{"format":1,"tables":[{"ranges":[{"from":4294967295,"to":1}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := decodeManifest(data, repository, id)
		if err != nil {
			if c := keepsake.CodeOf(err); c != keepsake.CodeDamaged && c != keepsake.CodeUnsupported {
				t.Errorf("code %s", c)
			}
			return
		}
		stored, err := encodeManifest(m)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := decodeManifest(stored, repository, id); err != nil || asJSON(t, again) != asJSON(t, m) {
			t.Errorf("what was written does not read the same again: %v", err)
		}
		if again, err := decodeManifest([]byte(asJSON(t, m)), repository, id); err != nil || asJSON(t, again) != asJSON(t, m) {
			t.Errorf("what was read does not read the same again: %v", err)
		}
	})
}

func FuzzOpenManifest(f *testing.F) {
	_, k, _ := testRepository(f)
	key, sealed, err := k.SealManifest(testManifest(k, NewManifestID(noon)))
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
