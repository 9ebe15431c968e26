package snapshot

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage/storagetest"
)

// lines is a reporter that keeps what is said.
type lines []string

func (l *lines) Progress(report.Progress) {}
func (l *lines) Log(line report.LogLine)  { *l = append(*l, line.Message) }

// TestPlacesOutOfOrderAreReadWhole: nothing makes a server list the rows of a range in their order. Such a range is
// read whole, and the backup goes on.
func TestPlacesOutOfOrderAreReadWhole(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	body := bytes.Repeat([]byte("x"), 100)
	chunk := repository.Chunk{
		Ref:  repository.Ref{ID: repository.ChunkID{1}, Size: 100, SHA256: sha256.Sum256(body)},
		Rows: 8,
	}
	mem := storagetest.NewMem()
	storagetest.Put(t, mem, chunk.ID.Key(), body)
	r := &replicas.Repo{Providers: []replicas.Provider{{Name: "a", Store: mem}}}
	index, _, err := replicas.BuildIndex(ctx, r, r.Providers, []*repository.Ref{&chunk.Ref})
	if err != nil {
		t.Fatal(err)
	}
	pages := &pagesOnTheWay{pages: map[repository.ChunkID][]byte{}}
	var slots repository.RunWriter
	for i := range 8 {
		slots.Add(uint64(i + 1))
	}
	list := repository.NewSlotWriter(pages.store, nil)
	if err := list.Set(ctx, 0, []repository.Placed{{ID: chunk.ID, Slots: slots.Take()}}); err != nil {
		t.Fatal(err)
	}
	table := &repository.Table{}
	if table.Slots, err = list.Close(ctx); err != nil {
		t.Fatal(err)
	}
	parent := &parentTable{Table: table, ranges: []repository.Range{{Rows: 8, Chunks: []repository.Chunk{chunk}}}}
	if parent.slots, err = repository.OpenSlots(ctx, pages.read, table); err != nil {
		t.Fatal(err)
	}
	var said lines
	track := report.NewTracker(&said, time.Now)
	defer track.Close()
	w := &worker{b: &backup{index: index, track: track}}
	run := &tableRun{
		rel:    &platform.Relation{Schema: "public", Name: "guests"},
		pages:  1,
		ranges: []repository.Range{{}},
		parent: parent,
	}
	places := func(offsets ...uint16) (p platform.Places) {
		for _, o := range offsets {
			p = binary.BigEndian.AppendUint16(append(p, 0, 0, 0, 0), o)
		}
		return p
	}
	v, err := w.judge(ctx, run, 0, places(1, 2, 3, 4, 5, 6, 7, 9), places(9))
	if err != nil || v.old == nil || v.changed == nil || len(said) != 0 {
		t.Fatalf("in their order: %+v, %v, %q", v, err, said)
	}
	for range 2 {
		v, err := w.judge(ctx, run, 0, places(2, 1, 3, 4, 5, 6, 7, 9), places(9))
		if err != nil || v.old != nil {
			t.Errorf("out of their order: %+v, %v, want that the range is read whole", v, err)
		}
	}
	if len(said) != 1 || !strings.Contains(said[0], "rows of public.guests out of their order") {
		t.Errorf("said %q, want it once", said)
	}
}
