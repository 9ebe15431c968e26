package console_test

import (
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestStoppingOthersRestoresTakesAProof: a session that was left open stops its person's own restore, and nobody
// else's. A backup is stopped by whoever may take one.
func TestStoppingOthersRestoresTakesAProof(t *testing.T) {
	t.Parallel()
	_, _, c, _ := restorable(t)
	late := admin
	late.Session, late.ProvenAt = "018f0000-0000-7000-8000-000000000001", time.Now().Add(-time.Hour)
	other := admin
	other.ID, other.Name = "3", "cleo@example.org"
	restore := func(by keepsake.Actor) string {
		t.Helper()
		o, err := c.StartRestore(t.Context(), by, console.StartRestoreInput{Point: "latest", Database: "copy",
			Confirmation: "copy", Scope: keepsake.Everything()})
		if err != nil {
			t.Fatal(err)
		}
		return o.ID
	}
	theirs := restore(other)
	if err := c.CancelOperation(t.Context(), late, theirs); keepsake.CodeOf(err) != keepsake.CodeProof {
		t.Errorf("somebody else's restore: %v", err)
	}
	proven := late
	proven.ProvenAt = time.Now()
	if err := c.CancelOperation(t.Context(), proven, theirs); err != nil {
		t.Errorf("after the password: %v", err)
	}
	if err := c.CancelOperation(t.Context(), late, theirs); keepsake.CodeOf(err) != keepsake.CodeConflict {
		t.Errorf("one that has ended: %v", err)
	}
	if err := c.CancelOperation(t.Context(), late, restore(admin)); err != nil {
		t.Errorf("their own restore: %v", err)
	}
	if err := c.CancelOperation(t.Context(), late, startFull(t, c).ID); err != nil {
		t.Errorf("a backup: %v", err)
	}
	lock, unlock := true, false
	point := func(locked *bool) error {
		return c.SavePoint(t.Context(), late, console.SavePointInput{ID: "latest", Locked: locked})
	}
	if err := point(&lock); err != nil {
		t.Errorf("locking: %v", err)
	}
	if err := point(&unlock); keepsake.CodeOf(err) != keepsake.CodeProof {
		t.Errorf("unlocking: %v", err)
	}
}
