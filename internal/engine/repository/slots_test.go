package repository

import (
	"errors"
	"reflect"
	"testing"

	"github.com/wedsync/keepsake/internal/keepsake"
)

func TestAddAndRevokeSlots(t *testing.T) {
	t.Parallel()
	first, second := NewKeyFile(), NewKeyFile()
	h, k, err := Create(CreateOptions{Key: first})
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.RevokeSlot(k, h.Slots[0].ID)
	wantCode(t, err, keepsake.CodeConflict)
	_, err = h.RevokeSlot(k, "0000000000000000")
	wantCode(t, err, keepsake.CodeNotFound)
	_, err = h.AddSlot(k, SlotOptions{Key: second, Passphrase: testPassphrase})
	wantCode(t, err, keepsake.CodeInvalid)

	both, err := h.AddSlot(k, SlotOptions{Key: second, Label: "new key"})
	if err != nil {
		t.Fatal(err)
	}
	if len(h.Slots) != 1 || len(both.Slots) != 2 {
		t.Fatalf("AddSlot changed the header it was called on")
	}
	k2, err := reread(t, both).Unlock(KeySource{Key: second})
	if err != nil {
		t.Fatal(err)
	}
	one, err := both.RevokeSlot(k2, both.Slots[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reread(t, one).Unlock(KeySource{Key: second}); err != nil {
		t.Fatal(err)
	}
	_, err = one.Unlock(KeySource{Key: first})
	wantCode(t, err, keepsake.CodeWrongKey)

	_, stranger, err := Create(CreateOptions{Key: first})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.AddSlot(stranger, SlotOptions{Key: second}); !errors.Is(err, ErrAuthentication) {
		t.Errorf("a keyring of another repository may not change the header: %v", err)
	}
	for len(h.Slots) < maxSlots {
		if h, err = h.AddSlot(k, SlotOptions{Key: second}); err != nil {
			t.Fatal(err)
		}
	}
	_, err = h.AddSlot(k, SlotOptions{Key: second})
	wantCode(t, err, keepsake.CodeInvalid)
	reread(t, h)
}

// TestLaterSlotKinds: a slot of a kind this version does not know neither disturbs nor gets lost.
func TestLaterSlotKinds(t *testing.T) {
	t.Parallel()
	key := NewKeyFile()
	h, k, err := Create(CreateOptions{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	h.Slots = append(h.Slots, Slot{
		ID:      "00112233445566ff",
		Kind:    "kms",
		Label:   "cloud",
		Created: h.Created,
		Wrapped: []byte("opaque"),
	})
	if h.MAC, err = h.mac(k); err != nil {
		t.Fatal(err)
	}
	read := reread(t, h)
	if k, err = read.Unlock(KeySource{Key: key}); err != nil {
		t.Fatal(err)
	}
	more, err := read.AddSlot(k, SlotOptions{Key: NewKeyFile()})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(more.Slots[1], h.Slots[1]) {
		t.Errorf("the unknown slot changed: %+v", more.Slots[1])
	}
}
