package engine_test

import (
	"path/filepath"
	"testing"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestVerificationCountsTheRowsThatAreLeft: rows are found while any provider has a sound copy of their chunks.
func TestVerificationCountsTheRowsThatAreLeft(t *testing.T) {
	t.Parallel()
	url, key := season(t), repository.NewKeyFile()
	dir := t.TempDir()
	list := []engine.Provider{{Name: "local", Medium: "disk", Store: openFile(t, filepath.Join(dir, "a"))},
		{Name: "offsite", Medium: "gcs", Offsite: true, Store: openFile(t, filepath.Join(dir, "b"))}}
	e := engineWith(t, url, list, key)
	r := backup(t, e, keepsake.BackupFull)
	m := manifestIn(t, filepath.Join(dir, "a"), key, r.Point)
	verify := func() engine.PointProof {
		t.Helper()
		v, err := e.Verify(t.Context(), engine.VerifyInput{Point: r.Point}, engine.Discard)
		if err != nil {
			t.Fatal(err)
		}
		return v.Proofs[r.Point]
	}
	if p := verify(); p.RowsFound != r.Rows || p.RowsExpected != r.Rows || p.Score() != 1 || len(p.Tables) != 0 {
		t.Fatalf("nothing is missing: %+v", p)
	}
	var table repository.Table
	for _, t := range m.Tables {
		if t.Rows > table.Rows {
			table = t
		}
	}
	lost := rangesIn(t, filepath.Join(dir, "a"), key, &table)[0]
	if err := list[0].Store.Delete(t.Context(), lost.Chunks[0].ID.Key()); err != nil {
		t.Fatal(err)
	}
	if p := verify(); p.RowsFound != r.Rows || p.Integrity["local"] >= 1 || p.Integrity["offsite"] != 1 || p.Score() >= 1 {
		t.Errorf("one copy is missing: %+v", p)
	}
	if err := list[1].Store.Delete(t.Context(), lost.Chunks[0].ID.Key()); err != nil {
		t.Fatal(err)
	}
	p := verify()
	if p.RowsFound != r.Rows-lost.Rows || len(p.Tables) != 1 || p.Tables[0].Table != table.Schema+"."+table.Name.Name ||
		p.Tables[0].RowsFound != table.Rows-lost.Rows {
		t.Errorf("every copy is missing of %d rows of %s: %+v", lost.Rows, table.Name.Name, p)
	}
}
