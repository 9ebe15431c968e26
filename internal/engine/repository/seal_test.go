package repository

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/keepsake"
)

func sealChunk(t testing.TB, k *Keyring, plain []byte) (ChunkID, []byte) {
	t.Helper()
	id := k.ChunkID(plain)
	sealed, err := k.SealChunk(nil, id, plain, Thorough)
	if err != nil {
		t.Fatal(err)
	}
	return id, sealed
}

// wantDamaged checks the cause, the code and that a person learns which object it is.
func wantDamaged(t testing.TB, err, cause error, names string) {
	t.Helper()
	if !errors.Is(err, cause) || keepsake.CodeOf(err) != keepsake.CodeDamaged || !strings.Contains(err.Error(), names) {
		t.Fatalf("want damage (%v) that names %q, have %v", cause, names, err)
	}
}

func TestSealAndOpenChunk(t *testing.T) {
	t.Parallel()
	_, k, _ := testRepository(t)
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOfN(rapid.Byte(), 0, 3000).Draw(t, "plain")
		plain = bytes.Repeat(plain, rapid.IntRange(1, 80).Draw(t, "times"))
		before := rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "before")
		id := k.ChunkID(plain)
		sealed, err := k.SealChunk(slices.Clone(before), id, plain,
			rapid.SampledFrom([]Effort{Thorough, Fast}).Draw(t, "effort"))
		if err != nil {
			t.Fatal(err)
		}
		object, ok := bytes.CutPrefix(sealed, before)
		if !ok || len(object) > len(plain)+Overhead {
			t.Fatalf("%d bytes sealed to %d after %d", len(plain), len(object), len(before))
		}
		untouched := slices.Clone(object)
		opened, err := k.OpenChunk(slices.Clone(before), id, object, len(plain))
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := bytes.CutPrefix(opened, before); !ok || !bytes.Equal(got, plain) || !bytes.Equal(object, untouched) {
			t.Fatal("other bytes came back")
		}
		if len(plain) > 0 {
			_, err = k.OpenChunk(nil, id, object, len(plain)-1)
			if !errors.Is(err, ErrWrongContent) {
				t.Fatalf("one byte more than expected was accepted: %v", err)
			}
		}
	})
}

// damageable are a compressed and a stored chunk.
func damageable(t testing.TB, k *Keyring) map[string]func() (ChunkID, []byte) {
	random := make([]byte, 200)
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range random {
		random[i] = byte(rng.Uint32())
	}
	return map[string]func() (ChunkID, []byte){
		"compressed": func() (ChunkID, []byte) { return sealChunk(t, k, bytes.Repeat([]byte("wedding "), 100)) },
		"stored":     func() (ChunkID, []byte) { return sealChunk(t, k, random) },
		"empty":      func() (ChunkID, []byte) { return sealChunk(t, k, nil) },
	}
}

