package snapshot

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/wedsync/keepsake/internal/engine/repository"
)

// pagesOnTheWay keeps index pages and gives none back that it was told to withhold, as providers do before a page that
// a backup has made has arrived.
type pagesOnTheWay struct {
	pages    map[repository.ChunkID][]byte
	withheld bool
	keys     uint64 // of all runs
}

func (p *pagesOnTheWay) store(_ context.Context, page []byte) (repository.Ref, error) {
	id := repository.ChunkID(sha256.Sum256(page))
	if !p.withheld {
		p.pages[id] = bytes.Clone(page)
	}
	return repository.Ref{Kind: repository.ObjectIndex, ID: id, Plain: int64(len(page)), Size: int64(len(page))}, nil
}

func (p *pagesOnTheWay) read(_ context.Context, r repository.Ref) ([]byte, error) {
	if page := p.pages[r.ID]; page != nil {
		return page, nil
	}
	return nil, fmt.Errorf("page %s is not there yet", r.ID)
}

// add gives a builder chunks with that many keys each, which no other chunk has.
func (p *pagesOnTheWay) add(b *repository.RunBuilder, chunks, keys int) {
	for range chunks {
		hashes := make([]repository.KeyHash, keys)
		for i := range hashes {
			p.keys++
			hashes[i] = repository.KeyHash(xxh3.Hash(binary.BigEndian.AppendUint64(nil, p.keys)))
		}
		id := repository.ChunkID(sha256.Sum256(binary.BigEndian.AppendUint64(nil, p.keys)))
		b.Add(id, []repository.KeySet{repository.NewKeySet(hashes)})
	}
}

// parentsRuns are runs of one chunk each whose pages are at the providers.
func (p *pagesOnTheWay) parentsRuns(t *testing.T, runs, keys int) (list []*repository.Run) {
	b := repository.NewRunBuilder(1)
	for range runs {
		p.add(b, 1, keys)
		r, err := b.Run(t.Context(), p.store)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, r)
	}
	return list
}

// mergedRuns merges what a table's lists have once the pages that are made no longer come back.
func mergedRuns(t *testing.T, p *pagesOnTheWay, was []*repository.Run, read func(*tableLists)) []*repository.Run {
	p.withheld = true
	l := &tableLists{builder: repository.NewRunBuilder(1), recent: map[repository.ChunkID][]byte{}, store: p.store,
		read: p.read, was: was}
	read(l)
	if err := l.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	runs, live := append(was[:len(was):len(was)], l.made...), map[repository.ChunkID]bool{}
	for _, r := range runs {
		for _, id := range r.Chunks {
			live[id] = true
		}
	}
	merged, err := l.merge(t.Context(), runs, live)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range merged {
		for _, id := range r.Chunks {
			delete(live, id)
		}
	}
	if len(live) > 0 {
		t.Errorf("%d chunks are in no run any more", len(live))
	}
	return merged
}

// TestMergingReadsNoPageThatIsOnItsWay: a provider may not have yet what the backup has made, neither a run that was
// merged just now nor one of many pages.
func TestMergingReadsNoPageThatIsOnItsWay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		was  int
		read func(*testing.T, *pagesOnTheWay, *tableLists)
	}{
		"more runs of the parent than become one": {23, func(_ *testing.T, p *pagesOnTheWay, l *tableLists) {
			p.add(l.builder, 1, 50_000)
		}},
		"a full run and a small one": {fanIn - 1, func(t *testing.T, p *pagesOnTheWay, l *tableLists) {
			p.add(l.builder, repository.MostChunks, 500)
			if err := l.flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			p.add(l.builder, 1, 3000)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &pagesOnTheWay{pages: map[repository.ChunkID][]byte{}}
			was := p.parentsRuns(t, c.was, 3000)
			merged := mergedRuns(t, p, was, func(l *tableLists) { c.read(t, p, l) })
			if len(merged) >= len(was) {
				t.Errorf("there are %d runs where there were %d", len(merged), len(was))
			}
		})
	}
}
