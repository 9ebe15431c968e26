package engine_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
)

// TestAHeaderThatSaysTheSameInOtherBytesIsNamed: a name of a field in capitals, and the last bits of base64, change
// nothing that a reader takes from it. The header still opens, is named as damaged, and is put right.
func TestAHeaderThatSaysTheSameInOtherBytesIsNamed(t *testing.T) {
	t.Parallel()
	w, e := everyKind(t)
	for at := range w.dirs {
		file := filepath.Join(w.dirs[at], repository.HeaderKey)
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		bad := bytes.Replace(body, []byte(`"format"`), []byte(`"fOrmat"`), 1)
		if err := os.WriteFile(file, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		v, err := e.Verify(t.Context(), engine.VerifyInput{}, engine.Discard)
		if err != nil || !v.Damaged() || !slices.ContainsFunc(v.Findings, func(f engine.VerifyFinding) bool {
			return f.Object == repository.HeaderKey && f.Provider == w.list[at].Name && f.Damage
		}) {
			t.Errorf("%s: %+v, %v", w.list[at].Name, v, err)
		}
		r, err := e.Repair(t.Context(), engine.VerifyInput{}, engine.Discard)
		if err != nil || len(r.Remaining) > 0 {
			t.Errorf("%s: %+v, %v", w.list[at].Name, r, err)
		}
		if now, err := os.ReadFile(file); err != nil || !bytes.Equal(now, body) {
			t.Errorf("%s: the header is now %s, %v", w.list[at].Name, now, err)
		}
	}
}
