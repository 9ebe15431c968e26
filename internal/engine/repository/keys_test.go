package repository

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/keepsake"
)

func TestNewKeys(t *testing.T) {
	t.Parallel()
	a, b := NewKeyFile(), NewKeyFile()
	if raw, err := base64.StdEncoding.DecodeString(a.Reveal()); err != nil || len(raw) != 32 || a == b {
		t.Errorf("a key file is base64 of 32 random bytes: %d bytes, %v", len(raw), err)
	}
	identity, recipient, err := NewRecoveryKey()
	if err != nil || !strings.HasPrefix(identity.Reveal(), "AGE-SECRET-KEY-1") || len(identity) != 74 ||
		len(recipient) != 62 {
		t.Errorf("recovery key of %d characters, recipient %q, %v", len(identity), recipient, err)
	}
}

// TestKeyringHidesItself prints a keyring in every way a log might.
func TestKeyringHidesItself(t *testing.T) {
	t.Parallel()
	_, k, _ := testRepository(t)
	type holder struct {
		Ring   *Keyring
		Value  Keyring
		inside *Keyring
		value  Keyring
	}
	h := holder{k, *k, k, *k}
	var out strings.Builder
	for _, verb := range "vTtbcdoOqxXUeEfFgGsp" {
		for _, flags := range []string{"", "+", "#", " ", "0"} {
			format := "%" + flags + string(verb) + "\n"
			for _, v := range []any{k, *k, h, &h, []*Keyring{k}, map[string]Keyring{"k": *k}} {
				fmt.Fprintf(&out, format, v)
			}
		}
	}
	if s := fmt.Sprintf("%v %+v %#v %s %x %d", k, *k, k, *k, k, *k); s != strings.TrimSpace(
		strings.Repeat("[secret] ", 6)) {
		t.Errorf("a keyring prints as %q", s)
	}
	j, err := json.Marshal(map[string]any{"ring": k, "value": *k})
	if err != nil || string(j) != `{"ring":"[secret]","value":"[secret]"}` {
		t.Errorf("JSON: %s, %v", j, err)
	}
	var log bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(handler).Info("opened", "ring", k, "value", *k, "holder", h)
	}
	all := out.String() + string(j) + log.String()
	e := k.k().epochs[0]
	for _, key := range [][]byte{k.k().root[:], e.chunks.key[:],
		e.pages.key[:], e.objects[ObjectChunk], e.objects[ObjectManifest]} {
		for _, form := range []string{string(key), hex.EncodeToString(key), base64.StdEncoding.EncodeToString(key),
			strings.Trim(fmt.Sprint(key), "[]")} {
			if strings.Contains(strings.ToLower(all), strings.ToLower(form)) {
				t.Errorf("key bytes leak in the form %.12q…", form)
			}
		}
	}
	_, _ = h.inside, h.value
}

func TestWipe(t *testing.T) {
	t.Parallel()
	h, k, src := testRepository(t)
	id := k.ChunkID([]byte("rows"))
	sealed, err := k.SealChunk(nil, id, []byte("rows"), Thorough)
	if err != nil {
		t.Fatal(err)
	}
	keys := k.k().epochs[0]
	k.Wipe()
	if k.k().root != [32]byte{} || keys.chunks.key != [32]byte{} || keys.pages.key != [32]byte{} ||
		!bytes.Equal(keys.objects[ObjectChunk], make([]byte, 32)) {
		t.Error("keys are left after Wipe")
	}
	_, err = k.SealChunk(nil, id, []byte("rows"), Thorough)
	wantCode(t, err, keepsake.CodeInternal)
	_, err = k.OpenChunk(nil, id, sealed, 100)
	wantCode(t, err, keepsake.CodeInternal)
	_, err = h.AddSlot(k, SlotOptions{Key: NewKeyFile()})
	wantCode(t, err, keepsake.CodeInternal)
	if _, err := h.Unlock(src); err != nil {
		t.Errorf("wiping one keyring hurt the header: %v", err)
	}
	if _, err := k.Name(ObjectChunk, []byte("rows"), nil); err == nil {
		t.Error("Name after Wipe made an id under no key")
	}
}

// TestEpochs: a new epoch has new keys and still opens what earlier ones sealed; an older keyring opens nothing newer.
func TestEpochs(t *testing.T) {
	t.Parallel()
	root := bytes.Repeat([]byte{7}, 32)
	first, err := newKeyring(root, [16]byte{1}, 1)
	if err != nil {
		t.Fatal(err)
	}
	second, err := newKeyring(root, [16]byte{1}, 2)
	if err != nil {
		t.Fatal(err)
	}
	plain := []byte("rows of an epoch")
	old, fresh := first.ChunkID(plain), second.ChunkID(plain)
	if old == fresh {
		t.Fatal("both epochs have the same id key")
	}
	sealedOld, err := first.SealChunk(nil, old, plain, Thorough)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := second.OpenChunk(nil, old, sealedOld, 100); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("the second epoch does not open the first's chunk: %v", err)
	}
	sealedFresh, err := second.SealChunk(nil, fresh, plain, Thorough)
	if err != nil {
		t.Fatal(err)
	}
	_, err = first.OpenChunk(nil, fresh, sealedFresh, 100)
	wantCode(t, err, keepsake.CodeDamaged)
}
