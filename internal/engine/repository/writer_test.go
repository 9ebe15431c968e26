package repository

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// writerOf returns the keyring that a machine with nothing but the writer's key has.
func writerOf(t testing.TB, h Header, k *Keyring) *Keyring {
	t.Helper()
	key, err := k.WriterKey()
	if err != nil {
		t.Fatal(err)
	}
	w, err := h.Unlock(KeySource{Writer: key})
	if err != nil {
		t.Fatal(err)
	}
	if !w.WritesOnly() || k.WritesOnly() || w.Repository() != k.Repository() {
		t.Fatalf("a writer of %s", w.Repository())
	}
	return w
}

func TestAWriterSealsWhatItCannotOpen(t *testing.T) {
	t.Parallel()
	h, k, _ := testRepository(t)
	w, elsewhere := writerOf(t, h, k), writerOf(t, h, k)
	rapid.Check(t, func(t *rapid.T) {
		plain := bytes.Repeat(rapid.SliceOfN(rapid.Byte(), 0, 3000).Draw(t, "plain"), rapid.IntRange(1, 80).Draw(t, "times"))
		effort := rapid.SampledFrom([]Effort{Thorough, Fast}).Draw(t, "effort")
		id, sealed, err := w.writeAs(ObjectChunk, plain, effort)
		if err != nil {
			t.Fatal(err)
		}
		if len(sealed) > len(plain)+writtenOverhead {
			t.Fatalf("%d bytes sealed to %d", len(plain), len(sealed))
		}
		for name, open := range map[string]func([]byte, ChunkID, []byte, int) ([]byte, error){"whole": k.OpenChunk,
			"rows": k.OpenRows} {
			if got, err := open([]byte("before"), id, sealed, len(plain)); err != nil || string(got) != "before"+string(plain) {
				t.Fatalf("%s: %d bytes, %v", name, len(got), err)
			}
		}
		if _, err := w.OpenChunk(nil, id, sealed, len(plain)); keepsake.CodeOf(err) != keepsake.CodeWrongKey ||
			!strings.Contains(err.Error(), "can read none") {
			t.Fatalf("its writer opens it: %v", err)
		}
		// The same content is the same object, byte for byte, at whichever writer; with another packing it is another one.
		again, same, err := elsewhere.writeAs(ObjectChunk, plain, effort)
		if err != nil || again != id || !bytes.Equal(same, sealed) {
			t.Fatalf("sealed twice to %s and %s, %v", id, again, err)
		}
	})
}

