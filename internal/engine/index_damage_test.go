package engine_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// flipPages changes the last byte of every index page in a directory, and returns how many there are.
func flipPages(t *testing.T, dir string) (n int) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(dir, "indexes"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err == nil {
			b[len(b)-1] ^= 1
			n++
			err = os.WriteFile(path, b, 0o600)
		}
		return err
	})
	if err != nil || n == 0 {
		t.Fatalf("%d index pages in %s: %v", n, dir, err)
	}
	return n
}

// TestDamagedIndexPagesArePassedBy: another provider's copy is read, verification names the bad ones, repair heals
// them; and where every copy is bad, the point says so, and the next backup builds upon none.
func TestDamagedIndexPagesArePassedBy(t *testing.T) {
	t.Parallel()
	ctx, source, w := t.Context(), season(t), newDirectories(t)
	e := engineWith(t, source, w.list, w.key)
	point := backup(t, e, keepsake.BackupFull)
	pages := flipPages(t, w.dirs[0])

	r := restore(t, e, engine.RestoreInput{
		Scope:  keepsake.Everything(),
		Point:  point.Point,
		Target: keepsake.Secret(testenv.DB(t)),
	})
	if !r.Verified || r.Rows != point.Rows || len(r.Damaged) == 0 || !strings.HasPrefix(r.Damaged[0].Object, "indexes/") {
		t.Errorf("restored: %+v", r)
	}
	if inc := backup(t, e, keepsake.BackupIncremental); inc.ChunksNew != 0 {
		t.Errorf("an incremental reads what another provider has: %+v", inc)
	}
	for _, deep := range []bool{false, true} {
		v, err := e.Verify(ctx, engine.VerifyInput{Point: point.Point, Deep: deep}, engine.Discard)
		if err != nil || !v.Damaged() || deep && len(v.Findings) != pages {
			t.Errorf("deep %v: %d findings for %d pages, %v", deep, len(v.Findings), pages, err)
		}
		for _, f := range v.Findings {
			if f.Provider != w.list[0].Name || !strings.HasPrefix(f.Object, "indexes/") {
				t.Errorf("deep %v: %+v", deep, f)
			}
		}
	}
	if r, err := e.Repair(ctx, engine.VerifyInput{Deep: true}, engine.Discard); err != nil || len(r.Remaining) != 0 ||
		r.Copied < int64(pages) {
		t.Errorf("repaired: %+v, %v", r, err)
	}
	if v, err := e.Verify(ctx, engine.VerifyInput{Deep: true}, engine.Discard); err != nil || !v.OK {
		t.Errorf("after the repair: %+v, %v", v.Findings, err)
	}

	for _, dir := range w.dirs {
		flipPages(t, dir)
	}
	_, err := e.Point(ctx, point.Point)
	wantError(t, err, keepsake.CodeDamaged, "index page")
	v, err := e.Verify(ctx, engine.VerifyInput{Point: point.Point}, engine.Discard)
	if err != nil || !v.Damaged() || len(v.Copies[point.Point]) != 3 {
		t.Fatalf("%+v, %v", v, err)
	}
	for _, c := range v.Copies[point.Point] {
		if c.Confirmed || c.Error != "its index cannot be read" {
			t.Errorf("%+v", c)
		}
	}
	if r, err := e.Repair(ctx, engine.VerifyInput{Point: point.Point, Deep: true}, engine.Discard); err != nil ||
		len(r.Remaining) == 0 {
		t.Errorf("what nobody has was repaired: %+v, %v", r, err)
	}
	again := backup(t, e, keepsake.BackupFull)
	if r := restore(t, e, engine.RestoreInput{
		Scope:  keepsake.Everything(),
		Point:  again.Point,
		Target: keepsake.Secret(testenv.DB(t)),
	}); !r.Verified ||
		r.Rows != point.Rows {
		t.Errorf("restored from the next: %+v", r)
	}
}
