package engine_test

import (
	"slices"
	"testing"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestAPointWhoseManifestIsDamagedEverywhere: nothing of such a recovery point can be restored, so a verification
// proves nothing of it, and a repair says that no provider has a sound copy.
func TestAPointWhoseManifestIsDamagedEverywhere(t *testing.T) {
	t.Parallel()
	dirs := newDirectories(t)
	url := village(t)
	e := engineWith(t, url, dirs.list, dirs.key)
	sound := backup(t, e, keepsake.BackupFull).Point
	lost := backup(t, e, keepsake.BackupIncremental).Point
	for _, p := range dirs.list {
		damage(t, p, repository.ManifestKey(lost))
	}
	for _, deep := range []bool{false, true} {
		v, err := e.Verify(t.Context(), engine.VerifyInput{Deep: deep}, engine.Discard)
		proof, found := v.Proofs[lost]
		if err != nil || v.OK || !v.Damaged() || v.Points != 2 || len(v.Copies[lost]) != 3 || !found ||
			proof.Score() != 0 || proof.RowsFound != 0 {
			t.Errorf("verified, deep %v: %+v, %v", deep, v, err)
		}
		if slices.ContainsFunc(v.Copies[lost], func(c keepsake.Copy) bool { return c.Confirmed || c.Error == "" }) {
			t.Errorf("copies that are confirmed: %+v", v.Copies[lost])
		}
		if !keepsake.JudgeProtection(v.Copies[sound]).Protected() {
			t.Errorf("the other point is not protected: %+v", v.Copies[sound])
		}
		r, err := e.Repair(t.Context(), engine.VerifyInput{Deep: deep}, engine.Discard)
		if err != nil || r.Points != 2 || len(r.Repaired) != 0 || len(r.Remaining) != 1 || r.Remaining[0].Provider != "" ||
			r.Remaining[0].Object != repository.ManifestKey(lost) || !r.Damaged() || r.Protected[lost] ||
			!r.Protected[sound] || len(r.Copies[lost]) != 3 {
			t.Errorf("repaired, deep %v: %+v, %v", deep, r, err)
		}
	}
}