func TestWhatAWriterSealedCannotBeChanged(t *testing.T) {
	t.Parallel()
	h, k, _ := testRepository(t)
	w := writerOf(t, h, k)
	id, sealed, err := w.writeAs(ObjectChunk, []byte("a row"), Thorough)
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := w.writeAs(ObjectChunk, []byte("another row"), Thorough)
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(sealed) * 8 {
		flipped := bytes.Clone(sealed)
		flipped[i/8] ^= 1 << (i % 8)
		if _, err := k.OpenRows(nil, id, flipped, 100); keepsake.CodeOf(err) != keepsake.CodeDamaged {
			t.Fatalf("bit %d: %v", i, err)
		}
	}
	for n := range sealed {
		if _, err := k.OpenRows(nil, id, sealed[:n], 100); keepsake.CodeOf(err) != keepsake.CodeDamaged {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
	_, err = k.OpenRows(nil, other, sealed, 100)
	wantDamaged(t, err, ErrAuthentication, other.String())
	_, err = k.OpenObject(ObjectNote, id.Key(), sealed, 100)
	wantDamaged(t, err, ErrAuthentication, id.String())

	// A key pair of low order, with which a stranger would know the shared secret.
	low := bytes.Clone(sealed)
	clear(low[prefixSize : prefixSize+publicSize])
	_, err = k.OpenRows(nil, id, low, 100)
	wantDamaged(t, err, ErrAuthentication, id.String())

	// Another repository's keys open nothing, and a chunk under an id that is not its own is found out.
	_, stranger, _ := testRepository(t)
	_, err = stranger.OpenRows(nil, id, sealed, 100)
	wantDamaged(t, err, ErrAuthentication, id.String())
	lie, err := w.k().sealWritten(ObjectChunk, 0, other.Key(), []byte("\x00a row"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = k.OpenRows(nil, other, lie, 100)
	wantDamaged(t, err, ErrWrongContent, other.String())
}

// writtenVectors are objects that a writer of the repository in testdata/v1 sealed. They must open for ever, and a
// writer must find its own again.
type writtenVectors struct {
	WriterKey string          `json:"writer_key"`
	Objects   []writtenVector `json:"objects"`
}

type writtenVector struct {
	Name   string     `json:"name"`
	Kind   ObjectKind `json:"kind"`
	Plain  []byte     `json:"plain"`
	Sealed []byte     `json:"sealed"`
}

func TestWhatWritersSealedOpensForEver(t *testing.T) {
	t.Parallel()
	var v writtenVectors
	if err := json.Unmarshal(readVector(t, "written.json"), &v); err != nil {
		t.Fatal(err)
	}
	h, err := ParseHeader(readVector(t, "repository/"+HeaderKey))
	if err != nil {
		t.Fatal(err)
	}
	k, err := h.Unlock(KeySource{Key: keepsake.Secret(readVectors(t).Key)})
	if err != nil {
		t.Fatal(err)
	}
	if key, err := k.WriterKey(); err != nil || key.Reveal() != v.WriterKey {
		t.Errorf("the writer's key is %q, %v", key.Reveal(), err)
	}
	for _, o := range v.Objects {
		if plain, err := k.OpenObject(o.Kind, o.Name, o.Sealed, len(o.Plain)); err != nil || !bytes.Equal(plain, o.Plain) {
			t.Errorf("%s: %q, %v", o.Name, plain, err)
		}
	}
	// Short contents are not compressed, so no other version of a library packs them otherwise.
	if id, sealed, err := writerOf(t, h, k).writeAs(ObjectChunk, v.Objects[0].Plain, Thorough); err != nil ||
		id.Key() != v.Objects[0].Name || !bytes.Equal(sealed, v.Objects[0].Sealed) {
		t.Errorf("sealed again: %s, %x, %v", id.Key(), sealed, err)
	}
}

// Whoever knows the public key alone, without what all writers share, seals nothing that opens.
func TestAPublicKeyAloneForgesNothing(t *testing.T) {
	t.Parallel()
	h, k, _ := testRepository(t)
	w := writerOf(t, h, k)
	guessed, err := newWriterKeys(make([]byte, keySize), w.k().writer.public, nil)
	if err != nil {
		t.Fatal(err)
	}
	forger := &keys{repository: w.k().repository, writer: guessed}
	name := ManifestKey("20261123T065312Z-9f86d081a2b4")
	forged, err := forger.sealWritten(ObjectManifest, 0, name, []byte("\x00{}"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = k.OpenObject(ObjectManifest, name, forged, 100)
	wantDamaged(t, err, ErrAuthentication, "20261123T065312Z-9f86d081a2b4")
}

func TestAWriterPublishesARecoveryPoint(t *testing.T) {
	t.Parallel()
	h, k, _ := testRepository(t)
	m := testManifest(t, newPageStore(t), "20261123T065312Z-9f86d081a2b4-w")
	m.Repository = k.Repository()
	key, sealed, err := writerOf(t, h, k).SealManifest(m)
	if err != nil {
		t.Fatal(err)
	}
	if n := binary.BigEndian.Uint16(sealed[6:]); n != writerEpoch {
		t.Errorf("it is of epoch %d", n)
	}
	if got, err := k.OpenManifest(key, sealed); err != nil || got.ID != m.ID {
		t.Errorf("%v, %v", got, err)
	}
	// A name says who sealed it: neither takes the place of the other.
	m.ID = strings.TrimSuffix(m.ID, written)
	if _, _, err := writerOf(t, h, k).SealManifest(m); keepsake.CodeOf(err) != keepsake.CodeInternal {
		t.Errorf("under the repository's name: %v", err)
	}
	forged, err := writerOf(t, h, k).SealObject(ObjectManifest, ManifestKey(m.ID), []byte(asJSON(t, m)))
	if err != nil {
		t.Fatal(err)
	}
	_, err = k.OpenManifest(ManifestKey(m.ID), forged)
	wantDamaged(t, err, ErrAuthentication, m.ID)
	_, own, err := k.SealManifest(m)
	if err != nil {
		t.Fatal(err)
	}
	_, err = k.OpenManifest(key, own)
	wantDamaged(t, err, ErrAuthentication, m.ID)
}

func TestWriterKeysThatAreNone(t *testing.T) {
	t.Parallel()
	h, k, src := testRepository(t)
	good, err := k.WriterKey()
	if err != nil {
		t.Fatal(err)
	}
	if !IsWriterKey(" "+good+"\n") || IsWriterKey(src.Key) {
		t.Errorf("%q is no writer's key, or %q one", good.Reveal(), src.Key.Reveal())
	}
	text := []byte(good.Reveal())
	for i := len(writerPrefix); i < len(text); i++ {
		wrong := bytes.Clone(text)
		wrong[i] = 'A' + (wrong[i]+1)%26
		if _, err := h.Unlock(KeySource{Writer: keepsake.Secret(wrong)}); bytes.Equal(wrong, text) ||
			keepsake.CodeOf(err) != keepsake.CodeInvalid || strings.Contains(err.Error(), string(wrong[20:40])) {
			t.Fatalf("character %d: %v", i, err)
		}
	}
	if _, err := h.Unlock(KeySource{Writer: good[:90]}); keepsake.CodeOf(err) != keepsake.CodeInvalid ||
		!strings.Contains(err.Error(), "90 characters found, 130 expected") {
		t.Errorf("cut short: %v", err)
	}
	other, _, _ := testRepository(t)
	if _, err := other.Unlock(KeySource{Writer: good}); keepsake.CodeOf(err) != keepsake.CodeWrongKey ||
		!strings.Contains(err.Error(), k.Repository()) {
		t.Errorf("at another repository: %v", err)
	}
	// Beside a key that opens, it is of no interest.
	if both, err := h.Unlock(KeySource{Key: src.Key, Writer: good}); err != nil || both.WritesOnly() {
		t.Errorf("beside the key: %v", err)
	}
	w := writerOf(t, h, k)
	if said := fmt.Sprintf("%v %+v %#v", w, w, w); !strings.Contains(said, "[secret]") ||
		strings.Contains(said, string(text[30:50])) {
		t.Errorf("it prints itself: %s", said)
	}
	w.Wipe()
	if _, _, err := w.writeAs(ObjectChunk, []byte("row"), Fast); keepsake.CodeOf(err) != keepsake.CodeInternal {
		t.Errorf("it seals without keys: %v", err)
	}
	if _, err := w.WriterKey(); keepsake.CodeOf(err) != keepsake.CodeInternal {
		t.Errorf("it has a key after all: %v", err)
	}
}

// TestAWriterSealsBackupsOnly: what says how the repository is used, who may sign in or what an undo brings back, is
// sealed with the repository's own key.
func TestAWriterSealsBackupsOnly(t *testing.T) {
	t.Parallel()
	h, k, _ := testRepository(t)
	w := writerOf(t, h, k)
	for _, kind := range []ObjectKind{ObjectChange, ObjectUndo, ObjectNote} {
		if _, err := w.SealObject(kind, "notes/forged", []byte("mine")); keepsake.CodeOf(err) != keepsake.CodeWrongKey {
			t.Errorf("a writer seals a %s: %v", kind, err)
		}
		// as somebody would who writes a program of their own
		forged, err := w.k().sealWritten(kind, 0, "notes/forged", []byte("\x00mine"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = k.OpenObject(kind, "notes/forged", forged, 100)
		wantDamaged(t, err, ErrAuthentication, "forged")
		if !IsWritten(forged) {
			t.Errorf("the %s does not say who sealed it", kind)
		}
	}
}
