package repository

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// What the format gained after the first vectors has vectors in files of its own. They must open for ever, too.

// turnVectors are objects of the repository in testdata/v1 under names of later turns.
type turnVectors struct {
	Objects []turnVector `json:"objects"`
}

type turnVector struct {
	Name   string     `json:"name"`
	Kind   ObjectKind `json:"kind"`
	Turn   Turn       `json:"turn"`
	Plain  []byte     `json:"plain"`
	Sealed []byte     `json:"sealed"`
}

// removalVector is a removal list of that repository.
type removalVector struct {
	Name     string `json:"name"`
	Document string `json:"document"`
	Sealed   []byte `json:"sealed"`
}

func vectorKeys(t testing.TB) (Header, *Keyring) {
	t.Helper()
	h, err := ParseHeader(readVector(t, "repository/"+HeaderKey))
	if err != nil {
		t.Fatal(err)
	}
	k, err := h.Unlock(KeySource{Key: keepsake.Secret(readVectors(t).Key)})
	if err != nil {
		t.Fatal(err)
	}
	return h, k
}

// TestWriteLaterVectors writes the files that are not there.
func TestWriteLaterVectors(t *testing.T) {
	if !*writeVectors {
		t.Skip("only with -write-vectors, once for each file")
	}
	h, k := vectorKeys(t)
	for name, v := range map[string]any{"turns.json": turnsOf(t, k, writerOf(t, h, k)), "removal.json": removalOf(t, k)} {
		path := filepath.Join(vectorDir, name)
		if _, err := os.Stat(path); err == nil {
			continue
		}
		data, err := json.MarshalIndent(v, "", "  ")
		if err == nil {
			err = os.WriteFile(path, append(data, '\n'), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// turnsOf seals a chunk and an index page at some turns, with the repository's key and as a writer.
func turnsOf(t *testing.T, k, writer *Keyring) (v turnVectors) {
	plains := map[ObjectKind][]byte{ObjectChunk: binaryRow(7, "Ada & Grace"), ObjectIndex: {byte(PageRanges)}}
	for _, kind := range []ObjectKind{ObjectChunk, ObjectIndex} {
		for _, turn := range []Turn{1, 2, Turns - 1} {
			for _, by := range []*Keyring{k, writer} {
				left := int(turn) // names before this one are condemned
				condemned := func(ChunkID) bool { left--; return left >= 0 }
				plain := plains[kind]
				var r Ref
				var sealed []byte
				var err error
				if by.WritesOnly() {
					r, sealed, err = by.SealWritten(kind, plain, Thorough, condemned)
				} else if r, err = by.Name(kind, plain, condemned); err == nil {
					sealed, err = by.Seal(nil, &r, plain, Thorough)
				}
				if err != nil || r.Turn != turn {
					t.Fatalf("turn %d, %v", r.Turn, err)
				}
				v.Objects = append(v.Objects, turnVector{r.Key(), kind, turn, plain, sealed})
			}
		}
	}
	return v
}

func removalOf(t *testing.T, k *Keyring) removalVector {
	at := time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC)
	l := &Removal{
		Format:     FormatVersion,
		Repository: k.Repository(),
		ID:         "20261201T030000Z-00000000000e",
		Time:       at,
		Due:        at.Add(24 * time.Hour),
		Expires:    at.Add(8 * 24 * time.Hour),
		Providers:  []string{"00000000000000000000000000000001", "00000000000000000000000000000002"},
		Points:     []RemovedPoint{{"20261123T065312Z-9f86d081a2b4", "a newer one of that hour stays"}},
		Chunks:     IDs{k.ChunkID([]byte("a")), k.ChunkID([]byte("b"))},
		Pages:      IDs{k.PageID([]byte("a"))},
		LeftOver:   IDs{k.ChunkID([]byte("c"))},
		LeftPages:  IDs{},
	}
	name, sealed, err := k.SealRemoval(l)
	if err != nil {
		t.Fatal(err)
	}
	document, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	return removalVector{name, string(document), sealed}
}

// TestLaterVectorsOpen opens the objects of turns and the removal list, and makes their names again.
func TestLaterVectorsOpen(t *testing.T) {
	t.Parallel()
	h, k := vectorKeys(t)
	writer := writerOf(t, h, k)
	var turns turnVectors
	if err := json.Unmarshal(readVector(t, "turns.json"), &turns); err != nil {
		t.Fatal(err)
	}
	for i, again := range turnsOf(t, k, writer).Objects {
		o := turns.Objects[i]
		if again.Name != o.Name || IsWritten(o.Sealed) && !bytes.Equal(again.Sealed, o.Sealed) {
			t.Errorf("turn %d of kind %d is named %s, not %s, or sealed otherwise", o.Turn, o.Kind, again.Name, o.Name)
		}
		r := Ref{Kind: o.Kind, Plain: int64(len(o.Plain)), Size: int64(len(o.Sealed))}
		if o.Kind == ObjectChunk {
			r.Kind = 0
		}
		if err := unhex(r.ID[:], []byte(o.Name[len(o.Name)-64:])); err != nil {
			t.Fatal(err)
		}
		if got, err := k.Open(nil, &r, o.Sealed); err != nil || !bytes.Equal(got, o.Plain) {
			t.Errorf("%s: %q, %v", o.Name, got, err)
		}
	}
	var list removalVector
	if err := json.Unmarshal(readVector(t, "removal.json"), &list); err != nil {
		t.Fatal(err)
	}
	for _, by := range []*Keyring{k, writer} {
		l, err := by.OpenRemoval(list.Name, list.Sealed)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(l.Chunks, IDs{k.ChunkID([]byte("a")), k.ChunkID([]byte("b"))}) || asJSON(t, l) != list.Document {
			t.Errorf("%+v", l)
		}
	}
}