func TestEveryFlippedBitIsFound(t *testing.T) {
	t.Parallel()
	_, k, _ := testRepository(t)
	for name, fresh := range damageable(t, k) {
		id, sealed := fresh()
		for i := range sealed {
			for bit := range 8 {
				sealed[i] ^= 1 << bit
				_, err := k.OpenChunk(nil, id, sealed, 1000)
				cause := ErrAuthentication
				if i >= 8 && i < 12 && errors.Is(err, ErrTruncated) { // the size now claims more
					cause = ErrTruncated
				}
				if !errors.Is(err, cause) {
					t.Fatalf("%s: byte %d bit %d: %v", name, i, bit, err)
				}
				wantDamaged(t, err, cause, id.String())
				sealed[i] ^= 1 << bit
			}
		}
		if _, err := k.OpenChunk(nil, id, sealed, 1000); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEveryTruncationIsFound(t *testing.T) {
	t.Parallel()
	_, k, _ := testRepository(t)
	for _, fresh := range damageable(t, k) {
		id, sealed := fresh()
		for n := range sealed {
			_, err := k.OpenChunk(nil, id, sealed[:n], 1000)
			wantDamaged(t, err, ErrTruncated, id.String())
		}
		_, err := k.OpenChunk(nil, id, append(sealed, 0), 1000)
		wantDamaged(t, err, ErrAuthentication, id.String())
	}
}

func TestSwappedObjects(t *testing.T) {
	t.Parallel()
	h, k, _ := testRepository(t)
	_, stranger, _ := testRepository(t)
	a, sealedA := sealChunk(t, k, []byte("rows of table a"))
	b, sealedB := sealChunk(t, k, []byte("rows of table b"))
	_, err := k.OpenChunk(nil, a, sealedB, 100)
	wantDamaged(t, err, ErrAuthentication, "chunk "+a.String())
	_, err = k.OpenChunk(nil, b, sealedA, 100)
	wantDamaged(t, err, ErrAuthentication, "chunk "+b.String())
	_, err = stranger.OpenChunk(nil, a, sealedA, 100)
	wantDamaged(t, err, ErrAuthentication, a.String())

	// The same root key in another repository is another key.
	repository, err := h.repositoryID()
	if err != nil {
		t.Fatal(err)
	}
	repository[0] ^= 1
	sibling, err := newKeyring(k.k().root[:], repository, 1)
	if err != nil {
		t.Fatal(err)
	}
	_, err = sibling.OpenChunk(nil, a, sealedA, 100)
	wantDamaged(t, err, ErrAuthentication, a.String())
	if sibling.ChunkID([]byte("x")) == k.ChunkID([]byte("x")) {
		t.Error("two repositories share chunk ids")
	}

	// A chunk sealed under the wrong id opens and is found out by its content.
	lie, err := k.SealChunk(nil, a, []byte("rows of table b"), Thorough)
	if err != nil {
		t.Fatal(err)
	}
	_, err = k.OpenChunk(nil, a, lie, 100)
	wantDamaged(t, err, ErrWrongContent, a.String())

	undo, err := k.SealObject(ObjectUndo, "undo/1", []byte("pre-images"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := k.OpenObject(ObjectUndo, "undo/1", undo, 100); err != nil || string(got) != "pre-images" {
		t.Fatalf("%q, %v", got, err)
	}
	_, err = k.OpenObject(ObjectUndo, "undo/2", undo, 100)
	wantDamaged(t, err, ErrAuthentication, "undo object 2")
	undo[5] = byte(ObjectChange)
	_, err = k.OpenObject(ObjectChange, "undo/1", undo, 100)
	wantDamaged(t, err, ErrAuthentication, "change segment 1")
	_, err = k.SealObject(9, "x/1", nil)
	wantCode(t, err, keepsake.CodeInternal)
}

func TestChunkSizeLimit(t *testing.T) {
	t.Parallel()
	_, k, _ := testRepository(t)
	plain := make([]byte, MaxChunkPlain+1)
	id, sealed := sealChunk(t, k, plain[:MaxChunkPlain])
	if got, err := k.OpenChunk(nil, id, sealed, MaxChunkPlain); err != nil || len(got) != MaxChunkPlain {
		t.Fatal(err)
	}
	_, err := k.SealChunk(nil, id, plain, Thorough)
	wantCode(t, err, keepsake.CodeInternal)
}

// TestSealedBytesDiffer: the nonce is fresh each time, so equal ciphertexts never betray anything.
func TestSealedBytesDiffer(t *testing.T) {
	t.Parallel()
	_, k, _ := testRepository(t)
	_, one := sealChunk(t, k, []byte("the same rows"))
	_, two := sealChunk(t, k, []byte("the same rows"))
	if bytes.Equal(one[prefixSize:], two[prefixSize:]) || !bytes.Equal(one[:prefixSize], two[:prefixSize]) {
		t.Error("sealing twice gave the same nonce")
	}
	if bytes.Contains(one, []byte("the same rows")) {
		t.Error("the plaintext is readable")
	}
}

func TestSealConcurrently(t *testing.T) {
	t.Parallel()
	_, k, _ := testRepository(t)
	rows := copyBinary(300_000)
	var group sync.WaitGroup
	for g := range 16 {
		group.Go(func() {
			for i := range 10 {
				plain := rows[g*1000 : g*1000+i*25_000+1]
				id := k.ChunkID(plain)
				sealed, err := k.SealChunk(nil, id, plain, Effort(i%2))
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := k.OpenChunk(nil, id, sealed, len(plain)); err != nil || !bytes.Equal(got, plain) {
					t.Errorf("goroutine %d, chunk %d: %v", g, i, err)
				}
			}
		})
	}
	group.Wait()
}

// TestUnpackRefuses: bytes that authenticate can still be wrong when the writer was; they may not take memory or panic.
func TestUnpackRefuses(t *testing.T) {
	t.Parallel()
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	bomb := append([]byte{packedZstd}, enc.EncodeAll(make([]byte, 64<<20), nil)...)
	var stream bytes.Buffer
	enc.Reset(&stream)
	if _, err := enc.Write(bytes.Repeat([]byte("no size"), 1000)); err != nil {
		t.Fatal(err)
	}
	if err := enc.Close(); err != nil {
		t.Fatal(err)
	}
	small := enc.EncodeAll(bytes.Repeat([]byte("a"), 900), nil)
	snapped := s2.EncodeSnappy(nil, bytes.Repeat([]byte("wedding "), 100))
	for name, packed := range map[string][]byte{
		"empty":        {},
		"bomb":         bomb,
		"two frames":   append(append([]byte{packedZstd}, small...), small...),
		"no size":      append([]byte{packedZstd}, stream.Bytes()...),
		"cut":          append([]byte{packedZstd}, small[:len(small)-3]...),
		"no frame":     {packedZstd},
		"not zstd":     append([]byte{packedZstd}, "plain text"...),
		"Snappy bomb":  append([]byte{packedSnappy}, s2.EncodeSnappy(nil, make([]byte, 64<<20))...),
		"cut Snappy":   append([]byte{packedSnappy}, snapped[:len(snapped)-3]...),
		"Snappy tail":  append(append([]byte{packedSnappy}, snapped...), 0),
		"no Snappy":    {packedSnappy},
		"other packer": {3, 1, 2, 3},
		"too long":     append([]byte{packedStored}, make([]byte, 1001)...),
	} {
		w := &workspace{}
		if out, err := w.unpack(nil, packed, 1000); err == nil {
			t.Errorf("%s: unpacked to %d bytes", name, len(out))
		}
	}
}

func FuzzUnpack(f *testing.F) {
	w := &workspace{}
	f.Add(slices.Clone(w.pack(bytes.Repeat([]byte("wedding "), 100), Thorough)))
	f.Add(slices.Clone(w.pack(bytes.Repeat([]byte("wedding "), 100), Fast)))
	f.Add(slices.Clone(w.pack([]byte("x"), Thorough)))
	f.Add([]byte{packedZstd, 0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, packed []byte) {
		w := takeWorkspace()
		defer w.release()
		if out, err := w.unpack(nil, packed, 1<<16); err == nil && len(out) > 1<<16 {
			t.Errorf("%d bytes unpacked, 65536 allowed", len(out))
		}
	})
}

func FuzzOpenChunk(f *testing.F) {
	_, k, _ := testRepository(f)
	plain := bytes.Repeat([]byte("wedding "), 10)
	id, sealed := sealChunk(f, k, plain)
	f.Add(sealed)
	f.Add(sealed[:Overhead])
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, data []byte) {
		out, err := k.OpenChunk(nil, id, data, 1000)
		if err == nil && !bytes.Equal(out, plain) {
			t.Error("forged bytes opened")
		}
		if err != nil && keepsake.CodeOf(err) != keepsake.CodeDamaged {
			t.Errorf("code %s", keepsake.CodeOf(err))
		}
	})
}
