package engine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// TestLatestSaysWhatItPassedBy: where nobody can read the newest recovery point, latest is the one before, and whoever
// asks for latest is told.
func TestLatestSaysWhatItPassedBy(t *testing.T) {
	t.Parallel()
	dirs := newDirectories(t)
	url := season(t)
	e := engineWith(t, url, dirs.list, dirs.key)
	before := backup(t, e, keepsake.BackupFull).Point
	newest := backup(t, e, keepsake.BackupIncremental).Point
	for _, p := range dirs.list {
		damage(t, p, repository.ManifestKey(newest))
	}
	key := repository.ManifestKey(newest)
	for _, deep := range []bool{false, true} {
		v, err := e.Verify(t.Context(), engine.VerifyInput{Point: "latest", Deep: deep}, engine.Discard)
		if err != nil || v.OK || !v.Damaged() || v.Points != 2 || len(v.Findings) != 3 || v.Findings[0].Object != key ||
			len(v.Copies[newest]) != 3 || !keepsake.JudgeProtection(v.Copies[before]).Protected() {
			t.Errorf("verified, deep %v: %+v, %v", deep, v, err)
		}
	}
	if v, err := e.Verify(t.Context(), engine.VerifyInput{Point: newest}, engine.Discard); err != nil || !v.Damaged() {
		t.Errorf("verified by its name: %+v, %v", v, err)
	}
	said := "The newer recovery point " + newest + " cannot be read, so an older one is taken."
	w := &watcher{}
	r, err := e.Restore(t.Context(), engine.RestoreInput{
		Scope:  keepsake.Everything(),
		Point:  "latest",
		Target: keepsake.Secret(testenv.DB(t)),
	}, w)
	warned := false
	for _, l := range w.lines {
		warned = warned || strings.HasPrefix(l.Message, said)
	}
	if err != nil || r.Point != before || !warned {
		t.Errorf("restored %+v, %v; said %+v", r, err, w.lines)
	}
	id := one[string](t, url, "select min(id::text) from weddings")
	p, err := e.PreviewScope(t.Context(), engine.ScopeInput{Scope: ofWedding(id), Point: "latest"})
	if err != nil || p.Point != before || len(p.Passed) != 1 || !strings.HasPrefix(p.Passed[0], said) ||
		len(p.Tables) == 0 || !slices.Contains(p.Tables[0].Notes, p.Passed[0]) {
		t.Errorf("previewed %+v, %v", p, err)
	}
	sql, err := e.Schema(t.Context(), "latest", "", nil)
	if err != nil || !strings.HasPrefix(sql, "-- "+said) {
		t.Errorf("the schema %.200s, %v", sql, err)
	}
	if p, err := e.PreviewScope(t.Context(), engine.ScopeInput{Scope: ofWedding(id), Point: before}); err != nil ||
		len(p.Passed) != 0 {
		t.Errorf("previewed the one before by its name: %+v, %v", p, err)
	}
	for _, p := range dirs.list {
		damage(t, p, repository.ManifestKey(before))
	}
	v, err := e.Verify(t.Context(), engine.VerifyInput{Point: "latest"}, engine.Discard)
	if err != nil || !v.Damaged() || v.Points != 2 || len(v.Findings) != 6 {
		t.Errorf("verified when none can be read: %+v, %v", v, err)
	}
}
