package repository

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"testing"

	"github.com/wedsync/keepsake/internal/keepsake"
)

func TestChangeSegmentsAreAChain(t *testing.T) {
	t.Parallel()
	_, k, _ := testRepository(t)
	first := &Change{Slot: "keepsake", From: 0x16B374D848, To: 0x16B374D900, Body: []byte("commits")}
	key, sealed, err := k.SealChange(first)
	if err != nil || key != "changes/keepsake/00000016B374D848-00000016B374D900" {
		t.Fatalf("%s, %v", key, err)
	}
	second := &Change{Slot: "keepsake", From: first.To, To: first.To + 1, Before: sha256.Sum256(sealed)}
	next, sealedNext, err := k.SealChange(second)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSorted([]string{key, next}) {
		t.Errorf("%s is not before %s", key, next)
	}
	got, err := k.OpenChange(next, sealedNext)
	if err != nil || got.Before != second.Before || len(got.Body) != 0 || got.Follows(first, sealed) != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if back, err := k.OpenChange(key, sealed); err != nil || !bytes.Equal(back.Body, first.Body) ||
		back.Before != (Sum{}) {
		t.Errorf("%+v, %v", back, err)
	}
	_, other, err := k.SealChange(first)
	if err != nil {
		t.Fatal(err)
	}
	wantCode(t, got.Follows(first, other), keepsake.CodeDamaged)
	wantCode(t, got.Follows(&Change{Slot: "keepsake", From: 1, To: 2}, sealed), keepsake.CodeDamaged)
	_, err = k.OpenChange(key, sealedNext)
	wantDamaged(t, err, ErrAuthentication, "change segment")
	for _, name := range []string{"changes/", "changes/keepsake/16-17",
		"changes/Keepsake/00000016B374D848-00000016B374D900", "changes/keepsake/00000016B374D900-00000016B374D848",
		key + "x", "undo/x"} {
		if _, err := ParseChangeKey(name); keepsake.CodeOf(err) != keepsake.CodeInvalid {
			t.Errorf("%q: %v", name, err)
		}
	}
	for name, c := range map[string]*Change{"backwards": {Slot: "keepsake", From: 2, To: 1},
		"slot": {Slot: "a/b", From: 1, To: 2}} {
		if _, _, err := k.SealChange(c); keepsake.CodeOf(err) != keepsake.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	short, err := k.SealObject(ObjectChange, key, []byte("no predecessor"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = k.OpenChange(key, short)
	wantDamaged(t, err, ErrWrongContent, "change segment")
}

func FuzzChangeKey(f *testing.F) {
	f.Add("changes/keepsake/00000016B374D848-00000016B374D900")
	f.Fuzz(func(t *testing.T, key string) {
		if c, err := ParseChangeKey(key); err == nil && c.Key() != key {
			t.Errorf("%q is read as %q", key, c.Key())
		}
	})
}
