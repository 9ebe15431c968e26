package engine_test

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// TestRunsNameEveryChunkThatHoldsAKey proves that a scoped restore may skip the chunks that no run names for
// a key: one that holds it is never missing, and most that do not are ruled out.
func TestRunsNameEveryChunkThatHoldsAKey(t *testing.T) {
	t.Parallel()
	url, key := testenv.DB(t), repository.NewKeyFile()
	run(t, url, `create table weddings (id int primary key, couple text)`,
		`create table guests (id bigint generated always as identity primary key, wedding_id int references weddings,
			name text)`,
		`insert into weddings select i, 'Couple ' || i from generate_series(1, 400) i`,
		`insert into guests (wedding_id, name) select 1 + i / 100, repeat('guest ' || i, 10) from generate_series(1,
			39000) i`)
	list := providers(t)
	dir := filepath.Join(t.TempDir(), "repository")
	list[0].Store = openFile(t, dir)
	r := backup(t, engineWith(t, url, list, key), keepsake.BackupFull)
	var guests *repository.Table
	m := manifestIn(t, dir, key, r.Point)
	for i := range m.Tables {
		if m.Tables[i].Name.Name == "guests" {
			guests = &m.Tables[i]
		}
	}
	if guests == nil || len(guests.FilterKeys) != 1 || guests.FilterKeys[0][0] != "wedding_id" || guests.Chunks < 3 {
		t.Fatalf("guests in the manifest: %+v", guests)
	}
	pages := one[[]string](t, url, "select array_agg(distinct wedding_id || ':' || (ctid::text::point)[0]) from guests")
	here := map[string]bool{}
	for _, p := range pages {
		here[p] = true
	}
	ranges, fetch := rangesIn(t, dir, key, guests), pagesIn(t, dir, key)
	runs, _, err := guests.ReadRuns(t.Context(), fetch)
	if err != nil {
		t.Fatal(err)
	}
	might := 0
	for wedding := 1; wedding <= 400; wedding++ {
		hash := repository.HashKey(binary.BigEndian.AppendUint64(nil, uint64(wedding)))
		named := map[repository.ChunkID]bool{}
		for _, run := range runs {
			found, err := run.Lookup(t.Context(), fetch, 0, []repository.KeyHash{hash})
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range found {
				named[id] = true
			}
		}
		for i, held := range ranges {
			to := held.From + guests.RangePages
			if i == len(ranges)-1 {
				to += guests.RangePages
			}
			for _, c := range held.Chunks {
				if named[c.ID] {
					might++
					continue
				}
				for page := held.From; page < to; page++ {
					if here[fmt.Sprintf("%d:%d", wedding, page)] {
						t.Fatalf("wedding %d is on page %d, and no run names its chunk", wedding, page)
					}
				}
			}
		}
	}
	if most := 400 + 2*len(ranges); might > most {
		t.Errorf("the runs leave %d chunks to read for 400 weddings, want at most %d", might, most)
	}
}
